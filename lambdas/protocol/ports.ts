/**
 * The seams between the protocol and the world. `protocol/` does no I/O: it is handed these.
 * Rows cross as RowBatches, never one by one.
 */
import type { ErrorCode } from '../errors.ts';
import type { Position } from './position.ts';
import type {
  Column,
  Cursor,
  Layout,
  ObjectName,
  QueryCut,
  Range,
  Rerun,
  Staged,
  StreamCut,
  StreamStage,
  Window,
} from './window.ts';

/** Wall clock in ms; `remainingMs` is what is left of this invocation. */
export interface Clock {
  now(): number;
  remainingMs(): number;
  pause(ms: number): Promise<void>;
}

// ---------------------------------------------------------------- Snowflake

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
  /** Of a query or a stream: the copy that is read, and the earlier one that it is compared with. */
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
  /** Counts a copy and takes its cursor, which never goes below `since` nor, for times, past `to`. */
  measure(request: StageRequest, columns: Column[], to: string): Promise<StageFacts>;
  /** Names of the staged copies there that begin with `prefix`. */
  stages(where: ObjectName, prefix: string): Promise<string[]>;
  drop(table: ObjectName): Promise<void>;
  /**
   * `stream`: the one that is there; null: a managed one that is to be made. Columns with the row id, where it is the key.
   * @throws OBJECT_MISSING, STREAM_UNFIT, TYPE_UNSUPPORTED; HISTORY_LOST when the stream is stale
   */
  describeStream(layout: Omit<Layout, 'number'>, stream: ObjectName | null): Promise<ObjectFacts>;
  /** Columns of a stage, as `describeStream` has them. */
  describeStage(layout: Layout, table: ObjectName): Promise<Pick<ObjectFacts, 'columns'>>;
  /** Makes the stage, empty; for the first one also the ledger and a managed stream, unless they are there. */
  prepareStage(request: StreamRequest): Promise<void>;
  /** The text that fills the stage and moves the ledger on, both or neither. */
  consumption(request: StreamRequest): string;
  /** null: nothing was ever consumed. */
  ledger(stream: ObjectName, staging: StreamCut['staging']): Promise<LedgerEntry | null>;
  /** Names of the streams there that begin with `prefix`. */
  streams(where: ObjectName, prefix: string): Promise<string[]>;
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

// ---------------------------------------------------------------- Kafka

/** The position committed inside the Kafka transaction, as a consumer-group offset with this metadata. */
export type Marker = {
  position: Position;
  incarnation: string;
  /** Digest of the window that `position` is in. */
  digest: string;
  /** `to` of that window. */
  to: string;
  /** Hash of the row before the position: a reader that goes on proves with it that it has the same result. */
  last: string;
  /** Time of the commit, ms since epoch. */
  at: number;
  /** The last record that the brokers acknowledged before the commit; null where a marker was committed alone. */
  sent: Sent | null;
  /** Of the window that `position` is in; null or absent: none of its rows up to there is a dead letter. */
  dead?: DeadRows | null;
};

/** Rows of a window that went to the dead letters, up to some position: how many, and the number of the last one. */
export type DeadRows = { window: number; rows: number; last: number };

/** Offset of a record in its topicPartition. */
export type Sent = { topic: string; topicPartition: number; offset: number };

export type TopicFacts = {
  minInsyncReplicas: number | null;
  replication: number;
  uncleanElection: boolean | null;
  compacted: boolean | null;
};

export type OpenRequest = {
  source: string;
  partition: number;
  topic: string;
  /** What records are partitioned by: the count of the window's own layout. */
  topicPartitions: number;
  /** The count that the topic must have: that of the newest layout; greater when a topic grew since the window's. */
  newestTopicPartitions: number;
  /** Smallest partition count of the control topic (P). */
  partitions: number;
  /**
   * With `at-least-once` nothing on the wire is transactional: an idempotent producer without a transactional id, no control
   * topic, no marker; `commit` resolves when all that was appended is acknowledged.
   */
  delivery: Delivery;
  /** The topic that `tell` is for; none is absent or null. */
  progress?: { topic: string; topicPartitions: number } | null;
  /** The topic that `bury` is for; none is absent or null. */
  deadLetters?: { topic: string; topicPartitions: number } | null;
  /** Doesn't read the marker (an operator signs it anew): `commit` may then commit a marker alone, without a record. */
  adopt?: boolean;
};

export type Delivery = 'exactly-once' | 'at-least-once';

