import { randomUUID } from 'node:crypto';
import type { Connection } from 'snowflake-sdk';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SeenRequest } from '../../local/snowflake/client.ts';
import { controlOf } from '../../local/snowflake/client.ts';
import type { RunningServer } from '../../local/snowflake/server/server.ts';
import { startServer } from '../../local/snowflake/server/server.ts';
import { fakeEngine } from './fake-engine.ts';
import { byId, close, codeOf, connect, raw, run } from './sdk.ts';

const engine = fakeEngine();
let server: RunningServer;
let connection: Connection;
const control = () => controlOf(server.url);
const signIn = (more: { role?: string; username?: string; warehouse?: string } = {}) =>
  connect({
    account: 'acct',
    accessUrl: server.url,
    username: 'SNOWMELT',
    password: 'p',
    database: 'DB',
    schema: 'PUBLIC',
    warehouse: 'WH',
    ...more,
  });

beforeAll(async () => {
  server = await startServer(engine, {
    users: [
      { name: 'SNOWMELT', password: 'p' },
      { name: 'OTHER', password: 'p' },
    ],
    longPollMs: 150,
    detachedMs: 50,
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  connection = await signIn();
  engine.executed.length = 0;
});
afterEach(async () => {
  await control().clearFaults();
  await control().reset();
  await close(connection);
});
const executed = (sql: string) => engine.executed.filter((each) => each === sql).length;

test('runs a statement and answers its result', async () => {
  const { rows, columns, total, statement } = await run(connection, 'SELECT ROWS 5 3');
  expect(columns).toEqual(['ID', 'TEXT']);
  expect(rows).toEqual([
    ['0', null],
    ['1', '"é\\1'],
    ['2', '"é\\2'],
    ['3', null],
    ['4', '"é\\4'],
  ]);
  expect(total).toBe(5);
  const session = statement.getSessionState() as { getCurrentWarehouse(): string };
  expect(session.getCurrentWarehouse()).toBe('WH');
});

test('long-polls a statement that takes longer than the answer may', async () => {
  const rule = await control().fault({ fault: 'hold-query' });
  const after = await control().position();
  const running = run(connection, 'SELECT ROWS 2 1');
  const polled = await control().waitFor((seen) => seen.endpoint === 'result', { after });
  await control().clearFaults(rule.id);
  const { queryId, total } = await running;
  expect(polled.queryId).toBe(queryId);
  expect(total).toBe(2);
  expect(executed('SELECT ROWS 2 1')).toBe(1);
});

test('runs an asynchronous statement, found by its id from another session of the user', async () => {
  const rule = await control().fault({ fault: 'hold-query' });
  const { queryId } = await run(connection, 'SELECT ROWS 3 1', { asyncExec: true });
  expect(await connection.getQueryStatus(queryId)).toBe('RUNNING');
  const other = await signIn();
  const result = byId(other, queryId);
  await control().clearFaults(rule.id);
  expect((await result).total).toBe(3);
  expect(await other.getQueryStatus(queryId)).toBe('SUCCESS');
  await close(other);
});

test('shows a result to its user only', async () => {
  const { queryId } = await run(connection, 'SELECT ROWS 3 1');
  const stranger = await signIn({ username: 'OTHER' });
  expect(await codeOf(byId(stranger, queryId))).toBe('000709');
  expect(await stranger.getQueryStatus(queryId)).toBe('NO_QUERY_DATA');
  await close(stranger);
});

test('keeps a failed statement’s error for monitoring and for its result', async () => {
  const { queryId } = await run(connection, 'SELECT FAIL', { asyncExec: true });
  expect(await codeOf(byId(connection, queryId))).toBe('001003');
  expect(await connection.getQueryStatus(queryId)).toBe('FAILED_WITH_ERROR');
  await expect(connection.getQueryStatusThrowIfError(queryId)).rejects.toThrow('syntax error');
});

test('runs a requestId once, also while it runs and when its first answer was lost', async () => {
  const requestId = randomUUID();
  const first = await run(connection, 'SELECT ROWS 2 1', { requestId });
  const second = await run(connection, 'SELECT ROWS 9 9', { requestId });
  expect(second.queryId).toBe(first.queryId);
  expect(second.rows).toEqual(first.rows);

  const rule = await control().fault({ fault: 'hold-query' });
  const again = randomUUID();
  const after = await control().position();
  const both = [run(connection, 'INSERT A', { requestId: again })];
  await control().waitFor((seen) => seen.requestId === again, { after });
  both.push(run(connection, 'INSERT A', { requestId: again }));
  await control().waitFor((seen) => seen.requestId === again, { after: after + 1 });
  await control().clearFaults(rule.id);
  const [one, two] = await Promise.all(both);
  expect(two!.queryId).toBe(one!.queryId);

  await control().fault({ fault: 'cut-after', sql: 'INSERT B' });
  expect((await run(connection, 'INSERT B')).total).toBe(1);
  await control().fault({ fault: 'cut-before', sql: 'INSERT C' });
  expect((await run(connection, 'INSERT C')).total).toBe(1);
  expect([executed('INSERT A'), executed('INSERT B'), executed('INSERT C')]).toEqual([1, 1, 1]);
});

test('a requestId of another session is another statement', async () => {
  const requestId = randomUUID();
  const other = await signIn();
  const ids = [];
  for (const each of [connection, other]) ids.push((await run(each, 'INSERT A', { requestId })).queryId);
  expect(new Set(ids).size).toBe(2);
  await close(other);
});

test('aborts by id and by requestId; an ended statement is 000605', async () => {
  const running = await run(connection, 'SELECT WAIT', { asyncExec: true });
  await new Promise((resolve) => running.statement.cancel(resolve));
  expect(await codeOf(byId(connection, running.queryId))).toBe('000604');

  const after = await control().position();
  let cancel = () => {};
  const synchronous = new Promise((resolve) => {
    const statement = connection.execute({ sqlText: 'SELECT WAIT', complete: (error) => resolve(error?.code) });
    cancel = () => statement.cancel(() => undefined);
  });
  await control().waitFor((seen) => seen.sql === 'SELECT WAIT', { after });
  cancel();
  expect(await synchronous).toBe('000604');

  const { queryId } = await run(connection, 'hello');
  const token = await sessionToken();
  const late = await raw(server.url, `/queries/${queryId}/abort-request`, { token, body: {} });
  expect(late.code).toBe('000605');
});

async function sessionToken(): Promise<string> {
  const data = { ACCOUNT_NAME: 'ACCT', LOGIN_NAME: 'SNOWMELT', PASSWORD: 'p' };
  const answer = await raw(server.url, '/session/v1/login-request', { body: { data } });
  return answer.data.token as string;
}

test('closing a session aborts what it runs, asynchronous statements too', async () => {
  const dying = await signIn();
  const { queryId } = await run(dying, 'SELECT WAIT', { asyncExec: true });
  await close(dying);
  expect(await codeOf(byId(connection, queryId))).toBe('000604');
});

test('a session that is kept on the server keeps its statements', async () => {
  const rule = await control().fault({ fault: 'hold-query' });
  const kept = await connect({
    account: 'acct',
    accessUrl: server.url,
    username: 'SNOWMELT',
    password: 'p',
    warehouse: 'WH',
    serverSessionKeepAlive: true,
  });
  const { queryId } = await run(kept, 'SELECT ROWS 4 1', { asyncExec: true });
  await close(kept);
  await control().clearFaults(rule.id);
  expect((await byId(connection, queryId)).total).toBe(4);
});

test('ABORT_DETACHED_QUERY aborts a synchronous statement whose client has left', async () => {
  const token = await sessionToken();
  const ask = (id: string, sqlText: string, signal?: AbortSignal) =>
    fetch(`${server.url}/queries/v1/query-request?requestId=${id}`, {
      method: 'POST',
      headers: { authorization: `Snowflake Token="${token}"` },
      body: JSON.stringify({ sqlText }),
      ...(signal === undefined ? {} : { signal }),
    });
  await ask('1', "ALTER SESSION SET ABORT_DETACHED_QUERY = 'true'");
  await control().fault({ fault: 'hold-query', sql: 'SELECT 1' });
  const leaver = new AbortController();
  const after = await control().position();
  const left = ask('3', 'SELECT 1', leaver.signal).catch(() => undefined);
  await control().waitFor((seen) => seen.requestId === '3', { after });
  leaver.abort();
  await left;
  const answered = (seen: SeenRequest) => seen.requestId === '3' && seen.phase === 'answered';
  const queryId = (await control().waitFor(answered, { after })).queryId!;
  // Asking for the result would be a client that came back; asking for the status is not.
  while ((await connection.getQueryStatus(queryId)) === 'RUNNING') {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(await codeOf(byId(connection, queryId))).toBe('000604');
});

test('a statement over STATEMENT_TIMEOUT_IN_SECONDS ends with 000630', async () => {
  await run(connection, "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = '0.05'");
  expect(await codeOf(run(connection, 'SELECT WAIT'))).toBe('000630');
});

test('describes without running and without a warehouse', async () => {
  const { columns, rows } = await run(connection, 'SELECT ROWS 3 1', { describeOnly: true });
  expect([columns, rows]).toEqual([['ID', 'TEXT'], []]);
  expect(engine.executed).toEqual([]);
  const stats = await control().stats();
  expect([stats.describeOnly, stats.all.statements, stats.resumes]).toEqual([1, 0, 0]);
});

test.each(['SELECT 1; SELECT 2', 'INSERT A;;INSERT B', "INSERT ';' ; -- one\n INSERT B"])(
  'refuses two statements in one request, running none: %s',
  async (sql) => {
    await expect(run(connection, sql)).rejects.toMatchObject({
      code: '000008',
      message: 'Actual statement count 2 did not match the desired statement count 1.',
    });
    expect(engine.executed).toEqual([]);
  },
);

test.each(['SELECT \';\' AS "a;b" -- ; c\n;', 'SELECT $$ a;b $$', '/* a; */ SELECT 1;', 'BEGIN INSERT A; COMMIT; END'])(
  'takes one statement for one: %s',
  async (sql) => {
    expect((await run(connection, sql)).total).toBe(1);
  },
);

test('counts statements, warehouse use and resumes by kind and tag', async () => {
  await run(connection, "ALTER SESSION SET QUERY_TAG = 'snowmelt/a'");
  await run(connection, 'SELECT ROWS 2 1');
  await run(connection, 'SELECT ROWS 2 1');
  await run(connection, 'SHOW TABLES');
  await codeOf(run(connection, 'SELECT FAIL'));
  await run(connection, 'SELECT ROWS 2 1', { parameters: { QUERY_TAG: 'other' } });
  const stats = await control().stats();
  expect(stats.all).toEqual({ statements: 6, withWarehouse: 3, withoutWarehouse: 3, failed: 1 });
  expect(stats.byKind.SHOW).toEqual({ statements: 1, withWarehouse: 0, withoutWarehouse: 1, failed: 0 });
  expect(stats.byTag['snowmelt/a']).toEqual({ statements: 4, withWarehouse: 2, withoutWarehouse: 2, failed: 1 });
  expect(stats.byTag.other?.withWarehouse).toBe(1);
  expect(stats.scans).toEqual({});
  expect(stats.warehouses.WH?.state).toBe('STARTED');
});

test('bills 60 seconds at least for each resume, and sleeps after AUTO_SUSPEND', async () => {
  await control().passAccountingTime(3600);
  await control().reset();
  await run(connection, 'SELECT ROWS 2 1');
  let stats = await control().stats();
  expect([stats.resumes, stats.secondsAwake]).toEqual([1, 60]);

  await control().passAccountingTime(50);
  await run(connection, 'SELECT ROWS 2 1');
  await control().passAccountingTime(100);
  stats = await control().stats();
  expect(stats.resumes).toBe(1);
  // 50 s to the second statement and 60 s of idling after it.
  expect(stats.secondsAwake).toBeGreaterThanOrEqual(110);
  expect(stats.secondsAwake).toBeLessThan(115);
  expect(stats.warehouses.WH?.state).toBe('SUSPENDED');

  await run(connection, 'SELECT ROWS 2 1');
  expect((await control().stats()).resumes).toBe(2);
});

test('needs a warehouse for what needs one', async () => {
  const without = await connect({ account: 'a', accessUrl: server.url, username: 'SNOWMELT', password: 'p' });
  expect((await run(without, 'SHOW TABLES')).total).toBe(1);
  expect(await codeOf(run(without, 'SELECT ROWS 1 1'))).toBe('000606');
  await close(without);
});
