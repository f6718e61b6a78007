/**
 * A source whose history is lost begins anew, in order after all that its log has: a `truncate` window tells consumers to
 * forget every key, a snapshot follows. What is unfinished before it is published all the same, as long as it can be read;
 * what can't be is void only once the truncate stands, so nobody misses it.
 *
 *   ... windows (some unreadable)   truncate   snapshot
 *           void, after it stands ----^           ^---- T0: this object, tracked, seen by then
 */
import { SnowmeltError } from '../errors.ts';
import { windowDigest } from './digest.ts';
import { nextWindowFor } from './past.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock } from './ports/effects.ts';
import type { SourceState } from './ports/state.ts';
import { livesOn } from './result.ts';
import type { Column, Layout, Window } from './window.ts';

const DAY_MS = 86_400_000;

/** The way a partition stops at a window that can't be read any more. */
const UNREADABLE = new Set([
  'RESULT_EXPIRED',
  'WINDOW_CHANGED',
  'HISTORY_LOST',
  'SNOWFLAKE_STATEMENT',
  'OBJECT_MISSING',
]);

/** One row, partition 0's, that tells every consumer to forget all keys. Nothing is known of the object that comes after. */
export function truncation(
  incarnation: string,
  number: number,
  layout: Layout,
  to: string,
  at: number,
  columns: Column[],
): Window {
  const window: Omit<Window, 'digest'> = {
    number,
    kind: 'truncate',
    layout: layout.number,
    createdOn: '',
    from: to,
    to,
    covered: null,
    columns,
    statement: '',
    queryId: '',
    queriedAt: new Date(at).toISOString(),
    request: null,
    totalRows: 1,
    ranges: [{ partition: 0, start: 0, rows: 1, hash: '' }],
    void: false,
  };
  return { ...window, digest: windowDigest(incarnation, window) };
}

/** The truncate window after the head. @throws what was lost, when the source began anew less than a retention ago */
export function startOver(lost: SnowmeltError, state: SourceState, layout: Layout, clock: Clock): Window {
  const { meta, head } = state;
  const retention = meta.retentionMs ?? DAY_MS;
  const since = clock.now() - (meta.truncatedAt ?? -Infinity);
  if (since < retention) {
    const minutes = Math.ceil((retention - since) / 60_000);
    throw new SnowmeltError(
      'HISTORY_LOST',
      `${lost.message} It began anew not long ago; the next time in ${minutes} min.`,
    );
  }
  return truncation(meta.incarnation, head!.number + 1, layout, head!.to, clock.now(), head!.columns);
}

/** What a truncate that stands makes up for: unreadable windows before it, partitions stopped at them, a request. */
export async function forget(
  checkpoints: Checkpoints,
  source: string,
  state: SourceState,
  clock: Clock,
): Promise<void> {
  const at = state.windows.findLastIndex((window) => window.kind === 'truncate');
  if (at < 0 || state.meta.paused) return;
  for (const window of state.windows.slice(0, at)) {
    if (window.void || window.queryId === '' || livesOn(window.queriedAt, clock)) continue;
    await checkpoints.voidWindow(source, window.number);
    window.void = true;
  }
  const before = state.windows[at]!.number;
  for (const item of state.partitions) {
    const next = nextWindowFor(state, item);
    const passes = next !== null && next.void && next.number < before;
    if (item.state === 'active' || !passes || !UNREADABLE.has(item.lastError?.code ?? '')) continue;
    await checkpoints.activate(source, item.partition);
    item.state = 'active';
  }
  const { request } = state.meta;
  if (request === null || state.head?.kind !== 'truncate') return;
  if (request.voids !== null) await checkpoints.voidWindow(source, request.voids);
  await checkpoints.settle(source, request.id);
  state.meta.request = null;
}
