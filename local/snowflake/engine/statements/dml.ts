/** INSERT, UPDATE, DELETE, MERGE, TRUNCATE: what changes is first written apart, then laid over the table. */
import { coerce } from '../compile/casts.ts';
import { compileExpr } from '../compile/expressions.ts';
import { compileFrom } from '../compile/query.ts';
import { Scope, type Relation } from '../compile/scope.ts';
import { compilationError, duplicateMergeRow, invalidIdentifier, unsupported } from '../errors.ts';
import type { Assignment, Expr, From, MergeWhen, Name, Statement } from '../parse/ast.ts';
import { smallResult, STATEMENT_TYPE } from '../results.ts';
import type { Connection } from '../storage/duckdb.ts';
import { columnIds, qualifiedName, type Column, type Table } from '../storage/table.ts';
import { visibleSql, type Overlay } from '../storage/transaction.ts';
import * as types from '../types.ts';
import { resultColumn } from '../types.ts';
import { assigned, checkNotNull, checkRandom, defaultOf, isDefault, targetColumns } from './assign.ts';
import { columnsOf } from './context.ts';
import { prepareInsert } from './insert.ts';
import type { Prepared, Run } from './run.ts';
import { statusPrepared, write } from './transactions.ts';

type Dml = Extract<Statement, { k: 'insert' | 'update' | 'delete' | 'merge' | 'truncate' }>;

export function prepareDml(statement: Dml, run: Run): Prepared {
  switch (statement.k) {
    case 'insert':
      return prepareInsert(statement, run);
    case 'update':
      return prepareUpdate(statement, run);
    case 'delete':
      return prepareDelete(statement, run);
    case 'merge':
      return prepareMerge(statement, run);
    case 'truncate':
      return prepareTruncate(statement, run);
  }
}

/** A DML result: one row of counts. */
export function countsPrepared(
  run: Run,
  statementTypeId: number,
  names: string[],
  work: () => Promise<number[]>,
): Prepared {
  const type = types.fixed(19);
  return {
    needsWarehouse: true,
    statementTypeId,
    readOnly: false,
    columns: () => names.map((n) => resultColumn(n, type, false)),
    execute: async () => {
      const counts = await work();
      const columns = names.map((n): [string, types.SqlType] => [n, type]);
      return smallResult(run.core, run.queryId, run.host.owner, columns, [counts.map(String)], statementTypeId);
    },
  };
}

/** The table that a DML changes, as the session sees it, with its hidden columns in reach of our own SQL. */
function target(name: Name, alias: string | null, run: Run): { table: Table; relation: Relation; sql: string } {
  const { core, host } = run;
  const table = core.catalog.writable(name, host);
  run.scanned.add(qualifiedName(table));
  run.named.add(qualifiedName(table));
  const path = alias === null ? [table.database, table.schema, table.name] : [alias];
  const relation: Relation = { alias: `r${core.fresh()}`, path, columns: columnsOf(table) };
  const rows = visibleSql(table, host.transaction?.overlays.get(table), host.unseen());
  return { table, relation, sql: `(${rows}) ${relation.alias}` };
}

function joined(
  t: { relation: Relation; sql: string },
  from: From | null,
  where: Expr | null,
  run: Run,
): { scope: Scope; sql: string } {
  const other = from ? compileFrom(from, run.cx, null) : null;
  const scope = new Scope([t.relation, ...(other?.relations ?? [])], null);
  const condition = where
    ? ` WHERE ${coerce(compileExpr(where, scope, run.cx), types.BOOLEAN, run.cx.formats).sql}`
    : '';
  return { scope, sql: `FROM ${t.sql}${other ? `, ${other.sql}` : ''}${condition}` };
}

/** New images of a table's columns: assigned ones by their expression, the others as they are. */
function images(table: Table, set: Assignment[], relation: Relation, scope: Scope, run: Run): string[] {
  const byColumn = new Map<Column, Expr>();
  for (const { column, value: e } of set) {
    const found = table.columns.find((c) => c.name === column);
    if (!found) throw invalidIdentifier(column);
    checkRandom(e);
    if (byColumn.has(found)) throw compilationError('002025', '42S21', `duplicate column name '${column}'`);
    byColumn.set(found, e);
  }
  return table.columns.map((column) => {
    const e = byColumn.get(column);
    if (!e) return `${relation.alias}.${column.id}`;
    return assigned(isDefault(e) ? defaultOf(column, run.cx) : compileExpr(e, scope, run.cx), column, run.cx);
  });
}

