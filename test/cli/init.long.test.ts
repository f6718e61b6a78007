/** `init` over the stand-ins: what it wrote, run and made as it says, leaves `check` nothing to mend. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EXIT } from '../../cli/common.ts';
import { createMembers } from '../../lambdas/checkpoints/members.ts';
import { loadConfig } from '../../lambdas/config/load.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { check } from '../../lambdas/operate/check/index.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { Stands } from '../faults/pipeline.ts';
import { startOperate } from './operate-endpoint.ts';
import { configFor, LocalDeployment } from './snowmelt.ts';

let stands: Stands;
let deployment: LocalDeployment;
let operate: Awaited<ReturnType<typeof startOperate>>;
beforeAll(async () => {
  deployment = new LocalDeployment();
  stands = await Stands.start();
  operate = await startOperate(() => deployment.path);
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await stands.sql(
    'CREATE DATABASE SALES',
    'CREATE TABLE SALES.PUBLIC.ORDERS (ORDER_ID NUMBER(38,0) NOT NULL PRIMARY KEY, NAME VARCHAR)',
    'CREATE TABLE SALES.PUBLIC."Order lines" ("Line" NUMBER(38,0) NOT NULL, ORDER_ID NUMBER(38,0) NOT NULL, PRIMARY KEY (ORDER_ID, "Line"))',
    'CREATE TABLE SALES.PUBLIC.LOOSE (A NUMBER(38,0))',
  );
});
afterAll(async () => {
  vi.restoreAllMocks();
  await Promise.all([operate.close(), stands.stop()]);
  deployment.remove();
});

/** A deployment on this machine that can be asked. */
async function deploy(): Promise<void> {
  deployment.deploy(configFor(await stands.pipeline(), operate.url));
}

const snowmelt = (...args: string[]) => deployment.run(args, { cwd: deployment.folder });

/** The stand-in's users, warehouses and monitors are not made by statements. */
const ELSEWHERE = /^(CREATE|ALTER) (USER|WAREHOUSE|RESOURCE MONITOR) /;

/** As kafka-topics.sh would. */
async function makeTopic(line: string): Promise<void> {
  const option = (name: string) => new RegExp(`--${name} (\\S+)`).exec(line)![1]!;
  const [name, value] = option('config').split('=') as [string, string];
  const numPartitions = Number(option('partitions'));
  const replicationFactor = Number(option('replication-factor'));
  const topic = { topic: option('topic'), numPartitions, replicationFactor, configEntries: [{ name, value }] };
  await stands.kafka.admin.createTopics({ topics: [topic], waitForLeaders: true });
}

test('tables and keys are asked for; the setup is run; check finds nothing', async () => {
  await deploy();
  const { brokers } = stands.kafka.config().kafka;
  const app = stands.kafka.app
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  const places = [
    '--account',
    'acct',
    '--warehouse',
    'WH',
    '--brokers',
    brokers.join(),
    '--aws-account',
    '123456789012',
  ];
  const names = ['--env', 'prod', '--app', app, '--role', 'INIT_READER', '--staging', 'SALES.COPIES', '--plaintext'];
  const written = await snowmelt('init', '--local', '--from', 'SALES.PUBLIC.*', ...names, ...places, '--json');
  expect(written).toMatchObject({ code: EXIT.found, stderr: '' });
  expect(JSON.parse(written.stdout)).toMatchObject({ leftOut: ['SALES.PUBLIC.LOOSE'] });

  const read = (kind: string) => readFileSync(join(deployment.folder, 'config', `prod.${kind}`), 'utf8');
  const statements = read('snowflake.sql')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('--'));
  const run = statements.filter((statement) => !ELSEWHERE.test(statement));
  expect(statements.length - run.length).toBe(5);
  await stands.sql(...run);
  for (const line of read('kafka.sh').split('\n')) if (line.startsWith('kafka-topics.sh')) await makeTopic(line);

  const config = loadConfig(read('yaml'), { path: 'prod.yaml' });
  expect(config.sources.map(({ object, key }) => [object.name, key])).toEqual([
    ['ORDERS', ['ORDER_ID']],
    ['Order lines', ['ORDER_ID', 'Line']],
  ]);
  // Only where the account is is another.
  const there = { ...config, snowflake: { ...config.snowflake, accessUrl: stands.snowflake.url } };
  const parts = {
    checkpoints: stands.table.store,
    members: createMembers({ table: { ...there.table, name: stands.table.name, endpoint: stands.table.proxy.url } }),
    clock: { now: () => Date.now(), remainingMs: () => 600_000, pause: () => Promise.resolve() },
    snowflake: () => Promise.resolve(createSnowflake(there, { token: 'snowmelt' })),
    kafka: () => Promise.resolve(createKafka(there, null)),
    registry: () => Promise.resolve(),
    events: () => Promise.resolve(),
  };
  expect(await check(parts, there)).toEqual({ failures: [], notes: [] });
});

test('what can not be done is told apart, and writes nothing', async () => {
  await deploy();
  const given = ['--account', 'acct', '--brokers', 'b:9092', '--aws-account', '123456789012', '--out', 'none'];
  const unsaid = await snowmelt('init', '--out', 'none');
  expect(unsaid).toMatchObject({ code: EXIT.usage, stdout: '' });
  expect(unsaid.stderr).toContain('--account, --from, --brokers, --aws-account');
  const unlisted = await snowmelt('init', ...given, '--from', 'SALES.PUBLIC.*');
  expect(unlisted).toMatchObject({ code: EXIT.failed, stderr: expect.stringContaining('--ask') as string });
  const nowhere = await snowmelt('init', ...given, '--local', '--from', 'NOWHERE.PUBLIC.*');
  expect(nowhere).toMatchObject({ code: EXIT.failed, stderr: expect.stringContaining('NOWHERE') as string });
  const keyless = await snowmelt('init', ...given, '--local', '--from', 'SALES.PUBLIC.LOOSE');
  expect(keyless).toMatchObject({ code: EXIT.failed, stderr: expect.stringContaining('identifies a row') as string });
  expect(existsSync(join(deployment.folder, 'none'))).toBe(false);
});
