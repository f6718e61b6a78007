/**
 * The header of a RecordBatch v2 (61 bytes, then the records, maybe compressed). The broker reads headers and
 * checks the CRC; records stay as the producer sent them.
 */
import { crc32c } from '@node-rs/crc32';
import { CODE } from './codes.ts';

export const HEADER_BYTES = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const CRC_FROM = 21;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export type BatchHeader = {
  transactional: boolean;
  control: boolean;
  records: number;
  maxTimestamp: number;
  /** -1: not idempotent. */
  producerId: number;
  epoch: number;
  firstSequence: number;
};

export type BatchLimits = { maxBytes: number; latestTimestamp: number };

export function readHeader(batch: Buffer): BatchHeader {
  const attributes = batch.readInt16BE(21);
  return {
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    records: batch.readInt32BE(57),
    maxTimestamp: Number(batch.readBigInt64BE(35)),
    producerId: Number(batch.readBigInt64BE(43)),
    epoch: batch.readInt16BE(51),
    firstSequence: batch.readInt32BE(53),
  };
}

/** The code Apache Kafka refuses these records with, or NONE. Exactly one batch is allowed since Produce v3. */
export function checkBatch(batch: Buffer, limits: BatchLimits): number {
  if (batch.length < HEADER_BYTES) return CODE.INVALID_RECORD;
  if (batch.readInt8(MAGIC_AT) !== 2) return CODE.INVALID_RECORD;
  if (batch.readInt32BE(LENGTH_AT) + 12 !== batch.length) return CODE.INVALID_RECORD;
  if (batch.length > limits.maxBytes) return CODE.MESSAGE_TOO_LARGE;
  if (crc32c(batch.subarray(CRC_FROM)) !== batch.readUInt32BE(CRC_AT)) return CODE.CORRUPT_MESSAGE;
  const header = readHeader(batch);
  if (header.control || header.records <= 0) return CODE.INVALID_RECORD;
  if (header.records !== batch.readInt32BE(23) + 1) return CODE.INVALID_RECORD;
  if (header.maxTimestamp > limits.latestTimestamp) return CODE.INVALID_TIMESTAMP;
  return CODE.NONE;
}

/** Writes the two fields that the broker owns; both lie outside the CRC. */
export function placeBatch(batch: Buffer, baseOffset: number): void {
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt32BE(0, 12);
}

/** The control batch that ends a transaction on one partition: one record, key = version and type, value = version and coordinator epoch. */
export function markerBatch(producerId: number, epoch: number, commit: boolean, timestamp: number): Buffer {
  // length 16 (zigzag 32), attributes, timestamp delta, offset delta, key length 4 (8), key, value length 6 (12), value, no headers
  const record = Buffer.from([32, 0, 0, 0, 8, 0, 0, 0, commit ? 1 : 0, 12, 0, 0, 0, 0, 0, 0, 0]);
  const batch = Buffer.alloc(HEADER_BYTES + record.length);
  batch.writeInt32BE(batch.length - 12, LENGTH_AT);
  batch.writeInt8(2, MAGIC_AT);
  batch.writeInt16BE(TRANSACTIONAL | CONTROL, 21);
  batch.writeBigInt64BE(BigInt(timestamp), 27);
  batch.writeBigInt64BE(BigInt(timestamp), 35);
  batch.writeBigInt64BE(BigInt(producerId), 43);
  batch.writeInt16BE(epoch, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(1, 57);
  record.copy(batch, HEADER_BYTES);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC_AT);
  return batch;
}
