/**
 * What a Fetch brings: record batches (message format v2) as they lie in the log. Read without an object per record; records of
 * aborted transactions are left out, which a broker sends along with the list of them.
 *
 * Layout: https://kafka.apache.org/documentation/#recordbatch; written by record-batch.ts.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { SnowmeltError } from '../errors.ts';
import type { RecordVisitor, TopicRecord } from '../protocol/ports/kafka.ts';
import { crc32c } from './crc32c.ts';
import type { AbortedTransaction } from './requests.ts';

const HEADER = 61;
const CODEC = 0x07;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** Key of an abort marker: version 0, type 0. */
const ABORT = 0;

const DECOMPRESS: Record<number, (bytes: Buffer) => Buffer> = {
  0: (bytes) => bytes,
  1: (bytes) => gunzipSync(bytes),
  4: (bytes) => zstdDecompressSync(bytes),
};
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/**
 * Shows the committed records from offset `from` on; what it shows is valid until `visit` is done. Answers where the next Fetch
 * goes on: after the last whole batch, the last one of a reply is cut short. @throws KAFKA_FAILED
 */
export async function showCommitted(
  { batches, aborted }: { batches: Buffer; aborted: readonly AbortedTransaction[] },
  topicPartition: number,
  from: number,
  visit: RecordVisitor,
): Promise<number> {
  // Brokers list them in the order in which they ended.
  const coming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const inside = new Set<bigint>();
  let next = from;
  for (let at = 0; at + HEADER <= batches.length;) {
    const end = at + 12 + batches.readInt32BE(at + 8);
    if (end > batches.length) break;
    const batch = batches.subarray(at, end);
    const base = Number(batch.readBigInt64BE(0));
    check(batch, topicPartition, base);
    const last = base + batch.readInt32BE(23);
    const attributes = batch.readInt16BE(21);
    const producer = batch.readBigInt64BE(43);
    while (coming.length > 0 && coming[0]!.firstOffset <= last) inside.add(coming.shift()!.producerId);
    if ((attributes & CONTROL) !== 0) {
      if (await isAbort(batch)) inside.delete(producer);
    } else if ((attributes & TRANSACTIONAL) === 0 || !inside.has(producer)) {
      await show(batch, attributes & CODEC, topicPartition, base, from, visit);
    }
    next = last + 1;
    at = end;
  }
  return next;
}

/** The greatest time of the first batch; null where there is none. */
export function maxTimestampOf(batches: Buffer): number | null {
  return batches.length < 43 ? null : Number(batches.readBigInt64BE(35));
}

function check(batch: Buffer, topicPartition: number, base: number): void {
  const where = `the batch at offset ${base} of topicPartition ${topicPartition}`;
  if (batch[16] !== 2) throw new SnowmeltError('KAFKA_FAILED', `${where} has message format ${batch[16]}, not 2`);
  if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17))
    throw new SnowmeltError('KAFKA_FAILED', `${where} does not match its checksum`);
}

async function isAbort(batch: Buffer): Promise<boolean> {
  let aborts = false;
  await show(batch, 0, 0, 0, 0, ({ bytes, keyStart }) => {
    aborts = bytes[keyStart + 2] === ABORT && bytes[keyStart + 3] === ABORT;
    return undefined;
  });
  return aborts;
}

async function show(
  batch: Buffer,
  codec: number,
  topicPartition: number,
  base: number,
  from: number,
  visit: RecordVisitor,
): Promise<void> {
  const unpack = DECOMPRESS[codec];
  if (unpack === undefined) {
    const name = CODECS[codec] ?? `codec ${codec}`;
    throw new SnowmeltError('KAFKA_FAILED', `records are compressed with ${name}, which can't be read here`);
  }
  const bytes = unpack(batch.subarray(HEADER));
  const record: TopicRecord = {
    topicPartition,
    offset: 0,
    bytes,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
  };
  const cursor = new Cursor(bytes);
  for (let left = batch.readInt32BE(57); left > 0; left--) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at++; // attributes
    cursor.varint(); // time
    record.offset = base + cursor.varint();
    const key = cursor.varint();
    record.keyStart = key < 0 ? -1 : cursor.at;
    record.keyEnd = cursor.at += Math.max(0, key);
    const value = cursor.varint();
    record.valueStart = value < 0 ? -1 : cursor.at;
    record.valueEnd = cursor.at += Math.max(0, value);
    const visited = record.offset >= from ? visit(record) : undefined;
    if (visited !== undefined) await visited;
    cursor.at = end; // headers are not looked at
  }
}

class Cursor {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Zigzag; of a longer number the lowest 32 bits. */
  varint(): number {
    let zigzag = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++]!;
      zigzag |= (byte & 127) << shift;
      // Past the end there is nothing, which is not greater than anything.
      if (!(byte > 127)) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
  }
}
