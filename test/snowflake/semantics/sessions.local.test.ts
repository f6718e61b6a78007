// Sessions, transactions and binds: what the writer and the tests rely on, and that an error changes nothing.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { codeOf, run } from '../../local/sdk.ts';
import type { Account } from './account.ts';
import { openAccount } from './account.ts';

let account: Account;
let table: string;
let tables = 0;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());
beforeEach(async () => {
  table = account.table(`S${++tables}`);
  await account.sql(`CREATE TABLE ${table} (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE`);
});

const ids = async () =>
  (await account.sql(`SELECT TO_VARCHAR(ID) FROM ${table} ORDER BY ID`)).rows.map((row) => row[0]);

test('several parameters are set in one statement, and an error sets none', async () => {
  const session = await account.session();
  const shown = async () =>
    (await run(session, "SELECT TO_VARCHAR('2026-07-02 12:00:00 +00:00'::TIMESTAMP_LTZ)")).rows[0]![0];
  await run(
    session,
    `ALTER SESSION SET TIMEZONE = 'Asia/Tokyo', QUERY_TAG = 'it''s', STATEMENT_TIMEOUT_IN_SECONDS = 3600, AUTOCOMMIT = TRUE,
     ABORT_DETACHED_QUERY = FALSE, CLIENT_RESULT_CHUNK_SIZE = 16, USE_CACHED_RESULT = FALSE,
     TIMESTAMP_LTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS TZHTZM'`,
  );
  const tokyo = await shown();
  expect(tokyo).toBe('2026-07-02 21:00:00 +0900');
  await expect(run(session, "ALTER SESSION SET TIMEZONE = 'UTC', NO_SUCH_PARAMETER = 1")).rejects.toThrow();
  await expect(run(session, "ALTER SESSION SET TIMEZONE = 'Nowhere/Land'")).rejects.toThrow();
  expect(await shown()).toBe(tokyo);
});

test('an error leaves database, schema and what was done before it', async () => {
  const session = await account.session();
  const where = async () => (await run(session, 'SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()')).rows[0];
  const before = await where();
  expect(before).toEqual([account.database, account.schema]);
  expect(await codeOf(run(session, 'USE DATABASE "NO_SUCH_DATABASE"'))).toBe('002043');
  expect(await codeOf(run(session, `USE SCHEMA "${account.database}"."NO_SUCH_SCHEMA"`))).toBe('002043');
  expect(await codeOf(run(session, 'SELECT FROM WHERE'))).toBe('001003');
  expect(await codeOf(run(session, 'SELECT * FROM NO_SUCH_TABLE'))).toBe('002003');
  expect(await where()).toEqual(before);
});

test('a failed statement takes nothing of its transaction with it', async () => {
  await account.sql('BEGIN');
  await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  await expect(account.sql(`INSERT INTO ${table} SELECT 'not a number', 'b'`)).rejects.toThrow(/not recognized/);
  await expect(account.sql(`INSERT INTO ${table} (NO_SUCH) VALUES (1)`)).rejects.toThrow(/invalid identifier/);
  await account.sql(`INSERT INTO ${table} VALUES (2, 'b')`);
  await account.sql('COMMIT');
  expect(await ids()).toEqual(['1', '2']);
});

test('ROLLBACK takes everything back, and other sessions see a commit only', async () => {
  const other = await account.session();
  const seen = async () => (await run(other, `SELECT COUNT(*) FROM ${table}`)).rows[0]![0];
  await account.sql('BEGIN TRANSACTION');
  await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  expect([(await ids()).length, await seen()]).toEqual([1, '0']);
  await account.sql('ROLLBACK');
  expect(await ids()).toEqual([]);
  await account.sql('BEGIN');
  await account.sql(`INSERT INTO ${table} VALUES (2, 'a')`);
  await account.sql('COMMIT');
  // Sessions may see another's commit a little later; a new one sees it.
  const fresh = await account.session();
  expect((await run(fresh, `SELECT COUNT(*) FROM ${table}`)).rows[0]![0]).toBe('1');
});

test('without AUTOCOMMIT a statement waits for COMMIT', async () => {
  const session = await account.session();
  await run(session, 'ALTER SESSION SET AUTOCOMMIT = FALSE');
  await run(session, `INSERT INTO ${table} VALUES (1, 'a')`);
  await run(session, 'ROLLBACK');
  expect(await ids()).toEqual([]);
  await run(session, `INSERT INTO ${table} VALUES (2, 'a')`);
  await run(session, 'COMMIT');
  await run(session, 'ALTER SESSION SET AUTOCOMMIT = TRUE');
  expect((await run(session, `SELECT COUNT(*) FROM ${table}`)).rows[0]![0]).toBe('1');
});

test('DDL commits the transaction that is open', async () => {
  await account.sql('BEGIN');
  await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  await account.sql(`CREATE TABLE ${account.table(`DDL${tables}`)} (A NUMBER)`);
  await account.sql('ROLLBACK');
  expect(await ids()).toEqual(['1']);
});

