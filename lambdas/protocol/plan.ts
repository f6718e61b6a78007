/**
 * One tick of plan over the sources that are due: gate, then per source the next window, read once and written once; its
 * partitions are called. Events are lost, doubled and late without harm: who is called follows from state, on every tick.
 */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import { begin, currentLayout, type SourcePlan } from './begin.ts';
import { dropSnapshotCopies } from './copy.ts';
import { tellFailure } from './failures.ts';
import { tellHealth, tellUnreadable } from './health.ts';
import { forget, startOver } from './history.ts';
import { nextWindow, withSighting, type Candidate, type PlanSettings } from './next-window.ts';
import { tellNews } from './notices.ts';
import { checkPartitions, finishedThrough, partitionsToCall } from './past.ts';
import type { Events, Notices } from './ports/effects.ts';
import type { Reading, Watched } from './ports/snowflake.ts';
import type { SourceState, WindowRequest } from './ports/state.ts';
import { checkFacts, examine, finishScan, isCurrent, schemaWindow, submitScan, type ScanPorts } from './scan.ts';
import { dropUnneeded } from './stage.ts';
import { describe, dropStreams, isConsuming, submitStage } from './stream.ts';
import { isSpent } from './warehouse.ts';
import { beginsAnew, type Layout, type Window } from './window.ts';

/** Without `notices` nobody is told of anything. */
export type PlanPorts = ScanPorts & { events: Events; notices?: Notices };

export type PlanTickSettings = PlanSettings & {
  maxSnapshots: number;
  /** A finished window is kept this long after its `to`. */
  keepWindowsMs: number;
  /** Nothing is waited for when less than this is left of the invocation. */
  reserveMs: number;
};

/** An idle source is noted to be one this often; each time is a write. */
const CAUGHT_UP_MS = 4 * 60_000;

/** A source as this tick found it. */
type Look = { source: SourcePlan; state: SourceState; layout: Layout; reading: Reading };

/** A tick of a schedule: reads the gate, may open windows. `all` are the deployment's sources, for the snapshot limit. */
export async function plan(
  ports: PlanPorts,
  settings: PlanTickSettings,
  due: SourcePlan[],
  all: SourcePlan[],
): Promise<void> {
  const readings = await readGate(ports, due);
  const looks = await sideBySide(ports, due, (source, i) => look(ports, settings, source, readings[i]!));
  const candidates = (await isSpent(ports)) ? new Map<Look, Candidate>() : openNext(looks, settings);
  await limitSnapshots(ports, settings, candidates, all);
  await sideBySide(ports, looks, async (found) => {
    await scan(ports, settings, found, candidates.get(found) ?? null);
    if (found.state.meta.lastError !== null) await ports.checkpoints.updateMeta(found.source.name, { lastError: null });
  });
}

/** Which window each source takes next, of those that take one. */
function openNext(looks: Look[], settings: PlanTickSettings): Map<Look, Candidate> {
  const candidates = new Map<Look, Candidate>();
  let awake = false;
  // Twice: a source that is only old enough to ride along does so when another one wakes the warehouse anyway.
  for (const rideAlong of [false, true]) {
    for (const found of looks) {
      if (rideAlong && !awake) break;
      if (candidates.has(found) || found.state.meta.paused) continue;
      const candidate = nextWindow(
        found.state,
        found.layout,
        found.reading.now,
        settings,
        rideAlong,
        found.source.snapshot,
      );
      if (candidate === null) continue;
      candidates.set(found, candidate);
      awake = true;
    }
  }
  return candidates;
}

/** A gate that can't be asked at all is each source's error: their partitions are called all the same. */
async function readGate(ports: PlanPorts, due: SourcePlan[]): Promise<(Reading | Error)[]> {
  try {
    return await ports.snowflake.gate(due.map(watched));
  } catch (error) {
    const failure = asSnowmeltError(error);
    return due.map(() => failure);
  }
}

/** What the gate is asked of, for a source: what opens its windows are tables that change, or a stream that has rows. */
export function watched({ object, query, stream }: Pick<Layout, 'object' | 'query' | 'stream'>): Watched[] {
  if (stream?.managed === false) return [{ ...object, isStream: true }];
  return query === undefined ? [object] : query.watch;
}

