/** Databases made from shares and directory tables of the stand-in: what is seen of them, and what is refused. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openClient, openSession, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient();
  await db.run('CREATE DATABASE THEIRS FROM SHARE ORG.ACCOUNT.DB', 'USE SCHEMA DB.PUBLIC');
});
afterAll(() => db.engine.close());
beforeEach(async () => {
  db.engine.assumptions.reset();
  await db.run('CREATE OR REPLACE TABLE T (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE', `INSERT INTO T VALUES (1, 'a')`);
});

const T = 'THEIRS.PUBLIC.T';

test('a shared table is what its provider makes of it, at once and as of a time', async () => {
  const from = await db.instant();
  await db.run(`UPDATE T SET V = 'b'`, `INSERT INTO T VALUES (2, 'c')`, 'ALTER TABLE T ADD COLUMN W INT');
  expect(await db.rows(`SELECT * FROM ${T} ORDER BY ID`)).toEqual([
    ['1', 'b', null],
    ['2', 'c', null],
  ]);
  expect(await db.rows(`SELECT ID, V FROM ${T} AT(TIMESTAMP => ${from})`)).toEqual([['1', 'a']]);
  const clause = `CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from})`;
  const changes = await db.rows(`SELECT METADATA$ACTION, ID, V FROM ${T} ${clause} ORDER BY 2, 1`);
  expect(changes.map((row) => row.join(' '))).toEqual(['DELETE 1 a', 'INSERT 1 b', 'INSERT 2 c']);
  expect((await db.rows(`DESCRIBE TABLE ${T}`)).map(([name]) => name)).toEqual(['ID', 'V', 'W']);
  const token = (name: string) => db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('${name}')`);
  expect(await token(T)).toBe(await token('DB.PUBLIC.T'));
  const [shown, own] = await Promise.all(
    ['THEIRS', 'DB'].map(async (name) => (await db.rows(`SHOW TABLES LIKE 'T' IN SCHEMA ${name}.PUBLIC`))[0]!),
  );
  expect(shown!.map((cell, i) => (i === 2 ? 'DB' : cell))).toEqual(own);
  expect(shown![2]).toBe('THEIRS');
});

test('SHOW DATABASES tells where one comes from', async () => {
  const rows = await db.rows('SHOW DATABASES');
  expect(rows.filter(([, name]) => name !== 'SNOWFLAKE').map((row) => [row[1], row[4], row.at(-1)])).toEqual([
    ['DB', '', 'STANDARD'],
    ['THEIRS', 'ORG.ACCOUNT.DB', 'IMPORTED DATABASE'],
  ]);
});

test.each([
  [`INSERT INTO ${T} VALUES (2, 'b')`, '003001'],
  [`UPDATE ${T} SET V = 'b'`, '003001'],
  [`DELETE FROM ${T}`, '003001'],
  [`TRUNCATE TABLE IF EXISTS ${T}`, '003001'],
  [`MERGE INTO ${T} USING DB.PUBLIC.T S ON FALSE WHEN NOT MATCHED THEN INSERT (ID) VALUES (1)`, '003001'],
  [`ALTER TABLE ${T} SET CHANGE_TRACKING = TRUE`, '003001'],
  [`ALTER TABLE IF EXISTS ${T} ADD COLUMN X INT`, '003001'],
  [`DROP TABLE ${T}`, '003001'],
  ['CREATE TABLE THEIRS.PUBLIC.U (ID INT)', '003001'],
  ['CREATE SCHEMA THEIRS.S', '003001'],
  [`CREATE STREAM THEIRS.PUBLIC.S ON TABLE ${T}`, '003001'],
  [`CREATE TABLE DB.PUBLIC.U CLONE ${T}`, '003001'],
  ['GRANT USAGE ON DATABASE THEIRS TO ROLE R', '003011'],
  [`GRANT SELECT ON TABLE ${T} TO ROLE R`, '003011'],
  ['GRANT SELECT ON ALL TABLES IN SCHEMA THEIRS.PUBLIC TO ROLE R', '003011'],
  ['GRANT IMPORTED PRIVILEGES ON DATABASE DB TO ROLE R', '000002'],
  ['CREATE DATABASE X FROM SHARE ORG.ACCOUNT.NONE', '002003'],
  ['CREATE DATABASE X FROM SHARE ORG.ACCOUNT.THEIRS', '002003'],
  ['CREATE DATABASE X AS REPLICA OF ORG.ACCOUNT.DB', '000002'],
  ['CREATE STAGE G', '000002'],
  ['CREATE STAGE G DIRECTORY = (ENABLE = FALSE)', '000002'],
  ['REMOVE @NONE/a', '002003'],
  ['CREATE STREAM S ON STAGE NONE', '002003'],
])('refused: %s', async (sql, code) => {
  expect((await db.error(sql)).code).toBe(code);
  expect(await db.rows('SELECT * FROM T')).toEqual([['1', 'a']]);
});

test('time travel of a shared table may be refused, streams on it work all the same and keep no history', async () => {
  db.engine.assumptions.assume('imported-time-travel', 'refused');
  const from = await db.instant();
  const changes = `SELECT * FROM ${T} CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from})`;
  const [then, late] = [
    `SELECT * FROM ${T} AT(TIMESTAMP => ${from})`,
    `CREATE STREAM S ON TABLE ${T} AT(OFFSET => -1)`,
  ];
  for (const sql of [then, changes, late]) expect(await db.error(sql)).toMatchObject({ code: '000002' });
  await db.run(
    `CREATE OR REPLACE STREAM S ON TABLE ${T}`,
    'CREATE OR REPLACE STREAM O ON TABLE T',
    `UPDATE T SET V = 'b'`,
  );
  const shown = await db.rows('SELECT METADATA$ACTION, V FROM S ORDER BY 1');
  expect(shown).toEqual([
    ['DELETE', 'a'],
    ['INSERT', 'b'],
  ]);
  const days = async (stream: string) => {
    const [row] = await db.rows(`SHOW STREAMS LIKE '${stream}'`);
    return Math.round((Number(row![12]) - Number(row![0])) / 86_400);
  };
  expect([await days('S'), await days('O')]).toEqual([1, 14]);
});

test('a stream on a shared table takes its provider to have it tracked', async () => {
  await db.run('ALTER TABLE T SET CHANGE_TRACKING = FALSE');
  expect((await db.error(`CREATE OR REPLACE STREAM S ON TABLE ${T}`)).code).toBe('091930');
  expect((await db.rows(`SHOW TABLES LIKE 'T'`))[0]).not.toContain('ON');
});

test('a role reads a share as a whole or not at all', async () => {
  await db.run('CREATE ROLE READER', 'GRANT ROLE READER TO USER U', 'GRANT USAGE ON WAREHOUSE WH TO ROLE READER');
  const reader = await openSession(db.engine, 'U', 'READER');
  const names = async () => (await reader.rows('SHOW DATABASES')).map((row) => row[1]);
  expect(await names()).toEqual([]);
  expect((await reader.error(`SELECT * FROM ${T}`)).code).toBe('002003');
  await db.run('GRANT IMPORTED PRIVILEGES ON DATABASE THEIRS TO ROLE READER');
  expect(await names()).toEqual(['THEIRS']);
  expect(await reader.rows(`SELECT * FROM ${T}`)).toEqual([['1', 'a']]);
  expect((await reader.rows('SHOW TABLES IN SCHEMA THEIRS.PUBLIC')).length).toBe(1);
});

test('the stream of a directory table: whole rows, no ids, standard alone', async () => {
  await db.run('CREATE OR REPLACE STAGE G DIRECTORY = (ENABLE = TRUE)', 'CREATE OR REPLACE STREAM S ON STAGE G');
  const load = (path: string, size: number) =>
    db.engine.load('DB.PUBLIC.G', `SELECT '${path}' AS RELATIVE_PATH, ${size} AS SIZE`);
  const rows = () =>
    db.rows('SELECT METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID, RELATIVE_PATH, SIZE FROM S ORDER BY 4, 1');
  await load('a', 1);
  await load('a', 2);
  expect(await rows()).toEqual([['INSERT', '0', '', 'a', '2']]);
  await db.run('CREATE OR REPLACE STREAM S ON STAGE G');
  await load('a', 3);
  await load('b/c', 1);
  expect(await rows()).toEqual([
    ['DELETE', '0', '', 'a', '2'],
    ['INSERT', '0', '', 'a', '3'],
    ['INSERT', '0', '', 'b/c', '1'],
  ]);
  expect(await db.rows('REMOVE @DB.PUBLIC.G/b')).toEqual([['g/b/c', 'removed']]);
  expect(await db.rows('SELECT RELATIVE_PATH, SIZE FROM DIRECTORY(@G)')).toEqual([['a', '3']]);
  const [shown] = await db.rows(`SHOW STREAMS LIKE 'S'`);
  expect(shown!.slice(6, 12)).toEqual(['DB.PUBLIC.G', 'Stage', 'DB.PUBLIC.G', 'DELTA', 'false', 'DEFAULT']);
  for (const options of ['APPEND_ONLY = TRUE', 'INSERT_ONLY = TRUE', 'SHOW_INITIAL_ROWS = TRUE', 'AT(OFFSET => 0)'])
    expect(await db.error(`CREATE OR REPLACE STREAM S ON STAGE G ${options}`)).toMatchObject({ code: '000002' });
  expect((await db.error('SELECT * FROM G')).code).toBe('002003');
  expect((await db.rows('SHOW TABLES IN SCHEMA DB.PUBLIC')).map((row) => row[1])).not.toContain('G');
  await db.run('DROP STAGE G', 'DROP STAGE IF EXISTS G');
  expect((await db.error('SELECT * FROM S')).message).toContain('dropped');
  expect((await db.error('DROP STAGE G')).code).toBe('002003');
});
