/** What only the stand-in can do: faults by request type, events, files, users, and an end with its parent. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startBroker } from '../../local/kafka/client.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import { onApacheKafka, uniqueName } from '../apache-kafka/target.ts';
import { patiently, RawCluster, RawProducer } from './kafka-raw.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe.skipIf(onApacheKafka)('faults', () => {
  let local: LocalBroker;
  let raw: RawCluster;
  let producer: Producer;
  let nextPartition = 0;
  let partition: number;
  const topic = 'faults';

  beforeAll(async () => {
    local = await startBroker({ topics: [{ name: topic, partitions: 16 }] });
    raw = new RawCluster([local.broker]);
    producer = new Kafka({
      brokers: [local.broker],
      clientId: 'faulty',
      logLevel: logLevel.NOTHING,
      requestTimeout: 500,
      retry: { initialRetryTime: 20, retries: 5 },
    }).producer({ idempotent: true, maxInFlightRequests: 1, retry: { initialRetryTime: 20 } });
    await producer.connect();
  });

  afterEach(async () => {
    await local.clearFaults();
  });

  afterAll(async () => {
    await producer.disconnect();
    await raw.close();
    await local.stop();
  });

  async function send(...values: string[]): Promise<void> {
    partition = nextPartition++;
    for (const value of values) await producer.send({ topic, messages: [{ value, partition }] });
  }

  it.each([
    ['an error instead of the act', { at: 'request', action: { error: 6 } }],
    ['an error after the act', { at: 'reply', action: { error: 6 } }],
    ['a lost request', { at: 'request', action: 'drop' }],
    ['a lost reply', { at: 'reply', action: 'drop' }],
    ['a connection closed before the act', { at: 'request', action: 'close' }],
    ['a connection closed after the act', { at: 'reply', action: 'close' }],
    ['a delay', { at: 'reply', action: { delayMs: 20 } }],
  ] as const)('%s: an idempotent send is retried and lands once', async (_name, where) => {
    const placed = await local.fault({ match: { api: 'Produce', topic }, skip: 1, ...where });
    await send('a', 'b', 'c');
    await placed.hit();
    expect(await raw.read(topic, partition)).toEqual(['a', 'b', 'c']);
  });

  it('hold a request until it is let go, in order with the others of its connection', async () => {
    const placed = await local.fault({ match: { api: 'Produce', topic }, at: 'request', action: 'hold' });
    const sent = send('held');
    await placed.hit();
    expect(await raw.read(topic, nextPartition - 1)).toEqual([]);
    await placed.release();
    await sent;
    expect(await raw.read(topic, partition)).toEqual(['held']);
  });

  it('lose the reply to a commit that stands', async () => {
    const owner = await RawProducer.open(raw, uniqueName('id'));
    const target = nextPartition++;
    await owner.addPartition(topic, target);
    await owner.produce(topic, target, 0, ['kept']);
    const match = { api: 'EndTxn', transactionalId: owner.transactionalId, commit: true };
    await local.fault({ match, at: 'reply', action: 'close' });
    await expect(owner.end(true)).rejects.toThrow('closed');
    const again = new RawCluster([local.broker]);
    await RawProducer.open(again, owner.transactionalId);
    expect(await again.read(topic, target)).toEqual(['kept']);
    await again.close();
    raw = new RawCluster([local.broker]);
  });

  it('hit as many requests as they are told, and the events tell what was answered', async () => {
    const after = await local.lastEvent();
    const placed = await local.fault({
      match: { api: ['Produce'], clientId: 'faulty' },
      at: 'request',
      action: { error: 7 },
      times: 2,
    });
    await send('a');
    await placed.hit(2);
    const event = await local.waitForRequest({ api: 'Produce', topic, partition }, { after, answered: true });
    expect(event).toMatchObject({ clientId: 'faulty', topicPartitions: [{ topic, partition }], code: 7 });
    const events = await local.events({ after, match: { api: 'Produce', topic, partition } });
    expect(events.map(({ code }) => code)).toEqual([7, 7, 0]);
  });

  it('cut all connections at once; clients come back', async () => {
    await send('before');
    await local.closeConnections();
    await send('after');
    expect(await new RawCluster([local.broker]).read(topic, partition)).toEqual(['after']);
  });
});

describe.skipIf(onApacheKafka)('the process', () => {
  it('moves batches to files beyond its memory limit and reads them back', async () => {
    await using local = await startBroker({ memoryLimitBytes: 200, topics: [{ name: 'files' }] });
    const raw = new RawCluster([local.broker]);
    const values = Array.from({ length: 20 }, (_, i) => `value ${String(i)}`);
    for (const value of values) expect((await raw.produce('files', 0, { values: [value] })).code).toBe(0);
    expect(await raw.read('files', 0)).toEqual(values);
    const { bytesInMemory, bytesOnDisk } = await local.stats();
    expect(bytesInMemory).toBeLessThanOrEqual(200);
    expect(bytesOnDisk).toBeGreaterThan(1000);
    await raw.close();
  });

  it('lets in known users only, when it is given users', async () => {
    await using local = await startBroker({ users: { ada: 'right' }, topics: [{ name: 'secret' }] });
    const topicsFor = async (password: string): Promise<string[]> => {
      const sasl = { mechanism: 'plain' as const, username: 'ada', password };
      const kafka = new Kafka({ brokers: [local.broker], sasl, logLevel: logLevel.NOTHING, retry: { retries: 0 } });
      const admin = kafka.admin();
      try {
        await admin.connect();
        return await admin.listTopics();
      } finally {
        await admin.disconnect();
      }
    };
    expect(await topicsFor('right')).toEqual(['secret']);
    await expect(topicsFor('wrong')).rejects.toThrow('Authentication failed');
    const anonymous = new Kafka({ brokers: [local.broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
    await expect(anonymous.connect().then(() => anonymous.listTopics())).rejects.toThrow();
    await anonymous.disconnect();
  });

  it('tells topic facts: a factor beyond its one node, and too few replicas in sync', async () => {
    const topics = [
      { name: 'good', replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
      { name: 'bad', replicationFactor: 1, configs: { 'min.insync.replicas': '2' } },
    ];
    await using local = await startBroker({ topics });
    const raw = new RawCluster([local.broker]);
    expect((await raw.produce('good', 0, { values: ['a'] })).code).toBe(0);
    expect((await raw.produce('bad', 0, { values: ['a'] })).code).toBe(19);
    await raw.close();
  });

  it('ends with its parent, even if that is killed', async () => {
    const script = `
      import { startBroker } from './local/kafka/client.ts';
      const { pid } = await startBroker();
      console.log(pid);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    expect(isAlive(Number(line))).toBe(true);
    parent.kill('SIGKILL');
    await patiently(
      async () => isAlive(Number(line)),
      (alive) => alive,
    );
    expect(isAlive(Number(line))).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
