/**
 * One candidate -> a window, read once. The scan is submitted asynchronously, noted in `meta.scan`, and waited for while the
 * invocation lasts; a later one finds it. The note saves work and decides nothing: another planner's window is as good.
 */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import { columnsFingerprint, windowDigest } from './digest.ts';
import type { SourcePlan } from './begin.ts';
import { schemaChanges } from './evolution.ts';
import { copyFor, readSnapshotCopy, wantsCopy } from './copy.ts';
import { firstKind, type Candidate } from './next-window.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { ObjectFacts, Snowflake } from './ports/snowflake.ts';
import type { PendingScan, SourceState, WindowRequest } from './ports/state.ts';
import { checkCursor, readCopy, stageFor } from './stage.ts';
import { describe, readConsumed } from './stream.ts';
import { running, submitted, worked, type WarehousePorts } from './warehouse.ts';
import { beginsAnew, type Column, type Layout, type Range, type Staged, type Window } from './window.ts';

export type ScanPorts = { snowflake: Snowflake; checkpoints: Checkpoints } & WarehousePorts;

const POLL_MS = 5_000;

/** A pending scan counts only if it is what would be taken now. What the head is follows from the number. */
export function isCurrent(scan: PendingScan, source: SourcePlan, state: SourceState, layout: Layout): boolean {
  const { head } = state;
  if (scan.number !== (head?.number ?? 0) + 1 || scan.layout !== layout.number) return false;
  if (head === null || beginsAnew(head)) {
    const snapshot = source.snapshot ?? { mode: 'initial', from: null };
    const kind = firstKind(head, snapshot, layout);
    return scan.kind === kind && (kind === 'snapshot' || scan.from === (snapshot.from ?? scan.from));
  }
  const asked = scan.request === null ? scan.kind === 'changes' : scan.request === state.meta.request?.id;
  return asked && scan.from === head.to && head.createdOn === scan.createdOn;
}

/** The object as it is, fit for the candidate. @throws OBJECT_MISSING, TRACKING_OFF, KEY_INVALID, HISTORY_LOST. */
export async function examine(ports: ScanPorts, state: SourceState, candidate: Candidate): Promise<ObjectFacts> {
  const { layout } = candidate;
  const facts = await describe(ports.snowflake, layout, state);
  checkFacts(ports.snowflake, layout, facts);
  const { head } = state;
  if (head !== null && !beginsAnew(head) && head.createdOn !== facts.createdOn) {
    throw new SnowmeltError(
      'HISTORY_LOST',
      `${objectName(layout)} was created ${facts.createdOn}; window ${head.number} read one created ${head.createdOn}.`,
    );
  }
  if (beginsAnew(head) && !state.meta.sightings.some((seen) => seen.createdOn === facts.createdOn)) {
    throw new SnowmeltError(
      'OBJECT_CHANGED',
      `${objectName(layout)} was replaced just now; the next tick looks again.`,
    );
  }
  return facts;
}

/**
 * What is told before the candidate is read: a `schema` window where its columns are not those of the window before, and
 * somebody wants to know. @throws SCHEMA_INCOMPATIBLE
 */
export function schemaWindow(
  source: SourcePlan,
  state: SourceState,
  { layout, number, to }: Candidate,
  after: Column[],
): Window | null {
  const { head, meta } = state;
  const before = head === null || head.columns.length === 0 ? null : head.columns;
  const changes = before === null ? [] : schemaChanges(before, after);
  const edited = head !== null && !sameShape(layout, state.layouts.get(head.layout));
  const wrong = changes.filter(({ column, compatible }) => {
    if (compatible || edited) return false;
    return source.schemaChanges !== 'any' || layout.key.includes(column);
  });
  if (wrong.length > 0) {
    const list = wrong.map(({ column, text }) => `${column} ${text}`).join('; ');
    throw new SnowmeltError('SCHEMA_INCOMPATIBLE', `Columns of ${objectName(layout)} changed: ${list}.`);
  }
  const { schemaTopic } = source;
  if (!schemaTopic || (before !== null && changes.length === 0)) return null;
  const bound = head?.to ?? to;
  const window: Omit<Window, 'digest'> = {
    number,
    kind: 'schema',
    layout: layout.number,
    createdOn: head?.createdOn ?? '',
    from: head === null ? null : bound,
    to: bound,
    covered: head?.covered ?? null,
    columns: after,
    statement: '',
    queryId: '',
    queriedAt: bound,
    schema: { before, topic: schemaTopic.name, topicPartitions: schemaTopic.partitions },
    request: null,
    totalRows: 1,
    ranges: [{ partition: 0, start: 0, rows: 1, hash: '' }],
    void: false,
  };
  return { ...window, digest: windowDigest(meta.incarnation, window) };
}

