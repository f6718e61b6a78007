/** Avro's binary encoding: fields in order, nothing between them; an optional one has a byte that says which branch. */
import { SnowmeltError } from '../errors.ts';
import type { Op } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Column } from '../protocol/window.ts';
import { decodedSize, writeDecoded } from './base64.ts';
import { isTrue } from './cells.ts';
import { copyBytes } from './copies.ts';
import { unscaledRoom, writeDouble, writeUnscaled } from './decimal.ts';
import type { WindowFacts } from './envelope.ts';
import { atEdge, edgesOf, perOp, sourceFacts, type Edges } from './envelope.ts';
import { Int64, varintRoom, writeLength } from './int64.ts';
import type { RowWriter, ValueWriter } from './record.ts';
import { textSize, writeText } from './text.ts';
import { Moment } from './time.ts';
import { typesOf, type ConnectType } from './types.ts';

const NULL = 0;
const SOME = 2;
const Z = 0x5a;

/** The most that a cell takes beyond its own bytes. */
const slack = unscaledRoom + varintRoom;

/** Some columns of a row as a record. */
export class AvroRow implements RowWriter {
  readonly #head: Buffer;
  readonly #cells: Int32Array;
  readonly #types: readonly ConnectType[];
  readonly #columns: readonly Column[];
  readonly #number = new Int64();
  readonly #moment = new Moment();
  readonly #unscaled = new Uint8Array(unscaledRoom);

  /** `head` comes before each record. @throws TYPE_UNSUPPORTED */
  constructor(columns: readonly Column[], cells: readonly number[], head: Buffer) {
    const facts = typesOf(columns);
    this.#head = head;
    this.#cells = Int32Array.from(cells);
    this.#columns = cells.map((cell) => columns[cell]!);
    this.#types = cells.map((cell) => facts[cell]!.connect(columns[cell]!));
  }

  room(batch: RowBatch, row: number): number {
    const { offsets, width } = batch;
    const cells = this.#cells;
    let room = this.#head.length + cells.length * slack;
    for (let i = 0; i < cells.length; i++) {
      const at = 2 * (row * width + cells[i]!);
      room += offsets[at + 1]! - offsets[at]!;
    }
    return room;
  }

