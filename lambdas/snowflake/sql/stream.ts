/**
 * Statements of stream sources: the stream, its ledger, a stage, and the block that fills it. Whatever reads a stream in a
 * DML consumes it, so nothing here but that block does.
 */
import { createHash } from 'node:crypto';
import { ROW_ID } from '../../config/captures.ts';
import { SnowmeltError } from '../../errors.ts';
import type { StreamRequest } from '../../protocol/ports/snowflake.ts';
import type { Column, Layout, ObjectName } from '../../protocol/window.ts';
import { identifier, literal, qualified } from './literals.ts';

const ACTION = 'METADATA$ACTION';
const UPDATE = 'METADATA$ISUPDATE';

/** What a stage has beside the columns of the stream, in the stream's order. */
const METADATA = [
  [ACTION, 'VARCHAR'],
  [UPDATE, 'BOOLEAN'],
  [ROW_ID, 'VARCHAR'],
] as const;

/** As a window's statement reads them from a stage. */
export const stageMetadata = [`${identifier(ACTION)} AS "A"`, `${identifier(ROW_ID)} AS "R"`];

/** Types that a stage can't keep as they are. */
const UNKEPT = new Set(['MAP', 'STRUCTURED_ARRAY', 'STRUCTURED_OBJECT', 'VECTOR', 'FILE']);

/** One to a stream: two lives that consume the same one find each other there. */
export function ledgerOf({ database, schema, name }: ObjectName, staging: Omit<ObjectName, 'name'>): ObjectName {
  const hash = createHash('sha256')
    .update(JSON.stringify([database, schema, name]))
    .digest('hex');
  return { ...staging, name: `SNOWMELT_LEDGER_${hash.slice(0, 24).toUpperCase()}` };
}

export function createStreamStatement({ layout, turn, initial, comment }: StreamRequest): string {
  const { object, information } = layout;
  return [
    `CREATE STREAM IF NOT EXISTS ${qualified(turn.stream)} ON TABLE ${qualified(object)}`,
    `APPEND_ONLY = ${information === 'APPEND_ONLY' ? 'TRUE' : 'FALSE'}`,
    `SHOW_INITIAL_ROWS = ${initial ? 'TRUE' : 'FALSE'}`,
    `COMMENT = ${literal(comment)}`,
  ].join(' ');
}

/** Its only row is there from the start, so that it is only ever updated. */
export function createLedgerStatement({ layout, turn, comment }: StreamRequest): string {
  const empty = `''::VARCHAR AS "LIFE", 0::NUMBER(38,0) AS "STAGE", ''::VARCHAR AS "STAGED", ''::VARCHAR AS "AT"`;
  return `CREATE TABLE IF NOT EXISTS ${qualified(ledgerOf(turn.stream, layout.stream!.staging))} COMMENT = ${literal(comment)} AS SELECT ${empty}`;
}

export function ledgerStatement(ledger: ObjectName): string {
  return `SELECT "LIFE", TO_VARCHAR("STAGE") AS "STAGE", "STAGED", "AT" FROM ${qualified(ledger)}`;
}

/** The stage, empty. Made by its columns: a copy by query would consume. @throws TYPE_UNSUPPORTED */
export function createStageStatement({ table, columns, comment }: StreamRequest): string {
  const own = columns.filter(({ name }) => name !== ROW_ID);
  const unkept = own.filter(({ type }) => UNKEPT.has(type));
  if (unkept.length > 0) {
    const list = unkept.map(({ name, type }) => `${name} (${type})`).join(', ');
    throw new SnowmeltError('TYPE_UNSUPPORTED', `Columns that can't be read through a stream: ${list}`);
  }
  const all = [...own.map((column) => [column.name, typeText(column)] as const), ...METADATA];
  const list = all.map(([name, type]) => `${identifier(name)} ${type}`).join(', ');
  return `CREATE TRANSIENT TABLE ${qualified(table)} (${list}) DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = ${literal(comment)}`;
}

/**
 * The one block that consumes. The ledger's row is locked first, so blocks come one after the other, and moves from the
 * stage before or not at all. `*`: a column that came meanwhile makes it fail and consume nothing.
 */
export function consumptionStatement({ layout, turn, life, table }: StreamRequest): string {
  const { number, stream } = turn;
  const mine = `"LIFE" = ${literal(life)} AND "STAGE" = ${whole(number - 1)}`;
  const now = `TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3')`;
  const block = [
    'BEGIN',
    'BEGIN TRANSACTION;',
    `UPDATE ${qualified(ledgerOf(stream, layout.stream!.staging))}`,
    `SET "LIFE" = ${literal(life)}, "STAGE" = ${whole(number)}, "STAGED" = ${literal(table.name)}, "AT" = ${now}`,
    `WHERE ${number === 1 ? `"LIFE" <> ${literal(life)}` : mine};`,
    'IF (SQLROWCOUNT = 1) THEN',
    `INSERT INTO ${qualified(table)} SELECT * FROM ${qualified(stream)};`,
    'COMMIT;',
    'ELSE',
    'ROLLBACK;',
    'END IF;',
    'EXCEPTION WHEN OTHER THEN',
    'ROLLBACK;',
    'RAISE;',
    'END',
  ].join('\n');
  return `EXECUTE IMMEDIATE ${literal(block)}`;
}

/** Compiled, never run: only its columns are wanted. */
export function streamColumnsStatement(stream: ObjectName): string {
  return `SELECT * FROM ${qualified(stream)}`;
}

export function dropStreamStatement(stream: ObjectName): string {
  return `DROP STREAM IF EXISTS ${qualified(stream)}`;
}

/**
 * The columns as a source has them: without the metadata, but for the row id where that is the key. All may be NULL: what
 * a stage holds is not checked again.
 */
export function sourceColumns(columns: readonly Column[], { key }: Pick<Layout, 'key'>): Column[] {
  const names = new Set<string>(METADATA.map(([name]) => name));
  const own = columns.filter(({ name }) => !names.has(name)).map((column) => ({ ...column, nullable: true }));
  if (!key.includes(ROW_ID)) return own;
  return [...own, { name: ROW_ID, type: 'VARCHAR', precision: null, scale: null, nullable: true }];
}

function typeText({ type, precision, scale }: Column): string {
  if (precision === null) return type;
  return scale === null ? `${type}(${whole(precision)})` : `${type}(${whole(precision)},${whole(scale)})`;
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SnowmeltError('UNEXPECTED', 'Not a whole number');
}
