/**
 * Statements of query sources: the copy of what a query gives, its measure, and a window's text over copies. The user's
 * query stands in parentheses, checked to be one SELECT; names are quoted; cursors are literals of a checked form.
 */
import { selectProblem } from '../../config/select.ts';
import { SnowmeltError } from '../../errors.ts';
import type { ScanRequest, Since, StageRequest } from '../../protocol/ports/snowflake.ts';
import type { Column, ObjectName } from '../../protocol/window.ts';
import { keyText, plainCells } from './cells.ts';
import { identifier, literal, qualified } from './literals.ts';

const dayMs = 86_400_000;

/** The query as a relation. @throws QUERY_INVALID */
export function relation(text: string): string {
  const problem = selectProblem(text);
  if (problem !== null) throw new SnowmeltError('QUERY_INVALID', `The query ${problem}.`);
  // On lines of its own: a comment at its end does not swallow the parenthesis.
  return `(\n${text}\n)`;
}

/** Asked only for its columns: what is not a relation of differently named columns is refused. */
export function columnsStatement(text: string): string {
  return `SELECT * FROM ${relation(text)}`;
}

/** The copy: transient and without history, since it never changes. */
export function stageStatement({ table, layout, since, comment }: StageRequest): string {
  const query = layout.query!;
  return [
    `CREATE TRANSIENT TABLE ${qualified(table)} DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = ${literal(comment)} AS`,
    `SELECT * FROM ${relation(query.text)}`,
    ...(since === null ? [] : [`WHERE ${later(since, query.lag, layout.key)}`]),
  ].join('\n');
}

/**
 * Rows at or after the cursor less the lag: ties come again and are told apart by the copy before. Rows without a cursor are
 * always looked at, and those that had none the last time are found by key, wherever their cursor stands now.
 */
function later(since: Since, lag: number, key: readonly string[]): string {
  const cursor = identifier(since.column.name);
  const conditions = [`${cursor} >= ${floorOf(since, lag)}`, `${cursor} IS NULL`];
  if (since.undated !== null) {
    const names = key.map(identifier).join(', ');
    const undated = `SELECT ${names} FROM ${qualified(since.undated)} WHERE ${cursor} IS NULL`;
    conditions.push(key.length === 1 ? `${names} IN (${undated})` : `(${names}) IN (${undated})`);
  }
  return conditions.join(' OR ');
}

/** Never below what the last window was read from: only from there on its copy knows what was sent. */
function floorOf({ column, cursor }: Since, lag: number): string {
  const value = cursorLiteral(column, cursor.value);
  let from = value;
  if (lag > 0) {
    if (column.type === 'NUMBER') from = `${value} - ${whole(lag)}`;
    else if (column.type === 'DATE') from = `DATEADD('DAY', ${-Math.ceil(lag / dayMs)}, ${value})`;
    else from = `DATEADD('MILLISECOND', ${-whole(lag)}, ${value})`;
  }
  return cursor.floor === null ? from : `GREATEST(${from}, ${cursorLiteral(column, cursor.floor)})`;
}

/** Rows "N", different keys "D", cursor "V", floor "F" and rows without a cursor "U" of a copy; one row. */
export function measureStatement(
  { table, layout, since }: StageRequest,
  columns: readonly Column[],
  to: string,
): string {
  const { mode, cursor, lag } = layout.query!;
  const count = 'TO_VARCHAR(COUNT(*)) AS "N"';
  if (mode === 'bulk') {
    const keys = `TO_VARCHAR(COUNT(DISTINCT ${keyText(layout.key, plainCells(columns))})) AS "D"`;
    return `SELECT ${count}, ${keys} FROM ${qualified(table)}`;
  }
  const column = columns.find(({ name }) => name === cursor)!;
  const name = identifier(column.name);
  let value = `MAX(${instant(column)})`;
  // A time ahead of the window would leave rows behind that are still to come.
  if (mode === 'timestamp') {
    value = `MAX(IFF(${instant(column)} <= ${timeLiteral(column, to)}, ${instant(column)}, NULL))`;
  }
  if (since !== null) {
    const before = cursorLiteral(column, since.cursor.value);
    value = `COALESCE(GREATEST(${value}, ${before}), ${before})`;
  }
  const floor = since === null ? 'NULL' : cursorText(column, floorOf(since, lag));
  return (
    `SELECT ${count}, ${cursorText(column, value)} AS "V", ${floor} AS "F", ` +
    `TO_VARCHAR(COUNT(*) - COUNT(${name})) AS "U" FROM ${qualified(table)}`
  );
}

