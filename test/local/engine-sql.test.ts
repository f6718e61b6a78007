import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClient, openSession, type Cell, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient({ shuffle: 'stored' });
  await db.run(
    `CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR, AMOUNT NUMBER(12,2), TS TIMESTAMP_NTZ, TZ TIMESTAMP_TZ, V VARIANT, F FLOAT, BIN BINARY, D DATE, TM TIME, B BOOLEAN) CHANGE_TRACKING = TRUE`,
    `INSERT INTO T SELECT 1, 'one', 10.25, '2024-02-29 23:59:59.123456789', '2024-01-01 00:00:00 +05:30', PARSE_JSON('{"a": {"b": [10, "x"]}, "n": null}'), 1.5, TO_BINARY('0a'), '2024-02-29', '12:34:56', TRUE`,
    `INSERT INTO T (ID) VALUES (2)`,
    `CREATE TABLE S (ID NUMBER(38,0), W VARCHAR)`,
    `INSERT INTO S VALUES (1, 'w1'), (3, 'w3')`,
  );
});
afterAll(() => db.engine.close());

const expressions = (cases: [sql: string, expected: Cell][]): void => {
  test.each(cases)('%s', async (sql, expected) => {
    expect(await db.cell(`SELECT ${sql} FROM T WHERE T.ID = 1`)).toBe(expected);
  });
};

describe('numbers', () => {
  expressions([
    ['1/3', '0.333333'],
    ['10/4', '2.500000'],
    ['-7/2', '-3.500000'],
    ['2/3::NUMBER(10,8)', '0.666667'],
    ['0.1 + 0.2', '0.3'],
    ['AMOUNT * 3', '30.75'],
    ['AMOUNT * AMOUNT', '105.0625'],
    ['99999999999999999999999999999999999998 + 1', '99999999999999999999999999999999999999'],
    ['MOD(-7, 3)', '-1'],
    ['7 % 4', '3'],
    ['ROUND(2.5)', '3'],
    ['ROUND(10.255, 2)', '10.26'],
    ['FLOOR(-1.5)', '-2'],
    ['CEIL(1.2)', '2'],
    ['ABS(-3)', '3'],
    ['GREATEST(1, 3, 2)', '3'],
    ['LEAST(1, NULL)', null],
    ["TO_NUMBER('12.6')", '13'],
    ["TO_NUMBER('12.65', 10, 1)", '12.7'],
    ["TRY_TO_NUMBER('x')", null],
    ["TO_NUMBER('ff', 'XX')", '255'],
    ["'5' + 1", '6'],
    ['1e2', '100'],
    ["TO_VARCHAR(1e300 * 1e10, 'TME')", 'inf'],
    ['SUM(ID) OVER ()', '1'],
  ]);
  test('FLOAT as text, scientific and shortest', async () => {
    const cases: [string, string][] = [
      ['0.1', '1.0E-1'],
      ['100', '1.0E2'],
      ['1.5', '1.5E0'],
      ['123456.789', '1.23456789E5'],
      ['-0.00012', '-1.2E-4'],
      ['1e22', '1.0E22'],
      ['1.7976931348623157e308', '1.7976931348623157E308'],
      ['5e-324', '5.0E-324'],
      ['0', '0.0E0'],
      ['999999999999999.9', '9.999999999999999E14'],
      ['1e15', '1.0E15'],
      ['123456789012345680', '1.2345678901234568E17'],
    ];
    for (const [float, text] of cases)
      expect([float, await db.cell(`SELECT TO_VARCHAR('${float}'::FLOAT, 'TME')`)]).toEqual([float, text]);
    for (const [float] of cases)
      expect(Number(await db.cell(`SELECT TO_VARCHAR('${float}'::FLOAT, 'TME')`))).toBe(Number(float));
  });
  test('errors', async () => {
    expect(await db.error('SELECT NAME, COUNT(*) FROM T')).toMatchObject({ code: '000979', state: '42601' });
    expect(await db.error('SELECT 1 / 0')).toMatchObject({ code: '100051', state: '22012' });
    expect(await db.error('SELECT NAME::NUMBER FROM T')).toMatchObject({
      code: '100038',
      message: "Numeric value 'one' is not recognized",
    });
    expect(await db.error("SELECT 'x'::NUMBER")).toMatchObject({ code: '100038' });
    expect(await db.error('SELECT 99999999999999999999999999999999999999 + ID FROM T')).toMatchObject({
      state: '22003',
    });
  });
});