  write(batch: RowBatch, row: number, to: Uint8Array, at: number): number {
    const { bytes, offsets, width } = batch;
    const cells = this.#cells;
    let p = copyBytes(this.#head, 0, this.#head.length, to, at);
    for (let i = 0; i < cells.length; i++) {
      const { name, nullable } = this.#columns[i]!;
      const offset = 2 * (row * width + cells[i]!);
      const start = offsets[offset]!;
      if (start < 0) {
        if (!nullable) throw nullIn(name);
        to[p++] = NULL;
        continue;
      }
      if (nullable) to[p++] = SOME;
      p = this.#cell(this.#types[i]!, bytes, start, offsets[offset + 1]!, to, p);
    }
    return p;
  }

  #cell(type: ConnectType, from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
    const number = this.#number;
    const moment = this.#moment;
    switch (type.kind) {
      case 'text': {
        const size = textSize(from, start, end);
        return writeText(from, start, end, size, to, writeLength(size, to, at));
      }
      case 'utc': {
        const size = textSize(from, start, end);
        const p = writeText(from, start, end, size, to, writeLength(size + 1, to, at));
        to[p] = Z;
        return p + 1;
      }
      case 'boolean':
        to[at] = isTrue(from, start, end) ? 1 : 0;
        return at + 1;
      case 'integer':
        number.parse(from, start, end);
        return number.writeZigzag(to, at);
      case 'double':
        return writeDouble(from, start, end, to, at);
      case 'decimal': {
        const size = writeUnscaled(from, start, end, type.digits, this.#unscaled, 0);
        return copyBytes(this.#unscaled, 0, size, to, writeLength(size, to, at));
      }
      case 'base64':
        return writeDecoded(from, start, end, to, writeLength(decodedSize(from, start, end), to, at));
      case 'date':
        moment.parseDate(from, start, end);
        number.set(moment.days);
        return number.writeZigzag(to, at);
      case 'time':
        moment.parseTime(from, start, end);
        number.set(moment.secondOfDay * 10 ** type.digits + moment.fraction(type.digits));
        return number.writeZigzag(to, at);
      case 'timestamp':
        moment.parseTimestamp(from, start, end);
        number.setInstant(moment.seconds, 10 ** type.digits, moment.fraction(type.digits));
        return number.writeZigzag(to, at);
    }
  }
}

/** A window is read as its columns were declared when it was opened; an image from before may have been otherwise. */
export function nullIn(column: string): SnowmeltError {
  return new SnowmeltError('VALUE_UNFIT', `Column ${column} is NOT NULL, and a row has a NULL in it.`);
}

/** Debezium's envelope, or a flat row with its metadata behind it. */
export class AvroValue implements ValueWriter {
  readonly #head: Buffer;
  readonly #flat: boolean;
  readonly #row: AvroRow;
  readonly #toRow: Record<Op, Buffer>;
  readonly #tail: Record<Op, Buffer>;
  readonly #edges: Edges | null;
  readonly #number = new Int64();

  /** `head` comes before each value: which schema it is. */
  constructor(facts: WindowFacts, head: Buffer) {
    const { columns } = facts.window;
    const nothing = Buffer.alloc(0);
    this.#head = head;
    this.#flat = facts.source.format.envelope === 'flat';
    this.#row = new AvroRow(columns, [...columns.keys()], nothing);
    const pieces = (source: ReturnType<typeof sourceFacts>) => Buffer.concat(Object.values(source).map(constant));
    const source = pieces(sourceFacts(facts));
    this.#edges = this.#flat ? null : edgesOf(facts, (snapshot) => pieces(sourceFacts(facts, snapshot)));
    const flat = (op: Op) => Buffer.concat([constant(op), constant(facts.now), constant(facts.window.number)]);
    const time = Buffer.concat([Buffer.of(SOME), constant(facts.now)]);
    this.#toRow = this.#flat ? perOp(flat) : perOp(() => source);
    this.#tail = this.#flat
      ? perOp((op) => Buffer.of(SOME, op === 'd' ? 1 : 0))
      : perOp((op) => Buffer.concat([constant(op), time]));
  }

  room(before: RowBatch | null, beforeRow: number, after: RowBatch | null, afterRow: number): number {
    let room = this.#head.length + 2 + (this.#edges?.first ?? this.#toRow.c).length + varintRoom + this.#tail.c.length;
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
    let p = copyBytes(this.#head, 0, this.#head.length, to, at);
    if (this.#flat) {
      p = this.#row.write((after ?? before)!, after === null ? beforeRow : afterRow, to, p);
    } else {
      p = this.#image(before, beforeRow, to, p);
      p = this.#image(after, afterRow, to, p);
    }
    const toRow = this.#edges === null ? this.#toRow[op] : atEdge(this.#edges, row, this.#toRow[op]);
    p = copyBytes(toRow, 0, toRow.length, to, p);
    this.#number.set(row);
    p = this.#number.writeZigzag(to, p);
    const tail = this.#tail[op];
    return copyBytes(tail, 0, tail.length, to, p);
  }

  #image(batch: RowBatch | null, row: number, to: Uint8Array, at: number): number {
    if (batch === null) {
      to[at] = NULL;
      return at + 1;
    }
    to[at] = SOME;
    return this.#row.write(batch, row, to, at + 1);
  }
}

/** A text as Avro's string, a number as its long. */
export function constant(value: string | number): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.alloc(0);
  const number = new Int64();
  number.set(typeof value === 'string' ? bytes.length : value);
  const head = Buffer.alloc(varintRoom);
  return Buffer.concat([head.subarray(0, number.writeZigzag(head, 0)), bytes]);
}

/** The value of a `truncate` window's record, behind `head`. */
export function avroTruncation(facts: WindowFacts, head: Buffer): Buffer {
  const { now, window } = facts;
  const row = constant(1);
  if (facts.source.format.envelope === 'flat')
    return Buffer.concat([head, constant('t'), constant(now), constant(window.number), row, Buffer.of(SOME, 0)]);
  const source = Object.values(sourceFacts(facts)).map(constant);
  return Buffer.concat([head, Buffer.of(NULL, NULL), ...source, row, constant('t'), Buffer.of(SOME), constant(now)]);
}
