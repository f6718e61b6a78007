/** The whole port against the Snowflake stand-in, through the real snowflake-sdk. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import type { ScanRequest, Snowflake } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Layout } from '../../lambdas/protocol/window.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import type { Snowflake as StandIn } from '../../local/snowflake/client.ts';
import { startSnowflake } from '../../local/snowflake/client.ts';
import { chunkFaultNames } from '../../local/snowflake/server/types.ts';
import { byId, connect, run, streamed } from '../local/sdk.ts';
import { collect } from './batches.ts';

const pair = (cipher?: { cipher: string; passphrase: string }) =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...cipher },
  });
const plain = pair();
const encrypted = pair({ cipher: 'aes-256-cbc', passphrase: 'open sesame' });

let standIn: StandIn;
let writer: Awaited<ReturnType<typeof connect>>;
let client: Snowflake;

function configFor(url: string): ResolvedConfig {
  return {
    app: 'demo',
    snowflake: {
      account: 'acct',
      accessUrl: url,
      user: 'SNOWMELT',
      role: null,
      warehouse: 'WH',
      auth: { method: 'token', secret: 's' },
    },
    sources: [],
  } as unknown as ResolvedConfig;
}

beforeAll(async () => {
  standIn = await startSnowflake({
    users: [
      {
        name: 'SNOWMELT',
        password: 'snowmelt',
        accessTokens: ['pat'],
        oauthTokens: ['oauth'],
        publicKeys: [plain.publicKey, encrypted.publicKey],
        defaultWarehouse: 'WH',
      },
      { name: 'OTHER', password: 'other', defaultWarehouse: 'WH' },
      {
        name: 'FOLDS',
        accessTokens: ['folds'],
        defaultWarehouse: 'WH',
        parameters: { QUOTED_IDENTIFIERS_IGNORE_CASE: true },
      },
    ],
    inlineBytes: 3_000,
    firstChunkBytes: 6_000,
    maxChunkBytes: 30_000,
    longPollMs: 200,
  });
  writer = await connect({
    account: 'acct',
    accessUrl: standIn.url,
    username: 'SNOWMELT',
    password: 'snowmelt',
    warehouse: 'WH',
  });
  for (const sql of [
    'CREATE DATABASE DB',
    'CREATE TABLE DB.PUBLIC.T (ID NUMBER(38,0) NOT NULL, NAME VARCHAR, AMOUNT NUMBER(10,2), F FLOAT, OK BOOLEAN, ' +
      'AT_NTZ TIMESTAMP_NTZ(9), V VARIANT) CHANGE_TRACKING = TRUE',
    'CREATE TABLE DB.PUBLIC."low_er" (A NUMBER(5,0)) CHANGE_TRACKING = FALSE',
  ]) {
    await run(writer, sql);
  }
  await insert(1, 1);
});
afterAll(async () => {
  await new Promise((resolve) => writer.destroy(resolve));
  await standIn.stop();
});

beforeEach(() => {
  client = createSnowflake(configFor(standIn.url), { token: 'pat' });
});
afterEach(async () => {
  await client.close();
  await standIn.control.clearFaults();
});

const object = { database: 'DB', schema: 'PUBLIC', name: 'T' };
const layoutOf = (partitions: number): Layout => ({
  number: 1,
  deployment: 1,
  partitions,
  object,
  information: 'DEFAULT',
  key: ['ID'],
  topic: 't',
  topicPartitions: 1,
});

/** A bound that all commits so far lie before, and none to come. */
async function bound(): Promise<string> {
  const [reading] = await client.gate([[object]]);
  if (reading instanceof Error || reading === undefined) throw reading ?? new Error('no reading');
  await new Promise((resolve) => setTimeout(resolve, 3));
  return new Date(reading.now).toISOString();
}