/** What an operator is shown where Kafka and the store disagree; read without InitProducerId, so nobody is fenced. */
export type Inspection = {
  clusterId: string;
  /** null: the topic does not exist. */
  topicPartitions: number | null;
  /** Where the topicPartitions end; the timestamp is that of the last batch, null when there is none or it may not be read. */
  ends: { topicPartition: number; endOffset: string; lastTimestamp: number | null }[];
  /** null: the control topic does not exist. */
  controlPartitions: number | null;
  /** Of each source partition; null when Kafka has none. */
  markers: ({ marker: Marker } | { unreadable: string } | null)[];
};

/**
 * A producer after InitProducerId: whatever an earlier owner had open is decided. One object serves one epoch: after any
 * error it is closed and a new one opened. It batches per topicPartition, one outstanding send each.
 */
export interface KafkaProducer {
  readonly clusterId: string;
  /** The committed marker of this partition; null when Kafka has none, and when it was not read. */
  readonly marker: Marker | null;
  /** Where the topicPartition that `marker.sent` names ends now; null when that is of another topic, or not known. */
  readonly end: number | null;
  /**
   * Adds a record: key and value are slices of `bytes`; `valueStart` -1 is a tombstone. The topicPartition is murmur2 of
   * the key modulo the layout's count. Copies at once. Returns false when the caller must await `ready()` before the next one.
   * With at-least-once the record carries `window:row` in the header `snowmelt.position`, besides `headers`.
   * @throws RECORD_TOO_LARGE, with nothing added, for one that the topic does not take even alone in a batch, compressed
   */
  append(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers?: RecordHeaders | null,
  ): boolean;
  /** As `append`, but to each topicPartition: a record that concerns every key. */
  broadcast(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers?: RecordHeaders | null,
  ): void;
  /** Adds a record for the topic of progress to the transaction. */
  tell(record: PlainRecord, window: number, row: number): void;
  /** Adds a record for the topic of dead letters to the transaction; as `append` does. */
  bury(record: PlainRecord, window: number, row: number): boolean;
  /** Bytes that key and value of such a record may have together; 0 without the topic. */
  readonly letterBytes: number;
  /** Resolves when there is room; rejects with the first error of a send. */
  ready(): Promise<void>;
  /** Records appended and not committed. */
  readonly pending: number;
  /** When the open transaction began (ms), or null. */
  readonly transactionSince: number | null;
  /**
   * Sends what is left, then the marker, then commits; with at-least-once only the first. Any rejection is an unknown outcome.
   * What is appended meanwhile is not part of it and is kept back until it has ended. One at a time.
   */
  commit(marker: Omit<Marker, 'sent'>): Promise<void>;
  /** Drops it: never aborts, never waits long. */
  close(): Promise<void>;
}

export interface Kafka {
  /**
   * Compares Metadata with the request (TOPIC_DIFFERS: another count than the newest, or fewer than the window's), sends
   * InitProducerId (waiting for an earlier transaction to be decided), then reads the marker of this partition alone with require_stable,
   * then the end of the topicPartition that it names. Throws KAFKA_UNREACHABLE,
   * KAFKA_UNAUTHORIZED, KAFKA_FAILED, STATE_DISAGREES (a marker that is not ours to read).
   */
  open(request: OpenRequest): Promise<KafkaProducer>;
  /** Settings that exactly once rests on; null where the broker hides one. */
  facts(topic: string): Promise<{ topic: TopicFacts; offsetsRetentionMs: number | null }>;
  /** `partitions`: source partitions whose markers are read, with require_stable; foreign ones are told, never thrown. */
  inspect(request: { source: string; partitions: number; topic: string }): Promise<Inspection>;
  close(): Promise<void>;
}

/** Of a topic that is made. `retentionMs` null: as the brokers say. */
export type TopicSettings = { replication: number; minInsync: number; retentionMs: number | null; compact: boolean };

/** Apart from `Kafka`: only sources of a pattern need it, and the right to. */
export interface TopicMaker {
  /** Resolves when it is there, made now or before. Throws TOPIC_DIFFERS where the brokers won't; KAFKA_UNAUTHORIZED. */
  makeTopic(topic: string, partitions: number, settings: TopicSettings): Promise<void>;
}

/** A record as it lies in a topic, valid until its visitor is done; a start of -1: no key, no value. */
export type TopicRecord = {
  topicPartition: number;
  offset: number;
  bytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
};

/** A promise, which is waited for, only where there is something to wait for. */
export type RecordVisitor = (record: TopicRecord) => Promise<void> | undefined;

