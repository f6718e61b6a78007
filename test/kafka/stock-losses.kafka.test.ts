/**
 * The silent losses of kafkajs' own producer, each beside the producer that is used instead, under the same fault. A stock
 * test that fails tells that kafkajs was mended; ours must pass whatever it does.
 */
import { createRequire } from 'node:module';
import { Kafka as Client, logLevel } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProxiedRequest } from '../../local/kafka/proxy.ts';
import { onApacheKafka, uniqueName } from '../apache-kafka/target.ts';
import { append, Fixture, markerAt, type Source } from './fixture.ts';

type Message = { partition: number; value: string };
type Broker = { nodeId: number; produce(args: { topicData: TopicData[] }): Promise<unknown> };
type TopicData = { topic: string; partitions: { partition: number; messages: Message[] }[] };
type SendMessages = (parts: object) => (args: object) => Promise<{ partition: number }[]>;

const require = createRequire(import.meta.url);
const stockSend = require('kafkajs/src/producer/sendMessages') as SendMessages;
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
const NOT_LEADER = 6;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

function stock(clientId: string): Client {
  const retry = { retries: 1, initialRetryTime: 20 };
  const { brokers } = fixture.proxy;
  const { others: sasl } = fixture.target;
  return new Client({
    clientId,
    brokers,
    ...(sasl === undefined ? {} : { sasl, ssl: false }),
    retry,
    requestTimeout: 1_000,
    logLevel: logLevel.NOTHING,
  });
}

/**
 * kafkajs' send over two brokers. The second refuses once; if the leader `moves`, its partition is the first one's from then on.
 * Answers what it resolved with and what the brokers took.
 */
async function throughRefusal(moves: boolean, messages: Message[], partitioner: (message: Message) => number) {
  const log: Message[] = [];
  let refused = false;
  const leaders = new Map([
    [0, 1],
    [1, 2],
  ]);
  const broker = (nodeId: number): Broker => ({
    nodeId,
    produce: ({ topicData }) => {
      const wanted = topicData.flatMap(({ partitions }) => partitions);
      if (nodeId === 2 && !refused) {
        refused = true;
        if (moves) leaders.set(1, 1);
        return Promise.reject(createErrorFromCode(NOT_LEADER));
      }
      for (const { partition, messages: taken } of wanted) {
        log.push(...taken.map(({ value }) => ({ partition, value })));
      }
      const partitions = wanted.map(({ partition }) => ({ partition, errorCode: 0, baseOffset: '0' }));
      return Promise.resolve({ topics: [{ topicName: 't', partitions }] });
    },
  });
  const brokers = new Map([1, 2].map((nodeId) => [`${nodeId}`, broker(nodeId)]));
  const nothing = () => Promise.resolve();
  const send = stockSend({
    logger: { debug: () => undefined, error: () => undefined },
    cluster: {
      addMultipleTargetTopics: nothing,
      refreshMetadataIfNecessary: nothing,
      refreshMetadata: nothing,
      isConnected: () => true,
      findTopicPartitionMetadata: () => [...leaders].map(([partitionId, leader]) => ({ partitionId, leader })),
      findLeaderForPartitions: (_: string, partitions: string[]) =>
        Object.fromEntries(
          [1, 2]
            .map((node) => [node, partitions.map(Number).filter((p) => leaders.get(p) === node)] as const)
            .filter(([, led]) => led.length > 0),
        ),
      findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers.get(nodeId)),
    },
    partitioner: ({ message }: { message: Message }) => partitioner(message),
    eosManager: {
      acquireBrokerLock: nothing,
      releaseBrokerLock: nothing,
      isTransactional: () => false,
      getSequence: () => 0,
      updateSequence: () => undefined,
      getProducerId: () => -1,
      getProducerEpoch: () => 0,
    },
    retrier: async (attempt: (bail: (error: Error) => never) => Promise<unknown>) => {
      const bail = (error: Error): never => {
        throw error;
      };
      return attempt(bail).catch(() => attempt(bail));
    },
  });
  const resolved = await send({ acks: -1, timeout: 1_000, topicMessages: [{ topic: 't', messages }] });
  return { resolved: resolved.map(({ partition }) => partition), log };
}

