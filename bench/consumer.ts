/** A read_committed consumer that looks at every record: is each row here once, in order, and what it should be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CODE } from '../local/kafka/codes.ts';
import { KafkaConnection } from '../local/kafka/requests.ts';
import { HEADER_BYTES, readHeader } from '../local/kafka/record-batch.ts';
import { addChecksum, checksum } from './image.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const READ_COMMITTED = 1;
/** How long a broker may say that it does not lead a new topic, although it has named itself its leader. */
const LEADER_TRIES = 200;
const LEADER_PAUSE_MS = 50;
const CONTROL = 0x20;

type OnRecord = (key: Buffer, value: Buffer, topicPartition: number) => void;

/** Reads a topic that nobody writes to any more, from its start to its end. */
export async function readTopic(broker: string, topic: string, partitions: number, onRecord: OnRecord): Promise<void> {
  using connection = await KafkaConnection.open(broker, { clientId: 'bench', timeoutMs: 60_000 });
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0n, end = 1n; offset < end;) {
      const fetched = await fetch(connection, topic, partition, offset, onRecord);
      if (fetched.stable !== fetched.end) throw new Error(`${topic}-${partition}: a transaction is open`);
      ({ next: offset, end } = fetched);
    }
  }
}

/** Follows a topic of one partition until it is stopped; `onError` hears at once what stop() rejects with. */
export function followTopic(
  broker: string,
  topic: string,
  onRecord: OnRecord,
  onError: (error: unknown) => void = () => undefined,
): { stop(): Promise<void> } {
  let stopped = false;
  const follow = async () => {
    using connection = await KafkaConnection.open(broker, { clientId: 'bench', timeoutMs: 60_000 });
    for (let offset = 0n; !stopped;) offset = (await fetch(connection, topic, 0, offset, onRecord)).next;
  };
  const following = follow();
  following.catch(onError);
  return {
    stop: () => {
      stopped = true;
      return following;
    },
  };
}

/** Counts the committed records of a topic of one partition while they come. */
export class RowCounter {
  rows = 0;
  bytes = 0;
  #next = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #following: { stop(): Promise<void> };

  constructor(broker: string, topic: string) {
    this.#following = followTopic(
      broker,
      topic,
      (_, value) => {
        this.rows++;
        this.bytes += value.length;
        this.#next.resolve();
      },
      (error) => this.#failed.reject(error),
    );
    this.#failed.promise.catch(() => undefined); // more() tells
  }

  /** Resolves when there are more. @throws what the reading ended with */
  async more(): Promise<void> {
    await Promise.race([this.#next.promise, this.#failed.promise]);
    this.#next = Promise.withResolvers();
  }

  stop(): Promise<void> {
    return this.#following.stop();
  }
}

/** `end`: where the partition ends; `stable`: where its open transactions begin. */
type Fetched = { next: bigint; end: bigint; stable: bigint };

async function fetch(...request: Parameters<typeof fetchOnce>): Promise<Fetched> {
  for (let tries = 0; tries < LEADER_TRIES; tries++) {
    const fetched = await fetchOnce(...request);
    if (fetched !== null) return fetched;
    await sleep(LEADER_PAUSE_MS);
  }
  throw new Error(`Fetch of ${request[1]}-${request[2]}: no leader`);
}

/** Null: not from this broker, or not yet. */
async function fetchOnce(
  connection: KafkaConnection,
  topic: string,
  partition: number,
  from: bigint,
  onRecord: OnRecord,
): Promise<Fetched | null> {
  const reply = await connection.request(1, 4, (writer) => {
    writer.int32(-1).int32(100).int32(1).int32(MAX_BYTES).int8(READ_COMMITTED);
    writer.array([topic], (name) =>
      writer.string(name).array([partition], (one) => writer.int32(one).int64(from).int32(MAX_BYTES)),
    );
  });
  reply.int32();
  const [fetched] = reply.array(() => {
    reply.string();
    return reply.array(() => {
      reply.int32();
      const code = reply.int16();
      const end = reply.int64();
      const stable = reply.int64();
      const aborted = reply.array(() => [reply.int64(), reply.int64()]);
      if (code === CODE.NOT_LEADER_OR_FOLLOWER) return null;
      if (code !== 0) throw new Error(`Fetch of ${topic}-${partition}: ${code}`);
      if (aborted.length > 0) throw new Error(`${topic}-${partition}: a transaction was aborted`);
      const next = readBatches(reply.bytes(), from, (key, value) => onRecord(key, value, partition));
      return { next, end, stable };
    })[0]!;
  });
  return fetched ?? null;
}

/** Answers the offset after the last whole batch. */
function readBatches(bytes: Buffer, from: bigint, onRecord: (key: Buffer, value: Buffer) => void): bigint {
  let next = from;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    const attributes = batch.readInt16BE(21);
    if ((attributes & 7) !== 0) throw new Error('a compressed batch');
    if ((attributes & CONTROL) === 0) readRecords(batch, onRecord);
    next = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23)) + 1n;
    at = end;
  }
  return next;
}

function readRecords(batch: Buffer, onRecord: (key: Buffer, value: Buffer) => void): void {
  const { records } = readHeader(batch);
  let at = HEADER_BYTES;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = batch[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
  };
  /** None is -1 bytes long. */
  const bytes = () => {
    const length = Math.max(0, varint());
    return batch.subarray(at, (at += length));
  };
  for (let record = 0; record < records; record++) {
    const length = varint();
    const end = at + length;
    at++; // attributes
    varint(); // timestamp
    varint(); // offset
    const key = bytes();
    onRecord(key, bytes());
    at = end;
  }
}

type Envelope = {
  before: null;
  after: Record<string, unknown>;
  op: string;
  source: { row: number; partition: number };
};

/** Checks the records of a snapshot window, each as it comes. */
export class SnapshotCheck {
  readonly #seen: Uint8Array;
  readonly #last = new Map<string, number>();
  readonly #keyColumn: string;
  readonly #starts: readonly number[];
  rows = 0;
  bytes = 0;
  checksum = 0;

  /** `starts`: where the range of each source partition begins. */
  constructor(rows: number, keyColumn: string, starts: readonly number[]) {
    this.#seen = new Uint8Array(rows);
    this.#keyColumn = keyColumn;
    this.#starts = starts;
  }

  readonly onRecord: OnRecord = (key, value, topicPartition) => {
    const { before, after, op, source } = JSON.parse(value.toString()) as Envelope;
    const row = this.#starts[source.partition]! + source.row - 1;
    if (this.#seen[row] !== 0) throw new Error(`row ${row} came twice, or is not of the window`);
    if (before !== null || op !== 'r') throw new Error(`row ${row} is not a row that was read`);
    const rightKey = JSON.stringify({ [this.#keyColumn]: after[this.#keyColumn] });
    if (key.toString() !== rightKey) throw new Error(`row ${row} has another row's key`);
    const lane = `${source.partition}:${topicPartition}`;
    const last = this.#last.get(lane) ?? -1;
    if (row < last) throw new Error(`row ${row} came after row ${last}`);
    this.#last.set(lane, row);
    this.#seen[row] = 1;
    this.rows++;
    this.bytes += key.length + value.length;
    this.checksum = addChecksum(this.checksum, checksum(after));
  };
}
