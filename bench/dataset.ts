/** Results as Snowflake keeps them: some rows inline, then gzip chunks that grow to 16 MB of text. Made once, kept in .cache. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { flightsFile, MAX_ROWS } from '../local/demo/flights.ts';
import { addChecksum, checksum, imageOf } from './image.ts';
import { tables, type BenchTable, type TableName } from './tables.ts';

export type Chunk = { file: string; rows: number; bytes: number };
export type Dataset = {
  table: TableName;
  rows: number;
  width: number;
  inline: (string | null)[][];
  chunks: Chunk[];
  /** Of all rows' images (image.ts). */
  checksum: number;
  /** Folder of the chunks. */
  folder: string;
};

const compress = promisify(gzip);
const cache = join(import.meta.dirname, '../.cache/bench');
/** Changes with the form of what is kept. */
const FORM = 1;
const INLINE_ROWS = 300;
const FIRST_CHUNK_BYTES = 400_000;
const CHUNK_BYTES = 15_000_000;
const SAMPLE_ROWS = 2_000;

/** The result of a scan of the table's first `rows` rows, from the cache or made now. */
export async function dataset(table: TableName, rows: number): Promise<Dataset> {
  const folder = join(cache, `${table}-${rows}-${FORM}`);
  const file = join(folder, 'result.json');
  if (!existsSync(file)) await make(tables[table], table, rows, folder);
  return { ...(JSON.parse(readFileSync(file, 'utf8')) as Omit<Dataset, 'folder'>), folder };
}

async function make(table: BenchTable, name: TableName, rows: number, folder: string): Promise<void> {
  const staging = `${folder}.part-${process.pid}`;
  mkdirSync(staging, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '2GB' });
  const connection = await instance.connect();
  try {
    const sample = Math.min(SAMPLE_ROWS, rows);
    const rowBytes = (await readText(connection, table, 0, sample)).length / sample;
    let sum = 0;
    const count = (text: string) => {
      const cells = JSON.parse(`[${text}]`) as (string | null)[][];
      for (const row of cells) sum = addChecksum(sum, checksum(imageOf(table.columns, row)));
      return cells;
    };
    const inline = count(await readText(connection, table, 0, Math.min(INLINE_ROWS, rows)));
    const chunks: Chunk[] = [];
    let written: Promise<unknown> = Promise.resolve();
    let wanted = FIRST_CHUNK_BYTES;
    for (let start = inline.length; start < rows;) {
      const end = Math.min(rows, start + Math.ceil(wanted / rowBytes));
      const text = await readText(connection, table, start, end);
      const file = `${chunks.length}.gz`;
      chunks.push({ file, rows: end - start, bytes: Buffer.byteLength(text) });
      await written;
      written = compress(text).then((bytes) => writeFileSync(join(staging, file), bytes));
      count(text);
      start = end;
      wanted = Math.min(CHUNK_BYTES, 2 * wanted);
    }
    await written;
    const width = table.columns.length + (table.typed === true ? 0 : 4);
    const made: Omit<Dataset, 'folder'> = { table: name, rows, width, inline, chunks, checksum: sum };
    writeFileSync(join(staging, 'result.json'), JSON.stringify(made));
    rmSync(folder, { recursive: true, force: true });
    renameSync(staging, folder);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Rows [start, end) as a chunk has them: the columns, then key text, action, row id and bucket (sql/scan.ts). */
async function readText(connection: DuckDBConnection, table: BenchTable, start: number, end: number): Promise<string> {
  const parts: string[] = [];
  // There are three million flights; more rows are the same flights under other numbers.
  for (let from = start; from < end;) {
    const base = Math.floor(from / MAX_ROWS) * MAX_ROWS;
    const to = Math.min(end, base + MAX_ROWS);
    const cells = table.columns.map(({ cell }) => cell);
    const key = `to_json([${cells[0]!}])::VARCHAR`;
    const own = table.typed === true ? [] : [key, `'INSERT'`, 'NULL', `'0'`];
    const row = `to_json([${[...cells, ...own].join(', ')}])::VARCHAR`;
    const rows = `SELECT *, file_row_number + ${base} AS n FROM read_parquet('${flightsFile().replaceAll("'", "''")}', file_row_number = true) WHERE file_row_number >= ${from - base} AND file_row_number < ${to - base}`;
    const read = await connection.runAndReadAll(
      `SELECT string_agg(row, ',' ORDER BY n) FROM (SELECT n, ${row} AS row FROM (${rows}))`,
    );
    parts.push(read.getRows()[0]![0] as string);
    from = to;
  }
  return parts.join(',');
}
