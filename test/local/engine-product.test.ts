import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClient, type Cell, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient();
  await db.run(
    `CREATE TABLE "DB"."PUBLIC"."FLIGHTS" (ID NUMBER(38,0) NOT NULL PRIMARY KEY, CARRIER VARCHAR, PRICE NUMBER(12,2), F FLOAT, B BOOLEAN, D DATE,
       T TIME, N TIMESTAMP_NTZ, L TIMESTAMP_LTZ, Z TIMESTAMP_TZ, V VARIANT, BIN BINARY, O OBJECT, A ARRAY) CHANGE_TRACKING = TRUE`,
  );
});
afterAll(() => db.engine.close());

const CASTS = [
  `TO_VARCHAR("ID")`,
  `"CARRIER"`,
  `TO_VARCHAR("PRICE")`,
  `TO_VARCHAR("F", 'TME')`,
  `TO_VARCHAR("B")`,
  `TO_VARCHAR("D", 'YYYY-MM-DD')`,
  `TO_VARCHAR("T", 'HH24:MI:SS.FF9')`,
  `TO_VARCHAR("N", 'YYYY-MM-DD"T"HH24:MI:SS.FF9')`,
  `TO_VARCHAR(CONVERT_TIMEZONE('UTC', "L"), 'YYYY-MM-DD"T"HH24:MI:SS.FF9"Z"')`,
  `TO_VARCHAR("Z", 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM')`,
  `TO_JSON("V")`,
  `TO_VARCHAR("BIN", 'BASE64')`,
  `TO_JSON("O")`,
  `TO_JSON("A")`,
];
const OUTER = CASTS.map((_, i) => `"C${i}"`).join(', ');
const INNER = CASTS.map((cast, i) => `${cast} AS "C${i}"`).join(', ');
const KEY = `TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID"))) AS "K"`;
const BUCKET = 'MOD(MD5_NUMBER_LOWER64("K"), 4)';
const changesScan = (from: string, to: string): string =>
  `SELECT ${OUTER}, "K", "A", "R", TO_VARCHAR(${BUCKET}) AS "B"
   FROM (SELECT ${INNER}, ${KEY}, METADATA$ACTION AS "A", METADATA$ROW_ID AS "R"
         FROM "DB"."PUBLIC"."FLIGHTS" CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to}))
   ORDER BY ${BUCKET}, TO_BINARY("K", 'UTF-8'), "A", "R"`;
const snapshotScan = (at: string): string =>
  `SELECT ${OUTER}, "K", "A", "R", TO_VARCHAR(${BUCKET}) AS "B"
   FROM (SELECT ${INNER}, ${KEY}, 'INSERT' AS "A", NULL AS "R" FROM "DB"."PUBLIC"."FLIGHTS" AT(TIMESTAMP => ${at}))
   ORDER BY ${BUCKET}, TO_BINARY("K", 'UTF-8'), "A", "C0", "C1"`;

