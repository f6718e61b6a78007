/**
 * What the documentation promises for each type, written a second time: nothing here comes from lambdas/.
 * Images are compared by a hash of 53 bits, so that millions of rows fit into memory.
 */
import type { Cell, DemoColumn, Image } from '../../local/demo/flights.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Stands for "no image" among hashes. */
export const NONE = -1;

/** The JSON value that a record must have for the cell. */
export function promised(cell: Cell, column: DemoColumn): Json {
  if (cell === null) return null;
  switch (column.kind) {
    case 'number':
      return column.precision! <= 15 ? Number(cell) : cell;
    case 'float':
      return Number(cell);
    case 'boolean':
      return cell === 'true';
    case 'text':
    case 'date':
    case 'variant':
      return cell;
    case 'time':
      return wallClock(BigInt(cell)).slice(11);
    case 'timestamp_ntz':
      return wallClock(BigInt(cell));
    case 'timestamp_ltz':
      return `${wallClock(BigInt(cell))}Z`;
    case 'timestamp_tz':
      return zoned(cell);
    case 'binary':
      return Buffer.from(cell, 'hex').toString('base64');
  }
}

const SECOND = 1_000_000_000n;

/** `YYYY-MM-DDTHH:MM:SS.fffffffff` of nanoseconds since 1970, after 1970. */
function wallClock(ns: bigint): string {
  if (ns < 0n) throw new Error(`a time before 1970: ${ns}`);
  const date = new Date(Number(ns / SECOND) * 1000).toISOString().slice(0, 19);
  return `${date}.${String(ns % SECOND).padStart(9, '0')}`;
}

function zoned(cell: string): string {
  const [instant, offset] = cell.split(' ') as [string, string];
  const minutes = Number(offset);
  const size = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, '0');
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return wallClock(BigInt(instant) + BigInt(minutes) * 60n * SECOND) + zone;
}

/** The promised record image of a ledger's image. */
export function promisedImage(image: Image, columns: readonly DemoColumn[]): Record<string, Json> {
  return Object.fromEntries(columns.map((column, i) => [column.name, promised(image[i]!, column)]));
}

/** Hash of an expected image: equal to `hashOf(promisedImage(image), columns)`. */
export function hashOfImage(image: Image, columns: readonly DemoColumn[]): number {
  return hash(JSON.stringify(columns.map((column, i) => comparable(promised(image[i]!, column), column))));
}

/** Hash of an image in a record. Anything but exactly the table's columns makes it differ. */
export function hashOf(fields: Json | undefined, columns: readonly DemoColumn[]): number {
  if (fields === null) return NONE;
  if (fields === undefined || typeof fields !== 'object' || Array.isArray(fields))
    return hash(`?${JSON.stringify(fields)}`);
  const values = columns.map((column) => comparable(fields[column.name], column));
  const foreign = Object.keys(fields).length - columns.length;
  return hash(JSON.stringify(values) + (foreign === 0 ? '' : `?${foreign}`));
}

/** VARIANT's text is compared by what it says: the order of an object's fields and its blanks are not promised. */
function comparable(value: Json | undefined, column: DemoColumn): Json {
  if (value === undefined) return ['absent'];
  if (column.kind !== 'variant' || typeof value !== 'string') return value;
  try {
    return [sorted(JSON.parse(value) as Json)];
  } catch {
    return ['not JSON', value];
  }
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.keys(value)
    .sort()
    .flatMap((name) => [name, sorted(value[name]!)]);
}

/** 53 bits: two rounds of 32, mixed. Pairs are compared, never looked up, so a chance match is one in 10^15. */
export function hash(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 2654435761);
    b = Math.imul(b ^ c, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
