/** The texts under which the packages inside the functions may be passed on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Package } from './inventory.ts';

const root = join(import.meta.dirname, '..');

/** Each package by name, then each text once with the packages that it is of. */
export function notices(packages: Package[]): string {
  const byText = new Map<string, Package[]>();
  for (const one of packages) {
    const text = licenseOf(one);
    byText.set(text, [...(byText.get(text) ?? []), one]);
  }
  const list = packages.map(({ name, version, license }) => `  ${name} ${version}: ${license}`);
  const texts = [...byText].map(([text, of]) =>
    [RULE, ...of.map(({ name, version }) => `${name} ${version}`), '', text, ''].join('\n'),
  );
  return [HEAD, '', ...list, '', ...texts].join('\n');
}

const RULE = '-'.repeat(80);
const HEAD = `Snowmelt's functions contain these packages, each under its own license. The texts follow.`;

/** The package's own files; else what its README says; else the license as everybody has it, with the author's name. */
function licenseOf(one: Package): string {
  const files = readdirSync(one.folder).filter((file) => /^(licen[cs]e|copying|notice|copyright)/i.test(file));
  if (files.length > 0) return files.map((file) => readFileSync(join(one.folder, file), 'utf8').trim()).join('\n\n');
  return readmeOf(one) ?? standardText(one);
}

function readmeOf({ folder }: Package): string | null {
  const readme = readdirSync(folder).find((file) => /^readme/i.test(file));
  const text = readme === undefined ? '' : readFileSync(join(folder, readme), 'utf8');
  return /^Copyright \(c\)[^\n]*\n+Permission is hereby granted.*/ims.exec(text)?.[0].trim() ?? null;
}

function standardText({ name, license, author }: Package): string {
  if (license === 'Apache-2.0') return readFileSync(join(root, 'LICENSE'), 'utf8').trim();
  if (license === 'MIT') return `Copyright (c) ${author}\n\n${GRANT}, ${CONDITION}\n\n${DISCLAIMER}`;
  if (license === 'MIT-0') return `Copyright (c) ${author}\n\n${GRANT}.\n\n${DISCLAIMER}`;
  throw new Error(`${name} comes without the text of its license, ${license}.`);
}

const GRANT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to
whom the Software is furnished to do so`;

const CONDITION = `subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.`;

const DISCLAIMER = `THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
