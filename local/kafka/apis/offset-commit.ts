import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { PerTopic } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';

type Offset = { partition: number; offset: bigint; metadata: string };
type Question = { group: string; generation: number; memberId: string; topics: PerTopic<Offset>[] };
type Answer = PerTopic<{ partition: number; code: number }>[];

export const offsetCommit = defineApi<Question, Answer>({
  key: 8,
  name: 'OffsetCommit',
  coordinator: 'group',
  versions: [2, 7],
  read: (reader, version) => {
    const group = reader.string();
    const generation = reader.int32();
    const memberId = reader.string();
    if (version >= 7) reader.nullableString();
    if (version <= 4) reader.int64();
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        if (version >= 6) reader.int32();
        return { partition, offset, metadata: reader.string() };
      }),
    }));
    return { group, generation, memberId, topics };
  },
  facts: ({ group, topics }) => ({ group, topicPartitions: flatPartitions(topics) }),
  answer: (question, broker) => {
    const code = checkMember(broker, question);
    return eachOffset(question.topics, (topic, offset) =>
      code === CODE.NONE ? commit(broker, question.group, topic, offset) : code,
    );
  },
  fail: ({ topics }, code) => eachOffset(topics, () => code),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer, version) => {
    if (version >= 3) writer.int32(0);
    writer.array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, ({ partition, code }) => writer.int32(partition).int16(code));
    });
  },
});

/** Without a generation the group must be one that nobody has joined. */
function checkMember(broker: Broker, { group: id, generation, memberId }: Question): number {
  if (id === '') return CODE.INVALID_GROUP_ID;
  const group = broker.groups.get(id);
  if (generation >= 0 || memberId !== '') {
    if (group === undefined) return generation >= 0 ? CODE.ILLEGAL_GENERATION : CODE.UNKNOWN_MEMBER_ID;
    return group.members.check(memberId, generation);
  }
  return group?.members.hasMembers === true ? CODE.UNKNOWN_MEMBER_ID : CODE.NONE;
}

function commit(broker: Broker, group: string, topic: string, { partition, offset, metadata }: Offset): number {
  const code = checkOffset(broker, topic, partition, metadata);
  if (code !== CODE.NONE) return code;
  broker.groups
    .getOrCreate(group)
    .offsets.commit(topic, partition, { offset, metadata, committedAt: broker.clock.now() });
  return CODE.NONE;
}

/** What both kinds of offset commits refuse. The limit on metadata counts UTF-16 units, as a Java string does. */
export function checkOffset(broker: Broker, topic: string, partition: number, metadata: string): number {
  if (broker.topics.log(topic, partition) === undefined) return CODE.UNKNOWN_TOPIC_OR_PARTITION;
  if (metadata.length > broker.options.offsetMetadataMaxChars) return CODE.OFFSET_METADATA_TOO_LARGE;
  return CODE.NONE;
}

export function eachOffset<T extends { partition: number }>(
  topics: PerTopic<T>[],
  code: (topic: string, offset: T) => number,
): Answer {
  return topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((offset) => ({ partition: offset.partition, code: code(topic, offset) })),
  }));
}
