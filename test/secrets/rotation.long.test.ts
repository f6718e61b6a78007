/**
 * Keys and passwords are rotated while functions are warm, each time with the old ones revoked: between ticks, and while one
 * reads and publishes. No tick fails, no operator is called, every record arrives once.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { startServer } from '../aws/server.ts';
import { Stands, type Pipeline } from '../faults/pipeline.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { type Event, type Functions, startFunctions } from './functions.ts';

const USER = 'SNOWMELT';
const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });

const secrets: Record<string, object> = {};
const registryLogin = { username: 'shop', password: '' };
let stands: Stands;
let registry: ConfluentStandIn;
let server: Awaited<ReturnType<typeof startServer>>;
let functions: Functions;
let folder: string;
let generation = 0;

/** New keys and passwords; RSA_PUBLIC_KEY_2 is the one key left, and no old password is taken any more. */
async function rotate(): Promise<void> {
  const { publicKey, privateKey } = pair();
  const password = `password ${++generation}`;
  const { snowflake, kafka } = stands;
  secrets['snowflake'] = { privateKey };
  secrets['kafka'] = { username: 'shop', password };
  secrets['registry'] = { username: 'shop', password };
  registryLogin.password = password;
  await snowflake.control.setKeys(USER, [publicKey]);
  await kafka.target.local!.setUsers({ shop: password });
}

beforeAll(async () => {
  [stands, registry, server, folder] = await Promise.all([
    Stands.start({ users: [{ name: USER, password: 'snowmelt', publicKeys: [] }] }),
    ConfluentStandIn.start(registryLogin),
    startServer(),
    mkdtemp(join(tmpdir(), 'snowmelt-rotation-')),
  ]);
  server.state.answer = ({ target, input }) =>
    target.endsWith('GetSecretValue')
      ? { ARN: 'arn', Name: input['SecretId'], SecretString: JSON.stringify(secrets[String(input['SecretId'])]) }
      : { FailedEntryCount: 0, Entries: (input['Entries'] as object[]).map(() => ({ EventId: 'e' })) };
  functions = startFunctions({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
});
afterAll(async () => {
  functions.stop();
  await Promise.all([stands.stop(), registry.close(), server.close(), rm(folder, { recursive: true })]);
});

async function deploy({ config: base, source }: Pipeline): Promise<string> {
  const { table } = stands;
  const config: ResolvedConfig = {
    ...base,
    table: { name: table.name, endpoint: table.proxy.url, region: 'us-east-1' },
    snowflake: { ...base.snowflake, user: USER, auth: { method: 'key-pair', secret: 'snowflake' } },
    kafka: { ...base.kafka, auth: { method: 'plain', secret: 'kafka' } },
    registry: {
      type: 'confluent',
      url: registry.url,
      auth: { method: 'basic', secret: 'registry' },
      subjects: 'topic',
      register: true,
    },
    aws: { endpoint: server.url, bus: 'bus' },
    sources: [source],
  };
  const path = join(folder, 'config.json');
  await writeFile(path, JSON.stringify(config));
  return path;
}

test('no tick fails, and every record arrives once', { timeout: 120_000 }, async () => {
  const format = { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } as const;
  const pipeline = await stands.pipeline({ source: { partitions: 1, format, schemaChanges: 'any' } });
  const { source, tableName } = pipeline;
  await stands.sql(`CREATE TABLE ${tableName} (ID NUMBER(9,0) NOT NULL, C0 VARCHAR) CHANGE_TRACKING = TRUE`);
  const config = await deploy(pipeline);
  const { control } = stands.snowflake;
  const broker = stands.kafka.target.local!;

  let failed = 0;
  const invoke = async (event: Event) => {
    const outcome = await functions.invoke({ ...event, config });
    if ('failure' in outcome) failed++;
  };
  const plan = () => invoke({ fn: 'plan', event: { every: 'rate(1 minute)' } });
  const publish = () => invoke({ fn: 'publish', event: { detail: { source: source.name, partition: 0 } } });
  let rows = 0;
  const change = async () => {
    await stands.sql(`INSERT INTO ${tableName} (ID) VALUES (${++rows})`);
    await stands.passMinutes(1);
  };
  const state = async () => {
    const found = await stands.table.store.look(source.name);
    if (found === null) throw new Error('no state yet');
    return found;
  };
  const published = async () => {
    const { meta, partitions, windows } = await state();
    // What was finished is noted by the next tick.
    expect(windows.length).toBeLessThanOrEqual(1);
    return { error: meta.lastError, partition: partitions[0]!.lastError, failures: partitions[0]!.failures };
  };
  const well = { error: null, partition: null, failures: 0 };

  /** A change is seen by one tick, and read by the next. */
  const opens = async () => {
    const before = (await state().catch(() => null))?.head?.number ?? 0;
    for (let ticks = 0; ticks < 5; ticks++) {
      await plan();
      if (((await state()).head?.number ?? 0) > before) return;
      await stands.passMinutes(1);
    }
    expect.unreachable('no window opened');
  };

  await rotate();
  await change();
  await opens();
  await publish();
  expect(await published()).toEqual(well);

  // Between ticks, a column more each time: the registry is asked, too.
  for (let column = 1; column <= 3; column++) {
    await stands.sql(`ALTER TABLE ${tableName} ADD COLUMN C${column} VARCHAR`);
    await change();
    await rotate();
    await opens();
    await rotate();
    await publish();
    expect(await published()).toEqual(well);
  }

  // While a tick has read the gate, and signs in again for the rest.
  await change();
  await plan();
  await stands.passMinutes(1);
  const before = (await state()).head!.number;
  const after = await control.position();
  const { id } = await control.fault({ fault: 'hold-query', sql: 'LAST_CHANGE_COMMIT_TIME' });
  const planned = plan();
  await control.waitFor(({ sql }) => sql?.includes('LAST_CHANGE_COMMIT_TIME') === true, { after });
  await rotate();
  await control.clearFaults(id);
  await planned;
  expect((await state()).head!.number).toBeGreaterThan(before);

  // While records are on their way: the connection that was signed in with the old password is gone.
  const held = await broker.fault({ match: { api: 'Produce' }, at: 'request', action: 'hold' });
  const publishing = publish();
  await held.hit();
  await rotate();
  await broker.closeConnections();
  await held.release();
  await publishing;
  expect(await published()).toEqual(well);

  expect(failed).toBe(0);
  const codes = [...functions.printed().matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code);
  expect(codes.filter((code) => /LOGIN|SECRET|UNAUTHORIZED/.test(code!))).toEqual([]);
  // Every rotation but the first was met with something older in memory.
  const { loginsRefused } = await control.stats();
  expect(loginsRefused).toBeGreaterThanOrEqual(4);
  await broker.setUsers(null);
  const records = await readCommitted(broker.brokers, source.topic);
  expect(records).toHaveLength(rows);
});
