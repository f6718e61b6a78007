/**
 * A versioned table: current rows in one DuckDB table, versions that ended in another.
 * `__rid` is the row for life, `__vf` and `__vt` the commits its version begins and ends with, `__b` marks the version
 * a row was born with. Readers never see a row between two states: a version holds from `__vf` until before `__vt`.
 */
import type { Expr, Query } from '../parse/ast.ts';
import { physicalType, type SqlType } from '../types.ts';

export type Column = {
  /** Its name in DuckDB; stays when the column is renamed. */
  id: string;
  name: string;
  type: SqlType;
  notNull: boolean;
  default: Expr | null;
  defaultText: string | null;
  /** Its place in the primary key, from 1 on; 0: it is not in it. */
  primaryKey: number;
  identity: { next: bigint; step: bigint } | null;
  comment: string | null;
};

/** A query that stands for an object; unqualified names in it are of its own schema. */
export type Definition = { query: Query; text: string; database: string; schema: string };

/** While tracking is on, `off` is null. */
export type TrackingInterval = { on: bigint; off: bigint | null };

export type Table = {
  id: number;
  database: string;
  schema: string;
  name: string;
  createdOn: bigint;
  droppedOn: bigint | null;
  /** A view of the database SNOWFLAKE: it is read as it is now, and that is all. */
  view?: true;
  /** A view: it has no rows of its own. */
  definition?: Definition;
  /** A dynamic table: its rows are what this gave when it was refreshed. */
  dynamic?: Definition;
  /** An event table: it has the columns that they all have, and its rows come by themselves. */
  event?: true;
  /** An external table: its rows are those of files, which it knows no row of. */
  external?: true;
  /** The directory table of a stage: a row is a file. */
  stage?: true;
  /** As the consumer of a share sees it (share.ts). */
  imported?: true;
  transient: boolean;
  comment: string;
  retentionDays: number;
  columns: Column[];
  nextColumn: number;
  tracking: TrackingInterval[];
  /** Points before this have lost their history, whatever the retention. */
  historyFrom: bigint;
  /** Commits that changed rows, the newest last; older ones only while some session can't see the newest yet. */
  commits: bigint[];
  rows: number;
  /** Row ids are text made of this and `__rid`; a clone keeps it. */
  rowSpace: string;
  /** The role that made it. */
  owner?: string | null;
};

export const currentTable = (t: Table): string => `t${t.id}`;
export const historyTable = (t: Table): string => `h${t.id}`;
export const qualifiedName = (t: Pick<Table, 'database' | 'schema' | 'name'>): string =>
  `${t.database}.${t.schema}.${t.name}`;
export const isTracked = (t: Table): boolean => t.tracking.some((i) => i.off === null);
export const columnIds = (t: Table): string => t.columns.map((c) => c.id).join(', ');

const hidden = '__rid BIGINT, __vf BIGINT, __b BOOLEAN';

export function createSql(t: Table): string {
  const columns = t.columns.map((c) => `${c.id} ${physicalType(c.type)}`).join(', ');
  return `CREATE TABLE ${currentTable(t)} (${columns}, ${hidden}); CREATE TABLE ${historyTable(t)} (${columns}, ${hidden}, __vt BIGINT);`;
}

/** Commits that a session can't see yet, as a SQL list; empty in ordinary times. */
export type Unseen = bigint[];

const born = (unseen: Unseen): string => (unseen.length > 0 ? ` AND __vf NOT IN (${unseen.join(', ')})` : '');
const alive = (at: bigint, unseen: Unseen): string =>
  unseen.length > 0 ? `(__vt > ${at} OR __vt IN (${unseen.join(', ')}))` : `__vt > ${at}`;

/** Rows now: columns, `__rid`, `__b`. */
export function currentSql(t: Table, unseen: Unseen): string {
  const list = `${columnIds(t)}, __rid, __b`;
  if (unseen.length === 0) return `SELECT ${list} FROM ${currentTable(t)}`;
  const ended = `SELECT ${list} FROM ${historyTable(t)} WHERE __vt IN (${unseen.join(', ')})${born(unseen)}`;
  return `SELECT ${list} FROM ${currentTable(t)} WHERE TRUE${born(unseen)} UNION ALL ${ended}`;
}

