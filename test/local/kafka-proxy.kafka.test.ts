/** The proxy in front of the brokers: clients stay on it, and hooks decide what gets through. */
import { Kafka, logLevel } from 'kafkajs';
import type { Producer, Transaction } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startKafkaProxy } from '../../local/kafka/proxy.ts';
import type { KafkaProxy, ProxiedRequest } from '../../local/kafka/proxy.ts';
import { startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import type { KafkaTarget } from '../apache-kafka/target.ts';
import { RawCluster, RawProducer } from './kafka-raw.ts';

let target: KafkaTarget;
let proxy: KafkaProxy;
let direct: RawCluster;
let topic: string;
let group: string;
const cleanUps: (() => unknown)[] = [];

beforeAll(async () => {
  target = await startKafkaTarget();
  proxy = await startKafkaProxy(target.brokers);
  direct = new RawCluster(target.brokers);
  topic = uniqueName('proxy');
  const admin = kafka(target.brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  await admin.disconnect();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

afterAll(async () => {
  await direct.close();
  await proxy.stop();
  await target.stop();
});

function kafka(brokers: string[]): Kafka {
  return new Kafka({
    brokers,
    clientId: 'through',
    logLevel: logLevel.NOTHING,
    requestTimeout: 1000,
    retry: { initialRetryTime: 20, retries: 5 },
  });
}

async function producer(transactionalId: string): Promise<Producer> {
  const made = kafka(proxy.brokers).producer({
    transactionalId,
    maxInFlightRequests: 1,
    retry: { initialRetryTime: 20 },
  });
  await made.connect();
  cleanUps.push(() => made.disconnect());
  return made;
}

async function send(transaction: Transaction, partition: number, value: string): Promise<void> {
  await transaction.send({ topic, messages: [{ value, partition }] });
}

async function marker(transaction: Transaction, offset: string): Promise<void> {
  await transaction.sendOffsets({
    consumerGroupId: group,
    topics: [{ topic, partitions: [{ partition: 0, offset }] }],
  });
}

describe('the proxy', () => {
  it('keeps clients on itself and shows every request of a transaction', async () => {
    const seen: ProxiedRequest[] = [];
    const codes: (number | null)[] = [];
    cleanUps.push(proxy.onRequest((request) => void seen.push(request)));
    cleanUps.push(proxy.onReply((request, code) => void (request.api === 'EndTxn' && codes.push(code))));
    group = uniqueName('group');
    const id = uniqueName('id');
    const transaction = await (await producer(id)).transaction();
    await send(transaction, 0, 'seen');
    await marker(transaction, '7');
    await transaction.commit();

    const named = (api: string): ProxiedRequest | undefined => seen.find((request) => request.api === api);
    expect(named('InitProducerId')).toMatchObject({ transactionalId: id, clientId: 'through' });
    expect(named('AddPartitionsToTxn')).toMatchObject({
      transactionalId: id,
      topicPartitions: [{ topic, partition: 0 }],
    });
    expect(named('Produce')).toMatchObject({ transactionalId: id, topicPartitions: [{ topic, partition: 0 }] });
    expect(named('AddOffsetsToTxn')).toMatchObject({ transactionalId: id, group });
    expect(named('TxnOffsetCommit')).toMatchObject({ transactionalId: id, group });
    expect(named('EndTxn')).toMatchObject({ transactionalId: id, commit: true });
    expect(codes).toEqual([0]);
    expect((await direct.stableOffset(group, topic, 0)).offset).toBe(7n);
    expect(await direct.read(topic, 0)).toEqual(['seen']);
  });

  it('closes the connection after the broker has committed: the outcome is unknown, the commit stands', async () => {
    cleanUps.push(proxy.onReply((request) => (request.api === 'EndTxn' ? 'close' : 'pass')));
    const id = uniqueName('id');
    const transaction = await (await producer(id)).transaction();
    await send(transaction, 1, 'committed');
    await expect(transaction.commit()).rejects.toThrow();
    await RawProducer.open(direct, id);
    expect(await direct.read(topic, 1)).toEqual(['committed']);
  });

  it('loses a request before the broker sees it: nothing is committed', async () => {
    cleanUps.push(proxy.onRequest((request) => (request.api === 'EndTxn' ? 'close' : 'pass')));
    const id = uniqueName('id');
    const transaction = await (await producer(id)).transaction();
    await send(transaction, 2, 'lost');
    await expect(transaction.commit()).rejects.toThrow();
    await RawProducer.open(direct, id);
    expect(await direct.read(topic, 2)).toEqual([]);
  });

  it('loses a reply to Produce: the retry lands once', async () => {
    let lost = 0;
    cleanUps.push(
      proxy.onReply((request) => {
        if (request.api !== 'Produce' || lost > 0) return 'pass';
        lost += 1;
        return 'drop';
      }),
    );
    const transaction = await (await producer(uniqueName('id'))).transaction();
    await send(transaction, 3, 'once');
    await send(transaction, 3, 'twice');
    await transaction.commit();
    expect(lost).toBe(1);
    expect(await direct.read(topic, 3, { committedOnly: false })).toEqual(['once', 'twice']);
  });

  it('holds a request past the death of its client; the broker refuses it from an owner that was replaced', async () => {
    const held = Promise.withResolvers<ProxiedRequest>();
    const release = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<number | null>();
    cleanUps.push(
      proxy.onRequest((request) => {
        if (request.api !== 'Produce') return 'pass';
        held.resolve(request);
        return { until: release.promise };
      }),
      proxy.onReply((request, code) => void (request.api === 'Produce' && answered.resolve(code))),
    );
    const id = uniqueName('id');
    const zombie = new RawCluster(proxy.brokers);
    const first = await RawProducer.open(zombie, id);
    expect(await first.addPartition(topic, 4)).toBe(0);
    const late = first.produce(topic, 4, 0, ['late']).catch(() => null);
    expect((await held.promise).topicPartitions).toEqual([{ topic, partition: 4 }]);
    await zombie.close();
    await late;

    await RawProducer.open(direct, id);
    release.resolve();
    expect(await answered.promise).toBe(47);
    expect(await direct.read(topic, 4, { committedOnly: false })).toEqual([]);
  });
});
