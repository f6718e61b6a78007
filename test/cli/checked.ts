/** Setups that `check` is held against: a source has a database and topics of its own, a deployment a role and a control topic. */
import { expect } from 'vitest';
import { createMembers } from '../../lambdas/checkpoints/members.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { ErrorCode } from '../../lambdas/errors.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import type { Parts } from '../../lambdas/operate/check/index.ts';
import { recover, type Way } from '../../lambdas/protocol/recover.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { sourceOn, type Stands } from '../faults/pipeline.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
/** Everything of it may be broken. */
export type Deployment = { role: string; token: string; config: ResolvedConfig; parts: Parts };
export type Setup = Pick<Deployment, 'role' | 'config'> & {
  deployment: Deployment;
  source: Writable<ResolvedSource>;
  table: string;
};
export type Broken = {
  name: string;
  make: (setup: Setup) => unknown;
  code: ErrorCode;
  /** Where the fix is a setting of the configuration, or somebody else's. */
  mend?: (setup: Setup) => unknown;
};

const clock = { now: () => Date.now(), remainingMs: () => 600_000, pause: () => Promise.resolve() };

export class Setups {
  readonly #stands: Stands;
  #made = 0;

  constructor(stands: Stands) {
    this.#stands = stands;
  }

  async makeTopic(topic: string, numPartitions: number, settings: Record<string, string> = {}): Promise<void> {
    const configEntries = Object.entries({ 'min.insync.replicas': '2', ...settings }).map(([name, value]) => ({
      name,
      value,
    }));
    await this.#stands.kafka.admin.createTopics({
      topics: [{ topic, numPartitions, replicationFactor: 3, configEntries }],
      waitForLeaders: true,
    });
  }

  /** Without a source. */
  async deploy(): Promise<Deployment> {
    const role = `CHECKED_${++this.#made}`;
    const base = this.#stands.kafka.config({
      topicChecks: 'strict',
      controlTopic: `${this.#stands.kafka.app}.control-${this.#made}`,
    });
    const snowflake = {
      account: 'acct',
      accessUrl: this.#stands.snowflake.url,
      user: 'SNOWMELT',
      role,
      warehouse: 'WH',
    };
    const config = { ...base, snowflake: { ...base.snowflake, ...snowflake } };
    await this.makeTopic(config.kafka.controlTopic, 2);
    await this.#stands.sql(`CREATE ROLE ${role}`);
    const deployment: Deployment = {
      role,
      token: 'snowmelt',
      config,
      parts: {
        checkpoints: this.#stands.table.store,
        members: createMembers({
          table: { ...config.table, name: this.#stands.table.name, endpoint: this.#stands.table.proxy.url },
        }),
        clock,
        snowflake: () => Promise.resolve(createSnowflake(config, { token: deployment.token })),
        kafka: () => Promise.resolve(createKafka(config, null)),
        registry: () => Promise.resolve(),
        events: () => Promise.resolve(),
      },
    };
    return deployment;
  }

  /** With nothing wrong. */
  async withSource(deployment: Deployment): Promise<Setup> {
    const n = ++this.#made;
    const [database, name] = [`D${n}`, `checked-${n}`];
    const topic = `${this.#stands.kafka.app}.${name}`;
    const source = sourceOn(name, { database, schema: 'PUBLIC', name: 'T' }, topic);
    deployment.config.sources.push(source);
    await this.makeTopic(topic, 3);
    const table = `${database}.PUBLIC.T`;
    await this.#stands.sql(
      `CREATE DATABASE ${database}`,
      `CREATE TABLE ${table} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) DATA_RETENTION_TIME_IN_DAYS = 1`,
      ...snowflakeGrants({ ...deployment.config, sources: [source] }),
    );
    return { deployment, role: deployment.role, config: deployment.config, source, table };
  }

  /** Runs a line of a fix as the tool that it names would. */
  async runFix({ source, config }: Setup, line: string): Promise<void> {
    const words = line.split(' ');
    const option = (name: string) => words[words.indexOf(`--${name}`) + 1]!;
    const { admin } = this.#stands.kafka;
    if (line.startsWith('-- if ')) return;
    if (/^(GRANT|ALTER) /.test(line)) return this.#stands.sql(line);
    if (line.startsWith('kafka-topics.sh') && words.includes('--create')) {
      const [name, value] = option('config').split('=');
      const numPartitions = Number(option('partitions'));
      const replicationFactor = Number(option('replication-factor'));
      const configEntries = [{ name: name!, value: value! }];
      await admin.createTopics({
        topics: [{ topic: option('topic'), numPartitions, replicationFactor, configEntries }],
      });
    } else if (line.startsWith('kafka-topics.sh')) {
      await this.#stands.kafka.grow(option('topic'), Number(option('partitions')));
    } else if (line.startsWith('kafka-configs.sh')) {
      const [name, value] = option('add-config').split('=');
      const entry = { name: name!, value: value! };
      const resource = { type: 2 as never, name: option('entity-name'), configEntries: [entry] };
      await admin.alterConfigs({ validateOnly: false, resources: [resource] });
    } else if (line.startsWith('npx snowmelt recover')) {
      expect(words[3]).toBe(source.name);
      const kafka = createKafka(config, null);
      const settings = { leaseMs: 60_000, offsetsRetentionMs: config.kafka.offsetsRetentionMs };
      const ports = { checkpoints: this.#stands.table.store, kafka, clock };
      await recover(ports, settings, sourcePlan(config, source), option('take') as Way);
      await kafka.close();
    } else throw new Error(`nothing runs: ${line}`);
  }
}
