/**
 * A producer of one epoch, on kafkajs' connections; transactional or only idempotent, as its session is.
 *
 * - A record is in one topicPartition, computed once from its key; a request carries one batch of one topicPartition; at
 *   most one is outstanding for each, and is repeated with the same sequence until its answer names it.
 * - A session commits when all records are acknowledged: a transaction's marker, then its end. Nothing else commits.
 * - Records that are appended during a commit are the next transaction's: nothing of them is sent before the commit ended.
 * - A transaction may also have records for two more topics, those of progress and of dead letters.
 * - A record that is too large for the topic is refused before anything of it is sent: a request too large for the broker
 *   would just be cut off.
 * - The first error ends it: everything rejects with that error from then on. Nothing is aborted; the next open decides.
 */
import { SnowmeltError } from '../errors.ts';
import type { KafkaProducer, Marker, Sent } from '../protocol/ports/kafka.ts';
import type { PlainRecord, RecordHeaders } from '../protocol/ports/records.ts';
import type { Codec } from './compression.ts';
import type { Connections } from './connections.ts';
import { asKafkaError } from './failures.ts';
import type { Lane } from './lane.ts';
import { partitionForKey } from './murmur2.ts';
import { Outlet, type TopicParts } from './outlet.ts';
import { capacityFor, type RecordBatch, type RecordKind } from './record-batch.ts';
import type { Names } from './names.ts';
import type { Session, TopicPartitions } from './session.ts';

export type ProducerParts = {
  clusterId: string;
  marker: Marker | null;
  end: number | null;
  clientId: string;
  names: Names;
  connections: Connections;
  /** Of the topic in `names`. */
  data: TopicParts;
  progress: { topic: string; parts: TopicParts } | null;
  deadLetters: { topic: string; parts: TopicParts } | null;
  session: Session;
  /** Whether a marker may be committed without a record. */
  markerAlone: boolean;
  codec: Codec | null;
  requestTimeoutMs: number;
};

/** The most that the lengths of key and value, and of the record, take beyond those of an empty one. */
const LENGTHS = 16;

export class BatchingProducer implements KafkaProducer {
  readonly clusterId: string;
  readonly marker: Marker | null;
  readonly end: number | null;
  readonly letterBytes: number;
  readonly #connections: Connections;
  readonly #session: Session;
  readonly #markerAlone: boolean;
  readonly #kind: RecordKind;
  readonly #codec: Codec | null;
  readonly #data: Outlet;
  readonly #progress: Outlet | null;
  readonly #letters: Outlet | null;
  /** All there are. */
  readonly #outlets: Outlet[];
  /** Of all of them. */
  readonly #lanes: Lane[];
  /** `bytes` of the last append and the same memory as a Buffer, which copies slices without making views. */
  #source: Uint8Array | null = null;
  #sourceBuffer: Buffer = Buffer.alloc(0);
  #pending = 0;
  /** Records of the transaction that brokers acknowledged. */
  #acknowledged = 0;
  /** The last of them in the data's topic. */
  #sent: Sent | null = null;
  #since: number | null = null;
  /** topicPartitions that are part of the transaction. */
  #added = new Set<Lane>();
  #adding: Promise<void> | null = null;
  #failure: SnowmeltError | null = null;
  #committing = false;
  /** Resolved whenever a batch came back or something failed. */
  #change = Promise.withResolvers<void>();

