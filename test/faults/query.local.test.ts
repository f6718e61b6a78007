/** Query sources over real parts: each mode with what makes it hard, planners that die, copies that outlive results. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA');
});
afterAll(() => stands.stop());
afterEach(() => vi.restoreAllMocks());

const source = (settings: object) => stands.configured({ partitions: 1, ...settings });

/** One tick and what it calls; answers `op key=after` of the records of the newest window, sorted. */
async function records(pipeline: Pipeline): Promise<string[]> {
  const before = await windows(pipeline);
  await pipeline.run(1);
  const newest = await windows(pipeline);
  expect(newest).toBe(before + 1);
  const come = (await pipeline.published()).filter(({ op, window }) => op !== 'tombstone' && window === newest);
  return come.map(({ op, key, after }) => `${op} ${values(key)}=${values(after)}`).sort();
}

const values = (row: unknown) => Object.values(row ?? {}).join(',');

/** Staged copies that are there now. */
async function copies(): Promise<string[]> {
  const rows = await stands.rows(`SHOW TABLES IN SCHEMA DB.STAGING`);
  return rows.map((row) => String(row[1]));
}

async function windows(pipeline: Pipeline): Promise<number> {
  return (await pipeline.state())?.head?.number ?? 0;
}

test('bulk: only what differs, deletes included, over a join and an aggregate', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.ORDERS (ID NUMBER, CUSTOMER NUMBER, AMOUNT NUMBER(10,2)) CHANGE_TRACKING = TRUE',
    'CREATE TABLE DB.DATA.CUSTOMERS (ID NUMBER, NAME VARCHAR)',
    `INSERT INTO DB.DATA.CUSTOMERS VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid')`,
    'INSERT INTO DB.DATA.ORDERS VALUES (1, 1, 10), (2, 1, 5), (3, 2, 7)',
  );
  const pipeline = await source({
    query:
      'SELECT c.NAME, COUNT(*) AS N, SUM(o.AMOUNT) AS TOTAL\nFROM DB.DATA.ORDERS o JOIN DB.DATA.CUSTOMERS c ON c.ID = o.CUSTOMER\nGROUP BY c.NAME -- by name',
    key: ['NAME'],
  });
  expect(await records(pipeline)).toEqual(['r Ann=Ann,2,15.00', 'r Bob=Bob,1,7.00']);
  expect(await records(pipeline)).toEqual([]);

  await stands.sql(
    'INSERT INTO DB.DATA.ORDERS VALUES (4, 3, 1)',
    'DELETE FROM DB.DATA.ORDERS WHERE ID = 3',
    'UPDATE DB.DATA.ORDERS SET AMOUNT = 6 WHERE ID = 2',
  );
  expect(await records(pipeline)).toEqual(['c Cid=Cid,1,1.00', 'd Bob=', 'u Ann=Ann,2,16.00']);
  expect(await pipeline.folded()).toEqual({
    '{"NAME":"Ann"}': { NAME: 'Ann', N: '2', TOTAL: '16.00' },
    '{"NAME":"Cid"}': { NAME: 'Cid', N: '1', TOTAL: '1.00' },
  });
  // The newest copy is what the next window is compared with; once all is published nothing else is kept.
  await pipeline.finish();
  const { table, cursor } = (await pipeline.state())!.head!.staged!;
  expect(await copies()).toEqual([table.name]);
  expect(cursor).toBeNull();
  expect(pipeline.codes).toEqual([]);
});

test('bulk: a key that is not unique stops the source before anything of it is published', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.TWICE (ID NUMBER, V NUMBER)',
    'INSERT INTO DB.DATA.TWICE VALUES (1, 1), (1, 2), (2, 3)',
  );
  const pipeline = await source({ query: 'SELECT * FROM DB.DATA.TWICE', key: ['ID'] });
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['DUPLICATE_KEY']);
  expect(pipeline.telemetry.errors.at(-1)!.message).toContain('3 rows, but only 2 different keys (ID)');
  await stands.sql('DELETE FROM DB.DATA.TWICE WHERE V = 2');
  expect(await records(pipeline)).toEqual(['r 1=1,1', 'r 2=2,3']);
});

test('bulk: a query that is changed is compared by the columns that both have', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.WIDE (ID NUMBER, A VARCHAR, B VARCHAR)',
    `INSERT INTO DB.DATA.WIDE VALUES (1, 'a', 'b'), (2, 'c', NULL)`,
  );
  const pipeline = await source({ query: 'SELECT ID, A FROM DB.DATA.WIDE', key: ['ID'] });
  expect(await records(pipeline)).toEqual(['r 1=1,a', 'r 2=2,c']);
  pipeline.source.query!.text = 'SELECT ID, A, B FROM DB.DATA.WIDE';
  pipeline.config.deployment++;
  // Row 2 has no B: for its consumers nothing changed.
  expect(await records(pipeline)).toEqual(['u 1=1,a,b']);
  pipeline.source.query!.text = 'SELECT A AS NAME, B FROM DB.DATA.WIDE';
  pipeline.source.key = ['NAME'];
  pipeline.config.deployment++;
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['QUERY_CHANGED']);
});

