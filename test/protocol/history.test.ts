/** A source that begins anew: in order, exact, and nothing given up before the truncate stands. */
import { afterEach, expect, test } from 'vitest';
import { replay } from '../../lambdas/protocol/operate.ts';
import { drain, fold, MINUTE, source, world, type World } from './world.ts';

const HOUR = 60 * MINUTE;

afterEach(() => {
  delete source.onHistoryLost;
});

async function ticks(w: World, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    w.clock.time += MINUTE;
    await w.tick();
  }
}

/** Three keys published, then a window with changes of both partitions that nobody publishes. */
async function withUnpublished(): Promise<World> {
  source.onHistoryLost = 'resnapshot';
  const w = world();
  for (const key of ['1', '2', '3']) w.table.commits.push({ at: w.clock.time, key, value: `a${key}` });
  await ticks(w, 3);
  await drain(w);
  for (const key of ['1', '2']) w.table.commits.push({ at: w.clock.time, key, value: `b${key}` });
  await ticks(w, 3);
  expect(w.checkpoints.sources.get('s')!.windows.get(2)).toMatchObject({ kind: 'changes', totalRows: 4 });
  return w;
}

function replace(w: World): void {
  w.snowflake.facts.createdOn = 'created-2';
  w.table.commits.push({ at: w.clock.time, key: '1', value: null }, { at: w.clock.time, key: '4', value: 'c4' });
}

const kinds = (w: World) =>
  [...w.checkpoints.sources.get('s')!.windows.values()].map(
    ({ kind, void: given }) => `${kind}${given ? ' void' : ''}`,
  );

test('what can still be read is published before the truncate', async () => {
  const w = await withUnpublished();
  replace(w);
  await ticks(w, 2);
  await drain(w);
  await ticks(w, 2);
  await drain(w);
  expect(kinds(w)).toEqual(['snapshot', 'changes', 'truncate', 'snapshot']);
  expect(w.kafka.log.map(({ value }) => value).filter((value) => value?.startsWith('u'))).toHaveLength(2);
  expect(fold(w)).toEqual(w.table.state(w.clock.time));
});

test('what can not be read any more is void, and a partition that stopped there goes on', async () => {
  const w = await withUnpublished();
  const item = w.checkpoints.sources.get('s')!.partitions.get(1)!;
  item.state = 'needs-operator';
  item.lastError = { code: 'RESULT_EXPIRED', message: '', at: 0 };
  w.clock.time += 25 * HOUR;
  replace(w);
  w.events.calls.length = 0;
  w.checkpoints.fault = (call) => {
    if (call === 'putWindow') throw new Error('no');
  };
  await ticks(w, 2);
  expect(kinds(w)).toEqual(['snapshot', 'changes']);
  w.checkpoints.fault = () => undefined;
  await ticks(w, 1);
  expect(kinds(w).slice(0, 3)).toEqual(['snapshot', 'changes void', 'truncate']);
  expect(item.state).toBe('active');
  for (let round = 0; round < 4; round++) {
    await drain(w);
    await ticks(w, 1);
  }
  expect(kinds(w).slice(2)).toEqual(['truncate', 'snapshot']);
  expect(w.kafka.log.some(({ value }) => value?.startsWith('u'))).toBe(false);
  expect(fold(w)).toEqual(w.table.state(w.clock.time));
});

test('a partition that stopped for another reason keeps waiting for its operator', async () => {
  const w = await withUnpublished();
  const item = w.checkpoints.sources.get('s')!.partitions.get(1)!;
  item.state = 'needs-operator';
  item.lastError = { code: 'STATE_DISAGREES', message: '', at: 0 };
  w.clock.time += 25 * HOUR;
  replace(w);
  await ticks(w, 3);
  expect(item.state).toBe('needs-operator');
});

test('a replay that was asked for is answered by the new snapshot', async () => {
  const w = await withUnpublished();
  await drain(w);
  replace(w);
  await replay(w.checkpoints, 's', 1).catch(() => replay(w.checkpoints, 's', '2026-01-01T00:00:00Z'));
  await ticks(w, 4);
  await drain(w);
  expect(w.checkpoints.sources.get('s')!.meta.request).toBeNull();
  expect(kinds(w)).toEqual(['snapshot', 'changes', 'truncate', 'snapshot']);
});

test('by default a lost history is told, and nothing is written', async () => {
  const w = await withUnpublished();
  delete source.onHistoryLost;
  replace(w);
  await ticks(w, 3);
  expect(kinds(w)).toEqual(['snapshot', 'changes']);
  expect(new Set(w.telemetry.errors.map((error) => (error as Error & { code: string }).code))).toEqual(
    new Set(['HISTORY_LOST']),
  );
});
