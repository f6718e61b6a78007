import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandsOf, DOCUMENTS, ELSEWHERE, root } from '../docs/commands.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');

const OTHERS = ['docs/operations.md', 'docs/runbook.md', 'docs/security.md', 'SECURITY.md', 'CHANGELOG.md'];

test.each(DOCUMENTS)('%s: what `npm run test:docs` does not run is run elsewhere, or marked and counted', (path) => {
  const { run, marked } = commandsOf(path);
  expect(run.length).toBeGreaterThan(2);
  expect(read(path)).toContain(`(${marked} of them here)`);
  for (const command of run) {
    for (const { file, text } of ELSEWHERE[command] ?? []) expect(read(file)).toContain(text);
  }
});

test('.ci/run runs it', () => {
  expect(read('.ci/run')).toMatch(/^step docs \d+ npm run --silent test:docs$/m);
});

test('npm scripts that documents name are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const path of [...DOCUMENTS, ...OTHERS]) {
    const named = [...read(path).matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  }
});

test('the newest entry of the changelog is of the version that package.json has', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(/^## \[(.*?)\]/m.exec(read('CHANGELOG.md'))?.[1]).toBe(version);
});
