/**
 * A producer of one epoch, on kafkajs' connections; transactional or only idempotent, as its session is.
 *
 * - A record is in one topicPartition, computed once from its key; a request carries one batch of one topicPartition; at
 *   most one is outstanding for each, and is repeated with the same sequence until its answer names it.
 * - A session commits when all records are acknowledged: a transaction's marker, then its end. Nothing else commits.
 * - Records that are appended during a commit are the next transaction's: nothing of them is sent before the commit ended.
 * - The first error ends it: everything rejects with that error from then on. Nothing is aborted; the next open decides.
 */
import { SnowmeltError } from '../errors.ts';
import type { KafkaProducer, Marker, RecordHeaders, Sent } from '../protocol/ports.ts';
import { BatchPool } from './batch-pool.ts';
import type { Codec } from './compression.ts';
import type { Connections } from './connections.ts';
import { asKafkaError } from './failures.ts';
import { Lane } from './lane.ts';
import { partitionForKey } from './murmur2.ts';
import { requestHead } from './produce.ts';
import { capacityFor, type RecordBatch, type RecordKind } from './record-batch.ts';
import { Sender } from './sender.ts';
import type { Leaders } from './metadata.ts';
import type { Names } from './names.ts';
import type { Session } from './session.ts';

export type ProducerParts = {
  clusterId: string;
  marker: Marker | null;
  end: number | null;
  clientId: string;
  names: Names;
  topicPartitions: number;
  connections: Connections;
  leaders: Leaders;
  session: Session;
  /** Whether a marker may be committed without a record. */
  markerAlone: boolean;
  codec: Codec | null;
  maxBatchBytes: number;
  /** The topic's limit of a batch; null: unknown, the brokers refuse what is larger. */
  maxMessageBytes: number | null;
  requestTimeoutMs: number;
};

export class BatchingProducer implements KafkaProducer {
  readonly clusterId: string;
  readonly marker: Marker | null;
  readonly end: number | null;
  readonly #topic: string;
  readonly #connections: Connections;
  readonly #session: Session;
  readonly #markerAlone: boolean;
  readonly #kind: RecordKind;
  readonly #sender: Sender;
  readonly #pool: BatchPool;
  readonly #lanes: Lane[];
  /** `bytes` of the last append and the same memory as a Buffer, which copies slices without making views. */
  #source: Uint8Array | null = null;
  #sourceBuffer: Buffer = Buffer.alloc(0);
  #pending = 0;
  /** Records of the transaction that brokers acknowledged. */
  #acknowledged = 0;
  /** The last of them. */
  #sent: Sent | null = null;
  #since: number | null = null;
  /** topicPartitions that are part of the transaction. */
  #added = new Set<number>();
  #adding: Promise<void> | null = null;
  #failure: SnowmeltError | null = null;
  #committing = false;
  /** Resolved whenever a batch came back or something failed. */
  #change = Promise.withResolvers<void>();

