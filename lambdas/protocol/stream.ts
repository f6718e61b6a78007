/**
 * Windows of streams. What reads a stream moves it on, once and for good, so its rows go into a stage first: a table made
 * for them, filled by one block that also moves a ledger on, in one transaction. Windows are read from stages, any time.
 *
 *   ledger      ... 4 | 5      one row: this life, its newest stage, where that is
 *   log         ... 4 |        the head names stage 4
 *                     ^ stage 5 was consumed and has no window: it is the next one, nothing is consumed before
 *
 * The block moves the ledger from s - 1 to s or does nothing, so one that comes late, twice, or of a planner that is long
 * dead consumes nothing. `meta.consuming` says, before the block is sent, for which window the ledger must be asked: the stream
 * itself looks empty then. It only grows, so who comes late hides no stage.
 */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import type { SourcePlan } from './begin.ts';
import type { Candidate } from './next-window.ts';
import type { Telemetry } from './ports/effects.ts';
import type { LedgerEntry, ObjectFacts, Snowflake, StreamRequest } from './ports/snowflake.ts';
import type { PendingScan, SourceState } from './ports/state.ts';
import { checkFacts, examine, schemaWindow, type ScanPorts } from './scan.ts';
import { copyName, stagePrefix } from './stage.ts';
import { submitted, worked } from './warehouse.ts';
import { beginsAnew, type Layout, type ObjectName, type StreamStage } from './window.ts';

/** The object as it is; of a stream that is there, what it gives. @throws OBJECT_MISSING, HISTORY_LOST, STREAM_UNFIT */
export function describe(snowflake: Snowflake, layout: Omit<Layout, 'number'>, state: SourceState | null) {
  if (layout.stream === undefined) return snowflake.describe(layout.object, layout.query);
  return snowflake.describeStream(layout, layout.stream.managed ? (standing(state)?.stream ?? null) : layout.object);
}

/** The stage of the newest window; null where the log begins, or begins anew. */
function standing(state: SourceState | null): StreamStage | null {
  const head = state?.head ?? null;
  return head === null || beginsAnew(head) ? null : (head.staged?.stream ?? null);
}

/** A stage may have been consumed that has no window yet. */
export function isConsuming(state: SourceState): boolean {
  return (state.meta.consuming ?? 0) > (state.head?.number ?? 0);
}

/** The stage that the next window is read from. Each beginning has a managed stream of its own. */
function turnOf(state: SourceState, { layout, number }: Candidate): StreamStage {
  const before = standing(state);
  if (before !== null) return { stream: before.stream, number: before.number + 1 };
  const { managed, staging } = layout.stream!;
  const name = `${stagePrefix(state.meta.incarnation)}${number}`;
  return { stream: managed ? { ...staging, name } : layout.object, number: 1 };
}

/**
 * The next stage: the one that has no window, or else the stream's turn comes. Answers what runs and is noted.
 * @throws STATE_DISAGREES, OPERATION_REFUSED, and what `examine` and `schemaWindow` throw
 */
export async function submitStage(
  ports: ScanPorts,
  source: SourcePlan,
  state: SourceState,
  candidate: Candidate,
): Promise<PendingScan> {
  const { layout, request } = candidate;
  if (request !== null) {
    // It would stand in the way of every window to come.
    await ports.checkpoints.settle(source.name, request.id);
    throw new SnowmeltError('OPERATION_REFUSED', `${source.name} reads a stream, whose rows can't be asked for again.`);
  }
  const turn = turnOf(state, candidate);
  const scan: Omit<PendingScan, 'createdOn' | 'statement' | 'queryId' | 'staged' | 'columns'> = {
    number: candidate.number,
    kind: candidate.kind,
    request: null,
    layout: layout.number,
    from: candidate.from,
    to: candidate.to,
    covered: candidate.covered,
    submittedAt: ports.clock.now(),
  };
  if (isConsuming(state)) {
    const stage = consumed(source.name, state, turn, await readLedger(ports, source.name, layout, turn));
    if (stage !== null) {
      const { createdOn } = standing(state) === null ? await describe(ports.snowflake, layout, null) : state.head!;
      const covered = coveredBefore(state, layout, scan.covered);
      return readStage(ports, source.name, state, layout, { ...scan, createdOn, covered }, turn, stage);
    }
  }
  const facts = await examine(ports, state, candidate);
  schemaWindow(source, state, candidate, ports.snowflake.columns(layout, facts.columns));
  const { queryId, statement, table, began } = await consume(ports, source.name, state, candidate, turn, facts);
  const staged = { table, base: null, cursor: null, stream: turn, since: null, made: false };
  // The first stage has what was there when the stream was made: before this look, if another planner made it.
  const covered = turn.number > 1 || began ? scan.covered : coveredBefore(state, layout, scan.covered);
  const noted = { ...scan, covered, createdOn: facts.createdOn, columns: facts.columns, statement, queryId, staged };
  await ports.checkpoints.updateMeta(source.name, { scan: noted, retentionMs: facts.retentionMs });
  return noted;
}

