/** What is asked of Snowflake for query sources: a query's columns, and what a staged copy holds. */
import { SnowmeltError } from '../errors.ts';
import type { ObjectFacts, StageFacts, StageRequest } from '../protocol/ports/snowflake.ts';
import type { Column, QueryCut } from '../protocol/window.ts';
import type { Ask } from './gate.ts';
import type { ResultColumn } from './session.ts';
import { columnsStatement, isCursorText, measureStatement } from './sql/query.ts';

/** A gated query is run this often whatever its tables' tokens say: half of it. */
const quietMs = 86_400_000;

/** By the type of the wire. Others go by their name in upper case. */
const names: Readonly<Record<string, string>> = { fixed: 'NUMBER', real: 'FLOAT', text: 'VARCHAR' };

/** A query is no object: it has no `created_on` and nothing to track. @throws QUERY_INVALID, OBJECT_MISSING */
export async function describeQuery(
  compile: (statement: string) => Promise<ResultColumn[]>,
  query: QueryCut,
): Promise<ObjectFacts> {
  let columns: Column[];
  try {
    columns = (await compile(columnsStatement(query.text))).map(resultColumn);
  } catch (error) {
    if (!(error instanceof SnowmeltError) || error.code !== 'SNOWFLAKE_STATEMENT') throw error;
    throw new SnowmeltError('QUERY_INVALID', error.message, { cause: error });
  }
  const doubled = columns.filter(({ name }, at) => columns.findIndex((each) => each.name === name) < at);
  if (doubled.length > 0) {
    const list = doubled.map(({ name }) => name).join(', ');
    throw new SnowmeltError('QUERY_INVALID', `Two columns of the query have the name ${list}.`);
  }
  return { createdOn: 'query', tracking: true, retentionMs: quietMs, columns };
}

export function resultColumn(column: ResultColumn): Column {
  const type = names[column.getType()] ?? column.getType().toUpperCase();
  const isNumber = type === 'NUMBER';
  return {
    name: column.getName(),
    type,
    precision: isNumber ? column.getPrecision() : null,
    scale: isNumber ? column.getScale() : null,
    nullable: column.isNullable(),
  };
}

/** @throws QUERY_INVALID for a cursor before year 0 or after 9999. */
export async function measureCopy(
  ask: Ask,
  request: StageRequest,
  columns: readonly Column[],
  to: string,
): Promise<StageFacts> {
  const [row] = await ask(measureStatement(request, columns, to));
  const rows = count(row?.N);
  if (request.layout.query!.mode === 'bulk') return { rows, keys: count(row?.D), cursor: null };
  const nulls = count(row?.U);
  const value = text(row?.V);
  if (value === null) return { rows, keys: null, cursor: null };
  const column = columns.find(({ name }) => name === request.layout.query!.cursor)!;
  if (!isCursorText(column.type, value)) {
    throw new SnowmeltError('QUERY_INVALID', `The greatest ${column.name} is out of what a cursor can be.`);
  }
  return { rows, keys: null, cursor: { value, floor: text(row?.F), nulls } };
}

/** The SDK gives NULL as null. */
function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function count(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new SnowmeltError('RESULT_MALFORMED', 'The measure of a staged copy lacks a number');
}
