/**
 * Everything that runs: the stand-ins that the configuration asks for, each a child process that dies with this one, the
 * deployed functions, and, for a checked run, the proxies on the wire.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { startApacheKafka } from '../../test/apache-kafka/start.ts';
import { LOCAL_STACK } from '../../cli/common.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { startDynamoProxy, type DynamoProxy } from '../aws/dynamo-proxy.ts';
import { startAws, type AwsOptions, type LocalAws } from '../aws/start.ts';
import { startBroker } from '../kafka/client.ts';
import { startKafkaProxy, type KafkaProxy } from '../kafka/proxy.ts';
import { ConfluentStandIn } from '../registry/confluent.ts';
import { startSnowflake, type Snowflake, type SnowflakeOptions, type SnowflakeUser } from '../snowflake/client.ts';
import { startSnowflakeProxy, type SnowflakeProxy } from '../snowflake/proxy.ts';
import type { Arguments } from './arguments.ts';
import { secretsOf, withAddresses, type DemoConfig } from './config.ts';
import { buildAssembly, writeConfig } from './deploy.ts';

export type Stack = {
  /** With all addresses filled in: what the functions read. */
  config: ResolvedConfig;
  /** null: a real account. */
  snowflake: Snowflake | null;
  /** The brokers themselves, behind the proxy if there is one. */
  brokers: string[];
  aws: LocalAws;
  /** Where the functions' calls to DynamoDB can be intercepted, whichever DynamoDB it is. */
  intercept: LocalAws['intercept'];
  /** null unless the wire is watched. */
  kafkaProxy: KafkaProxy | null;
  /** null unless the wire to Snowflake is watched. */
  snowflakeProxy: SnowflakeProxy | null;
  /** Temporary folder of this run, with the ledger and the log of all functions; deleted by `close` unless `keep` was called. */
  folder: string;
  /** Adds a line of one's own to the log, with the time. */
  log(line: string): void;
  keep(): void;
  close(): Promise<void>;
};

export const WRITER = { user: 'WRITER', password: 'writer', warehouse: 'WRITER_WH' } as const;

/** The local scheduler's minute. */
const MINUTE_MS = 2_000;

/** What one machine can do: where many sources come due together, ticks would pile up, each in the way of the others. */
const FEW_SOURCES = 4;
const MANY = { minuteMs: 6_000, aws: { concurrency: 3 } };

export type Pace = { minuteMs: number; aws?: { concurrency: number } };

export function paceOf({ config }: Pick<DemoConfig, 'config'>): Pace {
  return config.sources.length > FEW_SOURCES ? MANY : { minuteMs: MINUTE_MS };
}

export type StackOptions = {
  watchWire: boolean;
  watchSnowflake?: boolean;
  minuteMs?: number;
  replication?: number;
  /** Of the control topic; absent: as many as any source has. */
  controlPartitions?: number;
  /** Instead of the broker that the arguments name. */
  kafka?: () => Promise<RunningKafka>;
  snowflake?: SnowflakeOptions;
  aws?: Partial<AwsOptions>;
};

