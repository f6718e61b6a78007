/** At least once, topics that grew, and what an operator sees and signs. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { onApacheKafka, uniqueName } from '../apache-kafka/target.ts';
import { append, Fixture, markerAt } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

const atLeastOnce = { delivery: 'at-least-once' } as const;

describe('at least once', () => {
  test('every record carries its position, a tombstone too, and nothing on the wire is transactional', async () => {
    const source = await fixture.source(3, { controlTopic: uniqueName('missing') });
    const seen = new Set<string>();
    const remove = fixture.proxy.onRequest((request) => {
      if (request.clientId === `${source.group}:0` && !request.api.startsWith('Sasl')) seen.add(request.api);
      return undefined;
    });
    const producer = await source.open(0, atLeastOnce);
    expect(producer.marker).toBeNull();
    append(producer, 'a', 'one', 1, 9);
    append(producer, 'b', null, 2 ** 31 - 1, 2 ** 32 - 1);
    await producer.commit(markerAt(1, 2));
    append(producer, 'c', '', 7, 10);
    await producer.commit(markerAt(7, 10));
    remove();
    const records = (await source.read()).sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(records.map(({ key, value, headers }) => [key, value, headers])).toEqual([
      ['a', 'one', { 'snowmelt.position': '1:9' }],
      ['b', null, { 'snowmelt.position': '2147483647:4294967295' }],
      ['c', '', { 'snowmelt.position': '7:10' }],
    ]);
    expect([...seen].sort()).toEqual(['ApiVersions', 'DescribeConfigs', 'InitProducerId', 'Metadata', 'Produce']);
  });

  test('a lost answer to Produce is repeated: one copy, in order', async () => {
    const source = await fixture.source(1, { maxBatchBytes: 200 });
    const producer = await source.open(0, atLeastOnce);
    void fixture.next('onReply', (request) => source.is(request, 'Produce'), 'close');
    const values = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(30, '0'));
    for (const [i, value] of values.entries()) append(producer, 'key', value, 1, i + 1);
    await producer.commit(markerAt(1, 20));
    expect((await source.read()).map(({ value }) => value)).toEqual(values);
  });

  test.skipIf(onApacheKafka)('the first error ends it', async () => {
    const source = await fixture.source(1);
    const producer = await source.open(0, atLeastOnce);
    const match = { api: 'Produce', topic: source.topic };
    await fixture.target.local!.fault({ match, at: 'request', action: { error: 29 } });
    append(producer, 'key', 'value');
    const first: unknown = await producer.commit(markerAt(1, 1)).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'KAFKA_UNAUTHORIZED' });
    expect(append(producer, 'key', 'more')).toBe(false);
    await expect(producer.ready()).rejects.toBe(first);
    await expect(producer.commit(markerAt(1, 1))).rejects.toBe(first);
    expect(await source.read()).toEqual([]);
  });
});

test('exactly once adds no header', async () => {
  const source = await fixture.source(1);
  const producer = await source.open();
  append(producer, 'a', 'one');
  await producer.commit(markerAt(1, 1));
  expect((await source.read()).map(({ headers }) => headers)).toEqual([{}]);
});

describe('a topic that grew, acknowledged by a newer layout', () => {
  test('records stay where the window’s own layout puts them', async () => {
    const source = await fixture.source(2);
    await fixture.grow(source.topic, 5);
    const producer = await source.open(0, { newestTopicPartitions: 5 });
    for (let i = 0; i < 40; i++) append(producer, `${i}`, 'v');
    await producer.commit(markerAt(1, 40));
    expect(new Set((await source.read()).map(({ partition }) => partition))).toEqual(new Set([0, 1]));
  });

  test('a topic of another size than the newest, or smaller than the window’s, is TOPIC_DIFFERS', async () => {
    const source = await fixture.source(3);
    for (const [topicPartitions, newestTopicPartitions] of [
      [3, 5],
      [2, 2],
      [4, 3],
    ] as const) {
      const open = source.open(0, { topicPartitions, newestTopicPartitions });
      await expect(open).rejects.toMatchObject({ code: 'TOPIC_DIFFERS' });
    }
  });
});

describe('an operator', () => {
  test('signs a marker anew without a record, over one that Snowmelt did not write', async () => {
    const source = await fixture.source(1);
    await source.commitOffset('42', 'of another program');
    const producer = await source.open(0, { adopt: true });
    expect(producer.marker).toBeNull();
    await producer.commit(markerAt(3, 4));
    await producer.close();
    expect((await source.open()).marker).toMatchObject({ position: { window: 3, row: 4 } });
    expect(await source.read()).toEqual([]);
  });

  test('sees markers, foreign ones too, and the topic’s end, and fences nobody', async () => {
    const source = await fixture.source(2);
    const before = Date.now();
    const owner = await source.open(1);
    append(owner, 'a', 'one');
    await owner.commit(markerAt(2, 1));
    await source.commitOffset('42', null);
    const found = await fixture.kafka().inspect({ source: source.name, partitions: 6, topic: source.topic });
    expect(found).toMatchObject({ clusterId: owner.clusterId, topicPartitions: 2, controlPartitions: 4 });
    expect(found.markers).toEqual([
      { unreadable: expect.stringContaining('no marker of Snowmelt') as string },
      { marker: expect.objectContaining({ position: { window: 2, row: 1 } }) as object },
      null,
      null,
      null,
      null,
    ]);
    expect(found.ends.map(({ endOffset }) => Number(endOffset)).sort()).toEqual([0, 2]); // a record, the end of its transaction
    const [empty, last] = found.ends.toSorted((a, b) => Number(a.endOffset) - Number(b.endOffset));
    expect(empty!.lastTimestamp).toBeNull();
    expect(last!.lastTimestamp).toBeGreaterThanOrEqual(before);
    append(owner, 'a', 'two');
    await owner.commit(markerAt(3, 1));
  });

  test('is told of a topic, a control topic that does not exist', async () => {
    const [topic, controlTopic] = [uniqueName('missing'), uniqueName('missing')];
    await fixture.grant([topic], controlTopic);
    const found = await fixture.kafka({ controlTopic }).inspect({ source: 's', partitions: 1, topic });
    expect(found).toMatchObject({ topicPartitions: null, ends: [], controlPartitions: null, markers: [null] });
  });

  test.skipIf(onApacheKafka)('is told where the topic may not be read', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    append(producer, 'a', 'one');
    await producer.commit(markerAt(1, 1));
    await fixture.target.local!.fault({ match: { api: 'Fetch' }, at: 'request', action: { error: 29 } });
    const { ends } = await fixture.kafka().inspect({ source: source.name, partitions: 1, topic: source.topic });
    expect(ends).toEqual([{ topicPartition: 0, endOffset: '2', lastTimestamp: null }]);
  });
});
