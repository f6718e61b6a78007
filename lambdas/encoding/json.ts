/** JSON values, Debezium's envelope or flat: constant pieces around the images and the row's number. */
import type { Op } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import { copyBytes, writeInteger } from './cells.ts';
import { atEdge, type Pieces } from './envelope.ts';
import type { ImageWriter } from './image.ts';
import type { RowWriter, ValueWriter } from './record.ts';

/** Room for a row number and `null`. */
const numberRoom = 32;

export class JsonValue implements ValueWriter {
  readonly #flat: boolean;
  readonly #row: ImageWriter;
  readonly #pieces: Pieces;
  readonly #fixed: number;

  /** `flat`: an image of what is there now, or was, and no second one. */
  constructor(flat: boolean, row: ImageWriter, pieces: Pieces) {
    this.#flat = flat;
    this.#row = row;
    this.#pieces = pieces;
    const { before, after, toRow, tail } = pieces;
    this.#fixed = before.length + after.length + toRow.d.length + tail.d.length + 2 * numberRoom;
  }

  room(before: RowBatch | null, beforeRow: number, after: RowBatch | null, afterRow: number): number {
    let room = this.#fixed;
    if (before !== null) room += this.#row.room(before, beforeRow);
    if (after !== null) room += this.#row.room(after, afterRow);
    return room;
  }

  write(
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
    row: number,
    to: Uint8Array,
    at: number,
  ): number {
    const { before: head, after: between, toRow, tail, edges } = this.#pieces;
    let p = copyBytes(head, 0, head.length, to, at);
    if (this.#flat) {
      p = this.#row.writeOpen((after ?? before)!, after === null ? beforeRow : afterRow, to, p);
    } else {
      p = before === null ? writeNull(to, p) : this.#row.write(before, beforeRow, to, p);
      p = copyBytes(between, 0, between.length, to, p);
      p = after === null ? writeNull(to, p) : this.#row.write(after, afterRow, to, p);
    }
    const middle = edges === null ? toRow[op] : atEdge(edges, row, toRow[op]);
    p = copyBytes(middle, 0, middle.length, to, p);
    p = writeInteger(row, to, p);
    return copyBytes(tail[op], 0, tail[op].length, to, p);
  }
}

/** A key between constant pieces: its schema block. */
export class WrappedKey implements RowWriter {
  readonly #inner: RowWriter;
  readonly #head: Buffer;
  readonly #tail: Buffer;

  constructor(inner: RowWriter, head: Buffer, tail: Buffer) {
    this.#inner = inner;
    this.#head = head;
    this.#tail = tail;
  }

  room(batch: RowBatch, row: number): number {
    return this.#head.length + this.#tail.length + this.#inner.room(batch, row);
  }

  write(batch: RowBatch, row: number, to: Uint8Array, at: number): number {
    let p = copyBytes(this.#head, 0, this.#head.length, to, at);
    p = this.#inner.write(batch, row, to, p);
    return copyBytes(this.#tail, 0, this.#tail.length, to, p);
  }
}

function writeNull(to: Uint8Array, at: number): number {
  to[at] = 0x6e;
  to[at + 1] = 0x75;
  to[at + 2] = 0x6c;
  to[at + 3] = 0x6c;
  return at + 4;
}
