// How the product turns every column into text: lossless, NULL stays NULL, the same text on every account.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Account } from './account.ts';
import { openAccount } from './account.ts';

let account: Account;
let tables = 0;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

/** Stores each value (as SQL) in a column of the type and answers what the cast gives, in order. */
async function through(type: string, cast: string, values: string[]): Promise<(string | null)[]> {
  const table = account.table(`V${++tables}`);
  await account.sql(`CREATE TABLE ${table} (N NUMBER(38,0), C ${type})`);
  for (const [i, value] of values.entries()) await account.sql(`INSERT INTO ${table} SELECT ${i}, ${value}`);
  const { rows } = await account.sql(`SELECT ${cast} AS "C0" FROM ${table} ORDER BY N`);
  return rows.map((row) => row[0]!);
}

type Case = { type: string; cast: string; values: [sql: string, text: string | null][] };

const cases: Case[] = [
  {
    type: 'VARCHAR',
    cast: '"C"',
    values: [
      ["''", ''],
      ["'NULL'", 'NULL'],
      ["'é € 😀 \" '' \\\\ \\n\\t'", 'é € 😀 " \' \\ \n\t'],
      ['NULL', null],
    ],
  },
  {
    type: 'NUMBER(38,0)',
    cast: 'TO_VARCHAR("C")',
    values: [
      ['99999999999999999999999999999999999999', '99999999999999999999999999999999999999'],
      ['-1', '-1'],
      ['0', '0'],
      ['9007199254740993', '9007199254740993'],
      ['NULL', null],
    ],
  },
  {
    type: 'NUMBER(20,5)',
    cast: 'TO_VARCHAR("C")',
    values: [
      ['1.5', '1.50000'],
      ['-0.00001', '-0.00001'],
      ['123456789012345.12345', '123456789012345.12345'],
      ['0', '0.00000'],
    ],
  },
  {
    type: 'FLOAT',
    cast: `TO_VARCHAR("C", 'TME')`,
    values: [
      ["'inf'::FLOAT", 'inf'],
      ["'-inf'::FLOAT", '-inf'],
      ["'NaN'::FLOAT", 'NaN'],
      ['1.5::FLOAT', '1.5E0'],
      ['NULL', null],
    ],
  },
  {
    type: 'BOOLEAN',
    cast: 'TO_VARCHAR("C")',
    values: [
      ['TRUE', 'true'],
      ['FALSE', 'false'],
      ['NULL', null],
    ],
  },
  {
    type: 'DATE',
    cast: `TO_VARCHAR("C", 'YYYY-MM-DD')`,
    values: [
      ["'2026-02-28'::DATE", '2026-02-28'],
      ["'0001-01-01'::DATE", '0001-01-01'],
      ["'9999-12-31'::DATE", '9999-12-31'],
      ["'1969-12-31'::DATE", '1969-12-31'],
      ['NULL', null],
    ],
  },
  {
    type: 'TIME',
    cast: `TO_VARCHAR("C", 'HH24:MI:SS.FF9')`,
    values: [
      ["'00:00:00'::TIME", '00:00:00.000000000'],
      ["'23:59:59.999999999'::TIME", '23:59:59.999999999'],
      ['NULL', null],
    ],
  },
  {
    type: 'TIMESTAMP_NTZ',
    cast: `TO_VARCHAR("C", 'YYYY-MM-DD"T"HH24:MI:SS.FF9')`,
    values: [
      ["'2026-01-02 03:04:05.123456789'::TIMESTAMP_NTZ", '2026-01-02T03:04:05.123456789'],
      ["'1969-12-31 23:59:59.999999999'::TIMESTAMP_NTZ", '1969-12-31T23:59:59.999999999'],
      ["'0001-01-01 00:00:00'::TIMESTAMP_NTZ", '0001-01-01T00:00:00.000000000'],
      ["'9999-12-31 23:59:59.999999999'::TIMESTAMP_NTZ", '9999-12-31T23:59:59.999999999'],
      ['NULL', null],
    ],
  },
  {
    type: 'TIMESTAMP_LTZ',
    cast: `TO_VARCHAR(CONVERT_TIMEZONE('UTC', "C"), 'YYYY-MM-DD"T"HH24:MI:SS.FF9"Z"')`,
    values: [
      ["'2026-07-02 03:04:05.123456789 +02:00'::TIMESTAMP_LTZ", '2026-07-02T01:04:05.123456789Z'],
      ["'2026-01-01 00:00:00 +00:00'::TIMESTAMP_LTZ", '2026-01-01T00:00:00.000000000Z'],
      ['NULL', null],
    ],
  },
  {
    type: 'TIMESTAMP_TZ',
    cast: `TO_VARCHAR("C", 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM')`,
    values: [
      ["'2026-07-02 03:04:05.123456789 +05:30'::TIMESTAMP_TZ", '2026-07-02T03:04:05.123456789+05:30'],
      ["'2026-07-02 03:04:05 -08:00'::TIMESTAMP_TZ", '2026-07-02T03:04:05.000000000-08:00'],
      ["'2026-07-02 03:04:05 +00:00'::TIMESTAMP_TZ", '2026-07-02T03:04:05.000000000+00:00'],
      ['NULL', null],
    ],
  },
  {
    type: 'BINARY',
    cast: `TO_VARCHAR("C", 'BASE64')`,
    values: [
      ["TO_BINARY('00FF10', 'HEX')", 'AP8Q'],
      ["TO_BINARY('', 'HEX')", ''],
      ["TO_BINARY('é', 'UTF-8')", 'w6k='],
      ['NULL', null],
    ],
  },
  {
    type: 'VARIANT',
    cast: 'TO_JSON("C")',
    values: [
      [`PARSE_JSON('{"a":[1,2.5,"x",null,true]}')`, '{"a":[1,2.5,"x",null,true]}'],
      [`PARSE_JSON('12345678901234567890123456789')`, '12345678901234567890123456789'],
      [`PARSE_JSON('null')`, 'null'],
      [`PARSE_JSON('"é"')`, '"é"'],
      ['NULL', null],
    ],
  },
  {
    type: 'OBJECT',
    cast: 'TO_JSON("C")',
    values: [
      ["OBJECT_CONSTRUCT('a', 1)", '{"a":1}'],
      ['NULL', null],
    ],
  },
  {
    type: 'ARRAY',
    cast: 'TO_JSON("C")',
    values: [
      ["ARRAY_CONSTRUCT(1, 'b')", '[1,"b"]'],
      ['ARRAY_CONSTRUCT()', '[]'],
      ['NULL', null],
    ],
  },
];

