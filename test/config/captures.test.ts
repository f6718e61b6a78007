import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import { presetNames, PRESETS } from '../../lambdas/config/presets.ts';
import { parseDuration } from '../../lambdas/config/durations.ts';
import { selectProblem } from '../../lambdas/config/select.ts';
import { withPresets } from '../../scripts/presets-table.ts';

const config = (settings: object, staging: object = { staging: 'SALES.SNOWMELT' }) =>
  JSON.stringify({
    app: 'shop',
    snowflake: { account: 'a', user: 'U', warehouse: 'XS', auth: { method: 'token', secret: 's' }, ...staging },
    kafka: { brokers: ['b-1.example.com:9096'] },
    sources: { s: { topic: { name: 't', partitions: 1 }, ...settings } },
  });
const wrong = (settings: object, staging?: object) =>
  findProblems(config(settings, staging)).map(({ path, message }) => `${path.join('.')}: ${message}`);
const resolved = (settings: object) => loadConfig(config(settings), { path: 'x' }).sources[0]!;

test('where snapshots are copied first', () => {
  const staging = { database: 'SALES', schema: 'SNOWMELT' };
  const table = { table: 'SALES.PUBLIC.ORDERS', key: ['ID'] };
  expect(resolved(table).copy).toEqual({ staging, always: false });
  expect(resolved({ ...table, snapshotCopy: 'always' }).copy).toEqual({ staging, always: true });
  expect(resolved({ ...table, snapshotCopy: 'never' }).copy).toBeUndefined();
  expect(resolved({ query: 'SELECT ID FROM SALES.PUBLIC.T', key: ['ID'] }).copy).toBeUndefined();
  const none = loadConfig(config(table, {}), { path: 'x' });
  expect(none.sources[0]!.copy).toBeUndefined();
  expect(wrong({ ...table, snapshotCopy: 'always' }, {})).toEqual([
    'snowflake.staging: is required for `snapshotCopy: always`',
  ]);
  expect(wrong({ query: 'SELECT ID FROM SALES.PUBLIC.T', key: ['ID'], snapshotCopy: 'large' })).toEqual([
    'sources.s.snapshotCopy: is for `table` and `stream` alone; a query says in SQL what it takes (is `large`)',
  ]);
});

const query = 'SELECT ID, AT FROM SALES.PUBLIC.ORDERS';

test('a query of each mode', () => {
  expect(resolved({ query, key: ['id'] })).toMatchObject({
    object: { database: 'SALES', schema: 'SNOWMELT', name: 's' },
    information: 'DEFAULT',
    key: ['ID'],
    query: { text: query, mode: 'bulk', cursor: null, lag: 0, watch: [] },
  });
  const timed = { query, mode: 'timestamp', cursor: 'at', lag: '10m', key: ['id'], watch: ['sales.public.orders'] };
  expect(resolved(timed)).toMatchObject({
    information: 'APPEND_ONLY',
    query: {
      mode: 'timestamp',
      cursor: 'AT',
      lag: 600_000,
      watch: [{ database: 'SALES', schema: 'PUBLIC', name: 'ORDERS' }],
    },
  });
  expect(resolved({ query, mode: 'incrementing', cursor: 'id', lag: 100, key: ['id'] }).query).toMatchObject({
    lag: 100,
  });
});

test('a preset, and what a user may say otherwise', () => {
  expect(resolved({ preset: 'login-history' })).toMatchObject({
    key: ['EVENT_ID'],
    information: 'APPEND_ONLY',
    query: {
      text: 'SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.LOGIN_HISTORY',
      mode: 'timestamp',
      cursor: 'EVENT_TIMESTAMP',
      lag: 4 * 3_600_000,
    },
  });
  const own = { preset: 'query-history', key: ['query_id', 'session_id'], cursor: 'start_time', lag: '2d' };
  expect(resolved(own)).toMatchObject({
    key: ['QUERY_ID', 'SESSION_ID'],
    query: { cursor: 'START_TIME', lag: 2 * 86_400_000 },
  });
});

