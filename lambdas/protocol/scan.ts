/**
 * One candidate -> a window, read once. The scan is submitted asynchronously, noted in `meta.scan`, and waited for while the
 * invocation lasts; a later one finds it. The note saves work and decides nothing: another planner's window is as good.
 */
import { SnowmeltError } from '../errors.ts';
import { columnsFingerprint, windowDigest } from './digest.ts';
import type { Candidate } from './next-window.ts';
import type { Checkpoints, Clock, ObjectFacts, PendingScan, Snowflake, SourceState, Telemetry } from './ports.ts';
import type { Layout, Range, Window } from './window.ts';

export type ScanPorts = { snowflake: Snowflake; checkpoints: Checkpoints; clock: Clock; telemetry: Telemetry };

const POLL_MS = 5_000;

/** A pending scan counts only if it is what would be taken now. */
export function isCurrent(scan: PendingScan, state: SourceState, layout: Layout): boolean {
  const head = state.head;
  const first = head === null || head.kind === 'truncate';
  return (
    scan.number === (head?.number ?? 0) + 1 &&
    scan.layout === layout.number &&
    scan.from === (head?.to ?? null) &&
    (scan.request === null
      ? scan.kind === (first ? 'snapshot' : 'changes')
      : scan.request === state.meta.request?.id) &&
    (first || head.createdOn === scan.createdOn)
  );
}

/** Submits the candidate's scan and notes it. @throws OBJECT_MISSING, TRACKING_OFF, KEY_INVALID, HISTORY_LOST. */
export async function submitScan(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  candidate: Candidate,
): Promise<PendingScan> {
  const { layout } = candidate;
  const facts = await ports.snowflake.describe(layout.object);
  checkFacts(layout, facts);
  const head = state.head;
  if (head !== null && head.kind !== 'truncate' && head.createdOn !== facts.createdOn) {
    throw new SnowmeltError(
      'HISTORY_LOST',
      `${objectName(layout)} was created ${facts.createdOn}; window ${head.number} read one created ${head.createdOn}.`,
    );
  }
  if (
    candidate.kind === 'snapshot' &&
    candidate.request === null &&
    !state.meta.sightings.some((seen) => seen.createdOn === facts.createdOn)
  ) {
    throw new SnowmeltError(
      'OBJECT_CHANGED',
      `${objectName(layout)} was replaced just now; the next tick looks again.`,
    );
  }
  const since = candidate.request?.since ?? null;
  const statement = ports.snowflake.statement({
    kind: candidate.kind,
    layout,
    columns: facts.columns,
    from: since ?? candidate.from,
    to: candidate.to,
    results: candidate.request?.results ?? null,
  });
  const queryId = await ports.snowflake.submit(statement, `${source}/${candidate.number}`);
  ports.telemetry.count('WarehouseStatements', 1, { source });
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
    columns: facts.columns,
    statement,
    queryId,
    submittedAt: ports.clock.now(),
  };
  await ports.checkpoints.updateMeta(source, { scan, retentionMs: facts.retentionMs });
  return scan;
}

/** Waits for the scan; null while it still runs when the invocation's time is short. */
export async function finishScan(
  ports: ScanPorts,
  source: string,
  state: SourceState,
  layout: Layout,
  scan: PendingScan,
  reserveMs: number,
): Promise<Window | null> {
  const { snowflake, checkpoints, clock } = ports;
  for (;;) {
    const status = await snowflake.status(
      scan.queryId,
      Math.min(POLL_MS, Math.max(0, clock.remainingMs() - reserveMs)),
    );
    if (status.state === 'done') break;
    if (status.state !== 'running') {
      await checkpoints.updateMeta(source, { scan: null });
      if (status.state === 'failed') throw status.error;
      throw new SnowmeltError('SNOWFLAKE_STATEMENT', `The scan ${scan.queryId} vanished; it is submitted again.`);
    }
    if (clock.remainingMs() <= reserveMs) return null;
  }
  ports.telemetry.count('WarehouseSeconds', (clock.now() - scan.submittedAt) / 1000, { source });
  try {
    // The object was the same before and after the query, so the result is of that object and those columns.
    const facts = await snowflake.describe(layout.object);
    if (facts.createdOn !== scan.createdOn || columnsFingerprint(facts.columns) !== columnsFingerprint(scan.columns)) {
      throw new SnowmeltError(
        'OBJECT_CHANGED',
        `${objectName(layout)} was altered while window ${scan.number} was read.`,
      );
    }
    const { totalRows, ranges } = await snowflake.ranges(scan.queryId);
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
      columns: scan.columns,
      statement: scan.statement,
      queryId: scan.queryId,
      queriedAt: new Date(scan.submittedAt).toISOString(),
      request: scan.request,
      totalRows,
      ranges,
      void: false,
    };
    return { ...window, digest: windowDigest(state.meta.incarnation, window) };
  } catch (error) {
    await checkpoints.updateMeta(source, { scan: null });
    throw error;
  }
}

/** What must hold of the object before anything is read. */
export function checkFacts(layout: Layout, facts: ObjectFacts): void {
  const name = objectName(layout);
  if (!facts.tracking) {
    throw new SnowmeltError('TRACKING_OFF', `Change tracking is off: ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`);
  }
  if (facts.retentionMs <= 0) {
    throw new SnowmeltError('RETENTION_ZERO', `ALTER TABLE ${name} SET DATA_RETENTION_TIME_IN_DAYS = 1`);
  }
  const missing = layout.key.filter((key) => !facts.columns.some((column) => column.name === key));
  if (missing.length > 0) {
    const has = facts.columns.map((column) => column.name).join(', ');
    throw new SnowmeltError('KEY_INVALID', `${name} has no column ${missing.join(', ')}; it has ${has}.`);
  }
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
