/** Sources on what is not quite a table, and streams on it, over real parts: the topic folds to what the object shows. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { Pipeline, Stands } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA', 'CREATE DATABASE SHOP FROM SHARE THEIRS.DB');
});
afterAll(() => stands.stop());

let tables = 0;

/** Orders of two customers, and the customers. */
async function shop(): Promise<{ orders: string; customers: string; view: string }> {
  const [orders, customers, view] = ['ORDERS', 'CUSTOMERS', 'V'].map((name) => `DB.DATA.${name}${++tables}`);
  await stands.sql(
    `CREATE TABLE ${orders} (ID NUMBER(9,0), CUSTOMER NUMBER(9,0), STATE VARCHAR) CHANGE_TRACKING = TRUE`,
    `CREATE TABLE ${customers} (CUSTOMER NUMBER(9,0), NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${orders} VALUES (1, 1, 'open'), (2, 1, 'open'), (3, 2, 'secret'), (4, 2, 'open')`,
    `INSERT INTO ${customers} VALUES (1, 'Ann'), (2, 'Bob')`,
  );
  return { orders: orders!, customers: customers!, view: view! };
}

const row = (fields: unknown) => (fields === null ? '' : Object.values(fields as object).join(' '));

/** `op before>after` of the newest window's records, sorted, after ticks that made one. */
async function newest(pipeline: Pipeline): Promise<string[]> {
  const head = async () => (await pipeline.state())?.head?.number ?? 0;
  const before = await head();
  for (let tick = 0; tick < 4 && (await head()) === before; tick++) await pipeline.run(1);
  const now = await head();
  expect(now).toBe(before + 1);
  const come = (await pipeline.published()).filter(({ op, window }) => op !== 'tombstone' && window === now);
  return come.map((record) => `${record.op} ${row(record.before)}>${row(record.after)}`).sort();
}

/** What a consumer has, and what the object shows. */
async function both(pipeline: Pipeline, object: string): Promise<[string[], string[]]> {
  const folded = Object.values(await pipeline.folded()).map(row);
  const shown = (await stands.rows(`SELECT * FROM ${object}`)).map((cells) => cells.map(String).join(' '));
  return [folded.sort(), shown.sort()];
}

async function expectSame(pipeline: Pipeline, object: string): Promise<void> {
  const [folded, shown] = await both(pipeline, object);
  expect(folded).toEqual(shown);
  expect(pipeline.codes).toEqual([]);
}

test('changes of a view over one table: rows come and go with its filter', async () => {
  const { orders, view } = await shop();
  await stands.sql(
    `CREATE VIEW ${view} CHANGE_TRACKING = TRUE AS SELECT ID, STATE FROM ${orders} WHERE STATE <> 'secret'`,
  );
  await stands.passMinutes(1);
  const pipeline = await stands.configured({ table: view, key: ['ID'], partitions: 2 });
  expect(await newest(pipeline)).toEqual(['r >1 open', 'r >2 open', 'r >4 open']);
  await stands.sql(
    `UPDATE ${orders} SET STATE = 'paid' WHERE ID = 1`,
    `UPDATE ${orders} SET STATE = 'secret' WHERE ID = 2`,
    `UPDATE ${orders} SET STATE = 'told' WHERE ID = 3`,
    `UPDATE ${orders} SET CUSTOMER = 9 WHERE ID = 4`,
    `INSERT INTO ${orders} VALUES (5, 1, 'open'), (6, 1, 'secret')`,
  );
  expect(await newest(pipeline)).toEqual(['c >3 told', 'c >5 open', 'd 2 open>', 'u 1 open>1 paid']);
  await stands.sql(`DELETE FROM ${orders} WHERE ID IN (1, 6)`, `UPDATE ${orders} SET ID = 7 WHERE ID = 5`);
  expect(await newest(pipeline)).toEqual(['c >7 open', 'd 1 paid>', 'd 5 open>']);
  await expectSame(pipeline, view);
});