/** The block has ended: what the ledger says now is the window's stage, whoever's it is. */
export async function readConsumed(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  layout: Layout,
  scan: PendingScan,
): Promise<PendingScan> {
  const turn = scan.staged!.stream!;
  const stage = consumed(source, state, turn, await readLedger(ports, source, layout, turn));
  if (stage !== null) {
    const mine = stage.table === scan.staged!.table.name;
    const covered = mine ? scan.covered : coveredBefore(state, layout, scan.covered);
    return readStage(ports, source, state, layout, { ...scan, covered }, turn, stage);
  }
  throw new SnowmeltError('SNOWFLAKE_STATEMENT', `Stage ${turn.number} was not consumed; it is tried again.`);
}

/**
 * The token that is known to be in a stage which another planner consumed: it may have been before this one looked, so what
 * this one saw is not in it for sure. At worst the next window finds nothing.
 */
function coveredBefore({ head }: SourceState, { stream }: Layout, covered: string | null): string | null {
  return stream!.managed ? (head?.covered ?? null) : covered;
}

/** Where the stage is; null: it was not consumed yet. @throws STATE_DISAGREES when the ledger is elsewhere. */
function consumed(
  source: string,
  state: SourceState,
  { stream, number }: StreamStage,
  entry: LedgerEntry | null,
): LedgerEntry | null {
  const mine = entry !== null && entry.life === state.meta.incarnation;
  if (mine && entry.stage === number) return entry;
  if (number === 1 ? !mine : mine && entry.stage === number - 1) return null;
  throw new SnowmeltError(
    'STATE_DISAGREES',
    `Stream ${stream.database}.${stream.schema}.${stream.name} of ${source} was consumed by another: ` +
      `the log is at stage ${number - 1}, the ledger at ${entry?.stage ?? 'none'}${mine ? '' : ' of another life'}.`,
  );
}

async function readLedger(
  ports: ScanPorts,
  source: string,
  layout: Layout,
  { stream }: StreamStage,
): Promise<LedgerEntry | null> {
  const since = ports.clock.now();
  submitted(ports, source);
  const entry = await ports.snowflake.ledger(stream, layout.stream!.staging);
  await worked(ports, source, since);
  return entry;
}

async function consume(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  { layout, kind, number }: Candidate,
  turn: StreamStage,
  { columns }: ObjectFacts,
): Promise<{ queryId: string; statement: string; table: ObjectName; began: boolean }> {
  const { snowflake, checkpoints } = ports;
  const { incarnation } = state.meta;
  // By the window: stages are numbered anew where a source begins anew, and who still knows the old ones drops by number.
  const table = { ...layout.stream!.staging, name: copyName(incarnation, number) };
  const comment = `snowmelt ${source}, stage ${turn.number}`;
  const initial = kind === 'snapshot';
  const request: StreamRequest = { layout, turn, life: incarnation, initial, table, columns, comment };
  const { began } = await snowflake.prepareStage(request);
  await checkpoints.updateMeta(source, { consuming: number });
  const statement = snowflake.consumption(request);
  const queryId = await snowflake.submit(statement, `${source}/stage ${turn.number}`);
  submitted(ports, source);
  return { queryId, statement, table, began };
}

/** Submits the window's own text. It ends when its stage was consumed, by Snowflake's clock. */
async function readStage(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  layout: Layout,
  scan: Omit<PendingScan, 'statement' | 'queryId' | 'staged' | 'columns'>,
  turn: StreamStage,
  entry: LedgerEntry,
): Promise<PendingScan> {
  const { snowflake, checkpoints, clock } = ports;
  const table = { ...layout.stream!.staging, name: entry.table };
  const { columns } = await snowflake.describeStage(layout, table);
  checkFacts(snowflake, layout, { createdOn: '', tracking: true, retentionMs: 1, columns });
  const to = state.head !== null && entry.at < state.head.to ? state.head.to : entry.at;
  const { kind, from } = scan;
  const statement = snowflake.statement({ kind, layout, columns, from, to, staged: { table, base: null } });
  const queryId = await snowflake.submit(statement, `${source}/${scan.number}`);
  submitted(ports, source);
  const staged = { table, base: null, cursor: null, stream: turn, since: null, made: true };
  const read: PendingScan = { ...scan, to, columns, statement, queryId, submittedAt: clock.now(), staged };
  await checkpoints.updateMeta(source, { scan: read });
  return read;
}

/** Drops managed streams of before the source began anew. That it fails costs space, not the tick. */
export async function dropStreams(
  { snowflake, telemetry }: { snowflake: Snowflake; telemetry: Telemetry },
  source: string,
  { head, meta }: SourceState,
): Promise<void> {
  const newest = head?.staged?.stream?.stream;
  if (newest === undefined) return;
  const prefix = stagePrefix(meta.incarnation);
  const began = (name: string) => Number(name.slice(prefix.length));
  try {
    for (const name of await snowflake.streams(newest, prefix)) {
      // One of a later beginning may be made and consumed already, by a planner that knows of it before its window is written.
      if (began(name) < began(newest.name)) await snowflake.dropStream({ ...newest, name });
    }
  } catch (error) {
    const failure = asSnowmeltError(error);
    telemetry.error(failure, { source, code: failure.code });
  }
}
