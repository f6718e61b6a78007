/** The records of the window log and what follows from them alone. Everything published is a window, written once, whole. */

/** Only these five exist; `changes` also serves sources read from streams and queries. */
export type WindowKind = 'snapshot' | 'changes' | 'schema' | 'truncate' | 'repair';

/** A column as DESCRIBE TABLE shows it: `type` is the bare name (NUMBER, VARCHAR, TIMESTAMP_NTZ, ...). */
export type Column = {
  name: string;
  type: string;
  precision: number | null;
  scale: number | null;
  nullable: boolean;
};

/** Immutable, numbered: how windows are cut. A window names its layout. */
export type Layout = {
  number: number;
  /** Number of the deployment that wrote it; an older deployment never writes one. */
  deployment: number;
  /** P: source partitions. */
  partitions: number;
  /** Fully qualified object: database, schema, name as Snowflake stores them. */
  object: { database: string; schema: string; name: string };
  information: 'DEFAULT' | 'APPEND_ONLY';
  /** Key columns, as Snowflake stores the names. */
  key: string[];
  topic: string;
  topicPartitions: number;
  /** What Snowflake makes of columns and rows; none: all of them as they are. */
  shape?: Shape | null;
};

/** What becomes of a table on its way into the topic. All of it happens in Snowflake: what is left out or masked never leaves it. */
export type Shape = {
  /** Null: every column of the table. */
  include: string[] | null;
  exclude: string[];
  /** Columns by an SQL expression and the type it is cast to; one of a column's own name takes its place. */
  computed: { name: string; sql: string; type: { name: string; precision: number | null; scale: number | null } }[];
  /** An SQL condition over the table's columns. */
  where: string | null;
  masks: { column: string; mask: Mask }[];
  skip: ('create' | 'update' | 'delete')[];
};

export type Mask = { kind: 'redact' | 'hash' | 'last-4' } | { kind: 'truncate'; length: number };

/** A partition's slice of a window's result: rows [start, start + rows), with the HASH_AGG of its bucket. */
export type Range = { partition: number; start: number; rows: number; hash: string };

/** A query that runs a window again, and when it was submitted (ISO). */
export type Rerun = { queryId: string; at: string };

export type Window = {
  number: number;
  kind: WindowKind;
  layout: number;
  /** `created_on` of the object when the window was read. */
  createdOn: string;
  /** Bounds `(from, to]`: ISO 8601 UTC with exactly three decimals; `from` is null for a first snapshot. */
  from: string | null;
  to: string;
  /** `repair`: what changed after this bound (ISO) makes up for it. Absent where only the whole table does. */
  since?: string;
  /** Gate token known to be included. */
  covered: string | null;
  /** What the result's cells and the records have: the table's columns as the layout shapes them. */
  columns: Column[];
  statement: string;
  queryId: string;
  /** When the result was made (ISO): it lives 24 h. */
  queriedAt: string;
  /** Its result replaces the old one once it was compared; remembered so that it may outlast an invocation. */
  rerun?: Rerun;
  /** Of a `schema` window: what columns there were before (null: it is the first), and the topic that is told. */
  schema?: { before: Column[] | null; topic: string; topicPartitions: number };
  /** The request that this window answers (operator, recount), or null. */
  request: string | null;
  totalRows: number;
  /** Only partitions that have rows, in order of `start`. */
  ranges: Range[];
  digest: string;
  void: boolean;
};

/** Whether the log has to begin, or to begin anew: the next window of rows is a snapshot or stands for one. */
export function beginsAnew(head: Window | null): boolean {
  return head === null || head.kind === 'truncate' || (head.kind === 'schema' && head.createdOn === '');
}

export function rangeOf(window: Window, partition: number): Range | undefined {
  return window.ranges.find((range) => range.partition === partition);
}

/** The cells of a result row: the window's columns, then these four. */
export const EXTRA_CELLS = { key: 0, action: 1, rowId: 2, bucket: 3, count: 4 } as const;
