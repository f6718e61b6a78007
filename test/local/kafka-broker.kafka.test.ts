/** kafkajs itself against the brokers: producers, consumers and groups, transactions, topics. */
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import type { Admin, Consumer, Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import type { KafkaTarget } from '../apache-kafka/target.ts';
import { patiently, RawCluster } from './kafka-raw.ts';

let target: KafkaTarget;
let kafka: Kafka;
let admin: Admin;
let raw: RawCluster;
const clients: (Consumer | Producer)[] = [];

beforeAll(async () => {
  target = await startKafkaTarget();
  raw = new RawCluster(target.brokers);
  kafka = new Kafka({
    brokers: target.brokers,
    clientId: 'suite',
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 8 },
  });
  admin = kafka.admin();
  await admin.connect();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.disconnect()));
});

afterAll(async () => {
  await admin.disconnect();
  await raw.close();
  await target.stop();
});

async function newTopic(numPartitions = 1): Promise<string> {
  const topic = uniqueName('topic');
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  return topic;
}

async function producer(options: { transactionalId?: string; idempotent?: boolean } = {}): Promise<Producer> {
  const made = kafka.producer({ ...options, maxInFlightRequests: 1, retry: { initialRetryTime: 20 } });
  await made.connect();
  clients.push(made);
  return made;
}

/** A member of a group that collects values until it is disconnected. */
async function consume(
  topic: string,
  groupId: string,
): Promise<{ values: string[]; partitions: Set<number>; consumer: Consumer }> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, maxWaitTimeInMs: 100 });
  clients.push(consumer);
  const values: string[] = [];
  const partitions = new Set<number>();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message, partition }) => {
      partitions.add(partition);
      values.push(String(message.value));
    },
  });
  return { values, partitions, consumer };
}

async function until(condition: () => boolean): Promise<void> {
  await patiently(
    async () => condition(),
    (met) => !met,
  );
}

describe('topics', () => {
  it('are made, described, grown and deleted', async () => {
    const topic = await newTopic(2);
    const described = await admin.fetchTopicMetadata({ topics: [topic] });
    expect(described.topics[0]!.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([0, 1]);
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await patiently(
      () => admin.fetchTopicMetadata({ topics: [topic] }),
      ({ topics }) => topics[0]!.partitions.length !== 3,
    );
    await admin.deleteTopics({ topics: [topic] });
    await patiently(
      () => admin.listTopics(),
      (topics) => topics.includes(topic),
    );
    expect(await admin.listTopics()).not.toContain(topic);
  });

  it('tell their configuration, as set and as it is by default', async () => {
    const topic = uniqueName('topic');
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    await admin.createTopics({ topics: [{ topic, configEntries }], waitForLeaders: true });
    const configNames = ['cleanup.policy', 'max.message.bytes', 'unclean.leader.election.enable'];
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames }],
    });
    const values = Object.fromEntries(
      resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
    expect(values).toEqual({
      'cleanup.policy': 'compact',
      'max.message.bytes': '1048588',
      'unclean.leader.election.enable': 'false',
    });
  });

  it('tell the settings of the broker that markers rest on', async () => {
    const configNames = ['offsets.retention.minutes', 'transaction.max.timeout.ms', 'auto.create.topics.enable'];
    const nodeId = String((await admin.describeCluster()).brokers[0]!.nodeId);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 4, name: nodeId, configNames }],
    });
    const values = Object.fromEntries(
      resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
    expect(values).toEqual({
      'offsets.retention.minutes': '10080',
      'transaction.max.timeout.ms': '900000',
      'auto.create.topics.enable': 'false',
    });
  });

  it('that are missing are not made by asking for them', async () => {
    const made = await producer({ idempotent: true });
    const topic = uniqueName('missing');
    await expect(made.send({ topic, messages: [{ value: 'a' }] })).rejects.toMatchObject({ cause: { code: 3 } });
    expect(await admin.listTopics()).not.toContain(topic);
  });

  it('lose the records that are deleted', async () => {
    const topic = await newTopic();
    await (await producer()).send({ topic, messages: [{ value: 'a' }] });
    await (await producer()).send({ topic, messages: [{ value: 'b' }] });
    await raw.deleteRecords(topic, 0, 1);
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ partition: 0, low: '1', high: '2' }]);
    expect((await raw.fetch(topic, 0, { from: 0 })).code).toBe(1);
    expect(await raw.read(topic, 0, { from: 1 })).toEqual(['b']);
  });
});

