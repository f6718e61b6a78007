/** What a query source's next window is read from, and which copies are kept. */
import { describe, expect, test } from 'vitest';
import { windowDigest } from '../../lambdas/protocol/digest.ts';
import { nextWindow, type Candidate } from '../../lambdas/protocol/next-window.ts';
import type { Snowflake } from '../../lambdas/protocol/ports/snowflake.ts';
import type { SourceState } from '../../lambdas/protocol/ports/state.ts';
import { dropUnneeded, stageFor } from '../../lambdas/protocol/stage.ts';
import type { Column, Cursor, Layout, QueryCut, Staged } from '../../lambdas/protocol/window.ts';
import { item, layout as ofTable, stateOf, windowOf } from './fixtures.ts';

const column = (name: string, type: string): Column => ({ name, type, precision: null, scale: null, nullable: true });
const columns = [column('ID', 'NUMBER'), column('AT', 'TIMESTAMP_LTZ'), column('SEQ', 'NUMBER')];
const copy = (name: string) => ({ database: 'DB', schema: 'STAGING', name });
const cursor: Cursor = { value: '2026-01-01 00:00:00.000000000', floor: null, nulls: 0 };

const layoutOf = (query: Partial<QueryCut>, number = 1): Layout => ({
  ...ofTable,
  number,
  query: { text: 'SELECT 1', mode: 'timestamp', cursor: 'AT', lag: 0, watch: [], ...query },
});
const before = layoutOf({});

function stateWith(staged: Staged | undefined, of: Layout = before, change = {}): SourceState {
  const head = windowOf(4, [1], { columns, ...(staged && { staged }), ...change });
  const state = stateOf([], [item(0)], { incarnation: '0a1b-2c3d', finishedThrough: 4 });
  return { ...state, head, layouts: new Map([[of.number, of]]) };
}

const texts: Partial<Snowflake> = {
  stage: (request) => JSON.stringify(request),
  statement: (request) => JSON.stringify({ window: request.staged }),
};
const snowflake = texts as Snowflake;

function candidate(layout: Layout, change: Partial<Candidate> = {}): Candidate {
  const bounds = { from: '2026-01-01T00:04:00.000Z', to: '2026-01-01T00:05:00.000Z', covered: null };
  return { number: 5, kind: 'changes', layout, ...bounds, request: null, why: 'changed', ...change };
}
const asked = { id: 'x', kind: 'snapshot' as const, since: null, results: null, voids: null };
const staged: Staged = { table: copy('C4'), base: copy('C3'), cursor };

describe('the next copy', () => {
  test('begins at the cursor and is compared with the one before', () => {
    const work = stageFor(snowflake, 's', stateWith(staged), candidate(before), columns);
    expect(work.staged).toMatchObject({ base: copy('C4'), made: false, since: { cursor, undated: null } });
    expect(work.staged.table).toMatchObject({ database: 'DB', schema: 'S' });
    expect(work.staged.table.name).toMatch(/^SNOWMELT_0A1B2C3D_5_[0-9A-F]{8}$/);
  });
  test('looks again at rows that had no cursor', () => {
    const some = { ...staged, cursor: { ...cursor, nulls: 2 } };
    const work = stageFor(snowflake, 's', stateWith(some), candidate(before), columns);
    expect(work.staged.since).toMatchObject({ undated: copy('C4') });
  });
  test.each<[string, Partial<QueryCut>]>([
    ['another cursor', { cursor: 'SEQ', mode: 'incrementing' }],
    ['another mode', { mode: 'bulk', cursor: null }],
  ])('reads the query whole after %s, and sends what the copy before has not', (_, query) => {
    const work = stageFor(snowflake, 's', stateWith(staged), candidate(layoutOf(query, 2)), columns);
    expect(work.staged).toMatchObject({ since: null, base: copy('C4') });
  });
  test.each<[string, SourceState]>([
    ['a source began', { ...stateWith(undefined), head: null }],
    ['it began anew', stateWith(undefined, before, { kind: 'truncate' })],
    ['the cursor had another type', stateWith(staged, before, { columns: [columns[0], column('AT', 'DATE')] })],
  ])('is the first one when %s', (_, state) => {
    expect(stageFor(snowflake, 's', state, candidate(before), columns).staged).toMatchObject({
      base: null,
      since: null,
    });
  });
  test('can not tell what is gone without the key in the copy before', () => {
    const bulk = layoutOf({ mode: 'bulk', cursor: null });
    const state = stateWith({ ...staged, cursor: null }, bulk, { columns: [column('OTHER', 'NUMBER')] });
    expect(() => stageFor(snowflake, 's', state, candidate(bulk), columns)).toThrow(
      expect.objectContaining({ code: 'QUERY_CHANGED' }),
    );
  });
});

