/**
 * Secrets and rows are planted; a source is well, one stops at rows that can't be sent, one is refused by Snowflake with a
 * row's value in its words. What every command prints of them, as text and with `--json`, and what people are told, is searched.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { sendJson } from '../../local/aws/http.ts';
import { startServer } from '../aws/server.ts';
import { Stands } from '../faults/pipeline.ts';
import { type Event, type Functions, type Outcome, startFunctions } from './functions.ts';
import { findMarks } from './marks.ts';
import { aws, known, planted, rows, SECRETS, secrets } from './planted.ts';

const program = new URL('../../cli/snowmelt.js', import.meta.url).pathname;
let stands: Stands;
let registry: ConfluentStandIn;
let server: Awaited<ReturnType<typeof startServer>>;
let functions: Functions;
let folder: string;
let deployed = '';
let deployments = 0;
/** The functions' process takes one invocation after the other. */
let last: Promise<unknown> = Promise.resolve();

function invoke(event: Event): Promise<Outcome> {
  const next = last.then(() => functions.invoke({ ...event, config: deployed }));
  last = next;
  return next;
}

beforeAll(async () => {
  const user = { name: 'SNOWMELT', password: 'snowmelt', accessTokens: [secrets.token], publicKeys: [known.publicKey] };
  [stands, registry, server, folder] = await Promise.all([
    Stands.start({ users: [user] }),
    ConfluentStandIn.start({ username: 'shop', password: secrets.registry }),
    startServer(),
    mkdtemp(join(tmpdir(), 'snowmelt-commands-')),
  ]);
  server.state.answer = ({ target, input }, response) => {
    if (target.endsWith('GetSecretValue'))
      return { ARN: 'arn', Name: input['SecretId'], SecretString: SECRETS[String(input['SecretId'])] };
    if (target.endsWith('PutEvents'))
      return { FailedEntryCount: 0, Entries: (input['Entries'] as object[]).map(() => ({ EventId: 'e' })) };
    // Lambda's Invoke, of operate.
    void invoke({ fn: 'operate', event: input as never }).then((outcome) => {
      const failed = 'failure' in outcome;
      sendJson(response, 200, failed ? outcome.failure : outcome.answer, {
        ...(failed && { 'x-amz-function-error': 'Unhandled' }),
      });
    });
    return undefined;
  };
  functions = startFunctions({ ...aws, AWS_REGION: 'us-east-1' });
});
afterAll(async () => {
  functions.stop();
  await Promise.all([stands.stop(), registry.close(), server.close(), rm(folder, { recursive: true })]);
});

