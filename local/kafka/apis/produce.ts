import { defineApi, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';
import { brokerConfigs, topicNumber } from '../configs.ts';
import type { Appended } from '../log.ts';
import { checkBatch, readHeader } from '../record-batch.ts';

type Question = {
  transactionalId: string | null;
  acks: number;
  topics: PerTopic<{ partition: number; batch: Buffer }>[];
};
type Answer = PerTopic<{ partition: number; code: number; baseOffset: number; startOffset: number }>[];

/** Batches are appended as they came; only their headers and CRCs are looked at. */
export const produce = defineApi<Question, Answer>({
  key: 0,
  name: 'Produce',
  versions: [3, 7],
  read: (reader) => {
    const transactionalId = reader.nullableString();
    const acks = reader.int16();
    reader.int32();
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => ({ partition: reader.int32(), batch: reader.bytes() })),
    }));
    return { transactionalId, acks, topics };
  },
  facts: ({ transactionalId, topics }) => ({
    ...(transactionalId === null ? {} : { transactionalId }),
    topicPartitions: flatPartitions(topics),
  }),
  answer: (question, broker, { node }) => {
    const answer = question.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, batch }) => ({
        partition,
        startOffset: broker.topics.log(topic, partition)?.startOffset ?? -1,
        ...(broker.answersFor(node, topic, partition)
          ? append(broker, question, topic, partition, batch)
          : refused(CODE.NOT_LEADER_OR_FOLLOWER)),
      })),
    }));
    return question.acks === 0 ? null : answer;
  },
  fail: ({ topics }, code) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, code, baseOffset: -1, startOffset: -1 })),
    })),
  code: (answer) => firstOf(answer),
  write: (writer, answer, version) => {
    writer.array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, ({ partition, code, baseOffset, startOffset }) => {
        writer.int32(partition).int16(code).int64(baseOffset).int64(-1);
        if (version >= 5) writer.int64(startOffset);
      });
    });
    writer.int32(0);
  },
});

function firstOf(answer: Answer): number {
  for (const code of partitionCodes(answer)) if (code !== CODE.NONE) return code;
  return CODE.NONE;
}

function append(broker: Broker, question: Question, name: string, partition: number, batch: Buffer): Appended {
  const { transactionalId, acks } = question;
  if (acks < -1 || acks > 1) return refused(CODE.INVALID_REQUIRED_ACKS);
  const topic = broker.topics.get(name);
  const log = topic?.partitions[partition];
  if (topic === undefined || log === undefined) return refused(CODE.UNKNOWN_TOPIC_OR_PARTITION);
  const minInSync = topicNumber(
    topic,
    'min.insync.replicas',
    Number(brokerConfigs(broker).get('min.insync.replicas')?.value),
  );
  if (acks === -1 && topic.replicationFactor < minInSync) return refused(CODE.NOT_ENOUGH_REPLICAS);
  const code = checkBatch(batch, {
    maxBytes: topicNumber(topic, 'max.message.bytes', broker.options.maxMessageBytes),
    latestTimestamp:
      broker.clock.now() +
      topicNumber(topic, 'message.timestamp.after.max.ms', broker.options.messageTimestampAfterMaxMs),
  });
  if (code !== CODE.NONE) return refused(code);
  const header = readHeader(batch);
  if (header.transactional && !log.hasOpenTransaction(header.producerId)) {
    if (transactionalId === null) return refused(CODE.INVALID_TXN_STATE);
    const who = { transactionalId, producerId: header.producerId, epoch: header.epoch };
    const verified = broker.transactions.verifyPartition(who, name, partition);
    // Apache Kafka hides the coordinator's "not now" from producers behind a retriable code.
    if (verified === CODE.CONCURRENT_TRANSACTIONS) return refused(CODE.NOT_ENOUGH_REPLICAS);
    if (verified !== CODE.NONE) return refused(verified);
  }
  return log.append(batch);
}

function refused(code: number): Appended {
  return { code, baseOffset: -1 };
}
