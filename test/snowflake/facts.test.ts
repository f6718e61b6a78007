/** Small pure parts: columns as DESCRIBE shows them, ranges, errors. */
import { expect, test } from 'vitest';
import {
  asSnowflakeError,
  executionError,
  loginError,
  safeText,
  statementError,
} from '../../lambdas/snowflake/errors.ts';
import { columnOf, describeObject, listKeys, listTables } from '../../lambdas/snowflake/object.ts';
import { rangesOf } from '../../lambdas/snowflake/scan.ts';

test.each([
  ['NUMBER(38,0)', 'NUMBER', 38, 0],
  ['NUMBER(10,2)', 'NUMBER', 10, 2],
  ['VARCHAR(16777216)', 'VARCHAR', null, null],
  ['TIMESTAMP_NTZ(9)', 'TIMESTAMP_NTZ', 9, null],
  ['TIME(3)', 'TIME', 3, null],
  ['FLOAT', 'FLOAT', null, null],
  ['BINARY(8388608)', 'BINARY', null, null],
  ['VARIANT', 'VARIANT', null, null],
  ['ARRAY', 'ARRAY', null, null],
  ['ARRAY(NUMBER(38,0))', 'STRUCTURED_ARRAY', null, null],
  ['MAP(VARCHAR(10), NUMBER(38,0))', 'MAP', null, null],
  ['VECTOR(FLOAT, 256)', 'VECTOR', null, null],
])('%s', (type, bare, precision, scale) => {
  const row = { name: 'X', type, 'null?': 'N' };
  expect(columnOf(row)).toEqual({ name: 'X', type: bare, precision, scale, nullable: false });
});

test('an object is the one of that very name', async () => {
  const created = new Date('2026-01-01T00:00:00.123Z');
  const shown = [
    { name: 't', change_tracking: 'OFF', retention_time: '0', created_on: new Date(0) },
    { name: 'T', change_tracking: 'ON', retention_time: '7', created_on: created },
  ];
  const ask = async (statement: string) =>
    statement.startsWith('SHOW') ? shown : [{ name: 'ID', type: 'NUMBER(38,0)', 'null?': 'Y' }];
  expect(await describeObject(ask, { database: 'D', schema: 'S', name: 'T' })).toEqual({
    createdOn: '2026-01-01T00:00:00.123Z',
    tracking: true,
    retentionMs: 7 * 86_400_000,
    columns: [{ name: 'ID', type: 'NUMBER', precision: 38, scale: 0, nullable: true }],
  });
  await expect(describeObject(ask, { database: 'D', schema: 'S', name: 'U' })).rejects.toMatchObject({
    code: 'OBJECT_MISSING',
  });
});

test.each([
  ['IMPORTED DATABASE', { share: 'THEIRS.SALES', retentionMs: 86_400_000 }],
  ['STANDARD', { retentionMs: 0 }],
])('a table that can not be read, in a database of kind %s', async (kind, told) => {
  const table = { name: 'T', change_tracking: 'OFF', retention_time: '0', created_on: new Date(0) };
  const ask = async (statement: string) => {
    if (statement === "SHOW DATABASES LIKE 'D'")
      return [
        { name: 'd', kind: 'IMPORTED DATABASE', origin: 'OTHER' },
        { name: 'D', kind, origin: 'THEIRS.SALES' },
      ];
    return statement.startsWith('SHOW') ? [table] : [{ name: 'ID', type: 'NUMBER(38,0)', 'null?': 'Y' }];
  };
  const facts = await describeObject(ask, { database: 'D', schema: 'S', name: 'T' });
  expect(facts).toEqual({ createdOn: '1970-01-01T00:00:00.000Z', tracking: false, columns: facts.columns, ...told });
});

const where = { database: 'D', schema: 'S' };

test('the tables of a schema, and their primary keys in the order of each', async () => {
  const created = new Date('2026-01-01T00:00:00.123Z');
  const ask = async (statement: string) => {
    if (statement === 'SHOW TABLES IN SCHEMA "D"."S"')
      return [
        { name: 't', change_tracking: 'OFF', retention_time: '0', created_on: created },
        { name: 'T', change_tracking: 'ON', retention_time: '7', created_on: created },
      ];
    expect(statement).toBe('SHOW PRIMARY KEYS IN SCHEMA "D"."S"');
    return [
      { table_name: 'T', column_name: 'A', key_sequence: '2' },
      { table_name: 'U', column_name: 'X', key_sequence: '1' },
      { table_name: 'T', column_name: 'B', key_sequence: '1' },
    ];
  };
  const createdOn = '2026-01-01T00:00:00.123Z';
  expect(await listTables(ask, where)).toEqual([
    { name: 't', createdOn, tracking: false, retentionMs: 0 },
    { name: 'T', createdOn, tracking: true, retentionMs: 7 * 86_400_000 },
  ]);
  expect([...(await listKeys(ask, where))]).toEqual([
    ['U', ['X']],
    ['T', ['B', 'A']],
  ]);
});

