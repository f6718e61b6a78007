/**
 * Which window a source's log takes next, if any. Pure: state and a gate reading in, candidate out.
 *
 * Time runs: sighting ... margin ... to ... safetyLag ... now. A token sighted `margin` before `to` is included in a
 * window that ends at `to`, whatever newer tokens say.
 */
import type { Sighting, SourceState, WindowRequest } from './ports/state.ts';
import { isConsuming } from './stream.ts';
import { beginsAnew, type Layout, type Window } from './window.ts';

export type PlanSettings = {
  safetyLagMs: number;
  marginMs: number;
  maxWindowMs: number;
  maxOpenWindows: number;
};

/** Whether a source begins with what there is, with changes alone (from a time on), or ends with what there is. */
export type SnapshotPlan = { mode: 'initial' | 'never' | 'only'; from: string | null };
const INITIAL: SnapshotPlan = { mode: 'initial', from: null };

export type Candidate = {
  number: number;
  kind: 'snapshot' | 'changes' | 'repair';
  layout: Layout;
  from: string | null;
  to: string;
  covered: string | null;
  request: WindowRequest | null;
  /** A quiet source: read whatever the token says because its head grows old; `ride` only along with others. */
  why: 'changed' | 'quiet' | 'ride' | 'asked';
};

/** Bounds have exactly three decimals: Time Travel's finest resolution for timestamps. */
export function formatBound(ms: number): string {
  return new Date(ms).toISOString();
}

/** The newest sighting that a window ending at `to` includes. */
export function sightingFor(sightings: readonly Sighting[], toMs: number, marginMs: number): Sighting | undefined {
  return sightings.findLast((sighting) => sighting.at <= toMs - marginMs);
}

/** Adds what was just seen, only if the token changed; drops what no window can need any more. */
export function withSighting(sightings: readonly Sighting[], seen: Sighting, settings: PlanSettings): Sighting[] {
  const last = sightings.at(-1);
  const all = last !== undefined && last.token === seen.token ? [...sightings] : [...sightings, seen];
  const horizon = seen.at - settings.safetyLagMs - settings.marginMs;
  const keepFrom = all.findLastIndex((sighting) => sighting.at <= horizon);
  return keepFrom > 0 ? all.slice(keepFrom) : all;
}

/**
 * @param now Snowflake's server time of the reading, ms.
 * @param rideAlong Whether the warehouse is awake for another source anyway.
 */
export function nextWindow(
  state: SourceState,
  layout: Layout,
  now: number,
  settings: PlanSettings,
  rideAlong: boolean,
  snapshot: SnapshotPlan = INITIAL,
): Candidate | null {
  // A stream knows by itself where it stands: no time has to have passed, and it is empty once it was consumed.
  const { stream } = layout;
  const toMs = stream === undefined ? now - settings.safetyLagMs : now;
  const to = formatBound(toMs);
  const seen =
    stream === undefined
      ? sightingFor(state.meta.sightings, toMs, settings.marginMs)
      : state.meta.sightings.findLast(({ at }) => at <= now);
  const sighting = seen && stream?.managed === false ? { ...seen, token: 'false' } : seen;
  const hasRows = seen?.token !== sighting?.token;
  const head = state.head;
  // A query that watches no table is run on each tick.
  const ungated = layout.query?.watch.length === 0;

  if (head === null || beginsAnew(head)) {
    // The first T0 waits for a sighting of this very object with tracking on, older than it by the margin.
    if (!ungated && (sighting === undefined || (head === null && sighting.createdOn === null))) return null;
    const kind = firstKind(head, snapshot, layout);
    const from =
      kind === 'changes' ? (snapshot.from ?? (stream && head ? head.to : formatBound(toMs - 1))) : (head?.to ?? null);
    if (kind === 'changes' && from! >= to) return null;
    return {
      number: (head?.number ?? 0) + 1,
      kind,
      layout,
      from,
      to,
      covered: sighting?.token ?? null,
      request: null,
      why: 'changed',
    };
  }

  const number = head.number + 1;
  const { request } = state.meta;
  if (request !== null && request.id !== head.request) {
    // AT the head's own bound: time does not advance, so what is asked for is in order and the next window joins on.
    return {
      number,
      kind: request.kind,
      layout,
      from: head.to,
      to: head.to,
      covered: head.covered,
      request,
      why: 'asked',
    };
  }

  if (snapshot.mode === 'only') return null;
  const age = toMs - Date.parse(head.to);
  if (age <= 0) return null;
  const unfinished = state.windows.length;
  if (unfinished >= settings.maxOpenWindows) return null;
  if (unfinished >= 2 && age < settings.maxWindowMs) return null;

  const covered = sighting === undefined ? head.covered : sighting.token;
  const why =
    ungated || covered !== head.covered || hasRows || (stream !== undefined && isConsuming(state))
      ? 'changed'
      : state.meta.retentionMs === null
        ? null
        : age > state.meta.retentionMs / 2
          ? 'quiet'
          : rideAlong && age > state.meta.retentionMs / 4
            ? 'ride'
            : null;
  if (why === null) return null;
  return { number, kind: 'changes', layout, from: head.to, to, covered, request: null, why };
}

/**
 * A log that begins anew needs a snapshot, whatever is configured: its consumers were told to forget everything. What a
 * stream has that somebody else made are changes, always.
 */
export function firstKind(head: Window | null, { mode }: SnapshotPlan, { stream }: Layout): 'snapshot' | 'changes' {
  if (stream?.managed === false) return 'changes';
  const first = head === null || (head.kind === 'schema' && head.from === null);
  return first && mode === 'never' ? 'changes' : 'snapshot';
}
