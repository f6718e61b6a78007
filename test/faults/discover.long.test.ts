/**
 * A pattern over real parts: the handlers of plan and publish against the stand-ins, signed in as a role that has what is
 * rendered for it and nothing else. Tables come, go and come back while it runs.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { patternStatuses } from '../../cli/pattern-status.ts';
import { createMembers } from '../../lambdas/checkpoints/members.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { loadConfig } from '../../lambdas/config/load.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import type { Report } from '../../lambdas/operate/check/index.ts';
import { startServer } from '../aws/server.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { startFunctions, type Event, type Functions } from '../secrets/functions.ts';
import { Stands } from './pipeline.ts';
import { snowmelt as run } from '../cli/snowmelt.ts';

const MINUTE = 'rate(1 minute)';
let stands: Stands;
let server: Awaited<ReturnType<typeof startServer>>;
let functions: Functions;
let folder: string;
let config: ResolvedConfig;
let path: string;
const called: { source: string; partition: number }[] = [];

beforeAll(async () => {
  [stands, server, folder] = await Promise.all([
    Stands.start(),
    startServer(),
    mkdtemp(join(tmpdir(), 'snowmelt-discover-')),
  ]);
  server.state.answer = ({ target, input }) => {
    if (target.endsWith('GetSecretValue')) return { ARN: 'arn', Name: 's', SecretString: '{"token":"snowmelt"}' };
    const entries = input['Entries'] as { DetailType: string; Detail: string }[];
    // `check` puts an event on the bus, too.
    const calls = entries.filter(({ DetailType }) => DetailType.startsWith('publish'));
    called.push(...calls.map(({ Detail }) => JSON.parse(Detail) as (typeof called)[number]));
    return { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: 'e' })) };
  };
  functions = startFunctions({ AWS_REGION: 'us-east-1' });
  await stands.sql('CREATE SCHEMA DB.SHOP');
});
afterAll(async () => {
  functions.stop();
  await Promise.all([stands.stop(), server.close(), rm(folder, { recursive: true })]);
});

/** Deploys the pattern: each time under another number, so that the schema is looked at. */
let deployments = 0;
async function deploy(settings: object): Promise<void> {
  const base = stands.kafka.config();
  const pattern = {
    tables: 'DB.SHOP.*',
    key: 'primary-key',
    topic: { name: `${base.app}.{schema}.{table}`, partitions: 2, replication: 1, minInsync: 1, retention: '2d' },
    ...settings,
  };
  const snowflake = {
    account: 'acct',
    user: 'SNOWMELT',
    role: 'READER',
    warehouse: 'WH',
    auth: { method: 'token', secret: 's' },
  };
  const { name, proxy } = stands.table;
  const state = { table: name, endpoint: proxy.url, region: 'us-east-1' };
  const written = { app: 'shop', snowflake, kafka: { brokers: ['b:9092'] }, state, patterns: { p: pattern } };
  await writeFile(join(folder, 'shop.yaml'), JSON.stringify(written));
  const resolved = loadConfig(JSON.stringify(written), { path: 'x', deployment: ++deployments });
  config = {
    ...resolved,
    app: base.app,
    kafka: base.kafka,
    snowflake: { ...resolved.snowflake, accessUrl: stands.snowflake.url },
    aws: { endpoint: server.url, bus: 'shop' },
    // The functions' clock does not go a minute on with each round.
    patterns: resolved.patterns!.map((one) => ({ ...one, listMs: 0 })),
  };
  path = join(folder, `${deployments}.json`);
  await writeFile(path, JSON.stringify(config));
}

async function invoke(event: Event): Promise<unknown> {
  const outcome = await functions.invoke({ ...event, config: path });
  if ('failure' in outcome) throw new Error(JSON.stringify(outcome.failure));
  return outcome.answer;
}

/** Ticks a minute apart; whoever is called publishes. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await invoke({ fn: 'plan', event: { every: MINUTE } });
    const events = [...new Set(called.splice(0).map((each) => JSON.stringify(each)))];
    for (const detail of events)
      await invoke({ fn: 'publish', event: { detail: JSON.parse(detail) as (typeof called)[number] } });
    await stands.passMinutes(1);
  }
}

/** As an operator runs it. */
const snowmelt = (...args: string[]) => run([...args, '--config', join(folder, 'shop.yaml')]);

const topicOf = (table: string) => `${stands.kafka.app}.shop.${table.toLowerCase()}`;
const topics = async () =>
  (await stands.kafka.admin.listTopics()).filter((topic) => topic.startsWith(`${stands.kafka.app}.shop.`)).sort();

