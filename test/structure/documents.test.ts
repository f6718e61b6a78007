import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS } from '../../lambdas/errors.ts';
import { METRICS } from '../../lambdas/aws/metrics.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Lines of the fences that have no language: commands. */
function commandsOf(path: string): string[] {
  return [...read(path).matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .flatMap(([, language, block]) => (language === '' ? block!.split('\n') : []))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Run here, or by the command that is named. */
const RUN: Record<string, string | readonly string[]> = {
  'npm ci': '.ci/run',
  'cp config/example.yaml config/prod.yaml': 'test/infra/templates.test.ts (examples are synthesised)',
  'npx cdk synth -c env=example': 'npm run test:deploy',
  'npm run permissions -- --config config/example.yaml': ['scripts/permissions.ts', '--config', 'config/example.yaml'],
};

test('every command of docs/deploy.md is run by a test, or marked and counted', () => {
  const commands = commandsOf('docs/deploy.md');
  const marked = commands.filter((line) => line.endsWith('# on AWS'));
  expect(commands.filter((line) => !marked.includes(line) && RUN[line] === undefined)).toEqual([]);
  expect(read('docs/deploy.md')).toContain(`(${marked.length} of them here)`);
  for (const args of Object.values(RUN)) {
    if (typeof args === 'string') continue;
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }
});

test('npm scripts that documents name are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const path of ['README.md', 'docs/deploy.md', 'docs/operations.md', 'docs/security.md']) {
    const named = [...read(path).matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  }
});

test('codes and metrics that docs/operations.md names are there; every alarm has its entry', () => {
  const text = read('docs/operations.md');
  const codes = [...text.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code!);
  expect(codes.filter((code) => !(code in ERRORS) && code !== 'DATA_RETENTION_TIME_IN_DAYS')).toEqual([]);
  expect('HistoryHeadroom' in METRICS).toBe(true);
  const ids = [...read('infra/observability/alarms.ts').matchAll(/^ {6}id: '(\w+)'/gm)].map(([, id]) => id!);
  expect(ids.length).toBeGreaterThan(8);
  expect([...text.matchAll(/^### (\w+)/gm)].map(([, id]) => id!)).toEqual(ids);
});
