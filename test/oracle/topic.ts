/** Everything that a read_committed consumer gets from a topic, from its start to its present end. */
import type { EachBatchPayload } from 'kafkajs';
import { loadKafkaJs } from './aborted.ts';

export type TopicRecord = { topicPartition: number; key: Buffer | null; value: Buffer | null };

const STALLED_MS = 60_000;

/**
 * Reads each topic partition in order, waits for `each` where it asks for it, and ends at the last stable offset that stood when it began.
 * @throws when nothing comes for a minute.
 */
export async function readTopic(
  brokers: string[],
  topic: string,
  each: (record: TopicRecord) => Promise<void> | void,
): Promise<number> {
  const { Kafka, logLevel } = loadKafkaJs();
  const kafka = new Kafka({ brokers, clientId: 'oracle', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const groupId = `oracle-${crypto.randomUUID()}`;
  const ends = new Map<number, bigint>();
  // kafkajs lists offsets as read_committed: `high` is the last stable offset.
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    if (BigInt(high) > BigInt(low)) ends.set(partition, BigInt(high));
  }
  let records = 0;
  if (ends.size > 0) {
    const consumer = kafka.consumer({ groupId, maxBytesPerPartition: 4 * 1024 * 1024, maxBytes: 16 * 1024 * 1024 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await untilDone(ends, (passed, failed) => {
        // Emitted for batches of nothing but control records too, which eachBatch never sees.
        consumer.on('consumer.end_batch_process', ({ payload }) =>
          passed(payload.partition, BigInt(payload.lastOffset)),
        );
        consumer.on('consumer.crash', ({ payload }) => failed(payload.error));
        const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
          const end = ends.get(batch.partition);
          for (const { key, value, offset } of batch.messages) {
            if (end !== undefined && BigInt(offset) >= end) break;
            const later = each({ topicPartition: batch.partition, key, value });
            if (later !== undefined) await later;
            records++;
          }
        };
        consumer.run({ autoCommit: false, eachBatch }).catch(failed);
      });
    } finally {
      await consumer.disconnect();
    }
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
  await admin.disconnect();
  return records;
}

type Listen = (passed: (partition: number, lastOffset: bigint) => void, failed: (error: Error) => void) => void;

function untilDone(ends: ReadonlyMap<number, bigint>, listen: Listen): Promise<void> {
  const waiting = new Map(ends);
  return new Promise((resolve, reject) => {
    const stalled = () =>
      reject(new Error(`no record for a minute; unread: topic partitions ${[...waiting.keys()].join(', ')}`));
    let timer = setTimeout(stalled, STALLED_MS);
    listen(
      (partition, lastOffset) => {
        clearTimeout(timer);
        const end = waiting.get(partition);
        if (end !== undefined && lastOffset + 1n >= end) waiting.delete(partition);
        if (waiting.size === 0) resolve();
        else timer = setTimeout(stalled, STALLED_MS);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