async function insert(from: number, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => {
    const id = from + index;
    return `(${id}, 'näme "${id}" \\\\ \\n ${'x'.repeat(id % 40)}', '{"id": ${id}}')`;
  });
  await run(
    writer,
    `INSERT INTO DB.PUBLIC.T SELECT column1, column2, column1 + 0.25, column1 / 3, column1 % 2 = 0, ` +
      `'2026-01-02 03:04:05.123456789'::TIMESTAMP_NTZ, PARSE_JSON(column3) FROM VALUES ${rows.join(', ')}`,
  );
}

async function scan(
  request: Omit<ScanRequest, 'columns'>,
): Promise<{ queryId: string; width: number; statement: string }> {
  const { columns } = await client.describe(object);
  const statement = client.statement({ ...request, columns });
  const queryId = await client.submit(statement, 'snowmelt/demo/t/1');
  expect(await client.status(queryId, 20_000)).toEqual({ state: 'done' });
  return { queryId, width: columns.length + 4, statement };
}

test.each([
  ['a key pair', { privateKey: plain.privateKey }],
  ['an encrypted key', { privateKey: encrypted.privateKey, passphrase: 'open sesame' }],
  ['a programmatic access token', { token: 'pat' }],
  ['an OAuth token', { token: 'oauth' }],
])('signs in with %s', async (_, credentials) => {
  const signedIn = createSnowflake(configFor(standIn.url), credentials);
  expect(await signedIn.gate([[object]])).toEqual([
    { now: expect.any(Number) as number, token: expect.anything() as string },
  ]);
  await signedIn.close();
});

test.each([
  ['a key of somebody else', { privateKey: pair().privateKey }],
  ['something that is no key', { privateKey: 'nonsense' }],
  ['a wrong token', { token: 'wrong' }],
])('refuses %s', async (_, credentials) => {
  const refused = createSnowflake(configFor(standIn.url), credentials);
  await expect(refused.gate([[object]])).rejects.toMatchObject({ code: 'SNOWFLAKE_LOGIN' });
  await refused.close();
});

test('says when nobody is there', async () => {
  const lonely = createSnowflake(configFor('http://127.0.0.1:9'), { token: 'pat' });
  await expect(lonely.describe(object)).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  await lonely.close();
});

test('the gate tells what changed, without a warehouse, whatever is wrong with one object', async () => {
  const missing = { ...object, name: 'NOT_THERE' };
  const lower = { ...object, name: 'low_er' };
  await insert(1_000_000, 1);
  await standIn.control.reset();
  const [first, none, low] = await client.gate([[object], [missing], [lower]]);
  expect(none).toMatchObject({ code: 'OBJECT_MISSING' });
  expect(low).toMatchObject({ now: expect.any(Number) as number });
  expect((await client.gate([[object]]))[0]).toMatchObject({ token: (first as { token: string }).token });
  expect((await standIn.control.stats()).all.withWarehouse).toBe(0);
  await insert(1_000_001, 1);
  const [after] = await client.gate([[object]]);
  expect((after as { token: string }).token).not.toBe((first as { token: string }).token);
});

test('the gate is one statement; it is pinned only where quoted names would be folded', async () => {
  const lower = { ...object, name: 'low_er' };
  const statements = async () => (await standIn.control.stats()).all.statements;
  await standIn.control.reset();
  const [, straight] = await client.gate([[object], [lower]]);
  expect(await statements()).toBe(1);
  const config = configFor(standIn.url);
  const folding = createSnowflake({ ...config, snowflake: { ...config.snowflake, user: 'FOLDS' } }, { token: 'folds' });
  const [, folded] = await folding.gate([[object], [lower]]);
  expect(folded).toMatchObject({ token: (straight as { token: string }).token });
  expect(await statements()).toBe(4); // refused or folded, pinned, asked again
  const columns = await folding.describe(lower);
  expect(columns).toMatchObject({ columns: [{ name: 'A' }] });
  await folding.close();
});