/** Offsets [begin, end) of a topicPartition; `begin` is above 0 where retention has deleted. */
export type TopicExtent = { topicPartition: number; begin: number; end: number };

/** `only`: this one record. `deadline`: wall clock, ms. */
export type RecordsRequest = {
  topic: string;
  only?: { topicPartition: number; offset: number };
  deadline: number;
};

/** Reads what is published. Apart from `Kafka`: no publisher needs it, nor the right to. */
export interface TopicReader {
  /**
   * Shows every record from the topic's beginning to where it ended when it was asked, each topicPartition in its order, as
   * read_committed; a transaction that is open there is waited for. Throws TOPIC_DIFFERS, KAFKA_UNAUTHORIZED, KAFKA_FAILED.
   */
  records(request: RecordsRequest, visit: RecordVisitor): Promise<TopicExtent[]>;
}

// ---------------------------------------------------------------- records

/** c create, u update, d delete, r read by a snapshot (or repair). */
export type Op = 'c' | 'u' | 'd' | 'r';

/** Encodes the rows of one window. The fields tell where the last `encode` put key and value; `bytes` may be replaced by it. */
export interface RecordEncoder {
  bytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
  /** Whether a delete is followed by a tombstone: the same key, no value. */
  readonly tombstones: boolean;
  /**
   * `before` and `after` are rows of batches (null where the op has none); `row` is the 1-based number of the record's last
   * row in the partition's range. `keyOnly`: of the deleted row nothing is known but its key.
   * @throws RESULT_MALFORMED, VALUE_UNFIT for a row that the format can't carry
   */
  encode(
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
    row: number,
    keyOnly?: boolean,
  ): void;
}

/**
 * Headers as the record format has them: their count (a varint of one byte), then of each the length of its key, the key,
 * the length of its value (-1: null), the value. They stand in `bytes[0, end)`.
 */
export type RecordHeaders = { bytes: Uint8Array; end: number };

/** The headers of one source's records. Written into the same memory for every row. */
export interface HeaderWriter extends RecordHeaders {
  write(batch: RowBatch, row: number): void;
}

/** A record that belongs to no row: key and value as bytes. */
export type PlainRecord = { key: Uint8Array; value: Uint8Array };

/** A row that can't be sent, and why: what `encode` would have made a record of. */
export type BadRow = {
  code: ErrorCode;
  message: string;
  op: Op;
  before: RowBatch | null;
  beforeRow: number;
  after: RowBatch | null;
  afterRow: number;
  row: number;
};

export interface Encoders {
  /** The record of a `truncate` window (op t, a reserved key): the topic's consumers forget every key. */
  truncation(window: Window, layout: Layout): Promise<PlainRecord>;
  /** The record of a `schema` window, for the topic that the window names: columns before and after. */
  schemaChange(window: Window, layout: Layout): PlainRecord;
  /** Of a partition's last transaction of a window: the END, for the topic of progress; `dead`: rows that are dead letters. */
  progress(window: Window, partition: number, dead: number): PlainRecord;
  /** Of a row that can't be sent, at most `bytes` in all: what does not fit is left out, the images first. */
  deadLetter(window: Window, layout: Layout, partition: number, bad: BadRow, bytes: number): PlainRecord;
  /** null: records have none. Before the first `write` every value that is a column's is null. @throws COLUMN_MISSING */
  headers(window: Window): HeaderWriter | null;
  /**
   * Before it resolves, whatever consumers need to read the records (a schema) is where they look for it.
   * @throws TYPE_UNSUPPORTED, NAME_TAKEN, KEY_INVALID; SUBJECT_INCOMPATIBLE, SCHEMA_REFUSED, REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED
   */
  forWindow(window: Window, layout: Layout, partition: number): Promise<RecordEncoder>;
}

// ---------------------------------------------------------------- checkpoints

export type StoredError = { code: string; message: string; at: number };

/** `token` was current at server time `at`; stored only when it changed. */
export type Sighting = { token: string | null; at: number; createdOn: string | null };

/**
 * A window that an operator or recount asks for: the planner appends it at the head, read AT the `to` of the window before,
 * so it is in order and exact. One at a time.
 */
