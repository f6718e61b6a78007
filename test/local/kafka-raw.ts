/** Requests with exact contents, to the node they belong to: what kafkajs would not send, and codes it would hide. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findCoordinator, KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';
import type { Reader, Writer } from '../../local/kafka/wire.ts';
import type { Aborted, BatchSpec } from './kafka-records.ts';
import { committedValues, encodeBatch } from './kafka-records.ts';

/** The coordinator or a leader is not there yet, or is still busy: Kafka's clients ask again. */
const NOT_YET = new Set([3, 5, 6, 14, 15, 16, 51]);

export class RawCluster {
  readonly #brokers: readonly string[];
  readonly #connections = new Map<string, Promise<KafkaConnection>>();
  readonly #served = new Set<string>();

  constructor(brokers: readonly string[]) {
    this.#brokers = brokers;
  }

  connection(broker = this.#brokers[0]!): Promise<KafkaConnection> {
    let connection = this.#connections.get(broker);
    if (connection === undefined) {
      connection = KafkaConnection.open(broker, { clientId: 'raw' });
      this.#connections.set(broker, connection);
    }
    return connection;
  }

  async coordinator(kind: 'group' | 'transaction', key: string): Promise<KafkaConnection> {
    const found = await patiently(
      async () => findCoordinator(await this.connection(), kind, key),
      ({ code }) => NOT_YET.has(code),
    );
    return this.connection(found.broker);
  }

  async leader(topic: string, partition: number): Promise<KafkaConnection> {
    const { brokers, leaders } = await readMetadata(await this.connection(), topic);
    return this.connection(brokers.get(leaders.get(partition) ?? -1));
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) (await connection).close();
  }

  /** Produce v7, acks = all, one batch. */
  async produce(
    topic: string,
    partition: number,
    batch: BatchSpec,
    transactionalId: string | null = null,
  ): Promise<ProduceReply> {
    return this.produceBytes(topic, partition, encodeBatch(batch), transactionalId);
  }

  async produceBytes(
    topic: string,
    partition: number,
    batch: Buffer,
    transactionalId: string | null = null,
  ): Promise<ProduceReply> {
    await this.#untilServed(topic, partition);
    const leader = await this.leader(topic, partition);
    const reply = await leader.request(0, 7, (writer) => {
      writer.string(transactionalId).int16(-1).int32(5000);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (id) => writer.int32(id).bytes(batch));
      });
    });
    return onlyPartition(reply, () => {
      reply.int32();
      return { code: reply.int16(), baseOffset: Number(reply.int64()) };
    });
  }

  /** Metadata names a leader of a new topic before that broker knows it is one; codes of later are the test's to see. */
  async #untilServed(topic: string, partition: number): Promise<void> {
    const name = `${topic}/${String(partition)}`;
    if (this.#served.has(name)) return;
    await patiently(
      () => this.fetch(topic, partition),
      ({ code }) => NOT_YET.has(code),
    );
    this.#served.add(name);
  }

  /** DeleteRecords v1. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    const leader = await this.leader(topic, partition);
    await leader.request(21, 1, (writer) => {
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (id) => writer.int32(id).int64(before));
      });
      writer.int32(5000);
    });
  }

  /** Everything in a partition from `from` on that a reader of committed (or of all) records sees. */
  async read(topic: string, partition: number, { committedOnly = true, from = 0 } = {}): Promise<string[]> {
    const { bytes, aborted } = await this.fetch(topic, partition, { committedOnly, from });
    return committedValues(bytes, aborted);
  }

  /** Fetch v11, answered at once. */
  async fetch(topic: string, partition: number, { committedOnly = true, from = 0 } = {}): Promise<FetchReply> {
    const leader = await this.leader(topic, partition);
    const reply = await leader.request(1, 11, (writer) => {
      writer
        .int32(-1)
        .int32(0)
        .int32(0)
        .int32(50_000_000)
        .int8(committedOnly ? 1 : 0)
        .int32(0)
        .int32(-1);
      writer.array([topic], (name) => {
        writer
          .string(name)
          .array([partition], (id) => writer.int32(id).int32(-1).int64(from).int64(-1).int32(50_000_000));
      });
      writer.array([], () => undefined).string('');
    });
    reply.int32();
    reply.int16();
    reply.int32();
    return onlyPartition(reply, () => {
      reply.int32();
      const code = reply.int16();
      const highWatermark = Number(reply.int64());
      const lastStable = Number(reply.int64());
      const start = Number(reply.int64());
      const aborted = reply.array(() => ({ producerId: Number(reply.int64()), firstOffset: Number(reply.int64()) }));
      reply.int32();
      return { code, highWatermark, lastStable, start, aborted, bytes: reply.bytes() };
    });
  }

  /** OffsetFetch v7 for one partition. */
  async committedOffset(group: string, topic: string, partition: number, requireStable = true): Promise<OffsetReply> {
    const coordinator = await this.coordinator('group', group);
    const reply = await coordinator.request(
      9,
      7,
      (writer) => {
        writer.compactString(group);
        writer.compactArray([topic], (name) => {
          writer
            .compactString(name)
            .compactArray([partition], (id) => writer.int32(id))
            .tags();
        });
        writer.boolean(requireStable).tags();
      },
      { flexible: true },
    );
    reply.int32();
    const [found] = reply.compactNullableArray(() => {
      reply.compactString();
      const partitions = reply.compactNullableArray(() => {
        reply.int32();
        const offset = reply.int64();
        reply.int32();
        const metadata = reply.compactNullableString();
        const code = reply.int16();
        reply.tags();
        return { code, offset, metadata };
      });
      reply.tags();
      return partitions?.[0];
    })!;
    return found!;
  }

  /** Asks until the transaction before it is over. */
  stableOffset(group: string, topic: string, partition: number): Promise<OffsetReply> {
    return patiently(
      () => this.committedOffset(group, topic, partition),
      ({ code }) => code === 88,
    );
  }
}