  constructor(parts: ProducerParts) {
    const { names, connections, leaders, session, requestTimeoutMs } = parts;
    const { transactionalId } = session;
    const maxBytes = parts.maxMessageBytes ?? Infinity;
    const head = requestHead(parts.clientId, transactionalId, names.topic, requestTimeoutMs);
    this.#kind = transactionalId === null ? 'positioned' : 'transactional';
    this.#markerAlone = parts.markerAlone;
    this.clusterId = parts.clusterId;
    this.marker = parts.marker;
    this.end = parts.end;
    this.#topic = names.topic;
    this.#connections = connections;
    this.#session = session;
    this.#sender = new Sender({
      connections,
      leaders,
      session,
      names,
      head,
      codec: parts.codec,
      maxBytes,
      requestTimeoutMs,
    });
    this.#pool = new BatchPool(Math.min(parts.maxBatchBytes, maxBytes), parts.topicPartitions, head.length, this.#kind);
    this.#lanes = Array.from({ length: parts.topicPartitions }, (_, partition) => new Lane(partition));
  }

  get pending(): number {
    return this.#pending;
  }

  /** Since the first request that the broker's transactionTimeout counts from; buffered records alone open nothing. */
  get transactionSince(): number | null {
    return this.#since;
  }

  append(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers: RecordHeaders | null = null,
  ): boolean {
    if (this.#failure !== null) return false; // ready() tells why
    const lane = this.#lanes[partitionForKey(bytes, keyStart, keyEnd, this.#lanes.length)]!;
    this.#appendTo(lane, bytes, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
    return this.#pool.hasRoom;
  }

  broadcast(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers: RecordHeaders | null = null,
  ): void {
    if (this.#failure !== null) return;
    for (const lane of this.#lanes)
      this.#appendTo(lane, bytes, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
  }

  #appendTo(
    lane: Lane,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers: RecordHeaders | null,
  ): void {
    if (bytes !== this.#source) {
      this.#source = bytes;
      this.#sourceBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const source = this.#sourceBuffer;
    const batch = lane.filling;
    if (batch === null || !batch.append(source, keyStart, keyEnd, valueStart, valueEnd, window, row, headers)) {
      const size = capacityFor(keyEnd - keyStart, valueStart < 0 ? -1 : valueEnd - valueStart, this.#kind, headers);
      this.#begin(lane, size).append(source, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
    }
    this.#pending++;
  }

  async ready(): Promise<void> {
    while (!this.#pool.hasRoom) {
      this.#throwIfFailed();
      // Nothing comes back unless something is on its way; after a commit that is what waited for it.
      if (!this.#committing && !this.#lanes.some((lane) => lane.sending)) this.#flush();
      await this.#change.promise;
    }
    this.#throwIfFailed();
  }

  async commit(marker: Omit<Marker, 'sent'>): Promise<void> {
    this.#throwIfFailed();
    if (this.#committing) throw new SnowmeltError('UNEXPECTED', 'commit during a commit');
    if (this.#pending === 0 && !this.#markerAlone) throw new SnowmeltError('UNEXPECTED', 'commit without a record');
    const records = this.#pending;
    this.#flush();
    this.#committing = true;
    while (this.#acknowledged < records) {
      await this.#change.promise;
      this.#throwIfFailed();
    }
    try {
      if (this.#acknowledged !== records) {
        throw new SnowmeltError('UNEXPECTED', `${this.#acknowledged} of ${records} records acknowledged`);
      }
      await this.#session.commit({ ...marker, sent: this.#sent });
    } catch (error) {
      this.#fail(asKafkaError(error, 'committing'));
    }
    this.#throwIfFailed();
    this.#added.clear();
    this.#since = null;
    this.#pending -= records;
    this.#acknowledged = 0;
    this.#committing = false;
    for (const lane of this.#lanes) {
      lane.release();
      this.#start(lane);
    }
    this.#changed();
  }

  close(): Promise<void> {
    this.#fail(new SnowmeltError('KAFKA_UNREACHABLE', 'the producer was closed'));
    this.#connections.close();
    return Promise.resolve();
  }

  /** Sends what the lane has and begins a batch that a record of `size` bytes fits into. */
  #begin(lane: Lane, size: number): RecordBatch {
    if (lane.filling !== null) {
      lane.seal(this.#committing);
      if (!this.#committing) this.#start(lane);
    }
    return (lane.filling = this.#pool.take(size));
  }

  #flush(): void {
    for (const lane of this.#lanes) lane.seal(false);
    for (const lane of this.#lanes) this.#start(lane);
  }

  #start(lane: Lane): void {
    if (lane.sending || lane.queue.length === 0 || this.#failure !== null) return;
    lane.sending = true;
    void this.#drain(lane);
  }

  /** Sends a lane's queue, one batch after the other's acknowledgement. Never rejects. */
  async #drain(lane: Lane): Promise<void> {
    try {
      for (let batch = lane.queue[0]; batch !== undefined && this.#failure === null; batch = lane.queue[0]) {
        await this.#add(lane.partition);
        const offset = await this.#sender.send(lane, batch, () => this.#failure !== null);
        this.#sent = { topic: this.#topic, topicPartition: lane.partition, offset };
        this.#acknowledged += batch.records;
        lane.queue.shift();
        this.#pool.give(batch);
        this.#changed();
      }
    } catch (error) {
      this.#fail(asKafkaError(error, `sending to partition ${lane.partition}`));
    } finally {
      lane.sending = false;
    }
  }

  /** Makes the partition part of the transaction, together with all others that have records: one request at a time. */
  async #add(partition: number): Promise<void> {
    while (!this.#added.has(partition)) {
      this.#adding ??= this.#addAll().finally(() => (this.#adding = null));
      await this.#adding;
    }
  }

  async #addAll(): Promise<void> {
    const partitions = this.#lanes
      .filter((lane) => !this.#added.has(lane.partition))
      .filter((lane) => lane.queue.length > 0 || (lane.filling !== null && !this.#committing))
      .map((lane) => lane.partition);
    this.#since ??= Date.now();
    await this.#session.add(partitions);
    for (const partition of partitions) this.#added.add(partition);
  }

  #fail(error: SnowmeltError): void {
    this.#failure ??= error;
    this.#changed();
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
