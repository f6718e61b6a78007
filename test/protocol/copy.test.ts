/** Snapshots of large tables are read from a copy, which is dropped with the last need for it. */
import { expect, test, vi } from 'vitest';
import { wantsCopy, type CopyPlan } from '../../lambdas/protocol/copy.ts';
import type { Candidate } from '../../lambdas/protocol/next-window.ts';
import { replay } from '../../lambdas/protocol/operate.ts';
import type { ObjectFacts } from '../../lambdas/protocol/ports/snowflake.ts';
import { layout } from './fixtures.ts';
import { check, NO_DEFECTS, standstill } from './memory/oracle.ts';
import { DAY, World } from './memory/world.ts';

vi.mock('@aws-sdk/client-dynamodb', () => import('./memory/dynamodb.ts'));

const staging = { database: 'DB', schema: 'STAGING' };
const large: CopyPlan = { staging, always: false };

test.each<[what: string, plan: CopyPlan | undefined, facts: Partial<ObjectFacts>, wants: boolean]>([
  ['no plan', undefined, { rows: 1e12 }, false],
  ['a small table', large, { rows: 1e6, bytes: 1e8 }, false],
  ['nobody tells its size', large, {}, false],
  ['always', { ...large, always: true }, {}, true],
  ['many rows', large, { rows: 100_000_001 }, true],
  ['many bytes', large, { rows: 10, bytes: 50 * 2 ** 30 + 1 }, true],
  [
    'rows that take over six hours of a day',
    { ...large, maxRate: { unit: 'rows', perSecond: 10 } },
    { rows: 220_000 },
    true,
  ],
  ['rows that take less', { ...large, maxRate: { unit: 'rows', perSecond: 10 } }, { rows: 210_000 }, false],
  ['bytes that take over six hours', { ...large, maxRate: { unit: 'bytes', perSecond: 1e3 } }, { bytes: 3e7 }, true],
])('whether a snapshot is copied first: %s', (_, plan, facts, wants) => {
  const all: ObjectFacts = { createdOn: 'x', tracking: true, retentionMs: DAY, columns: [], ...facts };
  const candidate = { kind: 'snapshot', layout } as Candidate;
  expect(wantsCopy(plan, candidate, all)).toBe(wants);
  expect(wantsCopy(plan, { ...candidate, kind: 'changes' }, all)).toBe(false);
});

function copying(): World {
  const world = new World();
  world.source.copy = { staging, always: true };
  for (let key = 0; key < 12; key++) world.commit(key);
  return world;
}

async function ticks(world: World, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.tick();
}

test('it outlives its result, and the copy goes when it is published', async () => {
  const world = copying();
  let published = 0;
  // The first publisher dies with a part of the snapshot sent; the next one comes when the result is long gone.
  world.wire.judge = ({ name }) => (name === 'commit: EndTxn' && ++published === 2 ? 'crash' : null);
  for (let i = 0; i < 8 && published < 2; i++) await world.tick();
  const [snapshot] = await world.checkpoints.windows('s', 1, 1);
  expect(snapshot).toMatchObject({ kind: 'snapshot', staged: { snapshot: true, base: null, cursor: null } });
  world.clock.time += 3 * DAY;
  expect(world.snowflake.copies.names()).toEqual([snapshot!.staged!.table.name]);
  await ticks(world, 4);
  expect(await standstill(world)).toBeNull();
  expect(check(world)).toEqual(NO_DEFECTS);
  expect(world.snowflake.copies.names()).toEqual([]);
  expect((await world.checkpoints.look('s'))!.meta.copies).toBeUndefined();
});

test('what a planner left behind goes, too; replays read the table itself', async () => {
  const world = copying();
  let submits = 0;
  world.wire.judge = ({ name }) => (name === 'submit' && ++submits === 1 ? 'reply lost' : null);
  await ticks(world, 6);
  expect(submits).toBeGreaterThan(2);
  expect(await standstill(world)).toBeNull();
  expect(world.snowflake.copies.names()).toEqual([]);
  const snapshot = (await world.checkpoints.look('s'))!.head!;
  expect(snapshot.staged?.snapshot).toBe(true);
  world.commit(3);
  await ticks(world, 2);
  await replay(world.checkpoints, 's', snapshot.to);
  await ticks(world, 3);
  expect((await world.checkpoints.look('s'))!.head).toMatchObject({ kind: 'repair', totalRows: 2 });
  expect(check(world)).toEqual(NO_DEFECTS);
});
