/** What was written is read back, CRCs checked, by Apache Kafka's own consumer and by librdkafka (kcat), where installed. */
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { onApacheKafka } from '../apache-kafka/target.ts';
import { classPath } from '../apache-kafka/start.ts';
import { append, Fixture, markerAt, type Source } from './fixture.ts';

type ReadBack = { partition: number; key: string; value: string | null; position: string | null };

const READ_BACK = path.resolve(import.meta.dirname, '../apache-kafka/ReadBack.java');
const hasKcat = spawnSync('kcat', ['-V']).status === 0;
const run = promisify(execFile);

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterEach(() => fixture.closeAll());
afterAll(() => fixture.stop());

/** Publishes records of every shape in several batches; answers what a reader should find, sorted. */
async function publish(source: Source, delivery: 'exactly-once' | 'at-least-once'): Promise<ReadBack[]> {
  const producer = await source.open(0, { delivery });
  const expected: Omit<ReadBack, 'partition'>[] = [];
  for (let row = 1; row <= 300; row++) {
    const key = `ключ ${row % 11}`;
    const value = row % 10 === 7 ? null : row % 10 === 3 ? '' : `välue ${row} `.repeat(row % 40);
    const window = row % 2 === 0 ? 1 : 2 ** 31 - 1;
    append(producer, key, value, window, row);
    const position = delivery === 'exactly-once' ? null : `${window}:${row}`;
    expected.push({ key, value, position });
    if (row % 100 === 0) await producer.commit(markerAt(1, row));
  }
  const partitions = new Map((await source.read()).map(({ key, partition }) => [key, partition]));
  return sorted(expected.map((record) => ({ partition: partitions.get(record.key)!, ...record })));
}

/** By partition and key; records of a key stay as they are read. */
function sorted(records: ReadBack[]): ReadBack[] {
  return records.toSorted((a, b) => a.partition - b.partition || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

async function byJava(topic: string): Promise<ReadBack[]> {
  const args = ['-cp', classPath(), READ_BACK, fixture.target.brokers.join(','), topic];
  const { stdout } = await run('java', args, { maxBuffer: 64 * 1024 * 1024 });
  const decoded = (word: string) => (word === 'null' ? null : Buffer.from(word.slice(1), 'base64').toString());
  const lines = stdout.trim().split('\n');
  return lines.map((line) => {
    const [partition, key, value, position] = line.split(' ') as [string, string, string, string];
    return {
      partition: Number(partition),
      key: decoded(key)!,
      value: decoded(value),
      position: decoded(position),
    };
  });
}

async function byLibrdkafka(topic: string): Promise<ReadBack[]> {
  const settings = ['check.crcs=true', 'isolation.level=read_committed'].flatMap((setting) => ['-X', setting]);
  const brokers = fixture.target.brokers.join(',');
  const args = ['-C', '-q', '-e', '-J', '-b', brokers, '-t', topic, '-o', 'beginning', ...settings];
  const { stdout } = await run('kcat', args, { maxBuffer: 64 * 1024 * 1024 });
  const lines = stdout.trim().split('\n');
  return lines.map((line) => {
    const record = JSON.parse(line) as { partition: number; key: string; payload: string | null; headers?: string[] };
    const { partition, key, payload, headers } = record;
    return { partition, key, value: payload, position: headers?.[1] ?? null };
  });
}

describe.each([
  ['none', 'exactly-once'],
  ['gzip', 'at-least-once'],
  ['zstd', 'exactly-once'],
] as const)('%s, %s', (compression, delivery) => {
  let source: Source;
  let expected: ReadBack[];
  beforeAll(async () => {
    source = await fixture.source(3, { compression, maxBatchBytes: 5_000 });
    expected = await publish(source, delivery);
  });

  test.skipIf(!onApacheKafka)('by Apache Kafka’s consumer', async () => {
    expect(sorted(await byJava(source.topic))).toEqual(expected);
  });

  test.skipIf(!hasKcat)('by librdkafka', async () => {
    expect(sorted(await byLibrdkafka(source.topic))).toEqual(expected);
  });
});
