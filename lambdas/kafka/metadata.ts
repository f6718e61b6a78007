/** Topics as the brokers see them, and whether they are as the layout says. */
import { SnowmeltError } from '../errors.ts';
import type { Connections } from './connections.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import { call, type Reply, type TopicMetadata } from './requests.ts';
import { Attempts } from './retry.ts';

/** A broker that has just come back may not know a topic yet: it is asked again for so long before it is believed. */
const UNKNOWN_TOPIC_MS = 2_000;

/**
 * Reads Metadata, waiting for topics that have no leader yet; also teaches the connections where the brokers are. `believeMs`:
 * how long one that they do not know is asked for again.
 */
export async function readMetadata(
  connections: Connections,
  topics: string[],
  deadline: number,
  believeMs = UNKNOWN_TOPIC_MS,
): Promise<Reply<'Metadata'>> {
  const believe = Date.now() + believeMs;
  for (const attempts = new Attempts(deadline); ;) {
    try {
      const link = await connections.any();
      const reply = await call(connections, link, 'Metadata', { topics, allowAutoTopicCreation: false });
      connections.learn(reply.brokers);
      const waits = reply.topicMetadata.some(
        ({ topicErrorCode: code }) =>
          code === CODE.leaderNotAvailable || (code === CODE.unknownTopic && Date.now() < believe),
      );
      if (!waits || !(await attempts.next())) return reply;
    } catch (error) {
      if (connections.closed || !isConnectionError(error) || !(await attempts.next())) throw error;
    }
  }
}

/** The topic, with as many partitions as `expected`. @throws TOPIC_DIFFERS, BrokerError */
export function checkTopic(
  reply: Reply<'Metadata'>,
  topic: string,
  expected: { exactly: number } | { atLeast: number },
): TopicMetadata {
  const found = reply.topicMetadata.find((metadata) => metadata.topic === topic);
  const code = found?.topicErrorCode ?? CODE.unknownTopic;
  if (code === CODE.unknownTopic || found === undefined) {
    throw new SnowmeltError('TOPIC_DIFFERS', `topic ${topic} does not exist`);
  }
  if (code !== 0) throw new BrokerError(code, `Metadata of topic ${topic}`, `DESCRIBE on topic ${topic}`);
  const count = found.partitionMetadata.length;
  if ('exactly' in expected ? count === expected.exactly : count >= expected.atLeast) return found;
  const wanted = 'exactly' in expected ? `${expected.exactly}` : `at least ${expected.atLeast}`;
  throw new SnowmeltError('TOPIC_DIFFERS', `topic ${topic} has ${count} partitions, not ${wanted}`);
}

/** Who leads which partition of one topic, as of the last look. */
export class Leaders {
  readonly #connections: Connections;
  readonly #topic: string;
  #nodes = new Map<number, number>();
  #looking: Promise<void> | null = null;

  constructor(connections: Connections, metadata: TopicMetadata) {
    this.#connections = connections;
    this.#topic = metadata.topic;
    this.#take(metadata);
  }

  /** Node id; undefined while the partition has no leader. */
  of(partition: number): number | undefined {
    return this.#nodes.get(partition);
  }

  /** Looks again; callers at the same time share one request. */
  refresh(deadline: number): Promise<void> {
    this.#looking ??= this.#look(deadline).finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #look(deadline: number): Promise<void> {
    const reply = await readMetadata(this.#connections, [this.#topic], deadline);
    const found = reply.topicMetadata.find((metadata) => metadata.topic === this.#topic);
    if (found?.topicErrorCode === 0) this.#take(found);
  }

  #take(metadata: TopicMetadata): void {
    const led = metadata.partitionMetadata.filter(({ leader }) => leader >= 0);
    this.#nodes = new Map(led.map(({ partitionId, leader }) => [partitionId, leader]));
  }
}
