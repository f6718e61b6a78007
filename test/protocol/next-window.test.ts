import { describe, expect, test } from 'vitest';
import { nextWindow, withSighting, type PlanSettings } from '../../lambdas/protocol/next-window.ts';
import type { Sighting } from '../../lambdas/protocol/ports/state.ts';
import { item, layout, stateOf, windowOf } from './fixtures.ts';

const settings: PlanSettings = { safetyLagMs: 30_000, marginMs: 5_000, maxWindowMs: 900_000, maxOpenWindows: 64 };
const t = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number, token: string | null, createdOn: string | null = null): Sighting => ({
  at: t + seconds * 1_000,
  token,
  createdOn,
});
const next = (state: Parameters<typeof nextWindow>[0], seconds: number, ride = false) =>
  nextWindow(state, layout, t + seconds * 1_000, settings, ride);

describe('first snapshot', () => {
  const state = (sightings: Sighting[]) => stateOf([], [item(0)], { sightings });
  test('waits until the object was sighted with tracking on, a margin before T0', () => {
    expect(next(state([at(0, 'a', 'c1')]), 34.999)).toBeNull();
    expect(next(state([at(0, 'a', 'c1')]), 35)).toMatchObject({
      number: 1,
      kind: 'snapshot',
      from: null,
      to: '2026-01-01T00:00:05.000Z',
      covered: 'a',
    });
    expect(next(state([at(0, 'a')]), 100)).toBeNull();
  });
});

describe('snapshot: never and only', () => {
  const state = stateOf([], [item(0)], { sightings: [at(0, 'a', 'c1')] });
  const first = (mode: 'never' | 'only', from: string | null = null) =>
    nextWindow(state, layout, t + 60_000, settings, false, { mode, from });
  test('never begins with changes: from now on, or from a time that has come', () => {
    const to = '2026-01-01T00:00:30.000Z';
    expect(first('never')).toMatchObject({ kind: 'changes', from: '2026-01-01T00:00:29.999Z', to });
    const from = '2025-12-31T00:00:00.000Z';
    expect(first('never', from)).toMatchObject({ kind: 'changes', from, to });
    expect(first('never', to)).toBeNull();
  });
  test('after a truncate there is a snapshot, whatever is configured', () => {
    const truncated = stateOf([windowOf(1, [1], { kind: 'truncate' })], [item(0)], { sightings: [at(0, 'a', 'c1')] });
    const never = { mode: 'never', from: null } as const;
    expect(nextWindow(truncated, layout, t + 60_000, settings, false, never)).toMatchObject({ kind: 'snapshot' });
  });
  test('only ends with it', () => {
    expect(first('only')).toMatchObject({ kind: 'snapshot' });
    const done = stateOf([windowOf(1, [1])], [item(0)], { sightings: [at(100, 'b')] });
    expect(nextWindow(done, layout, t + 1e9, settings, true, { mode: 'only', from: null })).toBeNull();
  });
});

describe('changes', () => {
  // The head covers token "1" and ends at 00:01:00.
  const head = windowOf(1, [1], { covered: '1', to: '2026-01-01T00:01:00.000Z' });
  const finished = (sightings: Sighting[], change = {}) => ({
    ...stateOf([], [item(0)], { sightings, finishedThrough: 1, ...change }),
    head,
  });

  test('a token that was sighted a margin before `to` opens a window and is covered by it', () => {
    const state = finished([at(0, '1'), at(70, '2')]);
    expect(next(state, 104.999)).toBeNull();
    expect(next(state, 105)).toMatchObject({
      number: 2,
      kind: 'changes',
      from: head.to,
      to: '2026-01-01T00:01:15.000Z',
      covered: '2',
    });
  });
  test('a newer token that is too young does not count yet', () => {
    expect(next(finished([at(70, '2'), at(100, '3')]), 110)).toMatchObject({ covered: '2' });
  });
  test('a quiet source stays where it is until half of the retention', () => {
    const state = finished([at(0, '1')]);
    expect(next(state, 3_600)).toBeNull();
    expect(next(state, 60 + 30 + 43_201)).toMatchObject({ why: 'quiet', covered: '1' });
  });
  test('older than a quarter it rides along when the warehouse is awake', () => {
    const state = finished([at(0, '1')]);
    expect(next(state, 60 + 30 + 21_601)).toBeNull();
    expect(next(state, 60 + 30 + 21_601, true)).toMatchObject({ why: 'ride' });
  });
  test('NULL is a token like any other', () => {
    expect(next(finished([at(70, null)]), 200)).toMatchObject({ covered: null });
    expect(next({ ...finished([at(70, null)]), head: { ...head, covered: null } }, 200)).toBeNull();
  });
  test('never backwards', () => {
    expect(next(finished([at(0, '2')]), 90)).toBeNull();
  });
  test('with two windows unfinished the next waits to be wide', () => {
    const windows = [windowOf(2, [1]), windowOf(3, [1], { covered: '3', to: '2026-01-01T00:01:00.000Z' })];
    const state = stateOf(windows, [item(0)], { sightings: [at(70, '4')], finishedThrough: 1 });
    expect(next(state, 900)).toBeNull();
    expect(next(state, 60 + 900 + 30)).toMatchObject({ number: 4, from: '2026-01-01T00:01:00.000Z' });
    expect(nextWindow(state, layout, t + 1e6, { ...settings, maxOpenWindows: 2 }, false)).toBeNull();
  });
});

test('sightings are kept only when the token changed, and only as many as a window can need', () => {
  let sightings: Sighting[] = [];
  for (let second = 0; second <= 600; second += 10) {
    sightings = withSighting(sightings, at(second, `${Math.floor(second / 20)}`), settings);
  }
  const horizon = t + (600 - 35) * 1_000;
  expect(sightings.filter((sighting) => sighting.at <= horizon)).toHaveLength(1);
  expect(new Set(sightings.map((sighting) => sighting.token)).size).toBe(sightings.length);
  expect(withSighting(sightings, at(610, sightings.at(-1)!.token), settings).at(-1)).toEqual(sightings.at(-1));
});