describe('text and conditions', () => {
  expressions([
    ["'it''s' || '\\\\' || '\\n'", "it's\\\n"],
    ["CONCAT('a', NULL)", null],
    ["SUBSTR('hello', 2, 3)", 'ell'],
    ["SUBSTR('hello', -3)", 'llo'],
    ["SPLIT_PART('a,b,c', ',', 2)", 'b'],
    ["LEFT('abc', 2)", 'ab'],
    ["RIGHT('abc', 2)", 'bc'],
    ["LPAD('7', 3, '0')", '007'],
    ["REPLACE('banana', 'an')", 'ba'],
    ["TRIM('  x ')", 'x'],
    ["LENGTH('é')", '1'],
    ["UPPER('é')", 'É'],
    ["STARTSWITH('abc', 'ab')", '1'],
    ["POSITION('b', 'abc')", '2'],
    ["'abcdef'::VARCHAR(3)", 'abc'],
    ["NAME LIKE 'o_e'", '1'],
    ["'A%' LIKE 'A^%' ESCAPE '^'", '1'],
    ["NAME ILIKE 'O%'", '1'],
    ["NAME NOT IN ('x', 'y')", '1'],
    ['ID BETWEEN 1 AND 2', '1'],
    ["IFF(ID > 1, 'x', 'y')", 'y'],
    ['NVL(NULL, 0)', '0'],
    ["DECODE(ID, 1, 'x', 2, 'y', 'z')", 'x'],
    ["CASE ID WHEN 1 THEN 'one' ELSE 'other' END", 'one'],
    ['ZEROIFNULL(NULL)', '0'],
    ['EQUAL_NULL(NULL, NULL)', '1'],
    ['NULL = NULL', null],
    ['ID IS NOT DISTINCT FROM 1', '1'],
    ["MD5('x')", '9dd4e461268c8034f5c8564e155c67a6'],
    ["SHA2('x', 256)", '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'],
    ["MD5_NUMBER_LOWER64('Snowflake')", '9203306159527282910'],
    ["BASE64_ENCODE('x')", 'eA=='],
    ["HEX_ENCODE('x')", '78'],
    ["TO_VARCHAR(TO_BINARY('é', 'UTF-8'), 'HEX')", 'C3A9'],
    ['TO_VARCHAR(BIN)', '0A'],
    ['TO_VARCHAR(TRUE)', 'true'],
    ["'yes'::BOOLEAN", '1'],
    ["$$a'b$$", "a'b"],
    ['TRY_CAST(NAME AS NUMBER)', null],
    ["x'0aFF'", '0AFF'],
  ]);
});

