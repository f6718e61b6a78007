/**
 * Finds the cells of a result's rows in the bytes of a chunk, the hottest loop of all: no strings, no object per row.
 *
 * A chunk is JSON rows joined by commas without the outer brackets: `["a","b",null],["c",null,null]`. Every cell must be a
 * string or null. What is accepted is exactly what JSON.parse accepts (given valid UTF-8, which `isUtf8` checks at
 * memory speed): the bytes between the quotes go into other JSON texts as they are.
 */

/** The text isn't rows of strings and nulls of that width. Says where, never what. */
export class MalformedText extends Error {
  constructor(what: string, at: number) {
    super(`${what} at byte ${at}`);
    this.name = 'MalformedText';
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** 1: may follow a backslash; 2: `u`. */
const ESCAPED = new Uint8Array(256);
for (const char of '"\\/bfnrt') ESCAPED[char.charCodeAt(0)] = 1;
ESCAPED['u'.charCodeAt(0)] = 2;

const HEX = new Uint8Array(256);
for (const char of '0123456789abcdefABCDEF') HEX[char.charCodeAt(0)] = 1;

/**
 * Scans rows [firstRow, endRow) from `pos` on and writes their cells' bounds to `offsets` as a RowBatch has them (row 0 of
 * the chunk at index 0). Answers the position after the last row.
 */
export function scanRows(
  bytes: Uint8Array,
  pos: number,
  width: number,
  firstRow: number,
  endRow: number,
  offsets: Int32Array,
): number {
  let p = pos;
  for (let row = firstRow; row < endRow; row++) {
    if (row > 0) {
      if (bytes[p] !== COMMA) p = skipTo(bytes, p, COMMA);
      p++;
    }
    p = scanRow(bytes, p, width, offsets, 2 * row * width);
  }
  return p;
}

/**
 * One row. A function of its own, called often: V8 compiles it as a whole soon, and a loop over all rows of a chunk, which is
 * called rarely, only by replacing it while it runs, not always to the end.
 *
 * Reading past the end of `bytes` gives undefined, which no branch takes for a byte: text that is cut short throws.
 */
function scanRow(bytes: Uint8Array, pos: number, width: number, offsets: Int32Array, firstOut: number): number {
  let p = pos;
  let out = firstOut;
  if (bytes[p] !== OPEN) p = skipTo(bytes, p, OPEN);
  p++;
  for (let cell = 0; cell < width; cell++) {
    if (cell > 0) {
      if (bytes[p] !== COMMA) p = skipTo(bytes, p, COMMA);
      p++;
    }
    let c = bytes[p]!;
    if (c !== QUOTE && c !== 0x6e) {
      p = skipSpace(bytes, p);
      c = bytes[p]!;
    }
    if (c === QUOTE) {
      offsets[out] = ++p;
      for (;;) {
        c = bytes[p]!;
        if (c > QUOTE && c !== BACKSLASH) p++;
        else if (c === QUOTE) break;
        else if (c === 0x20 || c === 0x21) p++;
        else if (c === BACKSLASH && ESCAPED[bytes[p + 1]!] === 1) p += 2;
        else if (c === BACKSLASH) p = skipEscape(bytes, p);
        else throw new MalformedText('A string that does not end', p);
      }
      offsets[out + 1] = p++;
    } else if (c === 0x6e && bytes[p + 1] === 0x75 && bytes[p + 2] === 0x6c && bytes[p + 3] === 0x6c) {
      offsets[out] = -1;
      offsets[out + 1] = -1;
      p += 4;
    } else {
      throw new MalformedText('A cell that is neither a string nor null', p);
    }
    out += 2;
  }
  if (bytes[p] !== CLOSE) p = skipTo(bytes, p, CLOSE);
  return p + 1;
}

/** Nothing but white space may follow the last row. */
export function expectEnd(bytes: Uint8Array, pos: number): void {
  const end = skipSpace(bytes, pos);
  if (end < bytes.length) throw new MalformedText('More than the announced rows', end);
}

function skipSpace(bytes: Uint8Array, pos: number): number {
  let p = pos;
  for (;;) {
    const c = bytes[p];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return p;
    p++;
  }
}

function skipTo(bytes: Uint8Array, pos: number, wanted: number): number {
  const p = skipSpace(bytes, pos);
  if (bytes[p] === wanted) return p;
  throw new MalformedText(`No ${String.fromCharCode(wanted)}`, p);
}

function skipEscape(bytes: Uint8Array, pos: number): number {
  const kind = ESCAPED[bytes[pos + 1] ?? 0];
  if (kind === 1) return pos + 2;
  if (kind === 2 && isHex(bytes, pos + 2) && isHex(bytes, pos + 3) && isHex(bytes, pos + 4) && isHex(bytes, pos + 5))
    return pos + 6;
  throw new MalformedText('An escape that JSON does not have', pos);
}

/** Not a closure of its caller: one would be made at each escape. */
function isHex(bytes: Uint8Array, pos: number): boolean {
  return HEX[bytes[pos] ?? 0] === 1;
}
