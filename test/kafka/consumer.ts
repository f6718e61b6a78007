/** What other programs see and do, through kafkajs: read_committed records in the order of the log, a group's offsets. */
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';

type Message = {
  offset: string;
  key: Buffer;
  value: Buffer | null;
  timestamp: string;
  headers: { [name: string]: Buffer | null };
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
};
type PartitionData = {
  partition: number;
  errorCode: number;
  highWatermark: string;
  lastStableOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[] | null;
  messages: Message[];
};
type FetchArgs = { isolationLevel: number; maxWaitTime: number; topics: object[] };
type FetchReply = { responses: { partitions: PartitionData[] }[] };
type Cluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(args: { nodeId: number }): Promise<{ fetch(args: FetchArgs): Promise<FetchReply> }>;
  findGroupCoordinator(args: { groupId: string }): Promise<{ offsetCommit(args: object): Promise<void> }>;
};

const require = createRequire(import.meta.url);
const ClusterClass = require('kafkajs/src/cluster') as new (options: object) => Cluster;
const createSocketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
  createLogger: (options: object) => unknown;
  LEVELS: { NOTHING: number };
};

const READ_COMMITTED = 1;
const MAX_BYTES = 8 * 1024 * 1024;
const decompress = promisify(zstdDecompress) as (bytes: Uint8Array) => Promise<Buffer>;
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: () => Promise.reject(new Error('not needed')),
  decompress: (bytes: Buffer) => decompress(bytes),
});

export type Record = {
  partition: number;
  key: string;
  value: string | null;
  /** Key and value as they came. */
  bytes: { key: Buffer; value: Buffer | null };
  headers: { [name: string]: string | null };
  time: number;
};

/** All committed records, topicPartition by topicPartition. Waits for transactions that are being decided. */
export async function readCommitted(brokers: string[], topic: string): Promise<Record[]> {
  return withCluster(brokers, async (cluster) => {
    await cluster.addTargetTopic(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic).sort((a, b) => a.partitionId - b.partitionId);
    const records: Record[] = [];
    for (const { partitionId, leader } of partitions) {
      const broker = await cluster.findBroker({ nodeId: leader });
      for (let offset = 0n, end = -1n; offset !== end;) {
        const wanted = [{ partition: partitionId, fetchOffset: `${offset}`, maxBytes: MAX_BYTES }];
        const topics = [{ topic, partitions: wanted }];
        const reply = await broker.fetch({ isolationLevel: READ_COMMITTED, maxWaitTime: 50, topics });
        const data = reply.responses[0]!.partitions[0]!;
        for (const { key, value, headers, timestamp } of withoutAborted(data)) {
          records.push({
            partition: partitionId,
            key: key.toString(),
            value: value && value.toString(),
            bytes: { key, value },
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, bytes]) => [name, bytes?.toString() ?? null]),
            ),
            time: Number(timestamp),
          });
        }
        const last = data.messages.at(-1);
        if (last !== undefined) offset = BigInt(last.offset) + 1n;
        end = BigInt(data.highWatermark);
      }
    }
    return records;
  });
}

/**
 * The records of committed transactions. kafkajs' own filter takes the list of aborted transactions for sorted by their
 * first offset, which brokers do not promise, and shows aborted records when transactions overlap.
 */
function* withoutAborted({ messages, abortedTransactions }: PartitionData): Generator<Message> {
  const begins = (abortedTransactions ?? []).map(({ producerId, firstOffset }) => ({
    producerId,
    at: BigInt(firstOffset),
  }));
  begins.sort((a, b) => (a.at < b.at ? -1 : 1));
  const aborted = new Set<string>();
  for (const message of messages) {
    const { producerId, inTransaction } = message.batchContext;
    while (begins[0] !== undefined && begins[0].at <= BigInt(message.offset)) aborted.add(begins.shift()!.producerId);
    if (message.isControlRecord) aborted.delete(producerId);
    else if (!inTransaction || !aborted.has(producerId)) yield message;
  }
}

/** Commits an offset of a group without members. */
export async function commitOffset(
  brokers: string[],
  place: { group: string; topic: string; partition: number; offset: string; metadata: string | null },
): Promise<void> {
  const { group, topic, partition, offset, metadata } = place;
  await withCluster(brokers, async (cluster) => {
    await cluster.addTargetTopic(topic);
    const coordinator = await cluster.findGroupCoordinator({ groupId: group });
    const topics = [{ topic, partitions: [{ partition, offset, metadata }] }];
    await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics });
  });
}

async function withCluster<T>(brokers: string[], use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = new ClusterClass({
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }),
    socketFactory: createSocketFactory(),
    brokers,
    clientId: 'test',
    connectionTimeout: 5_000,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    retry: { retries: 5, initialRetryTime: 50 },
    allowAutoTopicCreation: false,
  });
  await cluster.connect();
  try {
    return await use(cluster);
  } finally {
    await cluster.disconnect();
  }
}
