/**
 * The text of a window's scan: a pure function of the request, so that a window can be read again and must give the same.
 *
 * The order is total: bucket, key, action, row id, and all columns where rows have no id, or may have none: those of a stage. The inner names ("C0", "K",
 * "A", "R") keep the outer ones free of the table's own.
 */
import { SnowmeltError } from '../../errors.ts';
import type { ScanRequest, SnapshotCopyRequest } from '../../protocol/ports/snowflake.ts';
import type { Column, Layout, Shape } from '../../protocol/window.ts';
import { empties, refuseUntracked } from './casts.ts';
import { cellsOf, keyText } from './cells.ts';
import { part } from './keys.ts';
import { literal, qualified, timestamp } from './literals.ts';
import { stagedStatement } from './query.ts';
import { stageMetadata } from './stream.ts';

/** @throws TYPE_UNSUPPORTED, KEY_INVALID, COLUMN_MISSING */
export function scanStatement(request: ScanRequest): string {
  if (request.staged && request.layout.query) return stagedStatement(request, bucketOf(request.layout.partitions));
  if (request.results) return lateStatement(request, request.results);
  return request.keys ? keyedStatement(request, request.keys) : windowStatement(request);
}

function windowStatement(request: ScanRequest): string {
  const { layout } = request;
  const { names, values, bucket, filtered } = partsOf(request);
  const snapshot = request.kind === 'snapshot' || typeof request.where === 'string';
  const { from, metadata } = rowsOf(request, snapshot, filtered);
  const order = [bucket, keyOrder, '"A"', ...(snapshot ? [] : ['"R"']), ...(snapshot || request.staged ? names : [])];
  return [
    `SELECT ${[...names, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`,
    `FROM (SELECT ${[...values, ...metadata].join(', ')}`,
    `FROM ${from})`,
    ...(snapshot ? [] : skipped(layout.shape?.skip ?? [])),
    `ORDER BY ${order.join(', ')}`,
  ].join('\n');
}

/** What a window's rows come from: a stream's stage, the copy of a table, the table as of a time, or its changes. */
function rowsOf(request: ScanRequest, snapshot: boolean, filtered: (from: string) => string) {
  const { layout, staged } = request;
  const inserted = [`'INSERT' AS "A"`, 'NULL AS "R"'];
  if (staged && layout.stream) return { from: filtered(qualified(staged.table)), metadata: stageMetadata };
  // A copy has the rows that count, as they were told apart when it was made.
  if (staged) return { from: qualified(staged.table), metadata: inserted };
  const table = qualified(layout.object);
  if (snapshot) return { from: filtered(`${table} ${at(request.to)}`), metadata: inserted };
  const metadata = ['METADATA$ACTION AS "A"', 'METADATA$ROW_ID AS "R"'];
  return { from: filtered(`${table} ${changes(request)}`), metadata };
}

/**
 * The copy of a table at a time: its rows that count, by bucket and key, so that ranges of it lie together. Transient and without
 * history, since it never changes. Masks are for what leaves Snowflake; here the key is sorted by as it is.
 */
export function copyStatement({ table, layout, columns, to, comment }: SnapshotCopyRequest): string {
  const shape = layout.shape ? { ...layout.shape, masks: [] } : null;
  const key = keyText(layout.key, cellsOf({ ...layout, shape }, columns));
  return [
    `CREATE TRANSIENT TABLE ${qualified(table)} DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = ${literal(comment)} AS`,
    `SELECT * FROM ${filteredBy(layout, `${qualified(layout.object)} ${at(to)}`)}`,
    `ORDER BY ${bucketOf(layout.partitions, key)}, TO_BINARY(${key}, 'UTF-8')`,
  ].join('\n');
}

/** How many keys have more than one row, of the rows that would be sent. */
export function duplicatesStatement(layout: Layout, columns: Column[]): string {
  const key = keyText(layout.key, cellsOf(layout, columns));
  const rows = filteredBy(layout, qualified(layout.object));
  return [
    'SELECT TO_VARCHAR(COUNT(*)) AS "N"',
    `FROM (SELECT "K" FROM (SELECT ${key} AS "K" FROM ${rows}) GROUP BY "K" HAVING COUNT(*) > 1)`,
  ].join('\n');
}

/** What statements have in common: cells and key, as names and as values, the bucket, and which rows count. */
function partsOf({ layout, columns, where }: ScanRequest) {
  const cells = cellsOf(layout, columns);
  refuseUntracked(
    cells.map(({ column }) => column),
    layout.information,
  );
  const names = cells.map((_, index) => `"C${index}"`);
  const values = cells.map(({ text }, index) => `${text} AS ${names[index]!}`);
  return {
    cells,
    names,
    values: [...values, `${keyText(layout.key, cells)} AS "K"`],
    bucket: bucketOf(layout.partitions),
    filtered: (from: string) => filteredBy(layout, from, where),
  };
}

/** Inside, where the condition can't mean the names given here. */
function filteredBy({ shape }: Layout, from: string, where?: string | null): string {
  const conditions = [shape?.where, where].filter((each) => typeof each === 'string');
  if (conditions.length === 0) return from;
  return `(SELECT * FROM ${from} WHERE ${conditions.map((each) => `(${each})`).join(' AND ')})`;
}

