/**
 * A RecordBatch (message format v2) written in place: records are appended as bytes into a buffer that is used again, and
 * the header is put before them when the batch is sent. The same bytes as kafkajs' own encoder writes, but for
 * `partitionLeaderEpoch` (-1 as the Java client; not covered by the CRC, and the broker sets it).
 *
 *   headroom | batch header, 61 bytes | records
 *   ^ for the request that carries it   ^ compressed in place
 *
 * Layout: https://kafka.apache.org/documentation/#recordbatch
 */
import type { RecordHeaders } from '../protocol/ports/records.ts';
import { crc32c } from './crc32c.ts';
import type { Codec } from './compression.ts';

const HEADER = 61;
/** Where the CRC's range begins in the header: at the attributes. */
const ATTRIBUTES = 21;
const TRANSACTIONAL = 0x10;
/** No headers: their count. */
const NONE: RecordHeaders = { bytes: Buffer.of(0), end: 1 };
/** One header more in a count's varint. */
const ONE = 2;
/** The length of the header's key, the key. */
const POSITION_KEY = Buffer.from('snowmelt.position');
const POSITION = Buffer.concat([Buffer.of(POSITION_KEY.length << 1), POSITION_KEY]);
const COLON = 0x3a;
const ZERO = 0x30;

/** What the records of a producer have in common: part of a transaction, or each with a header of its position. */
export type RecordKind = 'transactional' | 'positioned';

export type BatchStamp = { producerId: bigint; producerEpoch: number; sequence: number; time: number };

export class RecordBatch {
  readonly bytes: Buffer;
  /** Where the batch begins; before it is room for the request. */
  readonly start: number;
  readonly #kind: RecordKind;
  #end: number;
  #records = 0;
  #codec = 0;

  /** `capacity`: bytes of header and records; `headroom`: bytes before them. */
  constructor(capacity: number, headroom: number, kind: RecordKind) {
    this.#kind = kind;
    this.bytes = Buffer.allocUnsafeSlow(headroom + capacity);
    this.start = headroom;
    this.#end = headroom + HEADER;
  }

  get records(): number {
    return this.#records;
  }

  /** Where the batch ends in `bytes`. */
  get end(): number {
    return this.#end;
  }

  /** Bytes that the batch takes in the log (uncompressed until `compress`). */
  get size(): number {
    return this.#end - this.start;
  }

  clear(): void {
    this.#end = this.start + HEADER;
    this.#records = 0;
    this.#codec = 0;
  }

  /** Adds a record of slices of `source`; a `valueStart` of -1 is a null value. False, and nothing added: no room. */
  append(
    source: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers: RecordHeaders | null = null,
  ): boolean {
    const bytes = this.bytes;
    const { bytes: fields, end: fieldsEnd } = headers ?? NONE;
    const index = this.#records;
    const key = keyEnd - keyStart;
    const value = valueStart < 0 ? -1 : valueEnd - valueStart;
    const position = this.#kind === 'positioned' ? positionSize(window, row) : 0;
    const length = recordLength(index, key, value, fieldsEnd + position);
    let at = this.#end;
    if (at + varintSize(length) + length > bytes.length) return false;
    at = writeVarint(bytes, at, length);
    bytes[at++] = 0; // attributes
    bytes[at++] = 0; // timestamp delta: every record has the batch's time
    at = writeVarint(bytes, at, index);
    at = writeVarint(bytes, at, key);
    source.copy(bytes, at, keyStart, keyEnd);
    at += key;
    if (value < 0) {
      bytes[at++] = 1; // varint of -1
    } else {
      at = writeVarint(bytes, at, value);
      source.copy(bytes, at, valueStart, valueEnd);
      at += value;
    }
    bytes[at++] = fields[0]! + (position === 0 ? 0 : ONE);
    for (let i = 1; i < fieldsEnd; i++) bytes[at++] = fields[i]!;
    if (position > 0) at = writePosition(bytes, at, window, row);
    this.#end = at;
    this.#records = index + 1;
    return true;
  }

