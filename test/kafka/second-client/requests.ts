/** In the place of lambdas/kafka/requests.ts: the same requests at the same versions, by `@platformatic/kafka`'s encoders. */
import {
  addOffsetsToTxnV1,
  addPartitionsToTxnV1,
  type Connection,
  createAPI,
  createTopicsV2,
  describeConfigsV2,
  endTxnV1,
  fetchV4,
  findCoordinatorV2,
  initProducerIdV1,
  listOffsetsV2,
  metadataV6,
  offsetFetchV7,
  ResponseError,
  txnOffsetCommitV1,
} from '@platformatic/kafka';
import type { Api, Args, Reply } from '../../../lambdas/kafka/requests.ts';
import { connectionError, type Link, type Links } from './link.ts';

export { checkVersions } from '../../../lambdas/kafka/requests.ts';

type Calls = { [A in Api]: (connection: Connection, args: Args<A>) => Promise<Reply<A>> };

/** Its parsers throw a response that has an error code; who asks here looks at the codes. */
async function answered<T>(response: Promise<T>): Promise<T> {
  try {
    return await response;
  } catch (error) {
    const { response } = (error ?? {}) as { response?: T };
    if (error instanceof ResponseError && response !== undefined) return response;
    throw connectionError(error);
  }
}

/** Its own parser reads every record; here the batches stay as they are. Of one partition. */
const rawFetch = createAPI<fetchV4.FetchRequest, Reply<'Fetch'>>(
  fetchV4.api.key,
  fetchV4.api.version,
  fetchV4.createRequest as Parameters<typeof createAPI>[2],
  (_correlationId, _key, _version, reader) => {
    reader.readInt32();
    const [found] = reader.readArray(
      (topics) => {
        topics.readString(false);
        return topics.readArray(
          (fields) => {
            fields.readInt32();
            const errorCode = fields.readInt16();
            fields.readInt64();
            fields.readInt64();
            const transaction = () => ({ producerId: fields.readInt64(), firstOffset: Number(fields.readInt64()) });
            const aborted = fields.readNullableArray(transaction, false, false) ?? [];
            return { errorCode, aborted, batches: fields.readNullableBytes(false) ?? Buffer.alloc(0) };
          },
          false,
          false,
        );
      },
      false,
      false,
    );
    return found![0]!;
  },
  false,
  false,
);

