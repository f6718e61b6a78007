/** The statements' very text: a window is read again by it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Column, Layout } from '../../lambdas/protocol/window.ts';
import type { ScanRequest } from '../../lambdas/protocol/ports/snowflake.ts';
import { casts } from '../../lambdas/snowflake/sql/casts.ts';
import { identifier, literal, pattern, timestamp } from '../../lambdas/snowflake/sql/literals.ts';
import { keysStatement } from '../../lambdas/snowflake/sql/keys.ts';
import { copyStatement, scanStatement } from '../../lambdas/snowflake/sql/scan.ts';
import {
  describeStatement,
  gateStatement,
  pinStatement,
  rangesStatement,
  showStatement,
} from '../../lambdas/snowflake/sql/statements.ts';

const layout: Layout = {
  number: 1,
  deployment: 1,
  partitions: 4,
  object: { database: 'DB', schema: 'PUBLIC', name: 'FLIGHTS' },
  information: 'DEFAULT',
  key: ['ID'],
  topic: 'flights',
  topicPartitions: 6,
};
const column = (name: string, type: string): Column => ({ name, type, precision: null, scale: null, nullable: true });
const request: ScanRequest = {
  kind: 'changes',
  layout,
  columns: [column('ID', 'NUMBER'), column('CARRIER', 'VARCHAR')],
  from: '2026-01-02T03:04:05.678Z',
  to: '2026-01-02T03:05:00.000Z',
};

test('a scan of changes', () => {
  expect(scanStatement(request)).toBe(
    `SELECT "C0", "C1", "K", "A", "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), 4)) AS "B"
FROM (SELECT TO_VARCHAR("ID") AS "C0", "CARRIER" AS "C1", TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID"))) AS "K", METADATA$ACTION AS "A", METADATA$ROW_ID AS "R"
FROM "DB"."PUBLIC"."FLIGHTS" CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => '2026-01-02 03:04:05.678 +00:00'::TIMESTAMP_TZ) END(TIMESTAMP => '2026-01-02 03:05:00.000 +00:00'::TIMESTAMP_TZ))
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), 4), TO_BINARY("K", 'UTF-8'), "A", "R"`,
  );
});

test('a scan of a snapshot orders by every column, having no row id', () => {
  expect(scanStatement({ ...request, kind: 'snapshot', from: null })).toBe(
    `SELECT "C0", "C1", "K", "A", "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), 4)) AS "B"
FROM (SELECT TO_VARCHAR("ID") AS "C0", "CARRIER" AS "C1", TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID"))) AS "K", 'INSERT' AS "A", NULL AS "R"
FROM "DB"."PUBLIC"."FLIGHTS" AT(TIMESTAMP => '2026-01-02 03:05:00.000 +00:00'::TIMESTAMP_TZ))
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), 4), TO_BINARY("K", 'UTF-8'), "A", "C0", "C1"`,
  );
});

test('a snapshot of a large table: the copy, sorted by keys as they are, and the window over it', () => {
  const { columns, to } = request;
  const shape = {
    ...{ include: null, exclude: [], computed: [], skip: [] },
    where: `CARRIER <> 'X'`,
    masks: [{ column: 'ID', mask: { kind: 'hash' as const } }],
  };
  const table = { database: 'DB', schema: 'STAGING', name: 'COPY"1' };
  const shaped = { ...layout, shape };
  expect(copyStatement({ table, layout: shaped, columns, to, comment: `it's` })).toBe(
    `CREATE TRANSIENT TABLE "DB"."STAGING"."COPY""1" DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = 'it''s' AS
SELECT * FROM (SELECT * FROM "DB"."PUBLIC"."FLIGHTS" AT(TIMESTAMP => '2026-01-02 03:05:00.000 +00:00'::TIMESTAMP_TZ) WHERE (CARRIER <> 'X'))
ORDER BY MOD(MD5_NUMBER_LOWER64(TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID")))), 4), TO_BINARY(TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID"))), 'UTF-8')`,
  );
  expect(
    scanStatement({ ...request, layout: shaped, kind: 'snapshot', from: null, staged: { table, base: null } }),
  ).toBe(
    `SELECT "C0", "C1", "K", "A", "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), 4)) AS "B"
FROM (SELECT SHA2(:1 || TO_VARCHAR("ID")) AS "C0", "CARRIER" AS "C1", TO_JSON(ARRAY_CONSTRUCT(SHA2(:1 || TO_VARCHAR("ID")))) AS "K", 'INSERT' AS "A", NULL AS "R"
FROM "DB"."STAGING"."COPY""1")
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), 4), TO_BINARY("K", 'UTF-8'), "A", "C0", "C1"`,
  );
});

test('a repair of listed keys: they come out of a result, and none of them stands in a text', () => {
  const { to } = request;
  const columns = [column('ID', 'NUMBER'), { ...column('AT', 'DATE'), nullable: false }, column('na"me', 'VARCHAR')];
  const composite = { ...layout, key: ['na"me', 'ID'] };
  const keyed = { kind: 'repair', layout: composite, columns, from: to, to } as const;
  expect(scanStatement({ ...keyed, keys: "01'" })).toBe(
    `WITH "D" AS (SELECT DISTINCT "K", "P0", "P1" FROM TABLE(RESULT_SCAN('01'''))),
"T" AS (SELECT TO_VARCHAR("ID") AS "C0", TO_VARCHAR("AT", 'YYYY-MM-DD') AS "C1", "na""me" AS "C2", TO_JSON(ARRAY_CONSTRUCT("na""me", TO_VARCHAR("ID"))) AS "K" FROM "DB"."PUBLIC"."FLIGHTS" AT(TIMESTAMP => '2026-01-02 03:05:00.000 +00:00'::TIMESTAMP_TZ)),
"S" AS (SELECT "C0", "C1", "C2", "K", 'INSERT' AS "A", NULL AS "R" FROM "T" WHERE "K" IN (SELECT "K" FROM "D")),
"G" AS (SELECT "P1" AS "C0", '1970-01-01' AS "C1", "P0" AS "C2", "K", 'DELETE KEY' AS "A", NULL AS "R" FROM "D" WHERE "K" NOT IN (SELECT "K" FROM "S"))
SELECT "C0", "C1", "C2", "K", "A", "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), 4)) AS "B"
FROM (SELECT * FROM "S" UNION ALL SELECT * FROM "G")
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), 4), TO_BINARY("K", 'UTF-8'), "A", "R", "C0", "C1", "C2"`,
  );
  expect(keysStatement(2)).toBe(
    `SELECT TO_JSON(ARRAY_CONSTRUCT("P0", "P1")) AS "K", "P0", "P1"
FROM (SELECT "F"."VALUE"[0]::VARCHAR AS "P0", "F"."VALUE"[1]::VARCHAR AS "P1" FROM TABLE(FLATTEN(INPUT => PARSE_JSON(:1))) "F")`,
  );
  const shape = { include: null, exclude: [], computed: [], where: 'A > 1', masks: [], skip: ['delete' as const] };
  const silent = scanStatement({ ...keyed, layout: { ...composite, shape }, keys: '01' });
  expect(silent).not.toContain('DELETE');
  expect(silent).toContain('WHERE (A > 1)');
});

test('rows for which a condition holds are read as a snapshot is, within what is configured', () => {
  const shape = { include: null, exclude: [], computed: [], where: 'A OR B', masks: [], skip: [] };
  const some = { ...request, kind: 'repair', from: request.to, layout: { ...layout, shape }, where: 'C OR D' } as const;
  const text = scanStatement(some);
  expect(text).toContain(
    `AT(TIMESTAMP => '2026-01-02 03:05:00.000 +00:00'::TIMESTAMP_TZ) WHERE (A OR B) AND (C OR D)))`,
  );
  expect(text).toContain(`'INSERT' AS "A"`);
});

test('the casts', () => {
  expect(Object.fromEntries(Object.entries(casts).map(([type, cast]) => [type, cast('"X"')]))).toEqual({
    VARCHAR: `"X"`,
    NUMBER: `TO_VARCHAR("X")`,
    FLOAT: `TO_VARCHAR("X", 'TME')`,
    BOOLEAN: `TO_VARCHAR("X")`,
    DATE: `TO_VARCHAR("X", 'YYYY-MM-DD')`,
    TIME: `TO_VARCHAR("X", 'HH24:MI:SS.FF9')`,
    TIMESTAMP_NTZ: `TO_VARCHAR("X", 'YYYY-MM-DD"T"HH24:MI:SS.FF9')`,
    TIMESTAMP_LTZ: `TO_VARCHAR(CONVERT_TIMEZONE('UTC', "X"), 'YYYY-MM-DD"T"HH24:MI:SS.FF9"Z"')`,
    TIMESTAMP_TZ: `TO_VARCHAR("X", 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM')`,
    BINARY: `TO_VARCHAR("X", 'BASE64')`,
    VARIANT: `TO_JSON("X")`,
    OBJECT: `TO_JSON("X")`,
    ARRAY: `TO_JSON("X")`,
    MAP: `TO_JSON("X"::VARIANT)`,
    STRUCTURED_OBJECT: `TO_JSON("X"::VARIANT)`,
    STRUCTURED_ARRAY: `TO_JSON("X"::VARIANT)`,
    VECTOR: `TO_JSON("X"::ARRAY)`,
    DECFLOAT: `TO_VARCHAR("X")`,
    UUID: `TO_VARCHAR("X")`,
    GEOGRAPHY: `TO_VARCHAR(ST_ASEWKB("X"), 'BASE64')`,
    GEOMETRY: `TO_VARCHAR(ST_ASEWKB("X"), 'BASE64')`,
  });
});

test('the small statements', () => {
  const object = { database: 'DB', schema: 'PUBLIC', name: `A_"b'%` };
  expect(gateStatement([layout.object, object])).toBe(
    `SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3') AS "now", ` +
      `SYSTEM$LAST_CHANGE_COMMIT_TIME('"DB"."PUBLIC"."FLIGHTS"') AS "t0", ` +
      `SYSTEM$LAST_CHANGE_COMMIT_TIME('"DB"."PUBLIC"."A_""b''%"') AS "t1"`,
  );
  expect(showStatement(object)).toBe(`SHOW TABLES LIKE 'A\\\\_"b''\\\\%' IN SCHEMA "DB"."PUBLIC"`);
  expect(describeStatement(object)).toBe(`DESCRIBE TABLE "DB"."PUBLIC"."A_""b'%"`);
  expect(rangesStatement('01baf79b-0108-1a60-0000-01110354a6ce')).toBe(
    `SELECT "B", TO_VARCHAR(COUNT(*)) AS "N", TO_VARCHAR(HASH_AGG(*)) AS "H" ` +
      `FROM TABLE(RESULT_SCAN('01baf79b-0108-1a60-0000-01110354a6ce')) GROUP BY "B" ORDER BY TO_NUMBER("B")`,
  );
  expect(pinStatement("a'b")).toBe(
    `ALTER SESSION SET TIMEZONE = 'UTC', QUERY_TAG = 'a''b', STATEMENT_TIMEOUT_IN_SECONDS = 3600, AUTOCOMMIT = TRUE, ` +
      `ABORT_DETACHED_QUERY = FALSE, CLIENT_RESULT_CHUNK_SIZE = 16, USE_CACHED_RESULT = FALSE, ` +
      `QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE, ROWS_PER_RESULTSET = 0`,
  );
});

/** What literals and patterns escape, in every mixture. */
const escapes = fc.string({ unit: fc.constantFrom('\\', '%', '_', "'", '"', 'a'), minLength: 1, maxLength: 10 });

