/**
 * murmur2 as Kafka's Java client computes it, over a slice and without allocating, so that a key lands in the same
 * topicPartition whoever writes it (org.apache.kafka.common.utils.Utils.murmur2).
 */
const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** The hash as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const last = start + (length & ~3);
  let h = SEED ^ length;
  for (let i = start; i < last; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length & 3;
  if (rest === 3) h ^= bytes[last + 2]! << 16;
  if (rest >= 2) h ^= bytes[last + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ bytes[last]!, M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

/** The topicPartition that the Java client's default partitioner gives to a keyed record. */
export function partitionForKey(bytes: Uint8Array, start: number, end: number, partitions: number): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitions;
}