/** Rows as of a time, commits at that time included; `hidden` columns besides. */
export function atSql(t: Table, at: bigint, unseen: Unseen, ...hidden: string[]): string {
  const list = [columnIds(t), ...hidden].join(', ');
  return `SELECT ${list} FROM ${currentTable(t)} WHERE __vf <= ${at}${born(unseen)}
    UNION ALL SELECT ${list} FROM ${historyTable(t)} WHERE __vf <= ${at} AND ${alive(at, unseen)}${born(unseen)}`;
}

export const METADATA = ['METADATA$ACTION', 'METADATA$ISUPDATE', 'METADATA$ROW_ID'] as const;

/** A row's id as text. It may be another one after tracking was switched off and on. */
function rowId(t: Table, at: bigint, rowIdsStay: boolean): string {
  const generation = rowIdsStay ? 0 : t.tracking.filter((i) => i.on <= at).length;
  return `sha1('${t.rowSpace}:${generation}:' || __rid) AS __row`;
}

/** The rows as of a time as inserts: columns, `__action`, `__update`, `__row`. */
export function initialSql(t: Table, at: bigint, rowIdsStay: boolean): string {
  const list = `${columnIds(t)}, 'INSERT' AS __action, FALSE AS __update, ${rowId(t, at, rowIdsStay)}`;
  return `SELECT ${list} FROM ${currentTable(t)} WHERE __vf <= ${at}
    UNION ALL SELECT ${list} FROM ${historyTable(t)} WHERE __vf <= ${at} AND __vt > ${at}`;
}

/** Changes in (from, to]: columns, `__action`, `__update`, `__row`. */
export function changesSql(
  t: Table,
  from: bigint,
  to: bigint,
  mode: 'DEFAULT' | 'APPEND_ONLY',
  unseen: Unseen,
  rowIdsStay: boolean,
): string {
  const list = columnIds(t);
  const row = rowId(t, to, rowIdsStay);
  const began = `__vf > ${from} AND __vf <= ${to}${born(unseen)}`;
  if (mode === 'APPEND_ONLY') {
    const births = (name: string): string =>
      `SELECT ${list}, 'INSERT' AS __action, FALSE AS __update, ${row} FROM ${name} WHERE __b AND ${began}`;
    return `${births(currentTable(t))} UNION ALL ${births(historyTable(t))}`;
  }
  const ended = `__vf <= ${from} AND __vt > ${from} AND __vt <= ${to}${born(unseen)}${unseen.length > 0 ? ` AND __vt NOT IN (${unseen.join(', ')})` : ''}`;
  return `WITH born AS (SELECT ${list}, __rid FROM ${currentTable(t)} WHERE ${began}
      UNION ALL SELECT ${list}, __rid FROM ${historyTable(t)} WHERE ${began} AND ${alive(to, unseen)}),
    gone AS (SELECT ${list}, __rid FROM ${historyTable(t)} WHERE ${ended})
    SELECT ${list}, __action, __update, ${row} FROM (${netSql(t)})`;
}

/** What relation `born` has and `gone` has not, by `__rid`: columns, `__action`, `__update`, `__rid`. */
export function netSql(t: Table): string {
  const same = t.columns.map((c) => `a.${c.id} IS NOT DISTINCT FROM b.${c.id}`).join(' AND ');
  const half = (action: string, of: string, other: string): string =>
    `SELECT ${t.columns.map((c) => `a.${c.id}`).join(', ')}, '${action}' AS __action, b.__rid IS NOT NULL AS __update, a.__rid
     FROM ${of} a LEFT JOIN ${other} b ON a.__rid = b.__rid WHERE b.__rid IS NULL OR NOT (${same})`;
  return `${half('INSERT', 'born', 'gone')} UNION ALL ${half('DELETE', 'gone', 'born')}`;
}
