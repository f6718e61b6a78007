/**
 * The text of a window's scan: a pure function of the request, so that a window can be read again and must give the same.
 *
 * The order is total: bucket, key, action, row id, and all columns where there is no row id. The inner names ("C0", "K",
 * "A", "R") keep the outer ones free of the table's own.
 */
import { SnowmeltError } from '../../errors.ts';
import type { ScanRequest } from '../../protocol/ports.ts';
import { castAll, keyText } from './casts.ts';
import { qualified, timestamp } from './literals.ts';

/** @throws TYPE_UNSUPPORTED, KEY_INVALID */
export function scanStatement(request: ScanRequest): string {
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
