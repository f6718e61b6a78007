import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENTRIES } from '../../infra/observability/entries.ts';
import { METRICS } from '../../lambdas/aws/metrics.ts';
import { commandFor, ERRORS, EXAMPLE, type ErrorFacts } from '../../lambdas/errors.ts';
import { INCIDENTS } from '../../scripts/runbook-incidents.ts';
import { runbook } from '../../scripts/runbook.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/runbook.md'), 'utf8');

/** Names of others that are written as ours are. */
const FOREIGN = new Set(['EventBridge', 'GetSecretValue', 'PrepareCommit', 'PrivateLink', 'PutEvents', 'StartOffset']);

test('docs/runbook.md is current (npm run schema), with an entry for each alarm, each error and what neither tells', () => {
  expect(page).toBe(runbook());
  const entries = [...page.matchAll(/^### (.+)$/gm)].map(([, id]) => id);
  const incidents = INCIDENTS.map(({ title }) => title);
  expect(entries).toEqual([...Object.keys(ENTRIES), ...Object.keys(ERRORS), ...incidents]);
});

test('every alarm and metric that it mentions is one of infra/observability or of the metrics', () => {
  const words = [...page.matchAll(/\b(?:[A-Z][a-z]+){2,}\b/g)].map(([word]) => word);
  words.push(...[...page.matchAll(/\b[Aa]larms? ([A-Z]\w*)/g)].map(([, name]) => name!));
  const unknown = words.filter((word) => !(word in ENTRIES) && !(word in METRICS) && !FOREIGN.has(word));
  expect(unknown).toEqual([]);
});

test('links within it lead to an entry, under its name', () => {
  const links = [...page.matchAll(/\[([^\]]+)\]\(#([^)]+)\)/g)];
  expect(links.length).toBeGreaterThan(20);
  for (const [, name, anchor] of links) {
    expect(page).toContain(`\n### ${name}\n`);
    expect(anchor).toBe(name!.toLowerCase());
  }
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
