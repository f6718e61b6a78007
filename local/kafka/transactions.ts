/**
 * The transaction coordinator.
 *
 *   empty -> ongoing -> prepare-commit -> complete-commit -> ongoing ...
 *                    -> prepare-abort  -> complete-abort
 *
 * EndTxn is answered at `prepare-*`; the markers are written `markerDelayMs` later, and until then everybody gets
 * CONCURRENT_TRANSACTIONS. InitProducerId over an ongoing transaction fences its owner with a new epoch, aborts,
 * and answers CONCURRENT_TRANSACTIONS, so a caller that gets a producer id knows that all before it is decided.
 * Codes are those for the request versions kafkajs uses, where PRODUCER_FENCED is told as INVALID_PRODUCER_EPOCH.
 */
import type { Clock } from './clock.ts';
import { CODE } from './codes.ts';
import type { Groups } from './groups.ts';
import type { BrokerOptions } from './options.ts';
import type { TopicPartition } from './partition-key.ts';
import { parsePartitionKey, partitionKey } from './partition-key.ts';
import type { Topics } from './topics.ts';

type State = 'empty' | 'ongoing' | 'prepare-commit' | 'prepare-abort' | 'complete-commit' | 'complete-abort';

type Transaction = {
  producerId: number;
  epoch: number;
  timeoutMs: number;
  state: State;
  partitions: Set<string>;
  groups: Set<string>;
  startedAt: number;
  updatedAt: number;
};

/** Who asks, as every request of a transaction says it. */
export type ProducerIdentity = { transactionalId: string; producerId: number; epoch: number };
export type ProducerIdGiven = { code: number; producerId: number; epoch: number };

const LAST_EPOCH = 32_766;

export class TransactionCoordinator {
  readonly #options: BrokerOptions;
  readonly #clock: Clock;
  readonly #topics: Topics;
  readonly #groups: Groups;
  readonly #transactions = new Map<string, Transaction>();
  readonly #markerTimers = new Set<NodeJS.Timeout>();
  #nextProducerId = 1000;

  constructor(options: BrokerOptions, clock: Clock, topics: Topics, groups: Groups) {
    this.#options = options;
    this.#clock = clock;
    this.#topics = topics;
    this.#groups = groups;
  }

  get size(): number {
    return this.#transactions.size;
  }

  /** InitProducerId. Without a transactional id just a new producer. */
  initProducerId(transactionalId: string | null, timeoutMs: number): ProducerIdGiven {
    if (transactionalId === null) return { code: CODE.NONE, producerId: this.#newProducerId(), epoch: 0 };
    if (transactionalId === '') return noProducer(CODE.INVALID_REQUEST);
    if (timeoutMs <= 0 || timeoutMs > this.#options.transactionMaxTimeoutMs) {
      return noProducer(CODE.INVALID_TRANSACTION_TIMEOUT);
    }
    const transaction = this.#transactions.get(transactionalId) ?? this.#create(transactionalId);
    if (isPreparing(transaction)) return noProducer(CODE.CONCURRENT_TRANSACTIONS);
    if (transaction.state === 'ongoing') {
      this.#fenceAndAbort(transaction);
      return noProducer(CODE.CONCURRENT_TRANSACTIONS);
    }
    this.#nextEpoch(transaction);
    transaction.state = 'empty';
    transaction.timeoutMs = timeoutMs;
    transaction.updatedAt = this.#clock.now();
    return { code: CODE.NONE, producerId: transaction.producerId, epoch: transaction.epoch };
  }

  /** AddPartitionsToTxn, for partitions that exist. */
  addPartitions(who: ProducerIdentity, partitions: readonly TopicPartition[]): number {
    const found = this.#find(who);
    if (typeof found === 'number') return found;
    if (isPreparing(found)) return CODE.CONCURRENT_TRANSACTIONS;
    this.#begin(found);
    for (const { topic, partition } of partitions) found.partitions.add(partitionKey(topic, partition));
    return CODE.NONE;
  }

  /** AddOffsetsToTxn. */
  addGroup(who: ProducerIdentity, group: string): number {
    if (group === '') return CODE.INVALID_GROUP_ID;
    const found = this.#find(who);
    if (typeof found === 'number') return found;
    if (isPreparing(found)) return CODE.CONCURRENT_TRANSACTIONS;
    this.#begin(found);
    found.groups.add(group);
    return CODE.NONE;
  }

  /** Whether a Produce may start this transaction on the partition (KIP-890: a late one may not). */
  verifyPartition(who: ProducerIdentity, topic: string, partition: number): number {
    return this.#verify(who, (transaction) => transaction.partitions.has(partitionKey(topic, partition)));
  }

  /** Whether a TxnOffsetCommit belongs to the transaction that is going on. */
  verifyGroup(who: ProducerIdentity, group: string): number {
    return this.#verify(who, (transaction) => transaction.groups.has(group));
  }

  /** EndTxn. A repeated one is answered like the first. */
  end(who: ProducerIdentity, commit: boolean): number {
    const found = this.#find(who);
    if (typeof found === 'number') return found;
    if (found.state === 'ongoing') {
      this.#complete(found, commit);
      return CODE.NONE;
    }
    if (found.state === 'empty') return CODE.INVALID_TXN_STATE;
    const committed = found.state === 'prepare-commit' || found.state === 'complete-commit';
    if (committed !== commit) return CODE.INVALID_TXN_STATE;
    return isPreparing(found) ? CODE.CONCURRENT_TRANSACTIONS : CODE.NONE;
  }

  /** The scan of the coordinator: transactions past their time-out are aborted and their owner is fenced. */
  abortTimedOut(): void {
    const now = this.#clock.now();
    for (const transaction of this.#transactions.values()) {
      if (transaction.state === 'ongoing' && transaction.startedAt + transaction.timeoutMs < now) {
        this.#fenceAndAbort(transaction);
      }
    }
  }

  /** Forgets transactional ids that nobody used for `transactional.id.expiration.ms`. */
  expireIdle(): void {
    const before = this.#clock.now() - this.#options.transactionalIdExpirationMs;
    for (const [id, transaction] of this.#transactions) {
      if (transaction.updatedAt < before) this.forget(id);
    }
  }

  /** Forgets a transactional id unless a transaction of it is undecided. */
  forget(transactionalId: string): boolean {
    const transaction = this.#transactions.get(transactionalId);
    if (transaction === undefined || transaction.state === 'ongoing' || isPreparing(transaction)) return false;
    return this.#transactions.delete(transactionalId);
  }

  close(): void {
    for (const timer of this.#markerTimers) clearTimeout(timer);
    this.#markerTimers.clear();
  }

  #find(who: ProducerIdentity): Transaction | number {
    if (who.transactionalId === '') return CODE.INVALID_REQUEST;
    const transaction = this.#transactions.get(who.transactionalId);
    if (transaction === undefined || transaction.producerId !== who.producerId) return CODE.INVALID_PRODUCER_ID_MAPPING;
    if (transaction.epoch !== who.epoch) return CODE.INVALID_PRODUCER_EPOCH;
    return transaction;
  }

  #verify(who: ProducerIdentity, isMember: (transaction: Transaction) => boolean): number {
    const found = this.#find(who);
    if (typeof found === 'number') return found;
    if (isPreparing(found)) return CODE.CONCURRENT_TRANSACTIONS;
    return found.state === 'ongoing' && isMember(found) ? CODE.NONE : CODE.INVALID_TXN_STATE;
  }

