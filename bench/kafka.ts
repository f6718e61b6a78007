/** The brokers: Apache Kafka where Java and Maven are, else the local broker; the output says which. */
import { existsSync, statfsSync } from 'node:fs';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { startBroker } from '../local/kafka/client.ts';
import { missingPrerequisite, startApacheKafka } from '../test/apache-kafka/start.ts';
import { ShapedPort } from './wire.ts';

export type Brokers = {
  what: string;
  brokers: string[];
  createTopic(name: string, partitions: number): Promise<void>;
  /** Its data may stay for a second. */
  deleteTopic(name: string): Promise<void>;
  stop(): Promise<void>;
};

/** Records keep their own times, which may be old: nothing may expire while it is looked at. */
const TOPIC = { 'retention.ms': '-1' };
/**
 * What a deleted topic took is there for the next one soon: memory that a virtual machine has not touched for long costs
 * more than the broker itself. A deleted topic goes by the broker's default, whatever its own `file.delete.delay.ms` says.
 */
const BROKER = { 'log.segment.delete.delay.ms': '1000' };
const MEMORY_FS = '/dev/shm';
const MEMORY_FS_BYTES = 12 * 2 ** 30;

export async function startKafka(which: 'apache' | 'local' | null): Promise<Brokers> {
  const missing = which === 'local' ? 'not asked for' : missingPrerequisite();
  if (which === 'apache' && missing !== null) throw new Error(missing);
  return withTopics(missing === null ? await startApache({}) : await startLocal());
}

async function withTopics(started: Started): Promise<Brokers> {
  const admin = new Kafka({ brokers: started.brokers, clientId: 'bench', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return {
    ...started,
    createTopic: (name, partitions) => createTopic(admin, name, partitions),
    deleteTopic: (name) => admin.deleteTopics({ topics: [name] }),
    stop: async () => {
      await admin.disconnect();
      await started.stop();
    },
  };
}

/** Apache Kafka behind a network that can be made slow; null where it can't be started. */
export async function startShapedKafka(which: 'apache' | 'local' | null): Promise<ShapedKafka | null> {
  if (which === 'local' || missingPrerequisite() !== null) return null;
  const port = new ShapedPort();
  const advertised = `127.0.0.1:${await port.listen()}`;
  const started = await startApache({ 'advertised.listeners': `PLAIN://${advertised}` });
  port.target = started.brokers[0]!;
  const kafka = await withTopics({ ...started, brokers: [advertised] });
  return {
    kafka: {
      ...kafka,
      stop: async () => {
        await kafka.stop();
        await port.stop();
      },
    },
    port,
  };
}

export type ShapedKafka = { kafka: Brokers; port: ShapedPort };

type Started = { what: string; brokers: string[]; stop(): Promise<void> };

/** In memory where there is room: a disk would be measured with it. */
async function startApache(overrides: Record<string, string>): Promise<Started> {
  const { TMPDIR } = process.env;
  const inMemory = existsSync(MEMORY_FS) && freeBytes(MEMORY_FS) > MEMORY_FS_BYTES;
  if (inMemory) process.env['TMPDIR'] = MEMORY_FS;
  try {
    const kafka = await startApacheKafka({ overrides: { ...BROKER, ...overrides }, jvm: 'server' });
    const what = `Apache Kafka 4.4.0, one node, log ${inMemory ? 'in memory' : 'on disk'}`;
    return { what, brokers: kafka.brokers, stop: () => kafka.stop() };
  } finally {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  }
}

async function startLocal(): Promise<Started> {
  const broker = await startBroker();
  return { what: 'the local broker (no Apache Kafka)', brokers: broker.brokers, stop: () => broker.stop() };
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

async function createTopic(admin: Admin, topic: string, numPartitions: number): Promise<void> {
  const configEntries = Object.entries(TOPIC).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
  while (!(await hasLeaders(admin, topic))) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A broker hears of a new topic a little later than the one that made it. */
async function hasLeaders(admin: Admin, topic: string): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]!.partitions.every(({ leader }) => leader >= 0);
  } catch (error) {
    if ((error as { type?: string }).type === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
    throw error;
  }
}
