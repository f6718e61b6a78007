import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { monthly, others } from '../../infra/cost.ts';
import { connectionWarnings } from '../../infra/quotas.ts';
import { addStack, root } from '../../infra/synthesize.ts';
import { loadConfig, loadForStack } from '../../lambdas/config/load.ts';
import { emptyBundles, everything } from './configs.ts';

const config = (text = everything) => loadConfig(text, { path: 'x' });
const load = { windowSeconds: 5, changedMinutes: 240, rows: 1_000_000 };
const partOf = (part: string, text = everything, own = load) =>
  monthly(config(text), true, false, own).find((line) => line.part === part)!.dollars;

test('who changes nothing pays the warehouse for riding along alone', () => {
  expect(partOf('Snowflake, changes', everything, { ...load, changedMinutes: 0 })).toBe(0);
  expect(partOf('Snowflake, idle')).toBeGreaterThan(0);
});

test('looking seldom costs the warehouse less; a poller keeps it awake whatever changes', () => {
  const slow = everything.replace('    memory: 3538', '    memory: 3538\n    every: 30m');
  expect(partOf('Snowflake, changes', slow)).toBeLessThan(partOf('Snowflake, changes') / 5);
  const [connect, naive] = others(config(), load).map(({ dollars }) => dollars);
  expect(Math.min(connect!, naive!)).toBeGreaterThan(30 * 24 * 3);
});

test('polling within the minute costs a plan that runs all the time', () => {
  const polled = everything.replace('    memory: 3538', '    memory: 3538\n    pollEvery: 10s');
  expect(partOf('GB-seconds', polled)).toBeGreaterThan(partOf('GB-seconds') + 15);
});

test('the quotas of MSK are told where a configuration could break them, by the synthesis, too', () => {
  const warnings = (text: string) => {
    const { config, infrastructure } = loadForStack(text, { path: 'x' });
    return connectionWarnings(config, infrastructure);
  };
  const many = everything.replace('partitions: 4', 'partitions: 999');
  const unlimited = many.replace('  publishers: 50\n', '');
  expect(warnings(everything)).toEqual([]);
  expect(warnings(many)).toEqual([]);
  expect(warnings(unlimited).join()).toContain('100 new connections');
  expect(warnings(unlimited.replace('partitions: 999', 'partitions: 999\n    publishers: 40'))).toEqual([]);
  expect(warnings(unlimited.replace('method: iam', 'method: scram-sha-512, secret: s'))).toEqual([]);
  const dist = mkdtempSync(join(tmpdir(), 'snowmelt-quotas-'));
  emptyBundles(dist);
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  const stack = addStack(new App({ context }), loadForStack(unlimited, { path: 'x' }), dist);
  Annotations.fromStack(stack).hasWarning('*', Match.stringLikeRegexp('100 new connections'));
  rmSync(dist, { recursive: true });
});