test('names and literals never end early', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ minLength: 1, maxLength: 40 }), escapes), (text) => {
      fc.pre(!text.includes('\0'));
      expect(identifier(text).slice(1, -1).replaceAll('""', '')).not.toContain('"');
      const inside = literal(text).slice(1, -1).replaceAll('\\\\', '').replaceAll("''", '');
      expect(inside).not.toMatch(/['\\]/);
      // As LIKE gets it, once the literal is read; then without what is escaped for LIKE.
      const like = pattern(text).slice(1, -1).replaceAll('\\\\', '\\').replaceAll("''", "'");
      expect(like.replaceAll(/\\[\\%_]/g, '')).not.toMatch(/[%_\\]/);
      expect(like.replaceAll(/\\([\\%_])/g, '$1')).toBe(text);
    }),
  );
  expect(() => identifier('')).toThrow();
  expect(() => identifier('a\0b')).toThrow();
});

test.each(['2026-01-02', "2026-01-02T03:04:05.678Z'", '2026-01-02T03:04:05Z', '2026-13-02T03:04:05.678Z', 'now'])(
  'refuses %s as a bound',
  (text) => expect(() => timestamp(text)).toThrow(),
);

test('refuses what can not be scanned', () => {
  const scan = (change: Partial<ScanRequest>) => () => scanStatement({ ...request, ...change });
  const keyed = (type: string) => ({ columns: [column('ID', type)] });
  const unsupported = (message: RegExp) =>
    expect.objectContaining({ code: 'TYPE_UNSUPPORTED', message: expect.stringMatching(message) as string }) as Error;
  const odd = [column('ID', 'NUMBER'), column('F', 'FILE'), column('I', 'INTERVAL')];
  expect(scan({ columns: odd })).toThrow(unsupported(/F \(FILE\), I \(INTERVAL\)/));
  const places = [column('ID', 'NUMBER'), column('G', 'GEOGRAPHY'), column('M', 'GEOMETRY')];
  expect(scan({ columns: places })).toThrow(unsupported(/append-only.*G \(GEOGRAPHY\), M \(GEOMETRY\)/));
  expect(scan({ columns: places, layout: { ...layout, information: 'APPEND_ONLY' } })).not.toThrow();
  expect(scan({ columns: [column('OTHER', 'NUMBER')] })).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  expect(scan(keyed('VARIANT'))).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  expect(scan({ layout: { ...layout, key: [] } })).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  expect(scan({ from: null })).toThrow();
  expect(scan({ from: request.to })).toThrow();
});
