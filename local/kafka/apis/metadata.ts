import { defineApi, firstCode } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';
import type { Node } from '../nodes.ts';

type Question = { topics: string[] | null; mayCreate: boolean };
type PartitionAnswer = { leader: number; epoch: number; replicas: number[] };
type TopicAnswer = { name: string; code: number; partitions: PartitionAnswer[] };
type Answer = { nodes: Node[]; clusterId: string; topics: TopicAnswer[] };

/** Replicas beyond the nodes are told as in sync, so that checks of a topic's facts can be tried. */
export const metadata = defineApi<Question, Answer>({
  key: 3,
  name: 'Metadata',
  versions: [1, 7],
  read: (reader, version) => ({
    topics: reader.nullableArray(() => reader.string()),
    mayCreate: version >= 4 ? reader.boolean() : true,
  }),
  answer: ({ topics, mayCreate }, broker) =>
    answerWith(
      broker,
      (topics ?? broker.topics.all().map((topic) => topic.name)).map((name) => describe(broker, name, mayCreate)),
    ),
  // A failed answer names no broker.
  fail: ({ topics }, code) => ({
    nodes: [],
    clusterId: '',
    topics: (topics ?? []).map((name) => ({ name, code, partitions: [] })),
  }),
  code: ({ topics }) => firstCode(topics.map((topic) => topic.code)),
  write: (writer, { nodes, clusterId, topics }, version) => {
    if (version >= 3) writer.int32(0);
    writer.array(nodes, ({ id, host, port }) => writer.int32(id).string(host).int32(port).string(null));
    if (version >= 2) writer.string(clusterId);
    writer.int32(nodes[0]?.id ?? -1);
    writer.array(topics, (topic) => {
      writer.int16(topic.code).string(topic.name).boolean(false);
      writer.array([...topic.partitions.entries()], ([partition, { leader, epoch, replicas }]) => {
        writer.int16(CODE.NONE).int32(partition).int32(leader);
        if (version >= 7) writer.int32(epoch);
        writer.array(replicas, (replica) => writer.int32(replica));
        writer.array(replicas, (replica) => writer.int32(replica));
        if (version >= 5) writer.array([], () => undefined);
      });
    });
  },
});

function answerWith(broker: Broker, topics: TopicAnswer[]): Answer {
  return { nodes: broker.nodes.up, clusterId: broker.options.clusterId, topics };
}

function describe(broker: Broker, name: string, mayCreate: boolean): TopicAnswer {
  let code: number = CODE.UNKNOWN_TOPIC_OR_PARTITION;
  if (broker.topics.get(name) === undefined && mayCreate && broker.options.autoCreateTopics) {
    code = broker.topics.create({ name });
  }
  const topic = broker.topics.get(name);
  if (topic === undefined) return { name, code, partitions: [] };
  const partitions = topic.partitions.map(({ partition }) => {
    const leader = broker.nodes.leaderOf(name, partition).id;
    const epoch = broker.nodes.leaderEpochOf(name, partition);
    return { leader, epoch, replicas: replicasOf(leader, topic.replicationFactor) };
  });
  return { name, code: CODE.NONE, partitions };
}

function replicasOf(leader: number, count: number): number[] {
  const others = Array.from({ length: count }, (_, i) => i + 1).filter((id) => id !== leader);
  return [leader, ...others].slice(0, count);
}