export type WindowRequest = {
  id: string;
  kind: 'snapshot' | 'repair';
  /** `repair`: keys that changed after this bound (ISO) are sent again; with `results`, those of this bound hold them. */
  since: string | null;
  /** `repair`: see ScanRequest. */
  results: readonly [string, string] | null;
  /** `repair`: see ScanRequest. The keys' texts are those of this layout; under another one they would mean something else. */
  keys?: { queryId: string; layout: number };
  /** `repair`: see ScanRequest. */
  where?: string;
  /** The window that this one makes up for; void once this one is written. */
  voids: number | null;
};

/** A scan that runs: saves work, decides nothing. */
export type PendingScan = {
  number: number;
  kind: 'snapshot' | 'changes' | 'repair';
  /** Id of the request that it answers, or null. */
  request: string | null;
  layout: number;
  from: string | null;
  to: string;
  /** See Window. */
  since?: string;
  covered: string | null;
  createdOn: string;
  /** The table's. */
  columns: Column[];
  statement: string;
  queryId: string;
  submittedAt: number;
  /** Of a query or a stream. `made`: what runs reads the copy; else it makes it, of rows from `since` on. */
  staged?: Staged & { since: Since | null; made: boolean };
};

export type Meta = {
  incarnation: string;
  clusterId: string | null;
  /** Oldest first. */
  sightings: Sighting[];
  scan: PendingScan | null;
  request: WindowRequest | null;
  finishedThrough: number;
  /** Of a stream source: the newest stage that was asked for. It may have been consumed, or not. */
  consuming?: number | null;
  /** Up to this window late commits were looked for. */
  recountedThrough: number;
  paused: boolean;
  retentionMs: number | null;
  /** When the source last began anew by itself, ms since epoch. */
  truncatedAt?: number | null;
  /** Snowflake's time when last all was published and nothing had changed since; noted every few minutes. */
  caughtUpAt: number | null;
  lastError: StoredError | null;
  /** Absent until people are told of the source for the first time. */
  told?: Told;
};

export type PartitionState = 'active' | 'needs-operator';

/** The partition item as stored. Times are ms since epoch. */
export type PartitionItem = {
  partition: number;
  epoch: number;
  owner: string | null;
  leaseUntil: number;
  position: Position | null;
  marked: { position: Position; at: number } | null;
  /** Since when a producer may have an undecided transaction. */
  open: number | null;
  state: PartitionState;
  lastSuccessAt: number | null;
  lastError: StoredError | null;
  /** Invocations in a row that failed with `lastError.code` at the same position without progress. */
  failures: number;
  /** Of the newest window that has dead letters of this partition; they are counted up to `position`. */
  dead?: DeadRows | null;
  /** Up to here an operator has dealt with the dead letters. */
  dealtWith?: Position | null;
};

/** What a person did: what stood before and after, in few words or as JSON; `at` is their machine's clock. */
export type AuditEntry = { who: string; what: string; why: string; before: string; after: string; at: number };

/** Something that people are told of: names, numbers, codes and reasons; never a row's value. */
export type News =
  | ({ type: 'changed' } & Omit<AuditEntry, 'at'>)
  | {
      type: 'snapshot-begun' | 'snapshot-done' | 'repair-begun' | 'repair-done';
      window: number;
      rows: number;
      /** Id of what an operator or the recount asked for; null: the source's own. */
      request: string | null;
    }
  | { type: 'given-up'; window: number; kind: Window['kind'] }
  | { type: 'schema-changed'; window: number; changes: string[]; compatible: boolean }
  /** `message` says how; `window` is the truncate that consumers get where the source begins anew by itself. */
  | { type: 'history-lost'; window: number | null; message: string }
  | { type: 'history-healed'; window: number }
  /** An operator had it begin anew: the truncate that consumers get. */
  | { type: 'began-anew'; window: number };

/**
 * News as it is sent: with the same id each time. Numbers of a source are dense and grow: they give the order, and tell when
 * one has not come yet.
 */
export type Notice = { id: string; number: number; at: string } & News;

/** What people were told of a source. */
export type Told = {
  /** Number of the newest notice. */
  number: number;
  incarnation: string;
  /** Windows up to these were told of as written, and as published by every partition. */
  written: number;
  finished: number;
  /** When was last looked for what people did, and the entries of about then that were told. */
  changes: { at: number; keys: string[] };
  /** What was finished when the history was lost; null: it is whole. */
  lostAfter: number | null;
  /** Written down and maybe not sent. */
  pending: Notice[];
};

