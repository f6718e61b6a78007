/**
 * Secrets of every way to sign in, and rows, are planted; plan, publish, recount and operate run, with every sign-in refused
 * once and rows that can't be sent. Whatever comes out but the records themselves is searched for them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { snowmelt } from '../cli/snowmelt.ts';
import { readCommitted } from '../kafka/consumer.ts';
import type { Invocation } from './functions.ts';
import { findMarks, mark } from './marks.ts';
import { planted, rows } from './planted.ts';
import { CAST, NO_SHAPE, PlantedStands } from './planted-stands.ts';

let world: PlantedStands;
let folder: string;
beforeAll(async () => {
  [world, folder] = await Promise.all([PlantedStands.start(), mkdtemp(join(tmpdir(), 'snowmelt-secrets-'))]);
});
afterAll(() => Promise.all([world.stop(), rm(folder, { recursive: true })]));

test('planted secrets and rows are found nowhere but in the records', { timeout: 120_000 }, async () => {
  const { stands, functions, registry } = world;
  const { table } = stands;
  const hashed = { ...NO_SHAPE, masks: [{ column: 'EMAIL', mask: { kind: 'hash' as const } }] };
  const avro = { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } as const;
  const well = await world.source(rows.name, {
    shape: hashed,
    format: avro,
    headers: [{ name: 'who', column: 'NAME' }],
  });
  const twice = await world.source(rows.twice, { key: ['NAME'] }, 2);
  const large = await world.source(rows.large.padEnd(3_000, '.'));
  const configEntries = [{ name: 'max.message.bytes', value: '1500' }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: large.topic, configEntries }];
  await stands.kafka.admin.alterConfigs({ validateOnly: false, resources });
  const lost = await world.source(rows.name, { topic: 'no-such-topic' });
  const failing = await world.source(rows.name, { shape: { ...NO_SHAPE, computed: [CAST] } });
  const config = await world.config([well, twice, large, lost, failing]);
  const outcomes: unknown[] = [];
  let configs = 0;
  const invoke = async (invocation: Omit<Invocation, 'config'>, changes: Partial<ResolvedConfig> = {}) => {
    const path = join(folder, `${++configs}.json`);
    await writeFile(path, JSON.stringify({ ...config, ...changes }));
    const outcome = await functions.invoke({ ...invocation, config: path } as Invocation);
    outcomes.push(outcome);
    return outcome;
  };
  const publish = ({ name }: ResolvedSource, changes?: Partial<ResolvedConfig>) =>
    invoke({ fn: 'publish', event: { detail: { source: name, partition: 0 } } }, changes);
  const tick = (changes?: Partial<ResolvedConfig>) =>
    invoke({ fn: 'plan', event: { every: 'rate(1 minute)' } }, changes);
  const operate = (command: 'inspect' | 'resnapshot', changes?: Partial<ResolvedConfig>) =>
    invoke({ fn: 'operate', event: { source: well.name, who: 'me', reason: 'test', command } }, changes);

  // Every sign-in to Snowflake: refused, then taken.
  const signedIn = (auth: ResolvedConfig['snowflake']['auth']) => ({ snowflake: { ...config.snowflake, auth } });
  await stands.passMinutes(1);
  for (const secret of ['another-key', 'no-key', 'wrong-phrase']) await tick(signedIn({ method: 'key-pair', secret }));
  for (const secret of ['stolen', 'malformed']) await tick(signedIn({ method: 'token', secret }));
  expect(await table.store.look(well.name)).toBeNull();
  await tick(signedIn({ method: 'token', secret: 'token' }));
  for (let minute = 0; minute < 3; minute++) {
    await stands.passMinutes(1);
    await tick();
  }
  expect((await table.store.look(well.name))!.head).not.toBeNull();

  // Kafka and the registry refuse; then what can be sent is, and the rest stops.
  const kafkaWith = (auth: ResolvedConfig['kafka']['auth'], tls = false) => ({ kafka: { ...config.kafka, auth, tls } });
  const scram = kafkaWith({ method: 'scram-sha-512', secret: 'scram' });
  await publish(well, scram);
  await publish(well, kafkaWith({ method: 'mtls', secret: 'mtls' }, true));
  await publish(well, {
    registry: world.registryWith('wrong-registry'),
  });
  expect(await table.store.partition(well.name, 0)).toMatchObject({ position: null, state: 'active' });
  for (const each of [well, twice, large, lost]) await publish(each);
  await operate('inspect', scram);
  expect(await operate('inspect')).toMatchObject({ answer: { source: expect.anything() as unknown } });
  await operate('resnapshot');
  await invoke({ fn: 'recount', event: null });
  await invoke({ fn: 'plan', event: { tick: 'unfinished' } });
  const told = await status(config);

  const codes = new Set([...functions.printed().matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code));
  const failures = ['SNOWFLAKE_LOGIN', 'SECRET_UNREADABLE', 'SNOWFLAKE_STATEMENT', 'KAFKA_UNREACHABLE'];
  const stops = ['REGISTRY_UNAUTHORIZED', 'DUPLICATE_KEY', 'RECORD_TOO_LARGE', 'TOPIC_DIFFERS'];
  expect([...codes]).toEqual(expect.arrayContaining([...failures, ...stops]));
  const records = await readCommitted(stands.kafka.target.brokers, well.topic);
  const sent = Buffer.concat(records.map(({ bytes }) => bytes.value!)).toString();
  expect(findMarks(sent, planted)).toEqual(['name: plain']);

  // What it is not told it can't repeat in an error.
  expect(findMarks(JSON.stringify(registry.heard.map(({ path, body }) => [path, body])), rows)).toEqual([]);
  const places = {
    'logs and metrics': functions.printed(),
    'answers and failed events': JSON.stringify(outcomes),
    table: JSON.stringify(await table.items()),
    events: JSON.stringify(world.server.asked),
    status: told,
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(500);
    expect(findMarks(text, planted), place).toEqual([]);
  }
});

/** What `npx snowmelt status --json` prints. */
async function status({ app, table, sources }: ResolvedConfig): Promise<string> {
  const path = join(folder, 'status.yaml');
  const settings = {
    app,
    aws: { endpoint: world.server.url },
    state: { table: table.name, endpoint: table.endpoint, region: table.region },
    snowflake: { account: 'a', user: 'U', warehouse: 'W', auth: { method: 'token', secret: 's' } },
    kafka: { brokers: ['b:9092'] },
    sources: Object.fromEntries(
      sources.map(({ name }) => [name, { table: 'DB.S.T', key: ['ID'], topic: { name, partitions: 3 } }]),
    ),
  };
  await writeFile(path, JSON.stringify(settings));
  const { stdout, stderr } = await snowmelt(['status', '--json', '--config', path]);
  return stdout + stderr;
}

test('the search finds a mark in whatever form', () => {
  const text = mark('needle');
  const forms = {
    plain: `x${text}`,
    json: JSON.stringify({ cause: JSON.stringify({ text }) }),
    url: `https://x/?q=${encodeURIComponent(text)}`,
    base64: Buffer.from(`Basic: ${text}!`).toString('base64url'),
    hex: Buffer.from(text).toString('hex'),
  };
  for (const [form, found] of Object.entries(forms)) expect(findMarks(found, { text })).toEqual([`text: ${form}`]);
  expect(findMarks('planted', { text })).toEqual([]);
});
