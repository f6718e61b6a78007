import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import { CODE } from '../codes.ts';
import type { TopicSpec } from '../options.ts';

type TopicCode = { name: string; code: number };

export const createTopics = defineApi<{ topics: Required<TopicSpec>[]; validateOnly: boolean }, TopicCode[]>({
  key: 19,
  name: 'CreateTopics',
  versions: [0, 3],
  read: (reader, version) => {
    const topics = reader.array(() => {
      const name = reader.string();
      const count = reader.int32();
      const factor = reader.int16();
      const assignments = reader.array(() => ({
        partition: reader.int32(),
        replicas: reader.array(() => reader.int32()),
      }));
      const configs = Object.fromEntries(reader.array((): [string, string] => [reader.string(), reader.string()]));
      const first = assignments[0];
      return {
        name,
        partitions: first === undefined ? count : assignments.length,
        replicationFactor: first === undefined ? factor : first.replicas.length,
        configs,
      };
    });
    reader.int32();
    return { topics, validateOnly: version >= 1 && reader.boolean() };
  },
  answer: ({ topics, validateOnly }, broker) =>
    topics.map((topic) => ({ name: topic.name, code: broker.topics.create(topic, validateOnly) })),
  fail: ({ topics }, code) => topics.map(({ name }) => ({ name, code })),
  code: (answer) => firstCode(answer.map((topic) => topic.code)),
  write: (writer, answer, version) => {
    if (version >= 2) writer.int32(0);
    writer.array(answer, ({ name, code }) => {
      writer.string(name).int16(code);
      if (version >= 1) writer.string(null);
    });
  },
});

export const deleteTopics = defineApi<string[], TopicCode[]>({
  key: 20,
  name: 'DeleteTopics',
  versions: [0, 3],
  read: (reader) => reader.array(() => reader.string()),
  answer: (names, broker) => names.map((name) => ({ name, code: broker.deleteTopic(name) })),
  fail: (names, code) => names.map((name) => ({ name, code })),
  code: (answer) => firstCode(answer.map((topic) => topic.code)),
  write: (writer, answer, version) => {
    if (version >= 1) writer.int32(0);
    writer.array(answer, ({ name, code }) => writer.string(name).int16(code));
  },
});

export const createPartitions = defineApi<
  { topics: { name: string; count: number }[]; validateOnly: boolean },
  TopicCode[]
>({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 1],
  read: (reader) => {
    const topics = reader.array(() => {
      const topic = { name: reader.string(), count: reader.int32() };
      reader.nullableArray(() => reader.array(() => reader.int32()));
      return topic;
    });
    reader.int32();
    return { topics, validateOnly: reader.boolean() };
  },
  answer: ({ topics, validateOnly }, broker) =>
    topics.map(({ name, count }) => ({ name, code: broker.topics.grow(name, count, validateOnly) })),
  fail: ({ topics }, code) => topics.map(({ name }) => ({ name, code })),
  code: (answer) => firstCode(answer.map((topic) => topic.code)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ name, code }) => writer.string(name).int16(code).string(null));
  },
});

/** -1 deletes all records there are. */
export const deleteRecords = defineApi<
  PerTopic<{ partition: number; offset: number }>[],
  PerTopic<{ partition: number; lowWatermark: number; code: number }>[]
>({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 1],
  read: (reader) =>
    reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => ({ partition: reader.int32(), offset: Number(reader.int64()) })),
    })),
  facts: (topics) => ({ topicPartitions: flatPartitions(topics) }),
  answer: (topics, broker) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, offset }) => {
        const log = broker.topics.log(topic, partition);
        if (log === undefined) return { partition, lowWatermark: -1, code: CODE.UNKNOWN_TOPIC_OR_PARTITION };
        const start = log.deleteBefore(offset);
        return { partition, lowWatermark: start ?? -1, code: start === null ? CODE.OFFSET_OUT_OF_RANGE : CODE.NONE };
      }),
    })),
  fail: (topics, code) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, lowWatermark: -1, code })),
    })),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, (p) => writer.int32(p.partition).int64(p.lowWatermark).int16(p.code));
    });
  },
});
