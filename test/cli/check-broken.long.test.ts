/**
 * `check` over the stand-ins: each broken setup gives exactly its code, and what is named as the fix, run as it stands, mends
 * it. What takes longer is in check.long.test.ts.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { loadConfig } from '../../lambdas/config/load.ts';
import type { ResolvedQuery, ResolvedShape } from '../../lambdas/config/resolved.ts';
import { reach } from '../../lambdas/encoding/registries/registry.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { check, type Failure } from '../../lambdas/operate/check/index.ts';
import { startServer } from '../aws/server.ts';
import { layout, META } from '../checkpoints/table.ts';
import { Stands } from '../faults/pipeline.ts';
import { append, markerAt, requestFor } from '../kafka/fixture.ts';
import { Setups, type Broken, type Setup } from './checked.ts';
import { snowmelt } from './snowmelt.ts';

let stands: Stands;
let checked: Setups;
beforeAll(async () => {
  stands = await Stands.start();
  checked = new Setups(stands);
});
afterAll(() => stands.stop());

async function removeTopic(topic: string): Promise<void> {
  await stands.kafka.admin.deleteTopics({ topics: [topic] });
}

const sql = (statement: (setup: Setup) => string) => (setup: Setup) => stands.sql(statement(setup));

/** A query over the table in the place of the table, with all that it takes. */
async function asQuery(setup: Setup, change: Partial<ResolvedQuery> = {}): Promise<void> {
  const { source, config, table } = setup;
  const watch = [source.object];
  source.object = { ...source.object, name: source.name };
  source.query = { text: `SELECT ID, NAME FROM ${table}`, mode: 'bulk', cursor: null, lag: 0, watch, ...change };
  await stands.sql(...snowflakeGrants({ ...config, sources: [source] }));
}

const shape = (change: Partial<ResolvedShape>): ResolvedShape => ({
  ...{ include: null, exclude: [], computed: [], where: null, masks: [], skip: [] },
  ...change,
});
const unshaped = ({ source }: Setup) => delete source.shape;

/** A position in Kafka that another deployment committed. */
async function publishElsewhere({ source, config }: Setup): Promise<void> {
  const kafka = createKafka(config, null);
  const producer = await kafka.open({ ...requestFor(source.name, source.topic, 3), partitions: 2 });
  append(producer, 'key', 'value');
  await producer.commit(markerAt(1, 1));
  await producer.close();
  await kafka.close();
}

/** Of one source. */
const SOURCES: Broken[] = [
  {
    name: 'no USAGE on the database',
    make: sql(({ role, source }) => `REVOKE USAGE ON DATABASE ${source.object.database} FROM ROLE ${role}`),
    code: 'OBJECT_MISSING',
  },
  {
    name: 'no USAGE on the schema',
    make: sql(({ role, source }) => `REVOKE USAGE ON SCHEMA ${source.object.database}.PUBLIC FROM ROLE ${role}`),
    code: 'OBJECT_MISSING',
  },
  {
    name: 'no SELECT on the table',
    make: sql(({ role, table }) => `REVOKE SELECT ON TABLE ${table} FROM ROLE ${role}`),
    code: 'OBJECT_MISSING',
  },
  {
    name: 'change tracking is off',
    make: sql(({ table }) => `ALTER TABLE ${table} SET CHANGE_TRACKING = FALSE`),
    code: 'TRACKING_OFF',
  },
  {
    name: 'the table keeps no history',
    make: sql(({ table }) => `ALTER TABLE ${table} SET DATA_RETENTION_TIME_IN_DAYS = 0`),
    code: 'RETENTION_ZERO',
  },
  {
    name: 'it is read as seldom as its history is long',
    make: ({ source }) => (source.every = 'rate(1 day)'),
    code: 'RETENTION_SHORT',
  },
  {
    name: 'a key that the table lacks',
    make: ({ source }) => (source.key = ['ORDER_ID']),
    code: 'KEY_INVALID',
    mend: ({ source }) => (source.key = ['ID']),
  },
  {
    name: 'a column is left out that the table lacks',
    make: ({ source }) => (source.shape = shape({ exclude: ['NAMES'] })),
    code: 'COLUMN_MISSING',
    mend: unshaped,
  },
  {
    name: 'a condition over a column that the table lacks',
    make: ({ source }) => (source.shape = shape({ where: "NAMES = 'x'" })),
    code: 'SNOWFLAKE_STATEMENT',
    mend: unshaped,
  },
  {
    name: 'a query that is none',
    make: (setup) => asQuery(setup, { text: `SELECT ID, NAMES FROM ${setup.table}` }),
    code: 'QUERY_INVALID',
    mend: ({ source, table }) => (source.query!.text = `SELECT ID FROM ${table}`),
  },
  { name: 'no topic', make: ({ source }) => removeTopic(source.topic), code: 'TOPIC_DIFFERS' },
  {
    name: 'a topic with too few partitions',
    make: ({ source }) => (source.topicPartitions = 4),
    code: 'TOPIC_DIFFERS',
  },
  {
    name: 'a topic that grew',
    make: ({ source }) => stands.kafka.grow(source.topic, 5),
    code: 'TOPIC_DIFFERS',
    mend: ({ source }) => (source.topicPartitions = 5),
  },
  {
    name: 'no topic for changes of the columns',
    make: ({ source }) => (source.schemaTopic = { name: `${source.topic}.schemas`, partitions: 1 }),
    code: 'TOPIC_DIFFERS',
  },
  {
    name: 'a topic whose leader may acknowledge alone',
    make: async ({ source }) => {
      source.topic += '.weak';
      await checked.makeTopic(source.topic, 3, { 'min.insync.replicas': '1' });
    },
    code: 'TOPIC_UNSAFE',
  },
  {
    name: 'a compacted topic, fed at least once',
    make: async ({ source }) => {
      source.topic += '.compacted';
      source.delivery = 'at-least-once';
      await checked.makeTopic(source.topic, 3, { 'cleanup.policy': 'compact' });
    },
    code: 'TOPIC_UNSAFE',
    // AlterConfigs replaces all that was set, kafka-configs.sh adds.
    mend: async ({ source }) => {
      source.topic += '.anew';
      await checked.makeTopic(source.topic, 3);
    },
  },
  {
    name: "another deployment's position",
    make: publishElsewhere,
    code: 'STATE_DISAGREES',
    // Another `app` gives every source another group; another name gives this one one.
    mend: ({ source }) => (source.name += '-2'),
  },
  {
    name: 'a table that was made anew under it',
    make: async (setup) => {
      await publishElsewhere(setup);
      const { store } = stands.table;
      const { name, object, topic } = setup.source;
      await store.create(name, META);
      await store.putPartitions(name, 2);
      await store.putLayout(name, { ...layout(1, 2), object, topic, topicPartitions: 3 });
    },
    code: 'STATE_DISAGREES',
  },
];