const CALLS: Calls = {
  Metadata: async (connection, { topics, allowAutoTopicCreation }) => {
    const { clusterId, brokers, controllerId, ...reply } = await answered(
      metadataV6.api.async(connection, topics, allowAutoTopicCreation),
    );
    const topicMetadata = reply.topics.map(({ errorCode, name, partitions }) => ({
      topicErrorCode: errorCode,
      topic: name ?? '',
      partitionMetadata: partitions.map(({ errorCode: code, partitionIndex, leaderId, replicaNodes }) => ({
        partitionErrorCode: code,
        partitionId: partitionIndex,
        leader: leaderId,
        replicas: replicaNodes,
      })),
    }));
    return { clusterId: clusterId ?? null, brokers, controllerId, topicMetadata };
  },
  CreateTopics: async (connection, { topics, timeout }) => {
    const named = topics.map(({ topic, numPartitions, replicationFactor, configEntries }) => ({
      ...{ name: topic, numPartitions, replicationFactor, assignments: [] },
      configs: configEntries,
    }));
    const reply = await answered(createTopicsV2.api.async(connection, named, timeout, false));
    return {
      topicErrors: reply.topics.map(({ name, errorCode, errorMessage }) => ({
        topic: name,
        errorCode,
        errorMessage: errorMessage ?? null,
      })),
    };
  },
  GroupCoordinator: async (connection, { groupId, coordinatorType }) => {
    const { coordinators } = await answered(findCoordinatorV2.api.async(connection, coordinatorType, [groupId]));
    const [coordinator] = coordinators;
    return { errorCode: coordinator!.errorCode, coordinator: coordinator! };
  },
  InitProducerId: async (connection, { transactionalId, transactionTimeout }) => {
    const { errorCode, producerId, producerEpoch } = await answered(
      initProducerIdV1.api.async(connection, transactionalId, transactionTimeout),
    );
    return { errorCode, producerId: `${producerId}`, producerEpoch };
  },
  AddPartitionsToTxn: async (connection, { topics, ...identity }) => {
    const named = topics.map(({ topic, partitions }) => ({ name: topic, partitions }));
    const transaction = { ...identityOf(identity), verifyOnly: false, topics: named };
    const { resultsByTransaction } = await answered(addPartitionsToTxnV1.api.async(connection, [transaction]));
    const errors = resultsByTransaction.flatMap(({ topicResults }) =>
      topicResults.map(({ name, resultsByPartition }) => ({
        topic: name,
        partitionErrors: resultsByPartition.map(({ partitionIndex, partitionErrorCode }) => ({
          partition: partitionIndex,
          errorCode: partitionErrorCode,
        })),
      })),
    );
    return { errors };
  },
  AddOffsetsToTxn: (connection, { groupId, ...identity }) => {
    const { transactionalId, producerId, producerEpoch } = identityOf(identity);
    return answered(addOffsetsToTxnV1.api.async(connection, transactionalId, producerId, producerEpoch, groupId));
  },
  TxnOffsetCommit: async (connection, { groupId, topics, ...identity }) => {
    const { transactionalId, producerId, producerEpoch } = identityOf(identity);
    const named = topics.map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: metadata,
      })),
    }));
    const { api } = txnOffsetCommitV1;
    const reply = await answered(
      api.async(connection, transactionalId, groupId, producerId, producerEpoch, -1, '', null, named),
    );
    return {
      topics: reply.topics.map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.map(({ partitionIndex, errorCode }) => ({ partition: partitionIndex, errorCode })),
      })),
    };
  },
  EndTxn: (connection, { transactionResult, ...identity }) => {
    const { transactionalId, producerId, producerEpoch } = identityOf(identity);
    return answered(endTxnV1.api.async(connection, transactionalId, producerId, producerEpoch, transactionResult));
  },
  OffsetFetch: async (connection, { groupId, topic, partition }) => {
    const group = { groupId, memberEpoch: -1, topics: [{ name: topic, partitionIndexes: [partition] }] };
    const reply = (await answered(offsetFetchV7.api.async(connection, [group], true))) as unknown as {
      errorCode: number;
      topics: { partitions: { committedOffset: bigint; metadata: string | null; errorCode: number }[] }[];
    };
    const found = reply.topics[0]?.partitions[0];
    return {
      errorCode: reply.errorCode || (found?.errorCode ?? 0),
      offset: found?.committedOffset ?? -1n,
      metadata: found?.metadata ?? '',
    };
  },
  ListOffsets: async (connection, { replicaId, isolationLevel, topics }) => {
    const named = topics.map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.map(({ partition, timestamp }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp: BigInt(timestamp),
      })),
    }));
    const reply = await answered(listOffsetsV2.api.async(connection, replicaId, isolationLevel, named));
    return {
      responses: reply.topics.map(({ partitions }) => ({
        partitions: partitions.map(({ errorCode, offset }) => ({ errorCode, offset: `${offset}` })),
      })),
    };
  },
  Fetch: async (connection, { topic, partition, offset, maxBytes, maxWaitMs, committed }) => {
    const asked = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: maxBytes,
    };
    const topics = [{ topicId: topic, partitions: [asked] }];
    const minBytes = maxWaitMs === 0 ? 0 : 1;
    return answered(
      rawFetch.async(connection, maxWaitMs, minBytes, maxBytes, committed ? 1 : 0, 0, -1, topics, [], ''),
    );
  },
  DescribeConfigs: async (connection, { resources }) => {
    const named = resources.map(({ type, name, configNames }) => ({
      resourceType: type as 2 | 4,
      resourceName: name,
      configurationKeys: configNames,
    }));
    const { results } = await answered(describeConfigsV2.api.async(connection, named));
    return {
      resources: results.map(({ errorCode, configs }) => ({
        errorCode,
        configEntries: configs.map(({ name, value }) => ({ configName: name, configValue: value ?? null })),
      })),
    };
  },
};

function identityOf(identity: { transactionalId: string; producerId: string; producerEpoch: number }) {
  return { ...identity, producerId: BigInt(identity.producerId) };
}

export async function call<A extends Api>(connections: Links, link: Link, api: A, args: Args<A>): Promise<Reply<A>> {
  link.waiting++;
  try {
    return await CALLS[api](link.connection, args);
  } catch (error) {
    connections.drop(link);
    throw error;
  } finally {
    link.waiting--;
  }
}
