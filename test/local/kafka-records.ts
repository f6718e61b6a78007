/** Record batches for tests, uncompressed, values only: written for exact sequence numbers, read as a consumer does. */
import { crc32c } from '@node-rs/crc32';
import { Writer } from '../../local/kafka/wire.ts';

export type BatchSpec = {
  values: string[];
  producerId?: number;
  epoch?: number;
  sequence?: number;
  transactional?: boolean;
  timestamp?: number;
};

export function encodeBatch({ values, producerId = -1, epoch = -1, sequence = -1, ...rest }: BatchSpec): Buffer {
  const timestamp = rest.timestamp ?? Date.now();
  const covered = new Writer()
    .int16(rest.transactional === true ? 0x10 : 0)
    .int32(values.length - 1)
    .int64(timestamp)
    .int64(timestamp)
    .int64(producerId)
    .int16(epoch)
    .int32(sequence)
    .int32(values.length);
  values.forEach((value, i) => {
    const text = Buffer.from(value);
    const record = new Writer().int8(0).uvarint(zigzag(0)).uvarint(zigzag(i)).uvarint(zigzag(-1));
    record.uvarint(zigzag(text.length)).reference(text).uvarint(0);
    covered.uvarint(zigzag(record.size)).reference(record.toBuffer());
  });
  const body = covered.toBuffer();
  const head = new Writer()
    .int64(0)
    .int32(body.length + 9)
    .int32(-1)
    .int8(2)
    .int32(crc32c(body) | 0);
  return Buffer.concat([head.toBuffer(), body]);
}

export type Aborted = { producerId: number; firstOffset: number };
type ReadBatch = {
  base: number;
  producerId: number;
  transactional: boolean;
  control: boolean;
  committed: boolean;
  values: string[];
};

/** The values in the batches, without those of aborted transactions; checks every CRC. */
export function committedValues(bytes: Buffer, aborted: readonly Aborted[]): string[] {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const dropping = new Set<number>();
  const values: string[] = [];
  for (const batch of readBatches(bytes)) {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.base) dropping.add(waiting.shift()!.producerId);
    if (batch.control) dropping.delete(batch.producerId);
    else if (!batch.transactional || !dropping.has(batch.producerId)) values.push(...batch.values);
  }
  return values;
}

function* readBatches(bytes: Buffer): Generator<ReadBatch> {
  for (let at = 0; at + 12 <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) return;
    const batch = bytes.subarray(at, end);
    if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17)) throw new Error('CRC of a batch is wrong');
    const attributes = batch.readInt16BE(21);
    const control = (attributes & 0x20) !== 0;
    yield {
      base: Number(batch.readBigInt64BE(0)),
      producerId: Number(batch.readBigInt64BE(43)),
      transactional: (attributes & 0x10) !== 0,
      control,
      committed: control && batch.readInt16BE(batch.length - 12) === 1,
      values: control ? [] : readValues(batch),
    };
    at = end;
  }
}

function readValues(batch: Buffer): string[] {
  const values: string[] = [];
  let at = 61;
  const varint = (): number => {
    let raw = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = batch.readUInt8(at);
      at += 1;
      raw |= (byte & 127) << shift;
      if (byte < 128) return (raw >>> 1) ^ -(raw & 1);
    }
  };
  while (at < batch.length) {
    const end = varint() + at;
    at += 1;
    varint();
    varint();
    const keyLength = varint();
    at += Math.max(keyLength, 0);
    const length = varint();
    values.push(batch.toString('utf8', at, at + length));
    at = end;
  }
  return values;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
