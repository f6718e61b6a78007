/** What is appended and committed is what a consumer reads, whatever its size. */
import { randomBytes } from 'node:crypto';
import { ConfigResourceTypes, Partitioners } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { KafkaProducer } from '../../lambdas/protocol/ports/kafka.ts';
import { readCommitted } from './consumer.ts';
import { append, Fixture, markerAt, requestFor, type Source } from './fixture.ts';

const TOO_LARGE = expect.objectContaining({ code: 'RECORD_TOO_LARGE' }) as Error;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

describe('round trip', () => {
  test('records, tombstones and the marker; the next transaction follows on the same producer', async () => {
    const source = await fixture.source(3);
    const producer = await source.open();
    expect(producer.marker).toBeNull();
    expect(producer.clusterId).not.toBe('');
    const before = Date.now();
    for (let i = 0; i < 200; i++) append(producer, `key-${i % 20}`, i % 50 === 7 ? null : `välue ${i}`);
    expect(producer.pending).toBe(200);
    await producer.commit(markerAt(1, 200));
    expect([producer.pending, producer.transactionSince]).toEqual([0, null]);
    append(producer, 'key-0', 'last');
    await producer.commit(markerAt(2, 1));

    const records = await source.read();
    expect(records).toHaveLength(201);
    const partitioner = Partitioners.DefaultPartitioner();
    const partitionMetadata = [0, 1, 2].map((partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1],
    }));
    for (let key = 0; key < 20; key++) {
      const own = records.filter((record) => record.key === `key-${key}`);
      const expected = [...Array(200).keys()]
        .filter((i) => i % 20 === key)
        .map((i) => (i % 50 === 7 ? null : `välue ${i}`));
      if (key === 0) expected.push('last');
      expect(own.map(({ value }) => value)).toEqual(expected);
      const partition = partitioner({
        topic: source.topic,
        partitionMetadata,
        message: { key: Buffer.from(`key-${key}`), value: null },
      });
      expect(new Set(own.map((record) => record.partition))).toEqual(new Set([partition]));
    }
    expect(records.every(({ time }) => time >= before && time <= Date.now())).toBe(true);
  });

  test('a record for the topic of progress is part of the transaction; without its commit neither is seen', async () => {
    const source = await fixture.source(2);
    const progress = { topic: `${source.topic}.progress`, topicPartitions: 3 };
    await fixture.createTopic(progress.topic, progress.topicPartitions);
    await fixture.grant([progress.topic]);
    const tell = (producer: KafkaProducer, value: string) =>
      producer.tell({ key: Buffer.from('p'), value: Buffer.from(value) }, 1, 1);
    const told = async () =>
      (await readCommitted(fixture.target.brokers, progress.topic)).map(({ key, value }) => `${key} ${value}`);
    const first = await source.open(0, { progress });
    for (let i = 0; i < 20; i++) append(first, `key-${i}`, 'one');
    tell(first, 'one');
    expect(first.pending).toBe(21);
    await first.commit(markerAt(1, 20));
    append(first, 'a', 'two');
    await first.commit(markerAt(2, 1));
    append(first, 'a', 'lost');
    tell(first, 'lost');
    await first.close();
    const second = await source.open(0, { progress });
    append(second, 'a', 'three');
    tell(second, 'three');
    await second.commit(markerAt(3, 1));
    expect(await told()).toEqual(['p one', 'p three']);
    expect(await source.values()).toEqual([...Array<string>(20).fill('one'), 'three', 'two']);
    const other = source.open(0, { progress: { ...progress, topicPartitions: 4 } });
    await expect(other).rejects.toMatchObject({ code: 'TOPIC_DIFFERS' });
  });

  test('a dead letter is part of the transaction, also where it is all of it, and has the room that its topic has', async () => {
    const source = await fixture.source(2);
    const deadLetters = { topic: `${source.topic}.dead`, topicPartitions: 2 };
    await fixture.createTopic(deadLetters.topic, deadLetters.topicPartitions);
    await fixture.grant([deadLetters.topic]);
    await limit({ topic: deadLetters.topic }, 2_000);
    const bury = (producer: KafkaProducer, value: string) =>
      producer.bury({ key: Buffer.from(`${value.length}`), value: Buffer.from(value) }, 1, 1);
    const buried = async () =>
      (await readCommitted(fixture.target.brokers, deadLetters.topic)).map(({ value }) => value);
    const first = await source.open(0, { deadLetters });
    expect(first.letterBytes).toBeGreaterThan(1_800);
    const longest = 'x'.repeat(first.letterBytes - 4);
    bury(first, longest);
    await first.commit(markerAt(1, 1, { dead: { window: 1, rows: 1, last: 1 } }));
    append(first, 'a', 'lost');
    bury(first, 'lost');
    await first.close();
    const second = await source.open(0, { deadLetters });
    expect(second.marker).toMatchObject({ dead: { window: 1, rows: 1, last: 1 } });
    append(second, 'a', 'one');
    bury(second, 'two');
    await second.commit(markerAt(1, 3));
    expect((await buried()).sort()).toEqual(['two', longest]);
    expect(await source.values()).toEqual(['one']);
  });

  test('the next open reads the last committed marker', async () => {
    const source = await fixture.source();
    const first = await source.open();
    append(first, 'a', '1');
    await first.commit(markerAt(1, 1));
    append(first, 'b', '2');
    const marker = markerAt(3, 7, { digest: 'the third', last: 'hash', at: 1_700_000_000_123 });
    await first.commit(marker);
    await first.close();
    const second = await source.open();
    expect(second.marker).toMatchObject(marker);
    expect(second.clusterId).toBe(first.clusterId);
  });

  test('a buffer may be used again as soon as append returns', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    const bytes = new Uint8Array(4);
    for (let i = 0; i < 10; i++) {
      bytes.fill(48 + i);
      producer.append(bytes, 0, 2, 2, 4, 1, i);
    }
    await producer.commit(markerAt(1, 10));
    expect(await source.values()).toEqual([...Array(10).keys()].map((i) => `${i}${i}`));
  });

  test('an empty key and an empty value stay what they are', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    append(producer, '', '');
    append(producer, '', null);
    await producer.commit(markerAt(1, 2));
    expect((await source.read()).map(({ key, value }) => [key, value])).toEqual([
      ['', ''],
      ['', null],
    ]);
  });
});

