/** What the protocol asks of Snowflake. Rows cross as RowBatches, never one by one. */
import type { Column, Cursor, Layout, ObjectName, QueryCut, Range, StreamCut, StreamStage } from '../window.ts';

/** What the gate asks of: a table's change token, or whether a stream has rows ('true', 'false'). */
export type Watched = ObjectName & { isStream?: true };

/** One gate reading: `now` is Snowflake's server time (ms since epoch), `token` is compared for equality only. */
export type Reading = { now: number; token: string | null };

/** What SHOW and DESCRIBE tell; no warehouse. `createdOn` is compared for equality only. */
export type ObjectFacts = {
  createdOn: string;
  tracking: boolean;
  retentionMs: number;
  columns: Column[];
  /** Absent: a table of any kind. */
  isView?: true;
  /** How large it is; absent where nobody tells. */
  rows?: number;
  bytes?: number;
  /** The share that its database was made from: its provider alone can change it. Told where something has to be changed. */
  share?: string;
};

export type ScanStatus =
  { state: 'running' } | { state: 'done' } | { state: 'failed'; error: Error } | { state: 'gone' };

/** One scan's input: the text is a pure function of it (snowflake/sql), so a window can be read again. */
export type ScanRequest = {
  kind: 'snapshot' | 'changes' | 'repair';
  layout: Layout;
  /** The table's. */
  columns: Column[];
  /** `changes`: the bound before; `repair`: what changed after it is sent again. */
  from: string | null;
  to: string;
  /**
   * `repair` of late commits: the query ids of a window's result and of the same text run again. The keys (append-only: the
   * rows) in which they differ are sent again, as they are at `to`. Both results live 24 h, and so does the statement.
   */
  results?: readonly [string, string] | null;
  /** `repair` of listed keys: the query id of their result (`submitKeys`), which lives 24 h. One that is not there at `to` is a delete. */
  keys?: string | null;
  /** `repair`: all rows at `to` for which this condition holds. */
  where?: string | null;
  /** The copy that is read, and the earlier one that it is compared with. */
  staged?: { table: ObjectName; base: { table: ObjectName; columns: Column[] } | null } | null;
};

/** Where a query goes on: from the cursor less the lag, never below what the window before was read from. */
export type Since = {
  column: Column;
  cursor: Cursor;
  /** The copy whose rows without a cursor are looked at again, by key; null where there are none. */
  undated: ObjectName | null;
};

/** A copy to be made of what a query gives now. */
export type StageRequest = { table: ObjectName; layout: Layout; since: Since | null; comment: string };

/** A copy to be made of a table's rows at `to`, sorted as the snapshot's window has them. */
export type SnapshotCopyRequest = { table: ObjectName; layout: Layout; columns: Column[]; to: string; comment: string };

/** A stage to be made: what the stream has goes into `table`, if it is the stage's turn. */
export type StreamRequest = {
  layout: Layout;
  turn: StreamStage;
  /** Of the source: another life's stages are not ours. */
  life: string;
  /** Whether the first stage of a managed stream is what the table has, or what changes. */
  initial: boolean;
  table: ObjectName;
  columns: Column[];
  comment: string;
};

/** The newest stage of a stream: of which life, in which table, and when it was consumed (ISO, Snowflake's clock). */
export type LedgerEntry = { life: string; stage: number; table: string; at: string };

/** What a staged copy holds: `keys` is null unless asked for, `cursor` where there is none yet. */
export type StageFacts = { rows: number; keys: number | null; cursor: Cursor | null };

/**
 * Some rows of a result, as bytes. Valid only until the next batch is asked for: whoever keeps a row copies it.
 *
 * Cell c of row r is `bytes[offsets[2 * (r * width + c)] .. offsets[2 * (r * width + c) + 1])`: the *inside* of a JSON string
 * (escaped as JSON, without its quotes, UTF-8); a start of -1 is NULL.
 */
export type RowBatch = {
  bytes: Uint8Array;
  offsets: Int32Array;
  rows: number;
  width: number;
};