/** A layout with other columns is the user's own word for them. */
function sameShape(a: Layout, b: Layout | undefined): boolean {
  const shape = (layout: Layout | undefined) => JSON.stringify([layout?.shape ?? null, layout?.key]);
  return shape(a) === shape(b);
}

/** Submits the candidate's scan and notes it. */
export async function submitScan(
  ports: ScanPorts,
  { name: source, copy }: Pick<SourcePlan, 'name' | 'copy'>,
  state: SourceState,
  candidate: Candidate,
  facts: ObjectFacts,
): Promise<PendingScan> {
  const { layout } = candidate;
  const since = candidate.request?.since ?? null;
  const work =
    layout.query !== undefined
      ? stageFor(ports.snowflake, source, state, candidate, facts.columns)
      : wantsCopy(copy, candidate, facts)
        ? await copyFor(ports, source, state, candidate, facts, copy!)
        : { statement: statementFor(ports.snowflake, candidate, facts), columns: facts.columns };
  const queryId = await ports.snowflake
    .submit(work.statement, `${source}/${candidate.number}`)
    .catch((error: unknown) => {
      throw blamed(candidate.request, error);
    });
  submitted(ports, source);
  const scan: PendingScan = {
    number: candidate.number,
    kind: candidate.kind,
    request: candidate.request?.id ?? null,
    layout: layout.number,
    from: candidate.from,
    to: candidate.to,
    ...(since !== null && { since }),
    covered: candidate.covered,
    createdOn: facts.createdOn,
    ...work,
    queryId,
    submittedAt: ports.clock.now(),
  };
  await ports.checkpoints.updateMeta(source, { scan, retentionMs: facts.retentionMs });
  return scan;
}

function statementFor(snowflake: Snowflake, candidate: Candidate, { columns }: ObjectFacts): string {
  const { kind, layout, to, request } = candidate;
  const from = request?.since ?? candidate.from;
  const { results = null, keys, where = null } = request ?? {};
  if (keys !== undefined && keys.layout !== layout.number) {
    throw new SnowmeltError(
      'OPERATION_REFUSED',
      `The keys were listed under layout ${keys.layout}, and the source has layout ${layout.number} since.`,
    );
  }
  return snowflake.statement({ kind, layout, columns, from, to, results, keys: keys?.queryId ?? null, where });
}

/**
 * What an operator wrote, or listed a day ago, can itself be what a statement fails for. Then the request is refused; trying it
 * again would hold the source for ever.
 */
function blamed(request: WindowRequest | null, error: unknown): SnowmeltError {
  const failure = asSnowmeltError(error);
  const own = request?.keys !== undefined || request?.where !== undefined;
  if (!own || !['SNOWFLAKE_STATEMENT', 'RESULT_EXPIRED'].includes(failure.code)) return failure;
  return new SnowmeltError('OPERATION_REFUSED', failure.message, { cause: failure });
}

