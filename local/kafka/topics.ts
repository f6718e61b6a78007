/** The topics of the broker, with their configuration. */
import type { BatchStore } from './batch-store.ts';
import { CODE } from './codes.ts';
import { PartitionLog } from './log.ts';
import type { BrokerOptions, TopicSpec } from './options.ts';

export type Topic = {
  name: string;
  partitions: PartitionLog[];
  replicationFactor: number;
  configs: Map<string, string>;
};

const LEGAL_NAME = /^[a-zA-Z0-9._-]{1,249}$/;

export class Topics {
  readonly #topics = new Map<string, Topic>();
  readonly #options: BrokerOptions;
  readonly #store: BatchStore;

  constructor(options: BrokerOptions, store: BatchStore) {
    this.#options = options;
    this.#store = store;
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  all(): Topic[] {
    return [...this.#topics.values()];
  }

  log(topic: string, partition: number): PartitionLog | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  /** Returns the code of Create Topics. -1 for a count or a factor takes the broker's default. */
  create(spec: TopicSpec, validateOnly = false): number {
    const partitions =
      spec.partitions === undefined || spec.partitions === -1 ? this.#options.numPartitions : spec.partitions;
    const factor = spec.replicationFactor === undefined || spec.replicationFactor === -1 ? 1 : spec.replicationFactor;
    if (!LEGAL_NAME.test(spec.name) || spec.name === '.' || spec.name === '..') return CODE.INVALID_TOPIC;
    if (this.#topics.has(spec.name)) return CODE.TOPIC_ALREADY_EXISTS;
    if (partitions < 1) return CODE.INVALID_PARTITIONS;
    if (factor < 1 || factor > this.#options.maxReplicationFactor) return CODE.INVALID_REPLICATION_FACTOR;
    if (validateOnly) return CODE.NONE;
    this.#topics.set(spec.name, {
      name: spec.name,
      partitions: Array.from({ length: partitions }, (_, id) => new PartitionLog(spec.name, id, this.#store)),
      replicationFactor: factor,
      configs: new Map(Object.entries(spec.configs ?? {})),
    });
    return CODE.NONE;
  }

  /** Returns the code of Delete Topics. */
  delete(name: string): number {
    const topic = this.#topics.get(name);
    if (topic === undefined) return CODE.UNKNOWN_TOPIC_OR_PARTITION;
    this.#topics.delete(name);
    for (const log of topic.partitions) log.dispose();
    return CODE.NONE;
  }

  /** Returns the code of Create Partitions; `count` is the new total. */
  grow(name: string, count: number, validateOnly: boolean): number {
    const topic = this.#topics.get(name);
    if (topic === undefined) return CODE.UNKNOWN_TOPIC_OR_PARTITION;
    if (count <= topic.partitions.length) return CODE.INVALID_PARTITIONS;
    while (!validateOnly && topic.partitions.length < count) {
      topic.partitions.push(new PartitionLog(name, topic.partitions.length, this.#store));
    }
    return CODE.NONE;
  }
}
