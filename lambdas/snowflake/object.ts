/** What SHOW and DESCRIBE tell of a table or view; neither needs a warehouse. */
import { SnowmeltError } from '../errors.ts';
import type { ListedTable, ObjectFacts } from '../protocol/ports/snowflake.ts';
import type { Column, ObjectName } from '../protocol/window.ts';
import type { Ask } from './gate.ts';
import type { Row } from './session.ts';
import {
  describeStatement,
  showKeysStatement,
  showDatabaseStatement,
  showPrefixStatement,
  showStatement,
  showStreamPrefixStatement,
  showTablesStatement,
  showViewStatement,
  type SchemaName,
} from './sql/statements.ts';

const dayMs = 86_400_000;
/** SHOW leaves out what is more, without a word. */
const mostShown = 10_000;
/** Of a view nobody says how long the tables behind it keep their history: a day is the least that tables do. */
const viewRetentionMs = dayMs;

/** @throws OBJECT_MISSING, RESULT_MALFORMED */
export async function describeObject(ask: Ask, object: ObjectName): Promise<ObjectFacts> {
  const [shown, columns] = await Promise.all([ask(showStatement(object)), describeColumns(ask, object)]);
  const table = named(shown, object) ?? named(await ask(showViewStatement(object)), object);
  if (table === undefined) {
    const name = `${object.database}.${object.schema}.${object.name}`;
    throw new SnowmeltError('OBJECT_MISSING', `${name} is not a table or view that the role sees`);
  }
  if (columns.some(({ name, type }) => name === '' || type === ''))
    throw new SnowmeltError('RESULT_MALFORMED', 'DESCRIBE gave rows without a name or a type');
  const { createdOn, tracking, retentionMs } = listed(table);
  const facts: ObjectFacts =
    named(shown, object) !== undefined
      ? { createdOn, tracking, retentionMs, columns, ...sizeOf(table) }
      : { createdOn, tracking, retentionMs: viewRetentionMs, columns, isView: true };
  return tracking && facts.retentionMs > 0 ? facts : withShare(facts, await shareOf(ask, object.database));
}

/** Of what is shared, too, nobody has to tell how long its history is kept: databases made from a share have no such setting. */
function withShare(facts: ObjectFacts, share: string | null): ObjectFacts {
  if (share === null) return facts;
  return { ...facts, share, retentionMs: facts.retentionMs > 0 ? facts.retentionMs : viewRetentionMs };
}

/** The share that a database was made from; null for one of the account's own, or where the role does not see it. */
export async function shareOf(ask: Ask, database: string): Promise<string | null> {
  const row = (await ask(showDatabaseStatement(database))).find((each) => each.name === database);
  return text(row?.kind).toUpperCase() === 'IMPORTED DATABASE' ? text(row?.origin) : null;
}

function named(shown: readonly Row[], { name }: ObjectName): Row | undefined {
  return shown.find((row) => row.name === name);
}

/** Dynamic tables and others whose size is not told have neither. */
function sizeOf({ rows, bytes }: Row): Pick<ObjectFacts, 'rows' | 'bytes'> {
  const [count, size] = [number(rows), number(bytes)];
  return { ...(count !== null && { rows: count }), ...(size !== null && { bytes: size }) };
}

function number(value: unknown): number | null {
  const told = text(value);
  return told === '' || !Number.isFinite(Number(told)) ? null : Number(told);
}

/** A row of SHOW TABLES, or of SHOW VIEWS, which has no retention. */
function listed(row: Row): ListedTable {
  const [name, createdOn] = [text(row.name), instant(row.created_on)];
  if (name === '' || createdOn === '')
    throw new SnowmeltError('RESULT_MALFORMED', 'SHOW gave a row without a name or a time');
  return {
    name,
    createdOn,
    tracking: text(row.change_tracking).toUpperCase() === 'ON',
    retentionMs: Number(text(row.retention_time)) * dayMs,
  };
}

/** All tables of a schema that the role sees. @throws PATTERN_TOO_LARGE */
export async function listTables(ask: Ask, where: SchemaName): Promise<ListedTable[]> {
  return whole(await ask(showTablesStatement(where)), where).map(listed);
}

/** Columns of primary keys, by table. @throws PATTERN_TOO_LARGE */
export async function listKeys(ask: Ask, where: SchemaName): Promise<Map<string, string[]>> {
  const shown = whole(await ask(showKeysStatement(where)), where);
  const inOrder = shown.toSorted((a, b) => Number(text(a.key_sequence)) - Number(text(b.key_sequence)));
  const keys = new Map<string, string[]>();
  for (const row of inOrder) {
    const [table, column] = [text(row.table_name), text(row.column_name)];
    keys.set(table, [...(keys.get(table) ?? []), column]);
  }
  return keys;
}

function whole(shown: Row[], { database, schema }: SchemaName): Row[] {
  if (shown.length < mostShown) return shown;
  throw new SnowmeltError(
    'PATTERN_TOO_LARGE',
    `${database}.${schema} has ${mostShown} tables or keys, or more: Snowflake lists no more.`,
  );
}

export async function describeColumns(ask: Ask, table: ObjectName): Promise<Column[]> {
  return (await ask(describeStatement(table))).map(columnOf);
}

/** Tables of a schema whose names begin with `prefix`. */
export async function tableNames(ask: Ask, where: SchemaName, prefix: string): Promise<string[]> {
  return namesIn(await ask(showPrefixStatement(where, prefix)), prefix);
}

/** Streams of a schema whose names begin with `prefix`. */
export async function streamNames(ask: Ask, where: SchemaName, prefix: string): Promise<string[]> {
  return namesIn(await ask(showStreamPrefixStatement(where, prefix)), prefix);
}

function namesIn(shown: readonly Row[], prefix: string): string[] {
  return shown.map((row) => text(row.name)).filter((name) => name.startsWith(prefix));
}

/**
 * `NUMBER(38,0)` gives type, precision and scale; `TIMESTAMP_NTZ(9)` and `TIME(9)` give decimals as precision. The length of
 * a text is not kept: a wider one changes nothing. Structured types (`ARRAY(NUMBER(38,0))`, `MAP(...)`) get a name of
 * their own, since they are cast otherwise.
 */
export function columnOf(row: Row): Column {
  const shown = text(row.type);
  const [, name = shown, inside] = /^(\w+)\s*(?:\((.*)\))?/s.exec(shown) ?? [];
  const type = name.toUpperCase();
  const numbers = /^\d+(\s*,\s*\d+)?$/.test(inside ?? '') ? (inside ?? '').split(',').map(Number) : [];
  const structured = inside !== undefined && ['ARRAY', 'OBJECT'].includes(type);
  const sized = type === 'NUMBER' || type.startsWith('TIME');
  return {
    name: text(row.name),
    type: structured ? `STRUCTURED_${type}` : type,
    precision: sized ? (numbers[0] ?? null) : null,
    scale: type === 'NUMBER' ? (numbers[1] ?? 0) : null,
    nullable: text(row['null?']).toUpperCase() !== 'N',
  };
}

/** The SDK makes a Date of it. */
export function instant(value: unknown): string {
  return value instanceof Date ? value.toISOString() : text(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
