import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENTRIES } from '../../infra/observability/entries.ts';
import { commandFor, ERRORS, EXAMPLE, type ErrorFacts } from '../../lambdas/errors.ts';
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
    const nowhere = { ...EXAMPLE, where: '--env no-such' };
    const lines = Object.values<ErrorFacts>(ERRORS).flatMap((facts) =>
      facts.retry === 'operator' ? facts.run.map((command) => commandFor(command, nowhere)) : [],
    );
    const commands = new Set(lines.filter((line) => line.startsWith('npx snowmelt ')));
    const named = [...commands].map((line) => line.split(' ')[2]);
    expect([...new Set(named)].sort()).toEqual(['recover', 'resume', 'void']);
    const ask = async (command: string) => {
      // It is read whole, and then finds no configuration: that is as far as it goes here.
      const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
      const stderr = await new Promise<string>((resolve) => {
        execFile(process.execPath, ['cli/snowmelt.js', ...words.slice(2)], { cwd: root }, (_error, _stdout, said) =>
          resolve(said),
        );
      });
      expect(`${command}\n${stderr}`).toContain("CONFIG_INVALID: config/no-such.yaml: can't be read");
    };
    await Promise.all([...commands].map(ask));
  },
);
