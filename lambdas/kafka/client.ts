/**
 * Kafka for the protocol: one producer per open, and the settings that exactly once rests on.
 *
 * Of kafkajs its connections (sign-in, TLS, request queue, timeouts) and its protocol encoders are used, its producer is not.
 * That one loses records in silence when a request covers several topicPartitions, when two are outstanding, or when it is
 * used again after an error; does not repeat the transactional requests that may be repeated; and encodes records at a
 * tenth of the speed of record-batch.ts. What it would take to go around all of it is more than transaction.ts and sender.ts.
 */
import type { ResolvedConfig } from '../config/resolved.ts';
import type {
  Inspection,
  Kafka,
  Marker,
  OpenRequest,
  RecordsRequest,
  Telemetry,
  TopicExtent,
  TopicReader,
  RecordVisitor,
} from '../protocol/ports.ts';
import { SnowmeltError } from '../errors.ts';
import { codecFor } from './compression.ts';
import { Connections } from './connections.ts';
import { Coordinator } from './coordinator.ts';
import { offsetAt } from './ends.ts';
import { readFacts, readMaxMessageBytes } from './facts.ts';
import { inspect } from './inspect.ts';
import { asKafkaError } from './failures.ts';
import { readMarker } from './marker.ts';
import { checkTopic, Leaders, readMetadata } from './metadata.ts';
import { type Names, namesFor } from './names.ts';
import type { TopicParts } from './outlet.ts';
import { BatchingProducer } from './producer.ts';
import { readRecords } from './records.ts';
import type { Reply } from './requests.ts';
import { IdempotentSession, type Session } from './session.ts';
import { signIn, type Credentials } from './sign-in.ts';
import { Transaction } from './transaction.ts';

/** How long an open waits for topics, coordinators and an earlier owner's transaction. */
const OPEN_MS = 30_000;
const PROGRESS_BATCH_BYTES = 8 * 1024;

/** `credentials` are what `kafka.auth` asks for; null for `method: none`. Nothing is connected yet. */
export function createKafka(
  config: ResolvedConfig,
  credentials: Credentials | null,
  telemetry?: Telemetry,
): Kafka & TopicReader {
  return new KafkaClient(config, credentials, telemetry ?? null);
}

/** One small record a window. */
function progressParts(topicPartitions: number, leaders: Leaders): TopicParts {
  return { topicPartitions, leaders, maxBatchBytes: PROGRESS_BATCH_BYTES, maxMessageBytes: null };
}

class KafkaClient implements Kafka, TopicReader {
  readonly #config: ResolvedConfig;
  readonly #credentials: Credentials | null;
  readonly #telemetry: Telemetry | null;
  readonly #open = new Set<Connections>();

  constructor(config: ResolvedConfig, credentials: Credentials | null, telemetry: Telemetry | null) {
    this.#config = config;
    this.#credentials = credentials;
    this.#telemetry = telemetry;
  }

  async open(request: OpenRequest): Promise<BatchingProducer> {
    const { app, kafka } = this.#config;
    const { source, partition, topic, topicPartitions, newestTopicPartitions, delivery, progress } = request;
    const transactional = delivery === 'exactly-once';
    const names = namesFor(app, source, partition, topic, kafka.controlTopic);
    const clientId = names.transactionalId;
    const began = Date.now();
    const deadline = began + OPEN_MS;
    return this.#connected(clientId, transactional, `opening ${clientId}`, async (connections) => {
      const topics = [topic, ...(transactional ? [kafka.controlTopic] : []), ...(progress ? [progress.topic] : [])];
      const metadata = await readMetadata(connections, topics, deadline);
      checkTopic(metadata, topic, { atLeast: topicPartitions });
      const target = checkTopic(metadata, topic, { exactly: newestTopicPartitions });
      const told = progress && checkTopic(metadata, progress.topic, { exactly: progress.topicPartitions });
      if (metadata.clusterId === null) throw new SnowmeltError('KAFKA_FAILED', 'the cluster does not tell its id');
      const maxMessageBytes = await readMaxMessageBytes(connections, topic);
      const { session, marker } = transactional
        ? await this.#transaction(connections, metadata, names, request, deadline)
        : { session: await IdempotentSession.init(connections, names, deadline), marker: null };
      const leaders = new Leaders(connections, target);
      const sent = marker?.sent?.topic === topic ? marker.sent.topicPartition : null;
      const end = sent === null ? null : Number(await offsetAt('end', connections, leaders, topic, sent, deadline));
      this.#telemetry?.info('kafka opened', { source, partition, ms: Date.now() - began });
      return new BatchingProducer({
        clusterId: metadata.clusterId,
        marker,
        end,
        clientId,
        names,
        connections,
        data: { topicPartitions, leaders, maxBatchBytes: kafka.maxBatchBytes, maxMessageBytes },
        progress: told
          ? { topic: told.topic, parts: progressParts(progress.topicPartitions, new Leaders(connections, told)) }
          : null,
        session,
        markerAlone: transactional && request.adopt === true,
        codec: codecFor(kafka.compression),
        requestTimeoutMs: kafka.requestTimeoutMs,
      });
    });
  }

  /** InitProducerId, then the marker: never the other way round. */
  async #transaction(
    connections: Connections,
    metadata: Reply<'Metadata'>,
    names: Names,
    { partition, partitions, adopt }: OpenRequest,
    deadline: number,
  ): Promise<{ session: Session; marker: Marker | null }> {
    checkTopic(metadata, names.controlTopic, { atLeast: Math.max(partitions, partition + 1) });
    const groups = new Coordinator(connections, 'group', names);
    const { transactionTimeoutMs } = this.#config.kafka;
    const session = await Transaction.init(connections, names, groups, transactionTimeoutMs, deadline);
    return { session, marker: adopt === true ? null : await readMarker(groups, names, deadline) };
  }

  async inspect(request: { source: string; partitions: number; topic: string }): Promise<Inspection> {
    const { app, kafka } = this.#config;
    const clientId = `snowmelt:${app}`;
    return this.#connected(clientId, false, `inspecting ${request.source}`, async (connections) => {
      const found = await inspect(connections, app, request, kafka.controlTopic, Date.now() + OPEN_MS);
      this.#drop(connections);
      return found;
    });
  }

  async records(request: RecordsRequest, visit: RecordVisitor): Promise<TopicExtent[]> {
    const clientId = `snowmelt:${this.#config.app}`;
    return this.#connected(clientId, false, `reading ${request.topic}`, async (connections) => {
      const extents = await readRecords(connections, request, visit);
      this.#drop(connections);
      return extents;
    });
  }

  async facts(topic: string): ReturnType<Kafka['facts']> {
    const clientId = `snowmelt:${this.#config.app}`;
    return this.#connected(clientId, false, `reading the settings of ${topic}`, async (connections) => {
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
  async #connected<T>(
    clientId: string,
    transactions: boolean,
    doing: string,
    run: (connections: Connections) => Promise<T>,
  ): Promise<T> {
    const { brokers, requestTimeoutMs } = this.#config.kafka;
    const { tls, sasl } = signIn(this.#config.kafka, this.#credentials);
    const connections = new Connections({ clientId, brokers, tls, sasl, requestTimeoutMs, transactions });
    for (const known of this.#open) if (known.closed) this.#open.delete(known);
    this.#open.add(connections);
    try {
      return await run(connections);
    } catch (error) {
      this.#drop(connections);
      throw asKafkaError(error, doing);
    }
  }

  #drop(connections: Connections): void {
    connections.close();
    this.#open.delete(connections);
  }
}
