/** The requests that are made, each at one fixed version: Apache Kafka 2.5 to 4.x has all of them. */
import requestsIndex from 'kafkajs/src/protocol/requests/index.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import type { Request, Response } from 'kafkajs/src/network/connectionPool.js';
import { SnowmeltError } from '../errors.ts';
import type { Connections } from './connections.ts';
import { connectionOf, type Link, type Versions } from './link.ts';
import { isConnectionError } from './failures.ts';

type TransactionArgs = { transactionalId: string; producerId: string; producerEpoch: number };
type CodeOnly = { errorCode: number };

export type TopicMetadata = {
  topicErrorCode: number;
  topic: string;
  partitionMetadata: { partitionErrorCode: number; partitionId: number; leader: number; replicas: number[] }[];
};

/** Of a producer's transaction that was aborted; it ends at that producer's abort marker. */
export type AbortedTransaction = { producerId: bigint; firstOffset: number };

/** Arguments and reply of each request, as kafkajs' encoders take and give them. */
type Calls = {
  Metadata: {
    args: { topics: string[]; allowAutoTopicCreation: boolean };
    reply: {
      clusterId: string | null;
      brokers: { nodeId: number; host: string; port: number }[];
      controllerId: number;
      topicMetadata: TopicMetadata[];
    };
  };
  CreateTopics: {
    args: {
      topics: {
        topic: string;
        numPartitions: number;
        replicationFactor: number;
        configEntries: { name: string; value: string }[];
      }[];
      timeout: number;
    };
    reply: { topicErrors: { topic: string; errorCode: number; errorMessage: string | null }[] };
  };
  GroupCoordinator: {
    args: { groupId: string; coordinatorType: number };
    reply: CodeOnly & { coordinator: { nodeId: number; host: string; port: number } };
  };
  InitProducerId: {
    args: { transactionalId: string | null; transactionTimeout: number };
    reply: CodeOnly & { producerId: string; producerEpoch: number };
  };
  AddPartitionsToTxn: {
    args: TransactionArgs & { topics: { topic: string; partitions: number[] }[] };
    reply: { errors: { topic: string; partitionErrors: { partition: number; errorCode: number }[] }[] };
  };
  AddOffsetsToTxn: { args: TransactionArgs & { groupId: string }; reply: CodeOnly };
  TxnOffsetCommit: {
    args: TransactionArgs & {
      groupId: string;
      topics: { topic: string; partitions: { partition: number; offset: string; metadata: string }[] }[];
    };
    reply: { topics: { topic: string; partitions: { partition: number; errorCode: number }[] }[] };
  };
  EndTxn: { args: TransactionArgs & { transactionResult: boolean }; reply: CodeOnly };
  OffsetFetch: {
    args: { groupId: string; topic: string; partition: number };
    reply: CodeOnly & { offset: bigint; metadata: string };
  };
  ListOffsets: {
    args: {
      replicaId: number;
      isolationLevel: number;
      topics: { topic: string; partitions: { partition: number; timestamp: string }[] }[];
    };
    reply: { responses: { partitions: { errorCode: number; offset: string }[] }[] };
  };
  Fetch: {
    args: { topic: string; partition: number; offset: number; maxBytes: number; maxWaitMs: number; committed: boolean };
    reply: CodeOnly & { aborted: AbortedTransaction[]; batches: Buffer };
  };
  DescribeConfigs: {
    args: { resources: { type: number; name: string; configNames: string[] }[] };
    reply: { resources: { errorCode: number; configEntries: { configName: string; configValue: string | null }[] }[] };
  };
};
export type Api = keyof Calls;
export type Args<A extends Api> = Calls[A]['args'];
export type Reply<A extends Api> = Calls[A]['reply'];

const VERSIONS: Record<Api | 'Produce', { key: number; version: number }> = {
  Produce: { key: 0, version: 7 },
  Fetch: { key: 1, version: 4 },
  ListOffsets: { key: 2, version: 2 },
  Metadata: { key: 3, version: 6 },
  OffsetFetch: { key: 9, version: 7 },
  GroupCoordinator: { key: 10, version: 2 },
  CreateTopics: { key: 19, version: 2 },
  InitProducerId: { key: 22, version: 1 },
  AddPartitionsToTxn: { key: 24, version: 1 },
  AddOffsetsToTxn: { key: 25, version: 1 },
  EndTxn: { key: 26, version: 1 },
  TxnOffsetCommit: { key: 28, version: 1 },
  DescribeConfigs: { key: 32, version: 2 },
};

