/** Settings that exactly once rests on, as far as the principal may see them. */
import type { Kafka, TopicFacts } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import { CODE, BrokerError } from './failures.ts';
import { checkTopic, readMetadata } from './metadata.ts';
import { call } from './requests.ts';

const TOPIC = 2;
const BROKER = 4;
const HIDDEN = new Set<number>([CODE.topicUnauthorized, CODE.clusterUnauthorized]);
const MINUTE_MS = 60_000;

/** @throws TOPIC_DIFFERS when the topic does not exist */
export async function readFacts(connections: Connections, topic: string, deadline: number): ReturnType<Kafka['facts']> {
  const metadata = await readMetadata(connections, [topic], deadline);
  const { partitionMetadata } = checkTopic(metadata, topic, { atLeast: 1 });
  const replication = Math.min(...partitionMetadata.map(({ replicas }) => replicas.length));
  const settings = await describe(connections, TOPIC, topic, [
    'min.insync.replicas',
    'unclean.leader.election.enable',
    'cleanup.policy',
  ]);
  // A broker's settings are told by that broker only.
  const [node] = metadata.brokers;
  const broker =
    node && (await describe(connections, BROKER, `${node.nodeId}`, ['offsets.retention.minutes'], node.nodeId));
  const minInsync = settings?.get('min.insync.replicas');
  const unclean = settings?.get('unclean.leader.election.enable');
  const policy = settings?.get('cleanup.policy');
  const minutes = broker?.get('offsets.retention.minutes');
  const facts: TopicFacts = {
    minInsyncReplicas: minInsync === undefined ? null : Number(minInsync),
    replication,
    uncleanElection: unclean === undefined ? null : unclean === 'true',
    compacted: policy === undefined ? null : policy.split(',').includes('compact'),
  };
  return { topic: facts, offsetsRetentionMs: minutes === undefined ? null : Number(minutes) * MINUTE_MS };
}

/** The most bytes that a batch may have in the topic; null where the principal may not see it. */
export async function readMaxMessageBytes(connections: Connections, topic: string): Promise<number | null> {
  const bytes = (await describe(connections, TOPIC, topic, ['max.message.bytes']))?.get('max.message.bytes');
  return bytes === undefined ? null : Number(bytes);
}

/** Settings by name; null where the principal may not see them. */
async function describe(
  connections: Connections,
  type: number,
  name: string,
  configNames: string[],
  nodeId?: number,
): Promise<Map<string, string> | null> {
  const address = nodeId === undefined ? undefined : connections.addressOf(nodeId);
  const link = address === undefined ? await connections.any() : await connections.at(address);
  const reply = await call(connections, link, 'DescribeConfigs', { resources: [{ type, name, configNames }] });
  const [resource] = reply.resources;
  if (resource === undefined || HIDDEN.has(resource.errorCode)) return null;
  if (resource.errorCode !== 0) throw new BrokerError(resource.errorCode, `DescribeConfigs of ${name}`);
  const known = resource.configEntries.filter(({ configValue }) => configValue !== null);
  return new Map(known.map(({ configName, configValue }) => [configName, configValue!]));
}