test('incrementing: ties, late numbers, NULLs and rows that are the same', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.EVENTS (SEQ NUMBER(20,0), WHAT VARCHAR)',
    `INSERT INTO DB.DATA.EVENTS VALUES (1, 'a'), (10, 'b'), (NULL, 'open')`,
  );
  const pipeline = await source({
    query: 'SELECT * FROM DB.DATA.EVENTS',
    mode: 'incrementing',
    cursor: 'seq',
    lag: 5,
    key: ['what'],
  });
  expect(await records(pipeline)).toEqual(['r a=1,a', 'r b=10,b', 'r open=,open']);
  expect((await pipeline.state())!.head!.staged!.cursor).toEqual({ value: '10', floor: null, nulls: 1 });
  expect(await records(pipeline)).toEqual([]);

  // The cursor again, one within the lag, one beyond it, two equal rows.
  await stands.sql(
    `INSERT INTO DB.DATA.EVENTS VALUES (10, 'tie'), (5, 'late'), (4, 'too late'), (12, 'same'), (12, 'same')`,
  );
  expect(await records(pipeline)).toEqual(['c late=5,late', 'c same=12,same', 'c same=12,same', 'c tie=10,tie']);
  // One more of the same; and who had no number gets one that lies long back.
  await stands.sql(
    `INSERT INTO DB.DATA.EVENTS VALUES (12, 'same')`,
    `UPDATE DB.DATA.EVENTS SET SEQ = 2 WHERE WHAT = 'open'`,
    `DELETE FROM DB.DATA.EVENTS WHERE WHAT = 'tie'`,
  );
  expect(await records(pipeline)).toEqual(['c open=2,open', 'c same=12,same']);
  // A greater lag does not reach below what the copy before knows.
  pipeline.source.query!.lag = 1000;
  pipeline.config.deployment++;
  expect(await records(pipeline)).toEqual([]);
  expect((await pipeline.state())!.head!.staged!.cursor).toEqual({ value: '12', floor: '7', nulls: 0 });
});

test.each([
  ['DATE', 'CURRENT_DATE()', '2d', `DATEADD('day', -1, CURRENT_DATE())`, `DATEADD('day', 9, CURRENT_DATE())`],
  [
    'TIMESTAMP_TZ',
    `DATEADD('minute', -30, CURRENT_TIMESTAMP())::TIMESTAMP_TZ`,
    '10m',
    `DATEADD('minute', -35, CURRENT_TIMESTAMP())::TIMESTAMP_TZ`,
    `DATEADD('minute', 9, CURRENT_TIMESTAMP())::TIMESTAMP_TZ`,
  ],
])('timestamp by %s: ties, late rows, NULLs and a time ahead', async (type, at, lag, late, ahead) => {
  const table = `DB.DATA.BY_${type}`;
  await stands.sql(
    `CREATE TABLE ${table} (ID NUMBER, AT ${type}, V VARCHAR)`,
    `INSERT INTO ${table} SELECT 1, ${at}, 'a'`,
    `INSERT INTO ${table} SELECT 2, NULL, 'b'`,
  );
  const pipeline = await source({
    query: `SELECT ID, V, AT FROM ${table}`,
    mode: 'timestamp',
    cursor: 'AT',
    lag,
    key: ['ID'],
    watch: [table],
  });
  const seen = async () => (await records(pipeline)).map((text) => text.split(',')[0]);
  // The first one waits for a sighting of the table that is old enough.
  await pipeline.run(1);
  expect(await seen()).toEqual(['r 1=1', 'r 2=2']);
  const { value } = (await pipeline.state())!.head!.staged!.cursor!;
  expect(value).toMatch(type === 'DATE' ? /^\d{4}-\d\d-\d\d$/ : /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}$/);

  // Nothing changed: no window, no warehouse.
  const before = await windows(pipeline);
  await pipeline.run(1);
  expect(await windows(pipeline)).toBe(before);

  await stands.sql(
    `INSERT INTO ${table} SELECT 3, AT, 'tie' FROM ${table} WHERE ID = 1`,
    `INSERT INTO ${table} SELECT 4, ${late}, 'late'`,
    `INSERT INTO ${table} SELECT 5, ${ahead}, 'ahead'`,
    `UPDATE ${table} SET V = 'changed', AT = ${at} WHERE ID = 2`,
  );
  await pipeline.run(1);
  expect(await seen()).toEqual(['c 2=2', 'c 3=3', 'c 4=4', 'c 5=5']);
  // The one ahead did not carry the cursor with it.
  await stands.sql(`INSERT INTO ${table} SELECT 6, ${at}, 'after'`);
  await pipeline.run(1);
  expect(await seen()).toEqual(['c 6=6']);
  expect(pipeline.codes).toEqual([]);
});

