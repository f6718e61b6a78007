/**
 * The text of a window's scan: a pure function of the request, so that a window can be read again and must give the same.
 *
 * The order is total: bucket, key, action, row id, and all columns where rows have no id, or may have none: those of a stage. The inner names ("C0", "K",
 * "A", "R") keep the outer ones free of the table's own.
 */
import { SnowmeltError } from '../../errors.ts';
import type { ScanRequest } from '../../protocol/ports.ts';
import type { Shape } from '../../protocol/window.ts';
import { refuseUntracked } from './casts.ts';
import { cellsOf, keyText } from './cells.ts';
import { literal, qualified, timestamp } from './literals.ts';
import { stagedStatement } from './query.ts';
import { stageMetadata } from './stream.ts';

/** @throws TYPE_UNSUPPORTED, KEY_INVALID, COLUMN_MISSING */
export function scanStatement(request: ScanRequest): string {
  if (request.staged && request.layout.query) return stagedStatement(request, bucketOf(request.layout.partitions));
  return request.results ? lateStatement(request, request.results) : windowStatement(request);
}

function windowStatement(request: ScanRequest): string {
  const { layout } = request;
  const { names, values, bucket, filtered } = partsOf(request);
  const table = qualified(layout.object);
  const snapshot = request.kind === 'snapshot';
  const staged = request.staged?.table;
  const [meta, from] = staged
    ? [stageMetadata, qualified(staged)]
    : snapshot
      ? [[`'INSERT' AS "A"`, 'NULL AS "R"'], `${table} AT(TIMESTAMP => ${timestamp(request.to)})`]
      : [['METADATA$ACTION AS "A"', 'METADATA$ROW_ID AS "R"'], `${table} ${changes(request)}`];
  const order = [bucket, keyOrder, '"A"', ...(snapshot ? [] : ['"R"']), ...(snapshot || staged ? names : [])];
  return [
    `SELECT ${[...names, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`,
    `FROM (SELECT ${[...values, ...meta].join(', ')}`,
    `FROM ${filtered(from)})`,
    ...(snapshot ? [] : skipped(layout.shape?.skip ?? [])),
    `ORDER BY ${order.join(', ')}`,
  ].join('\n');
}

/** What statements have in common: cells and key, as names and as values, the bucket, and which rows count. */
function partsOf({ layout, columns }: ScanRequest) {
  const cells = cellsOf(layout, columns);
  refuseUntracked(
    cells.map(({ column }) => column),
    layout.information,
  );
  const names = cells.map((_, index) => `"C${index}"`);
  const values = cells.map(({ text }, index) => `${text} AS ${names[index]!}`);
  const where = layout.shape?.where ?? null;
  return {
    names,
    values: [...values, `${keyText(layout.key, cells)} AS "K"`],
    bucket: bucketOf(layout.partitions),
    // Inside, where the condition can't mean the names given here.
    filtered: (from: string) => (where === null ? from : `(SELECT * FROM ${from} WHERE (${where}))`),
  };
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
  const { layout, to } = request;
  const { names, values, bucket, filtered } = partsOf(request);
  const all = [...names, '"K"', '"A"', '"R"', '"B"'].join(', ');
  const result = (queryId: string) => `SELECT ${all} FROM TABLE(RESULT_SCAN(${literal(queryId)}))`;
  const total = [keyOrder, '"A"', '"R"', ...names].join(', ');
  const known = `WITH "WAS" AS (${result(was)}), "IS" AS (${result(is)})`;
  const picked = `SELECT ${[...names, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`;
  const order = `ORDER BY ${bucket}, ${total}`;
  if (layout.information === 'APPEND_ONLY') {
    return [known, picked, `FROM (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS")`, order].join('\n');
  }
  const cells = names.join(', ');
  return [
    `${known},`,
    `"D" AS (SELECT DISTINCT "K" FROM ((SELECT * FROM "WAS" EXCEPT SELECT * FROM "IS") UNION ALL (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS"))),`,
    `"T" AS (SELECT ${values.join(', ')} FROM ${filtered(`${qualified(layout.object)} AT(TIMESTAMP => ${timestamp(to)})`)}),`,
    `"S" AS (SELECT ${cells}, "K", 'INSERT' AS "A", NULL AS "R" FROM "T" WHERE "K" IN (SELECT "K" FROM "D")),`,
    `"G" AS (SELECT ${cells}, "K", 'DELETE' AS "A", NULL AS "R" FROM (SELECT * FROM "WAS" UNION ALL SELECT * FROM "IS")`,
    `WHERE "K" IN (SELECT "K" FROM "D") AND "K" NOT IN (SELECT "K" FROM "S")`,
    `QUALIFY ROW_NUMBER() OVER (PARTITION BY "K" ORDER BY ${['"A"', ...names].join(', ')}) = 1)`,
    picked,
    `FROM (SELECT * FROM "S"${layout.shape?.skip.includes('delete') === true ? '' : ' UNION ALL SELECT * FROM "G"'})`,
    order,
  ].join('\n');
}

/** Bytes, not characters: no collation has a say. */
const keyOrder = `TO_BINARY("K", 'UTF-8')`;

/** The changes in (from, to]. */
function changes({ layout, from, to }: ScanRequest): string {
  if (from === null || from >= to) throw new SnowmeltError('UNEXPECTED', `Not a window: from ${String(from)} to ${to}`);
  return (
    `CHANGES(INFORMATION => ${layout.information}) ` +
    `AT(TIMESTAMP => ${timestamp(from)}) END(TIMESTAMP => ${timestamp(to)})`
  );
}

function bucketOf(partitions: number): string {
  if (Number.isSafeInteger(partitions) && partitions > 0) return `MOD(MD5_NUMBER_LOWER64("K"), ${partitions})`;
  throw new SnowmeltError('UNEXPECTED', 'Not a partition count');
}
