/**
 * Streams: a point between two commits of a table, or of those behind a view, from which on its changes were not consumed. A
 * stream holds no rows.
 * With SHOW_INITIAL_ROWS it first shows what the table had at that point, until that was consumed.
 */
import { baseDropped, changeTrackingMissing, staleStream } from '../errors.ts';
import {
  atSql,
  changesSql,
  columnIds,
  initialSql,
  qualifiedName,
  type Table,
  type TrackingInterval,
  type Unseen,
} from './table.ts';

export type Stream = {
  database: string;
  schema: string;
  name: string;
  createdOn: bigint;
  /** The role that made it. */
  owner: string;
  comment: string;
  /** The object, whatever its name is by now. */
  table: Table;
  /** What has the rows: the table itself, or the tables behind a view. */
  bases: Table[];
  mode: 'DEFAULT' | 'APPEND_ONLY' | 'INSERT_ONLY';
  offset: bigint;
  initial: boolean;
};

/** What a statement read of a stream, and so consumes when it is a DML that commits. */
export type StreamRead = { offset: bigint; initial: boolean; to: bigint };

const DAY = 86_400_000_000_000n;
/** MAX_DATA_EXTENSION_TIME_IN_DAYS. */
const EXTENSION_DAYS = 14;

/** What is shared keeps its history as long as its provider says, whoever has a stream on it. */
export function staleAfter(stream: Stream): bigint {
  const extension = [...involved(stream)].some((t) => t.imported) ? 0 : EXTENSION_DAYS;
  const days = Math.max(Math.min(...stream.bases.map((t) => t.retentionDays)), extension);
  return stream.offset + BigInt(days) * DAY;
}

const involved = ({ table, bases }: Stream): Set<Table> => new Set([table, ...bases]);

export const isStale = (stream: Stream, now: bigint): boolean =>
  [...involved(stream)].some((t) => t.droppedOn !== null || stream.offset < t.historyFrom) || staleAfter(stream) < now;

const isTrackedSince = ({ on, off }: TrackingInterval, from: bigint): boolean => on <= from && off === null;

/** Throws unless the stream can be read. */
export function checkReadable(stream: Stream, now: bigint): void {
  const tables = [...involved(stream)];
  const dropped = tables.find((t) => t.droppedOn !== null);
  if (dropped) throw baseDropped(dropped.name);
  if (isStale(stream, now)) throw staleStream(stream.name);
  const untracked = tables.find((t) => !t.tracking.some((interval) => isTrackedSince(interval, stream.offset)));
  if (untracked) throw changeTrackingMissing(qualifiedName(untracked));
}

/** Its rows up to `to`: the table's columns, then `__action`, `__update`, `__row`. Rows of files have no ids. */
export function streamSql(stream: Stream, read: StreamRead, unseen: Unseen, rowIdsStay: boolean): string {
  const sql = rowsSql(stream, read, unseen, rowIdsStay);
  const ofFiles = stream.mode === 'INSERT_ONLY' || stream.table.stage === true;
  return ofFiles ? `SELECT * REPLACE ('' AS __row) FROM (${sql})` : sql;
}

function rowsSql({ table, mode }: Stream, read: StreamRead, unseen: Unseen, rowIdsStay: boolean): string {
  if (read.initial) return initialSql(table, read.offset, rowIdsStay);
  const kind = mode === 'DEFAULT' ? mode : 'APPEND_ONLY';
  if (read.to > read.offset) return changesSql(table, read.offset, read.to, kind, unseen, rowIdsStay);
  const empty = `SELECT ${columnIds(table)} FROM (${atSql(table, 0n, [])}) WHERE FALSE`;
  return `SELECT *, 'INSERT' AS __action, FALSE AS __update, '' AS __row FROM (${empty})`;
}

export const moved = (stream: Stream, read: StreamRead): boolean =>
  stream.offset !== read.offset || stream.initial !== read.initial;

/** The rows that were there at the start are one step, the changes since then the next. Never goes back. */
export function advance(stream: Stream, read: StreamRead): void {
  if (read.initial) stream.initial = false;
  else if (read.to > stream.offset) stream.offset = read.to;
}