describe('L1: a partition’s leader moves while one send covers two', () => {
  const two = [
    { partition: 0, value: 'A' },
    { partition: 1, value: 'B' },
  ];
  test('stock resolves without the second partition, its record is nowhere', async () => {
    const { resolved, log } = await throughRefusal(true, two, ({ partition }) => partition);
    expect(resolved).toEqual([0]);
    expect(log).toEqual([{ partition: 0, value: 'A' }]);
  });

  test('L1b: with a partitioner that changes its mind stock loses one record and doubles others', async () => {
    let turn = 0;
    const messages = ['A', 'B', 'C'].map((value) => ({ partition: 0, value }));
    const { log } = await throughRefusal(false, messages, () => turn++ % 2);
    expect(log.map(({ value }) => value)).toEqual(['A', 'C', 'A', 'C']);
  });

  test.skipIf(onApacheKafka)(
    'here each request covers one partition, and is repeated until that one is answered',
    async () => {
      const source = await fixture.source(2);
      const requests: ProxiedRequest[] = [];
      const remove = fixture.proxy.onRequest((request) => {
        if (source.is(request, 'Produce')) requests.push(request);
        return undefined;
      });
      const match = { api: 'Produce', topic: source.topic, partition: 1 };
      await fixture.target.local!.fault({ match, at: 'request', action: { error: NOT_LEADER } });
      const producer = await source.open();
      const values = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(2, '0'));
      for (const value of values) append(producer, value, value);
      await producer.commit(markerAt(1, 20));
      remove();
      expect(requests.map(({ topicPartitions }) => topicPartitions!.map(({ partition }) => partition)).sort()).toEqual([
        [0],
        [1],
        [1],
      ]);
      const records = await source.read();
      expect(records.map(({ value }) => value).sort()).toEqual(values);
      expect(new Set(records.map(({ partition }) => partition)).size).toBe(2);
    },
  );
});

describe('L2: the answer to one of several sends to a partition gets lost', () => {
  const values = ['A', 'B', 'C'];
  const committed = async (source: Source) => (await source.read()).map(({ value }) => value);

  test('stock resolves all of them, one is missing and another there twice', async () => {
    const source = await fixture.source(1);
    const producer = stock(source.name).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const send = (value: string) =>
      producer.send({ topic: source.topic, messages: [{ partition: 0, key: 'key', value }] });
    await send('first');
    const lost = fixture.next('onReply', (r) => r.api === 'Produce' && r.clientId === source.name, 'close');
    await Promise.all(values.map(send));
    await lost;
    await producer.disconnect();
    const found = await committed(source);
    expect(found).toHaveLength(4);
    expect(values.filter((value) => !found.includes(value))).toHaveLength(1);
  });

  test('here one is outstanding at a time: each is there once, in order', async () => {
    const source = await fixture.source(1, { maxBatchBytes: 80 });
    const producer = await source.open();
    append(producer, 'key', 'first');
    await producer.commit(markerAt(1, 1));
    const lost = fixture.next('onReply', (request) => source.is(request, 'Produce'), 'close');
    for (const value of values) append(producer, 'key', value);
    await producer.commit(markerAt(1, 4));
    await lost;
    expect(await committed(source)).toEqual(['first', ...values]);
  });
});

describe('L3: a producer is used again after a send of unknown outcome', () => {
  test('stock commits a transaction whose records are taken for the aborted ones', async () => {
    const source = await fixture.source(1);
    const transactionalId = uniqueName('stock');
    const producer = stock(source.name).producer({ transactionalId, maxInFlightRequests: 1 });
    await producer.connect();
    const first = await producer.transaction();
    await first.send({ topic: source.topic, messages: [{ partition: 0, key: 'key', value: 'first' }] });
    await first.commit();
    const remove = fixture.proxy.onReply((r) =>
      r.api === 'Produce' && r.clientId === source.name ? 'close' : undefined,
    );
    const aborted = await producer.transaction();
    await expect(
      aborted.send({ topic: source.topic, messages: [{ partition: 0, key: 'key', value: 'X' }] }),
    ).rejects.toThrow();
    remove();
    await aborted.abort();
    const last = await producer.transaction();
    await last.send({ topic: source.topic, messages: [{ partition: 0, key: 'key', value: 'Y' }] });
    await last.commit();
    await producer.disconnect();
    expect(await source.values()).toEqual(['first']);
  });

  test('here it is of no use any more, and the next owner’s records are there', async () => {
    const source = await fixture.source(1, { requestTimeoutMs: 300 });
    const first = await source.open();
    const remove = fixture.proxy.onReply((request) => (source.is(request, 'Produce') ? 'close' : undefined));
    append(first, 'key', 'X');
    await expect(first.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    remove();
    append(first, 'key', 'Y');
    await expect(first.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await first.close();
    const next = await source.open();
    append(next, 'key', 'Y');
    await next.commit(markerAt(1, 1));
    expect(await source.values()).toEqual(['Y']);
  });
});
