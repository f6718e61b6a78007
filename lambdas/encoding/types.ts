/**
 * What becomes of each Snowflake type in a record. One table: documentation is generated from it, encoders and checks use it.
 *
 * A cell comes as text (`snowflake/sql/casts.ts` makes it): lossless for every type here.
 */
import { SnowmeltError } from '../errors.ts';
import type { Column } from '../protocol/window.ts';

/** How a cell's text is written into JSON. */
export type CellKind =
  /** A string. */
  | 'string'
  /** The digits as a JSON number. */
  | 'number'
  /** A JSON number; NaN and the infinities, which JSON lacks, as strings. */
  | 'float'
  /** true or false. */
  | 'boolean';

export type TypeFacts = {
  kind: (column: Column) => CellKind;
  /** For people. */
  json: string;
  example: string;
};

/** Doubles carry any decimal of this many digits exactly, and so does every JSON reader. */
export const safeDigits = 15;

const string = () => 'string' as const;

/** By the bare name that DESCRIBE TABLE shows; aliases (INT, TEXT, DOUBLE, ...) are stored by Snowflake under these names. */
export const types: Readonly<Record<string, TypeFacts>> = {
  NUMBER: {
    kind: ({ precision }) => (precision !== null && precision <= safeDigits ? 'number' : 'string'),
    json: `number up to ${safeDigits} digits of precision, else string: exact`,
    example: '12.50 or "12345678901234567890"',
  },
  FLOAT: { kind: () => 'float', json: 'number, or "NaN", "Infinity", "-Infinity"', example: '1.5E0' },
  BOOLEAN: { kind: () => 'boolean', json: 'true or false', example: 'true' },
  VARCHAR: { kind: string, json: 'string', example: '"text"' },
  DATE: { kind: string, json: 'string, ISO 8601', example: '"2026-01-31"' },
  TIME: { kind: string, json: 'string, nanoseconds', example: '"23:59:59.123456789"' },
  TIMESTAMP_NTZ: { kind: string, json: 'string, ISO 8601 without zone', example: '"2026-01-31T23:59:59.123456789"' },
  TIMESTAMP_LTZ: { kind: string, json: 'string, ISO 8601 in UTC', example: '"2026-01-31T23:59:59.123456789Z"' },
  TIMESTAMP_TZ: {
    kind: string,
    json: 'string, ISO 8601 with its own offset',
    example: '"2026-01-31T23:59:59.123456789+05:30"',
  },
  BINARY: { kind: string, json: 'string, Base64', example: '"aGVsbG8="' },
  VARIANT: { kind: string, json: 'string holding JSON; a JSON null is "null"', example: '"{\\"a\\":1}"' },
  OBJECT: { kind: string, json: 'string holding JSON', example: '"{\\"a\\":1}"' },
  ARRAY: { kind: string, json: 'string holding JSON', example: '"[1,2]"' },
};

/** @throws TYPE_UNSUPPORTED naming every column that has no place in a record */
export function kindsOf(columns: readonly Column[]): CellKind[] {
  const unsupported = columns.filter((column) => types[column.type] === undefined);
  if (unsupported.length > 0) {
    const list = unsupported.map((column) => `${column.name} (${column.type})`).join(', ');
    throw new SnowmeltError('TYPE_UNSUPPORTED', `Columns of a type that JSON records do not carry: ${list}`);
  }
  return columns.map((column) => types[column.type]!.kind(column));
}
