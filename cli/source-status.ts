/**
 * How a source stands, out of its state in the checkpoint table alone. What is healthy is decided by the function that the
 * alarms' metrics come from, and by the alarms' own thresholds.
 */
import type { ResolvedSource } from '../lambdas/config/resolved.ts';
import { asSnowmeltError } from '../lambdas/errors.ts';
import { health, LIMITS, type Health } from '../lambdas/protocol/health.ts';
import { hasPassed, rowsUpTo } from '../lambdas/protocol/past.ts';
import type { Checkpoints } from '../lambdas/protocol/ports/checkpoints.ts';
import type { PartitionItem, SourceState, StoredError } from '../lambdas/protocol/ports/state.ts';
import type { Position } from '../lambdas/protocol/position.ts';
import { rangeOf, type Window } from '../lambdas/protocol/window.ts';
import { windowsStatus, type WindowStatus } from './windows-status.ts';

/** `stale`: older than its objective; `history`: Time Travel runs out. */
export type Verdict = 'fine' | 'paused' | 'not-started' | 'stale' | 'stalled' | 'history' | 'needs-operator';

export type PartitionStatus = {
  partition: number;
  state: string;
  /** End of the last window that it is past. */
  watermark: string | null;
  lagMs: number;
  position: string | null;
  /** Rows of unfinished windows that it has yet to send. */
  waiting: number;
  /** null: looked at only once. */
  rowsPerSecond: number | null;
  error: StoredError | null;
};

export type SourceStatus = {
  name: string;
  object: string;
  topic: string;
  verdict: Verdict;
  /** Number of the newest window, and how many are unfinished. */
  head: number;
  unfinished: number;
  /** Those, what was finished since the look before, and the newest one. */
  windows: WindowStatus[];
  health: Health | null;
  /** How old it may become; null: no objective. */
  objectiveMs: number | null;
  snapshot: { published: number; planned: number } | null;
  partitions: PartitionStatus[];
  error: StoredError | null;
};

/**
 * A source's state at a time (ms), and what was finished since the look before, to count what was sent meanwhile.
 * `unreadable`: why there is no state, where that is for an operator to mend.
 */
export type Look = { state: SourceState | null; at: number; finished: Window[]; unreadable?: StoredError };

/** One source that can't be read does not keep the others from being seen. @throws STORE_UNREACHABLE */
export async function look(checkpoints: Checkpoints, source: string, before: Look | null): Promise<Look> {
  let state: SourceState | null;
  try {
    state = await checkpoints.look(source);
  } catch (error) {
    const { code, message, retry } = asSnowmeltError(error);
    if (retry !== 'operator') throw error;
    const at = Date.now();
    return { state: null, at, finished: [], unreadable: { code, message, at } };
  }
  const at = Date.now();
  const from = before?.state?.meta.finishedThrough;
  const to = state?.meta.finishedThrough ?? 0;
  // Windows may come and go between two looks.
  const finished = from === undefined || to <= from ? [] : await checkpoints.windows(source, from + 1, to);
  return { state, at, finished };
}

export function sourceStatus(source: ResolvedSource, seen: Look, before: Look | null): SourceStatus {
  const { state, at, finished, unreadable = null } = seen;
  const { database, schema, name } = source.object;
  const known = state === null ? null : health(state, at);
  const verdict = unreadable === null ? verdictOf(source, state, known) : 'needs-operator';
  const named = {
    name: source.name,
    object: `${database}.${schema}.${name}`,
    topic: source.topic,
    verdict,
    health: known,
    objectiveMs: source.freshnessMs,
  };
  if (state === null)
    return { ...named, head: 0, unfinished: 0, windows: [], snapshot: null, partitions: [], error: unreadable };
  const windows = [...finished, ...state.windows];
  const elapsed = before === null ? 0 : (at - before.at) / 1000;
  return {
    ...named,
    head: state.head?.number ?? 0,
    unfinished: state.windows.filter((window) => !state.partitions.every((item) => hasPassed(item, window))).length,
    windows: windowsStatus(state, finished, at),
    snapshot: snapshotOf(state),
    partitions: state.partitions.map((item) => {
      const old = before?.state?.partitions.find(({ partition }) => partition === item.partition);
      const rate = old === undefined || elapsed <= 0 ? null : rowsBetween(windows, item, old.position) / elapsed;
      return partitionStatus(state, item, at, rate);
    }),
    error: state.meta.lastError,
  };
}

function verdictOf(source: ResolvedSource, state: SourceState | null, known: Health | null): Verdict {
  if (source.paused || state?.meta.paused === true) return 'paused';
  if (state === null || known === null || state.head === null) return 'not-started';
  if (known.needsOperator > 0) return 'needs-operator';
  if (known.historyShare !== null && known.historyShare < LIMITS.historyShare) return 'history';
  if (known.stalledMs > LIMITS.stalledMs) return 'stalled';
  const { freshnessMs } = source;
  return freshnessMs !== null && known.freshnessMs !== null && known.freshnessMs > freshnessMs ? 'stale' : 'fine';
}

function partitionStatus(
  state: SourceState,
  item: PartitionItem,
  now: number,
  rowsPerSecond: number | null,
): PartitionStatus {
  const next = state.windows.find((window) => !hasPassed(item, window));
  // What it is past ends where the first window that it is not past begins.
  const watermark = next === undefined ? (state.head?.to ?? null) : next.from;
  const waiting = state.windows.reduce((sum, window) => sum + rowsLeft(item, window), 0);
  return {
    partition: item.partition,
    state: item.state,
    watermark,
    lagMs: waiting === 0 || watermark === null ? 0 : Math.max(0, now - Date.parse(watermark)),
    position: item.position === null ? null : `${item.position.window}:${item.position.row}`,
    waiting,
    rowsPerSecond,
    error: item.lastError,
  };
}

function rowsLeft(item: PartitionItem, window: Window): number {
  return (rangeOf(window, item.partition)?.rows ?? 0) - rowsUpTo(item, window, item.position);
}

function rowsBetween(windows: readonly Window[], item: PartitionItem, from: Position | null): number {
  return windows.reduce((sum, window) => sum + rowsUpTo(item, window, item.position) - rowsUpTo(item, window, from), 0);
}

function snapshotOf({ windows, partitions }: SourceState): SourceStatus['snapshot'] {
  const window = windows.find(({ kind, void: given }) => kind === 'snapshot' && given !== true);
  if (window === undefined) return null;
  const published = partitions.reduce((sum, item) => sum + rowsUpTo(item, window, item.position), 0);
  return published < window.totalRows ? { published, planned: window.totalRows } : null;
}
