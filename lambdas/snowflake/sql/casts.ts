/**
 * Every column reaches the client as text, made in SQL: lossless, and faster than any conversion in the client. NULL stays
 * NULL. `encoding/types.ts` says what becomes of the text in a record.
 */
const varchar = (format: string) => (c: string) => `TO_VARCHAR(${c}, '${format}')`;
const plain = (c: string) => `TO_VARCHAR(${c})`;
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
};
