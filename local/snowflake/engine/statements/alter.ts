/** ALTER TABLE: columns, names, tracking, retention. Names are metadata; only new columns and types touch DuckDB. */
import { compileExpr } from '../compile/expressions.ts';
import { Scope } from '../compile/scope.ts';
import { compilationError, invalidIdentifier } from '../errors.ts';
import type { AlterAction, Statement, TableOptions } from '../parse/ast.ts';
import { currentTable, historyTable, type Column, type Table } from '../storage/table.ts';
import { physicalType, typeName, type SqlType } from '../types.ts';
import { assigned } from './assign.ts';
import { newColumn } from './ddl.ts';
import type { Run } from './run.ts';

export async function alterTable(statement: Extract<Statement, { k: 'alterTable' }>, run: Run): Promise<string> {
  const { core, host } = run;
  const table = statement.ifExists
    ? core.catalog.find(statement.name, host)
    : core.catalog.alterable(statement.name, host);
  if (table) await core.commit(host.id, (time) => apply(statement.action, table, run, time));
  return 'Statement executed successfully.';
}

async function apply(action: AlterAction, t: Table, run: Run, time: bigint): Promise<void> {
  const { catalog } = run.core;
  switch (action.k) {
    case 'addColumn':
      for (const def of action.columns) {
        if (action.ifNotExists && t.columns.some((c) => c.name === def.name)) continue;
        await addColumn(t, newColumn(t, def, run), run);
      }
      return;
    case 'dropColumn':
      for (const name of action.columns) {
        if (action.ifExists && !t.columns.some((c) => c.name === name)) continue;
        const column = columnOf(t, name);
        if (t.columns.length === 1)
          throw compilationError('002262', '42601', `Cannot drop the only column '${name}' of a table`);
        t.columns = t.columns.filter((c) => c !== column);
      }
      return;
    case 'renameColumn':
      if (t.columns.some((c) => c.name === action.to))
        throw compilationError('002028', '42601', `column '${action.to}' already exists`);
      columnOf(t, action.from).name = action.to;
      return;
    case 'setType':
      return setType(t, columnOf(t, action.column), action.type, run);
    case 'setNotNull':
      return setNotNull(t, columnOf(t, action.column), action.notNull, run);
    case 'setDefault': {
      const column = columnOf(t, action.column);
      column.default = column.defaultText = null;
      return;
    }
    case 'swap':
      return catalog.swap(t, catalog.writable(action.with, run.host));
    case 'rename':
      return catalog.rename(t, catalog.resolve(action.to, run.host));
    case 'options':
      return setOptions(t, action.options, time);
  }
}

function columnOf(t: Table, name: string): Column {
  const column = t.columns.find((c) => c.name === name);
  if (!column) throw invalidIdentifier(name);
  return column;
}

/** Old images are read with the current columns, so history gets the default too. */
async function addColumn(t: Table, column: Column, run: Run): Promise<void> {
  if (column.notNull && !column.default && t.rows > 0)
    throw compilationError(
      '002128',
      '42601',
      `Non-nullable column '${column.name}' cannot be added to non-empty table '${t.name}' unless it has a non-null default value.`,
    );
  await run.core.db.with(async (c) => {
    let otherwise = '';
    if (column.default) {
      const sql = assigned(compileExpr(column.default, new Scope([], null), run.cx), column, run.cx);
      const text = (await c.rows(`SELECT CAST(${sql} AS VARCHAR)`))[0]?.[0] ?? null;
      const literal = text === null ? 'NULL' : `'${String(text).replaceAll("'", "''")}'`;
      otherwise = ` DEFAULT CAST(${literal} AS ${physicalType(column.type)})`;
    }
    await c.transaction(async () => {
      for (const name of [currentTable(t), historyTable(t)])
        await c.run(`ALTER TABLE ${name} ADD COLUMN ${column.id} ${physicalType(column.type)}${otherwise}`);
    });
  });
  t.columns = [...t.columns, column];
}

/** Text may grow, a NUMBER may get more digits before the point. */
async function setType(t: Table, column: Column, type: SqlType, run: Run): Promise<void> {
  const from = column.type;
  const sameKind = from.kind === type.kind;
  const wider =
    (type.kind === 'text' && type.length >= from.length) ||
    (type.kind === 'binary' && type.length >= from.length) ||
    (type.kind === 'fixed' && type.scale === from.scale && type.precision >= from.precision) ||
    typeName(type) === typeName(from);
  if (!sameKind || !wider)
    throw compilationError(
      '002108',
      '22023',
      `cannot change column ${column.name} from type ${typeName(from)} to ${typeName(type)}`,
    );
  if (physicalType(type) !== physicalType(from))
    await run.core.db.with((c) =>
      c.transaction(async () => {
        for (const name of [currentTable(t), historyTable(t)])
          await c.run(`ALTER TABLE ${name} ALTER COLUMN ${column.id} SET DATA TYPE ${physicalType(type)}`);
      }),
    );
  column.type = type;
}

async function setNotNull(t: Table, column: Column, notNull: boolean, run: Run): Promise<void> {
  if (notNull) {
    const missing = await run.core.db.with((c) =>
      c.count(`SELECT count(*) FROM ${currentTable(t)} WHERE ${column.id} IS NULL`),
    );
    if (missing > 0)
      throw compilationError(
        '002729',
        '22000',
        `Column ${column.name} contains null values. Not null constraint cannot be added.`,
      );
  }
  column.notNull = notNull;
}

export function setOptions(t: Table, options: TableOptions, time: bigint): void {
  const open = t.tracking.find((i) => i.off === null);
  if (options.changeTracking === true && !open) t.tracking.push({ on: time, off: null });
  if (options.changeTracking === false && open) open.off = time;
  if (options.comment !== null) t.comment = options.comment;
  if (options.retentionDays !== null) {
    // What the old retention let go does not come back when it grows.
    const kept = time - BigInt(t.retentionDays) * 86_400_000_000_000n;
    if (kept > t.historyFrom) t.historyFrom = kept;
    t.retentionDays = options.retentionDays;
  }
}