describe.each(cases)('$type', ({ type, cast, values }) => {
  test(cast, async () => {
    const sent = values.map(([sql]) => sql);
    expect(await through(type, cast, sent)).toEqual(values.map(([, text]) => text));
  });
});

test('TO_JSON of a cast value is text beside other columns', async () => {
  const { rows } = await account.sql(`SELECT 'x', TO_JSON(1.5::FLOAT::VARIANT), TO_VARCHAR(2)`);
  expect(rows).toEqual([['x', '1.5', '2']]);
});

test('FLOAT keeps every bit', async () => {
  const numbers = [0.1 + 0.2, Math.PI * 1e28, 5e-324, 1.7976931348623157e308, -0.1, 100, 2 ** 53 + 2];
  const texts = await through(
    'FLOAT',
    `TO_VARCHAR("C", 'TME')`,
    numbers.map((number) => `${number.toExponential()}::FLOAT`),
  );
  expect(texts.map(Number)).toEqual(numbers);
});

test('keys: TO_JSON(ARRAY_CONSTRUCT(...)) of text escapes what JSON must, and NULL is told from text', async () => {
  const { rows } = await account.sql(
    `SELECT TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR(COLUMN1), COLUMN2)) FROM VALUES (1, 'a"b\\\\c'), (2, ''), (3, 'é') ORDER BY COLUMN1`,
  );
  expect(rows.map((row) => row[0])).toEqual(['["1","a\\"b\\\\c"]', '["2",""]', '["3","é"]']);
});

test('the session’s time zone does not change what the product reads', async () => {
  const table = account.table('ZONES');
  await account.sql(`CREATE TABLE ${table} (C TIMESTAMP_LTZ)`);
  await account.sql(`INSERT INTO ${table} SELECT '2026-07-02 12:00:00 +00:00'::TIMESTAMP_LTZ`);
  const sql = `SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', "C"), 'YYYY-MM-DD"T"HH24:MI:SS.FF9"Z"') FROM ${table}`;
  const before = (await account.sql(sql)).rows;
  await account.sql("ALTER SESSION SET TIMEZONE = 'Asia/Tokyo'");
  expect((await account.sql(sql)).rows).toEqual(before);
  await account.sql("ALTER SESSION SET TIMEZONE = 'UTC'");
});
