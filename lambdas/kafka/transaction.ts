/**
 * The transactional requests of one producer, in the only order that proves anything: InitProducerId once; partitions
 * before their records; the marker after all records; EndTxn last. There is no abort: an owner that failed is dropped, and
 * the next one's InitProducerId decides what it left.
 *
 * A request whose answer got lost is not sent again under the same epoch, InitProducerId apart: the first copy may still be
 * on its way. A TxnOffsetCommit of transaction N that arrives inside N + 1, after that one's own, would put marker N beside
 * the records of N + 1, and they would be sent twice. Under the next epoch it is refused. Batches are safe: their sequence
 * gives a late copy away.
 */
import type { Marker } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import { Coordinator, errorCodeOf } from './coordinator.ts';
import { CODE } from './failures.ts';
import { formatMarker } from './marker.ts';
import type { Names } from './names.ts';
import type { Reply } from './requests.ts';
import type { Session, TopicPartitions } from './session.ts';

/** Not a reason but a consequence: another partition of the request was refused. */
const NOT_ATTEMPTED = 55;
/** How long "not yet" is taken for an answer. */
const PATIENCE_MS = 30_000;

export class Transaction implements Session {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly transactionalId: string;
  readonly #names: Names;
  readonly #transactions: Coordinator;
  readonly #groups: Coordinator;
  readonly #identity: { transactionalId: string; producerId: string; producerEpoch: number };

  private constructor(names: Names, transactions: Coordinator, groups: Coordinator, init: Reply<'InitProducerId'>) {
    this.producerId = BigInt(init.producerId);
    this.producerEpoch = init.producerEpoch;
    this.transactionalId = names.transactionalId;
    this.#names = names;
    this.#transactions = transactions;
    this.#groups = groups;
    const { producerId, producerEpoch } = init;
    this.#identity = { transactionalId: names.transactionalId, producerId, producerEpoch };
  }

  /**
   * InitProducerId: fences whoever had the id, and resolves when their transaction is decided, its end written everywhere.
   * Polled: the broker answers CONCURRENT_TRANSACTIONS until then.
   */
  static async init(
    connections: Connections,
    names: Names,
    groups: Coordinator,
    transactionTimeout: number,
    deadline: number,
  ): Promise<Transaction> {
    const transactions = new Coordinator(connections, 'transaction', names);
    const args = { transactionalId: names.transactionalId, transactionTimeout };
    const init = await transactions.ask('InitProducerId', args, errorCodeOf, {
      deadline,
      waitFor: [CODE.concurrentTransactions],
      repeatable: true,
    });
    return new Transaction(names, transactions, groups, init);
  }

  /** Makes topicPartitions part of the transaction; the first call opens it. */
  async add(topics: TopicPartitions[]): Promise<void> {
    await this.#transactions.ask('AddPartitionsToTxn', { ...this.#identity, topics }, addPartitionsCode, {
      deadline: Date.now() + PATIENCE_MS,
      // The end of the transaction before may still be on its way to the partitions.
      waitFor: [CODE.concurrentTransactions, CODE.unknownTopic],
      repeatable: false,
    });
  }

  /** The marker, then the commit. Only after every record was acknowledged; any rejection is an unknown outcome. */
  async commit(marker: Marker): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    const { group, controlTopic, partition } = this.#names;
    const { offset, metadata } = formatMarker(marker);
    await this.#transactions.ask('AddOffsetsToTxn', { ...this.#identity, groupId: group }, errorCodeOf, {
      deadline,
      waitFor: [CODE.concurrentTransactions],
      repeatable: false,
    });
    const topics = [{ topic: controlTopic, partitions: [{ partition, offset, metadata }] }];
    await this.#groups.ask('TxnOffsetCommit', { ...this.#identity, groupId: group, topics }, offsetCommitCode, {
      deadline,
      waitFor: [CODE.unknownTopic, CODE.concurrentTransactions],
      repeatable: false,
    });
    await this.#transactions.ask('EndTxn', { ...this.#identity, transactionResult: true }, errorCodeOf, {
      deadline,
      waitFor: [CODE.concurrentTransactions],
      repeatable: false,
    });
  }
}

function addPartitionsCode(reply: Reply<'AddPartitionsToTxn'>): number {
  const codes = reply.errors.flatMap(({ partitionErrors }) => partitionErrors.map(({ errorCode }) => errorCode));
  if (codes.length === 0) return -1;
  return codes.find((code) => code !== 0 && code !== NOT_ATTEMPTED) ?? codes.find((code) => code !== 0) ?? 0;
}

/** An answer without the partition would prove nothing. */
function offsetCommitCode(reply: Reply<'TxnOffsetCommit'>): number {
  return reply.topics[0]?.partitions[0]?.errorCode ?? -1;
}
