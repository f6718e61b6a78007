/**
 * Snowflake's types, and how each is kept in DuckDB:
 * NUMBER as DECIMAL; TIME as nanoseconds (BIGINT); TIMESTAMP_NTZ and _LTZ as nanoseconds since 1970 (HUGEINT, so years
 * 1 to 9999 keep their nine digits); TIMESTAMP_TZ as the instant and its original offset in minutes; VARIANT, OBJECT and
 * ARRAY as JSON text; BINARY as BLOB.
 */
import type { ResultColumn } from '../contract.ts';

export type Kind =
  | 'fixed'
  | 'real'
  | 'text'
  | 'boolean'
  | 'date'
  | 'time'
  | 'timestamp_ntz'
  | 'timestamp_ltz'
  | 'timestamp_tz'
  | 'variant'
  | 'object'
  | 'array'
  | 'binary'
  | 'file'
  | 'null';

/** `precision` and `scale` of NUMBER, `scale` of TIME and TIMESTAMP, `length` of VARCHAR and BINARY. */
export type SqlType = { kind: Kind; precision: number; scale: number; length: number };

export const MAX_TEXT = 16_777_216;
const MAX_BINARY = 8_388_608;

const make = (kind: Kind, precision = 0, scale = 0, length = 0): SqlType => ({ kind, precision, scale, length });

export const fixed = (precision = 38, scale = 0): SqlType => make('fixed', precision, scale);
export const text = (length = MAX_TEXT): SqlType => make('text', 0, 0, length);
export const binary = (length = MAX_BINARY): SqlType => make('binary', 0, 0, length);
export const time = (scale = 9): SqlType => make('time', 0, scale);
export const timestamp = (kind: 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz', scale = 9): SqlType =>
  make(kind, 0, scale);
export const REAL = make('real');
export const BOOLEAN = make('boolean');
export const DATE = make('date');
export const VARIANT = make('variant');
export const OBJECT = make('object');
export const ARRAY = make('array');
/** A column may have it, and no value is ever in it. */
export const FILE = make('file');
export const NULL = make('null');

export const isTimestamp = (t: SqlType): boolean => t.kind.startsWith('timestamp');
export const isSemi = (t: SqlType): boolean => t.kind === 'variant' || t.kind === 'object' || t.kind === 'array';

/** The DuckDB type a column of this type is stored in. */
export function physicalType(t: SqlType): string {
  switch (t.kind) {
    case 'fixed':
      return `DECIMAL(${t.precision},${t.scale})`;
    case 'real':
      return 'DOUBLE';
    case 'boolean':
      return 'BOOLEAN';
    case 'date':
      return 'DATE';
    case 'time':
      return 'BIGINT';
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return 'HUGEINT';
    case 'timestamp_tz':
      return 'STRUCT(i HUGEINT, o SMALLINT)';
    case 'binary':
      return 'BLOB';
    default:
      return 'VARCHAR';
  }
}

/** As DESCRIBE TABLE and error messages word it. */
export function typeName(t: SqlType): string {
  switch (t.kind) {
    case 'fixed':
      return `NUMBER(${t.precision},${t.scale})`;
    case 'real':
      return 'FLOAT';
    case 'text':
      return `VARCHAR(${t.length})`;
    case 'binary':
      return `BINARY(${t.length})`;
    case 'time':
      return `TIME(${t.scale})`;
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return `${t.kind.toUpperCase()}(${t.scale})`;
    default:
      return t.kind.toUpperCase();
  }
}

export function resultColumn(name: string, t: SqlType, nullable: boolean): ResultColumn {
  const type = t.kind === 'null' ? 'text' : t.kind;
  const isFixed = t.kind === 'fixed';
  const scaled = t.kind === 'time' || isTimestamp(t);
  const length = type === 'text' ? t.length || MAX_TEXT : t.kind === 'binary' ? t.length : null;
  return {
    name,
    type,
    nullable,
    precision: isFixed ? t.precision : scaled ? 0 : null,
    scale: isFixed || scaled ? t.scale : null,
    length,
    byteLength: length === null ? null : type === 'text' ? Math.min(length * 4, MAX_TEXT) : length,
  };
}

/** DuckDB SQL for the wire text of a cell (null stays null). */
export function wireText(sql: string, t: SqlType): string {
  const seconds = (ns: string): string =>
    `CAST(CAST((${ns}) * CAST(0.000000001 AS DECIMAL(10,9)) AS DECIMAL(38,${t.scale})) AS VARCHAR)`;
  switch (t.kind) {
    case 'text':
    case 'variant':
    case 'object':
    case 'array':
      return sql;
    case 'real':
      return `sf_real_text(${sql})`;
    case 'boolean':
      return `CASE WHEN ${sql} THEN '1' WHEN NOT ${sql} THEN '0' END`;
    case 'date':
      return `CAST(${sql} - DATE '1970-01-01' AS VARCHAR)`;
    case 'time':
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return seconds(`CAST(${sql} AS DECIMAL(28,0))`);
    case 'timestamp_tz':
      return `${seconds(`CAST((${sql}).i AS DECIMAL(28,0))`)} || ' ' || CAST((${sql}).o + 1440 AS VARCHAR)`;
    case 'binary':
      return `hex(${sql})`;
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}