/** Everything plan and publish decide on, read consistently. */
export type SourceState = {
  meta: Meta;
  /** The window with the greatest number, or null. */
  head: Window | null;
  layouts: Map<number, Layout>;
  /** Windows after `meta.finishedThrough`, ascending, dense (LOG_GAP otherwise). */
  windows: Window[];
  partitions: PartitionItem[];
  /** The first window that is missing in the log: nothing is decided on such a state but what an operator wants. */
  gap?: number;
};

/** What an invocation holds after acquire: the item as this epoch last read or wrote it. */
export type Lease = { source: string; owner: string; item: PartitionItem };

export type AcquireResult = { lease: Lease } | { busy: PartitionItem } | { stopped: PartitionItem };

/**
 * The checkpoint table. Single-item conditional writes only; every read that decides is consistent; every update requires
 * that its item exists. A condition that failed is re-read before it is believed (DynamoDB's own retry may have done it).
 * All methods throw STORE_UNREACHABLE when DynamoDB does not answer, STATE_TOO_NEW for items of a newer release.
 */
export interface Checkpoints {
  /** null when the source has no `meta` yet. `overGap`: an operator's, answers `gap` instead of throwing LOG_GAP. */
  look(source: string, overGap?: boolean): Promise<SourceState | null>;
  /** Puts `meta` if absent; an existing one wins. */
  create(source: string, meta: Meta): Promise<void>;
  /** Puts items 0..partitions-1 if absent, no position. Before a layout is written. */
  putPartitions(source: string, partitions: number): Promise<void>;
  /** Write-once. False: another deployment wrote that number. */
  putLayout(source: string, layout: Layout): Promise<boolean>;
  /** Write-once. False: another planner's window stands there and is as good. */
  putWindow(source: string, window: Window): Promise<boolean>;
  /** Attribute by attribute; `finishedThrough` only grows; `clusterId` is set only while it is null (answers the one that stands). */
  updateMeta(
    source: string,
    change: Partial<
      Pick<
        Meta,
        | 'sightings'
        | 'scan'
        | 'finishedThrough'
        | 'consuming'
        | 'recountedThrough'
        | 'paused'
        | 'retentionMs'
        | 'truncatedAt'
        | 'caughtUpAt'
        | 'lastError'
        | 'clusterId'
      >
    >,
  ): Promise<Meta>;
  /** Puts a request if there is none. False: another one stands. */
  request(source: string, request: WindowRequest): Promise<boolean>;
  /** Takes the request out if it is still this one. */
  settle(source: string, id: string): Promise<void>;
  /**
   * Notes a query that runs the window again, or forgets it (null), on condition that `previous` is what is noted. Answers
   * what is noted afterwards.
   */
  noteRerun(source: string, window: number, previous: Rerun | null, next: Rerun | null): Promise<Rerun | null>;
  /** The query id of a window that was run again (its note goes), on condition that it still has `previous`. */
  requery(source: string, window: number, previous: string, queryId: string, queriedAt: string): Promise<boolean>;
  voidWindow(source: string, window: number): Promise<void>;

