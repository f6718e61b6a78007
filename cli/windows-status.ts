/** How far each partition is in each of a source's windows. */
import { hasPassed, heldBy, nextWindowFor, rowsUpTo } from '../lambdas/protocol/past.ts';
import type { PartitionItem, SourceState } from '../lambdas/protocol/ports/state.ts';
import { rangeOf, type Window, type WindowKind } from '../lambdas/protocol/window.ts';

/** A partition's rows in a window. `held`: a barrier waits for the other partitions. */
export type Slice = {
  partition: number;
  rows: number;
  done: number;
  state: 'done' | 'in-progress' | 'waiting' | 'held';
};

export type WindowStatus = {
  number: number;
  kind: WindowKind;
  from: string | null;
  to: string;
  void: boolean;
  /** Of the partitions that have rows in it. */
  slices: Slice[];
};

/** Ascending: `finished` before those that the state holds. */
export function windowsStatus(state: SourceState, finished: readonly Window[], now: number): WindowStatus[] {
  const { head } = state;
  const windows = [...finished, ...state.windows];
  if (head !== null && (windows.at(-1)?.number ?? 0) < head.number) windows.push(head);
  return windows.map((window) => {
    const held = heldBy(state, window) !== null;
    return {
      number: window.number,
      kind: window.kind,
      from: window.from,
      to: window.to,
      void: window.void,
      slices: state.partitions.flatMap((item) => slice(state, item, window, held, now)),
    };
  });
}

function slice(state: SourceState, item: PartitionItem, window: Window, held: boolean, now: number): Slice[] {
  const rows = rangeOf(window, item.partition)?.rows;
  if (rows === undefined) return [];
  const done = rowsUpTo(item, window, item.position);
  const isNext = nextWindowFor(state, item)?.number === window.number;
  const begun = done > 0 || (isNext && item.leaseUntil > now);
  const unfinished = held ? 'held' : begun ? 'in-progress' : 'waiting';
  return [{ partition: item.partition, rows, done, state: hasPassed(item, window) ? 'done' : unfinished }];
}
