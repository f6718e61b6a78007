/** What the protocol asks of the encoding: rows of a batch become records, and windows what is told of them. */
import type { ErrorCode } from '../../errors.ts';
import type { Layout, Window } from '../window.ts';
import type { RowBatch } from './snowflake.ts';

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