/** The tick of each minute: tells how every source is and what is new of it, finishes what is unfinished; reads no gate and opens no window. */
export async function finish(ports: PlanPorts, settings: PlanTickSettings, all: SourcePlan[]): Promise<void> {
  await sideBySide(ports, all, async (source) => {
    const stored = await ports.checkpoints.look(source.name).catch((error: unknown) => {
      tellUnreadable(ports.telemetry, source, error);
      throw error;
    });
    if (source.gone !== true) tellHealth(ports.telemetry, source, stored, ports.clock.now());
    if (stored === null) return;
    await tellPeople(ports, source.name, stored);
    if (source.paused === true) return;
    const state = await tidy(ports, settings, source, stored);
    await callPartitions(ports, source, state);
    if (state.meta.scan === null || state.meta.paused || source.gone === true) return;
    const layout = state.layouts.get(state.meta.scan.layout);
    if (layout === undefined) return;
    await scan(ports, settings, { source, state, layout, reading: { now: 0, token: null } }, null);
  });
}

/** Nothing of a source rests on it: what fails here is logged, and told by the next tick. */
async function tellPeople(ports: PlanPorts, source: string, state: SourceState): Promise<void> {
  try {
    await tellNews(ports, source, state);
  } catch (error) {
    tellFailure(ports.telemetry, source, error);
  }
}

/** Consistent state of one source, made on its first tick; the new sighting noted; its partitions called. */
async function look(
  ports: PlanPorts,
  settings: PlanTickSettings,
  source: SourcePlan,
  gate: Reading | Error,
): Promise<Look> {
  const stored = (await ports.checkpoints.look(source.name)) ?? (await begin(ports, source));
  const state = await tidy(ports, settings, source, stored);
  await callPartitions(ports, source, state);
  if (gate instanceof Error) throw gate;
  const layout = await currentLayout(ports, source, state);
  const first = beginsAnew(state.head);
  const seen = first ? await seeFirst(ports, layout) : { reading: gate, createdOn: null };
  const sightings = withSighting(
    first ? state.meta.sightings.filter((sighting) => sighting.createdOn === seen.createdOn) : state.meta.sightings,
    { token: seen.reading.token, at: seen.reading.now, createdOn: seen.createdOn },
    settings,
  );
  const changed = JSON.stringify(sightings) !== JSON.stringify(state.meta.sightings);
  const caughtUpAt = first ? null : caughtUp(state, seen.reading);
  const news = { ...(changed && { sightings }), ...(caughtUpAt !== null && { caughtUpAt }) };
  const meta = Object.keys(news).length > 0 ? await ports.checkpoints.updateMeta(source.name, news) : state.meta;
  return { source, state: { ...state, meta }, layout, reading: seen.reading };
}

/** When all is published and nothing has changed: the time to note, null when there is none, or one was noted just now. */
function caughtUp(state: SourceState, reading: Reading): number | null {
  const { meta, head, windows } = state;
  if (windows.length > 0 || reading.token !== head?.covered || isConsuming(state)) return null;
  return reading.now - (meta.caughtUpAt ?? 0) > CAUGHT_UP_MS ? reading.now : null;
}

/** Until there is a T0, each tick looks at the object itself; the token is read after it, so tracking was on by then. */
async function seeFirst(ports: PlanPorts, layout: Layout): Promise<{ reading: Reading; createdOn: string }> {
  const facts = await describe(ports.snowflake, layout, null);
  checkFacts(ports.snowflake, layout, facts);
  const [reading] = await ports.snowflake.gate([watched(layout)]);
  if (reading instanceof Error) throw reading;
  return { reading: reading!, createdOn: facts.createdOn };
}

/** What every partition is past is finished: it is noted, and old windows below it and staged copies are deleted. */
async function tidy(
  ports: PlanPorts,
  settings: PlanTickSettings,
  source: SourcePlan,
  state: SourceState,
): Promise<SourceState> {
  checkPartitions(source.name, state);
  await forget(ports.checkpoints, source.name, state, ports.clock);
  const answered = state.meta.request !== null && state.meta.request.id === state.head?.request;
  if (answered) await settle(ports, source, state.meta.request!);
  const finished = finishedThrough(state);
  if (finished === state.meta.finishedThrough) {
    if (state.windows.length === 0) await dropSnapshotCopies(ports, source.name, state);
    return answered ? { ...state, meta: { ...state.meta, request: null } } : state;
  }
  const meta = await ports.checkpoints.updateMeta(source.name, { finishedThrough: finished });
  const olderThan = new Date(ports.clock.now() - settings.keepWindowsMs).toISOString();
  await ports.checkpoints.prune(source.name, finished, olderThan, 25);
  const tidied = { ...state, meta, windows: state.windows.filter((window) => window.number > finished) };
  await dropSnapshotCopies(ports, source.name, tidied);
  if (source.query !== undefined || source.stream !== undefined) await dropUnneeded(ports, source.name, tidied);
  if (source.stream?.managed) await dropStreams(ports, source.name, tidied);
  return tidied;
}

