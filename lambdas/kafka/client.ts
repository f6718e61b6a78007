/**
 * Kafka for the protocol: one producer per open, and the settings that exactly once rests on.
 *
 * Of kafkajs its connections (sign-in, TLS, request queue, timeouts) and its protocol encoders are used, its producer is not.
 * That one loses records in silence when a request covers several topicPartitions, when two are outstanding, or when it is
 * used again after an error; does not repeat the transactional requests that may be repeated; and encodes records at a
 * tenth of the speed of record-batch.ts. What it would take to go around all of it is more than transaction.ts and sender.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../config/resolved.ts';
import type {
  Inspection,
  Kafka,
  Marker,
  OpenRequest,
  RecordsRequest,
  TopicExtent,
  TopicMaker,
  TopicReader,
  RecordVisitor,
  TopicSettings,
} from '../protocol/ports/kafka.ts';
import { SnowmeltError } from '../errors.ts';
import { codecFor } from './compression.ts';
import { Connections, type SignIn } from './connections.ts';
import { Coordinator } from './coordinator.ts';
import { offsetAt } from './ends.ts';
import { readFacts, readMaxMessageBytes } from './facts.ts';
import { inspect } from './inspect.ts';
import { asKafkaError } from './failures.ts';
import { makeTopic } from './make-topic.ts';
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

/**
 * `credentials` are what `kafka.auth` asks for; null for `method: none`. `renewed`: what it asks for by the time that they are
 * refused. Nothing is connected yet.
 */
export function createKafka(
  config: ResolvedConfig,
  credentials: Credentials | null,
  renewed?: () => Promise<Credentials | null>,
): Kafka & TopicReader & TopicMaker {
  return new KafkaClient(config, credentials, renewed);
}

/** One small record a window. */
function progressParts(parts: Pick<TopicParts, 'topicPartitions' | 'leaders'>): TopicParts {
  return { ...parts, maxBatchBytes: PROGRESS_BATCH_BYTES, maxMessageBytes: null };
}

class KafkaClient implements Kafka, TopicReader, TopicMaker {
  readonly #config: ResolvedConfig;
  #credentials: Credentials | null;
  readonly #renewed: (() => Promise<Credentials | null>) | undefined;
  readonly #open = new Set<Connections>();

  constructor(
    config: ResolvedConfig,
    credentials: Credentials | null,
    renewed: (() => Promise<Credentials | null>) | undefined,
  ) {
    this.#config = config;
    this.#credentials = credentials;
    this.#renewed = renewed;
  }

  async open(request: OpenRequest): Promise<BatchingProducer> {
    const { app, kafka } = this.#config;
    const { source, partition, topic, topicPartitions, newestTopicPartitions, delivery } = request;
    const { progress = null, deadLetters = null } = request;
    const transactional = delivery === 'exactly-once';
    const names = namesFor(app, source, partition, topic, kafka.controlTopic);
    const clientId = names.transactionalId;
    const deadline = Date.now() + OPEN_MS;
    return this.#connected(clientId, transactional, `opening ${clientId}`, async (connections) => {
      const besides = [progress, deadLetters].flatMap((other) => (other === null ? [] : [other.topic]));
      const topics = [topic, ...(transactional ? [kafka.controlTopic] : []), ...besides];
      const metadata = await readMetadata(connections, topics, deadline);
      checkTopic(metadata, topic, { atLeast: topicPartitions });
      const target = checkTopic(metadata, topic, { exactly: newestTopicPartitions });
      const partsOf = (other: { topic: string; topicPartitions: number }) => {
        const found = checkTopic(metadata, other.topic, { exactly: other.topicPartitions });
        return { topicPartitions: other.topicPartitions, leaders: new Leaders(connections, found) };
      };
      const told = progress && { topic: progress.topic, parts: progressParts(partsOf(progress)) };
      const letters = deadLetters && { topic: deadLetters.topic, parts: partsOf(deadLetters) };
      if (metadata.clusterId === null) throw new SnowmeltError('KAFKA_FAILED', 'the cluster does not tell its id');
      const maxMessageBytes = await readMaxMessageBytes(connections, topic);
      const letterBytes = letters && (await readMaxMessageBytes(connections, letters.topic));
      const { session, marker } = transactional
        ? await this.#transaction(connections, metadata, names, request, deadline)
        : { session: await IdempotentSession.init(connections, names, deadline), marker: null };
      const leaders = new Leaders(connections, target);
      const sent = marker?.sent?.topic === topic ? marker.sent.topicPartition : null;
      const end = sent === null ? null : Number(await offsetAt('end', connections, leaders, topic, sent, deadline));
      return new BatchingProducer({
        clusterId: metadata.clusterId,
        marker,
        end,
        clientId,
        names,
        connections,
        data: { topicPartitions, leaders, maxBatchBytes: kafka.maxBatchBytes, maxMessageBytes },
        progress: told,
        deadLetters: letters && {
          topic: letters.topic,
          parts: { ...letters.parts, maxBatchBytes: kafka.maxBatchBytes, maxMessageBytes: letterBytes },
        },
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

  async makeTopic(topic: string, partitions: number, settings: TopicSettings): Promise<void> {
    const clientId = `snowmelt:${this.#config.app}`;
    return this.#connected(clientId, false, `making ${topic}`, async (connections) => {
      await makeTopic(connections, topic, partitions, settings, Date.now() + OPEN_MS);
      this.#drop(connections);
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
    const renewed = this.#renewal();
    const connections = new Connections({ clientId, brokers, tls, sasl, requestTimeoutMs, transactions, ...renewed });
    for (const known of this.#open) if (known.closed) this.#open.delete(known);
    this.#open.add(connections);
    try {
      return await run(connections);
    } catch (error) {
      this.#drop(connections);
      throw asKafkaError(error, doing);
    }
  }

  /** Of connections that are opened with what there is now. */
  #renewal(): { renewed?: () => Promise<SignIn | null> } {
    const read = this.#renewed;
    // A token is made anew for each sign-in.
    if (read === undefined || !('secret' in this.#config.kafka.auth)) return {};
    let used = this.#credentials;
    const renewed = async () => {
      const now = await read();
      if (isDeepStrictEqual(now, used)) return null;
      used = now;
      this.#credentials = now;
      return signIn(this.#config.kafka, now);
    };
    return { renewed };
  }

  #drop(connections: Connections): void {
    connections.close();
    this.#open.delete(connections);
  }
}
