/**
 * A Kafka broker in memory, of one node or of several that share its state: what Apache Kafka 4.4 answers to kafkajs, code for code, for idempotent and
 * transactional producers, readers of committed records, consumer groups and the few admin calls around them.
 * Nothing survives it: it is for tests and for `npm start`.
 */
import { BatchStore } from './batch-store.ts';
import { Clock } from './clock.ts';
import { CODE } from './codes.ts';
import { Groups } from './groups.ts';
import { Nodes } from './nodes.ts';
import type { BrokerOptions } from './options.ts';
import { withDefaults } from './options.ts';
import { Topics } from './topics.ts';
import { TransactionCoordinator } from './transactions.ts';

export class Broker {
  readonly options: BrokerOptions;
  readonly clock = new Clock();
  readonly topics: Topics;
  readonly groups: Groups;
  readonly transactions: TransactionCoordinator;
  /** Where clients find it; the ports are known once the server listens. */
  readonly nodes: Nodes;
  readonly #store: BatchStore;
  readonly #scans: NodeJS.Timeout[];

  constructor(options: Partial<BrokerOptions> = {}) {
    this.options = withDefaults(options);
    this.#store = new BatchStore(this.options.memoryLimitBytes, this.options.logDir);
    this.nodes = new Nodes(this.options.listeners);
    this.topics = new Topics(this.options, this.#store);
    this.groups = new Groups(this.options, this.clock);
    this.transactions = new TransactionCoordinator(this.options, this.clock, this.topics, this.groups);
    for (const topic of this.options.topics) {
      const code = this.topics.create(topic);
      if (code !== CODE.NONE) throw new Error(`topic ${topic.name} can't be made: code ${String(code)}`);
    }
    this.#scans = [
      setInterval(() => this.transactions.abortTimedOut(), this.options.transactionScanIntervalMs),
      setInterval(() => this.#expire(), this.options.offsetsRetentionCheckIntervalMs),
    ];
  }

  /** Bytes of batches held. */
  get sizes(): { inMemory: number; onDisk: number } {
    return this.#store.sizes;
  }

  /** True unless another node leads the partition; that there is none, any node may say. */
  answersFor(node: number, topic: string, partition: number): boolean {
    return this.topics.log(topic, partition) === undefined || this.nodes.leads(node, topic, partition);
  }

  /** Returns the code of Delete Topics. */
  deleteTopic(name: string): number {
    const code = this.topics.delete(name);
    if (code === CODE.NONE) this.groups.topicDeleted(name);
    return code;
  }

  /** Moves the broker's time on and does what has become due. */
  advanceClock(milliseconds: number): void {
    this.clock.advance(milliseconds);
    this.transactions.abortTimedOut();
    this.#expire();
  }

  close(): void {
    for (const scan of this.#scans) clearInterval(scan);
    this.transactions.close();
    this.groups.close();
    this.#store.close();
  }

  #expire(): void {
    this.transactions.expireIdle();
    this.groups.expireOffsets();
  }
}