describe('a new snapshot', () => {
  test('of a bulk query is what its newest copy holds: nothing is run', () => {
    const bulk = layoutOf({ mode: 'bulk', cursor: null });
    const state = stateWith({ ...staged, cursor: null }, bulk);
    const work = stageFor(snowflake, 's', state, candidate(bulk, { kind: 'snapshot', request: asked }), []);
    expect(work).toMatchObject({ columns, staged: { table: copy('C4'), base: null, made: true } });
    expect(JSON.parse(work.statement)).toEqual({ window: { table: copy('C4'), base: null } });
  });
  test('of another reads it whole', () => {
    const asks = candidate(before, { kind: 'snapshot', request: asked });
    expect(stageFor(snowflake, 's', stateWith(staged), asks, columns).staged).toMatchObject({
      base: null,
      since: null,
      made: false,
    });
  });
  test('is all that may be asked for', () => {
    const asks = candidate(before, { kind: 'repair', request: { ...asked, kind: 'repair' } });
    expect(() => stageFor(snowflake, 's', stateWith(staged), asks, columns)).toThrow(
      expect.objectContaining({ code: 'OPERATION_REFUSED' }),
    );
  });
});

test('a copy is dropped when its number is not above the head and nothing names it', async () => {
  const prefix = 'SNOWMELT_0A1B2C3D_';
  const names = [
    '3_00000001',
    '4_00000001',
    '4_00000002',
    '5_00000001',
    '6_00000001',
    '7_00000001',
    '12_00000001',
    'x_1',
  ];
  const named = (end: string) => copy(`${prefix}${end}`);
  const window5 = windowOf(5, [1], { staged: { table: named('5_00000001'), base: named('4_00000001'), cursor } });
  const window6 = windowOf(6, [1], { staged: { table: named('6_00000001'), base: named('5_00000001'), cursor } });
  const state = stateOf([window5, window6], [item(0)], { incarnation: '0a1b-2c3d' });
  const dropped: string[] = [];
  const port: Partial<Snowflake> = {
    stages: async () => names.map((name) => prefix + name),
    drop: async ({ name }) => void dropped.push(name),
  };
  const errors: Error[] = [];
  const telemetry = {
    info: () => undefined,
    count: () => undefined,
    gauge: () => undefined,
    error: (error: Error) => void errors.push(error),
  };
  await dropUnneeded({ snowflake: port as Snowflake, telemetry }, 's', state);
  expect(dropped).toEqual(['3_00000001', '4_00000002'].map((name) => prefix + name));

  // Space is not worth a tick.
  port.stages = () => Promise.reject(new Error('no'));
  await dropUnneeded({ snowflake: port as Snowflake, telemetry }, 's', state);
  expect(errors).toHaveLength(1);
});

test('the digest covers copies and cursor', () => {
  const digest = (change: Partial<Staged>) =>
    windowDigest('life', windowOf(5, [1], { staged: { table: copy('A'), base: null, cursor, ...change } }));
  const all = [
    windowDigest('life', windowOf(5, [1])),
    digest({}),
    digest({ table: copy('B') }),
    digest({ base: copy('B') }),
    digest({ cursor: null }),
    digest({ cursor: { ...cursor, value: '2026-01-02 00:00:00.000000000' } }),
    digest({ cursor: { ...cursor, floor: cursor.value } }),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test('a query that watches no table opens a window at each tick, from the first one on', () => {
  const settings = { safetyLagMs: 30_000, marginMs: 5_000, maxWindowMs: 900_000, maxOpenWindows: 64 };
  const now = Date.parse('2026-01-01T00:10:00.000Z');
  const first = { ...stateWith(undefined), head: null };
  expect(nextWindow(first, before, now, settings, false)).toMatchObject({ number: 1, kind: 'snapshot' });
  expect(nextWindow(stateWith(staged), before, now, settings, false)).toMatchObject({ number: 5, kind: 'changes' });
  const watching = layoutOf({ watch: [copy('T')] });
  expect(nextWindow(first, watching, now, settings, false)).toBeNull();
  expect(nextWindow(stateWith(staged), watching, now, settings, false)).toBeNull();
});