test('describes a table', async () => {
  const facts = await client.describe(object);
  expect(facts).toMatchObject({ tracking: true, retentionMs: 86_400_000 });
  expect(Date.parse(facts.createdOn)).toBeGreaterThan(Date.now() - 600_000);
  expect(facts.columns.map(({ name, type, precision, scale }) => [name, type, precision, scale])).toEqual([
    ['ID', 'NUMBER', 38, 0],
    ['NAME', 'VARCHAR', null, null],
    ['AMOUNT', 'NUMBER', 10, 2],
    ['F', 'FLOAT', null, null],
    ['OK', 'BOOLEAN', null, null],
    ['AT_NTZ', 'TIMESTAMP_NTZ', 9, null],
    ['V', 'VARIANT', null, null],
  ]);
  expect(facts.columns[0]!.nullable).toBe(false);
  expect(await client.describe({ ...object, name: 'low_er' })).toMatchObject({ tracking: false });
  await expect(client.describe({ ...object, name: 'LOW_ER' })).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  await expect(client.describe({ ...object, schema: 'NO' })).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
});

test('facts from a damaged answer are no facts', async () => {
  const names = Array.from({ length: 120 }, (_, i) => `A_LONG_NAME_FOR_COLUMN_${i}`);
  await run(writer, `CREATE TABLE DB.PUBLIC.WIDE (${names.map((name) => `${name} NUMBER(9,0)`).join(', ')})`);
  const wide = { ...object, name: 'WIDE' };
  const right = await client.describe(wide);
  expect(right.columns.map(({ name }) => name)).toEqual(names);
  // The SDK does not notice.
  await standIn.control.fault({ fault: 'chunk-short', sql: '^DESC' });
  await expect(client.describe(wide)).rejects.toMatchObject({ code: 'RESULT_MALFORMED' });
  expect(await client.describe(wide)).toEqual(right);
});

test('what follows a gate works in a session opened after it', async () => {
  await client.describe(object);
  const before = (await standIn.control.stats()).logins;
  await client.gate([[object]]);
  await client.describe(object);
  await client.describe(object);
  expect((await standIn.control.stats()).logins).toBe(before + 2);
});

test.each([1, 3, 8])('a window of changes in %i partitions, read by ranges', async (partitions) => {
  const base = partitions * 10_000;
  await insert(base, 50);
  const from = await bound();
  await insert(base + 50, 400);
  await run(writer, `UPDATE DB.PUBLIC.T SET NAME = 'new' WHERE ID BETWEEN ${base} AND ${base + 9}`);
  await run(writer, `DELETE FROM DB.PUBLIC.T WHERE ID BETWEEN ${base + 10} AND ${base + 14}`);
  const request = { kind: 'changes' as const, layout: layoutOf(partitions), from, to: await bound() };
  const { queryId, width, statement } = await scan(request);

  const { totalRows, ranges } = await client.ranges(queryId);
  expect(totalRows).toBe(400 + 20 + 5);
  expect(ranges.length).toBe(partitions);
  const whole = await collect(client.read(queryId, 0, totalRows, width));
  expect(whole.length).toBe(totalRows);
  const parts = [];
  for (const range of ranges) {
    const rows = await collect(client.read(queryId, range.start, range.start + range.rows, width));
    expect(new Set(rows.map((row) => row.at(-1)))).toEqual(new Set([String(range.partition)]));
    const keys = rows.map((row) => `${row[7]} ${row[8]}`);
    expect(keys).toEqual([...keys].sort());
    parts.push(...rows);
  }
  expect(parts).toEqual(whole);
  expect(whole.find((row) => row[0] === String(base + 52))).toEqual([
    String(base + 52),
    `näme "${base + 52}" \\ \n ${'x'.repeat((base + 52) % 40)}`,
    `${base + 52}.25`,
    expect.stringMatching(/^\d\.\d+E\d$/),
    'true',
    '2026-01-02T03:04:05.123456789',
    `{"id":${base + 52}}`,
    `["${base + 52}"]`,
    'INSERT',
    expect.any(String),
    expect.any(String),
  ]);

  // The SDK's own row path gives the same cells.
  const bySdk = await byId(writer, queryId, true);
  expect(whole).toEqual(await streamed(bySdk.statement));

  // Run again, the same text gives the same result.
  const again = await client.submit(statement, 'snowmelt/demo/t/1');
  expect(await client.status(again, 20_000)).toEqual({ state: 'done' });
  expect(await client.ranges(again)).toEqual({ totalRows, ranges });
});

