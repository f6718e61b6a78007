/** Writes some columns of a row as a JSON object. Names and punctuation are constant; only cells are looked at. */
import { SnowmeltError } from '../errors.ts';
import type { RowBatch } from '../protocol/ports.ts';
import type { Column } from '../protocol/window.ts';
import { cellSlack, copyBytes, writeBoolean, writeNumber } from './cells.ts';
import type { CellKind } from './types.ts';
import { kindsOf } from './types.ts';

const STRING = 0;
const NUMBER = 1;
const FLOAT = 2;
const BOOLEAN = 3;
const codes: Record<CellKind, number> = { string: STRING, number: NUMBER, float: FLOAT, boolean: BOOLEAN };

const QUOTE = 0x22;
const BRACE = 0x7d;

export class ImageWriter {
  readonly #cells: Int32Array;
  readonly #kinds: Uint8Array;
  /** `{"A":` `,"B":` ... one after the other; the n-th lies in [starts[n], starts[n + 1]). */
  readonly #names: Buffer;
  readonly #starts: Int32Array;
  readonly #fixed: number;

  /** The columns at `cells`, in that order. @throws TYPE_UNSUPPORTED */
  constructor(columns: readonly Column[], cells: readonly number[]) {
    const kinds = kindsOf(columns);
    const names = cells.map((cell, index) =>
      Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(columns[cell]!.name)}:`),
    );
    this.#cells = Int32Array.from(cells);
    this.#kinds = Uint8Array.from(cells, (cell) => codes[kinds[cell]!]);
    this.#names = Buffer.concat(names);
    this.#starts = new Int32Array(cells.length + 1);
    names.forEach((name, index) => (this.#starts[index + 1] = this.#starts[index]! + name.length));
    this.#fixed = this.#names.length + cells.length * cellSlack + 2;
  }

  /** Bytes that `write` takes at most. */
  room(batch: RowBatch, row: number): number {
    const { offsets, width } = batch;
    const cells = this.#cells;
    let room = this.#fixed;
    for (let i = 0; i < cells.length; i++) {
      const at = 2 * (row * width + cells[i]!);
      room += offsets[at + 1]! - offsets[at]!;
    }
    return room;
  }

  /** `open` leaves the closing brace to the caller. Answers the position after it. @throws RESULT_MALFORMED */
  write(batch: RowBatch, row: number, to: Uint8Array, at: number, open: boolean): number {
    const { bytes, offsets, width } = batch;
    const cells = this.#cells;
    const kinds = this.#kinds;
    const names = this.#names;
    const starts = this.#starts;
    const base = 2 * row * width;
    let p = at;
    for (let i = 0; i < cells.length; i++) {
      p = copyBytes(names, starts[i]!, starts[i + 1]!, to, p);
      const offset = base + 2 * cells[i]!;
      const start = offsets[offset]!;
      if (start < 0) {
        to[p++] = 0x6e;
        to[p++] = 0x75;
        to[p++] = 0x6c;
        to[p++] = 0x6c;
        continue;
      }
      const end = offsets[offset + 1]!;
      switch (kinds[i]) {
        case STRING:
          to[p++] = QUOTE;
          p = copyBytes(bytes, start, end, to, p);
          to[p++] = QUOTE;
          break;
        case BOOLEAN:
          p = writeBoolean(bytes, start, end, to, p);
          break;
        default:
          p = writeNumber(bytes, start, end, to, p, kinds[i] === FLOAT);
      }
    }
    if (!open) to[p++] = BRACE;
    return p;
  }
}

/** Every column of a row. */
export function wholeRow(columns: readonly Column[]): ImageWriter {
  return new ImageWriter(columns, [...columns.keys()]);
}

/** The key columns, in the order of the key. @throws KEY_INVALID */
export function keyOf(columns: readonly Column[], key: readonly string[]): ImageWriter {
  const cells = key.map((name) => {
    const cell = columns.findIndex((column) => column.name === name);
    if (cell < 0) throw new SnowmeltError('KEY_INVALID', `Key column ${name} is not among the window's columns`);
    return cell;
  });
  if (cells.length === 0) throw new SnowmeltError('KEY_INVALID', 'No key columns');
  return new ImageWriter(columns, cells);
}
