/** What users may say about columns, rows and masks, and that nothing they write gets out of its place in a statement. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { expect, test } from 'vitest';
import { parseExpression, typeOf } from '../../lambdas/config/expressions.ts';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { scanStatement } from '../../lambdas/snowflake/sql/scan.ts';
import { gateStatement, showStatement } from '../../lambdas/snowflake/sql/statements.ts';
import { tokenize } from '../../local/snowflake/engine/parse/lexer.ts';

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

const column = (name: string): Column => ({ name, type: 'VARCHAR', precision: null, scale: null, nullable: true });

/** The kinds of tokens of every statement that the configuration gets into. */
function statements(text: string): string[] {
  const config = loadConfig(text, { path: 'x' });
  const { name: _, delivery: _d, ...cut } = sourcePlan(config, config.sources[0]!);
  const layout = { number: 1, ...cut };
  const named = [...layout.key, ...(layout.shape?.include ?? []), ...(layout.shape?.exclude ?? [])];
  const masked = layout.shape?.masks.map((mask) => mask.column) ?? [];
  const columns = [...new Set([...named, ...masked, 'STATUS', 'PRICE'])].map(column);
  const bounds = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:01:00.000Z' };
  return [
    scanStatement({ kind: 'changes', layout, columns, ...bounds }),
    scanStatement({ kind: 'snapshot', layout, columns, ...bounds }),
    scanStatement({ kind: 'repair', layout, columns, ...bounds, results: ['a', 'b'] }),
    gateStatement([layout.object]),
    showStatement(layout.object),
  ].map((sql) =>
    tokenize(sql)
      .map(({ kind, text: word }) => (kind === 'op' || kind === 'word' ? word : kind))
      .join(' '),
  );
}

type Tree = Record<string | number, unknown>;

/** The file with one of its texts, or one of the names that users choose, replaced: every way that there is. */
function* editions(data: Tree, nasty: string): Iterable<{ place: string; text: string }> {
  for (const path of places(data)) {
    const last = path.at(-1)!;
    const edit = (change: (holder: Tree) => void) => {
      const edited = structuredClone(data);
      change(path.slice(0, -1).reduce((inner, part) => inner[part] as Tree, edited));
      return stringify(edited);
    };
    const isText = typeof path.reduce<unknown>((inner, part) => (inner as Tree)[part], data) === 'string';
    if (isText) yield { place: path.join('.'), text: edit((holder) => (holder[last] = nasty)) };
    if (!['sources', 'add', 'mask'].includes(String(path.at(-2)))) continue;
    const rename = (holder: Tree) => {
      const entries = Object.entries(holder);
      for (const key of Object.keys(holder)) delete holder[key];
      for (const [key, of] of entries) holder[key === last ? nasty : key] = of;
    };
    yield { place: `${path.join('.')} (name)`, text: edit(rename) };
  }
}

function* places(node: unknown, path: (string | number)[] = []): Iterable<(string | number)[]> {
  if (path.length > 0) yield path;
  if (node === null || typeof node !== 'object') return;
  for (const [key, inner] of Object.entries(node)) yield* places(inner, [...path, key]);
}

const NASTY = [
  `x'; DROP TABLE T; --`,
  `x") FROM T; --`,
  `"x"" , (SELECT 1)"`,
  `"a'b"`,
  `1) OR (1=1`,
  `1 /* `,
  `\\' OR 1=1 --`,
  `$$x$$`,
  `:1`,
  `"x\u0000y"`,
  `"'; DROP --"`,
];

test('no text of the configuration gets out of its place in a statement', () => {
  const plain = statements(SHAPED);
  const data = parse(SHAPED) as Tree;
  let taken = 0;
  for (const nasty of NASTY) {
    for (const { place, text } of editions(data, nasty)) {
      // Refused, mostly; what is taken (a quoted name, a text elsewhere) changes no statement's structure.
      if (findProblems(text).length > 0) continue;
      taken++;
      let found: string[];
      try {
        found = statements(text);
      } catch (error) {
        expect((error as Error).message).toContain('Not a Snowflake name');
        continue;
      }
      if (/where|add\.TOTAL$/.test(place)) for (const sql of found) expect(sql).not.toMatch(/DROP|;/);
      else expect(found, `${place} = ${nasty}`).toEqual(plain);
    }
  }
  expect(taken).toBeGreaterThan(20);
});