/** Keys whose change is of a kind that is skipped. A second row of one action stays: it is a key that is not unique. */
function skipped(kinds: Shape['skip']): string[] {
  if (kinds.length === 0) return [];
  const over = 'OVER (PARTITION BY "K")';
  const lone = (action: string) => `COUNT(*) ${over} = 1 AND "A" = '${action}'`;
  const conditions = {
    create: lone('INSERT'),
    delete: lone('DELETE'),
    update: `COUNT(*) ${over} = 2 AND MIN("A") ${over} <> MAX("A") ${over}`,
  };
  return [`QUALIFY ${kinds.map((kind) => `NOT (${conditions[kind]})`).join(' AND ')}`];
}

/**
 * Repair of late commits, from two results of one window: what it was, and what it is now. Keys with other rows are sent
 * again as the table has them at `to`; one that it has not is a delete, with the image that either result knows. Append-only
 * sources get the rows that were missing.
 */
function lateStatement(request: ScanRequest, [was, is]: readonly [string, string]): string {
  const { layout } = request;
  const { names, bucket } = partsOf(request);
  const all = [...names, '"K"', '"A"', '"R"', '"B"'].join(', ');
  const result = (queryId: string) => `SELECT ${all} FROM TABLE(RESULT_SCAN(${literal(queryId)}))`;
  const known = `WITH "WAS" AS (${result(was)}), "IS" AS (${result(is)})`;
  if (layout.information === 'APPEND_ONLY') {
    return [known, ...ordered(`SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS"`, names, bucket)].join('\n');
  }
  const differing = `SELECT DISTINCT "K" FROM ((SELECT * FROM "WAS" EXCEPT SELECT * FROM "IS") UNION ALL (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS"))`;
  const gone =
    `SELECT ${names.join(', ')}, "K", 'DELETE' AS "A", NULL AS "R" FROM (SELECT * FROM "WAS" UNION ALL SELECT * FROM "IS")\n` +
    `WHERE "K" IN (SELECT "K" FROM "D") AND "K" NOT IN (SELECT "K" FROM "S")\n` +
    `QUALIFY ROW_NUMBER() OVER (PARTITION BY "K" ORDER BY ${['"A"', ...names].join(', ')}) = 1`;
  return [`${known},`, ...stateOf(request, differing, gone)].join('\n');
}

/**
 * Repair of listed keys, out of their result. Of one that the table does not have nothing else is known: columns that can't be
 * NULL get an empty value, for records that have a place for each column.
 */
function keyedStatement(request: ScanRequest, queryId: string): string {
  const { key } = request.layout;
  const { cells } = partsOf(request);
  const listed = ['"K"', ...key.map((_, index) => part(index))].join(', ');
  const known = cells.map(({ column: { name, type, nullable } }, index) => {
    const at = key.indexOf(name);
    const value = at >= 0 ? part(at) : nullable ? 'NULL' : literal(empties[type] ?? '');
    return `${value} AS "C${index}"`;
  });
  const distinct = `SELECT DISTINCT ${listed} FROM TABLE(RESULT_SCAN(${literal(queryId)}))`;
  const gone = `SELECT ${known.join(', ')}, "K", 'DELETE KEY' AS "A", NULL AS "R" FROM "D" WHERE "K" NOT IN (SELECT "K" FROM "S")`;
  const [first, ...rest] = stateOf(request, distinct, gone);
  return [`WITH ${first}`, ...rest].join('\n');
}

/**
 * The keys of "D" as the table has them at `to`, and those that it does not have as `gone` says, unless deletes are not told.
 * The lines after WITH.
 */
function stateOf(request: ScanRequest, keys: string, gone: string): string[] {
  const { layout, to } = request;
  const { names, values, bucket, filtered } = partsOf(request);
  const table = filtered(`${qualified(layout.object)} ${at(to)}`);
  const silent = layout.information === 'APPEND_ONLY' || layout.shape?.skip.includes('delete') === true;
  return [
    `"D" AS (${keys}),`,
    `"T" AS (SELECT ${values.join(', ')} FROM ${table}),`,
    `"S" AS (SELECT ${names.join(', ')}, "K", 'INSERT' AS "A", NULL AS "R" FROM "T" WHERE "K" IN (SELECT "K" FROM "D"))${silent ? '' : ','}`,
    ...(silent ? [] : [`"G" AS (${gone})`]),
    ...ordered(`SELECT * FROM "S"${silent ? '' : ' UNION ALL SELECT * FROM "G"'}`, names, bucket),
  ];
}

function ordered(rows: string, names: readonly string[], bucket: string): string[] {
  return [
    `SELECT ${[...names, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`,
    `FROM (${rows})`,
    `ORDER BY ${[bucket, keyOrder, '"A"', '"R"', ...names].join(', ')}`,
  ];
}

/** Bytes, not characters: no collation has a say. */
const keyOrder = `TO_BINARY("K", 'UTF-8')`;

function at(to: string): string {
  return `AT(TIMESTAMP => ${timestamp(to)})`;
}

/** The changes in (from, to]. */
function changes({ layout, from, to }: ScanRequest): string {
  if (from === null || from >= to) throw new SnowmeltError('UNEXPECTED', `Not a window: from ${String(from)} to ${to}`);
  return (
    `CHANGES(INFORMATION => ${layout.information}) ` +
    `AT(TIMESTAMP => ${timestamp(from)}) END(TIMESTAMP => ${timestamp(to)})`
  );
}

function bucketOf(partitions: number, key = '"K"'): string {
  if (Number.isSafeInteger(partitions) && partitions > 0) return `MOD(MD5_NUMBER_LOWER64(${key}), ${partitions})`;
  throw new SnowmeltError('UNEXPECTED', 'Not a partition count');
}
