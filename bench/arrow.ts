/** A dataset's chunks once more, as the Arrow streams that Snowflake sends to drivers which read them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataset } from './dataset.ts';
import { tables, type TableName } from './tables.ts';

/** arrow.json in the dataset's folder. `inline`: the first rows, in Base64. */
export type ArrowResult = { inline: string; chunks: { file: string; rows: number; bytes: number }[] };

/** Puts them beside the chunks, unless they are there. `python` has pyarrow. */
export async function addArrow(python: string, table: TableName, rows: number): Promise<void> {
  const { folder } = await dataset(table, rows);
  if (existsSync(join(folder, 'arrow.json'))) return;
  const columns = tables[table].columns.map(({ name, type, precision, scale }) => ({ name, type, precision, scale }));
  const program = join(import.meta.dirname, 'peers/python/arrow.py');
  execFileSync(python, [program, folder, JSON.stringify(columns)], { stdio: ['ignore', 'ignore', 'inherit'] });
}