describe('sizes', () => {
  test('many small batches keep each key in order', async () => {
    const source = await fixture.source(2, { maxBatchBytes: 300 });
    const producer = await source.open();
    for (let i = 0; i < 500; i++) if (!append(producer, `${i % 7}`, `${i}`)) await producer.ready();
    await producer.commit(markerAt(1, 500));
    const records = await source.read();
    expect(records).toHaveLength(500);
    for (let key = 0; key < 7; key++) {
      const own = records.filter((record) => record.key === `${key}`).map(({ value }) => Number(value));
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  test('a record larger than a batch goes alone', async () => {
    const source = await fixture.source(1, { maxBatchBytes: 1_000 });
    const producer = await source.open();
    const large = 'x'.repeat(500_000);
    append(producer, 'a', 'before');
    append(producer, 'a', large);
    append(producer, 'a', 'after');
    await producer.commit(markerAt(1, 3));
    expect((await source.read()).map(({ value }) => value)).toEqual(['before', large, 'after']);
  });

  test('a record larger than the topic takes is RECORD_TOO_LARGE and nothing becomes visible', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    append(producer, 'a', 'small');
    expect(() => append(producer, 'a', 'x'.repeat(1_100_000))).toThrow(TOO_LARGE);
    await producer.close();
    expect((await source.open()).marker).toBeNull();
    expect(await source.read()).toEqual([]);
  });

  test('where it is not appended the others are committed, in order', async () => {
    const source = await fixture.source(1, { compression: 'gzip' });
    await limit(source, 5_000);
    const producer = await source.open();
    append(producer, 'a', 'before');
    const noise = randomBytes(6_000).toString('base64');
    expect(() => append(producer, 'a', noise)).toThrow(TOO_LARGE);
    append(producer, 'a', 'after');
    expect(producer.pending).toBe(2);
    await producer.commit(markerAt(1, 3));
    expect((await source.read()).map(({ value }) => value)).toEqual(['before', 'after']);
  });

  test('batches stay under the topic’s own limit, whatever the configuration says', async () => {
    const source = await fixture.source(1);
    await limit(source, 5_000);
    const producer = await source.open();
    for (let i = 0; i < 30; i++) append(producer, 'key', `${i}`.padStart(1_000, '0'));
    await producer.commit(markerAt(1, 30));
    expect((await source.read()).map(({ value }) => Number(value))).toEqual([...Array(30).keys()]);
  });

  test('a record over the topic’s limit is not sent at all, unless it compresses to less', async () => {
    const source = await fixture.source(1);
    await limit(source, 5_000);
    const sent: string[] = [];
    const remove = fixture.proxy.onRequest((request) => {
      if (source.is(request, 'Produce')) sent.push(request.api);
      return undefined;
    });
    const producer = await source.open();
    expect(() => append(producer, 'key', 'x'.repeat(5_000))).toThrow(
      expect.objectContaining({
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(/takes 50\d\d bytes.*takes 5000/) as string,
      }) as Error,
    );
    expect(sent).toEqual([]);
    remove();
    const small = await fixture.kafka({ compression: 'zstd' }).open(requestFor(source.name, source.topic, 1));
    append(small, 'key', 'x'.repeat(5_000));
    await small.commit(markerAt(1, 1));
    expect(await source.values()).toEqual(['x'.repeat(5_000)]);
  });

  test.each(['gzip', 'zstd'] as const)('%s is read back, and is smaller on the way', async (compression) => {
    const source = await fixture.source(2, { compression });
    const producer = await source.open();
    for (let i = 0; i < 1_000; i++) append(producer, `${i}`, `value ${i} `.repeat(30));
    await producer.commit(markerAt(1, 1_000));
    const records = await source.read();
    expect(records).toHaveLength(1_000);
    expect(records.every(({ key, value }) => value === `value ${key} `.repeat(30))).toBe(true);
  });
});

describe('backpressure', () => {
  test('append answers false while too much is unsent, ready waits for room', async () => {
    const source = await fixture.source(2);
    const producer = await source.open();
    const { promise: until, resolve: release } = Promise.withResolvers<void>();
    const remove = fixture.proxy.onRequest((request) => (source.is(request, 'Produce') ? { until } : undefined));
    const value = 'v'.repeat(100_000);
    let appended = 1;
    while (append(producer, `${appended}`, value)) appended++;
    expect(appended).toBeLessThan(300);
    let room = false;
    const ready = producer.ready().then(() => (room = true));
    await source.read(); // time for anything that would resolve it
    expect(room).toBe(false);
    remove();
    release();
    await ready;
    await producer.commit(markerAt(1, appended));
    expect(await source.read()).toHaveLength(appended);
  });
});

describe('the transaction', () => {
  test('begins with the first batch that is sent, not with the first record', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    const before = Date.now();
    append(producer, 'a', '1');
    expect(producer.transactionSince).toBeNull();
    const added = fixture.next('onRequest', (request) => source.is(request, 'AddPartitionsToTxn'), 'pass');
    for (let i = 0; i < 2; i++) append(producer, 'a', 'x'.repeat(900_000));
    await added;
    expect(producer.transactionSince).toBeGreaterThanOrEqual(before);
    await producer.commit(markerAt(1, 3));
    expect(producer.transactionSince).toBeNull();
  });

  test('is not committed without a record', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    await expect(producer.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'UNEXPECTED' });
    await producer.close();
    expect((await source.open()).marker).toBeNull();
  });

  test('sends the marker after the last record was acknowledged', async () => {
    const source = await fixture.source(3);
    const producer = await source.open();
    const seen: string[] = [];
    const place = (kind: string) => (request: { api: string; clientId: string }) => {
      if (request.clientId === `${source.group}:0`) seen.push(`${kind} ${request.api}`);
      return undefined;
    };
    const removals = [fixture.proxy.onRequest(place('ask')), fixture.proxy.onReply(place('answer'))];
    for (let i = 0; i < 30; i++) append(producer, `${i}`, 'v');
    await producer.commit(markerAt(1, 30));
    for (const remove of removals) remove();
    const after = seen
      .slice(seen.lastIndexOf('answer Produce') + 1)
      .filter((step) => !step.includes('FindCoordinator'));
    expect(seen.filter((step) => step === 'ask Produce').length).toBeGreaterThan(1);
    expect(after.filter((step) => step.startsWith('ask '))).toEqual([
      'ask AddOffsetsToTxn',
      'ask TxnOffsetCommit',
      'ask EndTxn',
    ]);
  });
});

