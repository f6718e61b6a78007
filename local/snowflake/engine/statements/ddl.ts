/** CREATE, DROP, UNDROP and ALTER; streams are in `streams.ts`. Each commits the open transaction first and takes a commit time of its own. */
import { compileExpr } from '../compile/expressions.ts';
import { compileQuery, type CompiledQuery } from '../compile/query.ts';
import { Scope } from '../compile/scope.ts';
import { compilationError, existsAlready, insufficientPrivileges, missingObject } from '../errors.ts';
import type { ColumnDef, Create, Name, Query, Statement, TableOptions } from '../parse/ast.ts';
import { STATEMENT_TYPE } from '../results.ts';
import { kindOf, SYSTEM_DATABASE, type DatabaseEntry, type Resolved } from '../storage/catalog.ts';
import type { Connection } from '../storage/duckdb.ts';
import { importedDatabase } from '../storage/share.ts';
import { advance } from '../storage/stream.ts';
import {
  atSql,
  columnIds,
  createSql,
  currentSql,
  currentTable,
  qualifiedName,
  type Column,
  type Table,
} from '../storage/table.ts';
import * as types from '../types.ts';
import { alterTable } from './alter.ts';
import { firstRowId } from './dml.ts';
import { checkTime, timeOf } from './points.ts';
import type { Prepared, Run } from './run.ts';
import { createStage, dropStage } from './stages.ts';
import { createStream, dropStream } from './streams.ts';
import { refresh } from './dynamic.ts';
import { alterView, createView } from './views.ts';
import { eventColumns } from '../usage.ts';
import { commitOpen, consume, discard, statusPrepared } from './transactions.ts';
import { Transaction } from '../storage/transaction.ts';

type Ddl = Exclude<
  Statement,
  {
    k:
      | 'query'
      | 'insert'
      | 'update'
      | 'delete'
      | 'merge'
      | 'truncate'
      | 'begin'
      | 'commit'
      | 'rollback'
      | 'alterSession'
      | 'use'
      | 'set'
      | 'script'
      | 'show'
      | 'describe'
      | 'createRole'
      | 'alterWarehouse'
      | 'remove'
      | 'grant';
  }
>;

export function prepareDdl(statement: Ddl, run: Run): Prepared {
  const copies = statement.k === 'createTableAs' || statement.k === 'createDynamicTable';
  const query = copies ? compileAs(statement.query, run) : null;
  checkReadOnly(statement, run);
  const ddl = async (): Promise<string> => {
    await commitOpen(run.host);
    const status = await execute(statement, run, query);
    run.core.statements.set(run.queryId, { kind: 'ddl' });
    return status;
  };
  return statusPrepared(run, ddl, STATEMENT_TYPE.ddl, query !== null || statement.k === 'refresh');
}

/** The database SNOWFLAKE is nobody's to change, what is in one made from a share is its provider's. */
function checkReadOnly(statement: Ddl, { core, host }: Run): void {
  const { name } = statement;
  const whole = 'what' in statement && statement.what === 'DATABASE';
  const depth = 'what' in statement && statement.what === 'SCHEMA' ? 2 : 3;
  const database = whole || name.length >= depth ? name[0] : host.database;
  if (database === SYSTEM_DATABASE) throw insufficientPrivileges('database', SYSTEM_DATABASE);
  const imported = core.catalog.databases.get(database ?? '')?.origin !== undefined;
  if (imported && !whole) throw insufficientPrivileges('database', database!);
}

