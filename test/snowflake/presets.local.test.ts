/** Each preset's SQL on the stand-in's views, step by step as a planner asks: columns, copy, measure, window. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { presetNames, PRESETS, type PresetName } from '../../lambdas/config/presets.ts';
import type { Snowflake } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Cursor, Layout, ObjectName } from '../../lambdas/protocol/window.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import type { Snowflake as StandIn } from '../../local/snowflake/client.ts';
import { startSnowflake } from '../../local/snowflake/client.ts';
import { shopOf } from '../config/shop.ts';
import { codeOf, connect, run } from '../local/sdk.ts';
import { collect } from './batches.ts';

const config = shopOf(
  Object.fromEntries(presetNames.map((preset) => [preset, { preset, topic: { name: `t.${preset}`, partitions: 1 } }])),
);

let standIn: StandIn;
let client: Snowflake;
let writer: Awaited<ReturnType<typeof connect>>;
beforeAll(async () => {
  standIn = await startSnowflake();
  config.snowflake.accessUrl = standIn.url;
  writer = await connect({
    account: 'acct',
    accessUrl: standIn.url,
    username: 'SNOWMELT',
    password: 'snowmelt',
    warehouse: 'WH',
  });
  await run(writer, 'CREATE DATABASE DB');
  await run(writer, 'CREATE SCHEMA DB.STAGING');
  client = createSnowflake(config, { token: 'snowmelt' });
});
afterAll(async () => {
  await client.close();
  await new Promise((resolve) => writer.destroy(resolve));
  await standIn.stop();
});

const day = (of: number) => `2026-03-0${of}`;

/** A row of the view whose key columns and cursor are of that day; ids are one of three. */
async function load(name: PresetName, id: number, time: string): Promise<void> {
  const { from, key, cursor } = PRESETS[name];
  const columns = name === 'event-table' ? ['TRACE', cursor] : [...new Set([...key, cursor])];
  const cells = columns.map((column) => {
    if (column === 'TRACE') return `'{"trace_id": "${id}"}' AS TRACE`;
    if (column === cursor || /_TIME$|_ON$|TIMESTAMP$/.test(column)) return `TIMESTAMP '${time}' AS ${column}`;
    return `${id} AS ${column}`;
  });
  await standIn.control.load(from, `SELECT ${cells.join(', ')}`);
}

async function done(queryId: string): Promise<string> {
  expect(await client.status(queryId, 20_000)).toEqual({ state: 'done' });
  return queryId;
}

/** One window's way; answers its rows' cells by column name, and what the next one goes on from. */
async function window(layout: Layout, table: ObjectName, before: { cursor: Cursor; table: ObjectName } | null) {
  const to = '2026-03-09T00:00:00.000Z';
  const compiled = await client.describe(layout.object, layout.query);
  const column = compiled.columns.find(({ name }) => name === layout.query!.cursor)!;
  const since = before === null ? null : { column, cursor: before.cursor, undated: null };
  const request = { table, layout, since, comment: 'of a test' };
  await done(await client.submit(client.stage(request), 'tag'));
  const { columns } = await client.describe(table);
  // What the planner checks before and after is the same.
  expect(compiled.columns.map(({ name, type, scale }) => [name, type, scale])).toEqual(
    columns.map(({ name, type, scale }) => [name, type, scale]),
  );
  const { cursor } = await client.measure(request, columns, to);
  const base = before === null ? null : { table: before.table, columns };
  const text = client.statement({ kind: 'changes', layout, columns, from: null, to, staged: { table, base } });
  const queryId = await done(await client.submit(text, 'tag'));
  const { totalRows } = await client.ranges(queryId);
  const rows = await collect(client.read(queryId, 0, totalRows, columns.length + 4));
  return { cursor: cursor!, rows: rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]))) };
}

test.concurrent.each(presetNames)('%s', async (name) => {
  const plan = sourcePlan(
    config,
    config.sources.find((source) => source.name === name)!,
  );
  const layout: Layout = { ...plan, number: 1 };
  const { key, cursor } = PRESETS[name];
  const tables = [1, 2].map((n) => ({ database: 'DB', schema: 'STAGING', name: `${name}_${n}` }));

  await load(name, 1, day(1));
  const first = await window(layout, tables[0]!, null);
  expect(first.rows).toHaveLength(1);
  for (const column of key) expect(first.rows[0]![column]).toEqual(expect.any(String));
  expect(first.rows[0]![cursor]).toContain(day(1));
  expect(first.cursor).toEqual({ value: `${day(1)} 00:00:00.000000000`, floor: null, nulls: 0 });

  // One at the same time, and one later: what was sent before is not sent again.
  await load(name, 2, day(1));
  await load(name, 3, day(5));
  const second = await window(layout, tables[1]!, { cursor: first.cursor, table: tables[0]! });
  expect(second.rows.map((row) => row[cursor]!.slice(0, 10)).sort()).toEqual([day(1), day(5)]);
  expect(second.cursor.value).toBe(`${day(5)} 00:00:00.000000000`);
  expect(Date.parse(`${second.cursor.floor!.slice(0, 19)}Z`)).toBe(Date.parse(day(1)) - layout.query!.lag);
});

test('copies are found by how their names begin, and dropped', async () => {
  const where = { database: 'DB', schema: 'STAGING', name: '' };
  for (const name of ['A_1_x', 'A_2', 'AB1', 'a_3']) await run(writer, `CREATE TABLE DB.STAGING."${name}" (A NUMBER)`);
  expect((await client.stages(where, 'A_')).sort()).toEqual(['A_1_x', 'A_2']);
  await client.drop({ ...where, name: 'A_2' });
  await client.drop({ ...where, name: 'A_2' });
  expect(await client.stages(where, 'A_')).toEqual(['A_1_x']);
});

test.each([
  'INSERT INTO SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY (EVENT_ID) VALUES (1)',
  'DELETE FROM SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY',
  'DROP TABLE SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY',
  'ALTER TABLE SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY SET CHANGE_TRACKING = TRUE',
  'CREATE TABLE SNOWFLAKE.ACCOUNT_USAGE.MINE (A NUMBER)',
  'CREATE SCHEMA SNOWFLAKE.MINE',
  'DROP DATABASE SNOWFLAKE',
])('the stand-in lets nobody change what is Snowflake’s own: %s', async (sql) => {
  expect(await codeOf(run(writer, sql))).toBe('003001');
});

test('the stand-in has no history and no token of such a view', async () => {
  const view = 'SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY';
  for (const sql of [
    `SELECT * FROM ${view} AT(OFFSET => -1)`,
    `SELECT * FROM ${view} CHANGES(INFORMATION => DEFAULT) AT(OFFSET => -1)`,
    `SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('${view}')`,
  ])
    expect(await codeOf(run(writer, sql))).toBe('000002');
  expect((await run(writer, 'SHOW TABLES IN SCHEMA SNOWFLAKE.ACCOUNT_USAGE')).rows).toEqual([]);
});