test('a list that Snowflake may have cut off is not believed: what it lacks may be there', async () => {
  const row = { name: 'T', change_tracking: 'ON', retention_time: '1', created_on: new Date(0) };
  const ask = (rows: number) => async () => Array.from({ length: rows }, () => row);
  expect(await listTables(ask(9_999), where)).toHaveLength(9_999);
  await expect(listTables(ask(10_000), where)).rejects.toMatchObject({ code: 'PATTERN_TOO_LARGE' });
  await expect(listKeys(ask(10_000), where)).rejects.toMatchObject({ code: 'PATTERN_TOO_LARGE' });
  await expect(listTables(async () => [{ name: 'T' }], where)).rejects.toMatchObject({ code: 'RESULT_MALFORMED' });
});

test('what is no table may be a view, whose history is taken for a day', async () => {
  const asked: string[] = [];
  const ask = async (statement: string) => {
    asked.push(statement.split(' ').slice(0, 2).join(' '));
    if (statement.startsWith('SHOW VIEWS')) return [{ name: 'V', change_tracking: 'ON', created_on: new Date(0) }];
    return statement.startsWith('SHOW') ? [] : [{ name: 'ID', type: 'NUMBER(38,0)', 'null?': 'Y' }];
  };
  expect(await describeObject(ask, { database: 'D', schema: 'S', name: 'V' })).toMatchObject({
    createdOn: '1970-01-01T00:00:00.000Z',
    tracking: true,
    retentionMs: 86_400_000,
    isView: true,
  });
  expect(asked).toEqual(['SHOW TABLES', 'DESCRIBE TABLE', 'SHOW VIEWS']);
});

test('ranges follow each other and add up', () => {
  const rows = [
    { B: '0', N: '5', H: '-12' },
    { B: '3', N: '7', H: '34' },
  ];
  expect(rangesOf(rows, 12)).toEqual([
    { partition: 0, start: 0, rows: 5, hash: '-12' },
    { partition: 3, start: 5, rows: 7, hash: '34' },
  ]);
  const malformed = expect.objectContaining({ code: 'RESULT_MALFORMED' }) as Error;
  expect(() => rangesOf(rows, 13)).toThrow(malformed);
  expect(() => rangesOf([...rows].reverse(), 12)).toThrow(malformed);
  expect(() => rangesOf([{ B: null, N: '12', H: '1' }], 12)).toThrow(malformed);
  expect(() => rangesOf([{ B: '0', N: 'many', H: '1' }], 12)).toThrow(malformed);
});

test.each([
  ['002003', "SQL compilation error:\nObject 'D.S.T' does not exist or not authorized.", 'OBJECT_MISSING'],
  ['091930', 'SQL compilation error: Change tracking is not enabled or has been missing', 'HISTORY_LOST'],
  ['000707', 'Time travel data is not available for table T.', 'HISTORY_LOST'],
  ['000707', 'Future data is not yet available for table T.', 'SNOWFLAKE_STATEMENT'],
  ['000709', 'Statement x not found', 'RESULT_EXPIRED'],
  ['100038', "Numeric value 'secret' is not recognized", 'SNOWFLAKE_STATEMENT'],
])('%s %s', (code, message, ours) => {
  const queryId = '01baf79b-0108-1a60-0000-01110354a6ce';
  const error = statementError({ code, message, data: { queryId } });
  expect(error.code).toBe(ours);
  expect(error.message).toContain(code);
  expect(error.message).toContain(queryId);
  expect(error.message).not.toContain('secret');
});

test('messages keep names and lose values', () => {
  expect(safeText("SQL compilation error:\nObject 'D.S.T' does not exist.\nmore")).toBe(
    "SQL compilation error: Object 'D.S.T' does not exist.",
  );
  expect(safeText('Failed to cast variant value {"card":4111} to FIXED')).toBe(
    'Failed to cast variant value … to FIXED',
  );
  expect(safeText("String 'it''s' is too long\nsecond line")).toBe('String … is too long');
  expect(safeText('Failed to cast variant value 4111 to DATE')).toBe('Failed to cast variant value # to DATE');
});

test('sessions, network and sign-in', () => {
  const error = (code: string, more: object = {}) =>
    asSnowflakeError(Object.assign(new Error('text'), { code, ...more }));
  for (const code of ['390111', '390114', '390104', '407002']) {
    expect(executionError(error(code)).name).toBe('SessionLost');
  }
  expect(executionError(error('401001', { name: 'NetworkError' }))).toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  expect(executionError(error('002003'))).toMatchObject({ code: 'OBJECT_MISSING' });
  expect(loginError(error('390100'))).toMatchObject({ code: 'SNOWFLAKE_LOGIN' });
  expect(loginError(error('401001', { name: 'NetworkError' }))).toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  expect(loginError(error('401002', { response: { statusCode: 403 } }))).toMatchObject({ code: 'SNOWFLAKE_LOGIN' });
  expect(loginError(error('401002', { response: { statusCode: 503 } }))).toMatchObject({
    code: 'SNOWFLAKE_UNREACHABLE',
  });
});
