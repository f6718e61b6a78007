/** What users may say about columns, rows and masks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseExpression, typeOf } from '../../lambdas/config/expressions.ts';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import { publishSettings, writeConfig } from '../../lambdas/settings.ts';

const BASE = `
app: shop
snowflake: { account: a-b, user: U, role: R, warehouse: XS, maskSalt: shop/salt, auth: { method: key-pair, secret: k } }
kafka: { brokers: ['b:9092'] }
sources:
  people:
    table: DB.PUBLIC.PEOPLE
    key: [ID]
    topic: { name: people, partitions: 3 }
`;
const SHAPED = `${BASE}
    columns: { exclude: [SSN], add: { TOTAL: 'PRICE * 2::NUMBER(12, 2)' } }
    where: STATUS <> 'gone'
    mask: { EMAIL: hash, NAME: { truncate: 1 } }
    skip: [delete]
    write: { compression: gzip, maxBatch: 100000, maxTransaction: 10 }
`;

function wrong(shape: string): string[] {
  const text = BASE + shape.replaceAll(/^/gm, '    ');
  return findProblems(text).map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`);
}

test('a shape, resolved', () => {
  const config = loadConfig(SHAPED, { path: 'x' });
  expect(config.snowflake.maskSalt).toBe('shop/salt');
  expect(config.sources[0]!.write).toEqual({ compression: 'gzip', maxBatchBytes: 100_000, maxTransactionRows: 10 });
  const [source] = config.sources;
  expect(writeConfig(config, source!).kafka).toMatchObject({ compression: 'gzip', maxBatchBytes: 100_000 });
  expect(publishSettings(config, source!).maxTransactionRows).toBe(10);
  expect(config.sources[0]!.shape).toEqual({
    include: null,
    exclude: ['SSN'],
    computed: [{ name: 'TOTAL', sql: 'PRICE * 2::NUMBER(12, 2)', type: { name: 'NUMBER', precision: 12, scale: 2 } }],
    where: "STATUS <> 'gone'",
    masks: [
      { column: 'EMAIL', mask: { kind: 'hash' } },
      { column: 'NAME', mask: { kind: 'truncate', length: 1 } },
    ],
    skip: ['delete'],
  });
});

test.each([
  ['columns: { include: [A], exclude: [B] }', 'columns.exclude: leave it out'],
  ['columns: { exclude: [ID] }', 'key.0: `ID` is a key column'],
  ['columns: { include: [NAME] }', 'key.0: `ID` is a key column'],
  ['columns: { include: [ID, id] }', 'columns.include.1: `ID` is listed twice'],
  ['mask: { ID: redact }', 'mask.ID: is a key column: it can only be hashed'],
  ['mask: { email: hash, EMAIL: redact }', 'mask.EMAIL: `EMAIL` is listed twice'],
  ['mask: { EMAIL: sha1 }', 'mask.EMAIL: must be redact, hash, last-4'],
  ['mask: { SSN: redact }\ncolumns: { exclude: [SSN] }', 'mask.SSN: is not among the columns'],
  ['mask: { EMAIL: hash }\ncolumns: { add: { X: LOWER(EMAIL) } }', 'columns.add.X: uses EMAIL, which is masked'],
  ['columns: { add: { X: A::GEOGRAPHY } }', 'columns.add.X: ends with a cast to `GEOGRAPHY`'],
  ['skip: [create, update, delete]', 'skip: leaves nothing'],
  ['changes: append-only\nskip: [delete]', 'skip: append-only sources have nothing'],
  ['where: A = (SELECT 1)', 'where: must be an expression over one row; `SELECT`'],
])('refuses %j', (shape, message) => {
  expect(wrong(shape)).toContainEqual(expect.stringContaining(message));
});

test('the example of docs/shaping.md is one', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/shaping.md'), 'utf8');
  const example = /```yaml\n(.*?)```/s.exec(page)![1]!;
  const account = 'snowflake:\n  account: a-b\n  user: U\n  warehouse: XS\n  auth: { method: token, secret: k }';
  const text = `app: shop\nkafka: { brokers: ['b:9092'] }\n${example.replace('snowflake:', account)}`;
  expect(loadConfig(text, { path: 'x' }).sources[0]!.shape!.computed[1]!.type).toMatchObject({
    precision: 12,
    scale: 2,
  });
});

test('a hash needs a salt', () => {
  const problems = findProblems(SHAPED.replace('maskSalt: shop/salt, ', ''));
  expect(problems.map(({ path }) => path.join('.'))).toEqual(['sources.people.mask.EMAIL']);
});

test.each(['A > 1', `"a ""b" = 'it''s \\' ; --'`, 'V:a.b[0]::STRING', "CASE WHEN A IN (1, 2) THEN 'x' ELSE B END"])(
  'takes %j',
  (sql) => expect(parseExpression(sql)).toMatchObject({ sql }),
);

test.each([
  [
    '',
    'A) OR (1 = 1',
    'A, B',
    'A; DROP TABLE T',
    'A -- x',
    'A /* x',
    'A // x',
    '?',
    ':1',
    '$X',
    '$$a$$',
    "'open",
    '"open',
  ],
  ['(A', 'A]', 'CURRENT_TIMESTAMP()', 'random()', 'METADATA$ACTION', 'COUNT(*) OVER ()', 'A UNION B', 'A @ B', "'a\\'"],
])('refuses what is not one steady expression by itself', (...texts) => {
  for (const text of texts) expect(parseExpression(text), text).toHaveProperty('error');
});

test('an expression has the type of its last cast', () => {
  expect(typeOf('A + B')).toEqual({ name: 'VARCHAR', precision: null, scale: null });
  expect(typeOf('A::int')).toEqual({ name: 'NUMBER', precision: 38, scale: 0 });
  expect(typeOf('(A)::TIMESTAMP_NTZ(3)')).toEqual({ name: 'TIMESTAMP_NTZ', precision: 3, scale: null });
  expect(typeOf('A::NUMBER(40, 2)')).toHaveProperty('error');
});