type Told = { op: string; after: Record<string, unknown> | null; source: { window: number } };

/** The topic's records but tombstones, and what a consumer has that folds them: op t empties it. */
async function read(table: string) {
  const records = await readCommitted(stands.kafka.target.brokers, topicOf(table));
  const folded = new Map<string, unknown>();
  const ops: string[] = [];
  const told = records.flatMap(({ key, value }) => (value === null ? [] : [{ key, ...(JSON.parse(value) as Told) }]));
  // Of several topicPartitions the windows tell the order.
  for (const { key, op, after } of told.toSorted((a, b) => a.source.window - b.source.window)) {
    ops.push(op);
    if (op === 't') folded.clear();
    else if (op === 'd') folded.delete(key);
    else folded.set(key, after);
  }
  return { ops: ops.sort().join(''), rows: [...folded.values()].map((row) => JSON.stringify(row)).sort() };
}

const inTable = async (table: string) =>
  (await stands.rows(`SELECT * FROM DB.SHOP.${table}`))
    .map(([id, name]) => JSON.stringify({ ID: Number(id), NAME: name }))
    .sort();

const CREATE = '(ID NUMBER(9,0) PRIMARY KEY, NAME VARCHAR) CHANGE_TRACKING = TRUE';
const printed = (text: string) => functions.printed().split(text).length - 1;

test(
  'tables that are there, come, go and come back are each whole in a topic of its own',
  { timeout: 60_000 },
  async () => {
    await stands.sql(
      `CREATE TABLE DB.SHOP.ORDERS ${CREATE}`,
      `INSERT INTO DB.SHOP.ORDERS VALUES (1, 'one'), (2, 'two')`,
      'CREATE TABLE DB.SHOP.ITEMS (ID NUMBER(9,0), NAME VARCHAR, PRIMARY KEY (NAME, ID)) CHANGE_TRACKING = TRUE',
      `INSERT INTO DB.SHOP.ITEMS VALUES (1, 'a'), (2, 'b')`,
      `CREATE TABLE DB.SHOP.ORDERS_TMP ${CREATE}`,
      `CREATE TABLE DB.SHOP."orders" ${CREATE}`,
      'CREATE TABLE DB.SHOP.KEYLESS (ID NUMBER(9,0)) CHANGE_TRACKING = TRUE',
      'CREATE TABLE DB.SHOP.UNTRACKED (ID NUMBER(9,0) PRIMARY KEY)',
      'CREATE ROLE READER',
    );
    await deploy({ exclude: ['*_TMP'], onHistoryLost: 'resnapshot' });
    await stands.sql(...snowflakeGrants(config));
    await rounds(4);

    expect(await topics()).toEqual([topicOf('ITEMS'), topicOf('ORDERS')]);
    expect(await read('ORDERS')).toEqual({ ops: 'rr', rows: await inTable('ORDERS') });
    const items = await readCommitted(stands.kafka.target.brokers, topicOf('ITEMS'));
    expect(items.map(({ key }) => JSON.parse(key) as object)).toContainEqual({ NAME: 'a', ID: 1 });
    const [status] = await patternStatuses(config, createMembers(config));
    expect(status).toMatchObject({ tables: 5, sources: 2, error: null });
    expect(status!.refused.map(({ table, code }) => `${table} ${code}`)).toEqual([
      'KEYLESS KEY_INVALID',
      'UNTRACKED TRACKING_OFF',
      'orders TOPIC_NAME_UNFIT',
    ]);
    const configNames = ['retention.ms', 'cleanup.policy', 'min.insync.replicas'];
    const { resources } = await stands.kafka.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topicOf('ITEMS'), configNames }],
    });
    expect(
      Object.fromEntries(resources[0]!.configEntries.map((entry) => [entry.configName, entry.configValue])),
    ).toEqual({
      'retention.ms': '172800000',
      'cleanup.policy': 'delete',
      'min.insync.replicas': '1',
    });

    // A third one comes while the others go on; another is dropped.
    await stands.sql(
      `CREATE TABLE DB.SHOP.LATER ${CREATE}`,
      `INSERT INTO DB.SHOP.LATER VALUES (7, 'seven')`,
      `UPDATE DB.SHOP.ORDERS SET NAME = 'uno' WHERE ID = 1`,
      'DROP TABLE DB.SHOP.ITEMS',
    );
    await rounds(2);
    await stands.sql(`INSERT INTO DB.SHOP.LATER VALUES (8, 'eight')`);
    await rounds(3);
    expect(await topics()).toEqual([topicOf('ITEMS'), topicOf('LATER'), topicOf('ORDERS')]);
    const later = await read('LATER');
    expect(later.rows).toEqual(await inTable('LATER'));
    expect(later.ops).toMatch(/^(cr|rr)$/);
    expect(await read('ORDERS')).toEqual({ ops: 'rru', rows: await inTable('ORDERS') });
    expect((await read('ITEMS')).rows).toHaveLength(2);
    expect(printed('a table is gone')).toBe(1);

    // It comes back as another table: history is lost, and this pattern begins such a one anew.
    const errors = printed('OBJECT_MISSING');
    await stands.sql(
      'CREATE TABLE DB.SHOP.ITEMS (ID NUMBER(9,0), NAME VARCHAR, PRIMARY KEY (NAME, ID)) CHANGE_TRACKING = TRUE',
      `INSERT INTO DB.SHOP.ITEMS VALUES (3, 'c')`,
    );
    await rounds(6);
    expect(await read('ITEMS')).toEqual({ ops: 'rrrtt', rows: await inTable('ITEMS') });
    expect(printed('a table is back')).toBe(1);
    expect(printed('OBJECT_MISSING')).toBe(errors);
    expect(await read('ORDERS')).toEqual({ ops: 'rru', rows: await inTable('ORDERS') });

    // What check says of it: what can't be a source, and of the others that all is well.
    const report = (await invoke({ fn: 'operate', event: { command: 'check' } })) as Report;
    const failures = report.failures.map(({ source, code }) => `${source} ${code}`);
    expect(failures.filter((text) => text.startsWith('p '))).toEqual([
      'p KEY_INVALID',
      'p TOPIC_NAME_UNFIT',
      'p TRACKING_OFF',
    ]);
    expect(failures.filter((text) => text.startsWith('p.'))).toEqual([]);
  },
);

