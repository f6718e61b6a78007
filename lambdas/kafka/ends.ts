/** Where a topicPartition ends, whatever of it is committed. */
import type { Connections } from './connections.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import type { Leaders } from './metadata.ts';
import { call } from './requests.ts';
import { Attempts } from './retry.ts';

const LATEST = '-1';
const READ_UNCOMMITTED = 0;
/** A leader that was just elected says so until it knows what the one before had acknowledged (KIP-207). */
const NOT_YET = new Set<number>([CODE.unknownTopic, CODE.leaderNotAvailable, CODE.notLeader]);

/** The offset after the last record that all replicas in sync have. @throws BrokerError, kafkajs' connection errors */
export async function endOf(
  connections: Connections,
  leaders: Leaders,
  topic: string,
  partition: number,
  deadline: number,
): Promise<bigint> {
  const topics = [{ topic, partitions: [{ partition, timestamp: LATEST }] }];
  const failed = (code: number) =>
    new BrokerError(code, `ListOffsets of ${topic}-${partition}`, `DESCRIBE on topic ${topic}`);
  for (const attempts = new Attempts(deadline); ;) {
    try {
      const node = leaders.of(partition);
      const address = node === undefined ? undefined : connections.addressOf(node);
      if (address === undefined) throw failed(CODE.leaderNotAvailable);
      const args = { replicaId: -1, isolationLevel: READ_UNCOMMITTED, topics };
      const reply = await call(connections, await connections.at(address), 'ListOffsets', args);
      const found = reply.responses[0]?.partitions[0];
      if (found?.errorCode === 0) return BigInt(found.offset);
      throw failed(found?.errorCode ?? -1);
    } catch (error) {
      const passes = error instanceof BrokerError ? NOT_YET.has(error.brokerCode) : isConnectionError(error);
      if (!passes || connections.closed || !(await attempts.next())) throw error;
      await leaders.refresh(deadline);
    }
  }
}
