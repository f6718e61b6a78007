/** How a source is, out of its state alone: asked each minute for every source, whether it is due, idle or failing. Pure. */
import { asSnowmeltError, ERRORS, type ErrorCode } from '../errors.ts';
import { hasDeadLetters } from './dead-letters.ts';
import { heldBy, nextWindowFor, rowsUpTo } from './past.ts';
import type { Telemetry } from './ports/effects.ts';
import type { SourceState } from './ports/state.ts';

export type Health = {
  /** How old what consumers see is; null: nothing was published yet. */
  freshnessMs: number | null;
  /** The longest that a partition with rows to send has shown no progress. */
  stalledMs: number;
  /** Partitions, and the planning of the source itself, that go on only after somebody did something. */
  needsOperator: number;
  /** Until the oldest change that has yet to be read falls out of Time Travel, and as a share of the retention. */
  historyLeftMs: number | null;
  historyShare: number | null;
  /** Until the result of the oldest unfinished window expires; it is then read again from Time Travel. */
  resultLeftMs: number | null;
  /** How much of an unfinished snapshot is published. */
  snapshotShare: number | null;
  /** Partitions with dead letters that nobody has dealt with. */
  deadLetters: number;
};

/** Beyond these somebody is called: the thresholds of the alarms. */
export const LIMITS = { stalledMs: 600_000, historyShare: 0.25 } as const;

const RESULT_LIFE_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;

export function health(state: SourceState, now: number): Health {
  const { meta, head, windows } = state;
  const oldest = windows.find((window) => !window.void) ?? null;
  const published = oldest === null ? (head?.to ?? null) : oldest.from;
  // Whatever changed up to either is published.
  const freshUntil = published === null ? null : Math.max(Date.parse(published), meta.caughtUpAt ?? 0);
  const unread = oldest === null ? published : (oldest.from ?? oldest.to);
  const historyLeftMs =
    unread === null || meta.retentionMs === null ? null : Date.parse(unread) + meta.retentionMs - now;
  return {
    freshnessMs: freshUntil === null ? null : Math.max(0, now - freshUntil),
    stalledMs: stalled(state, now),
    needsOperator: needsOperator(state),
    historyLeftMs,
    historyShare: historyLeftMs === null ? null : historyLeftMs / meta.retentionMs!,
    resultLeftMs: oldest === null ? null : Date.parse(oldest.queriedAt) + RESULT_LIFE_MS - now,
    snapshotShare: snapshotShare(state),
    deadLetters: state.partitions.filter(hasDeadLetters).length,
  };
}

/** Who waits behind a barrier, or for an operator, is not stalled: another is, or it is counted as needing one. */
function stalled(state: SourceState, now: number): number {
  const waits = state.partitions.map((item) => {
    const window = item.state === 'active' ? nextWindowFor(state, item) : null;
    if (window === null || heldBy(state, window) !== null) return 0;
    return now - Math.max(item.lastSuccessAt ?? 0, Date.parse(window.queriedAt));
  });
  return Math.max(0, ...waits);
}

function needsOperator({ meta, partitions }: SourceState): number {
  const stopped = partitions.filter((item) => item.state === 'needs-operator').length;
  const code = meta.lastError?.code as ErrorCode | undefined;
  const planning = code !== undefined && ERRORS[code]?.retry === 'operator';
  return stopped + (planning ? 1 : 0);
}

function snapshotShare({ windows, partitions }: SourceState): number | null {
  const snapshot = windows.find((window) => window.kind === 'snapshot' && !window.void);
  if (snapshot === undefined) return null;
  const done = partitions.reduce((sum, item) => sum + rowsUpTo(item, snapshot, item.position), 0);
  return snapshot.totalRows === 0 ? 1 : done / snapshot.totalRows;
}

/**
 * Gauges of one source. Those that say that all is well are told for the deployment as a whole only: each metric of each
 * source has its price. A source that somebody paused is as old as it is without a page; but what its pause will cost it,
 * its history, is told like any other's.
 */
export function tellHealth(
  telemetry: Telemetry,
  source: { name: string; freshnessMs: number | null; paused?: boolean },
  state: SourceState | null,
  now: number,
): void {
  const gauge = (metric: string, value: number, quiet = false) =>
    telemetry.gauge(metric, value, { source: source.name, quiet });
  const started = state !== null && state.head !== null;
  const paused = source.paused === true || state?.meta.paused === true;
  if (started || !paused) gauge('NotStarted', started ? 0 : 1, started);
  if (state === null) return;
  const {
    freshnessMs,
    stalledMs,
    needsOperator,
    historyLeftMs,
    historyShare,
    resultLeftMs,
    snapshotShare,
    deadLetters,
  } = health(state, now);
  if (freshnessMs !== null) {
    gauge('FreshnessSeconds', freshnessMs / 1000);
    if (source.freshnessMs !== null && !paused) gauge('FreshnessPercent', (100 * freshnessMs) / source.freshnessMs);
  }
  // Of a paused source there is nothing left to save once its history is gone: it must not hold the pager for ever.
  if (historyLeftMs !== null && historyShare !== null && !(paused && historyShare <= 0)) {
    gauge('HistoryHeadroom', historyLeftMs / HOUR_MS, historyShare > 0.5);
    gauge('HistoryHeadroomPercent', 100 * historyShare, historyShare > 0.5);
  }
  if (paused) return;
  gauge('StalledSeconds', stalledMs / 1000, stalledMs === 0);
  gauge('NeedsOperator', needsOperator, needsOperator === 0);
  gauge('DeadLettersWaiting', deadLetters, deadLetters === 0);
  if (resultLeftMs !== null) gauge('ResultHeadroom', resultLeftMs / HOUR_MS, resultLeftMs > RESULT_LIFE_MS / 2);
  if (snapshotShare !== null) gauge('SnapshotPercent', 100 * snapshotShare);
}

/** A source whose state can't be read for a reason that does not pass: nothing goes on, so somebody is called. */
export function tellUnreadable(telemetry: Telemetry, source: { name: string; paused?: boolean }, error: unknown): void {
  if (source.paused === true || asSnowmeltError(error).retry !== 'operator') return;
  telemetry.gauge('NeedsOperator', 1, { source: source.name, quiet: false });
}
