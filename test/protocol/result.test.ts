/** A window whose result is older than 24 h is run again, across invocations if it must, and compared. */
import { beforeEach, expect, test } from 'vitest';
import type { ScanStatus } from '../../lambdas/protocol/ports/snowflake.ts';
import { freshResult, runAgain } from '../../lambdas/protocol/result.ts';
import type { Window } from '../../lambdas/protocol/window.ts';
import { windowOf } from './fixtures.ts';
import { type Row } from './ports/basics.ts';
import { MemoryCheckpoints } from './ports/checkpoints.ts';
import { MemoryTelemetry, TestClock } from './ports/effects.ts';
import { MemorySnowflake } from './ports/snowflake.ts';

const rows: Row[] = [
  ['1', '["1"]', 'INSERT', 'r1', '0'],
  ['2', '["2"]', 'INSERT', 'r2', '1'],
];

/** Snowflake whose queries run until they are let go. */
class SlowSnowflake extends MemorySnowflake {
  running = true;
  readonly aborted: string[] = [];
  override async status(queryId: string): Promise<ScanStatus> {
    return this.running ? { state: 'running' } : super.status(queryId);
  }
  override async abort(queryId?: string) {
    this.aborted.push(queryId!);
  }
}

let snowflake: SlowSnowflake;
let checkpoints: MemoryCheckpoints;
let clock: TestClock;
const telemetry = new MemoryTelemetry();

beforeEach(async () => {
  snowflake = new SlowSnowflake();
  snowflake.scan = () => rows;
  checkpoints = new MemoryCheckpoints();
  clock = new TestClock();
  const statement = JSON.stringify(['changes', null, '', null, null, null]);
  const first = await snowflake.submit(statement);
  await checkpoints.create('s', {
    incarnation: 'life',
    clusterId: null,
    sightings: [],
    scan: null,
    request: null,
    finishedThrough: 0,
    recountedThrough: 0,
    caughtUpAt: null,
    paused: false,
    retentionMs: null,
    lastError: null,
  });
  const { totalRows, ranges } = await snowflake.ranges(first);
  await checkpoints.putWindow('s', windowOf(1, [], { statement, queryId: first, totalRows, ranges }));
  clock.time += 24 * 3_600_000;
});

const stored = async (): Promise<Window> => (await checkpoints.look('s'))!.windows[0]!;
const keepLease = async () => undefined;
/** One invocation with so little time that it looks once. */
const briefly = async () => {
  clock.remaining = 5_000;
  const window = await stored();
  return freshResult({ snowflake, checkpoints, clock, telemetry }, 's', window, keepLease);
};

test('a young result is taken as it is', async () => {
  clock.time -= 3_600_000;
  expect(await briefly()).toBe('query-1');
  expect(snowflake.statements).toHaveLength(1);
});

test('a re-run that is longer than invocations ends, as one query', async () => {
  for (let invocation = 0; invocation < 3; invocation++) {
    await expect(briefly()).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  }
  expect((await stored()).rerun?.queryId).toBe('query-2');
  snowflake.running = false;
  expect(await briefly()).toBe('query-2');
  expect(snowflake.statements).toHaveLength(2);
  expect(snowflake.aborted).toEqual([]);
  expect(await stored()).toMatchObject({ queryId: 'query-2', queriedAt: '2026-01-02T00:00:00.000Z' });
  expect(await stored()).not.toHaveProperty('rerun');
  expect(await briefly()).toBe('query-2');
});

test('of two that run it again at once, one query is waited for by both', async () => {
  const window = await stored();
  clock.remaining = 5_000;
  const both = [1, 2].map(() => runAgain({ snowflake, checkpoints, clock, telemetry }, 's', window, keepLease));
  await Promise.allSettled(both);
  const noted = (await stored()).rerun!.queryId;
  expect(snowflake.aborted).toEqual(['query-2', 'query-3'].filter((id) => id !== noted));
  snowflake.running = false;
  expect(await briefly()).toBe(noted);
});

test.each([
  ['vanished', () => snowflake.results.delete('query-2'), 'SNOWFLAKE_STATEMENT'],
  ['gave other rows', () => snowflake.results.set('query-2', rows.slice(1)), 'WINDOW_CHANGED'],
  ['gave the rows to other partitions', () => snowflake.results.set('query-2', rows.toReversed()), 'WINDOW_CHANGED'],
])('a re-run that %s is told, and not found again', async (_, spoil, code) => {
  await expect(briefly()).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  spoil();
  snowflake.running = false;
  await expect(briefly()).rejects.toMatchObject({ code });
  expect((await stored()).queryId).toBe('query-1');
  expect(await briefly()).toBe('query-3');
});

test('a noted query that is itself too old is replaced', async () => {
  await expect(briefly()).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  clock.time += 24 * 3_600_000;
  snowflake.running = false;
  expect(await briefly()).toBe('query-3');
});
