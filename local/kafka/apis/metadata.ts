import { defineApi, firstCode } from '../api.ts';
import { NODE_ID } from '../broker.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';

type Question = { topics: string[] | null; mayCreate: boolean };
type TopicAnswer = { name: string; code: number; partitions: number; replicationFactor: number };
type Answer = { host: string; port: number; clusterId: string; topics: TopicAnswer[] };

/** Replicas beyond the one node are told as in sync, so that checks of a topic's facts can be tried. */
export const metadata = defineApi<Question, Answer>({
  key: 3,
  name: 'Metadata',
  versions: [1, 6],
  read: (reader, version) => ({
    topics: reader.nullableArray(() => reader.string()),
    mayCreate: version >= 4 ? reader.boolean() : true,
  }),
  answer: ({ topics, mayCreate }, broker) =>
    answerWith(
      broker,
      (topics ?? broker.topics.all().map((topic) => topic.name)).map((name) => describe(broker, name, mayCreate)),
    ),
  fail: ({ topics }, code) => ({
    host: '127.0.0.1',
    port: 0,
    clusterId: '',
    topics: (topics ?? []).map((name) => ({ name, code, partitions: 0, replicationFactor: 0 })),
  }),
  code: ({ topics }) => firstCode(topics.map((topic) => topic.code)),
  write: (writer, answer, version) => {
    if (version >= 3) writer.int32(0);
    // A failed answer names no broker.
    const brokers = answer.port === 0 ? [] : [NODE_ID];
    writer.array(brokers, (id) => writer.int32(id).string(answer.host).int32(answer.port).string(null));
    if (version >= 2) writer.string(answer.clusterId);
    writer.int32(NODE_ID);
    writer.array(answer.topics, (topic) => {
      const replicas = Array.from({ length: topic.replicationFactor }, (_, i) => NODE_ID + i);
      const partitions = Array.from({ length: topic.partitions }, (_, id) => id);
      writer.int16(topic.code).string(topic.name).boolean(false);
      writer.array(partitions, (id) => {
        writer.int16(CODE.NONE).int32(id).int32(NODE_ID);
        writer.array(replicas, (replica) => writer.int32(replica));
        writer.array(replicas, (replica) => writer.int32(replica));
        if (version >= 5) writer.array([], () => undefined);
      });
    });
  },
});

function answerWith(broker: Broker, topics: TopicAnswer[]): Answer {
  return { ...broker.address, clusterId: broker.options.clusterId, topics };
}

function describe(broker: Broker, name: string, mayCreate: boolean): TopicAnswer {
  let code: number = CODE.UNKNOWN_TOPIC_OR_PARTITION;
  if (broker.topics.get(name) === undefined && mayCreate && broker.options.autoCreateTopics) {
    code = broker.topics.create({ name });
  }
  const topic = broker.topics.get(name);
  if (topic === undefined) return { name, code, partitions: 0, replicationFactor: 0 };
  return { name, code: CODE.NONE, partitions: topic.partitions.length, replicationFactor: topic.replicationFactor };
}
