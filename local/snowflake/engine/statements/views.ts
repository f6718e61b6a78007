/**
 * Views: what one reads, as it is, as it was, and how that changed. A row of a view is known by the rows that it is made of,
 * so a change of a view is what two states of it differ by.
 */
import { SqlError } from '../../contract.ts';
import type { CompileContext, Source } from '../compile/context.ts';
import { compileQuery, type CompiledQuery } from '../compile/query.ts';
import { checkTrackable, walk } from '../compile/trackable.ts';
import {
  changeTrackingMissing,
  compilationError,
  existsAlready,
  missingObject,
  unsupported,
  viewColumns,
  viewFails,
} from '../errors.ts';
import type { Core } from '../core.ts';
import type { Changes, Statement, TableRef } from '../parse/ast.ts';
import type { Stream, StreamRead } from '../storage/stream.ts';
import {
  atSql,
  changesSql,
  columnIds,
  isTracked,
  netSql,
  qualifiedName,
  type Column,
  type Definition,
  type Table,
} from '../storage/table.ts';
import { visibleSql } from '../storage/transaction.ts';
import * as types from '../types.ts';
import { setOptions } from './alter.ts';
import { columnsOf, metadataColumns, readAt } from './context.ts';
import { changesRange, checkTime, timeOf } from './points.ts';
import type { Run } from './run.ts';

/** How the tables behind a view are read: as they are, as of a time with the ids of rows, or what was inserted since. */
type Reading = 'now' | { at: bigint; rowIds: boolean } | { from: bigint; to: bigint };

/** The tables that have the rows. */
export function basesOf(t: Table, core: Core): Table[] {
  if (!t.definition) return [t];
  const { query, ...where } = t.definition;
  const named = new Set<string>();
  const found = new Set<Table>();
  walk(query, (node) => {
    if (node.k === 'query') for (const { name } of node.ctes) named.add(name);
    if (node.k !== 'table' || (node.name.length === 1 && named.has(node.name[0]!))) return;
    for (const base of basesOf(core.catalog.table(node.name, where), core)) found.add(base);
  });
  return [...found];
}

/** What a FROM item that names a view means. */
export function viewSource(view: Table, ref: TableRef, run: Run): Source {
  const { core, cx } = run;
  const path = [view.database, view.schema, view.name];
  run.named.add(qualifiedName(view));
  if (ref.changes) {
    const { from, to } = range(view, ref.changes, run);
    const sql = changes(view, from, to, ref.changes.information, run);
    return { sql, columns: [...columnsOf(view), ...metadataColumns], path };
  }
  if (!ref.at) return { sql: viewSql(view, 'now', run), columns: columnsOf(view), path };
  const at = timeOf(ref.at, view, core, cx);
  for (const base of basesOf(view, core)) checkTime(at, base, core, cx.now);
  return { sql: viewSql(view, { at, rowIds: false }, run), columns: columnsOf(view), path };
}

/** What a stream on a view shows: the view's columns, then those of metadata. */
export function viewStreamSql({ table, mode }: Stream, { initial, offset, to }: StreamRead, run: Run): string {
  const kind = mode === 'DEFAULT' ? mode : 'APPEND_ONLY';
  if (!initial && to > offset) return changes(table, offset, to, kind, run);
  const rows = viewSql(table, { at: offset, rowIds: true }, run);
  return `${insertsSql(table, rows)}${initial ? '' : ' WHERE FALSE'}`;
}

function range(view: Table, clause: Changes, run: Run): { from: bigint; to: bigint } {
  const { core, cx } = run;
  if (!isTracked(view)) throw changeTrackingMissing(qualifiedName(view));
  const from = timeOf(clause.at, view, core, cx);
  const to = clause.end ? timeOf(clause.end, view, core, cx) : cx.now;
  for (const base of basesOf(view, core)) changesRange(clause, base, core, cx, cx.now);
  if (!view.tracking.some(({ on, off }) => on <= from && (off === null || off >= to)))
    throw changeTrackingMissing(qualifiedName(view));
  return { from, to };
}

function changes(view: Table, from: bigint, to: bigint, mode: 'DEFAULT' | 'APPEND_ONLY', run: Run): string {
  checkTrackable(view.definition!.query, mode === 'APPEND_ONLY');
  if (mode === 'APPEND_ONLY') return insertsSql(view, viewSql(view, { from, to }, run));
  const [gone, born] = [from, to].map((at) => viewSql(view, { at, rowIds: true }, run)) as [string, string];
  return `WITH born AS (${born}), gone AS (${gone}) SELECT ${columnIds(view)}, __action, __update, ${rowId(view)} FROM (${netSql(view)})`;
}

const rowId = ({ rowSpace }: Table): string => `sha1('${rowSpace}:' || __rid) AS __row`;

function insertsSql(view: Table, rows: string): string {
  return `SELECT ${columnIds(view)}, 'INSERT' AS __action, FALSE AS __update, ${rowId(view)} FROM (${rows})`;
}

/** Rows of a view: its columns, and `__rid` unless it is read as it is. */
function viewSql(view: Table, reading: Reading, run: Run): string {
  let compiled: CompiledQuery;
  try {
    compiled = compileDefinition(view.definition!, reading, run);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw viewFails(view.name, error.message);
  }
  if (compiled.columns.length !== view.columns.length)
    throw viewColumns(view.name, view.columns.length, compiled.columns.length);
  return `SELECT ${[...shaped(view, compiled), ...(hasRowIds(reading) ? ['v.__rid'] : [])].join(', ')} FROM (${compiled.sql}) v`;
}

