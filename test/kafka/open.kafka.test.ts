/** What an open refuses, and with which code. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConfigResourceTypes } from 'kafkajs';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { formatMarker } from '../../lambdas/kafka/marker.ts';
import { startBroker, type LocalBroker } from '../../local/kafka/client.ts';
import { onApacheKafka, PRODUCT, uniqueName } from '../apache-kafka/target.ts';
import { append, Fixture, markerAt, requestFor } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

describe('topics that are not as the layout says are TOPIC_DIFFERS', () => {
  test.each([
    ['no topic', { topicPartitions: 3, exists: false, control: 4, partitions: 1 }, /does not exist/],
    [
      'fewer partitions',
      { topicPartitions: 4, exists: true, control: 4, partitions: 1 },
      /has 3 partitions, not at least 4/,
    ],
    ['more partitions', { topicPartitions: 2, exists: true, control: 4, partitions: 1 }, /has 3 partitions, not 2/],
    ['no control topic', { topicPartitions: 3, exists: true, control: 0, partitions: 1 }, /control.* does not exist/],
    [
      'a control topic that is too small',
      { topicPartitions: 3, exists: true, control: 2, partitions: 3 },
      /at least 3/,
    ],
  ])('%s', async (_, { topicPartitions, exists, control, partitions }, message) => {
    const source = uniqueName('source');
    if (exists) await fixture.createTopic(source, 3);
    const controlTopic = control === 4 ? fixture.controlTopic : uniqueName('control');
    if (control === 2) await fixture.createTopic(controlTopic, 2);
    await fixture.grant([source], controlTopic);
    const request = { ...requestFor(source, source, topicPartitions), partitions };
    const open = fixture.kafka({ controlTopic }).open(request);
    await expect(open).rejects.toMatchObject({
      code: 'TOPIC_DIFFERS',
      message: expect.stringMatching(message) as string,
    });
  });

  test('a topic whose partitions were added meanwhile is seen by the next open', async () => {
    const source = await fixture.source(2);
    await (await source.open()).close();
    await fixture.grow(source.topic, 3);
    await expect(source.open()).rejects.toMatchObject({ code: 'TOPIC_DIFFERS' });
  });
});

describe('topics that are made', () => {
  const settings = { replication: 1, minInsync: 1, retentionMs: 86_400_000, compact: true };
  const made = async () => {
    const topicPrefix = uniqueName('made');
    const { app, controlTopic } = fixture;
    const use = { app, kafka: { controlTopic }, sources: [], patterns: [{ topicPrefix, source: {} }] };
    await fixture.target.grant(kafkaAcls(use, `User:${PRODUCT}`));
    return { topic: `${topicPrefix}.t`, kafka: createKafka(fixture.config(), fixture.target.product?.login ?? null) };
  };

  test('whoever asks first makes it, as it should be; nobody changes one that is there', async () => {
    const { topic, kafka } = await made();
    await Promise.all([1, 2].map(() => kafka.makeTopic(topic, 3, settings)));
    await kafka.makeTopic(topic, 5, { ...settings, compact: false });
    await (await kafka.open(requestFor(topic, topic, 3))).close();
    const configNames = ['cleanup.policy', 'retention.ms', 'min.insync.replicas'];
    const { resources } = await fixture.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
    });
    const found = resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]);
    expect(Object.fromEntries(found)).toMatchObject({
      'cleanup.policy': 'compact,delete',
      'retention.ms': '86400000',
      'min.insync.replicas': '1',
    });
    await kafka.close();
  });

  test('what the brokers refuse is TOPIC_DIFFERS', async () => {
    const { topic, kafka } = await made();
    await expect(kafka.makeTopic(topic, 3, { ...settings, replication: 99 })).rejects.toMatchObject({
      code: 'TOPIC_DIFFERS',
      message: expect.stringMatching(/does not exist, and can't be made: .*INVALID_REPLICATION_FACTOR/) as string,
    });
    await kafka.close();
  });
});

test('brokers that do not answer are KAFKA_UNREACHABLE', async () => {
  const kafka = fixture.kafka({ brokers: ['127.0.0.1:1', '127.0.0.1:2'] });
  const open = kafka.open(requestFor('s', 't', 1));
  await expect(open).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
  await expect(kafka.facts('t')).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
});

test('one broker address that does not answer does no harm', async () => {
  const source = await fixture.source(1, { brokers: ['127.0.0.1:1', ...fixture.proxy.brokers] });
  for (let i = 0; i < 3; i++) await (await source.open()).close();
});

describe('the marker', () => {
  test.each([
    ['an offset of another program', '42', null],
    ['metadata that is not ours', ((5n << 32n) | 1n).toString(), 'consumer checkpoint'],
    [
      'metadata of another window',
      ((5n << 32n) | 1n).toString(),
      formatMarker({ ...markerAt(6, 1), sent: null }).metadata,
    ],
  ])('%s is STATE_DISAGREES', async (_, offset, metadata) => {
    const source = await fixture.source(1);
    await source.commitOffset(offset, metadata);
    await expect(source.open()).rejects.toMatchObject({ code: 'STATE_DISAGREES' });
  });

  test('it names a committed record, and the open tells where that record’s topicPartition ends now', async () => {
    const source = await fixture.source(1);
    const first = await source.open();
    expect(first).toMatchObject({ marker: null, end: null });
    for (const value of ['a', 'b', 'c']) append(first, 'key', value);
    await first.commit(markerAt(1, 3));
    const second = await source.open();
    expect(second.marker!.sent).toEqual({ topic: source.topic, topicPartition: 0, offset: 2 });
    expect(second.end).toBeGreaterThan(2); // the end of the transaction takes an offset, too
    await fixture.admin.deleteTopics({ topics: [source.topic] });
    // Deleting ends later than its answer.
    await expect
      .poll(() =>
        fixture.createTopic(source.topic, 1).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const third = await source.open();
    expect(third.marker).toEqual(second.marker);
    expect(third.end).toBe(0);
  });

  test('another life’s marker is read, for the protocol to judge', async () => {
    const source = await fixture.source(1);
    const { offset, metadata } = formatMarker({ ...markerAt(5, 1, { incarnation: 'another life' }), sent: null });
    await source.commitOffset(offset, metadata);
    expect((await source.open()).marker).toMatchObject({
      incarnation: 'another life',
      position: { window: 5, row: 1 },
    });
  });

  test('is read after InitProducerId', async () => {
    const source = await fixture.source(1);
    const seen: string[] = [];
    const remove = fixture.proxy.onRequest((request) => {
      if (request.clientId === `${source.group}:0`) seen.push(request.api);
      return undefined;
    });
    await source.open();
    remove();
    const order = seen.filter((api) => api === 'InitProducerId' || api === 'OffsetFetch');
    expect(order.lastIndexOf('InitProducerId')).toBeLessThan(order.indexOf('OffsetFetch'));
  });
});

test('facts: what the topic and the brokers are set to', async () => {
  const source = await fixture.source(1);
  const facts = await fixture.kafka().facts(source.topic);
  expect(facts.topic.replication).toBeGreaterThanOrEqual(1);
  expect(facts.topic.minInsyncReplicas).toBeGreaterThanOrEqual(1);
  expect(facts.topic.uncleanElection).toBe(false);
  expect(facts.topic.compacted).toBe(false);
  expect(facts.offsetsRetentionMs).toBeGreaterThan(0);
  const missing = uniqueName('missing');
  await fixture.grant([missing]);
  await expect(fixture.kafka().facts(missing)).rejects.toMatchObject({ code: 'TOPIC_DIFFERS' });
});

test('after Kafka is closed its producers reject', async () => {
  const source = await fixture.source(1);
  const producer = await source.open();
  append(producer, 'key', 'lost');
  await fixture.closeAll();
  await expect(producer.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
});

describe.skipIf(onApacheKafka)('rights', () => {
  test.each([
    ['FindCoordinator', 53, /WRITE on transactional id snowmelt:/],
    ['FindCoordinator', 30, /READ on group snowmelt:/],
    ['InitProducerId', 53, /WRITE on transactional id snowmelt:/],
    ['OffsetFetch', 29, /READ on topic app-.*\.control/],
  ])('%s answered with %i is KAFKA_UNAUTHORIZED and says what is needed', async (api, error, needed) => {
    const source = await fixture.source(1);
    const clientId = `${source.group}:0`;
    await fixture.target.local!.fault({ match: { api, clientId }, at: 'request', action: { error } });
    const message = expect.stringMatching(needed) as string;
    await expect(source.open()).rejects.toMatchObject({ code: 'KAFKA_UNAUTHORIZED', message });
  });

  test('a topic that may not be written is KAFKA_UNAUTHORIZED', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    await fixture.target.local!.fault({
      match: { api: 'Produce', topic: source.topic },
      at: 'request',
      action: { error: 29 },
    });
    append(producer, 'key', 'value');
    const message = expect.stringContaining(`WRITE on topic ${source.topic}`) as string;
    await expect(producer.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNAUTHORIZED', message });
  });

  test('settings that may not be read are null', async () => {
    const source = await fixture.source(1);
    await fixture.target.local!.fault({
      match: { api: 'DescribeConfigs' },
      at: 'request',
      action: { error: 29 },
      times: 2,
    });
    const hidden = { topic: { minInsyncReplicas: null, uncleanElection: null }, offsetsRetentionMs: null };
    expect(await fixture.kafka().facts(source.topic)).toMatchObject(hidden);
  });
});

describe.skipIf(onApacheKafka)('sign-in', () => {
  const auth = { method: 'plain', secret: 'unused' } as const;
  const request = requestFor('s', 't', 1);
  let broker: LocalBroker;
  beforeAll(async () => {
    broker = await startBroker({
      users: { snowmelt: 'right' },
      topics: [{ name: 't' }, { name: fixture.controlTopic }],
    });
  });
  afterAll(() => broker.stop());

  test('plain, with the right password', async () => {
    const config = fixture.config({ brokers: [broker.broker], auth });
    const kafka = createKafka(config, { username: 'snowmelt', password: 'right' });
    const producer = await kafka.open(request);
    append(producer, 'key', 'value');
    await producer.commit(markerAt(1, 1));
    await producer.close();
    expect((await kafka.open(request)).marker).toMatchObject({ position: { window: 1, row: 1 } });
    await kafka.close();
  });

  test('with a wrong one: KAFKA_UNREACHABLE, and no message repeats it', async () => {
    const config = fixture.config({ brokers: [broker.broker], auth });
    const open = createKafka(config, { username: 'snowmelt', password: 'wr0ng' }).open(request);
    const error: unknown = await open.catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('sign-in') as string });
    expect(inspect(error)).not.toContain('wr0ng');
  });
});