function execute(statement: Ddl, run: Run, query: CompiledQuery | null): Promise<string> {
  switch (statement.k) {
    case 'createTable':
      return create(run, statement.head, statement.name, statement.options, (t) => {
        t.columns = statement.columns.map((c) => newColumn(t, c, run));
        return Promise.resolve();
      });
    case 'createTableAs':
      return createAs(statement, run, query!);
    case 'createTableLike': {
      const like = run.core.catalog.table(statement.like, run.host);
      return create(run, statement.head, statement.name, statement.options, (t) => {
        copyColumns(t, like);
        return Promise.resolve();
      });
    }
    case 'cloneTable':
      return clone(statement, run);
    case 'createNamespace':
      return createNamespace(statement, run);
    case 'createView':
      return createView(statement, run);
    case 'alterView':
      return alterView(statement, run);
    case 'createExternalTable':
      return create(run, statement.head, statement.name, NO_OPTIONS, (t) => {
        t.external = true;
        const value = { ...statement.columns[0]!, name: 'VALUE', type: types.VARIANT };
        t.columns = [value, ...statement.columns].map((c) => newColumn(t, c, run));
        return Promise.resolve();
      });
    case 'createEventTable':
      return create(run, statement.head, statement.name, statement.options, (t) => {
        t.event = true;
        t.columns = eventColumns();
        t.nextColumn = t.columns.length;
        return Promise.resolve();
      });
    case 'createStage':
      return createStage(statement, run);
    case 'createDynamicTable':
      return createDynamic(statement, run, query!);
    case 'refresh':
      return refresh(statement, run);
    case 'createStream':
      return createStream(statement, run);
    case 'drop':
      if (statement.what === 'STREAM') return dropStream(statement, run);
      return statement.what === 'STAGE' ? dropStage(statement, run) : drop(statement, run);
    case 'undrop':
      return undrop(statement, run);
    case 'alterTable':
      return alterTable(statement, run);
  }
}

export function newColumn(t: Table, def: ColumnDef, run: Run): Column {
  if (t.columns.some((c) => c.name === def.name))
    throw compilationError('002025', '42S21', `duplicate column name '${def.name}'`);
  if (def.default) compileExpr(def.default, new Scope([], null), run.cx);
  const { name, type, notNull, primaryKey, comment } = def;
  const identity = def.identity ? { next: BigInt(def.identity.start), step: BigInt(def.identity.step) } : null;
  const id = `c${t.nextColumn++}`;
  return { id, name, type, notNull, default: def.default, defaultText: def.defaultText, primaryKey, identity, comment };
}

function copyColumns(t: Table, from: Table): void {
  t.columns = from.columns.map((c) => ({ ...c, identity: c.identity ? { ...c.identity } : null }));
  t.nextColumn = from.nextColumn;
}

/** Makes the table object, its DuckDB tables and its rows as one commit; `fill` sets columns, then may insert. */
async function create(
  run: Run,
  head: Create,
  name: Name,
  options: TableOptions,
  shape: (t: Table) => Promise<void>,
  fill?: (t: Table, c: Connection, time: bigint) => Promise<number>,
): Promise<string> {
  const { core, host } = run;
  const full = core.catalog.resolve(name, host);
  core.catalog.schema([full.database, full.schema], host);
  const existing = core.catalog.find(name, host);
  if (core.catalog.findStream(name, host)) throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  if (existing && head.ifNotExists) return `${full.name} already exists, statement succeeded.`;
  if (existing && !head.orReplace) throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  await core.commit(host.id, async (time) => {
    const t = newTable(run, full, head, options, time);
    await shape(t);
    t.columns = [...t.columns];
    await core.db.with(async (c) => {
      await c.transaction(async () => {
        await c.run(createSql(t));
        if (fill) t.rows = await fill(t, c, time);
      });
    });
    if (t.rows > 0) t.commits.push(time);
    if (existing) core.catalog.drop(existing, time);
    core.catalog.put(t);
    core.grants.made(t);
  });
  return `Table ${full.name} successfully created.`;
}

export function newTable(run: Run, full: Resolved, head: Create, options: TableOptions, time: bigint): Table {
  const id = run.core.fresh();
  const table: Table = {
    id,
    ...full,
    createdOn: time,
    droppedOn: null,
    transient: head.transient,
    comment: options.comment ?? '',
    retentionDays: 1,
    columns: [],
    nextColumn: 0,
    tracking: options.changeTracking ? [{ on: time, off: null }] : [],
    historyFrom: 0n,
    commits: [],
    rows: 0,
    rowSpace: `t${id}`,
    owner: run.host.role,
  };
  table.retentionDays = run.core.catalog.retention(table, options.retentionDays);
  return table;
}

/** A CTAS reads no table named like its columns, so it is compiled with the session's order of things. */
const compileAs = (query: Query, run: Run): CompiledQuery => compileQuery(query, run.cx, null);

