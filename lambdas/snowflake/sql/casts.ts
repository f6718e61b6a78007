/**
 * Every column reaches the client as text, made in SQL: lossless, and faster than any conversion in the client. NULL stays
 * NULL. `encoding/types.ts` says what becomes of the text in a record.
 */
import { SnowmeltError } from '../../errors.ts';
import type { Column, Layout } from '../../protocol/window.ts';

const varchar = (format: string) => (c: string) => `TO_VARCHAR(${c}, '${format}')`;
const plain = (c: string) => `TO_VARCHAR(${c})`;
const structured = (c: string) => `TO_JSON(${c}::VARIANT)`;
const geo = (c: string) => `TO_VARCHAR(ST_ASEWKB(${c}), 'BASE64')`;
const json = (c: string) => `TO_JSON(${c})`;

/** By the bare type name that DESCRIBE TABLE shows. */
export const casts: Readonly<Record<string, (quoted: string) => string>> = {
  VARCHAR: (c) => c,
  NUMBER: plain,
  // Scientific, as many digits as are needed to read the same double again.
  FLOAT: varchar('TME'),
  BOOLEAN: plain,
  DATE: varchar('YYYY-MM-DD'),
  TIME: varchar('HH24:MI:SS.FF9'),
  TIMESTAMP_NTZ: varchar('YYYY-MM-DD"T"HH24:MI:SS.FF9'),
  TIMESTAMP_LTZ: (c) => `TO_VARCHAR(CONVERT_TIMEZONE('UTC', ${c}), 'YYYY-MM-DD"T"HH24:MI:SS.FF9"Z"')`,
  TIMESTAMP_TZ: varchar('YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM'),
  BINARY: varchar('BASE64'),
  VARIANT: json,
  OBJECT: json,
  ARRAY: json,
  MAP: structured,
  STRUCTURED_OBJECT: structured,
  STRUCTURED_ARRAY: structured,
  VECTOR: (c) => `TO_JSON(${c}::ARRAY)`,
  DECFLOAT: plain,
  UUID: plain,
  // With its SRID, and every bit of its coordinates.
  GEOGRAPHY: geo,
  GEOMETRY: geo,
};

/** The text of an empty value: it stands where a column can't be NULL and nothing is known of it. Others: the empty text. */
export const empties: Readonly<Record<string, string>> = {
  NUMBER: '0',
  FLOAT: '0.0E0',
  DECFLOAT: '0',
  BOOLEAN: 'false',
  DATE: '1970-01-01',
  TIME: '00:00:00.000000000',
  TIMESTAMP_NTZ: '1970-01-01T00:00:00.000000000',
  TIMESTAMP_LTZ: '1970-01-01T00:00:00.000000000Z',
  TIMESTAMP_TZ: '1970-01-01T00:00:00.000000000+00:00',
  VARIANT: 'null',
  OBJECT: '{}',
  ARRAY: '[]',
  MAP: '{}',
  STRUCTURED_OBJECT: '{}',
  STRUCTURED_ARRAY: '[]',
  VECTOR: '[]',
  UUID: '00000000-0000-0000-0000-000000000000',
};

/** Text of these is not canonical, so equal keys could look different. */
export const noKey = new Set([
  'VARIANT',
  'OBJECT',
  'ARRAY',
  'MAP',
  'STRUCTURED_OBJECT',
  'STRUCTURED_ARRAY',
  'VECTOR',
  'FLOAT',
  'DECFLOAT',
  'GEOGRAPHY',
  'GEOMETRY',
]);

/** Standard change tracking can't follow these; append-only can. */
const onlyAppended = ['GEOGRAPHY', 'GEOMETRY'];

/** @throws TYPE_UNSUPPORTED naming all columns that the changes of a table can't be read with */
export function refuseUntracked(columns: readonly Column[], information: Layout['information']): void {
  const untracked = columns.filter((column) => onlyAppended.includes(column.type));
  if (untracked.length === 0 || information === 'APPEND_ONLY') return;
  const list = untracked.map((column) => `${column.name} (${column.type})`).join(', ');
  throw new SnowmeltError('TYPE_UNSUPPORTED', `Columns that only \`changes: append-only\` can read: ${list}`);
}
