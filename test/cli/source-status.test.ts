import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { look, sourceStatus, type Look } from '../../cli/source-status.ts';
import { renderSource } from '../../cli/status-view.ts';
import { stuckOf } from '../../cli/web/stuck.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { SnowmeltError, type ErrorCode } from '../../lambdas/errors.ts';
import type { SourceState } from '../../lambdas/protocol/ports/state.ts';
import { item, stateOf, windowOf } from '../protocol/fixtures.ts';
import { world } from '../protocol/world.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const SECOND = 1_000;
const source = {
  name: 'orders',
  object: { database: 'DB', schema: 'S', name: 'ORDERS' },
  topic: 'orders',
  paused: false,
  freshnessMs: 600 * SECOND,
} as ResolvedSource;

function seen(state: SourceState | null, seconds: number, finished: Look['finished'] = []): Look {
  return { state, at: start + seconds * SECOND, finished };
}

test('a partition: watermark, what is left, and how old it is', () => {
  // Window n ends n minutes after the start; partition 1 has no rows in the second.
  const windows = [windowOf(1, [10, 5]), windowOf(2, [3, 0])];
  const of = (window: number, row: number, partition = 0) =>
    sourceStatus(source, seen(stateOf(windows, [item(partition, { position: { window, row } })]), 300), null)
      .partitions[0]!;
  expect(of(1, 4)).toMatchObject({ watermark: windows[0]!.from, waiting: 9, position: '1:4', lagMs: 300 * SECOND });
  expect(of(1, 10)).toMatchObject({ watermark: windows[1]!.from, waiting: 3 });
  expect(of(2, 3)).toMatchObject({ watermark: windows[1]!.to, waiting: 0, lagMs: 0, rowsPerSecond: null });
  expect(of(1, 5, 1)).toMatchObject({ watermark: windows[1]!.to, waiting: 0 });
});

test('speed counts windows that came and were finished between two looks', () => {
  const before = seen(stateOf([windowOf(1, [10])], [item(0, { position: { window: 1, row: 4 } })]), 0);
  const head = windowOf(3, [8]);
  const state = { ...stateOf([head], [item(0, { position: { window: 3, row: 2 } })]), head };
  const after = seen(state, 2, [windowOf(1, [10]), windowOf(2, [20])]);
  expect(sourceStatus(source, after, before).partitions[0]!.rowsPerSecond).toBe((6 + 20 + 2) / 2);
});

test('windows: how far each partition is in each, and who is held by a barrier', () => {
  const windows = [
    windowOf(1, [10, 5]),
    windowOf(2, [3, 4]),
    windowOf(3, [0, 6]),
    windowOf(4, [1], { kind: 'schema' }),
  ];
  const busy = item(1, { leaseUntil: start + 60 * SECOND });
  const state = stateOf(windows, [item(0, { position: { window: 2, row: 1 } }), busy]);
  const told = sourceStatus(source, seen(state, 30, []), null).windows;
  expect(
    told.map(({ number, slices }) => [number, ...slices.map((one) => [one.partition, one.done, one.state])]),
  ).toEqual([
    [1, [0, 10, 'done'], [1, 0, 'in-progress']],
    [2, [0, 1, 'in-progress'], [1, 0, 'waiting']],
    [3, [1, 0, 'waiting']],
    [4, [0, 0, 'held']],
  ]);
  const idle = { ...stateOf([], [item(0, { position: { window: 2, row: 3 } })]), head: windows[1]! };
  const [, last, ...more] = sourceStatus(source, seen(idle, 30, [windows[0]!]), null).windows;
  expect(last).toMatchObject({ number: 2, slices: [{ partition: 0, rows: 3, done: 3, state: 'done' }] });
  expect(more).toEqual([]);
});

test('the verdict is the worst that an alarm would tell of', () => {
  const windows = [windowOf(1, [10])];
  const verdict = (state: SourceState | null, seconds: number, of = source) =>
    sourceStatus(of, seen(state, seconds), null).verdict;
  const busy = (retentionMs: number | null = null) => stateOf(windows, [item(0)], { retentionMs });
  expect(verdict(null, 0)).toBe('not-started');
  expect(verdict(busy(), 60)).toBe('fine');
  expect(verdict(busy(), 300, { ...source, freshnessMs: 60 * SECOND })).toBe('stale');
  expect(verdict(busy(), 900)).toBe('stalled');
  expect(verdict(busy(1_000 * SECOND), 800)).toBe('history');
  expect(verdict(stateOf(windows, [item(0, { state: 'needs-operator' })]), 60)).toBe('needs-operator');
  expect(verdict(busy(), 900, { ...source, paused: true })).toBe('paused');
});

test('what docs/operations.md shows of it is what it prints', () => {
  const windows = [windowOf(8, [4_000, 3_500]), windowOf(9, [900, 1_100])];
  const of = (...rows: number[]) => [
    item(0, { position: { window: 8, row: rows[0]! } }),
    item(1, {
      position: { window: 7, row: rows[1]! },
      state: 'needs-operator',
      lastError: { code: 'TOPIC_DIFFERS', message: 'Topic shop.orders has 6 partitions, 3 are configured.', at: start },
    }),
  ];
  const state = (...rows: number[]) => stateOf(windows, of(...rows), { finishedThrough: 7 });
  const at = (Date.parse(windows[1]!.to) - start) / SECOND + 45;
  const shop = { ...source, object: { database: 'SALES', schema: 'PUBLIC', name: 'ORDERS' }, topic: 'shop.orders' };
  const status = sourceStatus(shop, seen(state(2_500, 0), at), seen(state(1_000, 0), at - 1));
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`text\n${renderSource(status).join('\n')}\n\`\`\``);
});

test('a source that can not be read for an operator to mend is shown with the reason; others fail the look', async () => {
  const { checkpoints } = world();
  const refuse = (code: ErrorCode) => {
    checkpoints.fault = () => {
      throw new SnowmeltError(code, 'window 7 is missing');
    };
  };
  refuse('LOG_GAP');
  const status = sourceStatus(source, await look(checkpoints, source.name, null), null);
  expect(status).toMatchObject({ verdict: 'needs-operator', error: { code: 'LOG_GAP' } });
  expect(renderSource(status).join(' ')).toContain('window 7 is missing');
  expect(stuckOf(status, '--local')).toMatchObject([{ entry: 'LOG_GAP', stopped: true }]);
  refuse('STORE_UNREACHABLE');
  await expect(look(checkpoints, source.name, null)).rejects.toThrow('window 7 is missing');
});
