/** Patterns as their user writes them, and what their tables become. */
import { expect, test } from 'vitest';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import {
  allSettings,
  memberSource,
  mostSources,
  patternOf,
  picks,
  takenTopics,
  topicOf,
} from '../../lambdas/config/patterns.ts';

const PATTERN = {
  tables: 'sales.public.*',
  key: 'primary-key',
  topic: { name: 'sales.{schema}.{table}', partitions: 6 },
};

const config = (patterns: object, more: object = {}) =>
  JSON.stringify({
    app: 'shop',
    snowflake: {
      account: 'a',
      user: 'U',
      warehouse: 'XS',
      staging: 'SALES.SNOWMELT',
      auth: { method: 'token', secret: 's' },
    },
    kafka: { brokers: ['b-1.example.com:9096'] },
    patterns,
    ...more,
  });
const load = (pattern: object, more: object = {}) =>
  loadConfig(config({ p: { ...PATTERN, ...pattern } }, more), { path: 'x', deployment: 7 });
const resolved = (pattern: object, more: object = {}) => load(pattern, more).patterns![0]!;
const wrong = (patterns: object, more: object = {}) =>
  findProblems(config(patterns, more)).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('a pattern with what is usual', () => {
  expect(resolved({})).toEqual({
    name: 'p',
    schema: { database: 'SALES', schema: 'PUBLIC' },
    include: null,
    exclude: [],
    key: null,
    topic: 'sales.{schema}.{table}',
    topicPrefix: 'sales.public.',
    maxTables: 100,
    listMs: 300_000,
    source: {
      information: 'DEFAULT',
      topicPartitions: 6,
      partitions: 1,
      delivery: 'exactly-once',
      every: 'rate(1 minute)',
      freshnessMs: 900_000,
      memory: null,
      paused: false,
      format: { type: 'json', key: 'json', envelope: 'debezium', tombstones: true },
      copy: { staging: { database: 'SALES', schema: 'SNOWMELT' }, always: false },
      makeTopic: { replication: 3, minInsync: 2, retentionMs: null, compact: false },
    },
  });
});

test('a table of it is a source like any other, with the settings of pattern and defaults', () => {
  const pattern = resolved(
    { every: '5m', key: ['id'], topic: { ...PATTERN.topic, retention: '2d', compact: true } },
    { defaults: { partitions: 4, every: '1h' } },
  );
  expect(memberSource(pattern, { table: 'ORDERS', key: [], topic: 'sales.public.orders' })).toMatchObject({
    name: 'p.ORDERS',
    object: { database: 'SALES', schema: 'PUBLIC', name: 'ORDERS' },
    key: ['ID'],
    topic: 'sales.public.orders',
    topicPartitions: 6,
    partitions: 4,
    every: 'rate(5 minutes)',
    makeTopic: { retentionMs: 2 * 86_400_000, compact: true },
  });
  expect(memberSource(resolved({}), { table: 'T', key: ['B', 'A'], topic: 't' }).key).toEqual(['B', 'A']);
});

test('the pattern that a source is of is told by its name', () => {
  const known = load({});
  expect(patternOf(known, 'p.A.b')).toEqual({ pattern: known.patterns![0], table: 'A.b' });
  for (const other of ['p', 'q.A', '.A', 'orders']) expect(patternOf(known, other)).toBeNull();
});

test.each([
  ['sales.{schema}.{table}', 'sales.public.order_lines'],
  ['Sales-{SCHEMA}.{TABLE}', 'Sales-PUBLIC.ORDER_Lines'],
  ['{database}.{table}', 'sales.order_lines'],
  ['x.{table}.changes', 'x.order_lines.changes'],
])('topics by template %s', (name, topic) => {
  expect(topicOf(resolved({ topic: { name, partitions: 1 } }), 'ORDER_Lines')).toBe(topic);
});

const ALL = ['ORDERS', 'ORDER', 'orders', 'x', 'XY', 'XYZ', 'ITEMS', 'A+B', 'AAB', 'A$B', 'Ä b', 'ORDERS_TMP', 'l\nb'];

