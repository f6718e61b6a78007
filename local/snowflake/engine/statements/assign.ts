/** Values on their way into columns: converted, measured, defaulted. */
import { coerce } from '../compile/casts.ts';
import type { CompileContext } from '../compile/context.ts';
import { compileExpr } from '../compile/expressions.ts';
import { Scope } from '../compile/scope.ts';
import { value, type Value } from '../compile/value.ts';
import { randomCalls } from '../compile/query.ts';
import { invalidIdentifier, nullIntoNotNull, stringTooLong, unsupported } from '../errors.ts';
import type { Expr } from '../parse/ast.ts';
import type { Connection } from '../storage/duckdb.ts';
import type { Column, Table } from '../storage/table.ts';
import { MAX_TEXT, NULL, physicalType } from '../types.ts';

/** DuckDB SQL of a value as a column keeps it. A text longer than the column is Snowflake's error 100078. */
export function assigned(v: Value, column: Column, cx: CompileContext): string {
  const { type } = column;
  const fits = v.type.kind === 'text' && type.kind === 'text' && v.type.length <= type.length;
  if (type.kind === 'text' && type.length < MAX_TEXT && !fits) {
    if (v.literal !== undefined && v.literal.length > type.length) throw stringTooLong(v.literal);
    const whole = coerce(v, { ...type, length: MAX_TEXT }, cx.formats).sql;
    const long = `sf_raise('100078', '22000', 'String ''' || ${whole} || ''' is too long and would be truncated')`;
    return `CAST(CASE WHEN length(${whole}) > ${type.length} THEN ${long} ELSE ${whole} END AS VARCHAR)`;
  }
  return `CAST(${coerce(v, type, cx.formats).sql} AS ${physicalType(type)})`;
}

const RANDOM_INSIDE = new Set(['+', '-', '*']);

/**
 * Outside of a SELECT a random function is computed where it stands, so it may stand only where its value is used once.
 */
export function checkRandom(e: Expr): void {
  if (randomCalls(e).length === 0 || (e.k === 'call' && randomCalls(e)[0] === e)) return;
  if (e.k === 'op' && RANDOM_INSIDE.has(e.op)) [e.left, e.right].forEach(checkRandom);
  else if (e.k === 'cast' && e.type.kind === 'fixed') checkRandom(e.of);
  else throw unsupported('random function inside another one, outside of SELECT');
}

export const isDefault = (e: Expr): boolean => e.k === 'column' && e.name.length === 1 && e.name[0] === 'DEFAULT';

/** A column's default, or NULL. */
export function defaultOf(column: Column, cx: CompileContext): Value {
  return column.default ? compileExpr(column.default, new Scope([], null), cx) : value('NULL', NULL);
}

export function targetColumns(table: Table, names: string[]): Column[] {
  if (names.length === 0) return table.columns;
  return names.map((name) => {
    const column = table.columns.find((c) => c.name === name);
    if (!column) throw invalidIdentifier(name);
    return column;
  });
}

/** Takes the next `count` numbers of an identity column; the first of them. */
export function takeIdentity(column: Column, count: number): bigint {
  const identity = column.identity!;
  const first = identity.next;
  identity.next += identity.step * BigInt(count);
  return first;
}

/** Throws if rows of a scratch table miss a value that their column must have. */
export async function checkNotNull(c: Connection, table: Table, scratch: string, where = ''): Promise<void> {
  const columns = table.columns.filter((col) => col.notNull);
  if (columns.length === 0) return;
  const tests = columns.map((col) => `count(*) FILTER (${col.id} IS NULL)`);
  const counts = (await c.rows(`SELECT ${tests.join(', ')} FROM ${scratch}${where}`))[0]!;
  const at = counts.findIndex((n) => Number(n) > 0);
  if (at >= 0) throw nullIntoNotNull(columns[at]!.name);
}
