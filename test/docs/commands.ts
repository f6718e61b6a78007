/** The commands that documents tell a reader to run: lines of the fences that have no language. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** Every command in them is run by a test, or marked and counted. */
export const DOCUMENTS = ['README.md', 'docs/deploy.md'];

/** Needs an account or a cluster. */
const MARK = '# on AWS';

/** Not run in the clone, but by the file that is named, which has the text beside it. */
export const ELSEWHERE: Record<string, { file: string; text: string }[]> = {
  'npm ci': [{ file: '.ci/run', text: 'npm ci ||' }],
  'npm ci && npm start': [
    { file: '.ci/run', text: 'npm ci ||' },
    { file: 'test/docs/live.ts', text: "spawn('npm', ['start'," },
  ],
  'npm ci && npm test': [
    { file: '.ci/run', text: 'npm ci ||' },
    { file: '.ci/run', text: 'npm test' },
  ],
};

export type Commands = { run: string[]; marked: number };

export function commandsOf(document: string): Commands {
  const lines = [...readFileSync(join(root, document), 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .flatMap(([, language, block]) => (language === '' ? block!.split('\n') : []))
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const marked = lines.filter((line) => line.endsWith(MARK));
  const run = lines.filter((line) => !marked.includes(line)).map((line) => line.replace(/\s+#.*$/, ''));
  return { run, marked: marked.length };
}
