// The stand-in as users run it: a child process with the real engine, read through the real driver.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Connection } from 'snowflake-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snowflake } from '../../local/snowflake/client.ts';
import { startSnowflake } from '../../local/snowflake/client.ts';
import { close, connect, run, streamed } from './sdk.ts';

let snowflake: Snowflake;
let connection: Connection;
const table = '"DB"."PUBLIC"."ROWS"';
const rows = 100_000;

beforeAll(async () => {
  snowflake = await startSnowflake({ maxChunkBytes: 1_000_000 });
  connection = await connect({
    account: 'SNOWMELT',
    accessUrl: snowflake.url,
    username: 'SNOWMELT',
    password: 'snowmelt',
    warehouse: 'WH',
  });
  await run(connection, 'CREATE DATABASE IF NOT EXISTS "DB"');
  await run(connection, 'CREATE SCHEMA IF NOT EXISTS "DB"."PUBLIC"');
  await run(connection, `CREATE TABLE ${table} (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE`);
});
afterAll(async () => {
  await close(connection);
  await snowflake.stop();
});

test('100,000 loaded rows come back through streamRows as they went in', async () => {
  const text = (id: number) => (id % 7 === 0 ? null : `é "${id}" \\ ${'x'.repeat(id % 50)}`);
  const loaded = await snowflake.control.load(
    'DB.PUBLIC.ROWS',
    `SELECT i AS "ID", CASE WHEN i % 7 = 0 THEN NULL ELSE 'é "' || i || '" \\ ' || repeat('x', CAST(i % 50 AS INTEGER)) END AS "V"
     FROM range(${rows}) t(i)`,
  );
  expect(loaded.rows).toBe(rows);
  expect(loaded.commitTime).toMatch(/^\d{19}$/);

  await snowflake.control.reset();
  const sql = `SELECT TO_VARCHAR("ID") AS "C0", "V" AS "C1" FROM ${table} ORDER BY "ID"`;
  const { statement, total } = await run(connection, sql, { streamResult: true });
  const read = await streamed(statement);
  expect([total, read.length]).toEqual([rows, rows]);
  expect(read.findIndex((row, i) => row[0] !== String(i) || row[1] !== text(i))).toBe(-1);

  const stats = await snowflake.control.stats();
  expect(stats.scans).toEqual({ 'DB.PUBLIC.ROWS': 1 });
  expect(stats.resumes).toBe(1);
  expect(stats.chunksProduced).toBe(stats.chunksServed);
  expect(stats.chunksServed).toBeGreaterThan(3);
});

test('a statement that is aborted ends in the engine too', async () => {
  const heavy = `SELECT COUNT(*) FROM ${table} A, ${table} B, ${table} C WHERE A.ID + B.ID + C.ID < 0`;
  const after = await snowflake.control.position();
  let cancel = () => {};
  const ended = new Promise((resolve) => {
    const statement = connection.execute({ sqlText: heavy, complete: (error) => resolve(error?.code) });
    cancel = () => statement.cancel(() => undefined);
  });
  await snowflake.control.waitFor((seen) => seen.sql === heavy, { after });
  cancel();
  expect(await ended).toBe('000604');
  expect((await run(connection, 'SELECT 1')).rows).toEqual([['1']]);
});

test('a switched engine clock shows, and history expires on demand', async () => {
  const year = async () =>
    Number((await run(connection, "SELECT TO_VARCHAR(CURRENT_TIMESTAMP(), 'YYYY')")).rows[0]![0]);
  const now = await year();
  await snowflake.control.engine({ clockSkewMs: 2 * 366 * 86_400_000 });
  expect(await year()).toBeGreaterThan(now);
  await snowflake.control.engine({ clockSkewMs: 0 });
});

test('it ends with its parent, also when that is killed', async () => {
  const script = `
    const { startSnowflake } = await import(${JSON.stringify(new URL('../../local/snowflake/client.ts', import.meta.url).href)});
    console.log((await startSnowflake()).url);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve) => createInterface({ input: parent.stdout }).once('line', resolve));
  expect((await fetch(`${url}/control/stats`)).status).toBe(200);
  parent.kill('SIGKILL');
  const gone = async () =>
    fetch(`${url}/control/stats`).then(
      () => false,
      () => true,
    );
  while (!(await gone())) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await gone()).toBe(true);
});
