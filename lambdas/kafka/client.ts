/**
 * Kafka for the protocol: one transactional producer per open, and the settings that exactly once rests on.
 *
 * Of kafkajs its connections (sign-in, TLS, request queue, timeouts) and its protocol encoders are used, its producer is not.
 * That one loses records in silence when a request covers several topicPartitions, when two are outstanding, or when it is
 * used again after an error; does not repeat the transactional requests that may be repeated; and encodes records at a
 * tenth of the speed of record-batch.ts. What it would take to go around all of it is more than transaction.ts and sender.ts.
 */
import type { ResolvedConfig } from '../config/resolved.ts';
import type { Kafka, OpenRequest, Telemetry } from '../protocol/ports.ts';
import { SnowmeltError } from '../errors.ts';
import { codecFor } from './compression.ts';
import { Connections } from './connections.ts';
import { Coordinator } from './coordinator.ts';
import { readFacts } from './facts.ts';
import { asKafkaError } from './failures.ts';
import { readMarker } from './marker.ts';
import { checkTopic, Leaders, readMetadata } from './metadata.ts';
import { namesFor } from './names.ts';
import { TransactionalProducer } from './producer.ts';
import { Transaction } from './transaction.ts';

/** How long an open waits for topics, coordinators and an earlier owner's transaction. */
const OPEN_MS = 30_000;

/** `credentials` are what the secret named by `kafka.auth` holds; null for `method: none`. Nothing is connected yet. */
export function createKafka(
  config: ResolvedConfig,
  credentials: { username: string; password: string } | null,
  telemetry?: Telemetry,
): Kafka {
  return new KafkaClient(config, credentials, telemetry ?? null);
}

class KafkaClient implements Kafka {
  readonly #config: ResolvedConfig;
  readonly #credentials: { username: string; password: string } | null;
  readonly #telemetry: Telemetry | null;
  readonly #open = new Set<Connections>();

  constructor(
    config: ResolvedConfig,
    credentials: { username: string; password: string } | null,
    telemetry: Telemetry | null,
  ) {
    this.#config = config;
    this.#credentials = credentials;
    this.#telemetry = telemetry;
  }

  async open(request: OpenRequest): Promise<TransactionalProducer> {
    const { app, kafka } = this.#config;
    const { source, partition, topic, topicPartitions, partitions } = request;
    const names = namesFor(app, source, partition, topic, kafka.controlTopic);
    const clientId = names.transactionalId;
    const began = Date.now();
    const deadline = began + OPEN_MS;
    return this.#connected(clientId, `opening ${clientId}`, async (connections) => {
      const metadata = await readMetadata(connections, [topic, kafka.controlTopic], deadline);
      const target = checkTopic(metadata, topic, { exactly: topicPartitions });
      checkTopic(metadata, kafka.controlTopic, { atLeast: Math.max(partitions, partition + 1) });
      if (metadata.clusterId === null) throw new SnowmeltError('KAFKA_FAILED', 'the cluster does not tell its id');
      const groups = new Coordinator(connections, 'group', names);
      const transaction = await Transaction.init(connections, names, groups, kafka.transactionTimeoutMs, deadline);
      const marker = await readMarker(groups, names, deadline);
      this.#telemetry?.info('kafka opened', { source, partition, ms: Date.now() - began });
      return new TransactionalProducer({
        clusterId: metadata.clusterId,
        marker,
        clientId,
        names,
        topicPartitions,
        connections,
        leaders: new Leaders(connections, target),
        transaction,
        codec: codecFor(kafka.compression),
        maxBatchBytes: kafka.maxBatchBytes,
        requestTimeoutMs: kafka.requestTimeoutMs,
      });
    });
  }

  async facts(topic: string): ReturnType<Kafka['facts']> {
    const clientId = `snowmelt:${this.#config.app}`;
    return this.#connected(clientId, `reading the settings of ${topic}`, async (connections) => {
      const facts = await readFacts(connections, topic, Date.now() + OPEN_MS);
      this.#drop(connections);
      return facts;
    });
  }

  close(): Promise<void> {
    for (const connections of this.#open) this.#drop(connections);
    return Promise.resolve();
  }

  /** Runs with connections of its own, which are dropped when it fails. */
  async #connected<T>(clientId: string, doing: string, run: (connections: Connections) => Promise<T>): Promise<T> {
    const { brokers, tls, auth, requestTimeoutMs } = this.#config.kafka;
    const sasl = auth.method === 'none' ? null : { mechanism: auth.method, ...this.#signIn() };
    const connections = new Connections({ clientId, brokers, tls, sasl, requestTimeoutMs });
    for (const known of this.#open) if (known.closed) this.#open.delete(known);
    this.#open.add(connections);
    try {
      return await run(connections);
    } catch (error) {
      this.#drop(connections);
      throw asKafkaError(error, doing);
    }
  }

  #signIn(): { username: string; password: string } {
    if (this.#credentials === null)
      throw new SnowmeltError('SECRET_UNREADABLE', 'kafka.auth needs username and password');
    const { username, password } = this.#credentials;
    return { username, password };
  }

  #drop(connections: Connections): void {
    connections.close();
    this.#open.delete(connections);
  }
}