test('a snapshot, and an empty window', async () => {
  await insert(500_000, 30);
  const to = await bound();
  const { queryId, width } = await scan({ kind: 'snapshot', layout: layoutOf(2), from: null, to });
  const { totalRows, ranges } = await client.ranges(queryId);
  const rows = await collect(client.read(queryId, 0, totalRows, width));
  const count = await run(writer, 'SELECT TO_VARCHAR(COUNT(*)) FROM DB.PUBLIC.T');
  expect(String(totalRows)).toBe(count.rows[0]![0]);
  expect(ranges.reduce((sum, range) => sum + range.rows, 0)).toBe(totalRows);
  expect(rows.every((row) => row[8] === 'INSERT' && row[9] === null)).toBe(true);

  const empty = await scan({ kind: 'changes', layout: layoutOf(2), from: to, to: await bound() });
  await standIn.control.reset();
  expect(await client.ranges(empty.queryId)).toEqual({ totalRows: 0, ranges: [] });
  expect((await standIn.control.stats()).all.withWarehouse).toBe(0);
});

test('a scan outlives the client that submitted it', async () => {
  const to = await bound();
  const { columns } = await client.describe(object);
  const statement = client.statement({ kind: 'snapshot', layout: layoutOf(1), from: null, to, columns });
  await standIn.control.fault({ fault: 'hold-query', kind: 'SELECT', sql: 'MD5_NUMBER_LOWER64' });
  const queryId = await client.submit(statement, 'snowmelt/demo/t/9');
  expect(await client.status(queryId, 0)).toEqual({ state: 'running' });
  await client.close();
  client = createSnowflake(configFor(standIn.url), { token: 'pat' });
  expect(await client.status(queryId, 0)).toEqual({ state: 'running' });
  await standIn.control.clearFaults();
  expect(await client.status(queryId, 20_000)).toEqual({ state: 'done' });
  expect((await standIn.control.stats()).byTag['snowmelt/demo/t/9']?.statements).toBe(1);
});

test('a session that ends while a scan is submitted costs a new session, not an id that leads nowhere', async () => {
  await standIn.control.fault({ fault: 'session-gone', sql: '^SELECT 1' });
  const queryId = await client.submit('SELECT 1 AS A', 'tag');
  expect(await client.status(queryId, 20_000)).toEqual({ state: 'done' });
  expect((await standIn.control.faults())[0]?.hits).toBe(1);
});

test('a session that ends under a gate costs a new session, not every source its tick', async () => {
  const rule = { fault: 'session-gone', sql: 'LAST_CHANGE_COMMIT_TIME' } as const;
  await standIn.control.fault(rule);
  expect(await client.gate([[object]])).toMatchObject([{ token: expect.any(String) as string }]);
  expect((await standIn.control.faults())[0]?.hits).toBe(1);
  await standIn.control.fault({ ...rule, times: null });
  await expect(client.gate([[object]])).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
});

test('an aborted scan has failed; an unknown one is gone', async () => {
  await standIn.control.fault({ fault: 'hold-query', kind: 'SELECT', sql: 'FOR THE ABORT' });
  const queryId = await client.submit('SELECT 1 /* FOR THE ABORT */', 'tag');
  await client.abort(queryId);
  expect(await client.status(queryId, 20_000)).toMatchObject({
    state: 'failed',
    error: { code: 'SNOWFLAKE_STATEMENT' },
  });
  expect(await client.status(randomUUID(), 0)).toEqual({ state: 'gone' });
});