/** Of a whole deployment. */
const DEPLOYMENTS: Broken[] = [
  {
    name: 'the user was not given the role',
    make: sql(({ role }) => `REVOKE ROLE ${role} FROM USER SNOWMELT`),
    code: 'SNOWFLAKE_LOGIN',
  },
  {
    name: 'a token that Snowflake does not know',
    make: ({ deployment }) => (deployment.token = 'stale'),
    code: 'SNOWFLAKE_LOGIN',
    mend: ({ deployment }) => (deployment.token = 'snowmelt'),
  },
  {
    name: 'no USAGE on the warehouse',
    make: sql(({ role }) => `REVOKE USAGE ON WAREHOUSE WH FROM ROLE ${role}`),
    code: 'WAREHOUSE_MISSING',
  },
  {
    name: 'copies may not be made',
    make: async (setup) => {
      await asQuery(setup);
      const { database } = setup.source.object;
      await stands.sql(`REVOKE CREATE TABLE ON SCHEMA ${database}.PUBLIC FROM ROLE ${setup.role}`);
    },
    code: 'PRIVILEGE_MISSING',
  },
  {
    name: 'no control topic',
    make: ({ config }) => removeTopic(config.kafka.controlTopic),
    code: 'TOPIC_DIFFERS',
  },
  {
    name: 'a control topic that is too small',
    make: ({ source }) => (source.partitions = 3),
    code: 'TOPIC_DIFFERS',
  },
  {
    name: 'no checkpoint table',
    make: (setup) => {
      const { proxy } = stands.table;
      setup.deployment.parts.checkpoints = createCheckpoints({
        table: { name: 'missing', endpoint: proxy.url, region: 'us-east-1' },
      });
    },
    code: 'STORE_UNREACHABLE',
    mend: ({ deployment }) => (deployment.parts.checkpoints = stands.table.store),
  },
  {
    name: 'no schema registry',
    make: (setup) => {
      const registry = { type: 'confluent', url: 'http://127.0.0.1:1', auth: { method: 'none' } } as const;
      const pace = { timeoutMs: 1_000, pauseMs: 1 };
      setup.deployment.parts.registry = () =>
        reach({ ...registry, subjects: 'topic', register: true }, null, 'x-value', pace);
    },
    code: 'REGISTRY_UNREACHABLE',
    mend: ({ deployment }) => (deployment.parts.registry = () => Promise.resolve()),
  },
];

test('all kinds of broken sources at once: each its own code, none once their fixes were run', async () => {
  const deployment = await checked.deploy();
  const setups: (Setup & Broken)[] = [];
  for (const broken of SOURCES) setups.push(Object.assign(await checked.withSource(deployment), broken));
  const spared = await checked.withSource(deployment);
  for (const setup of setups) await setup.make(setup);
  const { failures } = await check(deployment.parts, deployment.config);
  const found = (name: string) => failures.filter(({ source }) => source === name);
  expect(found(spared.source.name)).toEqual([]);
  const codes = setups.map(({ name, source }) => [name, ...found(source.name).map(({ code }) => code)]);
  expect(codes).toEqual(SOURCES.map(({ name, code }) => [name, code]));
  expect(failures).toHaveLength(setups.length);
  for (const setup of setups) {
    const [{ fix }] = found(setup.source.name) as [Failure];
    expect(fix.join('').length).toBeGreaterThan(10);
    if (setup.mend === undefined) for (const line of fix) await checked.runFix(setup, line);
    else await setup.mend(setup);
  }
  expect((await check(deployment.parts, deployment.config)).failures).toEqual([]);
});

