/** A target cluster behind a proxy, an application's configuration for it, and its topics. */
import { Kafka as Client, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { position } from '../../lambdas/protocol/position.ts';
import type { Kafka, KafkaProducer, Marker, OpenRequest } from '../../lambdas/protocol/ports/kafka.ts';
import {
  startKafkaProxy,
  type KafkaProxy,
  type ProxiedRequest,
  type RequestHook,
  type Verdict,
} from '../../local/kafka/proxy.ts';
import type { BrokerOptions } from '../../local/kafka/options.ts';
import { type KafkaTarget, PRODUCT, startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import { commitOffset, readCommitted, type Record } from './consumer.ts';

export type KafkaOverrides = Partial<ResolvedConfig['kafka']>;

export class Fixture {
  readonly app = uniqueName('app');
  readonly controlTopic = `${this.app}.control`;
  readonly target: KafkaTarget;
  readonly proxy: KafkaProxy;
  readonly admin: Admin;
  readonly #opened: Kafka[] = [];

  private constructor(target: KafkaTarget, proxy: KafkaProxy, admin: Admin) {
    this.target = target;
    this.proxy = proxy;
    this.admin = admin;
  }

  /** `options` are for the stand-in only. The control topic has 4 partitions. */
  static async start(options: Partial<BrokerOptions> = {}): Promise<Fixture> {
    const target = await startKafkaTarget(options);
    const proxy = await startKafkaProxy(target.product?.brokers ?? target.brokers);
    const admin = new Client({ brokers: target.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const fixture = new Fixture(target, proxy, admin);
    await fixture.createTopic(fixture.controlTopic, 4);
    await fixture.grant([]);
    return fixture;
  }

  async stop(): Promise<void> {
    await this.closeAll();
    await this.admin.disconnect();
    await this.proxy.stop();
    await this.target.stop();
  }

  /** Closes every Kafka that a test made. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((kafka) => kafka.close()));
  }

  async createTopic(topic: string, numPartitions: number): Promise<void> {
    await this.admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  }

  /** Resolves when the brokers tell of the partitions. */
  async grow(topic: string, count: number): Promise<void> {
    await this.admin.createPartitions({ topicPartitions: [{ topic, count }] });
    const known = () => this.admin.fetchTopicMetadata({ topics: [topic] });
    while ((await known()).topics[0]!.partitions.length < count);
  }

  /** The product may do what it needs for sources that feed these topics, whether they exist or not. */
  async grant(topics: string[], controlTopic = this.controlTopic): Promise<void> {
    const sources = topics.map((topic) => ({ topic }));
    await this.target.grant(kafkaAcls({ app: this.app, kafka: { controlTopic }, sources }, `User:${PRODUCT}`));
  }

  config(overrides: KafkaOverrides = {}): ResolvedConfig {
    return {
      app: this.app,
      deployment: 1,
      table: { name: 'unused', endpoint: null, region: null },
      snowflake: {
        account: 'unused',
        accessUrl: null,
        user: 'unused',
        role: null,
        reader: 'chunks',
        warehouse: 'unused',
        auth: { method: 'token', secret: 'unused' },
      },
      kafka: {
        brokers: this.proxy.brokers,
        tls: false,
        ca: null,
        auth: this.target.product === null ? { method: 'none' } : { method: 'plain', secret: 'unused' },
        controlTopic: this.controlTopic,
        offsetsRetentionMs: 604_800_000,
        transactionTimeoutMs: 60_000,
        requestTimeoutMs: 10_000,
        compression: 'none',
        maxBatchBytes: 1_000_000,
        topicChecks: 'report',
        ...overrides,
      },
      clocks: { safetyLagMs: 30_000, marginMs: 5_000, leaseMs: 60_000, recountAfterMs: 900_000 },
      limits: { maxWindowMs: 900_000, maxOpenWindows: 64, maxSnapshots: 4, maxTransactionRows: 100_000 },
      registry: null,
      aws: { endpoint: null, bus: 'default' },
      sources: [],
    };
  }

  kafka(overrides: KafkaOverrides = {}): Kafka {
    const kafka = createKafka(this.config(overrides), this.target.product?.login ?? null);
    this.#opened.push(kafka);
    return kafka;
  }

  /** A new source with its topic. */
  async source(topicPartitions = 3, overrides: KafkaOverrides = {}): Promise<Source> {
    const name = uniqueName('source');
    await this.createTopic(name, topicPartitions);
    await this.grant([name]);
    return new Source(this, name, topicPartitions, overrides);
  }

  /** Resolves with the first request that the hook's place sees and `match` takes; `verdict` is what happens to it. */
  next(
    place: 'onRequest' | 'onReply',
    match: (request: ProxiedRequest) => boolean,
    verdict: Verdict,
  ): Promise<ProxiedRequest> {
    return new Promise((resolve) => {
      const hook: RequestHook = (request) => {
        if (!match(request)) return undefined;
        remove();
        resolve(request);
        return verdict;
      };
      const remove = this.proxy[place](hook);
    });
  }
}

export class Source {
  readonly name: string;
  readonly topic: string;
  readonly group: string;
  readonly #fixture: Fixture;
  readonly #topicPartitions: number;
  readonly #overrides: KafkaOverrides;

  constructor(fixture: Fixture, name: string, topicPartitions: number, overrides: KafkaOverrides) {
    this.#fixture = fixture;
    this.name = name;
    this.topic = name;
    this.group = `snowmelt:${fixture.app}:${name}`;
    this.#topicPartitions = topicPartitions;
    this.#overrides = overrides;
  }

  /** Opens a producer of its own Kafka, as another invocation would. */
  open(partition = 0, changes: Partial<OpenRequest> = {}): Promise<KafkaProducer> {
    return this.#fixture.kafka(this.#overrides).open({
      ...requestFor(this.name, this.topic, this.#topicPartitions),
      partition,
      partitions: 2,
      ...changes,
    });
  }

  /** Whether a request is of a partition of this source. */
  is(request: ProxiedRequest, api: string, partition = 0): boolean {
    return request.api === api && request.clientId === `${this.group}:${partition}`;
  }

  /** Committed records, once every transaction is decided. */
  read(): Promise<Record[]> {
    return readCommitted(this.#fixture.target.brokers, this.topic);
  }

  /** Puts an offset of partition 0 in the source's group, as another program would. */
  commitOffset(offset: string, metadata: string | null): Promise<void> {
    const { target, controlTopic } = this.#fixture;
    return commitOffset(target.brokers, { group: this.group, topic: controlTopic, partition: 0, offset, metadata });
  }

  /** Committed values, sorted. */
  async values(): Promise<(string | null)[]> {
    return (await this.read()).map(({ value }) => value).sort();
  }
}

export function markerAt(window: number, row: number, changes: Partial<Marker> = {}): Omit<Marker, 'sent'> {
  const at = Date.now();
  return {
    position: position(window, row),
    incarnation: 'life',
    digest: `d${window}`,
    to: '2026-11-22T00:00:00.000Z',
    last: 'l',
    at,
    ...changes,
  };
}

/** An open of partition 0 as the protocol asks for it. */
export function requestFor(source: string, topic: string, topicPartitions: number): OpenRequest {
  const newestTopicPartitions = topicPartitions;
  return {
    source,
    partition: 0,
    topic,
    topicPartitions,
    newestTopicPartitions,
    partitions: 1,
    delivery: 'exactly-once',
  };
}

/** Appends a record from a buffer of its own; a value of null is a tombstone. */
export function append(producer: KafkaProducer, key: string, value: string | null, window = 1, row = 1): boolean {
  const keyBytes = Buffer.from(key);
  const bytes = new Uint8Array(Buffer.concat([keyBytes, Buffer.from(value ?? '')]));
  return producer.append(bytes, 0, keyBytes.length, value === null ? -1 : keyBytes.length, bytes.length, window, row);
}
