import type { Connection } from 'snowflake-sdk';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { FaultName, FaultRule, SnowflakeControl } from '../../local/snowflake/client.ts';
import { controlOf } from '../../local/snowflake/client.ts';
import type { RunningServer } from '../../local/snowflake/server/server.ts';
import { startServer } from '../../local/snowflake/server/server.ts';
import { fakeEngine } from './fake-engine.ts';
import { byId, close, codeOf, connect, raw, run, streamed } from './sdk.ts';

const engine = fakeEngine();
let server: RunningServer;
let control: SnowflakeControl;
let connection: Connection;
const signIn = () =>
  connect({
    account: 'a',
    accessUrl: server.url,
    username: 'SNOWMELT',
    password: 'p',
    warehouse: 'WH',
    timeout: 1000,
  });

beforeAll(async () => {
  server = await startServer(engine, {
    users: [{ name: 'SNOWMELT', password: 'p' }],
    inlineBytes: 1_000,
    firstChunkBytes: 20_000,
    longPollMs: 20,
  });
  control = controlOf(server.url);
  connection = await signIn();
});
afterAll(() => server.close());
afterEach(() => control.clearFaults());

/** A chunk's download under a fault, without the driver's retries. */
async function download(fault: FaultName, more: Partial<FaultRule> = {}) {
  const { queryId } = await run(connection, 'SELECT ROWS 1000 50', { streamResult: true });
  const data = { ACCOUNT_NAME: 'A', LOGIN_NAME: 'SNOWMELT', PASSWORD: 'p' };
  const login = await raw(server.url, '/session/v1/login-request', { body: { data } });
  const result = await raw(server.url, `/queries/${queryId}/result`, { token: login.data.token as string });
  const [chunk] = result.data.chunks as { url: string; rowCount: number }[];
  const headers = result.data.chunkHeaders as Record<string, string>;
  await control.fault({ fault, ...more });
  const get = () => fetch(chunk!.url, { headers, signal: AbortSignal.timeout(2000) });
  return { rowCount: chunk!.rowCount, get };
}

test.each<[FaultName, number]>([
  ['chunk-expired', 403],
  ['chunk-unavailable', 503],
])('%s answers %i once', async (fault, status) => {
  const { get } = await download(fault);
  expect([(await get()).status, (await get()).status]).toEqual([status, 200]);
});

test('chunk-short leaves a row out of valid JSON', async () => {
  const { get, rowCount } = await download('chunk-short');
  expect((JSON.parse(`[${await (await get()).text()}]`) as unknown[]).length).toBe(rowCount - 1);
  expect((JSON.parse(`[${await (await get()).text()}]`) as unknown[]).length).toBe(rowCount);
});

test('chunk-empty, -bad-json, -not-array and -number-cells spoil the text', async () => {
  const body = async (fault: FaultName) => (await (await download(fault)).get()).text();
  expect(await body('chunk-empty')).toBe('');
  const bad = await body('chunk-bad-json');
  expect(() => void JSON.parse(`[${bad}]`)).toThrow(SyntaxError);
  const [notArray] = JSON.parse(`[${await body('chunk-not-array')}]`) as unknown[];
  expect(Array.isArray(notArray)).toBe(false);
  const [numbers] = JSON.parse(`[${await body('chunk-number-cells')}]`) as unknown[];
  expect(numbers).toEqual([1, 1]);
});

test.each<FaultName>(['chunk-truncated', 'chunk-cut', 'chunk-stalled'])(
  '%s never gives a whole body',
  async (fault) => {
    const { get } = await download(fault, { ms: 100 });
    const body = () => get().then((response) => response.text());
    // fetch takes a truncated gzip for a whole one: its text is short, without an error.
    const spoiled = await body().catch(() => '');
    const whole = await body();
    expect(spoiled.length).toBeLessThan(whole.length);
    expect(whole.endsWith('"]') || whole.endsWith('null]')).toBe(true);
  },
);

test('the driver takes a short chunk for whole: rows must be counted', async () => {
  await control.fault({ fault: 'chunk-short', chunk: 1 });
  const { statement, total } = await run(connection, 'SELECT ROWS 3000 50', { streamResult: true });
  expect([total, (await streamed(statement)).length]).toEqual([3000, 2999]);
});

test('the driver retries a cut download', async () => {
  await control.fault({ fault: 'chunk-cut', sql: 'ROWS 3001' });
  const { statement } = await run(connection, 'SELECT ROWS 3001 50', { streamResult: true });
  expect((await streamed(statement)).length).toBe(3001);
});

test('statement errors carry Snowflake’s codes, states and texts, without running', async () => {
  const sql = 'SELECT * FROM "DB"."PUBLIC"."T" CHANGES(INFORMATION => DEFAULT) AT(OFFSET => -60)';
  const cases: [FaultRule, object][] = [
    [
      { fault: 'history-lost' },
      { code: '000707', sqlState: '02000', message: expect.stringContaining('not available for table T.') as string },
    ],
    [
      { fault: 'tracking-missing' },
      { code: '091930', sqlState: '2F003', message: expect.stringContaining("table 'DB.PUBLIC.T'") as string },
    ],
    [{ fault: 'future-data' }, { message: 'Future data is not yet available for table T.' }],
    [
      { fault: 'error', code: '000625', sqlState: '57014', message: 'locked' },
      { code: '000625', sqlState: '57014', message: 'locked' },
    ],
  ];
  for (const [rule, error] of cases) {
    await control.fault(rule);
    await expect(run(connection, sql)).rejects.toMatchObject(error);
  }
  expect(engine.executed).not.toContain(sql);
  expect((await run(connection, sql)).total).toBe(1);
});