test('no preset looks back less than its documented latency twice, or as long as rows change', () => {
  for (const name of presetNames) {
    const { latency, lag } = PRESETS[name];
    expect(parseDuration(lag)).toBeGreaterThan(0);
    if (latency !== null) expect(parseDuration(lag)).toBeGreaterThanOrEqual(2 * parseDuration(latency)!);
  }
});

test('a stream that is there, and a managed one', () => {
  expect(resolved({ stream: 'sales.public.s', changes: 'append-only', columns: { include: ['id'] } })).toMatchObject({
    object: { database: 'SALES', schema: 'PUBLIC', name: 'S' },
    stream: { managed: false, staging: { database: 'SALES', schema: 'SNOWMELT' } },
    information: 'APPEND_ONLY',
    // Without a key its rows go by what Snowflake knows them by.
    key: ['METADATA$ROW_ID'],
    shape: { include: ['ID', 'METADATA$ROW_ID'] },
  });
  const managed = { stream: { managed: true, on: 'sales.public.t' }, key: ['id'], onHistoryLost: 'resnapshot' };
  expect(resolved(managed)).toMatchObject({
    object: { database: 'SALES', schema: 'PUBLIC', name: 'T' },
    stream: { managed: true },
    key: ['ID'],
    onHistoryLost: 'resnapshot',
  });
  expect(wrong({ stream: 'a.b.c' }, {})).toEqual([
    'snowflake.staging: is required where a source has a `query`, `preset` or `stream`',
  ]);
});

test('what defaults say does not harm a stream that has no use for it', () => {
  const text = JSON.parse(config({ stream: 'a.b.c' })) as { defaults: object };
  text.defaults = {
    snapshot: 'initial',
    onHistoryLost: 'resnapshot',
    schemaTopic: { name: 'schemas', partitions: 1 },
  };
  const [source] = loadConfig(JSON.stringify(text), { path: 'x' }).sources;
  for (const setting of ['snapshot', 'onHistoryLost', 'schemaTopic']) expect(source).not.toHaveProperty(setting);
});

test.each<[string, object, string[]]>([
  [
    'how a stream that is there begins',
    { stream: 'a.b.c', snapshot: 'initial' },
    ['sources.s.snapshot: is for `table` and managed streams; this one is as you make it (is `initial`)'],
  ],
  [
    'a cursor, and a topic of schema changes, for a stream',
    { stream: { managed: true, on: 'a.b.c' }, cursor: 'at', schemaTopic: { name: 'x', partitions: 1 } },
    ['sources.s.cursor: is for `query` and `preset` alone (is `at`)', 'sources.s.schemaTopic: is for `table` alone'],
  ],
  [
    'a managed stream that begins earlier',
    { stream: { managed: true, on: 'a.b.c' }, snapshot: { mode: 'never', from: '2026-01-01T00:00:00Z' } },
    [
      'sources.s.snapshot.from: is for `table` alone; a managed stream begins when it is made (is `2026-01-01T00:00:00Z`)',
    ],
  ],
  [
    'a stream that is neither',
    { stream: 'a.b' },
    ['sources.s.stream: must be DATABASE.SCHEMA.STREAM, or { managed: true, on: DATABASE.SCHEMA.TABLE } (is `a.b`)'],
  ],
  ['nothing to read', { key: ['id'] }, ['sources.s.table: is required, or `query`, `preset` or `stream`']],
  [
    'two things to read',
    { table: 'a.b.c', query, key: ['id'] },
    ['sources.s.query: has no place beside `table` (is `SELECT ID, AT FROM SALES.PUBLIC.ORDERS`)'],
  ],
  ['no key', { query }, ['sources.s.key: is required']],
  [
    'settings of a query for a table',
    { table: 'a.b.c', key: ['id'], mode: 'bulk', lag: '1m' },
    [
      'sources.s.mode: is for `query` and `preset` alone (is `bulk`)',
      'sources.s.lag: is for `query` and `preset` alone (is `1m`)',
    ],
  ],
  [
    'a setting of a table for a query',
    { query, key: ['id'], changes: 'default' },
    ['sources.s.changes: is for `table` and `stream` alone; a query says in SQL what it takes (is `default`)'],
  ],
  ['no cursor', { query, mode: 'timestamp', key: ['id'] }, ['sources.s.cursor: is required for mode timestamp']],
  [
    'a cursor for bulk',
    { query, cursor: 'at', key: ['id'] },
    ['sources.s.cursor: is for mode incrementing or timestamp; mode bulk reads the query whole (is `at`)'],
  ],
  [
    'a number as lag of times',
    { query, mode: 'timestamp', cursor: 'at', lag: 5, key: ['id'] },
    ['sources.s.lag: must be a duration for mode timestamp, such as `10m` (is `5`)'],
  ],
  [
    'a duration as lag of numbers',
    { query, mode: 'incrementing', cursor: 'id', lag: '5m', key: ['id'] },
    ['sources.s.lag: must be a whole number for mode incrementing (is `5m`)'],
  ],
  [
    'a lag that is neither',
    { query, mode: 'timestamp', cursor: 'at', lag: '5 minutes', key: ['id'] },
    ['sources.s.lag: must be a duration of at most 365d, such as `10m`, or a whole number (is `5 minutes`)'],
  ],
  [
    'a mode for a preset',
    { preset: 'task-history', mode: 'bulk' },
    ['sources.s.mode: is for `query` alone; a preset is read by time (is `bulk`)'],
  ],
])('refuses %s', (_, settings, problems) => {
  expect(wrong(settings)).toEqual(problems);
});

