/** JSON values, Debezium's envelope or flat: constant pieces around the images and the row's number. */
import type { Op } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import { writeInteger } from './cells.ts';
import { Constant, copyBytes, Viewed } from './copies.ts';
import { atEdge, perOp, type Edges, type Pieces } from './envelope.ts';
import type { ImageWriter } from './image.ts';
import type { RowWriter, ValueWriter } from './record.ts';

/** Room for a row number and `null`. */
const numberRoom = 32;

export class JsonValue implements ValueWriter {
  readonly #flat: boolean;
  readonly #row: ImageWriter;
  readonly #before: Constant;
  readonly #after: Constant;
  /** Both, and `null` between them. */
  readonly #onlyAfter: Constant;
  readonly #toRow: Record<Op, Constant>;
  readonly #tail: Record<Op, Constant>;
  readonly #edges: Edges<Constant> | null;
  readonly #to = new Viewed();
  readonly #fixed: number;

  /** `flat`: an image of what is there now, or was, and no second one. */
  constructor(flat: boolean, row: ImageWriter, pieces: Pieces) {
    this.#flat = flat;
    this.#row = row;
    const { before, after, toRow, tail, edges } = pieces;
    this.#before = new Constant(before);
    this.#after = new Constant(after);
    this.#onlyAfter = new Constant(Buffer.concat([before, Buffer.from('null'), after]));
    this.#toRow = perOp((op) => new Constant(toRow[op]));
    this.#tail = perOp((op) => new Constant(tail[op]));
    this.#edges = edges && { first: new Constant(edges.first), last: new Constant(edges.last), rows: edges.rows };
    this.#fixed = this.#before.room + this.#after.room + this.#toRow.d.room + this.#tail.d.room + 2 * numberRoom;
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
    const view = this.#to.of(to);
    let p = at;
    if (this.#flat) {
      p = this.#before.write(to, view, p);
      p = this.#row.writeOpen((after ?? before)!, after === null ? beforeRow : afterRow, to, p);
    } else {
      if (before === null) {
        p = this.#onlyAfter.write(to, view, p);
      } else {
        p = this.#before.write(to, view, p);
        p = this.#row.write(before, beforeRow, to, p);
        p = this.#after.write(to, view, p);
      }
      p = after === null ? writeNull(to, p) : this.#row.write(after, afterRow, to, p);
    }
    const edges = this.#edges;
    p = (edges === null ? this.#toRow[op] : atEdge(edges, row, this.#toRow[op])).write(to, view, p);
    return this.#tail[op].write(to, view, writeInteger(row, to, p));
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