export type ProduceReply = { code: number; baseOffset: number };
export type OffsetReply = { code: number; offset: bigint; metadata: string | null };
export type FetchReply = {
  code: number;
  highWatermark: number;
  lastStable: number;
  start: number;
  aborted: Aborted[];
  bytes: Buffer;
};

/** A transactional producer that does nothing by itself and returns codes. */
export class RawProducer {
  readonly #cluster: RawCluster;
  readonly transactionalId: string;
  readonly producerId: number;
  readonly epoch: number;

  private constructor(cluster: RawCluster, transactionalId: string, producerId: number, epoch: number) {
    this.#cluster = cluster;
    this.transactionalId = transactionalId;
    this.producerId = producerId;
    this.epoch = epoch;
  }

  /** InitProducerId until it is answered; all transactions before it are decided then. */
  static async open(cluster: RawCluster, transactionalId: string, timeoutMs = 60_000): Promise<RawProducer> {
    const { producerId, epoch, code } = await patiently(
      () => initProducerId(cluster, transactionalId, timeoutMs),
      (answer) => NOT_YET.has(answer.code),
    );
    if (code !== 0) throw new Error(`InitProducerId: ${String(code)}`);
    return new RawProducer(cluster, transactionalId, producerId, epoch);
  }

  /** AddPartitionsToTxn v1; 51 is asked again unless `once`. */
  addPartition(topic: string, partition: number, { once = false } = {}): Promise<number> {
    return this.#coded(24, once, (writer) => {
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (id) => writer.int32(id));
      });
    });
  }

  produce(topic: string, partition: number, sequence: number, values: string[]): Promise<ProduceReply> {
    const { producerId, epoch, transactionalId } = this;
    return this.#cluster.produce(
      topic,
      partition,
      { values, producerId, epoch, sequence, transactional: true },
      transactionalId,
    );
  }

  /** AddOffsetsToTxn v1. */
  addGroup(group: string, { once = false } = {}): Promise<number> {
    return this.#coded(25, once, (writer) => writer.string(group));
  }

  /** TxnOffsetCommit v1. */
  async commitOffset(group: string, topic: string, partition: number, offset: bigint, metadata = ''): Promise<number> {
    const coordinator = await this.#cluster.coordinator('group', group);
    const reply = await coordinator.request(28, 1, (writer) => {
      writer.string(this.transactionalId).string(group).int64(this.producerId).int16(this.epoch);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (id) => writer.int32(id).int64(offset).string(metadata));
      });
    });
    reply.int32();
    return onlyPartition(reply, () => {
      reply.int32();
      return reply.int16();
    });
  }

  /** EndTxn v1. */
  end(commit: boolean, { once = false } = {}): Promise<number> {
    return this.#coded(26, once, (writer) => writer.boolean(commit));
  }

  async #coded(key: number, once: boolean, body: (writer: Writer) => void): Promise<number> {
    const ask = async (): Promise<number> => {
      const coordinator = await this.#cluster.coordinator('transaction', this.transactionalId);
      const reply = await coordinator.request(key, 1, (writer) => {
        body(writer.string(this.transactionalId).int64(this.producerId).int16(this.epoch));
      });
      reply.int32();
      return key === 24 ? onlyPartition(reply, () => [reply.int32(), reply.int16()][1]!) : reply.int16();
    };
    return once ? ask() : patiently(ask, (code) => code === 51);
  }
}

/** InitProducerId v1. */
export async function initProducerId(
  cluster: RawCluster,
  transactionalId: string | null,
  timeoutMs = 60_000,
): Promise<{ code: number; producerId: number; epoch: number }> {
  const coordinator =
    transactionalId === null ? await cluster.connection() : await cluster.coordinator('transaction', transactionalId);
  const reply = await coordinator.request(22, 1, (writer) => writer.string(transactionalId).int32(timeoutMs));
  reply.int32();
  return { code: reply.int16(), producerId: Number(reply.int64()), epoch: reply.int16() };
}

/** The one partition of the one topic in a reply. */
function onlyPartition<T>(reply: Reader, read: () => T): T {
  const [topic] = reply.array(() => {
    reply.string();
    return reply.array(read)[0]!;
  });
  return topic!;
}

/** Asks every 20 ms while the answer says to ask again, for 20 s. */
export async function patiently<T>(ask: () => Promise<T>, again: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (!again(answer) || Date.now() > deadline) return answer;
    await sleep(20);
  }
}