/** What clusters without transactions may lack. */
const TRANSACTIONAL = new Set(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn', 'TxnOffsetCommit', 'OffsetFetch']);

/** Asked for by sources whose topics are made, and by no other. */
const RARE = new Set(['CreateTopics']);

/** @throws KAFKA_FAILED for brokers that lack one of the versions. */
export function checkVersions(versions: Versions, transactions: boolean): void {
  for (const [api, { key, version }] of Object.entries(VERSIONS)) {
    if (RARE.has(api) || (!transactions && TRANSACTIONAL.has(api))) continue;
    const range = versions[key];
    if (range && range.minVersion <= version && version <= range.maxVersion) continue;
    throw new SnowmeltError('KAFKA_FAILED', `the broker has no ${api} version ${version}: Apache Kafka 2.5 to 4.x has`);
  }
}

/**
 * Sends one request and answers the decoded reply, error codes included: who asks looks at them.
 * The connection is dropped when it failed or did not answer in time.
 */
export async function call<A extends Api>(
  connections: Connections,
  link: Link,
  api: A,
  args: Args<A>,
): Promise<Reply<A>> {
  const { request, response } = requestFor(api, args);
  try {
    const reply = await connectionOf(link).send({
      request,
      response: { decode: (raw) => response.decode(raw), parse: (decoded) => Promise.resolve(decoded) },
      logResponseError: false,
    });
    return reply as Reply<A>;
  } catch (error) {
    if (isConnectionError(error)) connections.drop(link);
    throw error;
  }
}

function requestFor(api: Api, args: object): { request: Request; response: Response } {
  if (api === 'OffsetFetch') return offsetFetch(args as Args<'OffsetFetch'>);
  if (api === 'Fetch') return fetchOfOne(args as Args<'Fetch'>);
  return encoded(api, args);
}

/** Of one partition. kafkajs' encoder, and a decoder that leaves the batches as they are: kafkajs' own reads every record. */
function fetchOfOne(args: Args<'Fetch'>): { request: Request; response: Response } {
  const { topic, partition, offset, maxBytes, maxWaitMs, committed } = args;
  const { request, response } = encoded('Fetch', {
    replicaId: -1,
    maxWaitTime: maxWaitMs,
    minBytes: maxWaitMs === 0 ? 0 : 1,
    maxBytes, // the first batch comes whole, however large
    isolationLevel: committed ? 1 : 0,
    topics: [{ topic, partitions: [{ partition, fetchOffset: `${offset}`, maxBytes }] }],
  });
  const decode = (raw: Buffer): Promise<unknown> => Promise.resolve(decodeFetch(raw));
  return { request, response: { ...response, decode } };
}

/** throttle time, one topic [name, one partition [index, error, two ends, aborted transactions, batches]] */
function decodeFetch(raw: Buffer): Reply<'Fetch'> {
  const code = 10 + raw.readInt16BE(8) + 4 + 4;
  const list = code + 2 + 8 + 8;
  const aborted = Array.from({ length: Math.max(0, raw.readInt32BE(list)) }, (_, index): AbortedTransaction => {
    const at = list + 4 + 16 * index;
    return { producerId: raw.readBigInt64BE(at), firstOffset: Number(raw.readBigInt64BE(at + 8)) };
  });
  const batches = list + 4 + 16 * aborted.length;
  const size = Math.max(0, raw.readInt32BE(batches));
  return { errorCode: raw.readInt16BE(code), aborted, batches: raw.subarray(batches + 4, batches + 4 + size) };
}

function encoded(api: Api, args: object): { request: Request; response: Response } {
  return requestsIndex.requests[api]!.protocol({ version: VERSIONS[api].version })(args);
}

/**
 * OffsetFetch v7, which kafkajs lacks: `require_stable`, so that an offset whose transaction is being decided is answered
 * with UNSTABLE_OFFSET_COMMIT and not with the one before. For one partition: the answer to a request for several is
 * unstable while any of them is.
 */
function offsetFetch({ groupId, topic, partition }: Args<'OffsetFetch'>): { request: Request; response: Response } {
  const encode = (): Promise<unknown> =>
    Promise.resolve(
      new Encoder()
        .writeInt8(0) // no tags in the request's header
        .writeUVarIntString(groupId)
        .writeUVarInt(2) // one topic
        .writeUVarIntString(topic)
        .writeUVarInt(2) // one partition
        .writeInt32(partition)
        .writeInt8(0)
        .writeBoolean(true)
        .writeInt8(0),
    );
  const decode = (raw: Buffer): Promise<unknown> => Promise.resolve(decodeOffsetFetch(new Decoder(raw)));
  return {
    request: {
      apiKey: VERSIONS.OffsetFetch.key,
      apiVersion: VERSIONS.OffsetFetch.version,
      apiName: 'OffsetFetch',
      encode,
    },
    response: { decode, parse: (decoded) => Promise.resolve(decoded) },
  };
}

/** tags, throttle time, topics [name, partitions [index, offset, leader epoch, metadata, error, tags], tags], error, tags */
function decodeOffsetFetch(reply: Decoder): Reply<'OffsetFetch'> {
  let offset = -1n;
  let metadata = '';
  let partitionError = 0;
  skipTags(reply);
  reply.readInt32();
  for (let topics = reply.readUVarInt() - 1; topics > 0; topics--) {
    reply.readUVarIntString();
    for (let partitions = reply.readUVarInt() - 1; partitions > 0; partitions--) {
      reply.readInt32();
      offset = reply.readInt64();
      reply.readInt32();
      metadata = reply.readUVarIntString() ?? '';
      partitionError = reply.readInt16();
      skipTags(reply);
    }
    skipTags(reply);
  }
  const errorCode = reply.readInt16() || partitionError;
  return { errorCode, offset, metadata };
}

function skipTags(reply: Decoder): void {
  for (let tags = reply.readUVarInt(); tags > 0; tags--) {
    reply.readUVarInt();
    reply.readBytes(reply.readUVarInt());
  }
}