describe('producers', () => {
  it('send plain, idempotent and compressed records', async () => {
    const topic = await newTopic();
    await (await producer()).send({ topic, messages: [{ value: 'plain' }] });
    const idempotent = await producer({ idempotent: true });
    await idempotent.send({ topic, messages: [{ value: 'idempotent', headers: { h: 'x' } }] });
    const compression = CompressionTypes.GZIP;
    const [result] = await idempotent.send({ topic, compression, messages: [{ key: 'k', value: 'gzip' }] });
    expect(result).toMatchObject({ partition: 0, errorCode: 0, baseOffset: '2' });
    const { values } = await consume(topic, uniqueName('group'));
    await until(() => values.length === 3);
    expect(values).toEqual(['plain', 'idempotent', 'gzip']);
  });

  it('find the first offset not older than a time', async () => {
    const topic = await newTopic();
    const made = await producer();
    const now = Date.now();
    for (const age of [3000, 2000, 1000])
      await made.send({ topic, messages: [{ value: 'v', timestamp: String(now - age) }] });
    expect(await admin.fetchTopicOffsetsByTimestamp(topic, now - 2500)).toMatchObject([{ partition: 0, offset: '1' }]);
  });
});

describe('transactions', () => {
  it('follow one another without a pause, with their offsets', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    const made = await producer({ transactionalId: uniqueName('id') });
    for (let i = 0; i < 10; i += 1) {
      const transaction = await made.transaction();
      for (const partition of [0, 1]) await transaction.send({ topic, messages: [{ value: String(i), partition }] });
      const partitions = [{ partition: 0, offset: String(i) }];
      await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] });
      if (i % 2 === 0) await transaction.commit();
      else await transaction.abort();
    }
    expect(await raw.stableOffset(group, topic, 0)).toMatchObject({ code: 0, offset: 8n });
    for (const partition of [0, 1]) expect(await raw.read(topic, partition)).toEqual(['0', '2', '4', '6', '8']);
    const { values } = await consume(topic, uniqueName('group'));
    await until(() => values.length === 10);
    expect(values.toSorted()).toEqual(['0', '0', '2', '2', '4', '4', '6', '6', '8', '8']);
  });

  it('of an owner that was replaced fail with 47 and leave nothing', async () => {
    const topic = await newTopic();
    const transactionalId = uniqueName('id');
    const zombie = await (await producer({ transactionalId })).transaction();
    await zombie.send({ topic, messages: [{ value: 'zombie' }] });
    const owner = await (await producer({ transactionalId })).transaction();
    await owner.send({ topic, messages: [{ value: 'owner' }] });
    await expect(zombie.send({ topic, messages: [{ value: 'late' }] })).rejects.toMatchObject({ code: 47 });
    await expect(zombie.commit()).rejects.toMatchObject({ code: 47 });
    await owner.commit();
    await patiently(
      () => raw.read(topic, 0),
      (values) => values.length === 0,
    );
    expect(await raw.read(topic, 0)).toEqual(['owner']);
  });
});

describe('groups', () => {
  it('share partitions, hand them over when a member leaves, and go on where they stopped', async () => {
    const topic = await newTopic(4);
    const group = uniqueName('group');
    const made = await producer();
    const send = async (round: string): Promise<void> => {
      for (const partition of [0, 1, 2, 3])
        await made.send({ topic, messages: [{ value: `${round}${String(partition)}`, partition }] });
    };
    const first = await consume(topic, group);
    await send('a');
    await until(() => first.values.length === 4);
    const second = await consume(topic, group);
    await patiently(
      () => admin.describeGroups([group]),
      ({ groups }) => groups[0]!.state !== 'Stable' || groups[0]!.members.length !== 2,
    );
    await send('b');
    await until(() => first.values.length + second.values.length === 8);
    expect(second.values).toHaveLength(2);
    await first.consumer.disconnect();
    await send('c');
    await until(() => first.values.length + second.values.length === 12);
    expect([...first.values, ...second.values].toSorted()).toEqual([
      'a0',
      'a1',
      'a2',
      'a3',
      'b0',
      'b1',
      'b2',
      'b3',
      'c0',
      'c1',
      'c2',
      'c3',
    ]);
    expect(second.partitions).toEqual(new Set([0, 1, 2, 3]));
    await expect(admin.deleteGroups([group])).rejects.toThrow();
  });
});
