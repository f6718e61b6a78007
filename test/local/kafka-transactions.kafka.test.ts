/** Transactions: what is visible, and who is told which code. The codes were read on Apache Kafka 4.4. */
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onApacheKafka, startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import type { KafkaTarget } from '../apache-kafka/target.ts';
import { initProducerId, patiently, RawCluster, RawProducer } from './kafka-raw.ts';

const NOTHING = { code: 0, offset: -1n, metadata: '' };
let target: KafkaTarget;
let cluster: RawCluster;
let topic: string;

beforeAll(async () => {
  target = await startKafkaTarget({ transactionScanIntervalMs: 200 });
  cluster = new RawCluster(target.brokers);
  topic = uniqueName('transactions');
  const admin = new Kafka({ brokers: target.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 16 }], waitForLeaders: true });
  await admin.disconnect();
});

afterAll(async () => {
  await cluster.close();
  await target.stop();
});

/** A producer with a transaction that has written to the partition. */
async function begin(partition: number, id = uniqueName('id'), values = ['a']): Promise<RawProducer> {
  const producer = await RawProducer.open(cluster, id);
  expect(await producer.addPartition(topic, partition)).toBe(0);
  expect((await producer.produce(topic, partition, 0, values)).code).toBe(0);
  return producer;
}

async function lastStable(partition: number): Promise<number> {
  return (await cluster.fetch(topic, partition)).lastStable;
}

async function untilStable(partition: number): Promise<void> {
  await patiently(
    () => cluster.fetch(topic, partition),
    ({ lastStable: stable, highWatermark }) => stable < highWatermark,
  );
}

describe('visibility', () => {
  it('shows committed records and hides open and aborted ones', async () => {
    const first = await begin(0, uniqueName('id'), ['a', 'b']);
    expect(await cluster.read(topic, 0)).toEqual([]);
    expect(await cluster.read(topic, 0, { committedOnly: false })).toEqual(['a', 'b']);
    expect(await lastStable(0)).toBe(0);
    expect(await first.end(true)).toBe(0);
    await untilStable(0);
    expect(await cluster.read(topic, 0)).toEqual(['a', 'b']);

    const second = await begin(0, uniqueName('id'), ['dropped']);
    expect(await second.end(false)).toBe(0);
    await untilStable(0);
    expect(await cluster.read(topic, 0)).toEqual(['a', 'b']);
    expect((await cluster.fetch(topic, 0)).aborted).toEqual([{ producerId: second.producerId, firstOffset: 3 }]);
  });

  it('stops readers of committed records at the oldest open transaction, whoever comes behind it', async () => {
    const open = await begin(1, uniqueName('id'), ['open']);
    const behind = await begin(1, uniqueName('id'), ['behind']);
    await cluster.produce(topic, 1, { values: ['plain'] });
    expect(await behind.end(true)).toBe(0);
    await RawProducer.open(cluster, behind.transactionalId);
    expect(await lastStable(1)).toBe(0);
    expect(await cluster.read(topic, 1)).toEqual([]);
    expect(await open.end(false)).toBe(0);
    await untilStable(1);
    expect(await cluster.read(topic, 1)).toEqual(['behind', 'plain']);
  });

  it('writes a marker to a partition that was added and got no record', async () => {
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.addPartition(topic, 2)).toBe(0);
    expect(await producer.end(true)).toBe(0);
    await RawProducer.open(cluster, producer.transactionalId);
    const { highWatermark, lastStable: stable } = await cluster.fetch(topic, 2);
    expect([highWatermark, stable]).toEqual([1, 1]);
  });
});

describe('fencing', () => {
  it('tells an owner that was replaced 47 for whatever it asks, and keeps nothing of it', async () => {
    const zombie = await begin(3, uniqueName('id'), ['zombie']);
    const group = uniqueName('group');
    expect(await zombie.addGroup(group)).toBe(0);
    const owner = await RawProducer.open(cluster, zombie.transactionalId);
    expect(owner.producerId).toBe(zombie.producerId);
    expect(owner.epoch).toBeGreaterThan(zombie.epoch);

    expect((await zombie.produce(topic, 3, 1, ['late'])).code).toBe(47);
    expect(await zombie.addPartition(topic, 4)).toBe(47);
    expect(await zombie.addGroup(group)).toBe(47);
    expect(await zombie.commitOffset(group, topic, 3, 5n)).toBe(47);
    expect(await zombie.end(true)).toBe(47);
    expect(await zombie.end(false)).toBe(47);

    expect(await owner.addPartition(topic, 3)).toBe(0);
    expect((await zombie.produce(topic, 3, 1, ['inside the next transaction'])).code).toBe(47);
    expect((await owner.produce(topic, 3, 0, ['owner'])).code).toBe(0);
    expect(await owner.end(true)).toBe(0);
    await untilStable(3);
    expect(await cluster.read(topic, 3)).toEqual(['owner']);
    expect(await cluster.stableOffset(group, topic, 3)).toEqual(NOTHING);
  });

  it('aborts the transaction of the owner before it, and answers only when that is done', async () => {
    const first = await begin(4);
    expect((await initProducerId(cluster, first.transactionalId)).code).toBe(51);
    await RawProducer.open(cluster, first.transactionalId);
    const { lastStable: stable, highWatermark } = await cluster.fetch(topic, 4);
    expect(stable).toBe(highWatermark);
    expect(await cluster.read(topic, 4)).toEqual([]);
  });

  it('lets the last caller win, also over one that came between', async () => {
    const id = uniqueName('id');
    const first = await RawProducer.open(cluster, id);
    await RawProducer.open(cluster, id);
    const third = await RawProducer.open(cluster, id);
    expect(await first.addPartition(topic, 5)).toBe(47);
    expect(await third.addPartition(topic, 5)).toBe(0);
    expect(await third.end(false)).toBe(0);
  });

  it('knows a producer id only with its transactional id', async () => {
    const one = await RawProducer.open(cluster, uniqueName('id'));
    const other = await RawProducer.open(cluster, uniqueName('id'));
    expect(one.producerId).not.toBe(other.producerId);
    const batch = { values: ['x'], producerId: other.producerId, epoch: other.epoch, sequence: 0, transactional: true };
    expect((await cluster.produce(topic, 5, batch, one.transactionalId)).code).toBe(49);
  });
});

