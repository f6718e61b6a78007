/**
 * JSON records, Debezium's envelope or flat, in one pass from the bytes of a batch to the bytes of a record: no strings, no
 * objects per row. Key and value lie side by side in one scratch buffer that grows with the largest record.
 */
import { EXTRA_CELLS } from '../protocol/window.ts';
import type { Op, RecordEncoder, RowBatch } from '../protocol/ports.ts';
import { SnowmeltError } from '../errors.ts';
import { copyBytes } from './cells.ts';
import type { Pieces, WindowFacts } from './envelope.ts';
import { debeziumPieces, flatNames, flatPieces } from './envelope.ts';
import type { ImageWriter } from './image.ts';
import { keyOf, wholeRow } from './image.ts';

const firstScratch = 64 * 1024;
/** Room for a row number and `null`. */
const numberRoom = 32;

export class JsonEncoder implements RecordEncoder {
  bytes: Uint8Array = Buffer.allocUnsafeSlow(firstScratch);
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly tombstones: boolean;
  readonly #flat: boolean;
  readonly #key: ImageWriter;
  readonly #row: ImageWriter;
  readonly #pieces: Pieces;
  readonly #fixed: number;
  readonly #width: number;

  /** @throws TYPE_UNSUPPORTED, KEY_INVALID */
  constructor(facts: WindowFacts) {
    const { window, layout, source } = facts;
    this.tombstones = source.format.tombstones;
    this.#flat = source.format.envelope === 'flat';
    if (this.#flat) refuseTaken(window.columns.map((column) => column.name));
    this.#key = keyOf(window.columns, layout.key);
    this.#row = wholeRow(window.columns);
    this.#pieces = this.#flat ? flatPieces(facts) : debeziumPieces(facts);
    const { before, after, toRow, tail } = this.#pieces;
    this.#fixed = before.length + after.length + toRow.d.length + tail.d.length + 2 * numberRoom;
    this.#width = window.columns.length + EXTRA_CELLS.count;
  }

  encode(
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
    row: number,
  ): void {
    const last = after ?? before;
    const lastRow = after === null ? beforeRow : afterRow;
    if (last === null || last.width !== this.#width || (before !== null && before.width !== this.#width)) {
      throw new SnowmeltError('UNEXPECTED', 'A row that is not of this window');
    }
    let room = this.#fixed + this.#key.room(last, lastRow);
    if (before !== null) room += this.#row.room(before, beforeRow);
    if (after !== null) room += this.#row.room(after, afterRow);
    if (room > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(Math.max(room, 2 * this.bytes.length));

    const to = this.bytes;
    const { before: head, after: between, toRow, tail, edges } = this.#pieces;
    let p = this.#key.write(last, lastRow, to, 0, false);
    this.keyEnd = p;
    this.valueStart = p;
    if (this.#flat) {
      p = this.#row.write(last, lastRow, to, p, true);
    } else {
      p = copyBytes(head, 0, head.length, to, p);
      p = before === null ? writeNull(to, p) : this.#row.write(before, beforeRow, to, p, false);
      p = copyBytes(between, 0, between.length, to, p);
      p = after === null ? writeNull(to, p) : this.#row.write(after, afterRow, to, p, false);
    }
    const isLast = edges !== null && row === edges.rows;
    const middle = isLast ? edges.last : edges !== null && row === 1 ? edges.first : toRow[op];
    p = copyBytes(middle, 0, middle.length, to, p);
    p = writeInteger(row, to, p);
    p = copyBytes(tail[op], 0, tail[op].length, to, p);
    this.valueEnd = p;
  }
}

function refuseTaken(names: readonly string[]): void {
  const taken = names.filter((name) => (flatNames as readonly string[]).includes(name));
  if (taken.length === 0) return;
  throw new SnowmeltError(
    'TYPE_UNSUPPORTED',
    `Columns with a name that flat records use themselves: ${taken.join(', ')}`,
  );
}

function writeNull(to: Uint8Array, at: number): number {
  to[at] = 0x6e;
  to[at + 1] = 0x75;
  to[at + 2] = 0x6c;
  to[at + 3] = 0x6c;
  return at + 4;
}

/** A whole number of at most 2^53, not negative. */
export function writeInteger(value: number, to: Uint8Array, at: number): number {
  let end = at + 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = value;
  for (let p = end - 1; p >= at; p--) {
    const tens = Math.floor(rest / 10);
    to[p] = 0x30 + (rest - tens * 10);
    rest = tens;
  }
  return end;
}
