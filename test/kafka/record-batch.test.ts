/** The bytes that are sent are those of kafkajs' own encoder, which brokers take. */
import { createRequire } from 'node:module';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headersOf } from '../../lambdas/encoding/headers.ts';
import { codecFor } from '../../lambdas/kafka/compression.ts';
import { crc32c } from '../../lambdas/kafka/crc32c.ts';
import { crc32c as native } from '@node-rs/crc32';
import { namesFor } from '../../lambdas/kafka/names.ts';
import { frame, requestHead } from '../../lambdas/kafka/produce.ts';
import { capacityFor, RecordBatch, type RecordKind } from '../../lambdas/kafka/record-batch.ts';
import { batchOf, column, windowOf } from '../encoding/records.ts';

type Message = { key: Buffer; value: Buffer | null; window?: number; row?: number; note?: string };
type Stock = (args: object) => { request: object };

const require = createRequire(import.meta.url);
const stockProduce = require('kafkajs/src/protocol/requests/produce') as {
  protocol(choice: { version: number }): Stock;
};
const stockRequest = require('kafkajs/src/protocol/request') as (args: object) => Promise<{ buffer: Buffer }>;

const names = namesFor('app', 'ördérs', 3, 'tópic', 'app.control');
const CLIENT = 'client-é';
const TIMEOUT = 30_000;
const BATCH_HEADER = 61;

const text = fc.string({ unit: 'binary', maxLength: 200 }).map((s) => Buffer.from(s));
const bytes = fc.uint8Array({ maxLength: 9_000 }).map((b) => Buffer.from(b));
const value = fc.option(fc.oneof(text, bytes), { nil: null });
const window = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const row = fc.oneof(fc.integer({ min: 1, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 12 }));
const note = fc.string({ unit: 'binary', maxLength: 200 });
const message = fc.record({ key: fc.oneof(text, bytes), value, window, row });
const noted = fc.array(fc.record({ key: text, value, window, row, note }), { minLength: 1, maxLength: 20 });
const messages = fc.array(message, { minLength: 1, maxLength: 80 });
const stamp = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  sequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  time: fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 }),
});

const HEADERS = [
  { name: 'nöte', column: 'NOTE' },
  { name: 'app', value: 'shöp' },
];