test('changes of a view over two tables: either makes them', async () => {
  const { orders, customers, view } = await shop();
  const joined = `SELECT O.ID, C.NAME, O.STATE FROM ${orders} O JOIN ${customers} C ON C.CUSTOMER = O.CUSTOMER`;
  await stands.sql(`CREATE VIEW ${view} CHANGE_TRACKING = TRUE AS ${joined}`);
  await stands.passMinutes(1);
  const pipeline = await stands.configured({ table: view, key: ['ID'], partitions: 2 });
  expect((await newest(pipeline)).length).toBe(4);
  await stands.sql(`UPDATE ${customers} SET NAME = 'Anna' WHERE CUSTOMER = 1`);
  expect(await newest(pipeline)).toEqual(['u 1 Ann open>1 Anna open', 'u 2 Ann open>2 Anna open']);
  await stands.sql(
    `UPDATE ${orders} SET CUSTOMER = 2 WHERE ID = 1`,
    `DELETE FROM ${orders} WHERE ID = 2`,
    `INSERT INTO ${customers} VALUES (3, 'Cy')`,
    `INSERT INTO ${orders} VALUES (5, 3, 'new')`,
  );
  expect(await newest(pipeline)).toEqual(['c >5 Cy new', 'd 2 Anna open>', 'u 1 Anna open>1 Bob open']);
  await stands.sql(`DELETE FROM ${customers} WHERE CUSTOMER = 2`);
  expect(await newest(pipeline)).toEqual(['d 1 Bob open>', 'd 3 Bob secret>', 'd 4 Bob open>']);
  await expectSame(pipeline, view);
});

test('changes of a dynamic table: what its refreshes make of it', async () => {
  const { orders, customers, view } = await shop();
  const query = `SELECT C.NAME, COUNT(*) AS N FROM ${orders} O JOIN ${customers} C ON C.CUSTOMER = O.CUSTOMER GROUP BY C.NAME`;
  await stands.sql(`CREATE DYNAMIC TABLE ${view} TARGET_LAG = '1 minute' WAREHOUSE = WH AS ${query}`);
  await stands.passMinutes(1);
  const pipeline = await stands.configured({ table: view, key: ['NAME'], partitions: 2 });
  expect(await newest(pipeline)).toEqual(['r >Ann 2', 'r >Bob 2']);
  await stands.sql(`DELETE FROM ${orders} WHERE ID = 1`, `INSERT INTO ${customers} VALUES (3, 'Cy')`);
  await pipeline.run(2);
  expect((await pipeline.state())!.head!.number).toBe(1);
  await stands.sql(`ALTER DYNAMIC TABLE ${view} REFRESH`);
  expect(await newest(pipeline)).toEqual(['u Ann 2>Ann 1']);
  await stands.sql(
    `UPDATE ${orders} SET CUSTOMER = 3 WHERE CUSTOMER = 2`,
    `INSERT INTO ${orders} VALUES (5, 1, 'x')`,
    `ALTER DYNAMIC TABLE ${view} REFRESH`,
  );
  expect(await newest(pipeline)).toEqual(['c >Cy 2', 'd Bob 2>', 'u Ann 1>Ann 2']);
  await expectSame(pipeline, view);

  await stands.sql(`CREATE STREAM ${view}_STREAM ON DYNAMIC TABLE ${view} SHOW_INITIAL_ROWS = TRUE`);
  const streamed = await stands.configured({ stream: `${view}_STREAM`, key: ['NAME'] });
  expect(await newest(streamed)).toEqual(['c >Ann 2', 'c >Cy 2']);
  await stands.sql(`DELETE FROM ${orders} WHERE ID = 5`, `ALTER DYNAMIC TABLE ${view} REFRESH`);
  expect(await newest(streamed)).toEqual(['u Ann 2>Ann 1']);
  await expectSame(streamed, view);
});

