/** Makes a topic, with all that exactly once rests on. Nothing is ever changed in one that is there. */
import { SnowmeltError } from '../errors.ts';
import type { TopicSettings } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import { readMetadata } from './metadata.ts';
import { call } from './requests.ts';
import { Attempts } from './retry.ts';

/** How long the controller waits for the brokers to know of it. */
const WAIT_MS = 10_000;

/** Asking again will not help. */
const REFUSED = new Set<number>([
  CODE.invalidTopic,
  CODE.invalidPartitions,
  CODE.invalidReplicationFactor,
  CODE.invalidConfig,
  CODE.policyViolation,
]);
const PASSING = new Set<number>([CODE.notController, CODE.requestTimedOut]);

/** @throws TOPIC_DIFFERS, BrokerError */
export async function makeTopic(
  connections: Connections,
  topic: string,
  partitions: number,
  settings: TopicSettings,
  deadline: number,
): Promise<void> {
  for (const attempts = new Attempts(deadline); ;) {
    try {
      const error = await attempt(connections, topic, partitions, settings, deadline);
      if (error === null) return;
      if (REFUSED.has(error.brokerCode)) {
        const message = `topic ${topic} does not exist, and can't be made: ${error.message}`;
        throw new SnowmeltError('TOPIC_DIFFERS', message, { cause: error });
      }
      if (!PASSING.has(error.brokerCode) || !(await attempts.next())) throw error;
    } catch (error) {
      // Whether it was made is seen the next time.
      if (connections.closed || !isConnectionError(error) || !(await attempts.next())) throw error;
    }
  }
}

/** null: it is there. */
async function attempt(
  connections: Connections,
  topic: string,
  partitions: number,
  settings: TopicSettings,
  deadline: number,
): Promise<BrokerError | null> {
  const { controllerId, topicMetadata } = await readMetadata(connections, [topic], deadline, 0);
  if (topicMetadata.some((known) => known.topic === topic && known.topicErrorCode === 0)) return null;
  // Other brokers may not pass it on.
  const address = connections.addressOf(controllerId);
  const link = address === undefined ? await connections.any() : await connections.at(address);
  const asked = {
    topic,
    numPartitions: partitions,
    replicationFactor: settings.replication,
    configEntries: configOf(settings),
  };
  const reply = await call(connections, link, 'CreateTopics', { topics: [asked], timeout: WAIT_MS });
  const [{ errorCode, errorMessage }] = reply.topicErrors as [(typeof reply.topicErrors)[number]];
  if (errorCode === 0 || errorCode === CODE.topicExists) return null;
  const said = errorMessage === null ? '' : `, ${errorMessage}`;
  return new BrokerError(errorCode, `CreateTopics of ${topic}${said}`, `CREATE on topic ${topic}`);
}

function configOf({ minInsync, retentionMs, compact }: TopicSettings): { name: string; value: string }[] {
  const policy = compact ? (retentionMs === null ? 'compact' : 'compact,delete') : 'delete';
  return [
    { name: 'min.insync.replicas', value: `${minInsync}` },
    { name: 'cleanup.policy', value: policy },
    ...(retentionMs === null ? [] : [{ name: 'retention.ms', value: `${retentionMs}` }]),
  ];
}
