/** The text of a cell, out of JSON's escapes: bytes in, bytes out. */
import { SnowmeltError } from '../errors.ts';
import { copyBytes } from './copies.ts';

const BACKSLASH = 0x5c;
const U = 0x75;

/** Bytes of the text without escapes: what `writeText` writes. @throws RESULT_MALFORMED */
export function textSize(from: Uint8Array, start: number, end: number): number {
  let size = end - start;
  for (let i = start; i < end; i++) {
    if (from[i] !== BACKSLASH) continue;
    i++;
    if (i >= end) throw malformed();
    if (from[i] !== U) {
      size--;
      continue;
    }
    const unit = hex4(from, i + 1, end);
    i += 4;
    if (unit < 0x80) size -= 5;
    else if (unit < 0x800) size -= 4;
    else if (unit < 0xd800 || unit > 0xdfff) size -= 3;
    else {
      lowSurrogate(from, i + 1, end, unit);
      i += 6;
      size -= 8;
    }
  }
  return size;
}

/** Writes the text, `size` bytes by `textSize`, as UTF-8; answers where it ends. @throws RESULT_MALFORMED */
export function writeText(
  from: Uint8Array,
  start: number,
  end: number,
  size: number,
  to: Uint8Array,
  at: number,
): number {
  if (size === end - start) return copyBytes(from, start, end, to, at);
  let p = at;
  for (let i = start; i < end; i++) {
    const byte = from[i]!;
    if (byte !== BACKSLASH) {
      to[p++] = byte;
      continue;
    }
    i++;
    if (i >= end) throw malformed();
    if (from[i] === U) {
      let code = hex4(from, i + 1, end);
      i += 4;
      if (code >= 0xd800 && code <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (lowSurrogate(from, i + 1, end, code) - 0xdc00);
        i += 6;
      }
      p = writeCodePoint(code, to, p);
    } else {
      to[p++] = unescaped(from[i]!);
    }
  }
  return p;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 0x22: // "
    case 0x2f: // /
    case BACKSLASH:
      return byte;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      throw malformed();
  }
}

function writeCodePoint(code: number, to: Uint8Array, at: number): number {
  let p = at;
  if (code < 0x80) {
    to[p++] = code;
    return p;
  }
  if (code < 0x800) to[p++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) to[p++] = 0xe0 | (code >> 12);
    else {
      to[p++] = 0xf0 | (code >> 18);
      to[p++] = 0x80 | ((code >> 12) & 0x3f);
    }
    to[p++] = 0x80 | ((code >> 6) & 0x3f);
  }
  to[p++] = 0x80 | (code & 0x3f);
  return p;
}

/** The second half of a pair, `\uXXXX` at `at`. Half a pair is no character, and UTF-8 has no place for it. */
function lowSurrogate(from: Uint8Array, at: number, end: number, high: number): number {
  if (high > 0xdbff || from[at] !== BACKSLASH || from[at + 1] !== U) throw malformed();
  const low = hex4(from, at + 2, end);
  if (low < 0xdc00 || low > 0xdfff) throw malformed();
  return low;
}

function hex4(from: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) throw malformed();
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = from[i]!;
    const letter = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
    else if (letter >= 0x61 && letter <= 0x66) value = value * 16 + letter - 0x57;
    else throw malformed();
  }
  return value;
}

function malformed(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', 'A cell holds an escape that JSON does not know, or half a character');
}
