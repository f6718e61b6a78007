import { expect, test } from 'vitest';
import { loadConfig } from '../../lambdas/config/load.ts';
import { connectionNotes, monthly, others } from '../../scripts/cost.ts';
import { everything } from './configs.ts';

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

test('the quotas of MSK are told where a configuration could break them', () => {
  expect(connectionNotes(config())).toHaveLength(1);
  expect(connectionNotes(config(everything.replace('partitions: 4', 'partitions: 999'))).join()).toContain(
    '100 new connections',
  );
});