describe('dates and times', () => {
  expressions([
    ['TO_VARCHAR(TS, \'YYYY-MM-DD"T"HH24:MI:SS.FF9\')', '2024-02-29T23:59:59.123456789'],
    ["TO_VARCHAR(TS, 'YY/MON/DD HH12:MI AM FF3')", '24/Feb/29 11:59 PM 123'],
    ['TO_VARCHAR(TS)', '2024-02-29 23:59:59.123'],
    ['TO_VARCHAR(TZ)', '2024-01-01 00:00:00.000 +0530'],
    ["TO_VARCHAR(CONVERT_TIMEZONE('America/New_York', TZ), 'YYYY-MM-DD HH24:MI TZH:TZM')", '2023-12-31 13:30 -05:00'],
    [
      "TO_VARCHAR(CONVERT_TIMEZONE('America/New_York', 'UTC', '2024-07-01 00:00:00'::TIMESTAMP_NTZ), 'HH24:MI')",
      '04:00',
    ],
    ["TO_VARCHAR(DATEADD(month, 12, D), 'YYYY-MM-DD')", '2025-02-28'],
    ["TO_VARCHAR(DATEADD('ns', 1, TS), 'FF9')", '123456790'],
    ["TO_VARCHAR(DATEADD(day, -1, TS), 'YYYY-MM-DD HH24:MI:SS.FF9')", '2024-02-28 23:59:59.123456789'],
    ["DATEDIFF('ms', '2024-01-01 00:00:00.000'::TIMESTAMP_NTZ, '2024-01-01 00:00:01.5'::TIMESTAMP_NTZ)", '1500'],
    ["DATEDIFF(hour, '2024-01-01 00:59:00'::TIMESTAMP_NTZ, '2024-01-01 01:01:00'::TIMESTAMP_NTZ)", '1'],
    ["DATEDIFF(year, '2023-12-31'::DATE, '2024-01-01'::DATE)", '1'],
    ["TO_VARCHAR(DATE_TRUNC('hour', TS))", '2024-02-29 23:00:00.000'],
    ['TO_VARCHAR(DATE_TRUNC(month, D))', '2024-02-01'],
    ["DATE_PART(epoch_nanosecond, '1970-01-01 00:00:01.000000001'::TIMESTAMP_NTZ)", '1000000001'],
    ['EXTRACT(year FROM TS)', '2024'],
    ["TO_VARCHAR(TO_TIMESTAMP_LTZ(1700000000, 3), 'YYYY-MM-DD HH24:MI:SS.FF3')", '1970-01-20 16:13:20.000'],
    ["TO_VARCHAR(TO_TIMESTAMP_NTZ('29.02.2024 10:11', 'DD.MM.YYYY HH24:MI'))", '2024-02-29 10:11:00.000'],
    ["TO_VARCHAR('2024-01-01 00:00:00.123456789 -0800'::TIMESTAMP_TZ(6), 'FF9 TZHTZM')", '123456000 -0800'],
    ["'2024-01-01 05:30:00 +05:30'::TIMESTAMP_TZ = '2024-01-01 00:00:00Z'::TIMESTAMP_TZ", '1'],
    ['TS::DATE = D', '1'],
    ["TO_VARCHAR(TS::TIME, 'HH24:MI:SS.FF9')", '23:59:59.123456789'],
    ["TO_VARCHAR('0001-01-01 00:00:00'::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF9')", '0001-01-01 00:00:00.000000000'],
    ["TO_VARCHAR('1969-12-31 23:59:59.999999999'::TIMESTAMP_NTZ, 'YYYY HH24:MI:SS.FF9')", '1969 23:59:59.999999999'],
    ["D + 1 = '2024-03-01'", '1'],
    ["D - '2024-01-01'::DATE", '59'],
  ]);
  test('column values convert like literals', async () => {
    await db.run(
      `CREATE OR REPLACE TABLE X AS SELECT * FROM VALUES ('2024-01-01 10:11:12.123456789 +05:30'), ('2024-01-01'), (NULL), ('0001-01-01 00:00:00Z'), ('9999-12-31 23:59:59.999999999')`,
    );
    expect(
      await db.rows(
        `SELECT TO_VARCHAR(COLUMN1::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF9'), TO_VARCHAR(COLUMN1::TIMESTAMP_TZ, 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM'), TO_VARCHAR(COLUMN1::TIMESTAMP_LTZ, 'YYYY-MM-DD HH24:MI:SS.FF9'), TO_VARCHAR(COLUMN1::DATE) FROM X ORDER BY COLUMN1`,
      ),
    ).toEqual([
      [
        '0001-01-01 00:00:00.000000000',
        '0001-01-01 00:00:00.000000000 +0000',
        '0001-01-01 00:00:00.000000000',
        '0001-01-01',
      ],
      [
        '2024-01-01 00:00:00.000000000',
        '2024-01-01 00:00:00.000000000 +0000',
        '2024-01-01 00:00:00.000000000',
        '2024-01-01',
      ],
      [
        '2024-01-01 10:11:12.123456789',
        '2024-01-01 10:11:12.123456789 +0530',
        '2024-01-01 04:41:12.123456789',
        '2024-01-01',
      ],
      [
        '9999-12-31 23:59:59.999999999',
        '9999-12-31 23:59:59.999999999 +0000',
        '9999-12-31 23:59:59.999999999',
        '9999-12-31',
      ],
      [null, null, null, null],
    ]);
    expect(await db.error(`SELECT NAME::TIMESTAMP_NTZ FROM T`)).toMatchObject({
      code: '100035',
      message: "Timestamp 'one' is not recognized",
    });
    expect(await db.error(`SELECT 'one'::DATE`)).toMatchObject({ code: '100040' });
  });
  test('the session’s zone and formats', async () => {
    await db.run(
      "ALTER SESSION SET TIMEZONE = 'America/Los_Angeles' TIMESTAMP_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM'",
    );
    expect(await db.cell("SELECT TO_VARCHAR('2024-07-01 00:00:00'::TIMESTAMP_LTZ)")).toBe(
      '2024-07-01 00:00:00.000000000 -0700',
    );
    expect(await db.cell("SELECT '2024-01-01 00:00:00'::TIMESTAMP_LTZ")).toBe('1704096000.000000000');
    expect(await db.cell("SELECT TO_VARCHAR(COLUMN1::TIMESTAMP_LTZ) FROM VALUES ('2024-01-01 00:00:00 +00:00')")).toBe(
      '2023-12-31 16:00:00.000000000 -0800',
    );
    await db.run("ALTER SESSION SET TIMEZONE = 'UTC'", 'ALTER SESSION UNSET TIMESTAMP_OUTPUT_FORMAT');
    expect(await db.error("ALTER SESSION SET TIMEZONE = 'Mars/Olympus'")).toMatchObject({ code: '001008' });
  });
});