async function createAs(
  statement: Extract<Ddl, { k: 'createTableAs' }>,
  run: Run,
  query: CompiledQuery,
): Promise<string> {
  const { core } = run;
  const names = statement.columns.length > 0 ? statement.columns : query.columns.map((c) => c.name);
  if (names.length !== query.columns.length)
    throw compilationError('002020', '21S01', `Invalid column definition list`);
  if (run.readsAt !== null) await core.settled(run.readsAt);
  for (const table of run.scanned) core.countScan(table);
  const scratch = `tx.s${core.fresh()}`;
  const stored = query.columns.map((c, i) => {
    const type = c.type.kind === 'null' ? types.text() : c.type;
    return { type, sql: `CAST(s.${c.id} AS ${types.physicalType(type)}) AS c${i}` };
  });
  const existing = core.catalog.find(statement.name, run.host);
  // Streams are consumed with the table that is made, not by a statement that makes none.
  const tx = new Transaction(core.fresh(), false, core.clock.commitTime());
  const makes = !(existing && (statement.head.ifNotExists || !statement.head.orReplace));
  try {
    if (makes) await consume(run, tx);
  } catch (error) {
    await discard(run.host, tx);
    throw error;
  }
  if (!(existing && statement.head.ifNotExists))
    await core.db.with(
      (c) => c.run(`CREATE TABLE ${scratch} AS SELECT ${stored.map((s) => s.sql).join(', ')} FROM (${query.sql}) s`),
      run.signal,
    );
  try {
    const status = await create(
      run,
      statement.head,
      statement.name,
      statement.options,
      (t) => {
        for (const [i, { type }] of stored.entries()) {
          const def = {
            name: names[i]!,
            type,
            notNull: false,
            default: null,
            defaultText: null,
            primaryKey: 0,
            identity: null,
            comment: null,
          };
          t.columns.push(newColumn(t, def, run));
        }
        return Promise.resolve();
      },
      async (t, c, time) => {
        await c.run(
          `INSERT INTO ${currentTable(t)} SELECT ${columnIds(t)}, ${firstRowId(run)} + row_number() OVER (), ${time}, TRUE FROM ${scratch}`,
        );
        return c.count(`SELECT count(*) FROM ${scratch}`);
      },
    );
    for (const stream of tx.consumed) advance(stream, tx.reads.get(stream)!);
    return status;
  } finally {
    await discard(run.host, tx);
    await core.db.with((c) => c.run(`DROP TABLE IF EXISTS ${scratch}`));
  }
}

const NO_OPTIONS: TableOptions = { changeTracking: null, retentionDays: null, comment: null };

async function createDynamic(
  { head, name, options, query, text }: Extract<Ddl, { k: 'createDynamicTable' | 'createView' }>,
  run: Run,
  compiled: CompiledQuery,
): Promise<string> {
  const { catalog } = run.core;
  const before = catalog.find(name, run.host);
  const as: Extract<Ddl, { k: 'createTableAs' }> = { k: 'createTableAs', head, name, columns: [], options, query };
  const status = await createAs(as, run, compiled);
  const table = catalog.table(name, run.host);
  const { database, schema } = table;
  if (table !== before) table.dynamic = { query, text, database, schema };
  return status.replace(/^Table/, 'Dynamic table');
}

/** Rows keep their ids; the clone's own history begins now. */
async function clone(statement: Extract<Ddl, { k: 'cloneTable' }>, run: Run): Promise<string> {
  const { core, cx } = run;
  const of = core.catalog.writable(statement.of, run.host);
  let at: bigint | null = null;
  if (statement.at) {
    at = timeOf(statement.at, of, core, cx);
    checkTime(at, of, core, cx.now);
    await core.settled(at);
  }
  return create(
    run,
    statement.head,
    statement.name,
    statement.options,
    (t) => {
      copyColumns(t, of);
      t.rowSpace = of.rowSpace;
      if (statement.options.changeTracking === null && of.tracking.some((i) => i.off === null))
        t.tracking = [{ on: t.createdOn, off: null }];
      return Promise.resolve();
    },
    async (t, c, time) => {
      const ids = columnIds(of);
      const rows = at === null ? currentSql(of, run.host.unseen()) : atSql(of, at, run.host.unseen());
      await c.run(
        `INSERT INTO ${currentTable(t)} (${ids}, __rid, __vf, __b) SELECT ${ids}, __rid, ${time}, TRUE FROM (${rows})`,
      );
      return c.count(`SELECT count(*) FROM ${currentTable(t)}`);
    },
  );
}