test('a stream on a view', async () => {
  const { orders, customers, view } = await shop();
  await stands.sql(
    `CREATE VIEW ${view} AS SELECT O.ID, C.NAME FROM ${orders} O JOIN ${customers} C ON C.CUSTOMER = O.CUSTOMER`,
    `CREATE STREAM ${view}_STREAM ON VIEW ${view} SHOW_INITIAL_ROWS = TRUE`,
  );
  const pipeline = await stands.configured({ stream: `${view}_STREAM`, key: ['ID'] });
  expect(await newest(pipeline)).toEqual(['c >1 Ann', 'c >2 Ann', 'c >3 Bob', 'c >4 Bob']);
  await stands.sql(`UPDATE ${customers} SET NAME = 'Rob' WHERE CUSTOMER = 2`, `DELETE FROM ${orders} WHERE ID = 1`);
  expect(await newest(pipeline)).toEqual(['d 1 Ann>', 'u 3 Bob>3 Rob', 'u 4 Bob>4 Rob']);
  await expectSame(pipeline, view);
});

test('a stream on an event table: rows go by their row id', async () => {
  await stands.sql(
    'CREATE EVENT TABLE DB.DATA.EVENTS',
    'CREATE STREAM DB.DATA.EVENTS_STREAM ON EVENT TABLE DB.DATA.EVENTS APPEND_ONLY = TRUE',
  );
  const load = (text: string) =>
    stands.snowflake.control.load('DB.DATA.EVENTS', `SELECT 'LOG' AS RECORD_TYPE, '"${text}"' AS VALUE`);
  const pipeline = await stands.configured({ stream: 'DB.DATA.EVENTS_STREAM', changes: 'append-only' });
  await pipeline.run(1);
  await load('began');
  await load('ended');
  const told = await newest(pipeline);
  expect(told.map((each) => / LOG .*"(\w+)"/.exec(each)?.[1])).toEqual(expect.arrayContaining(['began', 'ended']));
  const keys = (await pipeline.published()).map(({ key }) => (key as Record<string, string>)['METADATA$ROW_ID']);
  expect(new Set(keys).size).toBe(2);
  expect(pipeline.codes).toEqual([]);
});

test('a stream on an external table: what its files bring, equal rows as often as they come', async () => {
  await stands.sql(
    `CREATE EXTERNAL TABLE DB.DATA.FILES (ID NUMBER(9,0) AS (VALUE:c1::NUMBER(9,0)), V VARCHAR AS (VALUE:c2::VARCHAR))
     LOCATION = @DB.DATA.STAGE/path FILE_FORMAT = (TYPE = PARQUET)`,
    'CREATE STREAM DB.DATA.FILES_STREAM ON EXTERNAL TABLE DB.DATA.FILES INSERT_ONLY = TRUE',
  );
  const load = (...rows: string[]) =>
    stands.snowflake.control.load('DB.DATA.FILES', `SELECT * FROM (VALUES ${rows.join(', ')}) AS f(ID, V)`);
  const columns = { include: ['ID', 'V'] };
  const pipeline = await stands.configured({
    stream: 'DB.DATA.FILES_STREAM',
    changes: 'append-only',
    key: ['ID'],
    columns,
  });
  await pipeline.run(1);
  await load(`(1, 'a')`, `(1, 'b')`, `(2, 'c')`, `(2, 'c')`);
  expect(await newest(pipeline)).toEqual(['c >1 a', 'c >1 b', 'c >2 c', 'c >2 c']);
  await load(`(1, 'a')`);
  expect(await newest(pipeline)).toEqual(['c >1 a']);
  expect(pipeline.codes).toEqual([]);
});

/** A pipeline of the same source that signs in with a role of its own, which was granted what is printed. */
async function withRole(pipeline: Pipeline, role: string): Promise<Pipeline> {
  const theirs = await stands.pipeline({ source: pipeline.source, snowflake: { role } });
  const grants = snowflakeGrants(theirs.config).filter((each) => !/SHOP|^ALTER/.test(each));
  await stands.sql(`CREATE ROLE ${role}`, ...grants);
  return theirs;
}

