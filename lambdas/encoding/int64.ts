/**
 * One whole number of 64 bits as sign and magnitude in two halves: what varints are written from. One instance serves a
 * writer for all of its rows, so that no BigInt is made per cell.
 */
import { SnowmeltError } from '../errors.ts';

const MINUS = 0x2d;
const PLUS = 0x2b;
const TWO_32 = 2 ** 32;
/** Digits whose number is exact in a double, with room for one multiplication. */
const half = 9;
const power = 1e9;
/** Above this a magnitude would not fit the zigzag form. */
const maxDigits = 18;

export class Int64 {
  negative = false;
  high = 0;
  low = 0;

  /** A safe integer. */
  set(value: number): void {
    this.negative = value < 0;
    const magnitude = Math.abs(value);
    this.high = Math.floor(magnitude / TWO_32);
    this.low = magnitude >>> 0;
    if (magnitude >= TWO_32) this.low = magnitude % TWO_32;
  }

  /** `whole * unit + rest`: `whole` below 2^38, `unit` at most 1e9 (1e6 where `whole` is above 2^30), the sum not negative. */
  setScaled(negative: boolean, whole: number, unit: number, rest: number): void {
    const upper = whole * (unit >>> 16);
    const lower = (upper % 65536) * 65536 + whole * (unit & 0xffff) + rest;
    this.high = Math.floor(upper / 65536) + Math.floor(lower / TWO_32);
    this.low = lower % TWO_32;
    this.negative = negative && (this.high > 0 || this.low > 0);
  }

  /** `seconds * unit + fraction`, of which only the seconds may be negative; `unit` at most 1e6. */
  setInstant(seconds: number, unit: number, fraction: number): void {
    if (seconds < 0) this.setScaled(true, -seconds, unit, -fraction);
    else this.setScaled(false, seconds, unit, fraction);
  }

  /** The digits of a whole number, with zeros behind a point at most. @throws RESULT_MALFORMED */
  parse(from: Uint8Array, start: number, end: number): void {
    let i = start;
    const negative = from[i] === MINUS;
    if (negative || from[i] === PLUS) i++;
    const first = i;
    let upper = 0;
    let lower = 0;
    let stop = first;
    while (stop < end && digit(from[stop]!) >= 0) stop++;
    while (i + 1 < stop && from[i] === 0x30) i++;
    if (stop === first || stop - i > maxDigits) throw notWhole();
    for (; i < stop - half; i++) upper = upper * 10 + digit(from[i]!);
    for (; i < stop; i++) lower = lower * 10 + digit(from[i]!);
    if (stop < end) {
      if (from[stop] !== 0x2e) throw notWhole();
      for (let k = stop + 1; k < end; k++) if (from[k] !== 0x30) throw notWhole();
    }
    this.setScaled(negative, upper, power, lower);
  }

  /** Writes zigzag as a varint, as Avro has it. */
  writeZigzag(to: Uint8Array, at: number): number {
    let high = this.high * 2 + (this.low >= 0x80000000 ? 1 : 0);
    let low = (this.low << 1) >>> 0;
    if (this.negative) {
      if (low === 0) high--;
      low = (low - 1) >>> 0;
    }
    return writeVarint64(high, low, to, at);
  }

  /** Writes two's complement as a varint, as Protobuf's int32 and int64 have it. */
  writeVarint(to: Uint8Array, at: number): number {
    if (!this.negative) return writeVarint64(this.high, this.low, to, at);
    const low = (~this.low + 1) >>> 0;
    const high = (~this.high + (low === 0 ? 1 : 0)) >>> 0;
    return writeVarint64(high, low, to, at);
  }
}

/** Most bytes of a varint of 64 bits. */
export const varintRoom = 10;

function writeVarint64(high: number, low: number, to: Uint8Array, at: number): number {
  let p = at;
  let [h, l] = [high, low];
  while (h > 0 || l > 127) {
    to[p++] = (l & 127) | 128;
    l = ((l >>> 7) | (h << 25)) >>> 0;
    h = Math.floor(h / 128);
  }
  to[p++] = l;
  return p;
}

/** Writes a whole number from 0 to 2^53 as a varint; answers where it ends. */
export function writeUnsigned(value: number, to: Uint8Array, at: number): number {
  let p = at;
  let rest = value;
  while (rest > 127) {
    to[p++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  to[p++] = rest;
  return p;
}

/** Bytes of `writeUnsigned`. */
export function unsignedSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Of a size or count: zigzag of a number that is not negative. */
export function writeLength(value: number, to: Uint8Array, at: number): number {
  return writeUnsigned(2 * value, to, at);
}

/** The digit's value, or below zero. */
export function digit(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : -1;
}

function notWhole(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', `A cell of an integer column is not one of at most ${maxDigits} digits`);
}