async function createNamespace(statement: Extract<Ddl, { k: 'createNamespace' }>, run: Run): Promise<string> {
  const { core, host } = run;
  const { head, what, retentionDays, share } = statement;
  const name = statement.name[statement.name.length - 1]!;
  const time = core.clock.commitTime();
  if (what === 'DATABASE') {
    if (core.catalog.databases.has(name)) {
      if (head.ifNotExists) return `${name} already exists, statement succeeded.`;
      if (!head.orReplace) throw existsAlready(name);
      core.catalog.dropped.push(core.catalog.database(name));
    }
    if (share === null) core.catalog.createDatabase(name, time, retentionDays);
    else core.catalog.databases.set(name, importedDatabase(name, time, share.join('.'), sharedBy(share, run)));
    host.database = name;
    host.schema = 'PUBLIC';
    return `Database ${name} successfully created.`;
  }
  const full = core.catalog.schemaName(statement.name, host);
  const database = core.catalog.database(full.database);
  const existing = database.schemas.get(name);
  if (existing) {
    if (head.ifNotExists) return `${name} already exists, statement succeeded.`;
    if (!head.orReplace) throw existsAlready(`${full.database}.${name}`);
    database.dropped.push(existing);
  }
  core.catalog.createSchema(database, name, time, retentionDays);
  host.database = full.database;
  host.schema = name;
  return `Schema ${name} successfully created.`;
}

/** A share has the name of the database that is in it, whatever the account. */
function sharedBy(share: Name, { core }: Run): DatabaseEntry {
  const database = core.catalog.databases.get(share.at(-1)!);
  if (share.length < 2 || database === undefined || database.origin !== undefined || database.name === SYSTEM_DATABASE)
    throw missingObject('Share', share.join('.'));
  return database;
}

async function drop(statement: Extract<Ddl, { k: 'drop' }>, run: Run): Promise<string> {
  const { catalog, clock } = run.core;
  const { host } = run;
  const name = statement.name[statement.name.length - 1]!;
  const gone = `Drop statement executed successfully (${name} already dropped).`;
  const done = `${name} successfully dropped.`;
  if (statement.what !== 'DATABASE' && statement.what !== 'SCHEMA' && statement.what !== 'STREAM') {
    const table = statement.ifExists ? catalog.find(statement.name, host) : catalog.table(statement.name, host);
    if (table && kindOf(table) !== statement.what) throw missingObject(statement.what, qualifiedName(table));
    if (table) await run.core.commitLock.hold(async () => catalog.drop(table, clock.commitTime()));
    return table ? done : gone;
  }
  if (statement.what === 'DATABASE') {
    if (statement.ifExists && !catalog.databases.has(name)) return gone;
    catalog.dropped.push(catalog.database(name));
    catalog.databases.delete(name);
    if (host.database === name) host.database = host.schema = null;
    return done;
  }
  const full = catalog.schemaName(statement.name, host);
  const database = catalog.databases.get(full.database);
  if (statement.ifExists && !database?.schemas.has(name)) return gone;
  const schema = catalog.schema(statement.name, host);
  database!.schemas.delete(name);
  database!.dropped.push(schema);
  if (host.database === full.database && host.schema === name) host.schema = null;
  return done;
}

async function undrop(statement: Extract<Ddl, { k: 'undrop' }>, run: Run): Promise<string> {
  const { core, host } = run;
  const { catalog } = core;
  const name = statement.name[statement.name.length - 1]!;
  if (statement.what === 'TABLE') {
    const table = catalog.undrop(catalog.resolve(statement.name, host));
    if (core.assumptions.get('undrop-history') === 'lost') table.historyFrom = core.clock.commitTime();
  } else if (statement.what === 'DATABASE') {
    const at = catalog.dropped.findLastIndex((d) => d.name === name);
    if (at < 0) throw missingObject('Database', name);
    if (catalog.databases.has(name)) throw existsAlready(name);
    catalog.databases.set(name, catalog.dropped.splice(at, 1)[0]!);
  } else {
    const database = catalog.database(catalog.schemaName(statement.name, host).database);
    const at = database.dropped.findLastIndex((s) => s.name === name);
    if (at < 0) throw missingObject('Schema', name);
    if (database.schemas.has(name)) throw existsAlready(name);
    database.schemas.set(name, database.dropped.splice(at, 1)[0]!);
  }
  return `${statement.what[0]}${statement.what.slice(1).toLowerCase()} ${name} successfully restored.`;
}