  constructor(parts: ProducerParts) {
    const { clientId, names, connections, session, codec, requestTimeoutMs, data, progress, deadLetters } = parts;
    this.#kind = session.transactionalId === null ? 'positioned' : 'transactional';
    this.#markerAlone = parts.markerAlone;
    this.clusterId = parts.clusterId;
    this.marker = parts.marker;
    this.end = parts.end;
    this.#connections = connections;
    this.#session = session;
    const shared = { connections, session, names, codec, requestTimeoutMs };
    this.#codec = codec;
    const besides = (other: ProducerParts['progress']) =>
      other && new Outlet({ ...shared, names: { ...names, topic: other.topic } }, clientId, this.#kind, other.parts);
    this.#data = new Outlet(shared, clientId, this.#kind, data);
    this.#progress = besides(progress);
    this.#letters = besides(deadLetters);
    this.#outlets = [this.#data, this.#progress, this.#letters].filter((outlet) => outlet !== null);
    this.#lanes = this.#outlets.flatMap(({ lanes }) => lanes);
    const { maxBatchBytes = 0, maxMessageBytes = null } = deadLetters?.parts ?? {};
    // A batch under the usual size is taken by a topic that does not tell its limit.
    this.letterBytes = Math.max(0, (maxMessageBytes ?? maxBatchBytes) - capacityFor(0, 0, this.#kind) - LENGTHS);
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
    const { lanes, pool } = this.#data;
    const lane = lanes[partitionForKey(bytes, keyStart, keyEnd, lanes.length)]!;
    this.#appendTo(lane, bytes, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
    return pool.hasRoom;
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
    for (const lane of this.#data.lanes)
      this.#appendTo(lane, bytes, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
  }

  tell(record: PlainRecord, window: number, row: number): void {
    this.#appendPlain(this.#progress, record, window, row);
  }

  bury(record: PlainRecord, window: number, row: number): boolean {
    return this.#appendPlain(this.#letters, record, window, row);
  }

  #appendPlain(outlet: Outlet | null, { key, value }: PlainRecord, window: number, row: number): boolean {
    if (this.#failure !== null) return false;
    if (outlet === null) throw new SnowmeltError('UNEXPECTED', 'no topic was opened for such a record');
    const bytes = Buffer.concat([key, value]);
    const { lanes, pool } = outlet;
    const lane = lanes[partitionForKey(bytes, 0, key.length, lanes.length)]!;
    this.#appendTo(lane, bytes, 0, key.length, key.length, bytes.length, window, row, null);
    return pool.hasRoom;
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
      const fresh = this.#begin(lane, size);
      fresh.append(source, keyStart, keyEnd, valueStart, valueEnd, window, row, headers);
      if (size > lane.outlet.maxBytes) this.#checkSize(lane, fresh);
    }
    this.#pending++;
  }

  /** A record that is alone in its batch, and larger than the topic takes unless it compresses to less. */
  #checkSize(lane: Lane, batch: RecordBatch): void {
    const { maxBytes, topic, pool } = lane.outlet;
    const size = batch.packedSize(this.#codec);
    if (size <= maxBytes) return;
    lane.filling = null;
    pool.give(batch);
    const text = `a record takes ${size} bytes, ${topic} takes ${maxBytes} (max.message.bytes)`;
    throw new SnowmeltError('RECORD_TOO_LARGE', text);
  }

  async ready(): Promise<void> {
    while (!this.#outlets.every(({ pool }) => pool.hasRoom)) {
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
    return (lane.filling = lane.outlet.pool.take(size));
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
        await this.#add(lane);
        const offset = await lane.outlet.sender.send(lane, batch, () => this.#failure !== null);
        const { topic } = lane.outlet;
        if (lane.outlet === this.#data) this.#sent = { topic, topicPartition: lane.partition, offset };
        this.#acknowledged += batch.records;
        lane.queue.shift();
        lane.outlet.pool.give(batch);
        this.#changed();
      }
    } catch (error) {
      this.#fail(asKafkaError(error, `sending to ${lane.outlet.topic}-${lane.partition}`));
    } finally {
      lane.sending = false;
    }
  }

  /** Makes the partition part of the transaction, together with all others that have records: one request at a time. */
  async #add(lane: Lane): Promise<void> {
    while (!this.#added.has(lane)) {
      this.#adding ??= this.#addAll().finally(() => (this.#adding = null));
      await this.#adding;
    }
  }

  async #addAll(): Promise<void> {
    const lanes = this.#lanes
      .filter((lane) => !this.#added.has(lane))
      .filter((lane) => lane.queue.length > 0 || (lane.filling !== null && !this.#committing));
    const topics = this.#outlets.flatMap((outlet): TopicPartitions[] => {
      const partitions = lanes.filter((lane) => lane.outlet === outlet).map((lane) => lane.partition);
      return partitions.length === 0 ? [] : [{ topic: outlet.topic, partitions }];
    });
    this.#since ??= Date.now();
    await this.#session.add(topics);
    for (const lane of lanes) this.#added.add(lane);
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
