/**
 * What `cdk deploy` would give: the bundles and the template, run by the local Lambda runtime with a real DynamoDB table. A
 * source comes with one window, as the planner would have written it, that no one has published yet.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { windowDigest } from '../lambdas/protocol/digest.ts';
import type { Checkpoints } from '../lambdas/protocol/ports/checkpoints.ts';
import type { Meta } from '../lambdas/protocol/ports/state.ts';
import type { Range, Window } from '../lambdas/protocol/window.ts';
import { startAws, type LocalAws } from '../local/aws/start.ts';
import { buildAssembly, writeConfig } from '../local/demo/deploy.ts';
import { demoConfig, secretsOf } from '../local/demo/config.ts';
import type { Dataset } from './dataset.ts';
import type { Brokers } from './kafka.ts';
import { pin } from './processes.ts';
import { PROBE, type Probed } from './probe.ts';
import { emptyWindow, rangesOf, windowOf } from './window.ts';

/** A source without a window. */
const IDLE = 'idle';
const HOUR = 3_600_000;
/** Writes to the store side by side. */
const AT_ONCE = 20;
/** Room for every number of partitions that is measured. */
export const MOST_PARTITIONS = 64;

const YAML = `
app: bench
snowflake:
  account: stand-in
  user: SNOWMELT
  warehouse: WH
  auth: { method: token, secret: snowflake }
kafka:
  brokers: ["stand-in:9092"]
  tls: false
  topicChecks: report
sources:
  any:
    table: BENCH.PUBLIC.FLIGHTS
    key: [ID]
    topic: { name: bench.any, partitions: 6 }
`;

export type Source = {
  name: string;
  topic: string;
  topicPartitions: number;
  partitions: number;
  ranges: Range[];
  dataset: Dataset;
  /** Published first in the process that is measured then. */
  before: { name: string; topic: string } | null;
};
export type SourceOptions = {
  dataset: Dataset;
  /** Of the dataset on the server. */
  index: number;
  topicPartitions?: number;
  partitions?: number;
  reader?: 'chunks' | 'sdk';
  /** Whether the process has published such a window before: what an environment of Lambda does most of its life. */
  warm?: boolean;
};

export type Invocation = Probed & { wallMs: number; rssMb: number };

export class Deployment {
  readonly aws: LocalAws;
  readonly #base: ResolvedConfig;
  readonly #configPath: string;
  readonly #folder: string;
  readonly #store: Checkpoints;
  #made = 0;

  private constructor(aws: LocalAws, base: ResolvedConfig, configPath: string, folder: string) {
    this.aws = aws;
    this.#base = base;
    this.#configPath = configPath;
    this.#folder = folder;
    this.#store = createCheckpoints(base);
  }

  static async start(snowflakeUrl: string, kafka: Brokers): Promise<Deployment> {
    const folder = mkdtempSync(join(tmpdir(), 'snowmelt-bench-'));
    const demo = demoConfig(YAML, 'bench', null);
    const assembly = await buildAssembly(demo, folder);
    const configPath = join(folder, 'config.json');
    const profiles = process.env['BENCH_PROFILE'];
    const probe = new URL('./probe.ts', import.meta.url).href;
    const aws = await startAws({
      assembly,
      secrets: secretsOf(demo, { token: randomUUID(), privateKey: '' }),
      environment: {
        SNOWMELT_CONFIG: configPath,
        NODE_OPTIONS: `--enable-source-maps --import=${probe}`,
        ...(profiles === undefined ? {} : { BENCH_PROFILE: profiles }),
      },
      concurrency: 1,
      // A measured process serves no second invocation.
      idleMs: 500,
    });
    const base: ResolvedConfig = {
      ...demo.config,
      table: { ...demo.config.table, endpoint: aws.dynamodbUrl, region: 'us-east-1' },
      snowflake: { ...demo.config.snowflake, accessUrl: snowflakeUrl },
      kafka: { ...demo.config.kafka, brokers: kafka.brokers },
      aws: { ...demo.config.aws, endpoint: aws.url },
    };
    await kafka.createTopic(base.kafka.controlTopic, MOST_PARTITIONS);
    return new Deployment(aws, base, configPath, folder);
  }