describe('semi-structured values', () => {
  expressions([
    ['V:a.b[0]', '10'],
    ['V:a.b[1]::VARCHAR', 'x'],
    ["V['a']['b'][0]::NUMBER + 1", '11'],
    ['V:missing', null],
    ['V:missing IS NULL', '1'],
    ['V:n IS NULL', '0'],
    ['V:n::VARCHAR', null],
    ['TO_JSON(V:n)', 'null'],
    ['TO_JSON(PARSE_JSON(\' { "a" : 1.10 , "b" : "x y" } \'))', '{"a":1.10,"b":"x y"}'],
    ["TO_JSON(OBJECT_CONSTRUCT('k', ID, 'gone', NULL))", '{"k":1}'],
    ["TO_JSON(OBJECT_CONSTRUCT_KEEP_NULL('k', NULL))", '{"k":null}'],
    ["TO_JSON(ARRAY_CONSTRUCT(1, 'a\"b', NULL, 2.50, TRUE))", '[1,"a\\"b",undefined,2.5,true]'],
    ['TYPEOF(V:a)', 'OBJECT'],
    ['ARRAY_SIZE(V:a.b)', '2'],
    ["TO_VARIANT('x')", '"x"'],
    ["PARSE_JSON('')", null],
  ]);
  test('refused rather than wrong', async () => {
    expect(await db.error(`SELECT PARSE_JSON('{"a": 12345678901234567890123.4}'):a`)).toMatchObject({ code: '000002' });
    expect(await db.error(`SELECT PARSE_JSON('{a')`)).toMatchObject({ code: '100069' });
    expect(await db.error('SELECT TO_JSON(ID) FROM T')).toMatchObject({ code: '001044' });
    db.engine.assumptions.assume('array-null-json', 'null');
    expect(await db.cell('SELECT TO_JSON(ARRAY_CONSTRUCT(NULL))')).toBe('[null]');
    db.engine.assumptions.reset();
  });
});

