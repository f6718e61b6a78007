/**
 * Records in one pass from the bytes of a batch: no strings, no objects per row. Key and value, each in a format of its own,
 * lie side by side in one scratch buffer that grows with the largest record.
 */
import { EXTRA_CELLS } from '../protocol/window.ts';
import type { Op, RecordEncoder } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import { SnowmeltError } from '../errors.ts';

/** Writes some columns of a row: a key, or an image of the row. */
export interface RowWriter {
  /** Bytes that `write` takes at most. */
  room(batch: RowBatch, row: number): number;
  /** Answers the position after what it wrote. @throws RESULT_MALFORMED, VALUE_UNFIT */
  write(batch: RowBatch, row: number, to: Uint8Array, at: number): number;
}

/** Writes a record's value. `row` is its number; one of the two images may be missing, as the op has it. */
export interface ValueWriter {
  room(before: RowBatch | null, beforeRow: number, after: RowBatch | null, afterRow: number): number;
  write(
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
    row: number,
    to: Uint8Array,
    at: number,
  ): number;
}

const firstScratch = 64 * 1024;

export class RowRecords implements RecordEncoder {
  bytes: Uint8Array = Buffer.allocUnsafeSlow(firstScratch);
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly tombstones: boolean;
  readonly #key: RowWriter;
  readonly #value: ValueWriter;
  readonly #width: number;
  readonly #flat: boolean;

  /** `columns`: how many a window has; `flat`: values have no images that could be left out. */
  constructor(key: RowWriter, value: ValueWriter, columns: number, tombstones: boolean, flat: boolean) {
    this.#flat = flat;
    this.#key = key;
    this.#value = value;
    this.#width = columns + EXTRA_CELLS.count;
    this.tombstones = tombstones;
  }

  encode(
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
    row: number,
    keyOnly = false,
  ): void {
    const last = after ?? before;
    const lastRow = after === null ? beforeRow : afterRow;
    if (last === null || last.width !== this.#width || (before !== null && before.width !== this.#width)) {
      throw new SnowmeltError('UNEXPECTED', 'A row that is not of this window');
    }
    const image = keyOnly && !this.#flat ? null : before;
    const room = this.#key.room(last, lastRow) + this.#value.room(image, beforeRow, after, afterRow);
    if (room > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(Math.max(room, 2 * this.bytes.length));
    this.keyEnd = this.#key.write(last, lastRow, this.bytes, 0);
    this.valueStart = this.keyEnd;
    this.valueEnd = this.#value.write(op, image, beforeRow, after, afterRow, row, this.bytes, this.keyEnd);
  }
}