/**
 * Whoever opens a window after the answer to a request takes the request out first, and a request is answered only if it
 * still stands once the head is known: `meta` was read before the head, and either may be news to the other.
 */
async function requestsAreSettled(
  ports: PlanPorts,
  source: SourcePlan,
  state: SourceState,
  candidate: Candidate,
): Promise<boolean> {
  const answered = state.head?.request ?? null;
  if (answered === null && candidate.request === null) return true;
  const { request } = await ports.checkpoints.updateMeta(source.name, {});
  if (request !== null && request.id === answered) await settle(ports, source, request);
  return candidate.request === null || candidate.request.id === request?.id;
}

/**
 * A request whose window stands is taken out; what it makes up for is void only now.
 */
async function settle(ports: PlanPorts, source: SourcePlan, request: WindowRequest): Promise<void> {
  if (request.voids !== null) await ports.checkpoints.voidWindow(source.name, request.voids);
  await ports.checkpoints.settle(source.name, request.id);
}

async function callPartitions(ports: PlanPorts, source: SourcePlan, state: SourceState): Promise<void> {
  const partitions = partitionsToCall(state, ports.clock.now(), source.delivery, source.publishers);
  if (partitions.length > 0)
    await ports.events.call(partitions.map((partition) => ({ source: source.name, partition })));
}

/** Finishes the scan that runs, or the one this tick submits; writes the window; calls its partitions. */
async function scan(
  ports: PlanPorts,
  settings: PlanTickSettings,
  found: Look,
  candidate: Candidate | null,
): Promise<void> {
  const { source, state, layout } = found;
  let pending = state.meta.scan;
  if (pending !== null && !isCurrent(pending, source, state, layout)) {
    await ports.snowflake.abort(pending.queryId);
    await ports.checkpoints.updateMeta(source.name, { scan: null });
    pending = null;
  }
  if (pending === null && candidate === null) return;
  // Whoever submits waits; everybody else only looks whether it has ended.
  const reserveMs = pending === null ? settings.reserveMs : Infinity;
  if (pending === null && !(await requestsAreSettled(ports, source, state, candidate!))) return;
  let told: Window | null = null;
  try {
    if (pending === null && layout.stream !== undefined) {
      pending = await submitStage(ports, source, state, candidate!);
    } else if (pending === null) {
      const facts = await examine(ports, state, candidate!);
      told = schemaWindow(source, state, candidate!, ports.snowflake.columns(layout, facts.columns));
      if (told === null) pending = await submitScan(ports, source, state, candidate!, facts);
    }
    const window = pending && (await finishScan(ports, source.name, state, layout, pending, reserveMs));
    if (window !== null) await write(ports, settings, source, state, window);
  } catch (error) {
    // Another planner wrote that window meanwhile, and a third may have aborted our scan as out of date.
    if ((await ports.checkpoints.headNumber(source.name)) > (state.head?.number ?? 0)) return;
    const replay = replayInstead(candidate, error);
    if (replay !== null) {
      return scan(ports, settings, { ...found, state: { ...state, meta: { ...state.meta, scan: null } } }, replay);
    }
    const request = pending?.request ?? candidate?.request?.id ?? null;
    await beginAgain(ports, settings, found, request, error);
  }
  if (told !== null) await tellFirst(ports, settings, found, candidate!, told);
}

/** A repair out of two results is given up for a replay since its window began, once one of them is gone. */
function replayInstead(candidate: Candidate | null, error: unknown): Candidate | null {
  const request = candidate?.request ?? null;
  const gone = error instanceof SnowmeltError && error.code === 'RESULT_EXPIRED';
  if (!gone || candidate === null || request === null || request.results === null) return null;
  const kind = request.since === null ? 'snapshot' : 'repair';
  return { ...candidate, kind, request: { ...request, kind, results: null } };
}

/** A change of the columns is a window of its own, before the candidate, which is then read all the same. */
async function tellFirst(
  ports: PlanPorts,
  settings: PlanTickSettings,
  found: Look,
  candidate: Candidate,
  told: Window,
): Promise<void> {
  const { source } = found;
  await write(ports, settings, source, found.state, told);
  const state = await ports.checkpoints.look(source.name);
  // Another planner's window stands there: the next tick looks again.
  if (state === null || state.head?.digest !== told.digest) return;
  await scan(ports, settings, { ...found, state }, { ...candidate, number: told.number + 1 });
}

/**
 * Where its user wants that, a source whose history is lost is started over. A request whose answer can't be read (a replay
 * from before the retention, a condition that fails) is dropped, since the log would wait for it for ever; whether the log's own
 * history is lost, the next window tells. Every other error is thrown on.
 */