test('a session that ends rolls its transaction back', async () => {
  const { close } = await import('../../local/sdk.ts');
  const session = await account.session();
  await run(session, 'BEGIN');
  await run(session, `INSERT INTO ${table} VALUES (1, 'a')`);
  await close(session);
  expect(await ids()).toEqual([]);
});

test('binds: by position and by number, of every type, and arrays for many rows', async () => {
  const wide = account.table('BINDS');
  await account.sql(`CREATE TABLE ${wide} (ID NUMBER(38,0), F FLOAT, B BOOLEAN, V VARCHAR)`);
  await account.sql(`INSERT INTO ${wide} VALUES (?, ?, ?, ?)`, { binds: [1, 1.5, true, "it's"] });
  await account.sql(`INSERT INTO ${wide} VALUES (:1, :2, :3, :4)`, { binds: ['2', null, false, null] as never });
  const rows = Array.from({ length: 500 }, (_, i) => [i + 10, i + 0.5, i % 2 === 0, i % 5 === 0 ? null : `v${i}`]);
  const inserted = await account.sql(`INSERT INTO ${wide} VALUES (?, ?, ?, ?)`, { binds: rows as never });
  expect(inserted.rows).toEqual([['500']]);
  const read = await account.sql(
    `SELECT TO_VARCHAR(ID), TO_VARCHAR(F), TO_VARCHAR(B), V FROM ${wide} WHERE ID IN (?, 2, 15, 19) ORDER BY ID`,
    { binds: [1] },
  );
  expect(read.rows).toEqual([
    ['1', '1.5', 'true', "it's"],
    ['2', null, 'false', null],
    ['15', '5.5', 'false', null],
    ['19', '9.5', 'false', 'v9'],
  ]);
});

test('DML answers how many rows it touched', async () => {
  const touched = async (sql: string) => (await account.sql(sql)).rows[0]!.map(Number);
  expect(await touched(`INSERT INTO ${table} VALUES (1, 'a'), (2, 'b'), (3, 'c')`)).toEqual([3]);
  expect((await touched(`UPDATE ${table} SET V = 'x' WHERE ID < 3`))[0]).toBe(2);
  expect(await touched(`DELETE FROM ${table} WHERE ID = 1`)).toEqual([1]);
  const merge = `MERGE INTO ${table} T USING (SELECT 2 AS K UNION ALL SELECT 9) S ON T.ID = S.K
    WHEN MATCHED THEN UPDATE SET V = 'm' WHEN NOT MATCHED THEN INSERT (ID, V) VALUES (S.K, 'n')`;
  expect(await touched(merge)).toEqual([1, 1]);
  expect(await ids()).toEqual(['2', '3', '9']);
});

test('a MERGE that matches a row twice is refused whole', async () => {
  await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  const merge = `MERGE INTO ${table} T USING (SELECT 1 AS K, 'x' AS W UNION ALL SELECT 1, 'y') S ON T.ID = S.K
    WHEN MATCHED THEN UPDATE SET V = S.W`;
  expect(await codeOf(account.sql(merge))).toBe('100090');
  expect((await account.sql(`SELECT V FROM ${table}`)).rows).toEqual([['a']]);
});

test('NOT NULL is enforced, a primary key is not', async () => {
  const keyed = account.table('KEYED');
  await account.sql(`CREATE TABLE ${keyed} (ID NUMBER NOT NULL, PRIMARY KEY (ID))`);
  await account.sql(`INSERT INTO ${keyed} VALUES (1), (1)`);
  expect(await codeOf(account.sql(`INSERT INTO ${keyed} VALUES (NULL)`))).toBe('100072');
  expect((await account.sql(`SELECT COUNT(*) FROM ${keyed}`)).rows[0]![0]).toBe('2');
});

test('two statements in one request are refused, and nothing runs', async () => {
  const two = `INSERT INTO ${table} VALUES (1, 'a'); INSERT INTO ${table} VALUES (2, 'b')`;
  await expect(account.sql(two)).rejects.toThrow(
    'Actual statement count 2 did not match the desired statement count 1.',
  );
  expect(await ids()).toEqual([]);
});

test('describeOnly runs nothing', async () => {
  const described = await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`, { describeOnly: true });
  expect(described.columns).toEqual(['number of rows inserted']);
  const select = await account.sql(`SELECT ID, V FROM ${table}`, { describeOnly: true });
  expect(select.columns).toEqual(['ID', 'V']);
  expect(await ids()).toEqual([]);
});

test('a statement sees the table as it was at a moment, an offset and a statement', async () => {
  await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  const moment = await account.mark();
  const { queryId } = await account.sql(`INSERT INTO ${table} VALUES (2, 'b')`);
  await account.sql(`INSERT INTO ${table} VALUES (3, 'c')`);
  const count = async (at: string) => (await account.sql(`SELECT COUNT(*) FROM ${table} ${at}`)).rows[0]![0];
  expect(await count(`AT(TIMESTAMP => ${moment})`)).toBe('1');
  expect(await count(`AT(STATEMENT => '${queryId}')`)).toBe('2');
  expect(await count(`BEFORE(STATEMENT => '${queryId}')`)).toBe('1');
  expect(await count('')).toBe('3');
});
