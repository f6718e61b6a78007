import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';
import type { Reader, Writer } from '../wire.ts';

/** `topics` null: all partitions the group has an offset for. */
type Question = { group: string; topics: PerTopic<{ partition: number }>[] | null; requireStable: boolean };
type Found = { partition: number; offset: bigint; metadata: string; code: number };
type Answer = { code: number; topics: PerTopic<Found>[] };

const FLEXIBLE = 6;

/** With `requireStable` (v7) an offset that a transaction is about to change is not told: UNSTABLE_OFFSET_COMMIT. */
export const offsetFetch = defineApi<Question, Answer>({
  key: 9,
  name: 'OffsetFetch',
  coordinator: 'group',
  versions: [1, 7],
  flexibleFrom: FLEXIBLE,
  read: (reader, version) => (version >= FLEXIBLE ? readFlexible(reader, version) : readPlain(reader)),
  facts: ({ group, topics }) => ({ group, topicPartitions: flatPartitions(topics ?? []) }),
  answer: ({ group, topics, requireStable }, broker) => ({
    code: CODE.NONE,
    topics: (topics ?? allOf(broker, group)).map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => find(broker, group, topic, partition, requireStable)),
    })),
  }),
  fail: ({ topics }, code) => ({
    code,
    topics: (topics ?? []).map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => nothing(partition, code)),
    })),
  }),
  code: (answer) => firstCode([answer.code, ...partitionCodes(answer.topics)]),
  write: (writer, answer, version) =>
    version >= FLEXIBLE ? writeFlexible(writer, answer) : writePlain(writer, answer, version),
});

function find(broker: Broker, id: string, topic: string, partition: number, requireStable: boolean): Found {
  const offsets = broker.groups.get(id)?.offsets;
  if (requireStable && offsets?.isUnstable(topic, partition) === true)
    return nothing(partition, CODE.UNSTABLE_OFFSET_COMMIT);
  const found = offsets?.get(topic, partition);
  if (found === undefined) return nothing(partition, CODE.NONE);
  return { partition, offset: found.offset, metadata: found.metadata, code: CODE.NONE };
}

/** An unknown group, topic or partition has no offset, which is no error. */
function nothing(partition: number, code: number): Found {
  return { partition, offset: -1n, metadata: '', code };
}

function allOf(broker: Broker, id: string): PerTopic<{ partition: number }>[] {
  const topics = new Map<string, { partition: number }[]>();
  for (const { topic, partition } of broker.groups.get(id)?.offsets.partitions() ?? []) {
    const partitions = topics.get(topic) ?? [];
    partitions.push({ partition });
    topics.set(topic, partitions);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function readPlain(reader: Reader): Question {
  const group = reader.string();
  const topics = reader.nullableArray(() => ({
    topic: reader.string(),
    partitions: reader.array(() => ({ partition: reader.int32() })),
  }));
  return { group, topics, requireStable: false };
}

function readFlexible(reader: Reader, version: number): Question {
  const group = reader.compactString();
  const topics = reader.compactNullableArray(() => {
    const topic = reader.compactString();
    const partitions = reader.compactNullableArray(() => ({ partition: reader.int32() })) ?? [];
    reader.tags();
    return { topic, partitions };
  });
  return { group, topics, requireStable: version >= 7 && reader.boolean() };
}

function writePlain(writer: Writer, answer: Answer, version: number): void {
  if (version >= 3) writer.int32(0);
  writer.array(answer.topics, ({ topic, partitions }) => {
    writer.string(topic).array(partitions, ({ partition, offset, metadata, code }) => {
      writer.int32(partition).int64(offset);
      if (version >= 5) writer.int32(-1);
      writer.string(metadata).int16(code);
    });
  });
  if (version >= 2) writer.int16(answer.code);
}

function writeFlexible(writer: Writer, answer: Answer): void {
  writer.int32(0);
  writer.compactArray(answer.topics, ({ topic, partitions }) => {
    writer.compactString(topic).compactArray(partitions, ({ partition, offset, metadata, code }) => {
      writer.int32(partition).int64(offset).int32(-1).compactString(metadata).int16(code).tags();
    });
    writer.tags();
  });
  writer.int16(answer.code).tags();
}