const messageOf = (pipeline: Pipeline) => pipeline.telemetry.errors.at(-1)!.message;

test('a stream on a stage: files that come, are overwritten and go', async () => {
  const stage = 'DB.DATA.DOCS';
  await stands.sql(
    `CREATE STAGE ${stage} DIRECTORY = (ENABLE = TRUE)`,
    ...['STREAM', 'WHOLE', 'THEIRS'].map((name) => `CREATE STREAM ${stage}_${name} ON STAGE ${stage}`),
  );
  const load = (...files: string[]) => {
    const rows = files.map((file) => `('${file.replaceAll(' ', "', '")}', '2026-01-02 03:04:05.678 +02:00')`);
    const columns = 'RELATIVE_PATH, SIZE, MD5, LAST_MODIFIED';
    return stands.snowflake.control.load(stage, `SELECT * FROM (VALUES ${rows.join(', ')}) AS f(${columns})`);
  };
  const columns = { include: ['RELATIVE_PATH', 'SIZE', 'MD5'] };
  const pipeline = await stands.configured({ stream: `${stage}_STREAM`, key: ['RELATIVE_PATH'], columns });
  await pipeline.run(1);
  await load('a.pdf 10 x', 'img/B.png 20 y');
  expect(await newest(pipeline)).toEqual(['c >a.pdf 10 x', 'c >img/B.png 20 y']);
  await load('a.pdf 11 z', 'c.txt 5 w');
  expect(await newest(pipeline)).toEqual(['c >c.txt 5 w', 'u a.pdf 10 x>a.pdf 11 z']);
  await load('c.txt 6 v', 'gone.txt 1 u');
  await stands.sql(`REMOVE @${stage}/img/`, `RM @${stage}/gone.txt`);
  await load('c.txt 7 t');
  expect(await newest(pipeline)).toEqual(['d img/B.png 20 y>', 'u c.txt 5 w>c.txt 7 t']);
  await expectSame(pipeline, `(SELECT RELATIVE_PATH, SIZE, MD5 FROM DIRECTORY(@${stage}))`);

  const whole = await stands.configured({ stream: `${stage}_WHOLE`, key: ['RELATIVE_PATH'] });
  await load('d.txt 8 s');
  await newest(whole);
  expect((await whole.published()).map(({ after }) => after)).toContainEqual(
    expect.objectContaining({
      RELATIVE_PATH: 'd.txt',
      LAST_MODIFIED: expect.stringMatching(/^2026-01-02T03:04:05\.678/) as string,
    }),
  );

  const keyless = await stands.configured({ stream: `${stage}_STREAM` });
  await keyless.tick();
  expect(keyless.codes).toEqual(['KEY_INVALID']);
  expect(messageOf(keyless)).toContain('Stage');

  const settings = { stream: `${stage}_THEIRS`, key: ['RELATIVE_PATH'] };
  const theirs = await withRole(await stands.configured(settings), 'FILES');
  await theirs.tick();
  expect(theirs.codes).toEqual(['OBJECT_MISSING']);
  const grant = `GRANT READ ON STAGE ${stage} TO ROLE FILES;`;
  expect(messageOf(theirs)).toContain(grant);
  await stands.sql(grant);
  await load('e.txt 9 r');
  expect(await newest(theirs)).toEqual(expect.arrayContaining([expect.stringContaining('c >e.txt 9')]));
});

/** As the account that the tables are shared with names them. */
const shared = (table: string) => table.replace(/^DB/, 'SHOP');

