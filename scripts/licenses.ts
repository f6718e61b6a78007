/** Under which licenses a package may go into the functions. */
import type { Package } from './inventory.ts';

/** Permissive: all they ask is that their text comes along. */
const ALLOWED = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0']);

export type Exception = { license: string; reason: string };

/** By the package's name. */
export const EXCEPTIONS: Record<string, Exception> = {
  'big-integer': {
    license: 'Unlicense',
    reason: 'in the public domain; snowflake-sdk loads it to convert numbers, which it never does for us',
  },
};

type Licensed = Pick<Package, 'name' | 'version' | 'license'>;

/** @throws Error that names every package whose license is neither allowed nor excepted */
export function checkLicenses(packages: Licensed[]): void {
  const refused = packages.filter(
    ({ name, license }) => !ALLOWED.has(license) && EXCEPTIONS[name]?.license !== license,
  );
  if (refused.length === 0) return;
  const list = refused.map(({ name, version, license }) => `${name} ${version} (${license})`).join(', ');
  throw new Error(`The functions may not contain ${list}: scripts/licenses.ts has the licenses that may.`);
}