test.each<[{ include?: string[]; exclude?: string[] }, string[]]>([
  [{}, ALL],
  [{ include: ['order*', 'X?'] }, ['ORDERS', 'ORDER', 'XY', 'ORDERS_TMP']],
  [{ include: ['"o*"', '"l?b"'] }, ['orders', 'l\nb']],
  [{ exclude: ['*_TMP', '"*x*"', 'X*', '"*b"', 'A?B'] }, ['ORDERS', 'ORDER', 'orders', 'ITEMS']],
  [{ include: ['*S'], exclude: ['orders'] }, ['ITEMS']],
  [{ include: ['"A+B"', 'A$B'] }, ['A+B', 'A$B']],
])('of all tables %j picks its own', (lists, picked) => {
  const pattern = resolved(lists);
  expect(ALL.filter((table) => picks(pattern, table))).toEqual(picked);
});

test.each([
  ['{table}', 'must begin with something that all topics have in common'],
  ['sales', 'must have {table}: each table has its own topic'],
  ['sales.{tabel}', '`{tabel}` is unknown; known are {database}, {schema}, {table}, and in upper case as stored'],
  ['sales.{Table}', '`{Table}` is unknown; known are {database}, {schema}, {table}, and in upper case as stored'],
  ['sales/{table}', 'must be letters, digits, `.`, `_` or `-` around {database}, {schema} and {table}'],
])('a template %s is refused', (name, message) => {
  expect(wrong({ p: { ...PATTERN, topic: { name, partitions: 1 } } })[0]).toContain(
    `patterns.p.topic.name: ${message}`,
  );
});

test('what a pattern must not say is told, all of it', () => {
  expect(
    wrong({
      p: {
        tables: 'SALES.PUBLIC',
        key: 'primary',
        topic: { name: 'p.{table}', partitions: 1, compact: true, replication: 1 },
        delivery: 'at-least-once',
        include: ['a b'],
        pollEvery: '10s',
        every: '5m',
        query: 'SELECT 1',
        maxTables: 0,
      },
    }).sort(),
  ).toEqual([
    expect.stringMatching(/^patterns\.p\.include\.0: must be a name in which/),
    'patterns.p.key: must be primary-key, or a list of columns (is `primary`)',
    'patterns.p.maxTables: must be at least 1 (is `0`)',
    'patterns.p.pollEvery: needs `every: 1m`',
    expect.stringMatching(/^patterns\.p\.query: unknown key/),
    'patterns.p.tables: must be DATABASE.SCHEMA.*, the tables of one schema (is `SALES.PUBLIC`)',
    'patterns.p.topic.compact: contradicts `delivery: at-least-once`: an older row may be kept',
    'patterns.p.topic.minInsync: must not be greater than `replication`',
  ]);
});

test('what contradicts the rest of the file', () => {
  const own = { table: 'A.B.C', key: ['ID'], topic: { name: 'own', partitions: 1 } };
  expect(wrong({ p: { ...PATTERN, tables: 'SALES.SNOWMELT.*' } })).toEqual([
    'patterns.p.tables: is the schema of `snowflake.staging`, whose tables are copies',
  ]);
  expect(wrong({ p: PATTERN }, { sources: { p: own } })).toEqual(['patterns.p: is also the name of a source']);
  const inside = { ...PATTERN, tables: 'B.C.*', topic: { name: 'sales_public.x.{table}', partitions: 1 } };
  expect(wrong({ p: PATTERN, q: inside })).toEqual([
    'patterns.q.topic.name: begins like the topics of pattern p; give each a beginning of its own',
  ]);
  const spaced = { ...PATTERN, tables: '"My data".PUBLIC.*', topic: { name: '{database}.{table}', partitions: 1 } };
  expect(wrong({ p: spaced })[0]).toContain('patterns.p.topic.name: makes `my data.`');
  expect(wrong({})).toEqual(['sources: must have at least one source, or `patterns` a pattern']);
  expect(wrong({ p: { ...PATTERN, format: { type: 'avro' } } })).toEqual([
    'patterns.p.format.type: avro needs a `registry`',
  ]);
});

test('what the stack is sized by: the settings that there are, and as many sources as there may be', () => {
  const own = { table: 'A.B.C', key: ['ID'], topic: { name: 'own.c', partitions: 1 } };
  const told = { schemaTopic: { name: 'own.schemas', partitions: 1 } };
  const known = load({ maxTables: 5, partitions: 3 }, { sources: { c: own }, defaults: told });
  expect(allSettings(known).map(({ partitions }) => partitions)).toEqual([1, 3]);
  expect(mostSources(known)).toHaveLength(6);
  expect([...takenTopics(known)]).toEqual([
    ['shop_control', 'the control topic'],
    ['own_schemas', 'schema changes, progress or dead letters'],
    ['own_c', 'source c'],
  ]);
});