test('more tables than there may be: those that are there go on, and an operator reaches each by its name', async () => {
  await deploy({ exclude: ['*_TMP'], onHistoryLost: 'resnapshot', maxTables: 3 });
  await stands.sql(`CREATE TABLE DB.SHOP.MORE ${CREATE}`, `INSERT INTO DB.SHOP.ORDERS VALUES (3, 'three')`);
  const asked = { command: 'resnapshot', source: 'p.LATER', who: 'me', reason: 'test' } as const;
  await invoke({ fn: 'operate', event: asked });
  await rounds(3);
  expect(await topics()).not.toContain(topicOf('MORE'));
  const [status] = await patternStatuses(config, createMembers(config));
  expect(status).toMatchObject({ tables: 7, sources: 3, error: { code: 'PATTERN_TOO_LARGE' } });
  expect((await read('ORDERS')).rows).toEqual(await inTable('ORDERS'));
  expect((await read('LATER')).ops).toMatch(/^(crrr|rrrr)$/);
  for (const source of ['p', 'p.NONE', 'q.ORDERS'])
    await expect(invoke({ fn: 'operate', event: { ...asked, source } })).rejects.toThrow('SOURCE_UNKNOWN');
});

test('the commands show a pattern with its sources, and take one of them by its name', async () => {
  const status = await snowmelt('status');
  expect(status.code).toBe(1);
  expect(status.stdout).toContain(`p.ORDERS: DB.SHOP.ORDERS -> ${topicOf('ORDERS')}`);
  expect(status.stdout).toMatch(/^p: DB\.SHOP\.\*, looked at .*; 7 tables, 3 of them sources$/m);
  expect(status.stdout).toContain('PATTERN_TOO_LARGE: 7 tables fit pattern p; 3 may.');
  const one = JSON.parse((await snowmelt('status', 'p', '--json')).stdout) as { sources: { name: string }[] };
  expect(one.sources.map(({ name }) => name).sort()).toEqual(['p.ITEMS', 'p.LATER', 'p.ORDERS']);
  const check = await snowmelt('check', '--offline');
  expect(check.stdout).toMatch(/p: DB\.SHOP\.\* -> .*\{table\} \(2\), key the primary key, at most 3 tables/);
  expect((await snowmelt('pause', 'p.ORDERS', '--reason', 'test')).stdout).toContain('p.ORDERS is paused.');
  expect((await stands.table.store.look('p.ORDERS'))!.meta.paused).toBe(true);
});
