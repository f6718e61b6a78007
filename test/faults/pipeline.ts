/**
 * The whole pipeline in one process over real parts: snowflake-sdk, kafkajs and the AWS SDK against the stand-ins (Kafka
 * and DynamoDB: the real ones where the environment names them). A tick moves Snowflake's clock a minute on.
 */
import { createBudget } from '../../lambdas/checkpoints/budget.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { finish, plan, type PlanPorts } from '../../lambdas/protocol/plan.ts';
import { publish, type PublishPorts, type PublishResult } from '../../lambdas/protocol/publish.ts';
import { recount } from '../../lambdas/protocol/recount.ts';
import { inspect, recover, type Findings, type RecoverPorts, type Way } from '../../lambdas/protocol/recover.ts';
import type { PartitionItem, SourceState } from '../../lambdas/protocol/ports/state.ts';
import { planSettings, publishSettings, recountSettings, sourcePlan, writeConfig } from '../../lambdas/settings.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { startSnowflake, type Snowflake, type SnowflakeOptions } from '../../local/snowflake/client.ts';
import { startTable, type TestTable } from '../checkpoints/table.ts';
import { shopOf } from '../config/shop.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { Fixture } from '../kafka/fixture.ts';
import { connect, run, type Row } from '../local/sdk.ts';
import { MemoryEvents, MemoryTelemetry } from '../protocol/ports/effects.ts';

const MINUTE = 60_000;
/** What the secret of `snowflake.maskSalt` holds. */
export const SALT = 'salt and pepper';

export type Overrides = {
  source?: Partial<ResolvedSource>;
  kafka?: Partial<ResolvedConfig['kafka']>;
  snowflake?: Partial<ResolvedConfig['snowflake']>;
  registry?: ResolvedConfig['registry'];
  token?: string;
  /** Another table than the stands': a second deployment, say. */
  table?: TestTable;
};

type Envelope = { op: string; before: unknown; after: unknown; source: { window: number | bigint } };

let sources = 0;

/** Two partitions of a table whose key is ID, to a topic of three. */
export function sourceOn(name: string, object: ResolvedSource['object'], topic: string): ResolvedSource {
  return {
    name,
    object,
    information: 'DEFAULT',
    key: ['ID'],
    topic,
    topicPartitions: 3,
    partitions: 2,
    delivery: 'exactly-once',
    every: 'rate(1 minute)',
    freshnessMs: null,
    memory: null,
    paused: false,
    format: { type: 'json', key: 'json', envelope: 'debezium', tombstones: true },
  };
}

export class Stands {
  readonly snowflake: Snowflake;
  readonly kafka: Fixture;
  readonly table: TestTable;
  readonly #writer: Awaited<ReturnType<typeof connect>>;
  #skew = 0;

  private constructor(
    snowflake: Snowflake,
    kafka: Fixture,
    table: TestTable,
    writer: Awaited<ReturnType<typeof connect>>,
  ) {
    this.snowflake = snowflake;
    this.kafka = kafka;
    this.table = table;
    this.#writer = writer;
  }

  static async start(options: SnowflakeOptions = {}): Promise<Stands> {
    const [snowflake, kafka, table] = await Promise.all([startSnowflake(options), Fixture.start(), startTable()]);
    const writer = await connect({
      account: 'acct',
      accessUrl: snowflake.url,
      username: 'SNOWMELT',
      password: 'snowmelt',
      warehouse: 'WH',
    });
    await run(writer, 'CREATE DATABASE IF NOT EXISTS DB');
    return new Stands(snowflake, kafka, table, writer);
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#writer.destroy(resolve));
    await Promise.all([this.snowflake.stop(), this.kafka.stop(), this.table.close()]);
  }

