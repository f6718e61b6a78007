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

/** A table, as Snowflake stores the names. */
export type ObjectName = { database: string; schema: string; name: string };

/** How a query source is read. `bulk` rows are keyed and may go; the others are only ever added or sent again. */
export type QueryCut = {
  /** One SELECT, checked. */
  text: string;
  mode: 'bulk' | 'incrementing' | 'timestamp';
  /** The column that only grows; null for `bulk`. */
  cursor: string | null;
  /** How far below the cursor rows may still appear: ms for `timestamp`, a number for `incrementing`. */
  lag: number;
  /** Tables whose changes open a window; none: each tick does. */
  watch: ObjectName[];
};

/** A stream that is there (the layout's object), or one that is made on the object. */
export type StreamCut = {
  managed: boolean;
  /** Schema of stages, ledger and a managed stream. */
  staging: { database: string; schema: string };
};

/** Immutable, numbered: how windows are cut. A window names its layout. */
export type Layout = {
  number: number;
  /** Number of the deployment that wrote it; an older deployment never writes one. */
  deployment: number;
  /** P: source partitions. */
  partitions: number;
  /** Fully qualified object. Of a query source: where its staged copies are kept, and the source's own name. */
  object: ObjectName;
  /** Of a query source; its windows are read from staged copies. */
  query?: QueryCut;
  /** Of a stream source; its windows are read from stages. */
  stream?: StreamCut;
  information: 'DEFAULT' | 'APPEND_ONLY';
  /** Key columns, as Snowflake stores the names. */
  key: string[];
  /** How keys are encoded: their bytes choose the topicPartition. Absent in layouts of before it was noted. */
  keyFormat?: 'json' | 'json-with-schema' | 'avro' | 'protobuf';
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

/**
 * Where a query source's cursor stands after a window; the next one reads from `value` less the lag. The only thing taken
 * from rows that is ever stored.
 */
export type Cursor = {
  /** Text, canonical for the cursor column's type. */
  value: string;
  /** What the window itself was read from on, as such a text; null: from the beginning. */
  floor: string | null;
  /** Rows without a cursor, which the next window looks at again. */
  nulls: number;
};

/** What a stream had in one go. Stages of a stream are dense, by the ledger that stands beside it. */
export type StreamStage = { stream: ObjectName; number: number };

/** The staged copy that a window is read from, which never changes, and the earlier one that it is compared with. */
export type Staged = {
  table: ObjectName;
  base: ObjectName | null;
  cursor: Cursor | null;
  /** Of a stream source. */
  stream?: StreamStage;
  /** Of a table's snapshot; nothing but that window is read from it. */
  snapshot?: true;
};

/** Whether its rows are a table's own, which can be read again AT its bounds: not what a query or a stream gave once. */
export function readsTable({ staged }: Pick<Window, 'staged'>): boolean {
  return staged === undefined || staged.snapshot === true;
}

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
  /** Of a window of a query or a stream, and of a large table's snapshot. */
  staged?: Staged;
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
