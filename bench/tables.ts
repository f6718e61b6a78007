/**
 * The two tables that are moved, made of real flights (npm's vega-datasets): ten columns with a record of about 600 bytes,
 * and forty of other types. `cell` is DuckDB SQL over the Parquet file's columns and `n`, the row's number from 0: the text
 * that the scan's casts make in Snowflake (lambdas/snowflake/sql/casts.ts).
 */
import type { Column } from '../lambdas/protocol/window.ts';

export type BenchColumn = Column & { cell: string };
/** The first column is the key. */
export type BenchTable = {
  name: string;
  columns: readonly BenchColumn[];
  /** As a plain SELECT gives it, to programs that take Snowflake's own forms of values: not our scan. */
  typed?: boolean;
};

const number = (name: string, precision: number, scale: number, cell: string): BenchColumn => ({
  name,
  type: 'NUMBER',
  precision,
  scale,
  nullable: name !== 'ID',
  cell: `CAST(CAST(${cell} AS DECIMAL(${precision}, ${scale})) AS VARCHAR)`,
});
const other = (name: string, type: string, cell: string): BenchColumn => ({
  name,
  type,
  precision: null,
  scale: null,
  nullable: true,
  cell,
});

// Of one width, so that the order of the numbers is the order of their texts.
const id = number('ID', 38, 0, '1000000000 + n');
const nanos = `'.' || lpad(CAST((n * 7919) % 1000000000 AS VARCHAR), 9, '0')`;
const timestamp = (shift: string) => `strftime(date + INTERVAL (${shift}) MINUTE, '%Y-%m-%dT%H:%M:%S') || ${nanos}`;

const flights: BenchTable = {
  name: 'flights',
  columns: [
    id,
    other('ORIGIN', 'VARCHAR', 'origin'),
    other('DESTINATION', 'VARCHAR', 'destination'),
    number('DISTANCE', 6, 0, 'distance'),
    number('DELAY', 6, 0, 'CASE WHEN n % 11 = 3 THEN NULL ELSE delay END'),
    number('FARE', 10, 2, '(distance * 11 + n % 100) / 100'),
    other('ON_TIME', 'BOOLEAN', 'CAST(delay <= 15 AS VARCHAR)'),
    other('DEPARTED', 'TIMESTAMP_NTZ', timestamp('0')),
    other('LANDED', 'TIMESTAMP_TZ', `${timestamp('distance // 8')} || '-05:00'`),
    other(
      'DETAILS',
      'VARIANT',
      `'{"gate":' || CAST(n % 90 AS VARCHAR) || ',"route":["' || origin || '","' || destination || '"],"seats":[' || CAST(n % 31 AS VARCHAR) || ',' || CAST(n % 6 AS VARCHAR) || '],"crew":"c' || CAST((n * 31) % 100000 AS VARCHAR) || '","booking":"' || substr(md5(CAST(n AS VARCHAR)), 1, 20) || '"}'`,
    ),
  ],
};

const float = `printf('%.15e', CAST(distance AS DOUBLE) / (1 + (n + i) % 7))`;
/** Five columns of each of eight kinds, but the key. */
const families: ((i: number) => BenchColumn)[] = [
  (i) => (i === 0 ? id : number(`COUNT_${i}`, 38, 0, `CAST(n AS HUGEINT) * 1000000007 * ${i}`)),
  (i) => number(`AMOUNT_${i}`, 12, 4, `(distance * ${31 + i} + n % 1000) / 100`),
  (i) => other(`RATIO_${i}`, 'FLOAT', float.replace('+ i', `+ ${i}`)),
  (i) => other(`DAY_${i}`, 'DATE', `strftime(date + INTERVAL (${i}) DAY, '%Y-%m-%d')`),
  (i) => other(`AT_${i}`, 'TIME', `strftime(date + INTERVAL (${i}) HOUR, '%H:%M:%S') || ${nanos}`),
  (i) => other(`SEEN_${i}`, 'TIMESTAMP_LTZ', `${timestamp(String(i * 17))} || 'Z'`),
  (i) =>
    other(
      `TAG_${i}`,
      'BINARY',
      `CASE WHEN n % ${7 + i} = 3 THEN NULL ELSE base64(unhex(md5(CAST(n + ${i} AS VARCHAR)))) END`,
    ),
  (i) =>
    other(
      `NOTE_${i}`,
      'VARCHAR',
      `CASE n % ${5 + i} WHEN 0 THEN NULL WHEN 1 THEN 'said "é" \\ ' || chr(9) || chr(10) || chr(128747) ELSE origin || ' to ' || destination || ' via ${i}' END`,
    ),
];

const wide: BenchTable = {
  name: 'wide',
  columns: families.flatMap((family) => Array.from({ length: 5 }, (_, i) => family(i))),
};

const epoch = (shift: string) =>
  `CAST(CAST(epoch(date + INTERVAL (${shift}) MINUTE) AS BIGINT) AS VARCHAR) || ${nanos}`;

/** The ten columns in the forms that Snowflake's JSON results have for them. */
const typed: BenchTable = {
  name: 'typed',
  columns: flights.columns.map((column) => {
    if (column.type === 'BOOLEAN') return { ...column, cell: `CASE WHEN delay <= 15 THEN '1' ELSE '0' END` };
    if (column.type === 'TIMESTAMP_NTZ') return { ...column, cell: epoch('0') };
    if (column.type === 'TIMESTAMP_TZ') return { ...column, cell: `${epoch('300 + distance // 8')} || ' 1140'` };
    return column;
  }),
  typed: true,
};

export const tables = { flights, wide, typed };
export type TableName = keyof typeof tables;