test('planners that die between copy and window: nothing lost, nothing twice, no copy left behind', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.DYING (ID NUMBER, V NUMBER)',
    'INSERT INTO DB.DATA.DYING VALUES (1, 1), (2, 1)',
  );
  const pipeline = await source({ query: 'SELECT * FROM DB.DATA.DYING', key: ['ID'] });
  const here = new Set(await copies());
  const dead = new SnowmeltError('STORE_UNREACHABLE', 'the planner died');
  const { store } = pipeline;
  const updateMeta = store.updateMeta.bind(store);
  const spied = vi.spyOn(pipeline.store, 'updateMeta');
  const dieAt = (made: boolean) =>
    spied.mockImplementation(async (name, change) => {
      if (change.scan?.staged?.made !== made) return updateMeta(name, change);
      spied.mockImplementation(updateMeta);
      throw dead;
    });
  const mine = async () => (await copies()).filter((name) => !here.has(name));

  // The copy is being made, and nobody knows.
  dieAt(false);
  await pipeline.run(1);
  // The copy is there, its window's text is submitted, and nobody knows.
  dieAt(true);
  await pipeline.run(1);
  // The window is read but not written; the next planner writes it from the same copy.
  vi.spyOn(pipeline.store, 'putWindow').mockRejectedValueOnce(dead);
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['STORE_UNREACHABLE', 'STORE_UNREACHABLE', 'STORE_UNREACHABLE']);
  expect(await windows(pipeline)).toBe(0);
  const before = await mine();
  expect(before.length).toBeGreaterThanOrEqual(2);
  expect(await records(pipeline)).toEqual(['r 1=1,1', 'r 2=2,1']);
  await pipeline.finish();
  const { table } = (await pipeline.state())!.head!.staged!;
  expect(await mine()).toEqual([table.name]);
  expect(before).toContain(table.name);

  // A result that has expired is made again from the copies, though the table has moved on.
  await stands.sql('UPDATE DB.DATA.DYING SET V = 2 WHERE ID = 1', 'DELETE FROM DB.DATA.DYING WHERE ID = 2');
  const called = await pipeline.tick();
  await stands.snowflake.control.expireResults();
  await stands.sql('UPDATE DB.DATA.DYING SET V = 3');
  for (const partition of called) await pipeline.publish(partition);
  await stands.passMinutes(1);
  const second = (await pipeline.published()).filter(({ window, op }) => window === 2 && op !== 'tombstone');
  expect(second.map(({ op, after }) => `${op} ${values(after)}`).sort()).toEqual(['d ', 'u 1,2']);
  expect(await records(pipeline)).toEqual(['u 1=1,3']);
  expect(await pipeline.folded()).toEqual({ '{"ID":"1"}': { ID: '1', V: '3' } });
});

test('what is no query, or no cursor of it, is said before there is any state', async () => {
  await stands.sql('CREATE TABLE DB.DATA.PLAIN (ID NUMBER, F FLOAT, NAME VARCHAR)');
  const from = 'FROM DB.DATA.PLAIN';
  const cases: [object, string, string][] = [
    [{ query: `SELECT NOTHING ${from}` }, 'QUERY_INVALID', 'NOTHING'],
    [{ query: `SELECT ID, NAME AS ID ${from}` }, 'QUERY_INVALID', 'name ID'],
    [{ query: `SELECT ID ${from} WHERE` }, 'QUERY_INVALID', 'syntax error'],
    [{ query: 'SELECT ID FROM DB.DATA.NOWHERE' }, 'OBJECT_MISSING', 'NOWHERE'],
    [{ query: `SELECT NAME ${from}` }, 'KEY_INVALID', 'The query has no column ID'],
    [{ query: `SELECT * ${from}`, mode: 'timestamp', cursor: 'ID' }, 'QUERY_INVALID', 'Cursor ID has type NUMBER'],
    [{ query: `SELECT * ${from}`, mode: 'incrementing', cursor: 'F' }, 'QUERY_INVALID', 'Cursor F has type FLOAT'],
    [{ query: `SELECT * ${from}`, mode: 'incrementing', cursor: 'X' }, 'QUERY_INVALID', 'no column X'],
  ];
  for (const [settings, code, says] of cases) {
    const pipeline = await source({ key: ['ID'], ...settings });
    await pipeline.tick();
    expect(pipeline.codes).toEqual([code]);
    expect(pipeline.telemetry.errors.at(-1)!.message).toContain(says);
    expect(await pipeline.state()).toBeNull();
  }
});
