/** Base64, both ways, without a string in between. */
import { SnowmeltError } from '../errors.ts';
import { textSize, writeText } from './text.ts';

const PAD = 0x3d;
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const values = new Uint8Array(256).fill(0xff);
alphabet.forEach((byte, value) => (values[byte] = value));

let plain: Uint8Array = new Uint8Array(0);

/** Writes the bytes that a cell's Base64 stands for; answers where they end. @throws RESULT_MALFORMED */
export function writeDecoded(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  const size = textSize(from, start, end);
  // Slashes may be escaped.
  if (size !== end - start) {
    if (plain.length < size) plain = new Uint8Array(2 * size);
    writeText(from, start, end, size, plain, 0);
    return decode(plain, 0, size, to, at);
  }
  return decode(from, start, end, to, at);
}

function decode(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if ((end - start) % 4 !== 0) throw malformed();
  let p = at;
  for (let i = start; i < end; i += 4) {
    const pads = i + 4 < end || from[i + 3] !== PAD ? 0 : from[i + 2] === PAD ? 2 : 1;
    const [a, b] = [values[from[i]!]!, values[from[i + 1]!]!];
    const c = pads === 2 ? 0 : values[from[i + 2]!]!;
    const d = pads > 0 ? 0 : values[from[i + 3]!]!;
    if ((a | b | c | d) > 63) throw malformed();
    to[p++] = (a << 2) | (b >> 4);
    if (pads < 2) to[p++] = ((b << 4) | (c >> 2)) & 0xff;
    if (pads < 1) to[p++] = ((c << 6) | d) & 0xff;
  }
  return p;
}

/** Bytes that `writeDecoded` writes. @throws RESULT_MALFORMED */
export function decodedSize(from: Uint8Array, start: number, end: number): number {
  const size = textSize(from, start, end);
  if (size === 0) return 0;
  if (size % 4 !== 0) throw malformed();
  const pads = from[end - 1] !== PAD ? 0 : from[end - 2] === PAD ? 2 : 1;
  return (size / 4) * 3 - pads;
}

/** Writes Base64 of some bytes; `from` and `to` are different buffers. */
export function writeEncoded(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let p = at;
  for (let i = start; i < end; i += 3) {
    const left = end - i;
    const [a, b, c] = [from[i]!, left > 1 ? from[i + 1]! : 0, left > 2 ? from[i + 2]! : 0];
    to[p++] = alphabet[a >> 2]!;
    to[p++] = alphabet[((a & 3) << 4) | (b >> 4)]!;
    to[p++] = left > 1 ? alphabet[((b & 15) << 2) | (c >> 6)]! : PAD;
    to[p++] = left > 2 ? alphabet[c & 63]! : PAD;
  }
  return p;
}

function malformed(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', 'A cell of a binary column is not Base64');
}
