/** Statements of query sources: their very text, and that nothing else can get into it. */
import { expect, test } from 'vitest';
import type { StageRequest } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Column, Cursor, Layout, QueryCut } from '../../lambdas/protocol/window.ts';
import { measureStatement, stageStatement } from '../../lambdas/snowflake/sql/query.ts';
import { scanStatement } from '../../lambdas/snowflake/sql/scan.ts';

const column = (name: string, type: string, scale: number | null = null): Column => ({
  name,
  type,
  precision: null,
  scale,
  nullable: true,
});
const columns = [column('ID', 'NUMBER', 0), column('NAME', 'VARCHAR'), column('AT', 'TIMESTAMP_TZ')];
const copy = (name: string) => ({ database: 'DB', schema: 'ST"G', name });
const layoutOf = (query: Partial<QueryCut>): Layout => ({
  number: 1,
  deployment: 1,
  partitions: 2,
  object: copy('s'),
  information: 'APPEND_ONLY',
  key: ['ID'],
  topic: 't',
  topicPartitions: 1,
  query: { text: 'SELECT * FROM T -- all', mode: 'timestamp', cursor: 'AT', lag: 90_000, watch: [], ...query },
});
const cursor: Cursor = { value: '2026-01-02 03:04:05.123456789', floor: '2026-01-02 00:00:00.000000000', nulls: 1 };
const request = (query: Partial<QueryCut> = {}, since: StageRequest['since'] = null): StageRequest => ({
  table: copy('NEW'),
  layout: layoutOf(query),
  since,
  comment: "it's",
});

test('a copy', () => {
  const begin = `CREATE TRANSIENT TABLE "DB"."ST""G"."NEW" DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = 'it''s' AS
SELECT * FROM (
SELECT * FROM T -- all
)`;
  expect(stageStatement(request())).toBe(begin);
  const since = { column: columns[2]!, cursor, undated: copy('OLD') };
  expect(stageStatement(request({}, since))).toBe(
    `${begin}
WHERE "AT" >= GREATEST(DATEADD('MILLISECOND', -90000, '2026-01-02 03:04:05.123456789 +00:00'::TIMESTAMP_LTZ), '2026-01-02 00:00:00.000000000 +00:00'::TIMESTAMP_LTZ) OR "AT" IS NULL OR "ID" IN (SELECT "ID" FROM "DB"."ST""G"."OLD" WHERE "AT" IS NULL)`,
  );
});

test.each([
  [column('AT', 'DATE'), '2026-01-02', `DATEADD('DAY', -2, '2026-01-02'::DATE)`],
  [column('AT', 'TIMESTAMP_NTZ'), cursor.value, `DATEADD('MILLISECOND', -90000000, '${cursor.value}'::TIMESTAMP_NTZ)`],
  [column('AT', 'NUMBER', 2), '-7.25', `'-7.25'::NUMBER(38,2) - 90000000`],
])('the lag in the cursor’s own measure: %#', (of, value, text) => {
  const since = { column: of, cursor: { value, floor: null, nulls: 0 }, undated: null };
  const statement = stageStatement(request({ lag: 90_000_000 }, since));
  expect(statement).toContain(`WHERE "AT" >= ${text} OR "AT" IS NULL`);
});

test('what a copy is measured by', () => {
  const since = { column: columns[2]!, cursor: { ...cursor, floor: null }, undated: null };
  const text = measureStatement(request({ lag: 0 }, since), columns, '2026-01-02T04:00:00.000Z');
  const before = `'${cursor.value} +00:00'::TIMESTAMP_LTZ`;
  const seen = `MAX(IFF("AT"::TIMESTAMP_LTZ <= '2026-01-02 04:00:00.000000000 +00:00'::TIMESTAMP_LTZ, "AT"::TIMESTAMP_LTZ, NULL))`;
  const asText = (value: string) => `TO_VARCHAR(CONVERT_TIMEZONE('UTC', ${value}), 'YYYY-MM-DD HH24:MI:SS.FF9')`;
  expect(text).toBe(
    `SELECT TO_VARCHAR(COUNT(*)) AS "N", ${asText(`COALESCE(GREATEST(${seen}, ${before}), ${before})`)} AS "V", ` +
      `${asText(before)} AS "F", TO_VARCHAR(COUNT(*) - COUNT("AT")) AS "U" FROM "DB"."ST""G"."NEW"`,
  );
});

test('a window: what differs, texts by their bytes; a column that was not there is NULL', () => {
  const staged = { table: copy('NEW'), base: { table: copy('OLD'), columns: [columns[0]!, columns[1]!] } };
  const bounds = { kind: 'changes' as const, columns, from: null, to: '2026-01-02T04:00:00.000Z' };
  const text = scanStatement({ ...bounds, layout: layoutOf({ mode: 'bulk', cursor: null }), staged });
  const bytes = `MD5(TO_JSON(ARRAY_CONSTRUCT("NAME"))) AS "V"`;
  const key = `TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR("ID"))) AS "K", TO_VARCHAR("ID") AS "C0", "NAME" AS "C1"`;
  expect(text).toBe(
    `WITH "IS" AS (SELECT "K", "C0", "C1", "C2", "V" FROM (SELECT ${key}, TO_VARCHAR("AT", 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM') AS "C2", ${bytes} FROM "DB"."ST""G"."NEW")),
"WAS" AS (SELECT "K", "C0", "C1", "C2", "V" FROM (SELECT ${key}, CAST(NULL AS VARCHAR) AS "C2", ${bytes} FROM "DB"."ST""G"."OLD"))
SELECT "C0", "C1", "C2", "K", "A", NULL AS "R", TO_VARCHAR(MOD(MD5_NUMBER_LOWER64("K"), 2)) AS "B"
FROM (SELECT "K", "C0", "C1", "C2", "V", 'INSERT' AS "A" FROM (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS")
UNION ALL SELECT "K", "C0", "C1", "C2", "V", 'DELETE' AS "A" FROM (SELECT * FROM "WAS" EXCEPT SELECT * FROM "IS")
)
ORDER BY MOD(MD5_NUMBER_LOWER64("K"), 2), TO_BINARY("K", 'UTF-8'), "A", "V", "C0", "C1", "C2"`,
  );
});

test('a text that is no SELECT, or a cursor that is none, gets into no statement', () => {
  for (const text of ['SELECT 1) ; DROP TABLE T --', "SELECT '", 'DELETE FROM T', 'SELECT 1; SELECT 2'])
    expect(() => stageStatement(request({ text }))).toThrow(expect.objectContaining({ code: 'QUERY_INVALID' }));
  for (const value of ["1' OR '1'='1", '', '1e5', '2026-01-02'])
    for (const floor of [null, value]) {
      const at = floor === null ? value : cursor.value;
      const since = { column: columns[2]!, cursor: { value: at, floor, nulls: 0 }, undated: null };
      expect(() => stageStatement(request({}, since))).toThrow(expect.objectContaining({ code: 'STATE_DISAGREES' }));
    }
});