/** What a definition gives, as columns of the object it stands for. */
export function shaped(t: Table, { columns }: CompiledQuery): string[] {
  return t.columns.map(({ id, type }, i) => `CAST(v.${columns[i]!.id} AS ${types.physicalType(type)}) AS ${id}`);
}

const isInserts = (reading: Reading): boolean => reading !== 'now' && 'from' in reading;
const hasRowIds = (reading: Reading): boolean => reading !== 'now' && ('from' in reading || reading.rowIds);

export function compileDefinition({ query, ...where }: Definition, reading: Reading, run: Run): CompiledQuery {
  const inner: CompileContext = {
    ...run.cx,
    bindings: {},
    variables: new Map(),
    points: new Map(),
    ctes: new Map(),
    hoisted: new Map(),
    rowIds: hasRowIds(reading),
    table: (ref) => tableIn(ref, where, reading, run),
  };
  return compileQuery(query, inner, null);
}

function tableIn(ref: TableRef, where: Omit<Definition, 'query'>, reading: Reading, run: Run): Source {
  const { catalog } = run.core;
  if (ref.at || ref.changes) throw unsupported('time travel in a view');
  if (ref.directory) throw unsupported('view of a directory table');
  if (catalog.findStream(ref.name, where) !== null) throw unsupported('view of a stream');
  const t = catalog.table(ref.name, where);
  const source = { columns: columnsOf(t), path: [t.database, t.schema, t.name] };
  if (t.definition) {
    if (hasRowIds(reading)) checkTrackable(t.definition.query, isInserts(reading));
    return { sql: viewSql(t, reading, run), ...source };
  }
  run.scanned.add(qualifiedName(t));
  return { sql: rowsSql(t, reading, run), ...source };
}

function rowsSql(t: Table, reading: Reading, run: Run): string {
  const { core, host } = run;
  const unseen = host.unseen();
  if (reading === 'now') return visibleSql(t, host.transaction?.overlays.get(t), unseen);
  if (t.view) throw unsupported('time travel of a view of the database SNOWFLAKE');
  if ('at' in reading) {
    readAt(run, reading.at);
    const rows = atSql(t, reading.at, unseen, '__rid');
    return `SELECT ${columnIds(t)}, '${t.rowSpace}:' || __rid AS __rid FROM (${rows})`;
  }
  readAt(run, reading.to);
  const stays = core.assumptions.get('row-id-after-retracking') === 'stay';
  const rows = changesSql(t, reading.from, reading.to, 'APPEND_ONLY', unseen, stays);
  return `SELECT ${columnIds(t)}, __row AS __rid FROM (${rows})`;
}

export async function createView(
  statement: Extract<Statement, { k: 'createView' | 'createDynamicTable' }>,
  run: Run,
): Promise<string> {
  const { core, host } = run;
  const { head, options, query, text } = statement;
  const full = core.catalog.resolve(statement.name, host);
  const existing = core.catalog.find(statement.name, host);
  if (existing?.definition && head.ifNotExists) return `${full.name} already exists, statement succeeded.`;
  if (core.catalog.findStream(statement.name, host) || (existing && !(existing.definition && head.orReplace)))
    throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  const { name: _, ...where } = full;
  const definition: Definition = { query, text, ...where };
  const compiled = compileDefinition(definition, 'now', run);
  if (options.changeTracking === true) checkTrackable(query, false);
  const id = core.fresh();
  await core.commitLock.hold(async () => {
    const time = core.clock.commitTime();
    const view: Table = {
      id,
      ...full,
      createdOn: time,
      droppedOn: null,
      definition,
      transient: false,
      comment: options.comment ?? '',
      retentionDays: 1,
      columns: viewColumnsOf(statement.columns, compiled),
      nextColumn: compiled.columns.length,
      tracking: options.changeTracking === true ? [{ on: time, off: null }] : [],
      historyFrom: 0n,
      commits: [],
      rows: 0,
      rowSpace: `v${id}`,
      owner: host.role,
    };
    if (existing) core.catalog.drop(existing, time);
    core.catalog.put(view);
  });
  return `View ${full.name} successfully created.`;
}

function viewColumnsOf(names: readonly string[], { columns }: CompiledQuery): Column[] {
  if (names.length > 0 && names.length !== columns.length)
    throw compilationError('002057', '42601', 'Invalid column definition list');
  const all = columns.map(({ name }, i) => names[i] ?? name);
  const twice = all.find((name, i) => all.indexOf(name) < i);
  if (twice !== undefined) throw compilationError('002025', '42S21', `duplicate column name '${twice}'`);
  return columns.map(({ type, nullable }, i) => ({
    id: `c${i}`,
    name: all[i]!,
    type: type.kind === 'null' ? types.text() : type,
    notNull: !nullable,
    default: null,
    defaultText: null,
    primaryKey: 0,
    identity: null,
    comment: null,
  }));
}

export async function alterView(
  { name, ifExists, options }: Extract<Statement, { k: 'alterView' }>,
  { core, host }: Run,
): Promise<string> {
  const view = core.catalog.find(name, host);
  if (!view?.definition) {
    if (view === null && ifExists) return 'Statement executed successfully.';
    throw missingObject('View', name.join('.'));
  }
  if (options.changeTracking === true) checkTrackable(view.definition.query, false);
  await core.commitLock.hold(async () => setOptions(view, options, core.clock.commitTime()));
  return 'Statement executed successfully.';
}
