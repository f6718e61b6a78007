// The statements that the product sends, as it sends them: gate, SHOW, DESCRIBE, window and snapshot scans, totals.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Row } from '../../local/sdk.ts';
import type { Column, Layout } from '../../../lambdas/protocol/window.ts';
import { columnOf } from '../../../lambdas/snowflake/object.ts';
import { columnsStatement, measureStatement, stageStatement } from '../../../lambdas/snowflake/sql/query.ts';
import { scanStatement } from '../../../lambdas/snowflake/sql/scan.ts';
import { byId, codeOf, run } from '../../local/sdk.ts';
import type { Account } from './account.ts';
import { openAccount } from './account.ts';
import { play } from './windows.ts';

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

const P = 4;
const bucketOf = (key: string) =>
  Number(BigInt(`0x${createHash('md5').update(key).digest('hex').slice(16)}`) % BigInt(P));
const text = (column: string) => `TO_VARCHAR("${column}")`;

/** The product's scan over some rows' source. */
const scan = (columns: string[], key: string, action: string, rowId: string, from: string, order = '"A", "R"') => {
  const names = columns.map((_, i) => `"C${i}"`).join(', ');
  const casts = columns.map((column, i) => `${column} AS "C${i}"`).join(', ');
  return `SELECT ${names}, "K", "A", "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), ${P})) AS "B"
FROM (SELECT ${casts}, TO_JSON(ARRAY_CONSTRUCT(${key})) AS "K", ${action} AS "A", ${rowId} AS "R"
FROM ${from})
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), ${P}), TO_BINARY("K", 'UTF-8'), ${order}`;
};
const windowScan = (table: string, from: string, to: string, information = 'DEFAULT') =>
  scan(
    [text('ID'), '"CARRIER"'],
    text('ID'),
    'METADATA$ACTION',
    'METADATA$ROW_ID',
    `${table} CHANGES(INFORMATION => ${information}) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to})`,
  );
const totals = (queryId: string) =>
  `SELECT "B", TO_VARCHAR(COUNT(*)) AS "N", TO_VARCHAR(HASH_AGG(*)) AS "H"
FROM TABLE(RESULT_SCAN('${queryId}')) GROUP BY "B" ORDER BY TO_NUMBER("B")`;

async function flights(name: string): Promise<string> {
  const table = account.table(name);
  await account.sql(
    `CREATE TABLE ${table} (ID NUMBER(38,0) NOT NULL, CARRIER VARCHAR, PRIMARY KEY (ID)) CHANGE_TRACKING = TRUE`,
  );
  return table;
}
const many = (table: string, from: number, rows: number) =>
  `INSERT INTO ${table} SELECT ${from} + SEQ8(), 'carrier ' || TO_VARCHAR(SEQ8()) FROM TABLE(GENERATOR(ROWCOUNT => ${rows}))`;

/** Sorted as the scan promises: bucket, key as bytes, action, row id. */
function expectOrder(rows: Row[]): void {
  const key = (row: Row) => {
    const [k, a, r, b] = row.slice(-4);
    return [String(b), Buffer.from(k!).toString('hex'), a ?? '', r ?? ''].join('/');
  };
  const keys = rows.map(key);
  expect(keys).toEqual(keys.toSorted());
}

