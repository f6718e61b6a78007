/** Offsets of a group that nobody joins, written by transactions: what the commit marker rests on. */
import { Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onApacheKafka, startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import type { KafkaTarget } from '../apache-kafka/target.ts';
import { RawCluster, RawProducer } from './kafka-raw.ts';

const DAY = 24 * 60 * 60 * 1000;
const NOTHING = { code: 0, offset: -1n, metadata: '' };
let target: KafkaTarget;
let cluster: RawCluster;
let admin: Admin;
let topic: string;

beforeAll(async () => {
  target = await startKafkaTarget();
  cluster = new RawCluster(target.brokers);
  topic = uniqueName('control');
  admin = new Kafka({ brokers: target.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }], waitForLeaders: true });
});

afterAll(async () => {
  await admin.disconnect();
  await cluster.close();
  await target.stop();
});

/** A transaction that has written an offset and is not decided. */
async function begin(
  group: string,
  partition: number,
  offset: bigint,
  metadata = '',
  id = uniqueName('id'),
): Promise<RawProducer> {
  const producer = await RawProducer.open(cluster, id);
  expect(await producer.addGroup(group)).toBe(0);
  expect(await producer.commitOffset(group, topic, partition, offset, metadata)).toBe(0);
  return producer;
}

async function commit(group: string, partition: number, offset: bigint, metadata = ''): Promise<void> {
  expect(await (await begin(group, partition, offset, metadata)).end(true)).toBe(0);
}

describe('an offset of a transaction', () => {
  it('is there after the commit, exact to the last digit, with its metadata', async () => {
    const group = `snowmelt:app:${uniqueName('source')}`;
    const metadata = JSON.stringify({ v: 1, last: 'é"\\ 日本' });
    await commit(group, 0, 2n ** 62n - 1n, metadata);
    expect(await cluster.stableOffset(group, topic, 0)).toMatchObject({ code: 0, offset: 2n ** 62n - 1n, metadata });
  });

  it('is not told while the transaction is open, and does not hide other partitions', async () => {
    const group = uniqueName('group');
    await commit(group, 0, 1n);
    await commit(group, 1, 10n);
    expect((await cluster.stableOffset(group, topic, 0)).offset).toBe(1n);
    const producer = await begin(group, 0, 2n);
    expect(await cluster.committedOffset(group, topic, 0)).toEqual({ code: 88, offset: -1n, metadata: '' });
    expect((await cluster.committedOffset(group, topic, 0, false)).offset).toBe(1n);
    expect((await cluster.stableOffset(group, topic, 1)).offset).toBe(10n);
    expect(await producer.end(true)).toBe(0);
    expect((await cluster.stableOffset(group, topic, 0)).offset).toBe(2n);
  });

  it('is gone after an abort, and after the next owner has opened', async () => {
    const group = uniqueName('group');
    await commit(group, 0, 1n);
    const aborted = await begin(group, 0, 2n);
    expect(await aborted.end(false)).toBe(0);
    expect((await cluster.stableOffset(group, topic, 0)).offset).toBe(1n);
    const left = await begin(group, 0, 3n);
    await RawProducer.open(cluster, left.transactionalId);
    expect(await cluster.committedOffset(group, topic, 0)).toMatchObject({ code: 0, offset: 1n });
  });

  it('may be lower than the one before, or negative: the broker does not judge', async () => {
    const group = uniqueName('group');
    await commit(group, 0, 5n);
    await commit(group, 0, 4n);
    expect((await cluster.stableOffset(group, topic, 0)).offset).toBe(4n);
    await commit(group, 0, -5n);
    expect((await cluster.stableOffset(group, topic, 0)).offset).toBe(-5n);
  });

  it('takes metadata of 4,096 UTF-16 units, whatever that is in bytes', async () => {
    const group = uniqueName('group');
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.addGroup(group)).toBe(0);
    expect(await producer.commitOffset(group, topic, 0, 1n, 'x'.repeat(4097))).toBe(12);
    expect(await producer.commitOffset(group, topic, 0, 1n, '😀'.repeat(2049))).toBe(12);
    expect(await producer.commitOffset(group, topic, 0, 1n, 'é'.repeat(4096))).toBe(0);
    expect(await producer.end(true)).toBe(0);
    expect((await cluster.stableOffset(group, topic, 0)).metadata).toBe('é'.repeat(4096));
  });

  it('needs a partition that exists', async () => {
    const group = uniqueName('group');
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.addGroup(group)).toBe(0);
    expect(await producer.commitOffset(group, topic, 99, 1n)).toBe(3);
    expect(await producer.commitOffset(group, uniqueName('missing'), 0, 1n)).toBe(3);
    expect(await producer.end(false)).toBe(0);
  });
});