test('changes of a shared table, by a role that may read the share alone', async () => {
  const { orders } = await shop();
  await stands.passMinutes(1);
  const settings = { table: shared(orders), key: ['ID'], partitions: 2 };
  const pipeline = await withRole(await stands.configured(settings), 'CONSUMER');
  await pipeline.tick();
  expect(pipeline.codes).toEqual(['OBJECT_MISSING']);
  const grant = 'GRANT IMPORTED PRIVILEGES ON DATABASE SHOP TO ROLE CONSUMER;';
  expect(messageOf(pipeline)).toContain(grant);
  await stands.sql(grant);
  pipeline.telemetry.errors.length = 0;
  expect((await newest(pipeline)).length).toBe(4);
  await stands.sql(
    `UPDATE ${orders} SET STATE = 'paid' WHERE ID = 1`,
    `DELETE FROM ${orders} WHERE ID = 2`,
    `INSERT INTO ${orders} VALUES (5, 2, 'new')`,
  );
  expect(await newest(pipeline)).toEqual(['c >5 2 new', 'd 2 1 open>', 'u 1 1 open>1 1 paid']);
  await stands.sql(`DELETE FROM ${orders} WHERE ID > 3`);
  expect(await newest(pipeline)).toEqual(['d 4 2 open>', 'd 5 2 new>']);
  await expectSame(pipeline, orders);
});

test('a shared table that is not tracked: its provider is to be asked', async () => {
  const { orders } = await shop();
  await stands.sql(`ALTER TABLE ${orders} SET CHANGE_TRACKING = FALSE`);
  const settings = [{ table: shared(orders) }, { stream: { managed: true, on: shared(orders) } }];
  const both = await Promise.all(settings.map((each) => stands.configured({ ...each, key: ['ID'] })));
  for (const pipeline of both) {
    await pipeline.tick();
    expect(pipeline.codes).toEqual(['TRACKING_OFF']);
    expect(messageOf(pipeline)).toContain('ask the provider of share THEIRS.DB');
  }
  await stands.sql(`ALTER TABLE ${orders} SET CHANGE_TRACKING = TRUE`);
  await stands.passMinutes(1);
  for (const pipeline of both) expect((await newest(pipeline)).length).toBe(4);
});

test('streams on a shared table, managed and yours, also where its changes are refused', async () => {
  const { orders } = await shop();
  await stands.sql(`CREATE STREAM DB.DATA.MINE ON TABLE ${shared(orders)}`);
  const settings = [{ stream: { managed: true, on: shared(orders) } }, { stream: 'DB.DATA.MINE' }];
  const [managed, mine] = await Promise.all(settings.map((each) => stands.configured({ ...each, key: ['ID'] })));
  await stands.snowflake.control.assume('imported-time-travel', 'refused');
  const refused = await stands.configured({ table: shared(orders), key: ['ID'] });
  await refused.run(3);
  expect(new Set(refused.codes)).toEqual(new Set(['SNOWFLAKE_STATEMENT']));
  expect((await newest(managed!)).length).toBe(4);
  await mine!.run(1);
  await stands.sql(
    `UPDATE ${orders} SET STATE = 'paid' WHERE ID = 1`,
    `DELETE FROM ${orders} WHERE ID = 2`,
    `INSERT INTO ${orders} VALUES (5, 2, 'new')`,
  );
  for (const pipeline of [managed!, mine!]) {
    expect(await newest(pipeline)).toEqual(['c >5 2 new', 'd 2 1 open>', 'u 1 1 open>1 1 paid']);
  }
  await expectSame(managed!, shared(orders));
  await stands.snowflake.control.assume();
});

