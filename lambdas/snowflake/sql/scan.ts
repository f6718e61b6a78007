/**
 * The text of a window's scan: a pure function of the request, so that a window can be read again and must give the same.
 *
 * The order is total: bucket, key, action, row id, and all columns where there is no row id. The inner names ("C0", "K",
 * "A", "R") keep the outer ones free of the table's own.
 */
import { SnowmeltError } from '../../errors.ts';
import type { ScanRequest } from '../../protocol/ports.ts';
import { castAll, keyText, refuseUntracked } from './casts.ts';
import { literal, qualified, timestamp } from './literals.ts';

/** @throws TYPE_UNSUPPORTED, KEY_INVALID */
export function scanStatement(request: ScanRequest): string {
  refuseUntracked(request.columns, request.layout.information);
  return request.results ? lateStatement(request, request.results) : windowStatement(request);
}

function windowStatement(request: ScanRequest): string {
  const { layout, columns } = request;
  const cells = columns.map((_, index) => `"C${index}"`);
  const bucket = `MOD(MD5_NUMBER_LOWER64("K"), ${whole(layout.partitions)})`;
  const table = qualified(layout.object);
  const key = keyText(layout.key, columns);
  const values = castAll(columns).map((cast, index) => `${cast} AS ${cells[index]!}`);
  const [meta, from] =
    request.kind === 'snapshot'
      ? [[`'INSERT' AS "A"`, 'NULL AS "R"'], `${table} AT(TIMESTAMP => ${timestamp(request.to)})`]
      : [['METADATA$ACTION AS "A"', 'METADATA$ROW_ID AS "R"'], `${table} ${changes(request)}`];
  const order = request.kind === 'snapshot' ? [bucket, keyOrder, '"A"', ...cells] : [bucket, keyOrder, '"A"', '"R"'];
  return [
    `SELECT ${[...cells, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`,
    `FROM (SELECT ${[...values, `${key} AS "K"`, ...meta].join(', ')}`,
    `FROM ${from})`,
    `ORDER BY ${order.join(', ')}`,
  ].join('\n');
}

/**
 * Repair of late commits, from two results of one window: what it was, and what it is now. Keys with other rows are sent
 * again as the table has them at `to`; one that it has not is a delete, with the image that either result knows. Append-only
 * sources get the rows that were missing.
 */
function lateStatement({ layout, columns, to }: ScanRequest, [was, is]: readonly [string, string]): string {
  const cells = columns.map((_, index) => `"C${index}"`);
  const all = [...cells, '"K"', '"A"', '"R"', '"B"'].join(', ');
  const result = (queryId: string) => `SELECT ${all} FROM TABLE(RESULT_SCAN(${literal(queryId)}))`;
  const bucket = `MOD(MD5_NUMBER_LOWER64("K"), ${whole(layout.partitions)})`;
  const total = [keyOrder, '"A"', '"R"', ...cells].join(', ');
  const known = `WITH "WAS" AS (${result(was)}), "IS" AS (${result(is)})`;
  const picked = `SELECT ${[...cells, '"K"', '"A"', '"R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`;
  const order = `ORDER BY ${bucket}, ${total}`;
  if (layout.information === 'APPEND_ONLY') {
    return [known, picked, `FROM (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS")`, order].join('\n');
  }
  const values = castAll(columns).map((cast, index) => `${cast} AS ${cells[index]!}`);
  const key = keyText(layout.key, columns);
  return [
    `${known},`,
    `"D" AS (SELECT DISTINCT "K" FROM ((SELECT * FROM "WAS" EXCEPT SELECT * FROM "IS") UNION ALL (SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS"))),`,
    `"T" AS (SELECT ${[...values, `${key} AS "K"`].join(', ')} FROM ${qualified(layout.object)} AT(TIMESTAMP => ${timestamp(to)})),`,
    `"S" AS (SELECT ${cells.join(', ')}, "K", 'INSERT' AS "A", NULL AS "R" FROM "T" WHERE "K" IN (SELECT "K" FROM "D")),`,
    `"G" AS (SELECT ${cells.join(', ')}, "K", 'DELETE' AS "A", NULL AS "R" FROM (SELECT * FROM "WAS" UNION ALL SELECT * FROM "IS")`,
    `WHERE "K" IN (SELECT "K" FROM "D") AND "K" NOT IN (SELECT "K" FROM "S")`,
    `QUALIFY ROW_NUMBER() OVER (PARTITION BY "K" ORDER BY ${['"A"', ...cells].join(', ')}) = 1)`,
    picked,
    `FROM (SELECT * FROM "S" UNION ALL SELECT * FROM "G")`,
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

function whole(partitions: number): number {
  if (Number.isSafeInteger(partitions) && partitions > 0) return partitions;
  throw new SnowmeltError('UNEXPECTED', 'Not a partition count');
}