  #create(transactionalId: string): Transaction {
    const now = this.#clock.now();
    const transaction: Transaction = {
      producerId: this.#newProducerId(),
      epoch: -1,
      timeoutMs: 0,
      state: 'empty',
      partitions: new Set(),
      groups: new Set(),
      startedAt: now,
      updatedAt: now,
    };
    this.#transactions.set(transactionalId, transaction);
    return transaction;
  }

  #newProducerId(): number {
    this.#nextProducerId += 1;
    return this.#nextProducerId;
  }

  #nextEpoch(transaction: Transaction): void {
    if (transaction.epoch >= LAST_EPOCH) {
      transaction.producerId = this.#newProducerId();
      transaction.epoch = 0;
    } else {
      transaction.epoch += 1;
    }
  }

  #begin(transaction: Transaction): void {
    transaction.updatedAt = this.#clock.now();
    if (transaction.state === 'ongoing') return;
    transaction.state = 'ongoing';
    transaction.startedAt = transaction.updatedAt;
  }

  /** The last epoch is left to this: its owner gets no other one with the same producer id. */
  #fenceAndAbort(transaction: Transaction): void {
    transaction.epoch += 1;
    this.#complete(transaction, false);
  }

  #complete(transaction: Transaction, commit: boolean): void {
    transaction.state = commit ? 'prepare-commit' : 'prepare-abort';
    transaction.updatedAt = this.#clock.now();
    const timer = setTimeout(() => {
      this.#markerTimers.delete(timer);
      this.#writeMarkers(transaction, commit);
    }, this.#options.markerDelayMs);
    this.#markerTimers.add(timer);
  }

  #writeMarkers(transaction: Transaction, commit: boolean): void {
    const now = this.#clock.now();
    for (const key of transaction.partitions) {
      const { topic, partition } = parsePartitionKey(key);
      this.#topics.log(topic, partition)?.endTransaction(transaction.producerId, transaction.epoch, commit, now);
    }
    for (const group of transaction.groups) this.#groups.endTransaction(group, transaction.producerId, commit);
    transaction.partitions.clear();
    transaction.groups.clear();
    transaction.state = commit ? 'complete-commit' : 'complete-abort';
  }
}

function isPreparing(transaction: Transaction): boolean {
  return transaction.state === 'prepare-commit' || transaction.state === 'prepare-abort';
}

function noProducer(code: number): ProducerIdGiven {
  return { code, producerId: -1, epoch: -1 };
}