const own = (r: Relation): string => `${r.alias}.__rid, ${r.alias}.__own, ${r.alias}.__b`;

/** Ends the rows of a scratch table; those of the own transaction simply go. */
async function end(c: Connection, overlay: Overlay, scratch: string): Promise<void> {
  await c.run(
    `DELETE FROM ${overlay.fresh} WHERE __rid IN (SELECT __rid FROM ${scratch} WHERE __own);
     INSERT INTO ${overlay.ended} SELECT __rid FROM ${scratch} WHERE NOT __own;`,
  );
}

async function withScratch<T>(c: Connection, run: Run, sql: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = `tx.s${run.core.fresh()}`;
  await c.run(`CREATE TABLE ${scratch} AS ${sql}`);
  const done = await work(scratch);
  await c.run(`DROP TABLE ${scratch}`);
  return done;
}

function prepareUpdate(statement: Extract<Dml, { k: 'update' }>, run: Run): Prepared {
  const t = target(statement.name, statement.alias, run);
  const from = joined(t, statement.from, statement.where, run);
  const list = images(t.table, statement.set, t.relation, from.scope, run).map(
    (sql, i) => `${sql} AS ${t.table.columns[i]!.id}`,
  );
  const distinct = statement.from ? `DISTINCT ON (${t.relation.alias}.__rid) ` : '';
  const sql = `SELECT ${distinct}${own(t.relation)}, ${list.join(', ')} ${from.sql}`;
  const names = ['number of rows updated', 'number of multi-joined rows updated'];
  return countsPrepared(run, STATEMENT_TYPE.update, names, () =>
    write(run, t.table, true, (c, overlay) =>
      withScratch(c, run, sql, async (scratch) => {
        await checkNotNull(c, t.table, scratch);
        await end(c, overlay, scratch);
        const ids = columnIds(t.table);
        await c.run(`INSERT INTO ${overlay.fresh} (${ids}, __rid, __b) SELECT ${ids}, __rid, __b FROM ${scratch}`);
        return [await c.count(`SELECT count(*) FROM ${scratch}`), 0];
      }),
    ),
  );
}

function prepareDelete(statement: Extract<Dml, { k: 'delete' }>, run: Run): Prepared {
  const t = target(statement.name, statement.alias, run);
  const from = joined(t, statement.using, statement.where, run);
  const sql = `SELECT DISTINCT ${own(t.relation)} ${from.sql}`;
  return countsPrepared(run, STATEMENT_TYPE.delete, ['number of rows deleted'], () =>
    write(run, t.table, true, (c, overlay) =>
      withScratch(c, run, sql, async (scratch) => {
        await end(c, overlay, scratch);
        return [await c.count(`SELECT count(*) FROM ${scratch}`)];
      }),
    ),
  );
}

/** Ends every row, those of other sessions' commits included. */
export async function clear(c: Connection, run: Run, table: Table, overlay: Overlay): Promise<void> {
  const rows = visibleSql(table, overlay, run.host.unseen());
  await c.run(
    `INSERT INTO ${overlay.ended} SELECT __rid FROM (${rows}) WHERE NOT __own; DELETE FROM ${overlay.fresh};`,
  );
}

function prepareTruncate(statement: Extract<Dml, { k: 'truncate' }>, run: Run): Prepared {
  const { catalog } = run.core;
  const missing = statement.ifExists && catalog.find(statement.name, run.host) === null;
  const table = missing ? null : catalog.writable(statement.name, run.host);
  return statusPrepared(
    run,
    async () => {
      if (table) await write(run, table, true, (c, overlay) => clear(c, run, table, overlay));
      return 'Statement executed successfully.';
    },
    STATEMENT_TYPE.ddl,
  );
}

/** Which WHEN a joined row takes (the first that holds), or null. */
function choose(whens: MergeWhen[], rid: string, scope: Scope, run: Run): string {
  const cases = whens.map((w, i) => {
    const side = `${rid} IS ${w.matched ? 'NOT ' : ''}NULL`;
    const and = w.and ? ` AND ${coerce(compileExpr(w.and, scope, run.cx), types.BOOLEAN, run.cx.formats).sql}` : '';
    return `WHEN ${side}${and} THEN ${i}`;
  });
  return `CASE ${cases.join(' ')} END`;
}