describe('the statements of the product', () => {
  test('settings, gate, SHOW and DESCRIBE need no warehouse', async () => {
    const settings = `ALTER SESSION SET TIMEZONE = 'UTC', QUERY_TAG = 'snowmelt/x', STATEMENT_TIMEOUT_IN_SECONDS = 3600, AUTOCOMMIT = TRUE, ABORT_DETACHED_QUERY = FALSE, CLIENT_RESULT_CHUNK_SIZE = 16, USE_CACHED_RESULT = FALSE`;
    const gate = `SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3') AS "NOW", SYSTEM$LAST_CHANGE_COMMIT_TIME('"DB"."PUBLIC"."FLIGHTS"') AS "T0", SYSTEM$LAST_CHANGE_COMMIT_TIME('"DB"."PUBLIC"."FLIGHTS"') AS "T1"`;
    const show = `SHOW TABLES LIKE 'FLIGHTS' IN SCHEMA "DB"."PUBLIC"`;
    for (const sql of [
      settings,
      gate,
      show,
      'DESCRIBE TABLE "DB"."PUBLIC"."FLIGHTS"',
      'SELECT 1',
      'SELECT CURRENT_TIMESTAMP()',
      'BEGIN',
      'COMMIT',
    ])
      expect([sql, (await db.session.plan(sql)).needsWarehouse]).toEqual([sql, false]);
    for (const sql of [
      'SELECT 1 FROM FLIGHTS',
      'INSERT INTO FLIGHTS (ID) VALUES (1)',
      'DELETE FROM FLIGHTS',
      'CREATE TABLE X AS SELECT 1 AS A',
    ])
      expect([sql, (await db.session.plan(sql)).needsWarehouse]).toEqual([sql, true]);
    await db.run(settings);
    expect(db.session.parameters.get('QUERY_TAG')).toBe('snowmelt/x');
    const [row] = await db.rows(gate);
    expect(row![0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
    expect(row!.slice(1)).toEqual([null, null]);
    expect(
      await db.cell('SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME(?)', { 1: { type: 'TEXT', value: 'FLIGHTS' } }),
    ).toBeNull();
    expect(await db.error(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('NOPE')`)).toMatchObject({ code: '002003' });
  });

  test('SHOW TABLES takes a pattern, any case, wild cards escaped', async () => {
    await db.run('CREATE TABLE "a_b" (X INT)', 'CREATE TABLE "axb" (X INT)');
    const names = async (like: string): Promise<Cell[]> =>
      (await db.rows(`SHOW TABLES LIKE '${like}' IN SCHEMA "DB"."PUBLIC"`)).map((r) => r[1]!);
    expect(await names('a_b')).toEqual(['a_b', 'axb']);
    expect(await names('A\\\\_B')).toEqual(['a_b']);
    expect(await names('%light%')).toEqual(['FLIGHTS']);
    const result = await db.result(`SHOW TABLES LIKE 'FLIGHTS' IN SCHEMA DB.PUBLIC`);
    const column = result.columns.findIndex((c) => c.name === 'change_tracking');
    const cells = JSON.parse(`[${Buffer.from(await result.chunk(0, 1)).toString()}]`) as Cell[][];
    expect([cells[0]![column], cells[0]![10]]).toEqual(['ON', '1']);
    expect(result.columns[0]).toMatchObject({ name: 'created_on', type: 'timestamp_ltz', scale: 3 });
  });

  test('DESCRIBE words types as an account does', async () => {
    const rows = await db.rows('DESCRIBE TABLE FLIGHTS');
    expect(rows.map((r) => r.slice(0, 4).join(' ')).join('; ')).toBe(
      'ID NUMBER(38,0) COLUMN N; CARRIER VARCHAR(16777216) COLUMN Y; PRICE NUMBER(12,2) COLUMN Y; F FLOAT COLUMN Y; B BOOLEAN COLUMN Y; D DATE COLUMN Y; ' +
        'T TIME(9) COLUMN Y; N TIMESTAMP_NTZ(9) COLUMN Y; L TIMESTAMP_LTZ(9) COLUMN Y; Z TIMESTAMP_TZ(9) COLUMN Y; V VARIANT COLUMN Y; BIN BINARY(8388608) COLUMN Y; O OBJECT COLUMN Y; A ARRAY COLUMN Y',
    );
  });

  test('scans: every type as text, ordered, totals over the kept result', async () => {
    const t0 = await db.instant();
    await db.run(
      `INSERT INTO FLIGHTS SELECT 99999999999999999999999999999999999999, 'q"uote\\n€😀', 12.5, 1.5, TRUE, '0001-01-01', '23:59:59.123456789',
         '9999-12-31 23:59:59.999999999', '1969-12-31 23:59:59.000000001 +00:00', '2020-01-02 03:04:05.123456789 +05:30',
         PARSE_JSON('{"b": [1, 2.50, 12345678901234567890123.4], "a": null}'), TO_BINARY('00FF', 'HEX'), PARSE_JSON('{"x": 1}'), PARSE_JSON('[1, "a"]')`,
      `INSERT INTO FLIGHTS (ID, F, B, V, CARRIER) SELECT 2, 'inf', FALSE, PARSE_JSON('null'), ''`,
      `INSERT INTO FLIGHTS (ID, F) SELECT 3, 'NaN'`,
      `INSERT INTO FLIGHTS (ID, F, Z) SELECT 4, -0.1, '1969-12-31 16:00:00 -08:00'`,
    );
    const t1 = await db.instant();
    const rows = await db.rows(changesScan(t0, t1));
    const byId = new Map(rows.map((r) => [r[0]!.length > 1 ? 'big' : r[0]!, r]));
    expect(byId.get('big')!.slice(0, 16)).toEqual([
      '99999999999999999999999999999999999999',
      'q"uote\n€😀',
      '12.50',
      '1.5E0',
      'true',
      '0001-01-01',
      '23:59:59.123456789',
      '9999-12-31T23:59:59.999999999',
      '1969-12-31T23:59:59.000000001Z',
      '2020-01-02T03:04:05.123456789+05:30',
      '{"b":[1,2.50,12345678901234567890123.4],"a":null}',
      'AP8=',
      '{"x":1}',
      '[1,"a"]',
      '["99999999999999999999999999999999999999"]',
      'INSERT',
    ]);
    expect(byId.get('2')!.slice(0, 12)).toEqual([
      '2',
      '',
      null,
      'inf',
      'false',
      null,
      null,
      null,
      null,
      null,
      'null',
      null,
    ]);
    expect(byId.get('3')![3]).toBe('NaN');
    expect([byId.get('4')![3], byId.get('4')![9]]).toEqual(['-1.0E-1', '1969-12-31T16:00:00.000000000-08:00']);
    const buckets = rows.map((r) => Number(r[17]));
    expect(buckets).toEqual([...buckets].sort());
    const totals = `SELECT "B", TO_VARCHAR(COUNT(*)) AS "N", TO_VARCHAR(HASH_AGG(*)) AS "H" FROM TABLE(RESULT_SCAN('${db.lastId}')) GROUP BY "B" ORDER BY TO_NUMBER("B")`;
    expect((await db.session.plan(totals)).needsWarehouse).toBe(true);
    const first = await db.rows(totals);
    expect(first.map((r) => [r[0], Number(r[1])])).toEqual(
      [...new Set(buckets)].map((b) => [String(b), buckets.filter((x) => x === b).length]),
    );
    await db.rows(changesScan(t0, t1));
    const again = totals.replace(/RESULT_SCAN\('[^']+'\)/, `RESULT_SCAN('${db.lastId}')`);
    expect(await db.rows(again)).toEqual(first);
    const snapshot = await db.rows(snapshotScan(t1));
    expect(snapshot.map((r) => r.slice(0, 15))).toEqual(rows.map((r) => r.slice(0, 15)));
    expect(snapshot.every((r) => r[16] === null)).toBe(true);
  });

  test('MD5_NUMBER_LOWER64 is the account’s', async () => {
    expect(await db.cell(`SELECT MD5_NUMBER_LOWER64('Snowflake')`)).toBe('9203306159527282910');
  });

  test('scans of tables are counted, those of results are not', async () => {
    const scans = (): number => db.engine.scans.get('DB.PUBLIC.FLIGHTS') ?? 0;
    const before = scans();
    await db.rows('SELECT ID FROM FLIGHTS');
    const id = db.lastId;
    expect(scans()).toBe(before + 1);
    await db.rows(`SELECT COUNT(*) FROM TABLE(RESULT_SCAN('${id}'))`);
    await db.session.plan('SELECT ID FROM FLIGHTS');
    expect(scans()).toBe(before + 1);
  });
});

describe('results', () => {
  test('row types carry what the driver needs', async () => {
    const { columns } = await db.result('SELECT * FROM FLIGHTS');
    expect(columns.map((c) => [c.name, c.type, c.precision, c.scale, c.length])).toEqual([
      ['ID', 'fixed', 38, 0, null],
      ['CARRIER', 'text', null, null, 16777216],
      ['PRICE', 'fixed', 12, 2, null],
      ['F', 'real', null, null, null],
      ['B', 'boolean', null, null, null],
      ['D', 'date', null, null, null],
      ['T', 'time', 0, 9, null],
      ['N', 'timestamp_ntz', 0, 9, null],
      ['L', 'timestamp_ltz', 0, 9, null],
      ['Z', 'timestamp_tz', 0, 9, null],
      ['V', 'variant', null, null, null],
      ['BIN', 'binary', null, null, 8388608],
      ['O', 'object', null, null, null],
      ['A', 'array', null, null, null],
    ]);
    expect(columns[0]!.nullable).toBe(false);
    expect(columns[1]!.byteLength).toBe(16777216);
  });

  test('wire cells', async () => {
    const cells = await db.rows(
      `SELECT 1.50, 1.5::FLOAT, '-inf'::FLOAT, TRUE, FALSE, '1970-01-02'::DATE, '01:00:00.5'::TIME(3), '1960-01-01 00:00:00.5'::TIMESTAMP_NTZ,
         '1970-01-01 00:00:01 +05:30'::TIMESTAMP_TZ, '1970-01-01 00:00:01.25'::TIMESTAMP_LTZ(2), PARSE_JSON('{"a": 1}'), TO_BINARY('ff'), NULL, ''`,
    );
    expect(cells[0]).toEqual([
      '1.50',
      '1.5',
      '-inf',
      '1',
      '0',
      '1',
      '3600.500',
      '-315619199.500000000',
      '-19799.000000000 1770',
      '1.25',
      '{"a":1}',
      'FF',
      null,
      '',
    ]);
  });

  test('a chunk is any range of rows; the result stays as it was until dropped', async () => {
    await db.run('CREATE OR REPLACE TABLE NUMBERS AS SELECT SEQ8() AS N FROM TABLE(GENERATOR(ROWCOUNT => 300000))');
    const result = await db.result('SELECT N FROM NUMBERS ORDER BY N');
    const id = db.lastId;
    await db.run('DELETE FROM NUMBERS');
    for (const [start, end] of [
      [0, 3],
      [122_878, 122_883],
      [299_998, 300_000],
    ] as const)
      expect(Buffer.from(await result.chunk(start, end)).toString()).toBe(
        Array.from({ length: end - start }, (_, i) => `["${start + i}"]`).join(','),
      );
    expect(Buffer.from(await result.chunk(5, 5)).toString()).toBe('');
    const sizes = await result.sizes!(7, 40_000);
    const measured = await Promise.all(sizes.map((_, i) => result.chunk(7 + i * 40_000, 7 + (i + 1) * 40_000)));
    expect(sizes).toEqual(measured.map((m) => m.length));
    await result.drop();
    expect((await db.error(`SELECT * FROM TABLE(RESULT_SCAN('${id}'))`)).message).toContain('not found');
  });

  test('what ORDER BY leaves open is in random order, or in the order of a seed', async () => {
    await db.run(
      'CREATE OR REPLACE TABLE NUMBERS AS SELECT SEQ8() AS N, 0 AS Z FROM TABLE(GENERATOR(ROWCOUNT => 200))',
    );
    const order = async (client: Client, sql: string): Promise<string> =>
      (await client.rows(sql)).map((r) => r[0]).join();
    for (const sql of [
      'SELECT N FROM NUMBERS',
      'SELECT N FROM NUMBERS ORDER BY Z',
      'SELECT DISTINCT N FROM NUMBERS',
      'SELECT N FROM NUMBERS UNION SELECT N FROM NUMBERS',
      'SELECT N FROM NUMBERS GROUP BY N',
    ])
      expect([sql, await order(db, sql)]).not.toEqual([sql, await order(db, sql)]);
    const seeded = await openClient({ shuffle: 7 });
    await seeded.run('CREATE TABLE NUMBERS AS SELECT SEQ8() AS N FROM TABLE(GENERATOR(ROWCOUNT => 200))');
    const fixed = await order(seeded, 'SELECT N FROM NUMBERS');
    expect(await order(seeded, 'SELECT N FROM NUMBERS')).toBe(fixed);
    expect(fixed).not.toBe(await order(seeded, 'SELECT N FROM NUMBERS ORDER BY N'));
    await seeded.engine.close();
  });

  test('describeOnly answers columns and runs nothing', async () => {
    const described = await db.session.execute('INSERT INTO FLIGHTS (ID) VALUES (77)', {
      queryId: 'd1',
      describeOnly: true,
    });
    expect([described.columns[0]!.name, described.rowCount]).toEqual(['number of rows inserted', 0]);
    expect(
      (await db.session.execute('SELECT ID, F FROM FLIGHTS', { queryId: 'd2', describeOnly: true })).columns.map(
        (c) => c.name,
      ),
    ).toEqual(['ID', 'F']);
    expect(await db.cell('SELECT COUNT(*) FROM FLIGHTS WHERE ID = 77')).toBe('0');
  });

  test('DML answers counts and its statement type', async () => {
    await db.run('CREATE OR REPLACE TABLE C (A INT)');
    const counts = async (sql: string): Promise<unknown[]> => {
      const result = await db.result(sql);
      const cells = JSON.parse(`[${Buffer.from(await result.chunk(0, 1)).toString()}]`) as Cell[][];
      return [result.statementTypeId, ...cells[0]!];
    };
    expect(await counts('INSERT INTO C VALUES (1), (2)')).toEqual([0x3100, '2']);
    expect(await counts('UPDATE C SET A = 3 WHERE A = 1')).toEqual([0x3200, '1', '0']);
    expect(
      await counts('MERGE INTO C USING (SELECT 9 AS X) S ON A = X WHEN NOT MATCHED THEN INSERT VALUES (X)'),
    ).toEqual([0x3400, '1']);
    expect(await counts('DELETE FROM C')).toEqual([0x3300, '3']);
    expect((await db.result('SELECT 1')).statementTypeId).toBe(4096);
    expect((await db.result('TRUNCATE TABLE C')).statementTypeId).toBeGreaterThanOrEqual(0x6000);
  });

  test('SHOW and DML results can be scanned too', async () => {
    await db.rows('SHOW COLUMNS IN TABLE FLIGHTS');
    expect(
      await db.rows(`SELECT "column_name" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID())) WHERE "data_type" LIKE '%REAL%'`),
    ).toEqual([['F']]);
  });
});

test('load() is one commit, by name or by position, from any DuckDB type', async () => {
  await db.run(
    'CREATE OR REPLACE TABLE L (ID NUMBER(38,0), P NUMBER(12,2), N TIMESTAMP_NTZ, Z TIMESTAMP_TZ, T TIME, V VARIANT, B BINARY, D DATE) CHANGE_TRACKING = TRUE',
  );
  const t0 = await db.instant();
  const loaded = await db.engine.load(
    'DB.PUBLIC.L',
    `SELECT i AS id, i / 4 AS p, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' AS n, '2020-01-01 00:00:00 +02:00' AS z, TIME '01:02:03.5' AS t,
       {'a': i} AS v, 'x'::BLOB AS b, DATE '2020-01-01' AS d FROM range(3) r(i)`,
  );
  expect(loaded.rows).toBe(3);
  expect(await db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('L')`)).toBe(loaded.commitTime);
  expect(
    await db.rows(
      `SELECT ID, P, TO_VARCHAR(N, 'HH24:MI:SS.FF9'), TO_VARCHAR(Z, 'HH24:MI:SS.FF9TZH:TZM'), TO_VARCHAR(T, 'HH24:MI:SS.FF3'), V, B FROM L ORDER BY ID LIMIT 1 OFFSET 2`,
    ),
  ).toEqual([['2', '0.50', '00:00:00.123456789', '00:00:00.000000000+02:00', '01:02:03.500', '{"a":2}', '78']]);
  expect(await db.cell(`SELECT COUNT(*) FROM L CHANGES(INFORMATION => APPEND_ONLY) AT(TIMESTAMP => ${t0})`)).toBe('3');
  await expect(db.engine.load('DB.PUBLIC.L', 'SELECT 1')).rejects.toThrow('expecting 8 but got 1');
});