describe('what is appended during a commit', () => {
  test('is not sent before the commit has ended, and is the next transaction', async () => {
    const source = await fixture.source(2, { maxBatchBytes: 300 });
    const producer = await source.open();
    const seen: string[] = [];
    const place = (kind: string) => (request: { api: string; clientId: string }) => {
      if (request.clientId === `${source.group}:0`) seen.push(`${kind} ${request.api}`);
      return undefined;
    };
    const removals = [fixture.proxy.onRequest(place('ask')), fixture.proxy.onReply(place('answer'))];
    const appended = Promise.withResolvers<void>();
    const sending = fixture.next('onRequest', (request) => source.is(request, 'Produce'), { until: appended.promise });
    const ending = fixture.next('onReply', (request) => source.is(request, 'EndTxn'), 'pass');
    for (let i = 0; i < 50; i++) append(producer, `${i % 7}`, `${i}`);
    const first = producer.commit(markerAt(1, 50));
    await sending;
    for (let i = 50; i < 300; i++) append(producer, `${i % 7}`, `${i}`);
    expect(producer.pending).toBe(300);
    appended.resolve();
    await ending;
    await first;
    expect(producer.pending).toBe(250);
    await producer.commit(markerAt(1, 300));
    for (const remove of removals) remove();

    const steps = seen.filter((step) => /Produce|EndTxn|AddPartitions/.test(step));
    const ended = steps.indexOf('answer EndTxn');
    expect(steps.slice(0, ended).filter((step) => step === 'ask AddPartitionsToTxn')).toHaveLength(1);
    expect(steps[ended + 1]).toBe('ask AddPartitionsToTxn');
    const records = await source.read();
    expect(records).toHaveLength(300);
    for (let key = 0; key < 7; key++) {
      const own = records.filter((record) => record.key === `${key}`).map(({ value }) => Number(value));
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect((await source.open()).marker?.position.row).toBe(300);
  });

  test('waits for room until the commit has ended, and is gone with a commit that failed', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    const full = Promise.withResolvers<void>();
    const ending = fixture.next('onRequest', (request) => source.is(request, 'EndTxn'), { until: full.promise });
    append(producer, 'a', 'first');
    const committed = producer.commit(markerAt(1, 1));
    await ending;
    let records = 0;
    while (append(producer, 'a', 'x'.repeat(500_000))) records++;
    const roomy = producer.ready();
    full.resolve();
    await committed;
    await roomy;
    expect(records).toBeGreaterThan(10);
    void fixture.next('onRequest', (request) => source.is(request, 'EndTxn'), 'close');
    const failing = producer.commit(markerAt(2, 1));
    append(producer, 'a', 'third');
    await expect(failing).rejects.toThrow();
    expect(append(producer, 'a', 'fourth')).toBe(false);
    await expect(producer.ready()).rejects.toThrow();
    await producer.close();
    expect((await source.open()).marker?.position.window).toBe(1);
    expect(await source.values()).toEqual(['first']);
  });
});