/** A source whose table has one row, twice or not, of this name. */
async function source(name: string, overrides: Partial<ResolvedSource> = {}, copies = 1): Promise<ResolvedSource> {
  const pipeline = await stands.pipeline({ source: { partitions: 1, ...overrides } });
  const row = `(1, '${name}', '${rows.email}')`;
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(9,0) NOT NULL, NAME VARCHAR, EMAIL VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES ${Array<string>(copies).fill(row).join()}`,
  );
  return pipeline.source;
}

/** Where `--local` finds it. */
async function deploy(config: ResolvedConfig): Promise<void> {
  deployed = join(folder, `config-${++deployments}.json`);
  await writeFile(deployed, JSON.stringify(config));
  await writeFile(join(folder, 'snowmelt-local.json'), JSON.stringify({ config: deployed, pid: process.pid }));
}

type Printed = { command: string; text: string };

/** What the command prints, as text and as JSON. */
function run(...args: string[]): Promise<Printed[]> {
  const env = { ...process.env, ...aws, TMPDIR: folder };
  const runs = [[], ['--json']].map(async (more) => {
    const all = [...args, '--local', ...more];
    const text = await new Promise<string>((resolve) => {
      execFile(process.execPath, [program, ...all], { env }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    return { command: all.join(' '), text };
  });
  return Promise.all(runs);
}

test('no command prints a planted secret or row, and nobody is told one', { timeout: 180_000 }, async () => {
  const shape = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };
  const cast = { name: 'N', sql: 'TO_NUMBER(NAME)', type: { name: 'NUMBER', precision: 38, scale: 0 } };
  const well = await source(rows.name);
  const twice = await source(rows.twice, { key: ['NAME'] }, 2);
  const failing = await source('1', { shape: { ...shape, computed: [cast] } });
  const { table } = stands;
  const base = (await stands.pipeline()).config;
  const config: ResolvedConfig = {
    ...base,
    table: { name: table.name, endpoint: table.proxy.url, region: 'us-east-1' },
    snowflake: { ...base.snowflake, auth: { method: 'key-pair', secret: 'a-key' }, maskSalt: 'salt' },
    kafka: { ...base.kafka, auth: { method: 'plain', secret: 'kafka' }, requestTimeoutMs: 2_000 },
    limits: { ...base.limits, maxSnapshots: 9 },
    registry: {
      type: 'confluent',
      url: registry.url,
      auth: { method: 'basic', secret: 'registry' },
      subjects: 'topic',
      register: true,
    },
    aws: { endpoint: server.url, bus: 'bus', notifications: true },
    sources: [well, twice, failing],
  };
  await deploy(config);
  for (let minute = 0; minute < 4; minute++) {
    await stands.passMinutes(1);
    await invoke({ fn: 'plan', event: { every: 'rate(1 minute)' } });
  }
  for (const { name } of [well, twice, failing])
    await invoke({ fn: 'publish', event: { detail: { source: name, partition: 0 } } });
  await invoke({ fn: 'plan', event: { tick: 'unfinished' } });
  // What is next: another row, and one whose name is no number.
  await stands.sql(
    `INSERT INTO DB.PUBLIC.${well.object.name} VALUES (2, '${rows.name}', '${rows.email}')`,
    `INSERT INTO DB.PUBLIC.${failing.object.name} VALUES (2, '${rows.large}', '${rows.email}')`,
  );
  await stands.passMinutes(1);

  const printed = [
    ...(await run('status')),
    ...(await run('check')),
    ...(await run('preview', well.name)),
    ...(await run('preview', failing.name)),
    ...(await run('verify', well.name)),
    ...(await run('recover', twice.name)),
    ...(await run('pause', well.name, '--reason', 'a rehearsal')),
  ];
  // And with each sign-in refused.
  await deploy({
    ...config,
    snowflake: { ...config.snowflake, auth: { method: 'token', secret: 'stolen' } },
    kafka: { ...config.kafka, auth: { method: 'scram-sha-512', secret: 'scram' } },
    registry: {
      ...config.registry!,
      auth: { method: 'basic', secret: 'wrong-registry' },
    } as ResolvedConfig['registry'],
    sources: [{ ...well, format: { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } }],
  });
  printed.push(...(await run('check')), ...(await run('preview', well.name)));
  await deploy(config);
  await invoke({ fn: 'plan', event: { tick: 'unfinished' } });

  for (const { command, text } of printed) {
    expect(text.length, command).toBeGreaterThan(50);
    expect(findMarks(text, planted), command).toEqual([]);
  }
  const all = printed.map(({ text }) => text).join('\n');
  for (const code of ['DUPLICATE_KEY', 'Numeric value … is not recognized', 'SNOWFLAKE_LOGIN', 'REGISTRY_UNAUTHORIZED'])
    expect(all).toContain(code);

  const entries = server.asked.flatMap(
    ({ input }) => (input['Entries'] ?? []) as { DetailType: string; Detail: string }[],
  );
  const told = entries.filter(({ DetailType }) => DetailType === 'notification').map(({ Detail }) => Detail);
  expect(told.join('\n')).toMatch(/snapshot-begun[^]*"what":"pause"/);
  expect(findMarks(JSON.stringify(told), planted)).toEqual([]);

  // Asked for, values are shown: the search would have found them.
  const [shown] = await run('preview', well.name, '--show-values');
  expect(findMarks(shown!.text, { name: rows.name })).not.toEqual([]);
});