describe('where there is no offset', () => {
  it('the answer is -1 without an error: unknown group, partition, topic', async () => {
    const group = uniqueName('group');
    expect(await cluster.committedOffset(group, topic, 0)).toEqual(NOTHING);
    await commit(group, 0, 1n);
    await cluster.stableOffset(group, topic, 0);
    expect(await cluster.committedOffset(group, topic, 1)).toEqual(NOTHING);
    expect(await cluster.committedOffset(group, topic, 99)).toEqual(NOTHING);
    expect(await cluster.committedOffset(group, uniqueName('missing'), 0)).toEqual(NOTHING);
  });
});

describe('a group that nobody joined', () => {
  it('is listed, empty and without a protocol, and can be deleted', async () => {
    const group = uniqueName('group');
    await commit(group, 0, 1n);
    await cluster.stableOffset(group, topic, 0);
    const { groups } = await admin.describeGroups([group]);
    expect(groups[0]).toMatchObject({ errorCode: 0, groupId: group, state: 'Empty', protocolType: '', members: [] });
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).toContain(group);
    await admin.deleteGroups([group]);
    expect(await cluster.committedOffset(group, topic, 0)).toEqual(NOTHING);
  });
});

describe.skipIf(onApacheKafka)('time and operators (the stand-in: its clock can be moved)', () => {
  it('an offset expires on its own, a retention after its last commit', async () => {
    await using own = await startOwn();
    const group = 'group';
    await own.commit(group, 0);
    await own.local.advanceClock(4 * DAY);
    await own.commit(group, 1);
    await own.local.advanceClock(4 * DAY);
    expect((await own.cluster.stableOffset(group, topic, 0)).offset).toBe(-1n);
    expect((await own.cluster.stableOffset(group, topic, 1)).offset).toBe(1n);
    await own.local.advanceClock(4 * DAY);
    expect((await own.cluster.stableOffset(group, topic, 1)).offset).toBe(-1n);
    expect((await own.local.stats()).groups).not.toContain(group);
  });

  it('a transactional id expires; its living producer is told 49', async () => {
    await using own = await startOwn();
    const producer = await RawProducer.open(own.cluster, 'id');
    await own.local.advanceClock(8 * DAY);
    expect(await producer.addPartition(topic, 0)).toBe(49);
    expect((await RawProducer.open(own.cluster, 'id')).producerId).not.toBe(producer.producerId);
  });

  it('offsets can be expired by hand, and go with their topic', async () => {
    await using own = await startOwn();
    await own.commit('one', 0);
    await own.commit('one', 1);
    await own.commit('two', 0);
    await own.cluster.stableOffset('one', topic, 1);
    await own.cluster.stableOffset('two', topic, 0);
    expect(await own.local.expireOffsets('one', topic, 0)).toBe(1);
    expect((await own.cluster.committedOffset('one', topic, 0)).offset).toBe(-1n);
    expect((await own.cluster.committedOffset('one', topic, 1)).offset).toBe(1n);
    expect(await own.local.deleteTopic(topic)).toBe(0);
    expect((await own.cluster.committedOffset('one', topic, 1)).offset).toBe(-1n);
    expect((await own.local.stats()).groups).toEqual([]);
  });
});

async function startOwn(): Promise<{
  cluster: RawCluster;
  local: NonNullable<KafkaTarget['local']>;
  commit(group: string, partition: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const started = await startKafkaTarget({ topics: [{ name: topic, partitions: 2 }] });
  const own = new RawCluster(started.brokers);
  return {
    cluster: own,
    local: started.local!,
    commit: async (group, partition) => {
      const producer = await RawProducer.open(own, uniqueName('id'));
      expect(await producer.addGroup(group)).toBe(0);
      expect(await producer.commitOffset(group, topic, partition, 1n)).toBe(0);
      expect(await producer.end(true)).toBe(0);
      await own.stableOffset(group, topic, partition);
    },
    [Symbol.asyncDispose]: async () => {
      await own.close();
      await started.stop();
    },
  };
}