test.each(DEPLOYMENTS)('$name: $code alone, until its fix was run', async ({ make, code, mend }) => {
  const setup = await checked.withSource(await checked.deploy());
  await make(setup);
  const { failures } = await check(setup.deployment.parts, setup.config);
  expect(failures).toEqual([
    { source: null, code, what: expect.any(String) as string, fix: expect.any(Array) as string[] },
  ]);
  const { fix } = failures[0]!;
  expect(fix.join('').length).toBeGreaterThan(10);
  if (mend === undefined) for (const line of fix) await checked.runFix(setup, line);
  else await mend(setup);
  expect(await check(setup.deployment.parts, setup.config)).toEqual({ failures: [], notes: [] });
});

test('several at once are all told, of each source its own, what concerns all first; what is odd is noted', async () => {
  const setup = await checked.withSource(await checked.deploy());
  const other = await checked.withSource(setup.deployment);
  const { role } = setup;
  other.source.object = { ...other.source.object, name: 'NOWHERE' };
  await stands.sql(
    `REVOKE USAGE ON WAREHOUSE WH FROM ROLE ${role}`,
    `ALTER TABLE ${setup.table} SET CHANGE_TRACKING = FALSE`,
    `ALTER TABLE ${setup.table} ALTER COLUMN ID DROP NOT NULL`,
  );
  setup.source.topicPartitions = 7;
  const { failures, notes } = await check(setup.deployment.parts, setup.config);
  const of = (name: string | null) => failures.filter(({ source }) => source === name).map(({ code }) => code);
  expect(failures[0]!.source).toBe(null);
  expect(of(null)).toEqual(['WAREHOUSE_MISSING']);
  expect(of(setup.source.name).sort()).toEqual(['TOPIC_DIFFERS', 'TRACKING_OFF']);
  expect(of(other.source.name)).toEqual(['OBJECT_MISSING']);
  expect(notes).toEqual([{ source: setup.source.name, what: expect.stringContaining('may be NULL') as string }]);
});

test('the transcript of docs/operations.md is what the command prints, with the rights of who runs it', async () => {
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, transcript] = /^\$ npx snowmelt check --here --env prod\n(.*?)^```$/ms.exec(page) ?? [];
  const secrets = await startServer();
  secrets.state.answer = () => ({ SecretString: JSON.stringify({ token: 'snowmelt' }) });
  const folder = await mkdtemp(join(tmpdir(), 'snowmelt-check-'));
  try {
    const file = join(folder, 'prod.yaml');
    const { brokers } = stands.kafka.config().kafka;
    const written = {
      app: 'shop',
      aws: { endpoint: secrets.url },
      state: { table: stands.table.name, endpoint: stands.table.proxy.url, region: 'us-east-1' },
      snowflake: {
        account: 'acct',
        accessUrl: stands.snowflake.url,
        user: 'SNOWMELT',
        role: 'SHOP_READER',
        warehouse: 'WH',
        auth: { method: 'token', secret: 's' },
      },
      kafka: { brokers, tls: false },
      sources: {
        orders: { table: 'SALES.PUBLIC.ORDERS', key: ['ID'], topic: { name: 'shop.orders', partitions: 6 } },
        customers: { table: 'SALES.PUBLIC.CUSTOMERS', key: ['ID'], topic: { name: 'shop.customers', partitions: 3 } },
      },
    };
    const text = JSON.stringify(written);
    const grants = snowflakeGrants(loadConfig(text, { path: 'test' }));
    await writeFile(file, text);
    await stands.sql(
      'CREATE ROLE SHOP_READER',
      'CREATE DATABASE SALES',
      'CREATE TABLE SALES.PUBLIC.ORDERS (ID NUMBER(38,0) NOT NULL)',
      'CREATE TABLE SALES.PUBLIC.CUSTOMERS (ID NUMBER(38,0) NOT NULL)',
      ...grants.filter((grant) => !grant.includes('CUSTOMERS TO ROLE')),
      'ALTER TABLE SALES.PUBLIC.ORDERS SET CHANGE_TRACKING = FALSE',
    );
    await Promise.all([checked.makeTopic('shop.customers', 3), checked.makeTopic('shop.control', 1)]);
    const ended = await snowmelt(['check', '--here', '--config', file]);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const printed = ended.stdout
      .replaceAll(file, 'config/prod.yaml')
      .replaceAll(brokers.join(','), 'b-1.example.com:9092')
      .replaceAll(/Snowflake (\d+), query \S+:/g, 'Snowflake $1:');
    expect(printed).toBe(transcript);
  } finally {
    await secrets.close();
    await rm(folder, { recursive: true });
  }
});
