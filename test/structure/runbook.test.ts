import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENTRIES } from '../../infra/observability/entries.ts';
import { ERRORS, type ErrorFacts } from '../../lambdas/errors.ts';
import { runbook } from '../../scripts/runbook.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/runbook.md'), 'utf8');

test('docs/runbook.md is current (npm run schema), with an entry for each alarm and each error', () => {
  expect(page).toBe(runbook());
  const entries = [...page.matchAll(/^### (\w+)$/gm)].map(([, id]) => id);
  expect(entries).toEqual([...Object.keys(ENTRIES), ...Object.keys(ERRORS)]);
});

test('codes and alarms that the entries name are there', () => {
  const known = { ...ERRORS, ...ENTRIES, DATA_RETENTION_TIME_IN_DAYS: 0, CHANGE_TRACKING: 0 };
  const codes = [...page.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code!);
  expect(codes.filter((code) => !(code in known))).toEqual([]);
});

test(
  'every command that an operator is told to run is one that there is, with all it needs',
  { timeout: 120_000 },
  async () => {
    const lines = Object.values<ErrorFacts>(ERRORS).flatMap((facts) => (facts.retry === 'operator' ? facts.run : []));
    // One of each kind: what differs in another of `recover` is a value.
    const commands = new Map(
      lines.filter((line) => line.startsWith('npm run ')).map((line) => [line.split(' --config')[0]!, line]),
    );
    expect([...commands.keys()].sort()).toEqual([
      'npm run operate -- inspect',
      'npm run operate -- recover',
      'npm run operate -- void',
      'npm run resume --',
    ]);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const ask = async (command: string) => {
      const [, script, rest] = /^npm run (\w+) -- (.*)$/.exec(command)!;
      const file = /^node (\S+)$/.exec(scripts[script!]!)![1]!;
      // It is read whole, and then finds neither the configuration nor a network: that is as far as it goes here.
      const words = [...rest!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
      const args = words.map((word) => (word === 'config/prod.yaml' ? 'config/no-such.yaml' : word));
      const stderr = await new Promise<string>((resolve) => {
        execFile(process.execPath, [file, ...args], { cwd: root }, (_error, _stdout, said) => resolve(said));
      });
      expect(`${command}\n${stderr}`).toContain("CONFIG_INVALID: config/no-such.yaml: can't be read");
    };
    await Promise.all([...commands.values()].map(ask));
  },
);