test('a rule hits what it matches, after those it skips, as often as it says', async () => {
  const rule = await control.fault({ fault: 'error', sql: 'from\\s+a', kind: 'select', skip: 1, times: 2, code: '1' });
  const codes = [];
  for (const sql of [
    'SELECT 1',
    'SELECT x FROM A',
    'INSERT FROM A',
    'SELECT FROM A',
    'SELECT FROM a',
    'SELECT FROM A',
  ]) {
    codes.push(
      await run(connection, sql).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    );
  }
  expect(codes).toEqual(['ok', 'ok', 'ok', '1', '1', 'ok']);
  expect(await control.faults()).toMatchObject([{ id: rule.id, hits: 2 }]);
  await control.clearFaults(rule.id);
  expect(await control.faults()).toEqual([]);

  await control.fault({ fault: 'error', times: null, code: '2' });
  for (let i = 0; i < 4; i++) expect(await codeOf(run(connection, 'SELECT 1'))).toBe('2');
  await expect(control.fault({ fault: 'nonsense' as FaultName })).rejects.toThrow('Unknown fault');
});

test('slow-query makes the client poll', async () => {
  const after = await control.position();
  await control.fault({ fault: 'slow-query', ms: 50 });
  expect((await run(connection, 'SELECT 1')).total).toBe(1);
  const polled = await control.waitFor((seen) => seen.endpoint === 'result', { after });
  expect(polled.sql ?? 'SELECT 1').toBe('SELECT 1');
});

test('session-expired is renewed by the driver; session-gone and master-expired end the connection', async () => {
  await control.reset();
  await control.fault({ fault: 'session-expired', sql: 'SELECT 7' });
  expect((await run(connection, 'SELECT 7')).total).toBe(1);
  expect((await control.stats()).renewals).toBe(1);

  const gone = await signIn();
  await control.fault({ fault: 'session-gone' });
  expect(await codeOf(run(gone, 'SELECT 1'))).toBe('407002');

  const ended = await signIn();
  await control.fault({ fault: 'session-expired' });
  await control.fault({ fault: 'master-expired' });
  expect(await codeOf(run(ended, 'SELECT 1'))).toBe('407002');
});

test('390112 reaches the caller of a status query, which the driver does not renew', async () => {
  const own = await signIn();
  const { queryId } = await run(own, 'SELECT ROWS 2 1', { asyncExec: true });
  await control.fault({ fault: 'session-expired', path: '^/monitoring' });
  await expect(own.getQueryStatus(queryId)).rejects.toMatchObject({ code: '390112' });
  expect((await byId(own, queryId)).total).toBe(2);
  await close(own);
});

test('logins are refused, delayed and unavailable on demand', async () => {
  await control.fault({ fault: 'login-refused', code: '390422', message: 'IP not allowed' });
  await expect(signIn()).rejects.toMatchObject({ code: '390422', message: 'IP not allowed' });
  await control.fault({ fault: 'slow-login', ms: 20 });
  await close(await signIn());
  await control.fault({ fault: 'unavailable', path: 'login' });
  await expect(signIn()).rejects.toMatchObject({ code: 401002 });
  await close(await signIn());
});

test('503 on a statement is retried under the same requestId', async () => {
  const after = await control.position();
  await control.fault({ fault: 'unavailable', sql: 'SELECT 503' });
  expect((await run(connection, 'SELECT 503')).total).toBe(1);
  const tries = (seen: { sql?: string; phase: string; status?: number }) =>
    seen.sql === 'SELECT 503' && seen.phase === 'answered';
  const first = await control.waitFor(tries, { after });
  const second = await control.waitFor(tries, { after: first.seq });
  expect([first.status, second.status]).toEqual([503, 200]);
  expect(second.requestId).toBe(first.requestId);
  expect(first.faults).toEqual(['unavailable']);
});

test('engine switches, loads and history go to the engine; an unknown control is an error', async () => {
  await control.engine({ clockSkewMs: 1500 });
  await control.engine({ visibilityDelayMs: 20 });
  expect(engine.faults).toEqual({ clockSkewMs: 1500, visibilityDelayMs: 20 });
  await control.engine({ clockSkewMs: 0, visibilityDelayMs: 0 });
  expect(await control.load('DB.PUBLIC.T', 'SELECT 1')).toEqual({ rows: 7, commitTime: '1700000000000000000' });
  await control.expireHistory('DB.PUBLIC.T', Date.now());
  await control.assume('future-code', '000707');
  expect(engine.assumptions.get('future-code')).toBe('000707');
  await control.assume();
  expect(engine.assumptions.get('future-code')).toBe('002148');
  await expect(control.assume('future-code', 'x')).rejects.toThrow('future-code');
  expect((await fetch(`${server.url}/control/nonsense`)).status).toBe(400);
});
