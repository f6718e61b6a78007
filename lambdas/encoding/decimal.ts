/** Decimal texts as numbers: unscaled two's complement, and doubles. */
import { SnowmeltError } from '../errors.ts';
import { digit } from './int64.ts';

const DOT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;

/** 128 bits hold 38 digits; limbs of 16 bits leave a double room for a factor of 10^11. */
const limbs = new Float64Array(8);
let used = 0;
const chunk = 11;
const powers = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];

/** Most bytes that `writeUnscaled` writes. */
export const unscaledRoom = 17;

/**
 * Writes `text * 10^scale`, big endian, two's complement, in as few bytes as Java's BigInteger does.
 * @throws RESULT_MALFORMED for what is no decimal, has more decimals or more digits than a NUMBER has
 */
export function writeUnscaled(
  from: Uint8Array,
  start: number,
  end: number,
  scale: number,
  to: Uint8Array,
  at: number,
): number {
  let i = start;
  const negative = from[i] === MINUS;
  if (negative || from[i] === PLUS) i++;
  used = 0;
  let pending = 0;
  let count = 0;
  let seen = false;
  let decimals = -1;
  for (; i < end; i++) {
    const byte = from[i]!;
    if (byte === DOT && decimals < 0) {
      decimals = 0;
      continue;
    }
    const value = digit(byte);
    if (value < 0) throw notDecimal();
    seen = true;
    if (decimals === scale) {
      if (value > 0) throw notDecimal();
      continue;
    }
    if (decimals >= 0) decimals++;
    if (count === chunk) {
      multiply(powers[chunk]!, pending);
      pending = 0;
      count = 0;
    }
    pending = pending * 10 + value;
    count++;
  }
  if (!seen) throw notDecimal();
  for (let missing = scale - Math.max(decimals, 0); missing > 0; missing--) {
    if (count === chunk) {
      multiply(powers[chunk]!, pending);
      pending = 0;
      count = 0;
    }
    pending *= 10;
    count++;
  }
  if (used <= 1) return writeSmall((used === 0 ? 0 : limbs[0]!) * powers[count]! + pending, negative, to, at);
  multiply(powers[count]!, pending);
  return writeLimbs(negative, to, at);
}

/** A magnitude that a double holds, as most are. */
function writeSmall(magnitude: number, minus: boolean, to: Uint8Array, at: number): number {
  const negative = minus && magnitude > 0;
  let rest = negative ? magnitude - 1 : magnitude;
  let size = 1;
  for (let bound = 128; rest >= bound; bound *= 256) size++;
  for (let i = at + size - 1; i >= at; i--) {
    const upper = Math.floor(rest / 256);
    const byte = rest - upper * 256;
    to[i] = negative ? 255 - byte : byte;
    rest = upper;
  }
  return at + size;
}

function multiply(factor: number, plus: number): void {
  let carry = plus;
  for (let i = 0; i < used; i++) {
    const value = limbs[i]! * factor + carry;
    carry = Math.floor(value / 65536);
    limbs[i] = value - carry * 65536;
  }
  while (carry > 0) {
    if (used === limbs.length) throw notDecimal();
    const rest = Math.floor(carry / 65536);
    limbs[used++] = carry - rest * 65536;
    carry = rest;
  }
}

function writeLimbs(negative: boolean, to: Uint8Array, at: number): number {
  let p = at;
  to[p++] = 0; // room for the sign
  for (let i = used - 1; i >= 0; i--) {
    to[p++] = limbs[i]! >>> 8;
    to[p++] = limbs[i]! & 0xff;
  }
  if (negative) negate(to, at, p);
  const sign = to[at]!;
  let first = at;
  while (first + 1 < p && to[first] === sign && (to[first + 1]! & 0x80) === (sign & 0x80)) first++;
  if (first === at) return p;
  for (let i = first; i < p; i++) to[at + i - first] = to[i]!;
  return at + p - first;
}

function negate(bytes: Uint8Array, start: number, end: number): void {
  let carry = 1;
  for (let i = end - 1; i >= start; i--) {
    const value = (~bytes[i]! & 0xff) + carry;
    bytes[i] = value & 0xff;
    carry = value >> 8;
  }
}

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

/** Writes the double nearest to the text, little endian; `inf`, `-inf` and `nan` in any case, too. @throws RESULT_MALFORMED */
export function writeDouble(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  double[0] = parseDouble(from, start, end);
  for (let i = 0; i < 8; i++) to[at + i] = doubleBytes[i]!;
  return at + 8;
}

/** With so few digits and so small a power both are exact, and so is their product or quotient, rounded once. */
function parseDouble(from: Uint8Array, start: number, end: number): number {
  let i = start;
  const negative = from[i] === MINUS;
  if (negative || from[i] === PLUS) i++;
  let digits = 0;
  let mantissa = 0;
  let exponent = 0;
  let decimals = false;
  let seen = false;
  for (; i < end; i++) {
    const byte = from[i]!;
    if (byte === DOT && !decimals) {
      decimals = true;
      continue;
    }
    const value = digit(byte);
    if (value < 0 || byte > 0x39) break;
    seen = true;
    mantissa = mantissa * 10 + value;
    if (mantissa > 0) digits++;
    if (decimals) exponent--;
  }
  if (i < end && (from[i]! | 0x20) === 0x65) {
    const minus = from[i + 1] === MINUS;
    let power = 0;
    const first = minus || from[i + 1] === PLUS ? i + 2 : i + 1;
    for (i = first; i < end && from[i]! >= ZERO && from[i]! <= 0x39; i++) power = power * 10 + from[i]! - ZERO;
    if (i > first) exponent += minus ? -power : power;
    else i = start;
  }
  if (i < end || !seen || digits > 15 || Math.abs(exponent) > 22) return slowDouble(from, start, end);
  const magnitude = exponent < 0 ? mantissa / 10 ** -exponent : mantissa * 10 ** exponent;
  return negative ? -magnitude : magnitude;
}

function slowDouble(from: Uint8Array, start: number, end: number): number {
  const text = Buffer.from(from.buffer, from.byteOffset + start, end - start)
    .toString('latin1')
    .toLowerCase();
  if (text === 'nan') return NaN;
  if (text === 'inf' || text === '+inf' || text === 'infinity') return Infinity;
  if (text === '-inf' || text === '-infinity') return -Infinity;
  const last = text.charCodeAt(text.length - 1);
  const value = Number(text);
  if (Number.isNaN(value) || !(last === DOT || digit(last) >= 0) || text.includes('x') || text.includes(' ')) {
    throw new SnowmeltError('RESULT_MALFORMED', 'A cell of a FLOAT column is not a number');
  }
  return value;
}

function notDecimal(): SnowmeltError {
  return new SnowmeltError(
    'RESULT_MALFORMED',
    'A cell of a NUMBER column is not one that its precision and scale allow',
  );
}
