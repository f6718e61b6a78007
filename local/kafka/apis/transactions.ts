import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import { CODE } from '../codes.ts';
import type { ProducerIdentity, ProducerIdGiven } from '../transactions.ts';
import type { Reader } from '../wire.ts';
import { checkOffset, eachOffset } from './offset-commit.ts';

type Partitions = PerTopic<{ partition: number; code: number }>[];
type Offset = { partition: number; offset: bigint; metadata: string };

export const initProducerId = defineApi<{ transactionalId: string | null; timeoutMs: number }, ProducerIdGiven>({
  key: 22,
  name: 'InitProducerId',
  coordinator: 'transaction',
  versions: [0, 1],
  read: (reader) => ({ transactionalId: reader.nullableString(), timeoutMs: reader.int32() }),
  facts: ({ transactionalId }) => (transactionalId === null ? {} : { transactionalId }),
  answer: ({ transactionalId, timeoutMs }, broker) => broker.transactions.initProducerId(transactionalId, timeoutMs),
  fail: (_question, code) => ({ code, producerId: -1, epoch: -1 }),
  code: (answer) => answer.code,
  write: (writer, { code, producerId, epoch }) => writer.int32(0).int16(code).int64(producerId).int16(epoch),
});

/** If one partition does not exist none is added. */
export const addPartitionsToTxn = defineApi<
  { who: ProducerIdentity; topics: PerTopic<{ partition: number }>[] },
  Partitions
>({
  key: 24,
  name: 'AddPartitionsToTxn',
  coordinator: 'transaction',
  versions: [0, 1],
  read: (reader) => ({
    who: readIdentity(reader),
    topics: reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => ({ partition: reader.int32() })),
    })),
  }),
  facts: ({ who, topics }) => ({ transactionalId: who.transactionalId, topicPartitions: flatPartitions(topics) }),
  answer: ({ who, topics }, broker) => {
    const exists = (topic: string, partition: number): boolean => broker.topics.log(topic, partition) !== undefined;
    const partitions = flatPartitions(topics);
    if (partitions.every(({ topic, partition }) => exists(topic, partition))) {
      const code = broker.transactions.addPartitions(who, partitions);
      return eachOffset(topics, () => code);
    }
    return eachOffset(topics, (topic, { partition }) =>
      exists(topic, partition) ? CODE.OPERATION_NOT_ATTEMPTED : CODE.UNKNOWN_TOPIC_OR_PARTITION,
    );
  },
  fail: ({ topics }, code) => eachOffset(topics, () => code),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, ({ partition, code }) => writer.int32(partition).int16(code));
    });
  },
});

export const addOffsetsToTxn = defineApi<{ who: ProducerIdentity; group: string }, number>({
  key: 25,
  name: 'AddOffsetsToTxn',
  coordinator: 'transaction',
  versions: [0, 1],
  read: (reader) => ({ who: readIdentity(reader), group: reader.string() }),
  facts: ({ who, group }) => ({ transactionalId: who.transactionalId, group }),
  answer: ({ who, group }, broker) => broker.transactions.addGroup(who, group),
  fail: (_question, code) => code,
  code: (answer) => answer,
  write: (writer, code) => writer.int32(0).int16(code),
});

export const endTxn = defineApi<{ who: ProducerIdentity; commit: boolean }, number>({
  key: 26,
  name: 'EndTxn',
  coordinator: 'transaction',
  versions: [0, 1],
  read: (reader) => ({ who: readIdentity(reader), commit: reader.boolean() }),
  facts: ({ who, commit }) => ({ transactionalId: who.transactionalId, commit }),
  answer: ({ who, commit }, broker) => broker.transactions.end(who, commit),
  fail: (_question, code) => code,
  code: (answer) => answer,
  write: (writer, code) => writer.int32(0).int16(code),
});

/** Offsets that become the group's when the transaction commits. */
export const txnOffsetCommit = defineApi<
  { who: ProducerIdentity; group: string; topics: PerTopic<Offset>[] },
  Partitions
>({
  key: 28,
  name: 'TxnOffsetCommit',
  coordinator: 'group',
  versions: [0, 2],
  read: (reader, version) => {
    const transactionalId = reader.string();
    const group = reader.string();
    const who = { transactionalId, producerId: Number(reader.int64()), epoch: reader.int16() };
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        if (version >= 2) reader.int32();
        return { partition, offset, metadata: reader.string() };
      }),
    }));
    return { who, group, topics };
  },
  facts: ({ who, group, topics }) => ({
    transactionalId: who.transactionalId,
    group,
    topicPartitions: flatPartitions(topics),
  }),
  answer: ({ who, group, topics }, broker) => {
    const verified = group === '' ? CODE.INVALID_GROUP_ID : broker.transactions.verifyGroup(who, group);
    return eachOffset(topics, (topic, { partition, offset, metadata }) => {
      const code = checkOffset(broker, topic, partition, metadata);
      if (code !== CODE.NONE) return code;
      if (verified !== CODE.NONE) return verified;
      const value = { offset, metadata, committedAt: broker.clock.now() };
      broker.groups.getOrCreate(group).offsets.commitInTransaction(who.producerId, topic, partition, value);
      return CODE.NONE;
    });
  },
  fail: ({ topics }, code) => eachOffset(topics, () => code),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, ({ partition, code }) => writer.int32(partition).int16(code));
    });
  },
});

function readIdentity(reader: Reader): ProducerIdentity {
  return { transactionalId: reader.string(), producerId: Number(reader.int64()), epoch: reader.int16() };
}
