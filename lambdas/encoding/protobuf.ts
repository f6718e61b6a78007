/** Protobuf's binary encoding: a tag before each field, the length before each message; NULL is a field that is not there. */
import { SnowmeltError } from '../errors.ts';
import type { Op } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Column } from '../protocol/window.ts';
import { decodedSize, writeDecoded } from './base64.ts';
import { isTrue } from './cells.ts';
import { copyBytes } from './copies.ts';
import { unscaledRoom, writeDouble, writeUnscaled } from './decimal.ts';
import { atEdge, edgesOf, perOp, sourceFacts, type Edges, type WindowFacts } from './envelope.ts';
import { Int64, unsignedSize, varintRoom, writeUnsigned } from './int64.ts';
import { flatNumbers } from './protobuf-schema.ts';
import type { RowWriter, ValueWriter } from './record.ts';
import { textSize, writeText } from './text.ts';
import { Moment } from './time.ts';
import { typesOf, type ProtobufType } from './types.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const wireTypes = {
  text: BYTES,
  boolean: VARINT,
  integer: VARINT,
  double: FIXED64,
  decimal: BYTES,
  base64: BYTES,
  date: BYTES,
  time: BYTES,
  timestamp: BYTES,
} as const;

const TAG = 5;
/** The most that a cell takes beyond its own bytes: tag, a message of four numbers. */
const slack = TAG + 2 + Math.max(unscaledRoom + 2 * varintRoom, 4 * (varintRoom + 1));
const lengthRoom = 5;

const ONE = 1 << 3;
const TWO = 2 << 3;
const THREE = 3 << 3;
const FOUR = 4 << 3;

/** Some columns of a row: the fields of a message, without its length. */
export class ProtobufRow implements RowWriter {
  readonly #head: Buffer;
  readonly #cells: Int32Array;
  readonly #tags: Float64Array;
  readonly #types: readonly ProtobufType[];
  readonly #number = new Int64();
  readonly #moment = new Moment();
  readonly #unscaled = new Uint8Array(unscaledRoom);

  /** `head` comes before each message; `numbers` has a field number for each of `cells`. @throws TYPE_UNSUPPORTED */
  constructor(columns: readonly Column[], cells: readonly number[], numbers: readonly number[], head: Buffer) {
    const facts = typesOf(columns);
    this.#head = head;
    this.#cells = Int32Array.from(cells);
    this.#types = cells.map((cell) => facts[cell]!.protobuf(columns[cell]!));
    this.#tags = Float64Array.from(numbers, (number, at) => number * 8 + wireTypes[this.#types[at]!.kind]);
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
      const offset = 2 * (row * width + cells[i]!);
      const start = offsets[offset]!;
      if (start < 0) continue;
      p = writeUnsigned(this.#tags[i]!, to, p);
      p = this.#cell(this.#types[i]!, bytes, start, offsets[offset + 1]!, to, p);
    }
    return p;
  }

