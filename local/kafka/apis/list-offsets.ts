import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';

type Question = { committedOnly: boolean; topics: PerTopic<{ partition: number; timestamp: number }>[] };
type Found = { partition: number; code: number; timestamp: number; offset: number };

const LATEST = -1;
const EARLIEST = -2;

/** A reader of committed records is told the last stable offset as the end. */
export const listOffsets = defineApi<Question, PerTopic<Found>[]>({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 5],
  read: (reader, version) => {
    reader.int32();
    const committedOnly = version >= 2 && reader.int8() === 1;
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => {
        const partition = reader.int32();
        if (version >= 4) reader.int32();
        return { partition, timestamp: Number(reader.int64()) };
      }),
    }));
    return { committedOnly, topics };
  },
  facts: ({ topics }) => ({ topicPartitions: flatPartitions(topics) }),
  answer: ({ topics, committedOnly }, broker, { node }) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, timestamp }) => {
        if (broker.answersFor(node, topic, partition)) return find(broker, topic, partition, timestamp, committedOnly);
        return { partition, code: CODE.NOT_LEADER_OR_FOLLOWER, timestamp: -1, offset: -1 };
      }),
    })),
  fail: ({ topics }, code) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, code, timestamp: -1, offset: -1 })),
    })),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer, version) => {
    if (version >= 2) writer.int32(0);
    writer.array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, ({ partition, code, timestamp, offset }) => {
        writer.int32(partition).int16(code).int64(timestamp).int64(offset);
        if (version >= 4) writer.int32(0);
      });
    });
  },
});

function find(broker: Broker, topic: string, partition: number, timestamp: number, committedOnly: boolean): Found {
  const log = broker.topics.log(topic, partition);
  if (log === undefined) return { partition, code: CODE.UNKNOWN_TOPIC_OR_PARTITION, timestamp: -1, offset: -1 };
  const end = committedOnly ? log.lastStableOffset : log.nextOffset;
  if (timestamp === LATEST) return { partition, code: CODE.NONE, timestamp: -1, offset: end };
  if (timestamp === EARLIEST) return { partition, code: CODE.NONE, timestamp: -1, offset: log.startOffset };
  const found = log.offsetAt(timestamp);
  return { partition, code: CODE.NONE, ...(found ?? { offset: -1, timestamp: -1 }) };
}
