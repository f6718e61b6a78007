/** What a producer's records are sent under: an identity from InitProducerId, and what begins and ends a unit of work. */
import type { Marker } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import { type Names, neededRight } from './names.ts';
import { call } from './requests.ts';
import { Attempts } from './retry.ts';

export type TopicPartitions = { topic: string; partitions: number[] };

export interface Session {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** null: not transactional. */
  readonly transactionalId: string | null;
  /** Before the first records of these topicPartitions in a unit of work. */
  add(topics: TopicPartitions[]): Promise<void>;
  /** After every record was acknowledged. */
  commit(marker: Marker): Promise<void>;
}

const NOT_YET = new Set<number>([CODE.coordinatorLoading, CODE.coordinatorNotAvailable, CODE.notCoordinator]);

/**
 * An identity without a transactional id, from any broker: sequences keep a batch that is repeated from being doubled,
 * nothing more. Acknowledged is all that there is to commit.
 */
export class IdempotentSession implements Session {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly transactionalId = null;

  private constructor(producerId: bigint, producerEpoch: number) {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  static async init(connections: Connections, names: Names, deadline: number): Promise<IdempotentSession> {
    const args = { transactionalId: null, transactionTimeout: 0 };
    for (const attempts = new Attempts(deadline); ;) {
      try {
        const { errorCode, ...init } = await call(connections, await connections.any(), 'InitProducerId', args);
        if (errorCode === 0) return new IdempotentSession(BigInt(init.producerId), init.producerEpoch);
        const what = `InitProducerId of ${names.transactionalId}`;
        throw new BrokerError(errorCode, what, neededRight(names, 'InitProducerId', errorCode));
      } catch (error) {
        const passes = error instanceof BrokerError ? NOT_YET.has(error.brokerCode) : isConnectionError(error);
        if (!passes || connections.closed || !(await attempts.next())) throw error;
      }
    }
  }

  add(): Promise<void> {
    return Promise.resolve();
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }
}