  #cell(type: ProtobufType, from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
    const number = this.#number;
    const moment = this.#moment;
    switch (type.kind) {
      case 'text': {
        const size = textSize(from, start, end);
        return writeText(from, start, end, size, to, writeUnsigned(size, to, at));
      }
      case 'boolean':
        to[at] = isTrue(from, start, end) ? 1 : 0;
        return at + 1;
      case 'integer':
        number.parse(from, start, end);
        return number.writeVarint(to, at);
      case 'double':
        return writeDouble(from, start, end, to, at);
      case 'decimal': {
        const size = writeUnscaled(from, start, end, type.digits, this.#unscaled, 0);
        let p = at + 1;
        to[p++] = ONE | BYTES;
        to[p++] = size;
        p = copyBytes(this.#unscaled, 0, size, to, p);
        p = this.#small(TWO, type.precision, to, p);
        return closed(to, at, this.#small(THREE, type.digits, to, p));
      }
      case 'base64':
        return writeDecoded(from, start, end, to, writeUnsigned(decodedSize(from, start, end), to, at));
      case 'date': {
        moment.parseDate(from, start, end);
        let p = this.#small(ONE, moment.year, to, at + 1);
        p = this.#small(TWO, moment.month, to, p);
        return closed(to, at, this.#small(THREE, moment.day, to, p));
      }
      case 'time': {
        moment.parseTime(from, start, end);
        let p = this.#small(ONE, moment.hour, to, at + 1);
        p = this.#small(TWO, moment.minute, to, p);
        p = this.#small(THREE, moment.second, to, p);
        return closed(to, at, this.#small(FOUR, moment.nanos, to, p));
      }
      case 'timestamp': {
        moment.parseTimestamp(from, start, end);
        to[at + 1] = ONE | VARINT;
        number.set(moment.seconds);
        const p = number.writeVarint(to, at + 2);
        return closed(to, at, this.#small(TWO, moment.nanos, to, p));
      }
    }
  }

  #small(tag: number, value: number, to: Uint8Array, at: number): number {
    to[at] = tag | VARINT;
    return writeUnsigned(value, to, at + 1);
  }
}

/** Puts the length of a short message in the byte before it. */
function closed(to: Uint8Array, at: number, end: number): number {
  to[at] = end - at - 1;
  return end;
}

/** Debezium's envelope, or a flat row with its metadata behind it. */
export class ProtobufValue implements ValueWriter {
  readonly #head: Buffer;
  readonly #flat: boolean;
  readonly #row: ProtobufRow;
  /** Up to the row's number, its tag included. */
  readonly #toRow: Record<Op, Buffer>;
  readonly #tail: Record<Op, Buffer>;
  readonly #edges: Edges | null;

  /** `numbers`: the columns' field numbers; `head` comes before each value: which schema it is. */
  constructor(facts: WindowFacts, numbers: readonly number[], head: Buffer) {
    const { columns } = facts.window;
    this.#head = head;
    this.#flat = facts.source.format.envelope === 'flat';
    this.#row = new ProtobufRow(columns, [...columns.keys()], numbers, Buffer.alloc(0));
    const source = sourceBytes(sourceFacts(facts));
    this.#edges = this.#flat ? null : edgesOf(facts, (snapshot) => sourceBytes(sourceFacts(facts, snapshot)));
    this.#toRow = perOp((op) => (this.#flat ? flatBytes(op, facts) : source));
    this.#tail = perOp((op) => (this.#flat ? field(flatNumbers[4], op === 'd' ? 1 : 0) : envelopeTail(op, facts)));
  }

  room(before: RowBatch | null, beforeRow: number, after: RowBatch | null, afterRow: number): number {
    const images = 2 * (1 + lengthRoom);
    let room =
      this.#head.length + images + (this.#edges?.first ?? this.#toRow.c).length + 2 * varintRoom + this.#tail.c.length;
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
    const toRow = this.#edges === null ? this.#toRow[op] : atEdge(this.#edges, row, this.#toRow[op]);
    if (this.#flat) {
      p = this.#row.write((after ?? before)!, after === null ? beforeRow : afterRow, to, p);
    } else {
      if (before !== null) p = this.#image(ONE, before, beforeRow, to, p);
      if (after !== null) p = this.#image(TWO, after, afterRow, to, p);
      to[p++] = THREE | BYTES;
      p = writeUnsigned(toRow.length + unsignedSize(row), to, p);
    }
    p = copyBytes(toRow, 0, toRow.length, to, p);
    p = writeUnsigned(row, to, p);
    const tail = this.#tail[op];
    return copyBytes(tail, 0, tail.length, to, p);
  }

  /** The length is known once the message is written: it is moved up to it. */
  #image(tag: number, batch: RowBatch, row: number, to: Uint8Array, at: number): number {
    to[at] = tag | BYTES;
    const body = at + 1 + lengthRoom;
    const end = this.#row.write(batch, row, to, body);
    const start = writeUnsigned(end - body, to, at + 1);
    to.copyWithin(start, body, end);
    return start + end - body;
  }
}

/** The value of a `truncate` window's record, behind `head`. */
export function protobufTruncation(facts: WindowFacts, head: Buffer): Buffer {
  const row = Buffer.of(1);
  if (facts.source.format.envelope === 'flat')
    return Buffer.concat([head, flatBytes('t', facts), row, field(flatNumbers[4], 0)]);
  const source = Buffer.concat([sourceBytes(sourceFacts(facts)), row]);
  return Buffer.concat([head, lengthed(THREE, source), envelopeTail('t', facts)]);
}

/** `source` without its length, up to the row's number. */
function sourceBytes(source: ReturnType<typeof sourceFacts>): Buffer {
  const values = Object.values(source);
  return Buffer.concat([...values.map((value, at) => field(at + 1, value)), tagOf(values.length + 1, VARINT)]);
}

function flatBytes(op: Op | 't', { now, window }: WindowFacts): Buffer {
  const [opNumber, timeNumber, windowNumber, rowNumber] = flatNumbers;
  return Buffer.concat([
    field(opNumber, op),
    field(timeNumber, now),
    field(windowNumber, window.number),
    tagOf(rowNumber, VARINT),
  ]);
}

function envelopeTail(op: Op | 't', { now }: WindowFacts): Buffer {
  return Buffer.concat([field(4, op), field(5, now)]);
}

/** A text, or a whole number that is not negative. */
export function field(number: number, value: string | number): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([tagOf(number, BYTES), unsigned(Buffer.byteLength(value)), Buffer.from(value)]);
  if (value < 0) throw new SnowmeltError('UNEXPECTED', 'A negative number in the metadata of a record');
  return Buffer.concat([tagOf(number, VARINT), unsigned(value)]);
}

function lengthed(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag | BYTES), unsigned(body.length), body]);
}

function tagOf(number: number, wireType: number): Buffer {
  return unsigned(number * 8 + wireType);
}

function unsigned(value: number): Buffer {
  const bytes = Buffer.alloc(varintRoom);
  return bytes.subarray(0, writeUnsigned(value, bytes, 0));
}
