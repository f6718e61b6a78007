/** The Kafka port on the broker in memory: each request of an open, a send and a commit is one of its own. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { Inspection, Kafka, KafkaProducer, Marker, OpenRequest } from '../../../lambdas/protocol/ports/kafka.ts';
import type { PlainRecord } from '../../../lambdas/protocol/ports/records.ts';
import { type Broker, type MemoryRecord, WAIT } from './broker.ts';
import { isOversize } from './records.ts';
import type { Wire } from './wire.ts';

const MAX_POLLS = 20;
const lost = (what: string) => new SnowmeltError('KAFKA_UNREACHABLE', what);

export class MemoryKafka implements Kafka {
  readonly #wire: Wire;
  readonly #broker: Broker;
  clusterId = 'cluster-1';
  /** Records that fill the producer. */
  room = 5;

  constructor(wire: Wire, broker: Broker) {
    this.#wire = wire;
    this.#broker = broker;
  }

  #idempotent = 0;

  async open(request: OpenRequest): Promise<KafkaProducer> {
    if (request.delivery === 'at-least-once') return this.#openIdempotent(request);
    const id = `${request.source}/${request.partition}`;
    const epoch = await this.#poll('InitProducerId', true, () => this.#broker.initProducerId(id));
    const marker = await this.#poll('OffsetFetch', true, () => this.#broker.offsetFetch(id));
    const send = (name: string, effect: () => void | typeof WAIT, repeatable = false) =>
      this.#poll(name, repeatable, effect);
    return new MemoryProducer(this.clusterId, marker, request, this.room, {
      add: (partitions) => send('AddPartitionsToTxn', () => this.#broker.addPartitions(id, epoch, partitions)),
      produce: (sequence, records) => send('Produce', () => this.#broker.produce(id, epoch, sequence, records), true),
      addOffsets: () => send('AddOffsetsToTxn', () => this.#broker.addOffsets(id, epoch)),
      commitOffset: (at) => send('TxnOffsetCommit', () => this.#broker.txnOffsetCommit(id, epoch, at)),
      end: () => send('EndTxn', () => this.#broker.endTxn(id, epoch)),
    });
  }

  /** A producer id of its own, no marker; what is acknowledged is there. */
  async #openIdempotent(request: OpenRequest): Promise<KafkaProducer> {
    const id = await this.#poll('InitProducerId', true, () => `idempotent-${++this.#idempotent}`);
    const nothing = () => Promise.resolve();
    return new MemoryProducer(this.clusterId, null, request, this.room, {
      add: nothing,
      produce: (sequence, records) =>
        this.#poll('Produce', true, () => this.#broker.produceAtOnce(id, sequence, records)),
      addOffsets: nothing,
      commitOffset: nothing,
      end: nothing,
    });
  }

  async facts() {
    const facts = {
      topic: { minInsyncReplicas: 2, replication: 3, uncleanElection: false, compacted: false },
      offsetsRetentionMs: null,
    };
    return this.#wire.request('DescribeConfigs', { lost, effect: () => facts });
  }

  inspect(): Promise<Inspection> {
    throw new SnowmeltError('UNEXPECTED', 'planner and publishers inspect nothing');
  }

  async close() {}

  async #poll<T>(name: string, repeatable: boolean, effect: () => T | typeof WAIT): Promise<T> {
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      const reply = await this.#wire.request(name, { repeatable, lost, effect });
      if (reply !== WAIT) return reply;
    }
    throw new SnowmeltError('KAFKA_FAILED', `${name}: still not`);
  }
}

type Requests = {
  add(partitions: string[]): Promise<void>;
  produce(sequence: number, records: MemoryRecord[]): Promise<void>;
  addOffsets(): Promise<void>;
  commitOffset(marker: Marker): Promise<void>;
  end(): Promise<void>;
};

class MemoryProducer implements KafkaProducer {
  readonly clusterId: string;
  readonly marker: Marker | null;
  readonly end = null;
  readonly transactionSince = null;
  pending = 0;
  readonly #request: OpenRequest;
  readonly #room: number;
  readonly #requests: Requests;
  /** By topic and partition. */
  readonly #sequences = new Map<string, number>();
  #added = new Set<string>();
  #buffers = new Map<string, MemoryRecord[]>();
  #buffered = 0;
  #failure: Error | null = null;
  #committing: Promise<void> = Promise.resolve();

  constructor(clusterId: string, marker: Marker | null, request: OpenRequest, room: number, requests: Requests) {
    this.clusterId = clusterId;
    this.marker = marker;
    this.#request = request;
    this.#room = room;
    this.#requests = requests;
  }

  append(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): boolean {
    const key = Buffer.from(bytes.subarray(keyStart, keyEnd)).toString();
    const sum = [...key].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    const value = valueStart < 0 ? null : Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
    if (value !== null && isOversize(value)) throw new SnowmeltError('RECORD_TOO_LARGE', 'a record too large');
    return this.#appendTo(this.#request.topic, sum % this.#request.topicPartitions, key, value);
  }

  broadcast(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const key = Buffer.from(bytes.subarray(keyStart, keyEnd)).toString();
    const value = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
    for (let partition = 0; partition < this.#request.topicPartitions; partition++)
      this.#appendTo(this.#request.topic, partition, key, value);
  }

  tell({ key, value }: PlainRecord): void {
    this.#appendTo(this.#request.progress!.topic, 0, Buffer.from(key).toString(), Buffer.from(value).toString());
  }

  get letterBytes(): number {
    return 1_000;
  }

  bury({ key, value }: PlainRecord): boolean {
    const { topic } = this.#request.deadLetters!;
    return this.#appendTo(topic, 0, Buffer.from(key).toString(), Buffer.from(value).toString());
  }

  #appendTo(topic: string, topicPartition: number, key: string, value: string | null): boolean {
    const name = `${topic}/${topicPartition}`;
    const buffer = this.#buffers.get(name) ?? [];
    buffer.push({ topic, topicPartition, key, value });
    this.#buffers.set(name, buffer);
    this.pending++;
    return ++this.#buffered < this.#room;
  }

  ready(): Promise<void> {
    return this.#guarded(async () => {
      await this.#committing;
      await this.#flush();
    });
  }

  /** What is appended meanwhile stays in the buffers. */
  commit(marker: Omit<Marker, 'sent'>): Promise<void> {
    const records = this.pending;
    const committed = this.#guarded(async () => {
      if (records === 0) throw new SnowmeltError('UNEXPECTED', 'commit without a record');
      await this.#flush();
      await this.#requests.addOffsets();
      await this.#requests.commitOffset({ ...marker, sent: null });
      await this.#requests.end();
      this.#added.clear();
      this.pending -= records;
    });
    this.#committing = committed;
    committed.catch(() => undefined); // The caller's to look at.
    return committed;
  }

  async close() {
    this.#failure ??= lost('closed');
  }

  /** One batch of each topicPartition, one after the other. */
  async #flush(): Promise<void> {
    const buffers = [...this.#buffers];
    this.#buffers.clear();
    this.#buffered = 0;
    const fresh = buffers.map(([partition]) => partition).filter((partition) => !this.#added.has(partition));
    if (fresh.length > 0) {
      await this.#requests.add(fresh);
      for (const partition of fresh) this.#added.add(partition);
    }
    for (const [partition, records] of buffers) {
      const sequence = this.#sequences.get(partition) ?? 0;
      this.#sequences.set(partition, sequence + records.length);
      await this.#requests.produce(sequence, records);
    }
  }

  /** The first error ends the producer. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    this.#throwIfFailed();
    try {
      await work();
    } catch (error) {
      this.#failure ??= error as Error;
      throw error;
    }
    this.#throwIfFailed();
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
