/**
 * Record headers in the record format, from constants and cells to bytes: nothing is allocated per row but where a longer
 * row than any before needs more room. A cell is the inside of a JSON string; a header is its plain text.
 */
import type { ResolvedSource } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { HeaderWriter } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Window } from '../protocol/window.ts';
import { copyBytes } from './copies.ts';

/** A varint of at most 2^28. */
const LENGTH_ROOM = 5;
const NULL = 1; // the varint of -1
const BACKSLASH = 0x5c;

/** @throws COLUMN_MISSING */
export function headersOf(headers: NonNullable<ResolvedSource['headers']>, window: Window): HeaderWriter | null {
  if (headers.length === 0) return null;
  const constant: number[] = [headers.length << 1];
  const derived: { key: Buffer; cell: number }[] = [];
  for (const header of headers) {
    const key = field(header.name);
    if ('value' in header) constant.push(...key, ...field(header.value));
    else derived.push({ key, cell: cellOf(header.column, window) });
  }
  return new Headers(Buffer.from(constant), derived);
}

/** A window without columns (a `truncate`) has no row either. */
function cellOf(column: string, { columns }: Window): number {
  const cell = columns.findIndex(({ name }) => name === column);
  if (cell >= 0 || columns.length === 0) return cell;
  throw new SnowmeltError('COLUMN_MISSING', `\`headers\` names the column ${column}, which the records do not have.`);
}

class Headers implements HeaderWriter {
  bytes: Uint8Array;
  end: number;
  readonly #constant: number;
  readonly #derived: readonly { key: Buffer; cell: number }[];
  readonly #fixed: number;

  constructor(constant: Buffer, derived: readonly { key: Buffer; cell: number }[]) {
    this.#constant = constant.length;
    this.#derived = derived;
    this.bytes = Buffer.concat([constant, ...derived.flatMap(({ key }) => [key, Buffer.of(NULL)])]);
    this.end = this.bytes.length;
    this.#fixed = this.end + derived.length * LENGTH_ROOM;
  }

  write(batch: RowBatch, row: number): void {
    const { bytes: from, offsets, width } = batch;
    const derived = this.#derived;
    let room = this.#fixed;
    for (let i = 0; i < derived.length; i++) {
      const at = 2 * (row * width + derived[i]!.cell);
      room += offsets[at + 1]! - offsets[at]!;
    }
    if (room > this.bytes.length) this.#grow(room);
    const to = this.bytes;
    let p = this.#constant;
    for (let i = 0; i < derived.length; i++) {
      const { key, cell } = derived[i]!;
      p = copyBytes(key, 0, key.length, to, p);
      const at = 2 * (row * width + cell);
      const start = offsets[at]!;
      if (start < 0) to[p++] = NULL;
      else p = writeText(from, start, offsets[at + 1]!, to, p);
    }
    this.end = p;
  }

  #grow(room: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * room);
    larger.set(this.bytes.subarray(0, this.#constant));
    this.bytes = larger;
  }
}

/** Length and text: plain text is no longer than its JSON, so it is written where the longest length would end, then moved. */
function writeText(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  const text = at + LENGTH_ROOM;
  const length = unescape(from, start, end, to, text) - text;
  let p = at;
  let rest = length << 1;
  for (; rest > 127; rest >>>= 7) to[p++] = (rest & 127) | 128;
  to[p++] = rest;
  to.copyWithin(p, text, text + length);
  return p + length;
}

const SIMPLE: Record<number, number> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9 };

/** The text inside a JSON string, in UTF-8. Answers where it ends. */
function unescape(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let p = at;
  for (let i = start; i < end; i++) {
    if (from[i] !== BACKSLASH) {
      to[p++] = from[i]!;
      continue;
    }
    const kind = from[++i]!;
    if (kind !== 0x75) {
      to[p++] = SIMPLE[kind] ?? kind;
      continue;
    }
    let code = hex(from, i + 1);
    i += 4;
    if (code >= 0xd800 && code < 0xdc00 && from[i + 1] === BACKSLASH && from[i + 2] === 0x75) {
      code = 0x10000 + ((code - 0xd800) << 10) + (hex(from, i + 3) - 0xdc00);
      i += 6;
    }
    p = writeCode(code, to, p);
  }
  return p;
}

function hex(from: Uint8Array, at: number): number {
  let code = 0;
  for (let i = at; i < at + 4; i++) code = code * 16 + ((from[i]! & 15) + (from[i]! > 0x39 ? 9 : 0));
  return code;
}

function writeCode(code: number, to: Uint8Array, at: number): number {
  if (code < 0x80) {
    to[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    to[at] = 0xc0 | (code >> 6);
    to[at + 1] = 0x80 | (code & 63);
    return at + 2;
  }
  if (code < 0x10000) {
    to[at] = 0xe0 | (code >> 12);
    to[at + 1] = 0x80 | ((code >> 6) & 63);
    to[at + 2] = 0x80 | (code & 63);
    return at + 3;
  }
  to[at] = 0xf0 | (code >> 18);
  to[at + 1] = 0x80 | ((code >> 12) & 63);
  to[at + 2] = 0x80 | ((code >> 6) & 63);
  to[at + 3] = 0x80 | (code & 63);
  return at + 4;
}

/** Length and text of a constant. */
function field(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let rest = bytes.length << 1;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.of(...length, rest), bytes]);
}
