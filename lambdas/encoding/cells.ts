/**
 * Writes cells into JSON: bytes in, bytes out. A cell of a batch is the inside of a JSON string, escaped already, so text
 * is copied as it is. All writers answer the position after what they wrote and assume that there is room.
 */
import { SnowmeltError } from '../errors.ts';
import { copyBytes } from './copies.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const MINUS = 0x2d;
const PLUS = 0x2b;
const EXPONENT = 0x45;

/** The most that any writer adds to the bytes of a cell: quotes, digits that a number lacked, a decimal in Base64. */
export const cellSlack = 32;

const nan = Buffer.from('"NaN"');
const infinity = Buffer.from('"Infinity"');
const minusInfinity = Buffer.from('"-Infinity"');

/**
 * A decimal text as a JSON number. JSON wants digits on both sides of a point and no plus in front; what is more than that
 * (an exponent `E0`, trailing zeros) stays. `special`: inf, -inf and NaN become strings.
 */
export function writeNumber(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  at: number,
  special: boolean,
): number {
  let i = start;
  let p = at;
  if (from[i] === MINUS) {
    to[p++] = MINUS;
    i++;
  } else if (from[i] === PLUS) {
    i++;
  }
  const whole = i;
  // JSON has no leading zeros.
  while (from[i] === ZERO && i + 1 < end && isDigit(from[i + 1])) i++;
  const digits = i;
  while (i < end && isDigit(from[i])) to[p++] = from[i++]!;
  const none = i === digits;
  if (none && special) return writeSpecial(from, whole, end, to, at, whole > start && from[start] === MINUS);
  if (i < end && from[i] === DOT) {
    i++;
    if (none) to[p++] = ZERO;
    if (i < end && isDigit(from[i])) {
      to[p++] = DOT;
      while (i < end && isDigit(from[i])) to[p++] = from[i++]!;
    } else if (none) throw notNumber();
  } else if (none) throw notNumber();
  if (i < end && (from[i]! | 0x20) === 0x65) {
    to[p++] = EXPONENT;
    i++;
    if (from[i] === MINUS || from[i] === PLUS) to[p++] = from[i++]!;
    const power = i;
    while (i < end && isDigit(from[i])) to[p++] = from[i++]!;
    if (i === power) throw notNumber();
  }
  if (i !== end) throw notNumber();
  return p;
}

/** What follows a sign and is no digit: nan, inf or infinity in any case, or a point, which begins an ordinary number. */
function writeSpecial(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  at: number,
  minus: boolean,
): number {
  if (from[start] === DOT) return writeNumber(from, minus ? start - 1 : start, end, to, at, false);
  if (isWord(from, start, end, 'nan') && !minus) return copyBytes(nan, 0, nan.length, to, at);
  if (!isWord(from, start, end, 'inf') && !isWord(from, start, end, 'infinity')) throw notNumber();
  const text = minus ? minusInfinity : infinity;
  return copyBytes(text, 0, text.length, to, at);
}

function isWord(from: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if ((from[start + i]! | 0x20) !== word.charCodeAt(i)) return false;
  return true;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

export function writeBoolean(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  const text = isTrue(from, start, end) ? TRUE : FALSE;
  return copyBytes(text, 0, text.length, to, at);
}

/** @throws RESULT_MALFORMED for neither true nor false */
export function isTrue(from: Uint8Array, start: number, end: number): boolean {
  const text = end - start === 4 ? TRUE : FALSE;
  if (end - start !== text.length) throw notBoolean();
  for (let i = 0; i < text.length; i++) if ((from[start + i]! | 0x20) !== text[i]) throw notBoolean();
  return text === TRUE;
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

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function notNumber(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', 'A cell of a numeric column is not a number');
}

function notBoolean(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', 'A cell of a BOOLEAN column is neither true nor false');
}