  /** Compresses the records in place; they stay as they are where that would not make them smaller. */
  async compress(codec: Codec): Promise<void> {
    const records = this.bytes.subarray(this.start + HEADER, this.#end);
    const packed = await codec.compress(records);
    if (packed.length >= records.length) return;
    packed.copy(this.bytes, this.start + HEADER);
    this.#end = this.start + HEADER + packed.length;
    this.#codec = codec.attribute;
  }

  /** What `size` is once the records are compressed. */
  packedSize(codec: Codec | null): number {
    const records = this.bytes.subarray(this.start + HEADER, this.#end);
    return HEADER + Math.min(records.length, codec?.compressSync(records).length ?? Infinity);
  }

  /** Writes the header and its CRC; after it `bytes[start, end)` is a batch. */
  seal(stamp: BatchStamp): void {
    const { bytes, start } = this;
    const time = BigInt(stamp.time);
    bytes.writeBigInt64BE(0n, start); // base offset: the broker's
    bytes.writeInt32BE(this.size - 12, start + 8);
    bytes.writeInt32BE(-1, start + 12); // partition leader epoch
    bytes[start + 16] = 2; // magic
    bytes.writeInt16BE((this.#kind === 'transactional' ? TRANSACTIONAL : 0) | this.#codec, start + ATTRIBUTES);
    bytes.writeInt32BE(this.#records - 1, start + 23); // last offset delta
    bytes.writeBigInt64BE(time, start + 27);
    bytes.writeBigInt64BE(time, start + 35);
    bytes.writeBigInt64BE(stamp.producerId, start + 43);
    bytes.writeInt16BE(stamp.producerEpoch, start + 51);
    bytes.writeInt32BE(stamp.sequence, start + 53);
    bytes.writeInt32BE(this.#records, start + 57);
    bytes.writeUInt32BE(crc32c(bytes.subarray(start + ATTRIBUTES, this.#end)), start + 17);
  }
}

/** Capacity of a batch that holds just this record, with the longest position where it has one. */
export function capacityFor(
  key: number,
  value: number,
  kind: RecordKind,
  headers: RecordHeaders | null = null,
): number {
  const position = kind === 'positioned' ? positionSize(2 ** 31 - 1, 2 ** 32 - 1) : 0;
  const length = recordLength(0, key, value, (headers ?? NONE).end + position);
  return HEADER + varintSize(length) + length;
}

/** Bytes of a record after its length field; a value of -1 is null. */
function recordLength(index: number, key: number, value: number, headers: number): number {
  const head = 2 + varintSize(index) + varintSize(key) + key + headers; // 2: attributes, timestamp delta
  return value < 0 ? head + 1 : head + varintSize(value) + value;
}

/** Size of a zigzag varint of n >= 0. */
function varintSize(n: number): number {
  if (n < 0x40) return 1;
  if (n < 0x2000) return 2;
  if (n < 0x100000) return 3;
  return n < 0x8000000 ? 4 : 5;
}

/** Writes n >= 0 as a zigzag varint; answers where it ends. */
function writeVarint(bytes: Buffer, at: number, n: number): number {
  let rest = (n << 1) >>> 0;
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes of the header that tells the position. */
function positionSize(window: number, row: number): number {
  return POSITION.length + 1 + digits(window) + 1 + digits(row);
}

/** `window:row` in ASCII; answers where it ends. */
function writePosition(bytes: Buffer, at: number, window: number, row: number): number {
  POSITION.copy(bytes, at);
  at += POSITION.length;
  bytes[at++] = (digits(window) + 1 + digits(row)) << 1; // at most 21: a varint of one byte
  at = writeDigits(bytes, at, window);
  bytes[at++] = COLON;
  return writeDigits(bytes, at, row);
}

/** Decimal digits of an integer from 0 to 2^32 - 1. */
function digits(n: number): number {
  let count = 1;
  for (let power = 10; n >= power; power *= 10) count++;
  return count;
}

function writeDigits(bytes: Buffer, at: number, n: number): number {
  const end = at + digits(n);
  for (let i = end - 1; i >= at; i--) {
    const tenth = Math.floor(n / 10);
    bytes[i] = ZERO + n - 10 * tenth;
    n = tenth;
  }
  return end;
}
