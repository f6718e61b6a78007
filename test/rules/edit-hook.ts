/** Turns a rule off in this process: its files of lambdas/ are loaded with their text changed. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Edit } from './rules.ts';

export const lambdas = new URL('../../lambdas/', import.meta.url);

/** The file's text with all its edits. @throws when a piece is not there exactly once */
export function edited(file: string, edits: readonly Edit[]): string {
  let text = readFileSync(fileURLToPath(new URL(file, lambdas)), 'utf8');
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${file} has this ${times} times, not once: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}

export function turnOff(edits: readonly Edit[]): void {
  const texts = new Map(edits.map(({ file }) => [new URL(file, lambdas).href, edited(file, edits)]));
  registerHooks({
    load(url, context, next) {
      const source = texts.get(url);
      return source === undefined ? next(url, context) : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}