export async function startStack(
  demo: DemoConfig,
  args: Pick<Arguments, 'broker' | 'seed'>,
  options: StackOptions,
): Promise<Stack> {
  const { minuteMs = MINUTE_MS } = options;
  const folder = mkdtempSync(join(tmpdir(), 'snowmelt-'));
  let kept = false;
  const closing: (() => unknown)[] = [
    () => {
      if (!kept) rmSync(folder, { recursive: true, force: true });
    },
  ];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  const closeLater = <T extends { stop(): Promise<void> }>(started: T): T => {
    closing.push(() => started.stop());
    return started;
  };
  try {
    const { config, standIns } = demo;
    const keys = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const token = crypto.randomUUID();
    const secrets = secretsOf(demo, { token, privateKey: keys.privateKey });

    // Whatever fails first, what did start is stopped.
    const [assembly, snowflake, kafka] = await allOrThrow(
      buildAssembly(demo, folder),
      standIns.snowflake
        ? startSnowflake({
            users: usersOf(config, keys.publicKey, token),
            accountingScale: 60_000 / minuteMs,
            ...options.snowflake,
          }).then(closeLater)
        : null,
      standIns.kafka ? (options.kafka ?? (() => startKafka(args.broker)))().then(closeLater) : null,
    );

    const brokers = kafka?.brokers ?? config.kafka.brokers;
    if (kafka !== null) await createTopics(brokers, config, options);
    const kafkaProxy = options.watchWire ? closeLater(await startKafkaProxy(brokers)) : null;

    const snowflakeProxy =
      snowflake === null || options.watchSnowflake !== true ? null : await startSnowflakeProxy(snowflake.url);
    if (snowflakeProxy !== null) closing.push(() => snowflakeProxy.close());

    const registry = standIns.registry ? await ConfluentStandIn.start() : null;
    closing.push(() => registry?.close());

    const configPath = join(folder, 'config.json');
    const aws = await startAws({
      assembly,
      secrets,
      environment: { SNOWMELT_CONFIG: configPath },
      minuteMs,
      doubled: 0.1,
      seed: args.seed,
      ...options.aws,
    });
    closing.push(() => aws.close());
    const logFile = createWriteStream(join(folder, 'functions.log'));
    closing.push(() => new Promise((resolve) => logFile.end(resolve)));
    // Processes that are ended last still have something to say.
    const log = (line: string) => {
      if (!logFile.writableEnded) logFile.write(`${new Date().toISOString()} ${line}\n`);
    };
    aws.notices.on('log', ({ function: name, pid, line }) => log(`${name} ${pid} ${line}`));
    aws.notices.on('end', ({ function: name, pid, outcome }) => {
      if ('failure' in outcome) log(`${name} ${pid} ended: ${outcome.failure.reason} ${outcome.failure.message}`);
    });
    const dynamo = standIns.dynamodb || !options.watchWire ? null : await startDynamoProxy(config.table.endpoint!);
    if (dynamo !== null) closing.push(() => dynamo.close());

    const filled = withAddresses(config, {
      snowflake: snowflakeProxy?.url ?? snowflake?.url ?? null,
      brokers: kafkaProxy?.brokers ?? (kafka === null ? null : brokers),
      dynamodb: standIns.dynamodb ? aws.url : (dynamo?.url ?? null),
      registry: registry?.url ?? null,
      aws: aws.url,
    });
    writeConfig(filled, configPath);
    const keep = () => {
      kept = true;
    };
    const intercept = interceptWith(aws, dynamo);
    const proxies = { kafkaProxy, snowflakeProxy };
    return { config: filled, snowflake, brokers, aws, intercept, ...proxies, folder, log, keep, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Lets `npx snowmelt --local` find the stack while this process lives; the newest one. */
export function announce(stack: Stack): void {
  writeFileSync(LOCAL_STACK, JSON.stringify({ config: join(stack.folder, 'config.json'), pid: process.pid }));
}

/** Of the product; where the configuration names none, the stand-in has this one as its user's default. */
export function roleOf({ role, user }: ResolvedConfig['snowflake']): string {
  return role ?? user;
}

function usersOf(config: ResolvedConfig, publicKey: string, token: string): SnowflakeUser[] {
  return [
    {
      name: config.snowflake.user,
      publicKeys: [publicKey],
      accessTokens: [token],
      defaultRole: roleOf(config.snowflake),
    },
    { name: WRITER.user, password: WRITER.password },
  ];
}

/** As Promise.all, but waits for all of them, so that nothing is left starting. */
async function allOrThrow<A, B, C>(
  a: Promise<A>,
  b: Promise<B> | null,
  c: Promise<C> | null,
): Promise<[A, B | null, C | null]> {
  await Promise.allSettled([a, b ?? undefined, c ?? undefined]);
  return [await a, await b, await c];
}

export type RunningKafka = { brokers: string[]; stop(): Promise<void> };

async function startKafka(which: Arguments['broker']): Promise<RunningKafka> {
  if (which === 'apache') return startApacheKafka();
  const broker = await startBroker();
  return { brokers: [broker.broker], stop: () => broker.stop() };
}

function interceptWith(aws: LocalAws, dynamo: DynamoProxy | null): LocalAws['intercept'] {
  return dynamo === null
    ? (interceptor) => aws.intercept(interceptor)
    : (interceptor) => dynamo.interceptors.add(interceptor);
}

/** Each source's topics, and the control topic with a partition for each source partition. */
async function createTopics(brokers: string[], config: ResolvedConfig, options: StackOptions): Promise<void> {
  const admin = new Kafka({ brokers, clientId: 'demo', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const data = new Map(config.sources.map(({ topic, topicPartitions }) => [topic, topicPartitions]));
    for (const { schemaTopic, progressTopic, deadLetterTopic } of config.sources) {
      for (const told of [schemaTopic, progressTopic, deadLetterTopic])
        if (told !== undefined) data.set(told.name, told.partitions);
    }
    const control = options.controlPartitions ?? Math.max(...config.sources.map(({ partitions }) => partitions));
    await admin.createTopics({
      waitForLeaders: true,
      topics: [...data.set(config.kafka.controlTopic, control)].map(([topic, numPartitions]) => ({
        topic,
        numPartitions,
        replicationFactor: options.replication ?? 1,
      })),
    });
  } finally {
    await admin.disconnect();
  }
}