async function beginAgain(
  ports: PlanPorts,
  settings: PlanTickSettings,
  { source, state, layout }: Look,
  request: string | null,
  error: unknown,
): Promise<void> {
  const known = error instanceof SnowmeltError ? error : null;
  if (request !== null && (known?.code === 'HISTORY_LOST' || known?.code === 'OPERATION_REFUSED')) {
    await ports.checkpoints.settle(source.name, request);
    throw new SnowmeltError('OPERATION_REFUSED', `The request can't be answered and is dropped. ${known.message}`);
  }
  const lost = known?.code === 'HISTORY_LOST' ? known : null;
  if (lost === null || beginsAnew(state.head) || source.onHistoryLost !== 'resnapshot') throw error;
  const window = startOver(lost, state, layout, ports.clock);
  ports.telemetry.info(`the source begins anew: ${lost.message}`, { source: source.name, code: lost.code });
  ports.telemetry.count('BegunAnew', 1, { source: source.name });
  // The new T0 must not rest on what was seen before tracking was lost.
  await ports.checkpoints.updateMeta(source.name, { sightings: [] });
  await write(ports, settings, source, state, window);
  await ports.checkpoints.updateMeta(source.name, { truncatedAt: ports.clock.now() });
}

async function write(
  ports: PlanPorts,
  settings: PlanTickSettings,
  source: SourcePlan,
  state: SourceState,
  window: Window,
): Promise<void> {
  const written = await ports.checkpoints.putWindow(source.name, window);
  await ports.checkpoints.updateMeta(source.name, { scan: null });
  if (written) {
    ports.telemetry.info('window written', {
      source: source.name,
      window: window.number,
      kind: window.kind,
      rows: window.totalRows,
      from: window.from,
      to: window.to,
    });
    ports.telemetry.count('Windows', 1, { source: source.name });
    if (window.request !== null) ports.telemetry.count('Replays', 1, { source: source.name });
    if (window.kind === 'repair') ports.telemetry.count('RepairedRows', window.totalRows, { source: source.name });
  }
  const now = await tidy(ports, settings, source, (await ports.checkpoints.look(source.name)) ?? state);
  await callPartitions(ports, source, now);
}

/**
 * At most `maxSnapshots` sources have an unfinished snapshot; the others have not taken their T0 yet. Sources whose last try
 * failed come last, so that they don't hold the places of those that can.
 */
async function limitSnapshots(
  ports: PlanPorts,
  settings: PlanTickSettings,
  candidates: Map<Look, Candidate>,
  all: SourcePlan[],
): Promise<void> {
  const wanting = [...candidates]
    .filter(([found, candidate]) => candidate.kind === 'snapshot' && found.state.meta.scan === null)
    .map(([found]) => found)
    .sort((a, b) => Number(a.state.meta.lastError !== null) - Number(b.state.meta.lastError !== null));
  if (wanting.length === 0 || all.length <= settings.maxSnapshots) return;
  const names = new Set(wanting.map((found) => found.source.name));
  const others = all.filter((source) => !names.has(source.name));
  const running = await sideBySide(ports, others, async (source) => {
    const state = await ports.checkpoints.look(source.name);
    const unfinished = state?.windows.some((window) => window.kind === 'snapshot') ?? false;
    return unfinished || state?.meta.scan?.kind === 'snapshot';
  });
  const free = settings.maxSnapshots - running.filter(Boolean).length;
  for (const found of wanting.slice(Math.max(0, free))) candidates.delete(found);
}

/** Side by side; a failing one stops only itself: its error is told and stored. Answers the results of the others. */
async function sideBySide<S extends SourcePlan | Look, T>(
  ports: PlanPorts,
  items: S[],
  work: (item: S, index: number) => Promise<T>,
): Promise<T[]> {
  const settled = await Promise.all(
    items.map(async (item, index) => {
      try {
        return { value: await work(item, index) };
      } catch (error) {
        const source = 'source' in item ? item.source.name : item.name;
        await tell(ports, source, error);
        return null;
      }
    }),
  );
  return settled.filter((result) => result !== null).map((result) => result.value);
}

async function tell(ports: PlanPorts, source: string, error: unknown): Promise<void> {
  const failure = tellFailure(ports.telemetry, source, error);
  try {
    await ports.checkpoints.updateMeta(source, {
      lastError: { code: failure.code, message: failure.message, at: ports.clock.now() },
    });
  } catch {
    // The source has no state yet, or the store is what failed: the log has the error.
  }
}