/** Waits for the scan; null while it still runs when the invocation's time is short. */
export async function finishScan(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  layout: Layout,
  pending: PendingScan,
  reserveMs: number,
): Promise<Window | null> {
  const { snowflake, checkpoints, clock } = ports;
  let scan = pending;
  const tell = running(ports, scan.submittedAt);
  for (;;) {
    const status = await snowflake.status(
      scan.queryId,
      Math.min(POLL_MS, Math.max(0, clock.remainingMs() - reserveMs)),
    );
    const waits = status.state === 'running' && clock.remainingMs() > reserveMs;
    if (waits) await tell();
    else await worked(ports, source, scan.submittedAt, status.state !== 'running');
    if (status.state === 'done') {
      if (scan.staged?.made !== false) break;
      scan = await forgetting(ports, source, () => {
        if (scan.staged?.snapshot) return readSnapshotCopy(ports, source, layout, scan);
        return (layout.stream === undefined ? readCopy : readConsumed)(ports, source, state, layout, scan);
      });
      continue;
    }
    if (status.state !== 'running') {
      await checkpoints.updateMeta(source, { scan: null });
      const { request } = state.meta;
      if (status.state === 'failed') throw blamed(request?.id === scan.request ? request : null, status.error);
      throw new SnowmeltError('SNOWFLAKE_STATEMENT', `The scan ${scan.queryId} vanished; it is submitted again.`);
    }
    if (!waits) return null;
  }
  return forgetting(ports, source, async () => {
    await checkUnchanged(snowflake, layout, scan);
    const since = clock.now();
    const { totalRows, ranges } = await snowflake.ranges(scan.queryId);
    if (totalRows > 0) {
      submitted(ports, source);
      await worked(ports, source, since);
    }
    checkRanges(layout, totalRows, ranges, scan);
    const window: Omit<Window, 'digest'> = {
      number: scan.number,
      kind: scan.kind,
      layout: layout.number,
      createdOn: scan.createdOn,
      from: scan.from,
      to: scan.to,
      ...(scan.since !== undefined && { since: scan.since }),
      covered: scan.covered,
      columns: snowflake.columns(layout, scan.columns),
      statement: scan.statement,
      queryId: scan.queryId,
      queriedAt: new Date(scan.submittedAt).toISOString(),
      request: scan.request,
      ...(scan.staged && { staged: stagedOf(scan.staged) }),
      totalRows,
      ranges,
      void: false,
    };
    return { ...window, digest: windowDigest(state.meta.incarnation, window) };
  });
}

/** A scan that can't be used is forgotten; the next tick begins anew. */
async function forgetting<T>({ checkpoints }: ScanPorts, source: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await checkpoints.updateMeta(source, { scan: null });
    throw error;
  }
}

/**
 * The object was the same before and after the query, so the result is of that object and those columns. A staged copy
 * never changes. @throws OBJECT_CHANGED
 */
export async function checkUnchanged(snowflake: Snowflake, layout: Layout, scan: PendingScan): Promise<void> {
  if (scan.staged?.made === true) return;
  const facts = await snowflake.describe(layout.object);
  if (facts.createdOn === scan.createdOn && columnsFingerprint(facts.columns) === columnsFingerprint(scan.columns))
    return;
  throw new SnowmeltError('OBJECT_CHANGED', `${objectName(layout)} was altered while window ${scan.number} was read.`);
}

function stagedOf({ table, base, cursor, stream, snapshot }: Staged): Staged {
  return { table, base, cursor, ...(stream && { stream }), ...(snapshot && { snapshot }) };
}

/** What must hold of the object before anything is read. */
export function checkFacts(snowflake: Snowflake, layout: Layout, facts: ObjectFacts): void {
  const name = layout.query === undefined ? objectName(layout) : 'The query';
  if (!facts.tracking) {
    throw new SnowmeltError('TRACKING_OFF', `Change tracking is off: ${trackingFix(name, facts)}`);
  }
  if (facts.retentionMs <= 0) {
    throw new SnowmeltError('RETENTION_ZERO', `ALTER TABLE ${name} SET DATA_RETENTION_TIME_IN_DAYS = 1`);
  }
  const columns = snowflake.columns(layout, facts.columns);
  const missing = layout.key.filter((key) => !columns.some((column) => column.name === key));
  if (missing.length > 0) {
    const has = columns.map((column) => column.name).join(', ');
    throw new SnowmeltError('KEY_INVALID', `${name} has no column ${missing.join(', ')}; it has ${has}.`);
  }
  checkCursor(layout, facts.columns);
}

/** What is shared can't be altered by who reads it. */
export function trackingFix(name: string, { isView, share }: Pick<ObjectFacts, 'isView' | 'share'>): string {
  const alter = (of: string) => `ALTER ${isView ? 'VIEW' : 'TABLE'} ${of} SET CHANGE_TRACKING = TRUE`;
  if (share === undefined) return alter(name);
  return `ask the provider of share ${share} for ${alter('<its name there>')}; ${name} can't be altered here`;
}

function checkRanges(layout: Layout, totalRows: number, ranges: Range[], scan: PendingScan): void {
  let start = 0;
  for (const range of ranges) {
    const valid = range.start === start && range.rows > 0 && range.partition < layout.partitions;
    if (!valid) break;
    start += range.rows;
  }
  if (start === totalRows) return;
  throw new SnowmeltError(
    'RESULT_MALFORMED',
    `Window ${scan.number}: the partitions' ranges add up to ${start} of ${totalRows} rows.`,
  );
}

function objectName(layout: Layout): string {
  const { database, schema, name } = layout.object;
  return [database, schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}
