/** That nothing which users write in the configuration gets out of its place in a statement. */
import { parse, stringify } from 'yaml';
import { expect, test } from 'vitest';
import { memberSource } from '../../lambdas/config/patterns.ts';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import type { StreamRequest } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Column, Layout } from '../../lambdas/protocol/window.ts';
import { columnsStatement, measureStatement, stageStatement } from '../../lambdas/snowflake/sql/query.ts';
import { copyStatement, duplicatesStatement, scanStatement } from '../../lambdas/snowflake/sql/scan.ts';
import * as statements from '../../lambdas/snowflake/sql/statements.ts';
import * as streams from '../../lambdas/snowflake/sql/stream.ts';
import { tokenize } from '../../local/snowflake/engine/parse/lexer.ts';

const text = (sources: string) => `
app: shop
snowflake:
  { account: a-b, user: U, role: R, warehouse: XS, staging: DB.STAGING, maskSalt: shop/salt, auth: { method: key-pair, secret: k } }
kafka: { brokers: ['b:9092'] }
registry: { type: confluent, url: 'https://r.example.com', auth: { method: basic, secret: r } }
${sources}`;

const TOLD = `
    schemaTopic: { name: schemas, partitions: 1 }
    progressTopic: { name: progress, partitions: 1 }
    onBadRow: dead-letter
    deadLetterTopic: { name: letters, partitions: 1 }
    format: { type: avro, key: json }
    headers: { source: people, state: { column: STATUS } }`;

const TABLE = text(`sources:
  people:
    table: DB.PUBLIC.PEOPLE
    key: [ID]
    topic: { name: people, partitions: 3 }
    columns: { exclude: [SSN], add: { TOTAL: 'PRICE * 2::NUMBER(12, 2)' } }
    where: STATUS <> 'gone'
    mask: { EMAIL: hash, NAME: { truncate: 1 } }
    skip: [delete]${TOLD}
`);
const QUERY = text(`sources:
  orders:
    query: SELECT ID, AT FROM DB.PUBLIC.ORDERS
    mode: timestamp
    cursor: AT
    watch: [DB.PUBLIC.ORDERS, DB.PUBLIC.LINES]
    key: [ID]
    topic: { name: orders, partitions: 3 }
`);
const STREAMS = text(`sources:
  managed:
    stream: { managed: true, on: DB.PUBLIC.ORDERS }
    key: [ID]
    topic: { name: managed, partitions: 3 }
  own:
    stream: DB.PUBLIC.ORDERS_STREAM
    topic: { name: own, partitions: 3 }
`);
const PATTERN = text(`patterns:
  sales:
    tables: SALES.PUBLIC.*
    include: ['ORD*', '"o*"']
    exclude: ['*_TMP']
    key: [ID]
    topic: { name: 'sales.{table}', partitions: 6, retention: 7d }
`);

const column = (name: string, type = 'VARCHAR'): Column => ({
  name,
  type,
  precision: null,
  scale: null,
  nullable: true,
});
const bounds = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:01:00.000Z' };
const copy = { database: 'DB', schema: 'STAGING', name: 'COPY' };

function ofTable(layout: Layout): string[] {
  const named = [...layout.key, ...(layout.shape?.include ?? []), ...(layout.shape?.exclude ?? [])];
  const masked = layout.shape?.masks.map((mask) => mask.column) ?? [];
  const columns = [...new Set([...named, ...masked, 'STATUS', 'PRICE'])].map((name) => column(name));
  const staged = { table: copy, base: null };
  return [
    scanStatement({ kind: 'changes', layout, columns, ...bounds }),
    scanStatement({ kind: 'snapshot', layout, columns, ...bounds }),
    scanStatement({ kind: 'snapshot', layout, columns, ...bounds, staged }),
    scanStatement({ kind: 'repair', layout, columns, ...bounds, results: ['a', 'b'] }),
    scanStatement({ kind: 'repair', layout, columns, ...bounds, keys: 'a' }),
    copyStatement({ table: copy, layout, columns, to: bounds.to, comment: 'c' }),
    duplicatesStatement(layout, columns),
    statements.gateStatement([layout.object]),
    statements.showStatement(layout.object),
    statements.showViewStatement(layout.object),
    statements.showHistoryStatement(layout.object),
    statements.describeStatement(layout.object),
  ];
}

