/** What a partition takes and refuses: sequence numbers of idempotent producers, and batches that are not right. */
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKafkaTarget, uniqueName } from '../apache-kafka/target.ts';
import type { KafkaTarget } from '../apache-kafka/target.ts';
import { encodeBatch } from './kafka-records.ts';
import { initProducerId, patiently, RawCluster, RawProducer } from './kafka-raw.ts';

let target: KafkaTarget;
let cluster: RawCluster;
let topic: string;
let nextPartition = 0;

beforeAll(async () => {
  target = await startKafkaTarget();
  cluster = new RawCluster(target.brokers);
  topic = uniqueName('sequences');
  const admin = new Kafka({ brokers: target.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: '1000' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 16, configEntries }], waitForLeaders: true });
  await admin.disconnect();
});

afterAll(async () => {
  await cluster.close();
  await target.stop();
});

/** An idempotent producer on a partition of its own. */
async function idempotent(): Promise<{
  partition: number;
  send: (sequence: number, values: string[]) => Promise<{ code: number; baseOffset: number }>;
}> {
  const { producerId, epoch } = await initProducerId(cluster, null);
  const partition = nextPartition;
  nextPartition += 1;
  return {
    partition,
    send: (sequence, values) => cluster.produce(topic, partition, { values, producerId, epoch, sequence }),
  };
}

describe('sequence numbers', () => {
  it('take batches in order and refuse a gap', async () => {
    const { partition, send } = await idempotent();
    expect(await send(0, ['a', 'b'])).toEqual({ code: 0, baseOffset: 0 });
    expect(await send(2, ['c'])).toEqual({ code: 0, baseOffset: 2 });
    expect((await send(4, ['e'])).code).toBe(45);
    expect(await send(3, ['d'])).toEqual({ code: 0, baseOffset: 3 });
    expect(await cluster.read(topic, partition)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('know the last five batches again, tell their offsets and append nothing', async () => {
    const { partition, send } = await idempotent();
    for (let i = 0; i < 6; i += 1) expect(await send(i, [String(i)])).toEqual({ code: 0, baseOffset: i });
    for (let i = 1; i < 6; i += 1) expect(await send(i, [String(i)])).toEqual({ code: 0, baseOffset: i });
    expect((await send(0, ['0'])).code).toBe(45);
    expect(await cluster.read(topic, partition)).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('know a batch by its numbers alone: other contents are lost without an error', async () => {
    const { partition, send } = await idempotent();
    await send(0, ['a']);
    expect(await send(0, ['b'])).toEqual({ code: 0, baseOffset: 0 });
    expect((await send(0, ['a', 'b'])).code).toBe(45);
    expect(await cluster.read(topic, partition)).toEqual(['a']);
  });

  it('know an aborted batch again, so a producer that goes on after an abort loses records', async () => {
    const partition = nextPartition++;
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect(await producer.addPartition(topic, partition)).toBe(0);
    await producer.produce(topic, partition, 0, ['x']);
    expect(await producer.end(false)).toBe(0);
    expect(await producer.addPartition(topic, partition)).toBe(0);
    expect(await producer.produce(topic, partition, 0, ['y'])).toEqual({ code: 0, baseOffset: 0 });
    expect(await producer.end(true)).toBe(0);
    await RawProducer.open(cluster, producer.transactionalId);
    expect(await cluster.read(topic, partition)).toEqual([]);
  });

  it('start again at 0 with a new epoch', async () => {
    const partition = nextPartition++;
    const first = await RawProducer.open(cluster, uniqueName('id'));
    await first.addPartition(topic, partition);
    await first.produce(topic, partition, 0, ['a']);
    await first.end(true);
    const second = await RawProducer.open(cluster, first.transactionalId);
    expect(await second.addPartition(topic, partition)).toBe(0);
    expect((await second.produce(topic, partition, 1, ['b'])).code).toBe(45);
    expect((await second.produce(topic, partition, 0, ['b'])).code).toBe(0);
    expect(await second.end(true)).toBe(0);
    await patiently(
      () => cluster.read(topic, partition),
      (values) => values.length < 2,
    );
    expect(await cluster.read(topic, partition)).toEqual(['a', 'b']);
  });

  it('go on at 0 after 2^31 - 1', async () => {
    const { partition, send } = await idempotent();
    expect((await send(2 ** 31 - 2, ['a', 'b', 'c'])).code).toBe(0);
    expect((await send(2, ['gap'])).code).toBe(45);
    expect((await send(1, ['d'])).code).toBe(0);
    expect(await cluster.read(topic, partition)).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('a batch is refused', () => {
  it('with 10 if it is larger than the topic allows', async () => {
    expect((await cluster.produce(topic, 15, { values: ['x'.repeat(1000)] })).code).toBe(10);
  });

  it('with 2 if a bit of it changed on the way', async () => {
    const batch = encodeBatch({ values: ['a'] });
    batch.writeUInt8(batch.readUInt8(batch.length - 2) ^ 1, batch.length - 2);
    expect((await cluster.produceBytes(topic, 15, batch)).code).toBe(2);
  });

  it('with 32 if its time is more than an hour ahead, not if it is old', async () => {
    const hour = 60 * 60 * 1000;
    expect((await cluster.produce(topic, 15, { values: ['a'], timestamp: Date.now() + 2 * hour })).code).toBe(32);
    expect((await cluster.produce(topic, 14, { values: ['a'], timestamp: Date.now() - 48 * hour })).code).toBe(0);
  });

  it('with 87 if it is not the only one for its partition', async () => {
    const two = Buffer.concat([encodeBatch({ values: ['a'] }), encodeBatch({ values: ['b'] })]);
    expect((await cluster.produceBytes(topic, 15, two)).code).toBe(87);
  });

  it('with 3 if there is no such partition', async () => {
    const leader = await cluster.leader(topic, 15);
    const reply = await leader.request(0, 7, (writer) => {
      writer.string(null).int16(-1).int32(5000);
      writer.array([topic], (name) => {
        writer.string(name).array([99], (id) => writer.int32(id).bytes(encodeBatch({ values: ['a'] })));
      });
    });
    const [codes] = reply.array(() => {
      reply.string();
      return reply.array(() => [reply.int32(), reply.int16()]);
    });
    expect(codes).toEqual([[99, 3]]);
  });

  it('and nothing of it is kept', async () => {
    expect(await cluster.read(topic, 15, { committedOnly: false })).toEqual([]);
  });
});

describe('a transactional batch without a transaction', () => {
  it('is refused with 48 whoever sends it', async () => {
    const producer = await RawProducer.open(cluster, uniqueName('id'));
    expect((await producer.produce(topic, 13, 0, ['a'])).code).toBe(48);
    expect(await cluster.read(topic, 13, { committedOnly: false })).toEqual([]);
  });
});
