/** kcat, that is librdkafka, on the local broker. Skipped where there is no kcat; Debian's package is `kcat`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker } from '../../local/kafka/client.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import { Kafka, logLevel } from 'kafkajs';

const missing = spawnSync('kcat', ['-V']).error !== undefined;
if (missing) console.log('kcat is not installed: its tests are skipped');

describe.skipIf(missing)('kcat', () => {
  let local: LocalBroker;
  beforeAll(async () => {
    local = await startBroker({ listeners: 3, topics: [{ name: 'orders', partitions: 3 }, { name: 'decided' }] });
  });
  afterAll(() => local.stop());

  test('lists brokers, topics and leaders', async () => {
    const listed = JSON.parse(await kcat(local, ['-L', '-J'])) as {
      brokers: { id: number; name: string }[];
      topics: { topic: string; partitions: { partition: number; leader: number }[] }[];
    };
    const brokers = listed.brokers.toSorted((a, b) => a.id - b.id);
    expect(brokers.map(({ name }) => name)).toEqual(local.brokers);
    const orders = listed.topics.find(({ topic }) => topic === 'orders');
    expect(orders?.partitions.map(({ leader }) => leader).toSorted()).toEqual([1, 2, 3]);
  });

  test('produces, plain and idempotent, and reads in a group what another program produced', async () => {
    await kcat(local, ['-P', '-t', 'orders', '-K:'], 'a:1\nb:2\nc:3\n');
    await kcat(local, ['-P', '-t', 'orders', '-K:', '-z', 'gzip', '-X', 'enable.idempotence=true'], 'a:4\nb:5\n');
    const all = ['a 1', 'a 4', 'b 2', 'b 5', 'c 3'];
    const reading = ['-e', '-q', '-X', 'check.crcs=true', '-f', '%k %s\\n'];
    expect(lines(await kcat(local, ['-C', '-t', 'orders', '-o', 'beginning', ...reading]))).toEqual(all);
    const group = ['-G', 'readers', '-X', 'auto.offset.reset=earliest', ...reading, 'orders'];
    expect(lines(await kcat(local, group))).toEqual(all);
  });

  test('reads committed records only', async () => {
    const client = new Kafka({ brokers: local.brokers, logLevel: logLevel.NOTHING });
    const producer = client.producer({ transactionalId: 'lane', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'decided', messages: [{ value: end }] });
      await transaction[end]();
    }
    await producer.disconnect();
    const reading = ['-C', '-t', 'decided', '-o', 'beginning', '-e', '-q', '-X'];
    expect(lines(await kcat(local, [...reading, 'isolation.level=read_committed']))).toEqual(['commit']);
    expect(lines(await kcat(local, [...reading, 'isolation.level=read_uncommitted']))).toEqual(['abort', 'commit']);
  });
});

/** What it prints. Rejects with what it complains about when it fails. */
async function kcat(local: LocalBroker, args: string[], input = ''): Promise<string> {
  const child = spawn('kcat', ['-b', local.brokers.join(','), ...args], { timeout: 20_000 });
  child.stdin.end(input);
  const exited = once(child, 'exit');
  const [printed, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exited) as [number | null];
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${String(code)}: ${complaints}`);
  return printed;
}

function lines(printed: string): string[] {
  return printed.trimEnd().split('\n').toSorted();
}