/** A window's text: all of the copy, or what differs from an earlier one. @throws TYPE_UNSUPPORTED, KEY_INVALID */
export function stagedStatement({ kind, layout, columns, staged }: ScanRequest, bucket: string): string {
  const { table, base } = staged!;
  const { mode, cursor } = layout.query!;
  const cells = columns.map((_, index) => `"C${index}"`);
  const ordered = mode !== 'bulk';
  // What is compared: key, cells, texts as bytes, and where rows are only added, the cursor as it is.
  const compared = ['"K"', ...cells, '"V"', ...(ordered ? ['"X"'] : [])].join(', ');
  const read = (from: ObjectName, its: readonly Column[]) =>
    `SELECT ${compared} FROM (SELECT ${[
      `${keyText(layout.key, plainCells(its))} AS "K"`,
      ...columns.map((column, index) => `${castOf(column.name, its)} AS ${cells[index]!}`),
      `${fingerprint(columns, its)} AS "V"`,
      ...(ordered ? [`${instant(its.find(({ name }) => name === cursor)!)} AS "X"`] : []),
    ].join(', ')} FROM ${qualified(from)})`;
  const rows = (from: string, action: string) => `SELECT ${compared}, '${action}' AS "A" FROM ${from}`;
  const order = [bucket, `TO_BINARY("K", 'UTF-8')`, '"A"', ...(ordered ? ['"X" NULLS FIRST'] : []), '"V"', ...cells];
  const picked = `SELECT ${[...cells, '"K"', '"A"', 'NULL AS "R"', `TO_VARCHAR(${bucket}) AS "B"`].join(', ')}`;
  const sorted = `ORDER BY ${order.join(', ')}`;
  if (kind === 'snapshot' || base === null) {
    return [picked, `FROM (${rows(`(${read(table, columns)})`, 'INSERT')})`, sorted].join('\n');
  }
  const numbered = (from: string) =>
    ordered
      ? `SELECT ${compared}, ROW_NUMBER() OVER (PARTITION BY ${compared} ORDER BY "K") AS "D" FROM (${from})`
      : from;
  return [
    `WITH "IS" AS (${numbered(read(table, columns))}),`,
    `"WAS" AS (${numbered(read(base.table, base.columns))})`,
    picked,
    `FROM (${rows('(SELECT * FROM "IS" EXCEPT SELECT * FROM "WAS")', 'INSERT')}`,
    ...(ordered ? [] : [`UNION ALL ${rows('(SELECT * FROM "WAS" EXCEPT SELECT * FROM "IS")', 'DELETE')}`]),
    `)`,
    sorted,
  ].join('\n');
}

/** With a collation two texts may be equal that are not the same: their bytes are compared as well. */
function fingerprint(columns: readonly Column[], its: readonly Column[]): string {
  const texts = columns.filter(({ type }) => type === 'VARCHAR').map(({ name }) => castOf(name, its));
  return texts.length === 0 ? `''` : `MD5(TO_JSON(ARRAY_CONSTRUCT(${texts.join(', ')})))`;
}

/** A column that the earlier copy did not have is NULL in it. */
function castOf(name: string, columns: readonly Column[]): string {
  const column = columns.find((each) => each.name === name);
  return column === undefined ? 'CAST(NULL AS VARCHAR)' : plainCells([column])[0]!.text;
}

const nanoseconds = 'YYYY-MM-DD HH24:MI:SS.FF9';
const moment = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{9}$/;

/** The text that a cursor is kept as: digits, a date, or a time with nine decimals, in UTC where it has a zone. */
function cursorText({ type }: Column, value: string): string {
  switch (type) {
    case 'NUMBER':
      return `TO_VARCHAR(${value})`;
    case 'DATE':
      return `TO_VARCHAR(${value}, 'YYYY-MM-DD')`;
    case 'TIMESTAMP_NTZ':
      return `TO_VARCHAR(${value}, '${nanoseconds}')`;
    default:
      return `TO_VARCHAR(CONVERT_TIMEZONE('UTC', ${value}), '${nanoseconds}')`;
  }
}

export function isCursorText(type: string, text: string): boolean {
  return ({ NUMBER: /^-?\d{1,38}(?:\.\d{1,37})?$/, DATE: /^\d{4}-\d{2}-\d{2}$/ }[type] ?? moment).test(text);
}

/** The literal of such a text. What is not of the form gets into no statement. */
function cursorLiteral({ type, scale }: Column, text: string): string {
  if (!isCursorText(type, text))
    throw new SnowmeltError('STATE_DISAGREES', 'The cursor in the window log is not of its form');
  if (type === 'NUMBER') return `'${text}'::NUMBER(38,${whole(scale ?? 0)})`;
  if (type === 'DATE' || type === 'TIMESTAMP_NTZ') return `'${text}'::${type}`;
  return `'${text} +00:00'::TIMESTAMP_LTZ`;
}

/** Times with a zone of their own are compared as instants. */
function instant({ name, type }: Column): string {
  return type === 'TIMESTAMP_TZ' ? `${identifier(name)}::TIMESTAMP_LTZ` : identifier(name);
}

/** The end of a window as a cursor of that column. */
function timeLiteral(column: Column, to: string): string {
  const text = column.type === 'DATE' ? to.slice(0, 10) : `${to.slice(0, -1).replace('T', ' ')}000000`;
  return cursorLiteral(column, text);
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SnowmeltError('UNEXPECTED', 'Not a whole number');
}