test('an unknown preset gets a suggestion; queries need a schema for their copies', () => {
  expect(wrong({ preset: 'login-histroy' }).join()).toContain('did you mean `login-history`?');
  expect(wrong({ preset: 'login-history' }, {})).toEqual([
    'snowflake.staging: is required where a source has a `query`, `preset` or `stream`',
  ]);
});

test.each([
  'SELECT 1',
  "with a as (select ';' as x, '--' as y) select * from a -- ; )",
  `SELECT "a;b)", 'it''s', '\\'; DROP', $$ ; ) ' $$ /* ; ) */ FROM t // ; )`,
  '/* first */ SELECT (1)',
  'SELECT v:a::VARCHAR, a % 2, a / 2 FROM t',
])('takes one SELECT: %s', (text) => {
  expect(selectProblem(text)).toBeNull();
});

test.each([
  ['', 'must begin'],
  ['DROP TABLE t', 'must begin'],
  ['SELECTED 1', 'must begin'],
  ['(SELECT 1)', 'must begin'],
  ['SELECT 1; DROP TABLE t', '`;`'],
  ['SELECT 1;', '`;`'],
  ['SELECT 1) UNION (SELECT 2', 'closes a parenthesis'],
  ['SELECT (1', 'does not close'],
  ["SELECT 'a", 'not closed'],
  ["SELECT 'a\\'", 'not closed'],
  ['SELECT "a', 'not closed'],
  ['SELECT 1 /* a', 'comment'],
  ['SELECT $$ a', '`$$`'],
  ['SELECT ?', 'bind'],
  // A literal that ends otherwise than one who reads it thinks.
  ["SELECT '\\\\'; DROP TABLE t --'", '`;`'],
  ['SELECT "\\"; DROP TABLE t --"', '`;`'],
  ['SELECT 1 /* /* */ ; */', '`;`'],
])('refuses what is not: %s', (text, says) => {
  expect(selectProblem(text)).toContain(says);
  expect(wrong({ query: text, key: ['id'] }).join()).toContain(says);
});

const page = readFileSync(join(import.meta.dirname, '../../docs/captures.md'), 'utf8');

test('docs/captures.md: the table of presets is current (npm run schema)', () => {
  expect(withPresets(page)).toBe(page);
});

test('docs/captures.md: every example is a configuration', () => {
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThanOrEqual(5);
  for (const example of examples) {
    const { snowflake, ...rest } = parse(example) as { snowflake?: object };
    const whole = { ...(JSON.parse(config({}, snowflake ?? {})) as object), sources: {}, ...rest };
    expect(findProblems(JSON.stringify(whole))).toEqual([]);
  }
});