describe('queries', () => {
  test('joins, USING, aggregates, subqueries, set operations, CTE, QUALIFY', async () => {
    const q = (sql: string): Promise<Cell[][]> => db.rows(sql);
    expect(await q('SELECT T.ID, W FROM T LEFT JOIN S ON T.ID = S.ID ORDER BY 1')).toEqual([
      ['1', 'w1'],
      ['2', null],
    ]);
    expect(
      await q('SELECT * EXCLUDE (NAME, AMOUNT, TS, TZ, V, F, BIN, D, TM, B) FROM T FULL JOIN S USING (ID) ORDER BY ID'),
    ).toEqual([
      ['1', 'w1'],
      ['2', null],
      ['3', 'w3'],
    ]);
    expect(
      await q(
        "SELECT COUNT(*), COUNT(NAME), SUM(T.ID), AVG(T.ID), MIN(W), LISTAGG(W, '|') WITHIN GROUP (ORDER BY W DESC) FROM T, S",
      ),
    ).toEqual([['4', '2', '6', '1.500000', 'w1', 'w3|w3|w1|w1']]);
    expect(await q('SELECT ID FROM T WHERE EXISTS (SELECT 1 FROM S WHERE S.ID = T.ID)')).toEqual([['1']]);
    expect(await q('SELECT ID, (SELECT MAX(W) FROM S WHERE S.ID = T.ID) AS M FROM T ORDER BY ID')).toEqual([
      ['1', 'w1'],
      ['2', null],
    ]);
    expect(await q("SELECT ID FROM T WHERE (ID, NAME) IN (SELECT ID, 'one' FROM S)")).toEqual([['1']]);
    expect(await q('SELECT ID FROM T UNION ALL SELECT ID FROM S ORDER BY 1')).toEqual([['1'], ['1'], ['2'], ['3']]);
    expect(await q('SELECT ID FROM T MINUS SELECT ID FROM S')).toEqual([['2']]);
    expect(
      await q(
        'WITH A AS (SELECT ID AS X FROM T), B (Y) AS (SELECT X + 1 FROM A) SELECT X, Y FROM A JOIN B ON X + 1 = Y ORDER BY X',
      ),
    ).toEqual([
      ['1', '2'],
      ['2', '3'],
    ]);
    expect(
      await q(
        'SELECT ID FROM (SELECT * FROM T UNION ALL SELECT * FROM T) QUALIFY ROW_NUMBER() OVER (PARTITION BY ID ORDER BY NAME) = 1 ORDER BY ID DESC',
      ),
    ).toEqual([['2'], ['1']]);
    expect(await q('SELECT NAME AS N, COUNT(*) AS C FROM T GROUP BY N HAVING C > 0 ORDER BY N NULLS FIRST')).toEqual([
      [null, '1'],
      ['one', '1'],
    ]);
    expect(await q("SELECT COLUMN1, COLUMN2 FROM VALUES (1, 'a'), (2, NULL) ORDER BY COLUMN1 DESC LIMIT 1")).toEqual([
      ['2', null],
    ]);
    expect(await q('SELECT V.X FROM (VALUES (1), (2)) AS V (X) ORDER BY X')).toEqual([['1'], ['2']]);
    expect(
      await q('SELECT ROW_NUMBER() OVER (ORDER BY SEQ8()) AS N FROM TABLE(GENERATOR(ROWCOUNT => 3)) ORDER BY N'),
    ).toEqual([['1'], ['2'], ['3']]);
    const flat = `SELECT F.VALUE[0]::VARCHAR, TO_JSON(F.VALUE) FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[["b\\\\"",1],[null],["a"]]'))) F`;
    expect(await q(`${flat} ORDER BY 2`)).toEqual([
      ['a', '["a"]'],
      ['b"', '["b\\"",1]'],
      [null, '[null]'],
    ]);
    expect(await q('SELECT T.ID, B.ID FROM T JOIN DB.PUBLIC.T AS B ON T.ID = B.ID + 1')).toEqual([['2', '1']]);
    expect(await q('SELECT DB.PUBLIC.T.ID, PUBLIC.T.ID FROM T WHERE T.ID = 1')).toEqual([['1', '1']]);
    expect(
      await q('SELECT HASH(ID) = HASH(ID), HASH(1) = HASH(2), COUNT(DISTINCT HASH(*)) FROM T GROUP BY 1, 2'),
    ).toEqual([['1', '0', '2']]);
  });

  test('what a generator of another dialect gets wrong', async () => {
    await db.run(
      'CREATE OR REPLACE TABLE X (A ARRAY, O OBJECT, N TIMESTAMP_NTZ(9), L TIMESTAMP_LTZ(3))',
      'TRUNCATE TABLE IF EXISTS X',
      'TRUNCATE IF EXISTS NOPE',
      'BEGIN NAME T1',
      'COMMIT',
    );
    expect((await db.rows('DESC TABLE X')).map((r) => r[1])).toEqual([
      'ARRAY',
      'OBJECT',
      'TIMESTAMP_NTZ(9)',
      'TIMESTAMP_LTZ(3)',
    ]);
    expect(
      await db.cell(
        'SELECT TO_JSON(OBJECT_CONSTRUCT(*)) FROM (SELECT ID, NAME, AMOUNT FROM T) ORDER BY ID DESC LIMIT 1',
      ),
    ).toBe('{"ID":2}');
    expect(await db.cell("SELECT TO_NUMBER('12345678901234567890123456789012345678')")).toBe(
      '12345678901234567890123456789012345678',
    );
    expect(await db.cell("SELECT 'abcdef'::STRING(5)")).toBe('abcde');
    expect(await db.rows("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('X'), SYSTEM$LAST_CHANGE_COMMIT_TIME('X')")).toEqual([
      [null, null],
    ]);
    expect((await db.result('SELECT ID, ID, 1 + 1, COUNT(*) OVER () FROM T')).columns.map((c) => c.name)).toEqual([
      'ID',
      'ID',
      '1 + 1',
      'COUNT(*) OVER ()',
    ]);
    const when = await db.rows('SELECT CURRENT_TIMESTAMP() = CURRENT_TIMESTAMP, CURRENT_DATE() = CURRENT_DATE');
    expect(when).toEqual([['1', '1']]);
    expect(await db.cell('SELECT MOD(ABS(HASH(ID)), 4) BETWEEN 0 AND 3 FROM T LIMIT 1')).toBe('1');
  });

  test('names: folded unless quoted, exact when quoted, both cases side by side', async () => {
    await db.run('CREATE OR REPLACE TABLE "Case" ("a" INT, "A" INT, b INT)', 'INSERT INTO "Case" VALUES (1, 2, 3)');
    expect((await db.result('SELECT "a", A, B AS "x y" FROM "Case"')).columns.map((c) => c.name)).toEqual([
      'a',
      'A',
      'x y',
    ]);
    expect(await db.rows('SELECT "a", a, "B" FROM "Case"')).toEqual([['1', '2', '3']]);
    expect(await db.error('SELECT "b" FROM "Case"')).toMatchObject({ code: '000904' });
    expect(await db.error('SELECT * FROM Case2')).toMatchObject({ code: '002003' });
    expect(await db.error('SELECT ID FROM T, S')).toMatchObject({
      code: '000940',
      message: expect.stringContaining("ambiguous column name 'ID'") as string,
    });
    await db.run('CREATE OR REPLACE TABLE "q""t.x" ("c""." INT)', 'INSERT INTO "q""t.x" VALUES (5)');
    expect(await db.cell('SELECT "c""." FROM DB.PUBLIC."q""t.x"')).toBe('5');
  });

  test('random values are one per row however often they are used', async () => {
    const rows = await db.rows(
      "SELECT R, TO_VARCHAR(R), U, TO_VARCHAR(U::FLOAT, 'TME') FROM (SELECT RANDOM() AS R, UNIFORM(1, 1000000, RANDOM()) AS U FROM TABLE(GENERATOR(ROWCOUNT => 50)))",
    );
    for (const [r, text, u, float] of rows) expect([r, Number(u)]).toEqual([text, Number(float)]);
    const [[a, b]] = (await db.rows('SELECT UUID_STRING() AS U, LENGTH(U)')) as [[string, string]];
    expect([a.length, b]).toEqual([36, '36']);
  });

  test('binds: ?, :1, typed, in IDENTIFIER, arrays', async () => {
    const text = (value: string | null): { type: string; value: string | null } => ({ type: 'TEXT', value });
    expect(await db.rows('SELECT ?, :2, :1', { 1: { type: 'FIXED', value: '-7' }, 2: text("it's") })).toEqual([
      ['-7', "it's", '-7'],
    ]);
    expect(await db.rows('SELECT ?::NUMBER + 1, ?', { 1: text('41'), 2: { type: 'BOOLEAN', value: 'true' } })).toEqual([
      ['42', '1'],
    ]);
    expect(
      await db.cell('SELECT COUNT(*) FROM IDENTIFIER(?) WHERE ID = ?', {
        1: text('DB.PUBLIC.T'),
        2: { type: 'FIXED', value: '1' },
      }),
    ).toBe('1');
    await db.run('CREATE OR REPLACE TABLE X (A INT, B VARCHAR, C VARIANT)');
    const arrays = { 1: { type: 'FIXED', value: ['1', '2'] }, 2: { type: 'TEXT', value: ['x', null] } };
    await db.rows('INSERT INTO X (A, B) VALUES (?, ?)', arrays);
    await db.rows('INSERT INTO X (A, C) SELECT ?, PARSE_JSON(?)', {
      1: { type: 'FIXED', value: '3' },
      2: text('{"k": 1}'),
    });
    expect(await db.rows('SELECT * FROM X ORDER BY A')).toEqual([
      ['1', 'x', null],
      ['2', null, null],
      ['3', null, '{"k":1}'],
    ]);
    expect(await db.error('SELECT ?')).toMatchObject({ code: '002049' });
  });

  test('defaults, NOT NULL, lengths, identity, casts on the way in', async () => {
    await db.run(
      "CREATE OR REPLACE TABLE X (I INT AUTOINCREMENT START 10 INCREMENT 5, A INT DEFAULT 7, B VARCHAR(3) NOT NULL DEFAULT 'b', N NUMBER(4,1))",
    );
    await db.run(
      "INSERT INTO X (N) VALUES (1.25), ('2.5')",
      "INSERT INTO X (A, B) VALUES (DEFAULT, 'c'), (NULL, DEFAULT)",
      "UPDATE X SET A = DEFAULT WHERE A IS NULL AND B = 'b'",
    );
    expect(await db.rows('SELECT * FROM X ORDER BY I')).toEqual([
      ['10', '7', 'b', '1.3'],
      ['15', '7', 'b', '2.5'],
      ['20', '7', 'c', null],
      ['25', '7', 'b', null],
    ]);
    expect(await db.error("INSERT INTO X (B) VALUES ('long')")).toMatchObject({
      code: '100078',
      message: "String 'long' is too long and would be truncated",
    });
    expect(await db.error("INSERT INTO X (B) SELECT W || 'long' FROM S")).toMatchObject({ code: '100078' });
    expect(await db.error('INSERT INTO X (B) VALUES (NULL)')).toMatchObject({
      code: '100072',
      message: 'NULL result in a non-nullable column B',
    });
    expect(await db.error('INSERT INTO X (N) VALUES (12345)')).toMatchObject({ state: '22003' });
    expect(await db.error('INSERT INTO X (A, B) VALUES (1)')).toMatchObject({ code: '002020' });
    expect(await db.error("INSERT INTO X (A) SELECT '2024-01-01'::DATE")).toMatchObject({ code: '002023' });
  });

  test('UPDATE FROM, DELETE USING', async () => {
    await db.run(
      'CREATE OR REPLACE TABLE X AS SELECT ID, W FROM S',
      "UPDATE X SET W = Y.V || X.W FROM (SELECT 1 AS I, 'n' AS V) Y WHERE X.ID = Y.I",
    );
    expect(await db.rows('SELECT W FROM X ORDER BY ID')).toEqual([['nw1'], ['w3']]);
    await db.run("DELETE FROM X USING S WHERE X.ID = S.ID AND S.W = 'w3'");
    expect(await db.rows('SELECT W FROM X')).toEqual([['nw1']]);
  });

  test('primary keys are shown in their order, to who sees the tables; grants on a schema hold for later tables, too', async () => {
    await db.run(
      'CREATE DATABASE KEYS',
      'CREATE TABLE KEYS.PUBLIC.T (A INT, B INT, C INT, PRIMARY KEY (C, A))',
      'CREATE TABLE KEYS.PUBLIC.U (ID INT PRIMARY KEY)',
      'CREATE TABLE KEYS.PUBLIC.NONE (ID INT)',
    );
    const keys = async (rest: string) =>
      (await db.rows(`SHOW PRIMARY KEYS ${rest}`)).map((row) => `${row[3]}.${row[4]} ${row[5]}`);
    expect(await keys('IN SCHEMA KEYS.PUBLIC')).toEqual(['T.C 1', 'T.A 2', 'U.ID 1']);
    expect(await keys('IN TABLE KEYS.PUBLIC.U')).toEqual(['U.ID 1']);
    expect(await keys('IN KEYS.PUBLIC.U')).toEqual(['U.ID 1']);
    await db.run(
      'CREATE ROLE LISTER',
      'GRANT USAGE ON DATABASE KEYS TO ROLE LISTER',
      'GRANT USAGE ON SCHEMA KEYS.PUBLIC TO ROLE LISTER',
      'GRANT SELECT ON FUTURE TABLES IN SCHEMA KEYS.PUBLIC TO ROLE LISTER',
      'GRANT ROLE LISTER TO USER U',
    );
    const lister = await openSession(db.engine, 'U', 'LISTER');
    const seen = async () => (await lister.rows('SHOW TABLES IN SCHEMA KEYS.PUBLIC')).map((row) => row[1]);
    expect(await seen()).toEqual([]);
    await db.run('CREATE TABLE KEYS.PUBLIC.LATER (ID INT)', 'CREATE OR REPLACE TABLE KEYS.PUBLIC.NONE (ID INT)');
    expect(await seen()).toEqual(['LATER', 'NONE']);
    await db.run('GRANT SELECT ON ALL TABLES IN SCHEMA KEYS.PUBLIC TO ROLE LISTER');
    expect(await seen()).toEqual(['LATER', 'NONE', 'T', 'U']);
    expect((await lister.rows('SELECT * FROM KEYS.PUBLIC.LATER')).length).toBe(0);
    expect(await db.error('GRANT INSERT ON ALL TABLES IN SCHEMA KEYS.PUBLIC TO ROLE LISTER')).toMatchObject({
      code: '000002',
    });
    await db.run('DROP DATABASE KEYS');
  });

  test('catalog statements', async () => {
    await db.run(
      'CREATE DATABASE IF NOT EXISTS D2',
      'CREATE SCHEMA D2.S1',
      'CREATE TABLE A (X INT)',
      'USE SCHEMA DB.PUBLIC',
    );
    expect(await db.cell('SELECT COUNT(*) FROM D2.S1.A')).toBe('0');
    expect((await db.rows('SHOW SCHEMAS IN DATABASE D2')).map((r) => r[1])).toEqual(['PUBLIC', 'S1']);
    expect((await db.rows("SHOW DATABASES LIKE 'd%'")).map((r) => r[1])).toEqual(['D2', 'DB']);
    expect((await db.rows('SHOW TABLES IN DATABASE D2')).map((r) => r[1])).toEqual(['A']);
    await db.run(
      'CREATE TABLE IF NOT EXISTS D2.S1.A (Y INT)',
      'CREATE TABLE LIKED LIKE D2.S1.A',
      'DROP SCHEMA D2.S1',
      'UNDROP SCHEMA D2.S1',
      'DROP DATABASE D2',
      'UNDROP DATABASE D2',
    );
    expect(await db.rows('SELECT X FROM D2.S1.A UNION ALL SELECT X FROM LIKED')).toEqual([]);
    expect(await db.error('CREATE TABLE D2.S1.A (Y INT)')).toMatchObject({ code: '002002', state: '42710' });
    expect(await db.error('DROP TABLE D2.S1.NOPE')).toMatchObject({ code: '002003' });
    await db.run('DROP TABLE IF EXISTS D2.S1.NOPE', 'DROP DATABASE D2');
    expect(await db.error('USE DATABASE D2')).toMatchObject({ code: '002043' });
    expect(await db.error("ALTER SESSION SET QUERY_TAG = 'set', NO_SUCH = 1")).toMatchObject({ code: '001420' });
    expect(db.session.parameters.get('QUERY_TAG')).toBeUndefined();
    expect(await db.error('ALTER SESSION SET ROWS_PER_RESULTSET = 5')).toMatchObject({ code: '001008' });
    await db.run('ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE');
    expect(await db.rows('SELECT "x" FROM (SELECT 1 AS "X")')).toEqual([['1']]);
    await db.run('ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE');
    expect(await db.error('SELECT "x" FROM (SELECT 1 AS "X")')).toMatchObject({ code: '000904' });
    expect(
      await db.rows(
        'SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_ROLE(), CURRENT_USER(), CURRENT_WAREHOUSE(), CURRENT_ACCOUNT()',
      ),
    ).toEqual([['DB', 'PUBLIC', 'R', 'TESTER', 'WH', 'LOCAL']]);
  });
});