  /** A source that is new to all, with a snapshot of the dataset to publish; its topic is the caller's to make. */
  async source(options: SourceOptions): Promise<Source> {
    const { dataset, index, topicPartitions = 6, partitions = 1, reader = 'chunks', warm = false } = options;
    const name = `run-${++this.#made}`;
    const object = { database: 'BENCH', schema: 'PUBLIC', name: dataset.table.toUpperCase() };
    const settings = { ...this.#base.sources[0]!, object, topicPartitions, partitions };
    const [source, before = null] = [name, ...(warm ? [`${name}-before`] : [])].map((each) => ({
      ...settings,
      name: each,
      topic: `bench.${each}`,
    }));
    const configured = [source!, ...(before === null ? [] : [before])];
    writeConfig(
      {
        ...this.#base,
        snowflake: { ...this.#base.snowflake, reader },
        sources: [...configured, { ...settings, name: IDLE }],
      },
      this.#configPath,
    );
    await this.#store.create(IDLE, { ...NEW_META, incarnation: randomUUID() });
    await this.#store.putPartitions(IDLE, 1);
    const ranges = rangesOf(dataset.rows, partitions);
    for (const each of configured) await this.#begun(each, NEW_META, windowOf(dataset, index, ranges));
    return { name, topic: source!.topic, topicPartitions, partitions, ranges, dataset, before };
  }

  /** So many sources of one schedule, all published, of which none has changed: `token` is what the gate says of each. */
  async quietSources(count: number, token: string): Promise<void> {
    const any = this.#base.sources[0]!;
    const sources = Array.from({ length: count }, (_, at) => {
      const name = `quiet-${count}-${at}`;
      return { ...any, name, object: { ...any.object, name: `T${at}` }, topic: `bench.${name}`, topicPartitions: 6 };
    });
    writeConfig({ ...this.#base, sources }, this.#configPath);
    const at = Date.now();
    const meta = {
      ...NEW_META,
      finishedThrough: 1,
      caughtUpAt: at,
      sightings: [{ token, at: at - HOUR, createdOn: null }],
    };
    const window = { ...emptyWindow(), covered: token };
    for (let first = 0; first < count; first += AT_ONCE)
      await Promise.all(sources.slice(first, first + AT_ONCE).map((source) => this.#begun(source, meta, window)));
  }

  /** What the planner leaves in the store: one layout, one window. */
  async #begun(source: ResolvedSource, meta: Omit<Meta, 'incarnation'>, window: Omit<Window, 'digest'>): Promise<void> {
    const { name, object, information, key, topic, topicPartitions, partitions } = source;
    const incarnation = randomUUID();
    await this.#store.create(name, { ...meta, incarnation });
    await this.#store.putPartitions(name, partitions);
    const cut = { partitions, object, information, key, topic, topicPartitions };
    await this.#store.putLayout(name, { number: 1, deployment: 1, ...cut });
    await this.#store.putWindow(name, { ...window, digest: windowDigest(incarnation, window) });
  }

  /** One tick over all sources of the configuration, in a process that had one before. */
  async tick(): Promise<Invocation> {
    const tick = () => this.aws.invoke('snowmelt-bench-plan', { every: this.#base.sources[0]!.every });
    const outcome = await tick();
    if (!('payload' in outcome)) throw new Error('the tick failed');
    return this.#measured('plan', tick);
  }

  /** A process that is up, whose last invocation has found nothing to do, or published what goes before the source. */
  async ready(source: Source, partition: number): Promise<void> {
    await this.#publish(IDLE, 0);
    if (source.before !== null) await this.#publish(source.before.name, partition);
  }

  /** One whole invocation of publish in the process that is ready, pinned; throws unless it publishes the whole range. */
  publish(source: Source, partition: number): Promise<Invocation> {
    return this.#measured(
      'publish',
      () => this.#publish(source.name, partition),
      async () => {
        const rows = source.ranges.find((range) => range.partition === partition)?.rows ?? 0;
        const item = await this.#store.partition(source.name, partition);
        return item?.position?.row === rows;
      },
    );
  }

  /** An invocation in the process that is up already, pinned. @throws with its log when it failed, or `done` says no */
  async #measured(
    name: string,
    invoke: () => ReturnType<LocalAws['invoke']>,
    done: () => Promise<boolean> = async () => true,
  ): Promise<Invocation> {
    const pid = this.aws.children().find((child) => child.function.endsWith(`-${name}`))!.pid;
    pin(pid);
    await this.#probe(pid);
    const ended = new Promise<{ durationMs: number; maxMemoryBytes: number | null }>((resolve) =>
      this.aws.notices.once('end', resolve),
    );
    const logged: string[] = [];
    const log = ({ line }: { line: string }) => logged.push(line);
    this.aws.notices.on('log', log);
    const outcome = await invoke();
    const { durationMs, maxMemoryBytes } = await ended;
    const probed = await this.#probe(pid);
    this.aws.notices.off('log', log);
    if (!('payload' in outcome) || !(await done())) throw new Error(`${name} failed:\n${logged.join('\n')}`);
    await this.#gone(pid);
    return { ...probed, wallMs: durationMs, rssMb: (maxMemoryBytes ?? 0) / 2 ** 20 };
  }

  async close(): Promise<void> {
    await this.aws.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #publish(source: string, partition: number) {
    return this.aws.invoke('snowmelt-bench-publish', { detail: { source, partition } });
  }

  #probe(pid: number): Promise<Probed> {
    return new Promise((resolve) => {
      const onLog = (log: { pid: number; line: string }) => {
        if (log.pid !== pid || !log.line.startsWith(PROBE)) return;
        this.aws.notices.off('log', onLog);
        resolve(JSON.parse(log.line.slice(PROBE.length)) as Probed);
      };
      this.aws.notices.on('log', onLog);
      process.kill(pid, 'SIGUSR2');
    });
  }

  /** The environment ends when it was idle for long enough. */
  async #gone(pid: number): Promise<void> {
    while (this.aws.children().some((child) => child.pid === pid))
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const NEW_META: Omit<Meta, 'incarnation'> = {
  clusterId: null,
  sightings: [],
  scan: null,
  request: null,
  finishedThrough: 0,
  recountedThrough: 0,
  paused: false,
  retentionMs: 86_400_000,
  caughtUpAt: null,
  lastError: null,
};