function insertImages(when: Extract<MergeWhen, { matched: false }>, table: Table, scope: Scope, run: Run): string[] {
  const columns = targetColumns(table, when.columns);
  if (columns.length !== when.values.length)
    throw compilationError(
      '002020',
      '21S01',
      `Insert value list does not match column list expecting ${columns.length} but got ${when.values.length}`,
    );
  when.values.forEach(checkRandom);
  return table.columns.map((column) => {
    const e = when.values[columns.indexOf(column)];
    if (!e && column.identity) throw unsupported('MERGE that inserts into a table with an identity column');
    const v = !e || isDefault(e) ? defaultOf(column, run.cx) : compileExpr(e, scope, run.cx);
    return assigned(v, column, run.cx);
  });
}

function prepareMerge(statement: Extract<Dml, { k: 'merge' }>, run: Run): Prepared {
  const { cx } = run;
  const t = target(statement.name, statement.alias, run);
  const using = compileFrom(statement.using, cx, null);
  const scope = new Scope([t.relation, ...using.relations], null);
  const source = new Scope(using.relations, null);
  const on = coerce(compileExpr(statement.on, scope, cx), types.BOOLEAN, cx.formats).sql;
  const chosen = choose(statement.whens, `${t.relation.alias}.__rid`, scope, run);
  const perWhen = statement.whens.map((w) =>
    w.matched
      ? w.set === 'DELETE'
        ? null
        : images(t.table, w.set, t.relation, scope, run)
      : insertImages(w, t.table, source, run),
  );
  const columns = t.table.columns.map((column, i) => {
    const cases = perWhen.map((image, w) => (image ? `WHEN ${w} THEN ${image[i]}` : '')).join(' ');
    return cases.trim() === '' ? `NULL AS ${column.id}` : `CASE ${chosen} ${cases} END AS ${column.id}`;
  });
  const sql = `SELECT * FROM (SELECT ${own(t.relation)}, ${chosen} AS __when, ${columns.join(', ')}
    FROM ${using.sql} LEFT JOIN ${t.sql} ON ${on}) WHERE __when IS NOT NULL`;
  const of = (test: (w: MergeWhen) => boolean): string =>
    statement.whens.flatMap((w, i) => (test(w) ? [i] : [])).join(', ') || '-1';
  const kinds = [
    { name: 'number of rows inserted', whens: of((w) => !w.matched) },
    { name: 'number of rows updated', whens: of((w) => w.matched && w.set !== 'DELETE') },
    { name: 'number of rows deleted', whens: of((w) => w.matched && w.set === 'DELETE') },
  ];
  const shown = kinds.filter((k) => k.whens !== '-1');
  return countsPrepared(
    run,
    STATEMENT_TYPE.merge,
    shown.map((k) => k.name),
    () =>
      write(run, t.table, true, (c, overlay) =>
        withScratch(c, run, sql, async (scratch) => {
          const twice = `SELECT __rid FROM ${scratch} WHERE __rid IS NOT NULL GROUP BY __rid HAVING count(*) > 1`;
          if ((await c.count(`SELECT count(*) FROM (${twice})`)) > 0) throw duplicateMergeRow();
          await checkNotNull(c, t.table, scratch, ` WHERE __when NOT IN (${kinds[2]!.whens})`);
          await end(c, overlay, scratch);
          const ids = columnIds(t.table);
          await c.run(
            `INSERT INTO ${overlay.fresh} (${ids}, __rid, __b) SELECT ${ids}, __rid, __b FROM ${scratch} WHERE __when IN (${kinds[1]!.whens})`,
          );
          await c.run(
            `INSERT INTO ${overlay.fresh} (${ids}, __rid, __b) SELECT ${ids}, ${firstRowId(run)} + row_number() OVER (), TRUE FROM ${scratch} WHERE __when IN (${kinds[0]!.whens})`,
          );
          const counts: number[] = [];
          for (const kind of shown)
            counts.push(await c.count(`SELECT count(*) FROM ${scratch} WHERE __when IN (${kind.whens})`));
          return counts;
        }),
      ),
  );
}

/** Each inserting statement numbers its rows in a range of its own. */
export const firstRowId = (run: Run): bigint => BigInt(run.core.fresh()) << 34n;