describe('the list is closed', () => {
  const refused: [sql: string, code: string][] = [
    ['CREATE STREAM S1 ON VIEW T', '002003'],
    ['CREATE STREAM S1 ON EXTERNAL TABLE T INSERT_ONLY = TRUE', '002003'],
    ['CREATE STREAM S1 ON TABLE T INSERT_ONLY = TRUE', '000002'],
    ['CREATE STREAM S1 ON STAGE T', '002003'],
    ['ALTER STREAM S1 SET COMMENT = $$x$$', '000002'],
    ['CREATE MATERIALIZED VIEW W AS SELECT ID FROM T', '000002'],
    ['CREATE SECURE VIEW W AS SELECT ID FROM T', '000002'],
    ['CREATE TEMPORARY TABLE X (A INT)', '000002'],
    ['CREATE TABLE X (A INT) CLUSTER BY (A)', '000002'],
    ['CREATE TABLE X (A INT) ROW_TIMESTAMP = TRUE', '000002'],
    ['CREATE TABLE X (A GEOGRAPHY)', '000002'],
    ['CREATE TABLE X (A INT) NONSENSE', '001003'],
    ['CALL SYSTEM$WAIT(1)', '000002'],
    [`INSERT INTO T (V) VALUES (PARSE_JSON('1'))`, '002014'],
    ['UPDATE T SET NAME = TO_VARCHAR(UNIFORM(1, 2, RANDOM())::FLOAT)', '000002'],
    ['EXECUTE IMMEDIATE $$ BEGIN RETURN 1; END $$', '000002'],
    ['BEGIN LET X := 1; END', '000002'],
    ['SELECT * FROM T, LATERAL FLATTEN(INPUT => V)', '000002'],
    ['SELECT * FROM T SAMPLE (10)', '000002'],
    ['SELECT * FROM T PIVOT (SUM(ID) FOR NAME IN (1))', '000002'],
    ['SELECT TOP 1 * FROM T', '000002'],
    ['SELECT * FROM T NATURAL JOIN S', '000002'],
    ['SELECT * FROM @STAGE', '000002'],
    ['WITH RECURSIVE A AS (SELECT 1) SELECT * FROM A', '000002'],
    ["SELECT TO_CHAR(ID, '999') FROM T", '000002'],
    ["SELECT TO_VARCHAR(TS, 'YYYY-Q') FROM T", '000002'],
    ["SELECT REGEXP_REPLACE(NAME, 'a') FROM T", '002140'],
    ['SELECT COUNT(*) FROM T GROUP BY CUBE (ID)', '000002'],
    ['SELECT ID FROM T FOR UPDATE', '001003'],
    ['SELECT ID ID2 ID3 FROM T', '001003'],
    ['SELECT FROM T', '001003'],
    ['SELECT 1 +', '001003'],
    ['UPDATE T SET ID = 1 LIMIT 1', '001003'],
    ['DELETE T', '001003'],
    ['SELECT LAG(ID) FROM T', '001008'],
    ['SELECT SUM(NAME || ID) OVER (ORDER BY ID ROWS 1) FROM T', '001003'],
    ['ALTER TABLE T ADD PRIMARY KEY (ID)', '000002'],
    ['ALTER TABLE T ALTER COLUMN ID SET DATA TYPE VARCHAR', '002108'],
    ['ALTER TABLE T ALTER COLUMN AMOUNT SET DATA TYPE NUMBER(12,1)', '002108'],
    ['GRANT OWNERSHIP ON TABLE T TO ROLE R', '000002'],
    ["SELECT INTERVAL '1 day'", '000002'],
    ["SELECT 'unclosed", '001003'],
    ['SELECT COUNT(*) FILTER (WHERE ID > 1) FROM T', '001003'],
    ['SELECT 1; SELECT 2', '000008'],
    ['', '001003'],
  ];
  test.each(refused)('%s', async (sql, code) => {
    const tables = await db.rows('SHOW TABLES');
    expect(await db.error(sql)).toMatchObject({ code });
    expect(await db.rows('SHOW TABLES')).toEqual(tables);
  });

  test('of two statements nothing runs', async () => {
    const error = await db.error("INSERT INTO S VALUES (9, 'x'); SELECT ';'");
    expect(error.message).toBe('Actual statement count 2 did not match the desired statement count 1.');
    expect(await db.cell('SELECT COUNT(*) FROM S')).toBe('2');
    expect(await db.cell('SELECT 1;')).toBe('1');
  });

  test('nothing of IDENTIFIER() ... CHANGES is dropped', async () => {
    const t0 = await db.instant();
    await db.run('INSERT INTO T (ID) VALUES (50)');
    const t1 = await db.instant();
    const sql = `SELECT ID FROM IDENTIFIER(?) CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0}) END(TIMESTAMP => ${t1})`;
    expect(await db.rows(sql, { 1: { type: 'TEXT', value: 'T' } })).toEqual([['50']]);
    await db.run('DELETE FROM T WHERE ID = 50');
  });
});