  /** One conditional write: lease free, expired or already `owner`'s (own retry); state active. epoch + 1. */
  acquire(source: string, partition: number, owner: string, now: number, leaseMs: number): Promise<AcquireResult>;
  /**
   * The one write after the marker was read, on condition that the epoch is mine: position, marked, open, lease.
   * Answers the lease as it stands now, or null: the epoch is another's.
   */
  reconcile(
    lease: Lease,
    change: {
      position: Position | null;
      marked: PartitionItem['marked'];
      open: number | null;
      leaseUntil: number;
      /** Absent: as it stands. */
      dead?: DeadRows;
    },
  ): Promise<Lease | null>;
  /** If the epoch is mine and the position is the previous or already this one. Also resets failures, sets lastSuccessAt. */
  commit(
    lease: Lease,
    change: {
      position: Position;
      marked: PartitionItem['marked'];
      leaseUntil: number;
      now: number;
      /** Removes `open`: at-least-once leaves nothing undecided. */
      closeOpen?: boolean;
      /** Absent: as it stands. */
      dead?: DeadRows;
    },
  ): Promise<Lease | null>;
  /** Prolongs the lease if the epoch is mine; null when it is another's. Long reads come without a commit for a while. */
  renew(lease: Lease, leaseUntil: number): Promise<Lease | null>;
  /** Ends the lease if the epoch is mine, else answers false; `closeOpen` removes `open`; `failed` records an error and counts it. */
  release(
    lease: Lease,
    change: { closeOpen: boolean; failed: StoredError | null; failures: number; state: PartitionState },
  ): Promise<boolean>;
  /** An operator's: whoever has the lease and whatever the state. epoch + 1, so that nobody else writes any more. */
  take(source: string, partition: number, owner: string, now: number, leaseMs: number): Promise<Lease>;
  /** One partition item, read consistently; null when it is missing. */
  partition(source: string, partition: number): Promise<PartitionItem | null>;
  /** Windows `from` to `to`, as far as they are still kept, read consistently. */
  windows(source: string, from: number, to: number): Promise<Window[]>;
  /**
   * An operator's new life for a source whose log and Kafka don't belong together: everything up to `window` minus one counts
   * as finished, and the log goes on with `window`. Can be repeated.
   */
  restart(source: string, incarnation: string, clusterId: string, window: Window): Promise<void>;
  /** The number of the head, read consistently; 0 for an empty log. */
  headNumber(source: string): Promise<number>;
  /** Deletes windows below `below` that are older than `olderThan` (ISO, their `to`), at most `limit`; never the head. */
  prune(source: string, below: number, olderThan: string, limit: number): Promise<number>;
  /** Operator's: clears needs-operator of a source's partitions, or sets paused. */
  resume(source: string): Promise<void>;
  /** Clears needs-operator of one partition. */
  activate(source: string, partition: number): Promise<void>;
  audit(source: string, entry: AuditEntry): Promise<void>;
  /** Entries since then (ms), by their keys; read consistently. */
  audits(source: string, since: number): Promise<{ key: string; entry: AuditEntry }[]>;
  /** Notes what people were told, on condition that `previous` is what is noted. False: another planner noted something else. */
  noteTold(source: string, previous: Told | null, next: Told): Promise<boolean>;
  /** Operator's: the dead letters up to `position` are dealt with. It only grows. */
  dealWith(source: string, partition: number, position: Position): Promise<void>;
}

/** What the warehouse may cost a day. */
export interface Budget {
  /** How much of the day's credits is used; 1 is all of them. */
  spent(now: number): Promise<number>;
  /** The warehouse worked for us between these times. What is told twice counts once. */
  used(from: number, to: number): Promise<void>;
}

/** A table that a pattern has found: what its source is made of, besides the pattern's own settings. */
export type Member = {
  /** Its name, as Snowflake stores it. */
  table: string;
  createdOn: string;
  /** Where the pattern goes by primary keys; else empty. */
  key: string[];
  /** Stays: topics are made with it. */
  topic: string;
  /** When it was found, ms since epoch. */
  since: number;
  /** Since when the schema is without it, or the pattern; null: it is there. */
  goneAt: number | null;
};

/** A table that fits a pattern and can't be one of its sources. */
export type Refusal = { table: string; code: string; message: string };

/** What the newest look at a pattern's schema found; `deployment`: of who looked. */
export type Listing = {
  at: number;
  deployment: number;
  /** Tables that fit. */
  tables: number;
  refused: Refusal[];
  error: StoredError | null;
};

/** The members of patterns, an item each. Nothing here is of a source's own state, which goes by its name alone. */
export interface Members {
  /** In the order in which they were found. */
  all(pattern: string): Promise<Member[]>;
  /** null: the pattern has not found it. */
  one(pattern: string, table: string): Promise<Member | null>;
  /** Puts it if it is still as `before` (null: not there). False: another planner was first. */
  put(pattern: string, member: Member, before: Member | null): Promise<boolean>;
  remove(pattern: string, table: string): Promise<void>;
  listing(pattern: string): Promise<Listing | null>;
  note(pattern: string, listing: Listing): Promise<void>;
}

// ---------------------------------------------------------------- events, notices, telemetry

/** Asks for invocations of publish; at least once, maybe late, maybe twice. */
export interface Events {
  call(calls: { source: string; partition: number }[]): Promise<void>;
}

/** Tells whoever wants to hear; at least once, in no sure order. */
export interface Notices {
  tell(source: string, notices: readonly Notice[]): Promise<void>;
}

/** What one unit of work did, for logs and metrics; never a row's values. */
export interface Telemetry {
  info(message: string, fields?: Record<string, string | number | boolean | null>): void;
  error(error: Error, fields?: Record<string, string | number | boolean | null>): void;
  /** Adds to what the invocation counts. */
  count(metric: string, value: number, fields: { source: string; partition?: number }): void;
  /** How something is; `quiet`: it counts for the deployment as a whole and is not told of the source. */
  gauge(metric: string, value: number, fields: { source: string; quiet: boolean }): void;
}