test('a view that is not tracked, one that was replaced, and a managed stream on one are refused', async () => {
  const { orders, view } = await shop();
  await stands.sql(`CREATE VIEW ${view} AS SELECT ID, STATE FROM ${orders}`);
  const pipeline = await stands.configured({ table: view, key: ['ID'] });
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['TRACKING_OFF']);
  expect(pipeline.telemetry.errors.at(-1)!.message).toContain('ALTER VIEW');
  await stands.sql(`ALTER VIEW ${view} SET CHANGE_TRACKING = TRUE`);
  expect((await newest(pipeline)).length).toBe(4);
  await stands.sql(
    `CREATE OR REPLACE VIEW ${view} CHANGE_TRACKING = TRUE AS SELECT ID, STATE FROM ${orders} WHERE ID > 1`,
  );
  await stands.sql(`DELETE FROM ${orders} WHERE ID = 4`);
  await pipeline.run(3);
  expect(pipeline.codes.at(-1)).toBe('HISTORY_LOST');

  const managed = await stands.configured({ stream: { managed: true, on: view }, key: ['ID'] });
  await managed.tick();
  expect(managed.codes).toEqual(['STREAM_UNFIT']);
});

test('objects with names that need quotes, or are words of SQL, in several databases', async () => {
  await stands.sql(
    'CREATE DATABASE "My db"',
    'CREATE SCHEMA "My db"."Select"',
    `CREATE TABLE "My db"."Select"."Or""der" ("Id" NUMBER(9,0) NOT NULL, "group" VARCHAR NOT NULL, "from" VARCHAR) CHANGE_TRACKING = TRUE`,
    `CREATE TABLE DB.DATA."TABLE" ("order" NUMBER(9,0) NOT NULL, "WHERE" VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO "My db"."Select"."Or""der" VALUES (1, 'a', 'x'), (1, 'b', 'y'), (2, 'a', NULL)`,
    `INSERT INTO DB.DATA."TABLE" VALUES (1, 'x'), (2, 'y')`,
  );
  const pipelines = [
    await stands.configured({ table: '"My db"."Select"."Or""der"', key: ['"Id"', '"group"'], partitions: 2 }),
    await stands.configured({ table: 'DB.DATA."TABLE"', key: ['"order"'], where: `"WHERE" <> 'hidden'` }),
  ];
  const run = async () => {
    for (const { pipeline, partition } of await Pipeline.tickAll(pipelines)) await pipeline.publish(partition);
    await stands.passMinutes(1);
  };
  await run();
  await run();
  await stands.sql(
    `UPDATE "My db"."Select"."Or""der" SET "from" = 'z' WHERE "Id" = 1 AND "group" = 'b'`,
    `DELETE FROM "My db"."Select"."Or""der" WHERE "Id" = 2`,
    `UPDATE DB.DATA."TABLE" SET "WHERE" = 'hidden' WHERE "order" = 1`,
  );
  for (let tick = 0; tick < 3; tick++) await run();
  const [orders, tables] = pipelines;
  expect(await orders!.folded()).toEqual({
    '{"Id":1,"group":"a"}': { Id: 1, group: 'a', from: 'x' },
    '{"Id":1,"group":"b"}': { Id: 1, group: 'b', from: 'z' },
  });
  expect(await tables!.folded()).toEqual({ '{"order":2}': { order: 2, WHERE: 'y' } });
  for (const { codes } of pipelines) expect(codes).toEqual([]);
});

test('a managed stream without a key: the rows that there are, equal ones too, then every insert, by their row ids', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.KEYLESS (V VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO DB.DATA.KEYLESS VALUES ('same'), ('same'), ('other')`,
  );
  const pipeline = await stands.configured({
    stream: { managed: true, on: 'DB.DATA.KEYLESS' },
    changes: 'append-only',
    partitions: 2,
  });
  await pipeline.run(2);
  await stands.sql(`INSERT INTO DB.DATA.KEYLESS VALUES ('same')`, `DELETE FROM DB.DATA.KEYLESS WHERE V = 'other'`);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  const records = await pipeline.published();
  const told = records.map(({ op, after }) => `${op} ${(after as { V: string }).V}`).sort();
  expect(told).toEqual(['c same', 'r other', 'r same', 'r same']);
  expect(new Set(records.map(({ key }) => JSON.stringify(key))).size).toBe(4);
  expect(records.map(({ key }) => Object.keys(key as object))).toEqual(records.map(() => ['METADATA$ROW_ID']));
});
