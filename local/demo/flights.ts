/**
 * The demo's table: three million real US flights (npm's vega-datasets) with columns of every type that matters.
 *
 * A cell is a value as neutral text, the form in which the writer, its ledger and the oracle speak of it:
 * NUMBER its digits, FLOAT the shortest decimal, BOOLEAN true or false, DATE YYYY-MM-DD, TIME nanoseconds of the day,
 * TIMESTAMP_NTZ (wall clock) and _LTZ (instant) nanoseconds since 1970, TIMESTAMP_TZ the instant's nanoseconds and the
 * offset in minutes with a space between, BINARY hex digits, VARIANT JSON text. null is NULL.
 */
import { fileURLToPath } from 'node:url';

export type ColumnKind =
  | 'number'
  | 'float'
  | 'text'
  | 'boolean'
  | 'date'
  | 'time'
  | 'timestamp_ntz'
  | 'timestamp_ltz'
  | 'timestamp_tz'
  | 'binary'
  | 'variant';

export type DemoColumn = {
  name: string;
  kind: ColumnKind;
  /** As CREATE TABLE has it. */
  sqlType: string;
  /** Of a NUMBER; no scale is 0. */
  precision?: number;
  scale?: number;
  /** DuckDB SQL over the Parquet file's columns and `n`, the row's number from 0; in the stand-in's stored form. */
  source: string;
};

export type Cell = string | null;

/** One row's cells, in the order of `flightColumns`. */
export type Image = Cell[];

const wallNs = '(CAST(epoch_us(date) AS HUGEINT) * 1000 + (n * 7919) % 1000000)';
const offset = '((n % 5) * 60 - 480 + CASE WHEN n % 3 = 0 THEN 30 ELSE 0 END)';

export const flightColumns: readonly DemoColumn[] = [
  { name: 'ID', kind: 'number', sqlType: 'NUMBER(38,0) NOT NULL', precision: 38, source: 'CAST(n AS DECIMAL(38,0))' },
  { name: 'ORIGIN', kind: 'text', sqlType: 'VARCHAR(3)', source: 'origin' },
  { name: 'DESTINATION', kind: 'text', sqlType: 'VARCHAR(3)', source: 'destination' },
  { name: 'FLIGHT_DATE', kind: 'date', sqlType: 'DATE', source: 'CAST(date AS DATE)' },
  { name: 'SCHEDULED', kind: 'time', sqlType: 'TIME(9)', source: `CAST(${wallNs} % 86400000000000 AS BIGINT)` },
  { name: 'DISTANCE', kind: 'number', sqlType: 'NUMBER(6,0)', precision: 6, source: 'CAST(distance AS DECIMAL(6,0))' },
  {
    name: 'DELAY',
    kind: 'number',
    sqlType: 'NUMBER(6,0)',
    precision: 6,
    source: 'CASE WHEN n % 11 = 3 THEN NULL ELSE CAST(delay AS DECIMAL(6,0)) END',
  },
  {
    name: 'FARE',
    kind: 'number',
    sqlType: 'NUMBER(10,2)',
    precision: 10,
    scale: 2,
    source: 'CAST(CAST(distance * 11 + n % 100 AS DECIMAL(12,0)) * CAST(0.01 AS DECIMAL(3,2)) AS DECIMAL(10,2))',
  },
  {
    name: 'FUEL',
    kind: 'number',
    sqlType: 'NUMBER(20,4)',
    precision: 20,
    scale: 4,
    source: 'CAST(CAST(distance * 31415 + n AS DECIMAL(16,0)) * CAST(0.0001 AS DECIMAL(5,4)) AS DECIMAL(20,4))',
  },
  { name: 'ON_TIME', kind: 'boolean', sqlType: 'BOOLEAN', source: 'delay <= 15' },
  { name: 'SPEED', kind: 'float', sqlType: 'FLOAT', source: 'CAST(distance AS DOUBLE) / (1 + n % 7)' },
  { name: 'DEPARTED', kind: 'timestamp_ntz', sqlType: 'TIMESTAMP_NTZ(9)', source: wallNs },
  { name: 'BOARDED', kind: 'timestamp_ltz', sqlType: 'TIMESTAMP_LTZ(9)', source: `(${wallNs} - 1800000000000)` },
  {
    name: 'LANDED',
    kind: 'timestamp_tz',
    sqlType: 'TIMESTAMP_TZ(9)',
    source: `CASE WHEN n % 13 = 5 THEN NULL ELSE {'i': ${wallNs} + 7200000000001, 'o': CAST(${offset} AS SMALLINT)} END`,
  },
  {
    name: 'DETAILS',
    kind: 'variant',
    sqlType: 'VARIANT',
    source: `CASE WHEN n % 17 = 6 THEN NULL ELSE '{"gate":' || CAST(n % 90 AS VARCHAR) || ',"route":["' || origin || '","' || destination || '"],"seat":null}' END`,
  },
  {
    name: 'TAG',
    kind: 'binary',
    sqlType: 'BINARY',
    source: 'CASE WHEN n % 19 = 7 THEN NULL ELSE unhex(md5(CAST(n AS VARCHAR))) END',
  },
  {
    name: 'REMARK',
    kind: 'text',
    sqlType: 'VARCHAR',
    source: `CASE WHEN n % 23 = 0 THEN 'say "é" \\ ' || chr(9) || chr(10) || chr(128747) WHEN n % 23 = 1 THEN '' ELSE NULL END`,
  },
];

export const MAX_ROWS = 3_000_000;

/** The Parquet file inside vega-datasets, whose package.json names its modules alone: build/index.js lies beside data/. */
export function flightsFile(): string {
  return fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
}

function from(rows: number): string {
  return `(SELECT *, file_row_number AS n FROM read_parquet('${flightsFile().replaceAll("'", "''")}', file_row_number = true) WHERE file_row_number < ${rows})`;
}

/** DuckDB SELECT of the first `rows` flights in the form in which the stand-in stores a table. */
export function loadSelect(rows: number): string {
  return `SELECT ${flightColumns.map((c) => `${c.source} AS "${c.name}"`).join(', ')} FROM ${from(rows)}`;
}

/** DuckDB SELECT of cells as VARCHAR, in ID order; `where` may speak of `n`. */
export function cellSelect(rows: number, where = 'true'): string {
  const cells = flightColumns.map((c) => `${cellText(c)} AS "${c.name}"`);
  return `SELECT ${cells.join(', ')} FROM ${from(rows)} WHERE ${where} ORDER BY n`;
}

function cellText(column: DemoColumn): string {
  switch (column.kind) {
    case 'timestamp_tz':
      return `CAST((${column.source}).i AS VARCHAR) || ' ' || CAST((${column.source}).o AS VARCHAR)`;
    case 'binary':
      return `hex(${column.source})`;
    default:
      return `CAST(${column.source} AS VARCHAR)`;
  }
}

/** The statement that makes the table. */
export function createTable(name: string): string {
  const columns = flightColumns.map((c) => `"${c.name}" ${c.sqlType}`).join(', ');
  return `CREATE TABLE ${name} (${columns}, PRIMARY KEY ("ID")) CHANGE_TRACKING = TRUE`;
}