describe('the state of a transaction', () => {
  it('refuses records for a partition that was not added, and offsets for a group that was not', async () => {
    const producer = await begin(6);
    const group = uniqueName('group');
    expect((await producer.produce(topic, 7, 0, ['x'])).code).toBe(48);
    expect(await producer.commitOffset(group, topic, 7, 1n)).toBe(48);
    expect(await producer.end(false)).toBe(0);
  });

  it('refuses transactional records after the end', async () => {
    const producer = await begin(6, uniqueName('id'), ['kept']);
    expect(await producer.end(true)).toBe(0);
    await untilStable(6);
    // 19 stands for the coordinator's 51: it may still be busy when the marker can be seen.
    const late = await patiently(
      () => producer.produce(topic, 6, 1, ['late']),
      ({ code }) => code === 19,
    );
    expect(late.code).toBe(48);
    expect(await cluster.read(topic, 6)).toEqual(['kept']);
  });

  it('answers a repeated end like the first, and its opposite with 48', async () => {
    const producer = await begin(8);
    expect(await producer.end(true)).toBe(0);
    expect(await producer.end(true)).toBe(0);
    expect(await producer.end(false)).toBe(48);
    const other = await begin(8);
    expect(await other.end(false)).toBe(0);
    expect(await other.end(false)).toBe(0);
    expect(await other.end(true)).toBe(48);
  });

  it('refuses to end what has not begun', async () => {
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.end(true)).toBe(48);
    expect(await producer.end(false)).toBe(48);
  });

  it('refuses a partition that does not exist', async () => {
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.addPartition(topic, 99)).toBe(3);
    expect(await producer.addPartition(uniqueName('missing'), 0)).toBe(3);
  });

  it('refuses a time-out beyond the maximum, and one that is none', async () => {
    expect((await initProducerId(cluster, uniqueName('id'), 900_001)).code).toBe(50);
    expect((await initProducerId(cluster, uniqueName('id'), 0)).code).toBe(50);
    expect((await initProducerId(cluster, uniqueName('id'), 900_000)).code).toBe(0);
  });

  it('gives a plain idempotent producer an id of its own', async () => {
    const one = await initProducerId(cluster, null);
    const other = await initProducerId(cluster, null);
    expect([one.code, one.epoch, other.code]).toEqual([0, 0, 0]);
    expect(other.producerId).not.toBe(one.producerId);
  });
});

describe('a transaction nobody ends', () => {
  it('is aborted after its time-out, and its owner is fenced', async () => {
    const producer = await RawProducer.open(cluster, uniqueName('id'), 1000);
    expect(await producer.addPartition(topic, 9)).toBe(0);
    expect((await producer.produce(topic, 9, 0, ['hung'])).code).toBe(0);
    await cluster.produce(topic, 9, { values: ['behind'] });
    expect(await cluster.read(topic, 9)).toEqual([]);
    await untilStable(9);
    expect(await cluster.read(topic, 9)).toEqual(['behind']);
    expect(await producer.end(true)).toBe(47);
  });
});

describe.skipIf(onApacheKafka)('while the markers are written (the stand-in, slowed down)', () => {
  it('answers 51 to everything, then goes on', async () => {
    await using slow = await startKafkaTarget({ markerDelayMs: 300, topics: [{ name: topic }] }).then((started) => ({
      cluster: new RawCluster(started.brokers),
      [Symbol.asyncDispose]: () => started.stop(),
    }));
    const producer = await RawProducer.open(slow.cluster, 'slow');
    const group = 'group';
    expect(await producer.addPartition(topic, 0)).toBe(0);
    expect((await producer.produce(topic, 0, 0, ['a'])).code).toBe(0);
    expect(await producer.addGroup(group)).toBe(0);
    expect(await producer.commitOffset(group, topic, 0, 7n)).toBe(0);
    expect(await producer.end(true)).toBe(0);

    expect(await producer.addPartition(topic, 0, { once: true })).toBe(51);
    expect(await producer.addGroup(group, { once: true })).toBe(51);
    expect(await producer.end(true, { once: true })).toBe(51);
    expect((await initProducerId(slow.cluster, 'slow')).code).toBe(51);
    expect((await slow.cluster.committedOffset(group, topic, 0)).code).toBe(88);
    expect((await slow.cluster.committedOffset(group, topic, 0, false)).offset).toBe(-1n);
    expect(await slow.cluster.read(topic, 0)).toEqual([]);

    expect(await producer.addPartition(topic, 0)).toBe(0);
    expect((await slow.cluster.stableOffset(group, topic, 0)).offset).toBe(7n);
    expect(await slow.cluster.read(topic, 0)).toEqual(['a']);
    await slow.cluster.close();
  });
});
