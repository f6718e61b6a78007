/**
 * Who is past what, and who must wait: computed from the windows' ranges and the positions, never stored.
 * One function, `heldBy`, tells planner and worker alike.
 */
import { SnowmeltError } from '../errors.ts';
import type { Delivery } from './ports/kafka.ts';
import type { PartitionItem, SourceState } from './ports/state.ts';
import { comparePositions, type Position } from './position.ts';
import { rangeOf, type Layout, type Window } from './window.ts';

/** The layout with the greatest number, of a topic if one is given. The store lists them in no order. */
export function newestLayout(layouts: SourceState['layouts'], topic?: string): Layout | null {
  let newest: Layout | null = null;
  for (const layout of layouts.values()) {
    if (topic !== undefined && layout.topic !== topic) continue;
    if (newest === null || layout.number > newest.number) newest = layout;
  }
  return newest;
}

/** The window of that number as far as the state holds it: unfinished ones, and the head. */
export function windowOf(state: SourceState, number: number): Window | undefined {
  return (
    state.windows.find((window) => window.number === number) ?? (state.head?.number === number ? state.head : undefined)
  );
}

/** Whether the partition's position has passed all its rows in the window (trivially when it has none). */
export function hasPassed(item: PartitionItem, window: Window): boolean {
  const range = rangeOf(window, item.partition);
  return range === undefined || comparePositions(item.position, { window: window.number, row: range.rows }) >= 0;
}

/** Rows of the partition in the window that a position has behind it. */
export function rowsUpTo({ partition }: PartitionItem, window: Window, position: Position | null): number {
  const rows = rangeOf(window, partition)?.rows ?? 0;
  if (position === null) return 0;
  if (comparePositions(position, { window: window.number, row: rows }) >= 0) return rows;
  return position.window === window.number ? position.row : 0;
}

/** Whether no window up to `number` has rows for the partition that it has not passed. Finished windows are not looked at. */
export function isPast(state: SourceState, item: PartitionItem, number: number): boolean {
  return state.windows.every((window) => window.number > number || hasPassed(item, window));
}

/** The first window with rows (void ones included) that the partition has not passed. */
export function nextWindowFor(state: SourceState, item: PartitionItem): Window | null {
  return state.windows.find((window) => !hasPassed(item, window)) ?? null;
}

function isBarrier(window: Window, before: Window): boolean {
  const changesMeaning = (kind: Window['kind']) => kind === 'schema' || kind === 'truncate';
  return changesMeaning(window.kind) || changesMeaning(before.kind) || window.layout !== before.layout;
}

/**
 * The number of the barrier that holds the window up, or null. Nobody starts or passes a barrier, nor any window after it,
 * until every partition is past the window before it. Of several, the last one up to the window decides: being past what
 * is before it includes being past all earlier ones. The first unfinished window is never held: what is before it is finished.
 */
export function heldBy(state: SourceState, window: Window): number | null {
  for (let i = state.windows.length - 1; i > 0; i--) {
    const candidate = state.windows[i]!;
    const before = state.windows[i - 1]!;
    if (candidate.number > window.number || !isBarrier(candidate, before)) continue;
    const everyone = state.partitions.every((item) => isPast(state, item, before.number));
    return everyone ? null : candidate.number;
  }
  return null;
}

/** The greatest number up to which every partition is past every window; at least what is stored. */
export function finishedThrough(state: SourceState): number {
  let finished = state.meta.finishedThrough;
  for (const window of state.windows) {
    if (!state.partitions.every((item) => hasPassed(item, window))) break;
    finished = window.number;
  }
  return finished;
}

/**
 * Partitions to call now: not past the head, active, lease free, and no barrier holds their next window. With a limit of
 * `publishers` as many as may start beside those that run, who has waited longest first.
 */
export function partitionsToCall(state: SourceState, now: number, delivery: Delivery, publishers = Infinity): number[] {
  if (state.meta.paused) return [];
  const free = publishers - state.partitions.filter((item) => item.leaseUntil > now).length;
  if (free <= 0) return [];
  const waiting = state.partitions.filter((item) => {
    if (item.state !== 'active' || item.leaseUntil > now) return false;
    const window = nextWindowFor(state, item);
    // What an owner left undecided matters only to those who go by the marker.
    if (window === null) return item.open !== null && delivery === 'exactly-once';
    return heldBy(state, window) === null;
  });
  if (free < waiting.length) {
    waiting.sort((a, b) => (a.lastSuccessAt ?? 0) - (b.lastSuccessAt ?? 0));
    waiting.length = free;
  }
  return waiting.map((item) => item.partition);
}

/** @throws STATE_DISAGREES when a layout's partition has no item: items are put before the layout and never deleted. */
export function checkPartitions(source: string, state: SourceState): void {
  const present = new Set(state.partitions.map((item) => item.partition));
  for (const layout of state.layouts.values()) {
    for (let partition = 0; partition < layout.partitions; partition++) {
      if (present.has(partition)) continue;
      throw new SnowmeltError(
        'STATE_DISAGREES',
        `Source ${source}: layout ${layout.number} has ${layout.partitions} partitions, but the item of partition ${partition} is missing.`,
      );
    }
  }
}