function ofQuery(layout: Layout): string[] {
  const query = layout.query!;
  const columns = [...layout.key.map((name) => column(name)), column(query.cursor!, 'TIMESTAMP_NTZ')];
  const cursor = { value: '2026-01-01 00:00:00.000000000', floor: null, nulls: 1 };
  const since = { column: columns.at(-1)!, cursor, undated: copy };
  const request = { table: { ...layout.object, name: 'COPY' }, layout, since, comment: 'c' };
  return [
    columnsStatement(query.text),
    stageStatement(request),
    measureStatement(request, columns, bounds.to),
    scanStatement({
      kind: 'changes',
      layout,
      columns,
      ...bounds,
      staged: { table: copy, base: { table: copy, columns } },
    }),
    statements.gateStatement(query.watch),
    statements.showPrefixStatement(layout.object, 'P'),
    statements.dropStatement(request.table),
  ];
}

function ofStream(layout: Layout): string[] {
  const stream = layout.stream!.managed ? { ...layout.stream!.staging, name: 'S' } : layout.object;
  const columns = layout.key.map((name) => column(name));
  const turn = { stream, number: 2 };
  const table = { ...layout.stream!.staging, name: 'STAGE' };
  const request: StreamRequest = { layout, turn, life: 'life', initial: true, table, columns, comment: 'c' };
  const consumption = streams.consumptionStatement(request);
  const block = tokenize(consumption).find(({ kind }) => kind === 'string');
  return [
    streams.createStreamStatement(request),
    streams.createLedgerStatement(request),
    streams.createStageStatement(request),
    streams.streamColumnsStatement(stream),
    streams.dropStreamStatement(stream),
    streams.ledgerStatement(streams.ledgerOf(stream, layout.stream!.staging)),
    consumption,
    block!.text,
    scanStatement({ kind: 'changes', layout, columns, ...bounds, staged: { table, base: null } }),
    statements.gateStatement([{ ...layout.object, isStream: true }]),
    statements.showStreamStatement(stream),
  ];
}

/** The kinds of tokens of every statement that the configuration gets into. */
function structure(file: string): string[] {
  const config = loadConfig(file, { path: 'x' });
  const members = (config.patterns ?? []).map((pattern) => memberSource(pattern, { table: 'T', key: [], topic: 't' }));
  const of = (source: ResolvedConfig['sources'][number]) => {
    const { name: _, delivery: _d, ...cut } = sourcePlan(config, source);
    const layout = { number: 1, ...cut };
    return layout.query ? ofQuery(layout) : layout.stream ? ofStream(layout) : ofTable(layout);
  };
  const lists = (config.patterns ?? []).flatMap(({ schema }) => [
    statements.showTablesStatement(schema),
    statements.showKeysStatement(schema),
  ]);
  return [...config.sources, ...members]
    .flatMap(of)
    .concat(lists)
    .map((sql) =>
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
    if (!['sources', 'patterns', 'add', 'mask', 'headers'].includes(String(path.at(-2)))) continue;
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

test.each([
  ['a table', TABLE, 20],
  ['a query', QUERY, 20],
  ['streams', STREAMS, 20],
  ['a pattern', PATTERN, 20],
])('no text of %s gets out of its place in a statement', (_, file, least) => {
  const plain = structure(file);
  const data = parse(file) as Tree;
  let taken = 0;
  for (const nasty of NASTY) {
    for (const { place, text: edited } of editions(data, nasty)) {
      // Refused, mostly; what is taken (a quoted name, a text elsewhere) changes no statement's structure.
      if (findProblems(edited).length > 0) continue;
      taken++;
      let found: string[];
      try {
        found = structure(edited);
      } catch (error) {
        expect((error as Error).message, `${place} = ${nasty}`).toContain('Not a Snowflake name');
        continue;
      }
      if (/where|add\.TOTAL$/.test(place)) for (const sql of found) expect(sql).not.toMatch(/DROP|;/);
      else expect(found, `${place} = ${nasty}`).toEqual(plain);
    }
  }
  expect(taken).toBeGreaterThan(least);
});