test.each([
  ['history-lost', 'HISTORY_LOST'],
  ['tracking-missing', 'HISTORY_LOST'],
  ['future-data', 'SNOWFLAKE_STATEMENT'],
  ['error', 'SNOWFLAKE_STATEMENT'],
] as const)('a scan that fails with %s', async (fault, code) => {
  await standIn.control.fault({ fault, kind: 'SELECT', sql: 'CHANGES' });
  const { columns } = await client.describe(object);
  const request = { kind: 'changes' as const, layout: layoutOf(1), columns };
  const statement = client.statement({ ...request, from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:01:00.000Z' });
  const queryId = await client.submit(statement, 'tag');
  expect(await client.status(queryId, 20_000)).toMatchObject({ state: 'failed', error: { code } });
});

test('the SDK reader gives what the chunk reader gives, and neither gives what another user ran', async () => {
  await insert(800_000, 400);
  const { queryId, width } = await scan({ kind: 'snapshot', layout: layoutOf(2), from: null, to: await bound() });
  const { totalRows } = await client.ranges(queryId);
  const config = configFor(standIn.url);
  const sdk = createSnowflake({ ...config, snowflake: { ...config.snowflake, reader: 'sdk' } }, { token: 'pat' });
  try {
    for (const start of [0, 1, totalRows - 3]) {
      const rows = await collect(client.read(queryId, start, totalRows, width));
      expect(rows).toHaveLength(totalRows - start);
      expect(await collect(sdk.read(queryId, start, totalRows, width))).toEqual(rows);
    }
    await standIn.control.fault({ fault: 'chunk-short', chunk: 1 });
    expect(await collect(sdk.read(queryId, 0, totalRows, width))).toHaveLength(totalRows);
    const other = await connect({ account: 'acct', accessUrl: standIn.url, username: 'OTHER', password: 'other' });
    const { queryId: others } = await run(other, 'SELECT 1');
    await new Promise((resolve) => other.destroy(resolve));
    for (const reader of [client, sdk])
      await expect(collect(reader.read(others, 0, 1, 1))).rejects.toMatchObject({ code: 'RESULT_EXPIRED' });
  } finally {
    await sdk.close();
  }
});

test('expired and lost sessions, expired addresses and bad downloads cost nothing but time', async () => {
  await insert(700_000, 200);
  const { queryId, width } = await scan({ kind: 'snapshot', layout: layoutOf(1), from: null, to: await bound() });
  const { totalRows } = await client.ranges(queryId);
  const read = () => collect(client.read(queryId, 0, totalRows, width));
  const whole = await read();

  for (const what of ['session', 'master'] as const) {
    await standIn.control.expireTokens(what);
    expect(await client.status(queryId, 20_000)).toEqual({ state: 'done' });
    await standIn.control.expireTokens(what);
    expect(await read()).toEqual(whole);
  }
  await standIn.control.fault({ fault: 'session-gone', path: '/result' });
  expect(await read()).toEqual(whole);

  for (const fault of chunkFaultNames.filter((name) => name !== 'chunk-stalled')) {
    const { id } = await standIn.control.fault({ fault, chunk: 1 });
    expect(await read()).toEqual(whole);
    expect((await standIn.control.faults()).find((rule) => rule.id === id)?.hits).toBe(1);
  }
  await standIn.control.fault({ fault: 'chunk-short', chunk: 1, times: null });
  await expect(read()).rejects.toMatchObject({ code: 'RESULT_MALFORMED' });
  await standIn.control.clearFaults();

  let rows = 0;
  for await (const batch of client.read(queryId, 0, totalRows, width)) {
    if (rows === 0) await standIn.control.expireChunkUrls();
    rows += batch.rows;
  }
  expect(rows).toBe(totalRows);

  await standIn.control.expireResults();
  await expect(read()).rejects.toMatchObject({ code: 'RESULT_EXPIRED' });
  await expect(client.ranges(queryId)).rejects.toMatchObject({ code: 'RESULT_EXPIRED' });
  expect(await client.status(queryId, 0)).toEqual({ state: 'gone' });
});