/** Sets max.message.bytes of the source's topic. */
async function limit(source: Pick<Source, 'topic'>, bytes: number): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: `${bytes}` }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: source.topic, configEntries }];
  await fixture.admin.alterConfigs({ validateOnly: false, resources });
}

describe('a connection', () => {
  test.each([
    ['idle for more than a minute', 61_000, 1],
    ['older than eight minutes, never idle', 50_000, 10],
  ])('%s is replaced when it is next used, and nothing fails', async (_, step, times) => {
    const source = await fixture.source(1);
    const producer = await source.open();
    let connected = 0;
    const remove = fixture.proxy.onRequest((request) => {
      if (source.is(request, 'ApiVersions')) connected++;
      return undefined;
    });
    const now = Date.now;
    let ahead = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
    try {
      append(producer, 'key', 'before');
      await producer.commit(markerAt(1, 1));
      expect(connected).toBe(0);
      for (let i = 0; i < times; i++) {
        ahead += step;
        append(producer, 'key', `after ${i}`);
        await producer.commit(markerAt(2 + i, 1));
      }
    } finally {
      clock.mockRestore();
    }
    remove();
    expect(connected).toBeGreaterThan(0);
    expect(connected).toBeLessThan(4);
    expect(await source.read()).toHaveLength(1 + times);
  });
});
