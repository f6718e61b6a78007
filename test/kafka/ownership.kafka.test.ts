/** Who owns a partition, and what becomes visible, when owners die, linger or hear nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaProducer } from '../../lambdas/protocol/ports/kafka.ts';
import { append, Fixture, markerAt, type Source } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

/** Commits one record as the source's next owner, and answers that owner. */
async function commitOne(source: Source, value: string, window: number): Promise<KafkaProducer> {
  const producer = await source.open();
  append(producer, 'key', value);
  await producer.commit(markerAt(window, 1));
  return producer;
}

/** An owner whose record and marker are at the brokers but whose EndTxn never leaves it. */
async function diesBeforeCommit(source: Source, value: string, partition = 0): Promise<KafkaProducer> {
  const producer = await source.open(partition);
  append(producer, 'key', value);
  const ending = fixture.next('onRequest', (request) => source.is(request, 'EndTxn', partition), 'drop');
  producer.commit(markerAt(9, 9)).catch(() => undefined);
  await ending;
  return producer;
}

describe('a dead owner', () => {
  test('its open transaction is aborted by the next open', async () => {
    const source = await fixture.source(1);
    await commitOne(source, 'committed', 1);
    const dead = await diesBeforeCommit(source, 'lost');
    await dead.close();
    const next = await source.open();
    expect(next.marker).toMatchObject({ position: { window: 1, row: 1 } });
    append(next, 'key', 'again');
    await next.commit(markerAt(2, 1));
    expect(await source.values()).toEqual(['again', 'committed']);
  });

  test('whose commit was done but not heard of has moved the marker', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    append(producer, 'key', 'committed');
    void fixture.next('onReply', (request) => source.is(request, 'EndTxn'), 'close');
    await expect(producer.commit(markerAt(4, 2))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await producer.close();
    expect((await source.open()).marker).toMatchObject({ position: { window: 4, row: 2 } });
    expect(await source.values()).toEqual(['committed']);
  });

  test('whose commit never arrived has not', async () => {
    const source = await fixture.source(1);
    const producer = await source.open();
    append(producer, 'key', 'lost');
    void fixture.next('onRequest', (request) => source.is(request, 'EndTxn'), 'close');
    await expect(producer.commit(markerAt(4, 2))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await producer.close();
    expect((await source.open()).marker).toBeNull();
    expect(await source.values()).toEqual([]);
  });
});

describe('a zombie', () => {
  test('its commit is refused as fenced, and nothing of it becomes visible', async () => {
    const source = await fixture.source(1);
    const zombie = await source.open();
    append(zombie, 'key', 'zombie');
    const owner = await source.open();
    await expect(zombie.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    append(owner, 'key', 'owner');
    await owner.commit(markerAt(1, 1));
    expect(await source.values()).toEqual(['owner']);
  });

  test('its commit arriving late, inside the new owner’s transaction, is refused', async () => {
    const source = await fixture.source(1);
    const zombie = await source.open();
    append(zombie, 'key', 'zombie');
    const { promise: until, resolve: thaw } = Promise.withResolvers<void>();
    const ending = fixture.next('onRequest', (request) => source.is(request, 'EndTxn'), { until });
    const commit = expect(zombie.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    await ending;
    const owner = await source.open();
    expect(owner.marker).toBeNull();
    append(owner, 'key', 'owner');
    const open = fixture.next('onRequest', (request) => source.is(request, 'AddOffsetsToTxn'), 'drop');
    void owner.commit(markerAt(2, 1)).catch(() => undefined);
    await open; // its record is in the log, its transaction never ends
    thaw();
    await commit;
    await owner.close();
    await commitOne(source, 'next', 3);
    expect(await source.values()).toEqual(['next']);
  });

  test('its records are refused too: ready and commit reject with the first error from then on', async () => {
    const source = await fixture.source(1, { maxBatchBytes: 200 });
    const zombie = await commitOne(source, 'before', 1);
    await source.open();
    const refused = fixture.next('onReply', (request) => source.is(request, 'AddPartitionsToTxn'), 'pass');
    for (let i = 0; i < 10; i++) append(zombie, 'key', `zombie ${i}`.repeat(5));
    await refused;
    const first: unknown = await zombie.commit(markerAt(2, 1)).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'KAFKA_FENCED' });
    expect(append(zombie, 'key', 'more')).toBe(false);
    await expect(zombie.ready()).rejects.toBe(first);
    await expect(zombie.commit(markerAt(2, 1))).rejects.toBe(first);
    expect(await source.values()).toEqual(['before']);
  });
});

describe('kafkajs’ silent losses', () => {
  test('a lost answer to Produce is repeated: one copy, in order', async () => {
    const source = await fixture.source(1, { maxBatchBytes: 200 });
    const producer = await source.open();
    const lost = fixture.next('onReply', (request) => source.is(request, 'Produce'), 'close');
    for (let i = 0; i < 20; i++) append(producer, 'key', `${i}`.padStart(2, '0').repeat(20));
    await lost;
    await producer.commit(markerAt(1, 20));
    const values = (await source.read()).map(({ value }) => value!.slice(0, 2));
    expect(values).toEqual([...Array(20).keys()].map((i) => `${i}`.padStart(2, '0')));
  });

  test('a producer whose send gave up is of no use, the next one’s batch of the same size is not taken for its', async () => {
    const source = await fixture.source(1, { requestTimeoutMs: 300 });
    const remove = fixture.proxy.onReply((request) => (source.is(request, 'Produce') ? 'close' : undefined));
    const first = await source.open();
    append(first, 'key', 'x');
    await expect(first.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    remove();
    append(first, 'key', 'y');
    await expect(first.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await first.close();
    await commitOne(source, 'y', 1);
    expect(await source.values()).toEqual(['y']);
  });

  test('a lost answer on one topicPartition harms no other', async () => {
    const source = await fixture.source(4);
    const producer = await source.open();
    const lost = fixture.next('onReply', (request) => source.is(request, 'Produce'), 'close');
    for (let i = 0; i < 200; i++) append(producer, `${i}`, `${i}`.padStart(3, '0'));
    const commit = producer.commit(markerAt(1, 200));
    await lost;
    await commit;
    expect(await source.values()).toEqual([...Array(200).keys()].map((i) => `${i}`.padStart(3, '0')));
  });

  test.each(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit'])(
    'a lost answer to %s ends the producer, and nothing becomes visible',
    async (api) => {
      const source = await fixture.source(1);
      const producer = await source.open();
      const lost = fixture.next('onReply', (request) => source.is(request, api), 'close');
      append(producer, 'key', 'lost');
      await expect(producer.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
      await lost;
      await producer.close();
      expect((await source.open()).marker).toBeNull();
      expect(await source.values()).toEqual([]);
    },
  );

  test('a marker that arrives late, inside the next transaction, does not take the place of its marker', async () => {
    const source = await fixture.source(1, { requestTimeoutMs: 300 });
    const { promise: until, resolve: thaw } = Promise.withResolvers<void>();
    const first = await source.open();
    append(first, 'key', 'one');
    const held = fixture.next('onRequest', (request) => source.is(request, 'TxnOffsetCommit'), { until });
    // Repeated under the same epoch this commit would succeed, and the copy that is held would spoil the next one.
    await expect(first.commit(markerAt(1, 1))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await held;
    await first.close();

    const second = await source.open();
    append(second, 'key', 'one');
    await second.commit(markerAt(1, 1));
    append(second, 'key', 'two');
    const marked = fixture.next('onReply', (request) => source.is(request, 'TxnOffsetCommit'), 'pass');
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const ending = fixture.next('onRequest', (request) => source.is(request, 'EndTxn'), { until: ended });
    const commit = second.commit(markerAt(2, 1));
    await marked;
    await ending;
    const late = fixture.next('onReply', (request) => source.is(request, 'TxnOffsetCommit'), 'pass');
    thaw();
    await late;
    end();
    await commit;
    expect((await source.open()).marker).toMatchObject({ position: { window: 2, row: 1 } });
    expect(await source.values()).toEqual(['one', 'two']);
  });
});

describe('two partitions of one source', () => {
  test('have markers of their own', async () => {
    const source = await fixture.source(2);
    const [zero, one] = [await source.open(0), await source.open(1)];
    append(zero, 'a', 'zero');
    append(one, 'b', 'one');
    await Promise.all([zero.commit(markerAt(1, 1)), one.commit(markerAt(2, 2))]);
    await Promise.all([zero.close(), one.close()]);
    expect((await source.open(0)).marker).toMatchObject({ position: { window: 1 } });
    expect((await source.open(1)).marker).toMatchObject({ position: { window: 2 } });
    expect(await source.values()).toEqual(['one', 'zero']);
  });

  test('one’s undecided transaction does not keep the other from its marker', async () => {
    const source = await fixture.source(1);
    const undecided = await diesBeforeCommit(source, 'lost', 0);
    expect((await source.open(1)).marker).toBeNull();
    await undecided.close();
  });
});
