import { expect, test } from 'vitest';
import {
  checkPartitions,
  finishedThrough,
  newestLayout,
  heldBy,
  nextWindowFor,
  partitionsToCall,
} from '../../lambdas/protocol/past.ts';
import { layout, item, stateOf, windowOf } from './fixtures.ts';

test('a window without rows for a partition is passed by itself', () => {
  const state = stateOf([windowOf(1, [2, 0]), windowOf(2, [0, 3])], [item(0), item(1)]);
  expect(nextWindowFor(state, state.partitions[0]!)?.number).toBe(1);
  expect(nextWindowFor(state, state.partitions[1]!)?.number).toBe(2);
});

test('finished is what every partition is past', () => {
  const windows = [windowOf(1, [2, 0]), windowOf(2, [0, 3]), windowOf(3, [1, 1])];
  const at = (a: number, aRow: number, b: number, bRow: number) =>
    finishedThrough(
      stateOf(windows, [
        item(0, { position: { window: a, row: aRow } }),
        item(1, { position: { window: b, row: bRow } }),
      ]),
    );
  expect(at(1, 1, 2, 3)).toBe(0);
  expect(at(1, 2, 2, 2)).toBe(1);
  expect(at(1, 2, 2, 3)).toBe(2);
  expect(at(3, 1, 3, 1)).toBe(3);
});

test('nobody starts a truncate, nor anything after it, before everyone is past what is before it', () => {
  const windows = [
    windowOf(1, [1, 1]),
    windowOf(2, [1, 0], { kind: 'truncate' }),
    windowOf(3, [1, 1]),
    windowOf(4, [0, 1]),
  ];
  const behind = stateOf(windows, [item(0, { position: { window: 1, row: 1 } }), item(1)]);
  expect(heldBy(behind, windows[0]!)).toBeNull();
  expect(heldBy(behind, windows[1]!)).toBe(2);
  const level = stateOf(windows, [
    item(0, { position: { window: 1, row: 1 } }),
    item(1, { position: { window: 1, row: 1 } }),
  ]);
  expect(heldBy(level, windows[1]!)).toBeNull();
  // The window after a truncate is a barrier, too, and holds what comes after it.
  expect(heldBy(level, windows[2]!)).toBe(3);
  expect(heldBy(level, windows[3]!)).toBe(3);
});

test('a change of layout is a barrier, void or not', () => {
  const windows = [
    windowOf(1, [1, 1]),
    windowOf(2, [1, 1], { layout: 2, void: true }),
    windowOf(3, [1, 1], { layout: 2 }),
  ];
  const state = stateOf(windows, [item(0, { position: { window: 1, row: 1 } }), item(1)]);
  expect(heldBy(state, windows[1]!)).toBe(2);
  expect(heldBy(state, windows[2]!)).toBe(2);
});

test('called are active partitions with a free lease that nothing holds', () => {
  const windows = [windowOf(1, [1, 1])];
  const call = (change: Parameters<typeof item>[1], meta = {}) =>
    partitionsToCall(
      stateOf(windows, [item(0, change), item(1, { position: { window: 1, row: 1 } })], meta),
      1_000,
      'exactly-once',
    );
  expect(call({})).toEqual([0]);
  expect(call({ leaseUntil: 1_001 })).toEqual([]);
  expect(call({ state: 'needs-operator' })).toEqual([]);
  expect(call({ position: { window: 1, row: 1 } })).toEqual([]);
  expect(call({ position: { window: 1, row: 1 }, open: 5 })).toEqual([0]);
  expect(call({}, { paused: true })).toEqual([]);
});

test('of a source that may have so many publishers at once as many are called as are free, who waited longest first', () => {
  const call = (publishers: number | undefined, ...leases: number[]) =>
    partitionsToCall(
      stateOf(
        [windowOf(1, [1, 1, 1, 1])],
        [300, 100, null, 200].map((lastSuccessAt, i) => item(i, { lastSuccessAt, leaseUntil: leases[i] ?? 0 })),
      ),
      1_000,
      'exactly-once',
      publishers,
    );
  expect(call(undefined)).toEqual([0, 1, 2, 3]);
  expect(call(4)).toEqual([0, 1, 2, 3]);
  expect(call(2)).toEqual([2, 1]);
  expect(call(2, 0, 0, 1_001)).toEqual([1]);
  expect(call(2, 1_001, 0, 1_001)).toEqual([]);
});

test('the newest layout goes by its number, in whatever order the store lists them', () => {
  const layouts = new Map(
    [1, 10, 2].map((number) => [number, { ...layout, number, topic: number === 10 ? 'new' : 'old' }]),
  );
  expect(newestLayout(layouts)?.number).toBe(10);
  expect(newestLayout(layouts, 'old')?.number).toBe(2);
  expect(newestLayout(new Map())).toBeNull();
});

test('a missing partition item is a disagreement', () => {
  expect(() => checkPartitions('s', stateOf([], [item(0)]))).toThrow(/partition 1 is missing/);
});
