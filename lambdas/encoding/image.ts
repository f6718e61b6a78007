/**
 * Writes some columns of a row as a JSON object. Names and punctuation are constant; only cells are looked at. Under a schema
 * block numbers and times stand as Kafka Connect's JsonConverter has them.
 */
import { SnowmeltError } from '../errors.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Column } from '../protocol/window.ts';
import { cellSlack, writeBoolean, writeNumber } from './cells.ts';
import { ConnectCells } from './connect-cells.ts';
import { copyText, Viewed, wordsOf } from './copies.ts';
import type { RowWriter } from './record.ts';
import { typesOf, type ConnectType, type JsonKind } from './types.ts';

const STRING = 0;
const NUMBER = 1;
const FLOAT = 2;
const BOOLEAN = 3;
const CONNECT = 4;
const codes: Record<JsonKind, number> = { string: STRING, number: NUMBER, float: FLOAT, boolean: BOOLEAN };

const QUOTE = 0x22;
const BRACE = 0x7d;

export class ImageWriter implements RowWriter {
  readonly #cells: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #connect: ConnectCells | null;
  /** `{"A":` `,"B":` ... each at a word of its own: the n-th, `lengths[n]` bytes, begins at word starts[n]. */
  readonly #names: Int32Array;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #from = new Viewed();
  readonly #to = new Viewed();
  readonly #fixed: number;

  /** The columns at `cells`, in that order; `connect`: as a schema block says. @throws TYPE_UNSUPPORTED */
  constructor(columns: readonly Column[], cells: readonly number[], connect: boolean) {
    const facts = typesOf(columns);
    const names = cells.map((cell, index) =>
      Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(columns[cell]!.name)}:`),
    );
    this.#cells = Int32Array.from(cells);
    this.#connect = connect ? new ConnectCells(cells.map((cell) => facts[cell]!.connect(columns[cell]!))) : null;
    this.#kinds = Uint8Array.from(cells, (cell) =>
      connect ? codeOf(facts[cell]!.connect(columns[cell]!)) : codes[facts[cell]!.json(columns[cell]!)],
    );
    const words = names.map(wordsOf);
    this.#names = Int32Array.from(words.flatMap((name) => [...name]));
    this.#starts = new Int32Array(cells.length + 1);
    words.forEach((name, index) => (this.#starts[index + 1] = this.#starts[index]! + name.length));
    this.#lengths = Int32Array.from(names, (name) => name.length);
    this.#fixed = 4 * this.#names.length + cells.length * cellSlack + 2;
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

  write(batch: RowBatch, row: number, to: Uint8Array, at: number): number {
    const p = this.writeOpen(batch, row, to, at);
    to[p] = BRACE;
    return p + 1;
  }

  /** Leaves the closing brace to the caller. Answers the position after it. @throws RESULT_MALFORMED */
  writeOpen(batch: RowBatch, row: number, to: Uint8Array, at: number): number {
    const { bytes, offsets, width } = batch;
    const cells = this.#cells;
    const kinds = this.#kinds;
    const names = this.#names;
    const starts = this.#starts;
    const lengths = this.#lengths;
    const from = this.#from.of(bytes);
    const view = this.#to.of(to);
    const base = 2 * row * width;
    let p = at;
    for (let i = 0; i < cells.length; i++) {
      const nameEnd = starts[i + 1]!;
      for (let word = starts[i]!, q = p; word < nameEnd; word++, q += 4) view.setInt32(q, names[word]!, true);
      p += lengths[i]!;
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
          p = copyText(bytes, from, start, end, to, view, p);
          to[p++] = QUOTE;
          break;
        case BOOLEAN:
          p = writeBoolean(bytes, start, end, to, p);
          break;
        case CONNECT:
          p = this.#connect!.write(i, bytes, start, end, to, p);
          break;
        default:
          p = writeNumber(bytes, start, end, to, p, kinds[i] === FLOAT);
      }
    }
    return p;
  }
}

/** What is written as in plain JSON, and what a schema block has otherwise. */
function codeOf({ kind }: ConnectType): number {
  switch (kind) {
    case 'text':
    case 'base64':
      return STRING;
    case 'integer':
      return NUMBER;
    case 'double':
      return FLOAT;
    case 'boolean':
      return BOOLEAN;
    default:
      return CONNECT;
  }
}

/** The places of the key columns, in the order of the key. @throws KEY_INVALID */
export function keyCells(columns: readonly Column[], key: readonly string[]): number[] {
  if (key.length === 0) throw new SnowmeltError('KEY_INVALID', 'No key columns');
  return key.map((name) => {
    const cell = columns.findIndex((column) => column.name === name);
    if (cell < 0) throw new SnowmeltError('KEY_INVALID', `Key column ${name} is not among the window's columns`);
    return cell;
  });
}