  async sql(...statements: string[]): Promise<void> {
    for (const statement of statements) await run(this.#writer, statement);
  }

  /** Rows of one statement, as arrays of text. */
  async rows(statement: string): Promise<Row[]> {
    return (await run(this.#writer, statement)).rows;
  }

  async passMinutes(minutes: number): Promise<void> {
    this.#skew += minutes * MINUTE;
    await this.snowflake.control.engine({ clockSkewMs: this.#skew });
  }

  /** Snowflake's clock. */
  now(): number {
    return Date.now() + this.#skew;
  }

  /** A source as its user writes it, with copies and stages in DB.STAGING; the topic is the fixture's. */
  configured(settings: object): Promise<Pipeline> {
    const [resolved] = shopOf({ s: { topic: { name: 't', partitions: 3 }, ...settings } }).sources;
    const { name: _, topic: _topic, ...rest } = resolved!;
    return this.pipeline({ source: rest });
  }

  /** A source of its own on table DB.PUBLIC.<name> (made by the caller) with its topic. */
  async pipeline(overrides: Overrides = {}): Promise<Pipeline> {
    const name = `s${++sources}-${Date.now().toString(36)}`;
    const object = { database: 'DB', schema: 'PUBLIC', name: `T${sources}` };
    const source = { ...sourceOn(name, object, `${this.kafka.app}.${name}`), ...overrides.source };
    if (overrides.source?.topic === undefined) await this.kafka.createTopic(source.topic, 3);
    await this.kafka.grant([source.topic]);
    return new Pipeline(this, source, overrides);
  }
}

function partitionsOf(calls: readonly { partition: number }[]): number[] {
  return [...new Set(calls.map(({ partition }) => partition))];
}

export class Pipeline {
  readonly source: ResolvedSource;
  readonly config: ResolvedConfig;
  readonly telemetry = new MemoryTelemetry();
  readonly #stands: Stands;
  readonly #token: string;
  readonly #table: TestTable;
  #workers = 0;

  constructor(stands: Stands, source: ResolvedSource, overrides: Overrides) {
    this.#stands = stands;
    this.source = source;
    this.#token = overrides.token ?? 'snowmelt';
    this.#table = overrides.table ?? stands.table;
    const base = stands.kafka.config(overrides.kafka);
    this.config = {
      ...base,
      snowflake: {
        ...base.snowflake,
        account: 'acct',
        accessUrl: stands.snowflake.url,
        user: 'SNOWMELT',
        warehouse: 'WH',
        ...overrides.snowflake,
      },
      registry: overrides.registry ?? null,
      sources: [source],
    };
  }

  /** The name of the source's table. */
  get tableName(): string {
    return `DB.PUBLIC.${this.source.object.name}`;
  }

  /** Of a key or an envelope. */
  decode: (bytes: Uint8Array) => unknown = (bytes) => JSON.parse(Buffer.from(bytes).toString());
  /** What a planner is handed instead of its ports. */
  wrap: (ports: PlanPorts) => PlanPorts = (ports) => ports;
  /** How long was paused in all; nobody waits for it, but the clock goes on. */
  paused = 0;
  #clock = {
    now: () => Date.now() + this.paused,
    remainingMs: () => 600_000,
    pause: async (ms: number) => void (this.paused += ms),
  };

  async #plan(work: (ports: PlanPorts) => Promise<void>): Promise<MemoryEvents['calls']> {
    const events = new MemoryEvents();
    const snowflake = createSnowflake(this.config, { token: this.#token }, SALT);
    try {
      const { telemetry } = this;
      const ports = { snowflake, checkpoints: this.#table.store, events, telemetry, clock: this.#clock };
      await work(this.wrap({ ...ports, ...this.#budget() }));
    } finally {
      await snowflake.close();
    }
    return events.calls;
  }

  /** Of `config.budget`, in the table of the checkpoints. */
  #budget() {
    const { name, proxy } = this.#table;
    const table = { name, endpoint: proxy.url, region: 'us-east-1' };
    const budget = createBudget({ table, ...(this.config.budget && { budget: this.config.budget }) });
    return budget === undefined ? {} : { budget };
  }

  /** One tick of the schedule; answers the partitions that were called. */
  async tick(): Promise<number[]> {
    const due = this.config.sources.map((source) => sourcePlan(this.config, source));
    return partitionsOf(await this.#plan((ports) => plan(ports, planSettings(this.config), due, due)));
  }

  /** One tick of a schedule that they all are on, of one account and one configuration; answers who was called. */
  static async tickAll(pipelines: readonly Pipeline[]): Promise<{ pipeline: Pipeline; partition: number }[]> {
    const [first] = pipelines;
    const due = pipelines.map(({ config, source }) => sourcePlan(config, source));
    const calls = await first!.#plan((ports) => plan(ports, planSettings(first!.config), due, due));
    return pipelines.flatMap((pipeline) => {
      const own = calls.filter(({ source }) => source === pipeline.source.name);
      return partitionsOf(own).map((partition) => ({ pipeline, partition }));
    });
  }

  async finish(): Promise<number[]> {
    const all = this.config.sources.map((source) => sourcePlan(this.config, source));
    return partitionsOf(await this.#plan((ports) => finish(ports, planSettings(this.config), all)));
  }

  async publish(partition: number): Promise<PublishResult> {
    const snowflake = createSnowflake(this.config, { token: this.#token }, SALT);
    const kafka = createKafka(writeConfig(this.config, this.source), null);
    const ports: PublishPorts = {
      snowflake,
      kafka,
      encoders: createEncoders(this.config, this.source, { pace: { timeoutMs: 2_000, pauseMs: 1 } }),
      checkpoints: this.#table.store,
      events: new MemoryEvents(),
      telemetry: this.telemetry,
      clock: this.#clock,
      ...this.#budget(),
    };
    try {
      return await publish(
        ports,
        publishSettings(this.config, this.source),
        this.source.name,
        partition,
        `w${++this.#workers}`,
      );
    } finally {
      await Promise.all([snowflake.close(), kafka.close()]);
    }
  }

  async recount(): Promise<void> {
    const snowflake = createSnowflake(this.config, { token: this.#token }, SALT);
    const ports = { snowflake, checkpoints: this.#table.store, telemetry: this.telemetry, clock: this.#clock };
    // Snowflake's clock is set ahead of ours.
    const settings = { ...recountSettings(this.config), afterMs: -Infinity };
    try {
      await recount(ports, settings, [sourcePlan(this.config, this.source)]);
    } finally {
      await snowflake.close();
    }
  }

  /** What an operator finds; with `way`, the way out taken. */
  async recover(way?: Way): Promise<Findings> {
    const kafka = createKafka(this.config, null);
    const ports: RecoverPorts = { checkpoints: this.#table.store, kafka, clock: this.#clock };
    const settings = { leaseMs: 60_000, offsetsRetentionMs: this.config.kafka.offsetsRetentionMs };
    const plan = sourcePlan(this.config, this.source);
    try {
      return await (way === undefined ? inspect(ports, settings, plan) : recover(ports, settings, plan, way));
    } finally {
      await kafka.close();
    }
  }

  get store() {
    return this.#table.store;
  }

  get table(): TestTable {
    return this.#table;
  }

  /** Ticks a minute apart, publishing whatever is called. */
  async run(ticks: number): Promise<void> {
    for (let tick = 0; tick < ticks; tick++) {
      for (const partition of await this.tick()) await this.publish(partition);
      await this.#stands.passMinutes(1);
    }
  }

  async state(): Promise<SourceState | null> {
    return this.#table.store.look(this.source.name);
  }

  async partition(partition: number): Promise<PartitionItem> {
    return (await this.#table.store.partition(this.source.name, partition))!;
  }

  /** `op key` of each visible record in the order of the log, topic partition by topic partition. */
  async published(): Promise<{ op: string; key: unknown; before: unknown; after: unknown; window: number }[]> {
    const records = await readCommitted(this.#stands.kafka.target.brokers, this.source.topic);
    return records.map(({ bytes: { key, value } }) => {
      const parsed =
        value === null
          ? { op: 'tombstone', before: null, after: null, source: { window: 0 } }
          : (this.decode(value) as Envelope);
      const { op, before, after, source } = parsed;
      return { op, key: this.decode(key), before, after, window: Number(source.window) };
    });
  }

  /** Values by key as a consumer has them that folds the topic; op t empties it. */
  async folded(): Promise<Record<string, unknown>> {
    const state = new Map<string, unknown>();
    // A key may have changed its topicPartition between two windows; within one it never does.
    const inOrder = (await this.published()).toSorted((a, b) => a.window - b.window);
    for (const { op, key, after } of inOrder) {
      if (op === 't') state.clear();
      else if (op === 'tombstone') continue;
      else if (op === 'd') state.delete(JSON.stringify(key));
      else state.set(JSON.stringify(key), after);
    }
    return Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Codes of the errors told so far. */
  get codes(): string[] {
    return this.telemetry.errors.map((error) => (error as Error & { code: string }).code);
  }
}