test('the gate tells which sources changed, without a warehouse', async () => {
  const [one, two] = [await flights('GATE1'), await flights('GATE2')];
  await account.sql(`INSERT INTO ${one} VALUES (1, 'a')`);
  const gate =
    `SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3') AS "now", ` +
    `SYSTEM$LAST_CHANGE_COMMIT_TIME('${one}') AS "t0", SYSTEM$LAST_CHANGE_COMMIT_TIME('${two}') AS "t1"`;
  const cold = await account.session({ warehouse: '' });
  await account.control?.reset();
  const read = async () => (await run(cold, gate)).rows[0]!;
  const first = await read();
  expect(first[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
  expect((await read()).slice(1)).toEqual(first.slice(1));

  await account.sql(`INSERT INTO ${one} VALUES (2, 'b')`);
  const second = await read();
  expect(BigInt(second[1]!)).toBeGreaterThan(BigInt(first[1]!));
  expect(second[2]).toBe(first[2]);

  const stats = await account.control?.stats();
  expect(stats?.all.withWarehouse ?? 1).toBe(1); // the INSERT

  const writer = await account.session();
  await run(writer, 'BEGIN');
  await run(writer, `INSERT INTO ${two} VALUES (1, 'x')`);
  expect((await read())[2]).toBe(first[2]);
  await run(writer, 'COMMIT');
  expect((await read())[2]).not.toBe(first[2]);

  await expect(run(cold, gate.replace('GATE2', 'NOWHERE'))).rejects.toThrow();
});

test('SHOW TABLES finds one table by its escaped name', async () => {
  await account.sql(`CREATE TABLE ${account.table('A_B')} (ID NUMBER) CHANGE_TRACKING = TRUE`);
  await account.sql(`CREATE TABLE ${account.table('AXB')} (ID NUMBER) DATA_RETENTION_TIME_IN_DAYS = 0`);
  const show = (pattern: string) =>
    account.sql(`SHOW TABLES LIKE '${pattern}' IN SCHEMA "${account.database}"."${account.schema}"`);
  const { rows, columns } = await show('A\\\\_B');
  const at = (name: string) => rows[0]![columns.indexOf(name)];
  expect(rows.length).toBe(1);
  expect([at('name'), at('change_tracking'), at('schema_name')]).toEqual(['A_B', 'ON', account.schema]);
  expect(at('retention_time')).toBe('1');
  expect(at('created_on')).toBeTruthy();
  const both = await show('A_B');
  expect(both.rows.length).toBe(2);
  const other = (await show('AXB')).rows[0]!;
  expect([other[columns.indexOf('change_tracking')], other[columns.indexOf('retention_time')]]).toEqual(['OFF', '0']);
  expect((await show('NOWHERE')).rows).toEqual([]);
});

test('DESCRIBE TABLE names columns and types', async () => {
  const table = account.table('DESCRIBED');
  await account.sql(
    `CREATE TABLE ${table} (ID INT NOT NULL, N NUMBER(10,2), F FLOAT, S VARCHAR, C VARCHAR(20), B BOOLEAN, D DATE,
     T TIME, NTZ TIMESTAMP_NTZ, LTZ TIMESTAMP_LTZ(3), TZ TIMESTAMP_TZ, V VARIANT, O OBJECT, A ARRAY, X BINARY,
     "lower" NUMBER, PRIMARY KEY (ID))`,
  );
  const { rows, columns } = await account.sql(`DESCRIBE TABLE ${table}`);
  const at = (row: Row, name: string) => row[columns.indexOf(name)];
  expect(rows.map((row) => [at(row, 'name'), at(row, 'type')])).toEqual([
    ['ID', 'NUMBER(38,0)'],
    ['N', 'NUMBER(10,2)'],
    ['F', 'FLOAT'],
    ['S', 'VARCHAR(16777216)'],
    ['C', 'VARCHAR(20)'],
    ['B', 'BOOLEAN'],
    ['D', 'DATE'],
    ['T', 'TIME(9)'],
    ['NTZ', 'TIMESTAMP_NTZ(9)'],
    ['LTZ', 'TIMESTAMP_LTZ(3)'],
    ['TZ', 'TIMESTAMP_TZ(9)'],
    ['V', 'VARIANT'],
    ['O', 'OBJECT'],
    ['A', 'ARRAY'],
    ['X', 'BINARY(8388608)'],
    ['lower', 'NUMBER(38,0)'],
  ]);
  expect(rows.map((row) => at(row, 'null?')).slice(0, 2)).toEqual(['N', 'Y']);
  expect(at(rows[0]!, 'kind')).toBe('COLUMN');
  expect(await codeOf(account.sql(`DESCRIBE TABLE ${account.table('NOWHERE')}`))).toMatch(/^00200[3]$/);
});

test('a window is scanned once, asynchronously, in order, and read by its id and by ranges', async () => {
  const table = await flights('WINDOWS');
  const [, t1, t2] = await play(account, [
    many(table, 1, 300),
    [
      `UPDATE ${table} SET CARRIER = 'changed' WHERE ID <= 50`,
      `DELETE FROM ${table} WHERE ID > 290`,
      `INSERT INTO ${table} VALUES (1000, 'é "q" \\\\'), (1001, NULL)`,
    ],
  ]);
  const sql = windowScan(table, t1!, t2!);
  const { queryId } = await run(account.connection, sql, { asyncExec: true });
  const elsewhere = await account.session();
  const { rows, columns, total } = await byId(elsewhere, queryId);
  expect(columns).toEqual(['C0', 'C1', 'K', 'A', 'R', 'B']);
  expect(total).toBe(50 * 2 + 10 + 2);
  expectOrder(rows);
  for (const [c0, , k, , r, b] of rows) {
    expect([k, b]).toEqual([`["${c0}"]`, String(bucketOf(k!))]);
    expect(r).toMatch(/^[0-9a-f]{40}$/);
  }
  const row = (id: string) => rows.filter((each) => each[0] === id).map((each) => [each[3], each[1]]);
  expect(row('7')).toEqual([
    ['DELETE', 'carrier 6'],
    ['INSERT', 'changed'],
  ]);
  expect(row('1000')).toEqual([['INSERT', 'é "q" \\']]);
  expect(row('1001')).toEqual([['INSERT', null]]);

  const perBucket = (await run(elsewhere, totals(queryId))).rows;
  const counted = Array.from({ length: P }, (_, b) => rows.filter((each) => each[5] === String(b)).length);
  expect(perBucket.map(([b, n]) => [b, n])).toEqual(counted.map((n, b) => [String(b), String(n)]));
  expect(perBucket.every(([, , hash]) => /^-?\d+$/.test(hash!))).toBe(true);

  // The same text again is the same result: same rows, same hashes.
  const again = await account.sql(sql);
  expect(again.rows).toEqual(rows);
  expect((await account.sql(totals(again.queryId))).rows).toEqual(perBucket);
});

test('APPEND_ONLY scans the inserts alone', async () => {
  const table = await flights('APPENDS');
  const [t0, , t2] = await play(account, [many(table, 1, 20), `DELETE FROM ${table} WHERE ID <= 15`]);
  const { rows } = await account.sql(windowScan(table, t0!, t2!, 'APPEND_ONLY'));
  expect(rows.length).toBe(20);
  expect(new Set(rows.map((row) => row[3]))).toEqual(new Set(['INSERT']));
  expectOrder(rows);
});

test('a snapshot is the state at its time, and changes go on from there', async () => {
  const table = await flights('SNAPSHOTS');
  const [, t1, t2] = await play(account, [many(table, 1, 40), `DELETE FROM ${table} WHERE ID <= 39`]);
  const sql = scan(
    [text('ID'), '"CARRIER"'],
    text('ID'),
    "'INSERT'",
    'NULL',
    `${table} AT(TIMESTAMP => ${t1!})`,
    '"A", "C0", "C1"',
  );
  const { rows, queryId } = await account.sql(sql);
  expect(rows.length).toBe(40);
  expect(rows.every((row) => row[3] === 'INSERT' && row[4] === null)).toBe(true);
  expectOrder(rows);
  expect((await account.sql(totals(queryId))).rows.reduce((sum, row) => sum + Number(row[1]), 0)).toBe(40);
  expect((await account.sql(windowScan(table, t1!, t2!))).rows.length).toBe(39);
});

test('HASH_AGG does not see the order and sees every value', async () => {
  const hash = async (values: string, columns = '*') => {
    const from = `(SELECT COLUMN1 AS A, COLUMN2 AS B FROM VALUES ${values})`;
    return (await account.sql(`SELECT TO_VARCHAR(HASH_AGG(${columns})) FROM ${from}`)).rows[0]![0];
  };
  const base = await hash("(1, 'a'), (2, 'b')");
  expect(await hash("(2, 'b'), (1, 'a')")).toBe(base);
  const different = ["(1, 'a'), (2, 'c')", "(1, 'b'), (2, 'a')", "(1, 'a')", "(1, 'a'), (2, 'b'), (2, 'b')"];
  for (const values of different) expect(await hash(values)).not.toBe(base);
  expect(await hash("(1, 'a'), (2, NULL)")).not.toBe(await hash("(1, 'a'), (2, '')"));
});

test('MD5_NUMBER_LOWER64 is the lower half of the MD5', async () => {
  const { rows } = await account.sql("SELECT TO_VARCHAR(MD5_NUMBER_LOWER64('Snowflake'))");
  expect(rows).toEqual([['9203306159527282910']]);
});

test('constants and the session', async () => {
  expect((await account.sql('SELECT 1')).rows).toEqual([['1']]);
  expect((await account.sql('SELECT CURRENT_TIMESTAMP()')).total).toBe(1);
  const { rows } = await account.sql('SELECT CURRENT_ROLE(), CURRENT_USER(), CURRENT_WAREHOUSE(), CURRENT_ACCOUNT()');
  expect(rows[0]!.every((cell) => cell !== null && cell !== '')).toBe(true);
  expect(rows[0]![2]).toBe(account.warehouse.toUpperCase());
});

test('a query source: columns without a run, copies, their measure, and windows over two of them', async () => {
  const source = account.table('POLLED');
  await account.sql(`CREATE TABLE ${source} (ID NUMBER(10,0), V VARCHAR, "at" TIMESTAMP_TZ)`);
  const add = (id: number, v: string, at: string) =>
    account.sql(`INSERT INTO ${source} SELECT ${id}, '${v}', ${at === '' ? 'NULL' : `'${at}'::TIMESTAMP_TZ`}`);
  await add(1, 'one', '2026-01-01 10:00:00 +02:00');
  await add(2, 'two', '');
  const text = `WITH a AS (SELECT * FROM ${source}) SELECT * FROM a ORDER BY ID -- ordered`;
  const { database, schema } = account;
  const layout: Layout = {
    number: 1,
    deployment: 1,
    partitions: 1,
    object: { database, schema, name: 's' },
    information: 'APPEND_ONLY',
    key: ['ID'],
    topic: 't',
    topicPartitions: 1,
    query: { text, mode: 'timestamp', cursor: 'at', lag: 60_000, watch: [] },
  };
  const bulk: Layout = { ...layout, query: { ...layout.query!, mode: 'bulk', cursor: null } };
  const described = await account.sql(columnsStatement(text), { describeOnly: true });
  expect(described).toMatchObject({ columns: ['ID', 'V', 'at'], rows: [] });

  const [first, second] = ['COPY1', 'COPY2'].map((name) => ({ database, schema, name }));
  const to = '2026-01-02T00:00:00.000Z';
  const columnsOf = async (): Promise<Column[]> => {
    const { rows } = await account.sql(`DESCRIBE TABLE ${account.table('COPY1')}`);
    return rows.map(([name, type, , nullable]) => columnOf({ name, type, 'null?': nullable }));
  };
  await account.sql(stageStatement({ table: first!, layout, since: null, comment: 'a test' }));
  const columns = await columnsOf();
  const whole = { table: first!, layout, since: null, comment: '' };
  const [measured] = (await account.sql(measureStatement(whole, columns, to))).rows;
  expect(measured).toEqual(['2', '2026-01-01 08:00:00.000000000', null, '1']);

  // A tie in another zone, twice; one within the lag; one that gets its time, long ago; one changed; one gone.
  await add(3, 'tie', '2026-01-01 08:00:00 +00:00');
  await add(3, 'tie', '2026-01-01 08:00:00 +00:00');
  await add(4, 'late', '2026-01-01 07:59:00 +00:00');
  await add(5, 'too late', '2026-01-01 07:58:59.999 +00:00');
  await account.sql(`UPDATE ${source} SET "at" = '2020-01-01 00:00:00 +00:00'::TIMESTAMP_TZ WHERE ID = 2`);
  const cursor = { value: measured![1]!, floor: null, nulls: 1 };
  const since = { column: columns[2]!, cursor, undated: first! };
  await account.sql(stageStatement({ table: second!, layout, since, comment: 'a test' }));
  const window = async (of: Layout) => {
    const staged = { table: second!, base: { table: first!, columns } };
    const { rows } = await account.sql(scanStatement({ kind: 'changes', layout: of, columns, from: null, to, staged }));
    return rows.map((row) => `${row[4]} ${row[0]} ${row[1]}`);
  };
  expect(await window(layout)).toEqual(['INSERT 2 two', 'INSERT 3 tie', 'INSERT 3 tie', 'INSERT 4 late']);
  expect(await window(bulk)).toEqual(['DELETE 2 two', 'INSERT 2 two', 'INSERT 3 tie', 'INSERT 4 late']);
  const again = { table: second!, layout, since, comment: '' };
  expect((await account.sql(measureStatement(again, columns, to))).rows).toEqual([
    ['5', '2026-01-01 08:00:00.000000000', '2026-01-01 07:59:00.000000000', '0'],
  ]);
  const unique = { ...again, layout: bulk, since: null };
  expect((await account.sql(measureStatement(unique, columns, to))).rows).toEqual([['5', '4']]);
});
