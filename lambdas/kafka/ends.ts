/** Where a topicPartition begins and ends, whatever of it is committed. */
import type { Connections } from './connections.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import type { Link } from './link.ts';
import type { Leaders } from './metadata.ts';
import { call } from './requests.ts';
import { Attempts } from './retry.ts';

const LATEST = '-1';
const EARLIEST = '-2';
const READ_UNCOMMITTED = 0;
/** A leader that was just elected says so until it knows what the one before had acknowledged (KIP-207). */
const NOT_YET = new Set<number>([CODE.unknownTopic, CODE.leaderNotAvailable, CODE.notLeader]);

/**
 * `end`: the offset after the last record that all replicas in sync have; `begin`: the first that retention has left.
 * @throws BrokerError, kafkajs' connection errors
 */
export async function offsetAt(
  which: 'begin' | 'end',
  connections: Connections,
  leaders: Leaders,
  topic: string,
  partition: number,
  deadline: number,
): Promise<bigint> {
  const timestamp = which === 'end' ? LATEST : EARLIEST;
  const topics = [{ topic, partitions: [{ partition, timestamp }] }];
  const args = { replicaId: -1, isolationLevel: READ_UNCOMMITTED, topics };
  return atLeader(connections, leaders, topic, partition, deadline, async (link) => {
    const reply = await call(connections, link, 'ListOffsets', args);
    const found = reply.responses[0]?.partitions[0];
    if (found?.errorCode === 0) return BigInt(found.offset);
    throw new BrokerError(found?.errorCode ?? -1, `ListOffsets of ${topic}-${partition}`, `DESCRIBE on topic ${topic}`);
  });
}

/** Asks the leader of a topicPartition, and again where it has moved or could not be reached. */
export async function atLeader<T>(
  connections: Connections,
  leaders: Leaders,
  topic: string,
  partition: number,
  deadline: number,
  ask: (link: Link) => Promise<T>,
): Promise<T> {
  for (const attempts = new Attempts(deadline); ;) {
    try {
      const node = leaders.of(partition);
      const address = node === undefined ? undefined : connections.addressOf(node);
      if (address === undefined) throw new BrokerError(CODE.leaderNotAvailable, `the leader of ${topic}-${partition}`);
      return await ask(await connections.at(address));
    } catch (error) {
      const passes = error instanceof BrokerError ? NOT_YET.has(error.brokerCode) : isConnectionError(error);
      if (!passes || connections.closed || !(await attempts.next())) throw error;
      await leaders.refresh(deadline);
    }
  }
}
