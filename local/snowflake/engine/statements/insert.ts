/** INSERT: VALUES, SELECT, binds by the array, OVERWRITE. */
import type { Binding } from '../../contract.ts';
import { compileExpr } from '../compile/expressions.ts';
import { checkValues, compileQuery } from '../compile/query.ts';
import { Scope } from '../compile/scope.ts';
import { columnCount, invalidValue } from '../errors.ts';
import type { Expr, Statement } from '../parse/ast.ts';
import { STATEMENT_TYPE } from '../results.ts';
import type { Connection } from '../storage/duckdb.ts';
import { columnIds, qualifiedName, type Column, type Table } from '../storage/table.ts';
import type { Overlay } from '../storage/transaction.ts';
import { physicalType } from '../types.ts';
import { assigned, checkNotNull, checkRandom, defaultOf, isDefault, takeIdentity, targetColumns } from './assign.ts';
import { clear, countsPrepared, firstRowId } from './dml.ts';
import type { Prepared, Run } from './run.ts';
import { write } from './transactions.ts';

/** Rows of an array bind, and the scratch table they go to. */
type Bulk = { rows: number; table: string };
type Insert = Extract<Statement, { k: 'insert' }>;

export function prepareInsert(statement: Insert, run: Run): Prepared {
  const table = run.core.catalog.writable(statement.name, run.host);
  run.named.add(qualifiedName(table));
  const columns = targetColumns(table, statement.columns);
  const size = bulkSize(run.bindings);
  const bulk = size === null ? null : { rows: size, table: `b${run.core.fresh()}` };
  const sql = rowsSql(statement, table, columns, run, bulk);
  return countsPrepared(run, STATEMENT_TYPE.insert, ['number of rows inserted'], () =>
    write(run, table, statement.overwrite, async (c, overlay) => {
      if (bulk !== null) await loadBinds(c, run, bulk);
      if (statement.overwrite) await clear(c, run, table, overlay);
      const count = await append(c, run, table, overlay, sql);
      if (bulk !== null) await c.run(`DROP TABLE tx.${bulk.table}`);
      return [count];
    }),
  );
}

/** The rows to insert, every column of the table by its id. */
function rowsSql(statement: Insert, table: Table, columns: Column[], run: Run, bulk: Bulk | null): string {
  const { cx } = run;
  const { body } = statement.query;
  const arity = (actual: number): void => {
    if (actual !== columns.length) throw columnCount(columns.length, actual);
  };
  const filled = (of: (column: Column, at: number) => string): string[] =>
    table.columns.map((column) => {
      const at = columns.indexOf(column);
      return at >= 0 ? of(column, at) : assigned(defaultOf(column, cx), column, cx);
    });
  const named = (sqls: string[]): string => sqls.map((sql, i) => `${sql} AS ${table.columns[i]!.id}`).join(', ');
  if (body.k === 'rows') {
    checkValues(body.rows);
    body.rows.flat().forEach(checkRandom);
    const scope = new Scope([], null);
    const rows = body.rows.map((row) => {
      arity(row.length);
      return filled((column, at) => cell(row[at]!, column, scope, run));
    });
    if (bulk !== null) return `SELECT ${named(rows[0]!)} FROM tx.${bulk.table} bulk`;
    if (rows.length === 1) return `SELECT ${named(rows[0]!)}`;
    return `SELECT * FROM (VALUES ${rows.map((r) => `(${r.join(', ')})`).join(', ')}) v(${columnIds(table)})`;
  }
  const query = compileQuery(statement.query, cx, null);
  arity(query.columns.length);
  const of = (column: Column, at: number): string => {
    const { id, type, nullable } = query.columns[at]!;
    return assigned({ sql: `s.${id}`, type, nullable }, column, cx);
  };
  return `SELECT ${named(filled(of))} FROM (${query.sql}) s${bulk !== null ? `, tx.${bulk.table} bulk` : ''}`;
}

const cell = (e: Expr, column: Column, scope: Scope, run: Run): string =>
  assigned(isDefault(e) ? defaultOf(column, run.cx) : compileExpr(e, scope, run.cx), column, run.cx);

/** Writes rows as new ones; answers how many. */
export async function append(c: Connection, run: Run, table: Table, overlay: Overlay, sql: string): Promise<number> {
  const ids = columnIds(table);
  const first = firstRowId(run);
  await c.run(
    `INSERT INTO ${overlay.fresh} (${ids}, __rid, __b) SELECT ${ids}, ${first} + row_number() OVER (), TRUE FROM (${sql})`,
  );
  const mine = `__rid > ${first} AND __rid <= ${first + (1n << 34n)}`;
  const count = await c.count(`SELECT count(*) FROM ${overlay.fresh} WHERE ${mine}`);
  for (const column of table.columns.filter((col) => col.identity)) {
    const start = takeIdentity(column, count);
    await c.run(
      `UPDATE ${overlay.fresh} SET ${column.id} = CAST(${start} + (__rid - ${first} - 1) * ${column.identity!.step} AS ${physicalType(column.type)}) WHERE ${mine} AND ${column.id} IS NULL`,
    );
  }
  await checkNotNull(c, table, overlay.fresh, ` WHERE ${mine}`);
  return count;
}

/** Rows of an array bind, or null when the binds are single values. */
function bulkSize(bindings: Record<string, Binding>): number | null {
  const sizes = Object.values(bindings).flatMap((b) => (Array.isArray(b.value) ? [b.value.length] : []));
  if (sizes.length === 0) return null;
  if (sizes.some((n) => n !== sizes[0]) || sizes.length !== Object.keys(bindings).length)
    throw invalidValue('[bindings]: arrays of different lengths');
  return sizes[0]!;
}

async function loadBinds(c: Connection, run: Run, { rows, table }: Bulk): Promise<void> {
  const names = Object.keys(run.bindings);
  await c.run(`CREATE TABLE tx.${table} (${names.map((n) => `b${n} VARCHAR`).join(', ')})`);
  const columns = names.map((n) => run.bindings[n]!.value as (string | null)[]);
  const appender = await c.raw.createAppender(table, 'tx');
  for (let row = 0; row < rows; row++) {
    for (const column of columns) {
      const cell = column[row] ?? null;
      if (cell === null) appender.appendNull();
      else appender.appendVarchar(cell);
    }
    appender.endRow();
  }
  appender.closeSync();
}
