/** What SHOW and DESCRIBE tell of a table or view; neither needs a warehouse. */
import { SnowmeltError } from '../errors.ts';
import type { ObjectFacts } from '../protocol/ports.ts';
import type { Column, ObjectName } from '../protocol/window.ts';
import type { Ask } from './gate.ts';
import type { Row } from './session.ts';
import {
  describeStatement,
  showPrefixStatement,
  showStatement,
  showStreamPrefixStatement,
  showViewStatement,
} from './sql/statements.ts';

const dayMs = 86_400_000;
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
  const isView = named(shown, object) === undefined;
  const createdOn = instant(table.created_on);
  if (createdOn === '' || columns.some(({ name, type }) => name === '' || type === ''))
    throw new SnowmeltError('RESULT_MALFORMED', 'SHOW or DESCRIBE gave rows without a name, a type or a time');
  return {
    createdOn,
    tracking: text(table.change_tracking).toUpperCase() === 'ON',
    retentionMs: isView ? viewRetentionMs : Number(text(table.retention_time)) * dayMs,
    columns,
    ...(isView && { isView }),
  };
}

function named(shown: readonly Row[], { name }: ObjectName): Row | undefined {
  return shown.find((row) => row.name === name);
}

export async function describeColumns(ask: Ask, table: ObjectName): Promise<Column[]> {
  return (await ask(describeStatement(table))).map(columnOf);
}

/** Tables of a schema whose names begin with `prefix`. */
export async function tableNames(ask: Ask, where: ObjectName, prefix: string): Promise<string[]> {
  return namesIn(await ask(showPrefixStatement(where, prefix)), prefix);
}

/** Streams of a schema whose names begin with `prefix`. */
export async function streamNames(ask: Ask, where: ObjectName, prefix: string): Promise<string[]> {
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
