import type { SqlType } from '../types.ts';

/** A compiled expression: DuckDB SQL and its Snowflake type. */
export type Value = {
  sql: string;
  type: SqlType;
  nullable: boolean;
  /** The text of a string literal, so that casts of literals are checked and folded here. */
  literal?: string;
  /** The digits of a number literal. */
  number?: string;
  /** A DuckDB integer, not a DECIMAL (same values, cheaper arithmetic). */
  integer?: boolean;
  /** A TIMESTAMP_TZ taken apart: nanoseconds of the instant, minutes of the offset. */
  parts?: { instant: string; offset: string };
};

export const value = (sql: string, type: SqlType, nullable = true): Value => ({ sql, type, nullable });

export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** NUL cannot stand in DuckDB SQL text. */
export const textLiteral = (text: string): string =>
  text.includes('\0') ? text.split('\0').map(quote).join(' || chr(0) || ') : quote(text);