export interface Snowflake {
  /**
   * Token and server time of each source's tables in as few statements as possible, without a warehouse. A source with a
   * table that can't be read gets its error; the others are not harmed. One that watches no table gets the time alone.
   */
  gate(watched: Watched[][]): Promise<(Reading | Error)[]>;
  /** Opens a fresh session when asked after a gate; throws OBJECT_MISSING, for a query also QUERY_INVALID. */
  describe(object: ObjectName, query?: QueryCut): Promise<ObjectFacts>;
  /** What a scan's cells will be: the table's columns as the layout shapes them. @throws TYPE_UNSUPPORTED, COLUMN_MISSING */
  columns(layout: Layout, table: Column[]): Column[];
  /** The statement's text for the request. */
  statement(request: ScanRequest): string;
  /** The text that makes a staged copy of a query's rows. */
  stage(request: StageRequest): string;
  /** The text that makes a copy of a table for its snapshot. */
  copy(request: SnapshotCopyRequest): string;
  /** Counts a copy and takes its cursor, which never goes below `since` nor, for times, past `to`. */
  measure(request: StageRequest, columns: Column[], to: string): Promise<StageFacts>;
  /** Names of the staged copies there that begin with `prefix`. */
  stages(where: Omit<ObjectName, 'name'>, prefix: string): Promise<string[]>;
  drop(table: ObjectName): Promise<void>;
  /**
   * `stream`: the one that is there; null: a managed one that is to be made. Columns with the row id, where it is the key.
   * @throws OBJECT_MISSING, STREAM_UNFIT, TYPE_UNSUPPORTED; HISTORY_LOST when the stream is stale
   */
  describeStream(layout: Omit<Layout, 'number'>, stream: ObjectName | null): Promise<ObjectFacts>;
  /** Columns of a stage, as `describeStream` has them. */
  describeStage(layout: Layout, table: ObjectName): Promise<Pick<ObjectFacts, 'columns'>>;
  /**
   * Makes the stage, empty; for the first one also the ledger and a managed stream, unless they are there. `began`: a managed
   * stream was not there when this was asked.
   */
  prepareStage(request: StreamRequest): Promise<{ began: boolean }>;
  /** The text that fills the stage and moves the ledger on, both or neither. */
  consumption(request: StreamRequest): string;
  /** null: nothing was ever consumed. */
  ledger(stream: ObjectName, staging: StreamCut['staging']): Promise<LedgerEntry | null>;
  /** Names of the streams there that begin with `prefix`. */
  streams(where: Omit<ObjectName, 'name'>, prefix: string): Promise<string[]>;
  /** The stream and its ledger. */
  dropStream(stream: ObjectName): Promise<void>;
  /** Submits asynchronously; answers the query id. `tag` becomes the QUERY_TAG. */
  submit(statement: string, tag: string): Promise<string>;
  /**
   * Submits what makes a result of keys, each the texts of its columns, for `ScanRequest.keys`. They are bound, so they stand in
   * no statement's text.
   */
  submitKeys(keys: readonly (readonly string[])[], tag: string): Promise<string>;
  /** Whether Snowflake takes the statement; nothing is run. @throws SNOWFLAKE_STATEMENT */
  compile(statement: string): Promise<void>;
  /** Waits at most `waitMs` for the query to end. */
  status(queryId: string, waitMs: number): Promise<ScanStatus>;
  /** Rows and hash per bucket of a finished scan, in bucket order; `start` is cumulative. */
  ranges(queryId: string): Promise<{ totalRows: number; ranges: Range[] }>;
  abort(queryId: string): Promise<void>;
  /**
   * Rows [start, end) of a persisted result. Counts are checked; throws RESULT_MALFORMED, RESULT_EXPIRED,
   * SNOWFLAKE_UNREACHABLE.
   */
  read(queryId: string, start: number, end: number, width: number): AsyncIterable<RowBatch>;
  /** Closes sessions; one with a scan that still runs is left to the server. */
  close(): Promise<void>;
}

/** What nobody asks but a person. Apart from `Snowflake`: no tick needs it. */
export interface Account {
  /** The configured one; null where the role does not see it. `autoSuspendMs`: null never. */
  warehouse(): Promise<{ autoSuspendMs: number | null } | null>;
  /** The table and those of its name before it, newest first, as far as Time Travel remembers and the role sees them. */
  lives(object: ObjectName): Promise<{ createdOn: string; rows: number | null }[]>;
  /** The share that the database was made from; null for one of the account's own, or where the role does not see it. */
  shareOf(database: string): Promise<string | null>;
  /** How many keys have more than one row now: a scan. @throws KEY_INVALID */
  duplicates(layout: Layout, columns: Column[]): Promise<number>;
}

/** A table as the listing of its schema shows it. */
export type ListedTable = Pick<ObjectFacts, 'createdOn' | 'tracking' | 'retentionMs'> & { name: string };

/** What there is in a schema, as far as the role sees it. Each is one statement, without a warehouse. */
export interface Catalog {
  /** @throws OBJECT_MISSING for the schema; PATTERN_TOO_LARGE when the list is cut off */
  tables(where: Omit<ObjectName, 'name'>): Promise<ListedTable[]>;
  /** Columns of primary keys in their order, by table. @throws as `tables` */
  primaryKeys(where: Omit<ObjectName, 'name'>): Promise<Map<string, string[]>>;
}
