/** Keys land where the Java client and kafkajs' default partitioner put them. */
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { murmur2, partitionForKey } from '../../lambdas/kafka/murmur2.ts';

test.each([
  // Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2(%s) is what the Java client tests for', (text, hash) => {
  const bytes = Buffer.from(text);
  expect(murmur2(bytes, 0, bytes.length)).toBe(hash);
});

test('partitions as kafkajs does, wherever in its buffer the key stands', () => {
  const partitioner = Partitioners.DefaultPartitioner();
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 70 }),
    fc.string({ unit: 'binary', maxLength: 30 }).map((s) => new Uint8Array(Buffer.from(s))),
  );
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 50 }), fc.nat(9), (key, partitions, offset) => {
      const bytes = new Uint8Array(offset + key.length + 5).fill(255);
      bytes.set(key, offset);
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        partitionErrorCode: 0,
        partitionId,
        leader: 1,
        replicas: [1],
        isr: [1],
      }));
      const theirs = partitioner({ topic: 't', partitionMetadata, message: { key: Buffer.from(key), value: null } });
      expect(partitionForKey(bytes, offset, offset + key.length, partitions)).toBe(theirs);
    }),
    { numRuns: 2_000 },
  );
});