/** JSON that escapes every character by its number. */
const escapeAll = (text: string) =>
  `"${text.replaceAll(/[^]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

/** The messages in one buffer, as an encoder leaves them, appended to a batch. */
function filled(batch: RecordBatch, list: Message[]): RecordBatch {
  const source = Buffer.concat(list.flatMap(({ key, value }) => [key, value ?? Buffer.alloc(0)]));
  const writer = headersOf(HEADERS, windowOf([column('ID', 'NUMBER'), column('NOTE', 'VARCHAR')]))!;
  let at = 0;
  for (const { key, value, window = 1, row = 1, note } of list) {
    if (note !== undefined) writer.write(batchOf([['1', note]], key.length % 2 === 0 ? JSON.stringify : escapeAll), 0);
    const headers = note === undefined ? null : writer;
    const keyEnd = at + key.length;
    const valueEnd = keyEnd + (value?.length ?? 0);
    const valueStart = value === null ? -1 : keyEnd;
    expect(batch.append(source, at, keyEnd, valueStart, valueEnd, window, row, headers)).toBe(true);
    at = valueEnd;
  }
  return batch;
}

function batchFor(
  list: Message[],
  kind: RecordKind = 'transactional',
  head = requestHead(CLIENT, names.transactionalId, names.topic, TIMEOUT),
): RecordBatch {
  const size = list.reduce(
    (sum, { key, value, note }) =>
      sum + capacityFor(key.length, value?.length ?? -1, kind) + 40 + 3 * (note?.length ?? 0),
    0,
  );
  return filled(new RecordBatch(size, head.length, kind), list);
}

describe('a Produce request written in place', () => {
  test.each(['transactional', 'positioned'] as const)(
    '%s: is byte-identical to kafkajs, but for partitionLeaderEpoch',
    async (kind) => {
      const transactionalId = kind === 'transactional' ? names.transactionalId : null;
      const head = requestHead(CLIENT, transactionalId, names.topic, TIMEOUT);
      await fc.assert(
        fc.asyncProperty(fc.oneof(messages, noted), stamp, fc.nat(1000), async (list: Message[], stamp, partition) => {
          const batch = batchFor(list, kind, head);
          batch.seal(stamp);
          const ours = frame(head, batch, partition);
          const stocks = list.map(({ key, value, window, row, note }) => {
            const headers = {
              ...(note === undefined ? {} : { app: 'shöp', nöte: note }),
              ...(kind === 'positioned' && { 'snowmelt.position': `${window}:${row}` }),
            };
            return { key, value, headers, timestamp: `${stamp.time}` };
          });
          const { request } = stockProduce.protocol({ version: 7 })({
            acks: -1,
            timeout: TIMEOUT,
            compression: 0,
            transactionalId,
            producerId: stamp.producerId.toString(),
            producerEpoch: stamp.producerEpoch,
            topicData: [
              {
                topic: names.topic,
                partitions: [{ partition, firstSequence: stamp.sequence, messages: stocks }],
              },
            ],
          });
          const { buffer: stock } = await stockRequest({ request, correlationId: 0, clientId: CLIENT });
          const leaderEpoch = head.length + 12;
          expect(ours.readInt32BE(leaderEpoch)).toBe(-1);
          ours.writeInt32BE(stock.readInt32BE(leaderEpoch), leaderEpoch);
          expect(ours.equals(stock)).toBe(true);
        }),
        { numRuns: 150 },
      );
    },
  );

  test('uses a buffer again without a trace of what was in it', () => {
    const head = requestHead(CLIENT, names.transactionalId, names.topic, TIMEOUT);
    const stamp = { producerId: 7n, producerEpoch: 1, sequence: 0, time: 1_700_000_000_000 };
    const list = [{ key: Buffer.from('k'), value: Buffer.from('v') }];
    const used = filled(new RecordBatch(1_000, head.length, 'transactional'), [
      { key: Buffer.from('long key'), value: Buffer.alloc(500, 1) },
    ]);
    used.clear();
    filled(used, list).seal(stamp);
    const fresh = batchFor(list);
    fresh.seal(stamp);
    expect(frame(head, used, 0).equals(frame(head, fresh, 0))).toBe(true);
  });
});

describe('room', () => {
  test('a record that does not fit is refused and leaves the batch as it was', () => {
    const batch = new RecordBatch(capacityFor(3, 10, 'transactional'), 0, 'transactional');
    const source = Buffer.alloc(32, 65);
    expect(batch.append(source, 0, 3, 3, 14, 1, 1)).toBe(false);
    expect(batch.records).toBe(0);
    expect(batch.append(source, 0, 3, 3, 13, 1, 1)).toBe(true);
    const { end } = batch;
    expect(batch.append(source, 0, 0, -1, -1, 1, 1)).toBe(false);
    expect([batch.records, batch.end]).toEqual([1, end]);
  });

  test('capacityFor is exact', () => {
    fc.assert(
      fc.property(fc.nat(20_000), fc.integer({ min: -1, max: 1_100_000 }), (key, value) => {
        const source = Buffer.alloc(key + Math.max(value, 0));
        const exact = new RecordBatch(capacityFor(key, value, 'transactional'), 0, 'transactional');
        expect(exact.append(source, 0, key, value < 0 ? -1 : key, key + value, 1, 1)).toBe(true);
        expect(exact.end).toBe(exact.bytes.length);
      }),
      { numRuns: 50 },
    );
  });
});

describe('compression', () => {
  test.each([
    ['gzip', gunzipSync, 1],
    ['zstd', zstdDecompressSync, 4],
  ] as const)('%s: the same records, marked with the codec', async (name, unpack, attribute) => {
    const list = Array.from({ length: 50 }, (_, i) => ({
      key: Buffer.from(`key ${i}`),
      value: Buffer.alloc(100, 'value '),
    }));
    const plain = batchFor(list);
    const packed = batchFor(list);
    await packed.compress(codecFor(name)!);
    packed.seal({ producerId: 1n, producerEpoch: 0, sequence: 0, time: 1 });
    const { bytes, start, end } = packed;
    expect(bytes.readInt16BE(start + 21) & 7).toBe(attribute);
    const records = unpack(bytes.subarray(start + BATCH_HEADER, end));
    expect(records.equals(plain.bytes.subarray(plain.start + BATCH_HEADER, plain.end))).toBe(true);
    expect(bytes.readUInt32BE(start + 17)).toBe(crc32c(bytes.subarray(start + 21, end)));
  });

  test('records that would grow stay as they are', async () => {
    const list = [{ key: Buffer.from('k'), value: Buffer.from('v') }];
    const batch = batchFor(list);
    const { end } = batch;
    await batch.compress(codecFor('gzip')!);
    batch.seal({ producerId: 1n, producerEpoch: 0, sequence: 0, time: 1 });
    expect(batch.end).toBe(end);
    expect(batch.bytes.readInt16BE(batch.start + 21) & 7).toBe(0);
  });
});

test('CRC-32C: the check value, and what a native implementation says of any bytes of any length', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => crc32c(bytes) === native(bytes)));
  const long = Buffer.from(Array.from({ length: 200_001 }, (_, at) => (at * 7919) >> 3));
  for (const start of [0, 1, 5]) expect(crc32c(long.subarray(start))).toBe(native(long.subarray(start)));
});
