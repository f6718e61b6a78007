/** Bulk load: a DuckDB SELECT into a table, one commit. */
import { columnCount } from './errors.ts';
import type { Core } from './core.ts';
import { parseName } from './parse/cursor.ts';
import { columnIds, currentTable, type Column } from './storage/table.ts';
import { physicalType } from './types.ts';

/** Columns are matched by name, or by position when the names differ; of a view of SNOWFLAKE of an event and of an external table by name alone. Answers rows and commit time. */
export async function load(core: Core, name: string, select: string): Promise<{ rows: number; commitTime: string }> {
  const table = core.catalog.table(parseName(name), { database: null, schema: null });
  // Their rows are made by Snowflake: what a test does not say is NULL.
  const partial = [table.view, table.event, table.external].includes(true);
  const scratch = `tx.s${core.fresh()}`;
  return core.db.with(async (c) => {
    const given = (await c.rows(`DESCRIBE ${select}`)).map(([column, type]) => ({
      name: String(column),
      type: String(type),
    }));
    const byName = table.columns.map((col) => given.find((g) => g.name.toUpperCase() === col.name.toUpperCase()));
    const named = partial || byName.every((g) => g !== undefined);
    const unknown = partial && given.some((g) => !table.columns.some((col) => col.name === g.name.toUpperCase()));
    if (unknown) throw columnCount(table.columns.length, given.length);
    if (!named && given.length !== table.columns.length) throw columnCount(table.columns.length, given.length);
    const list = table.columns.map((col, i) => {
      const source = named ? byName[i] : given[i];
      if (source === undefined) return `CAST(NULL AS ${physicalType(col.type)}) AS ${col.id}`;
      return `${converted(`"${source.name.replaceAll('"', '""')}"`, source.type, col)} AS ${col.id}`;
    });
    const first = BigInt(core.fresh()) << 34n;
    try {
      await c.run(
        `CREATE TABLE ${scratch} AS SELECT ${list.join(', ')}, ${first} + row_number() OVER () AS __rid FROM (${select})`,
      );
      const rows = await c.count(`SELECT count(*) FROM ${scratch}`);
      const { time } = await core.commit(0, (at) =>
        c.run(
          `INSERT INTO ${currentTable(table)} (${columnIds(table)}, __rid, __vf, __b) SELECT ${columnIds(table)}, __rid, ${at}, TRUE FROM ${scratch}`,
        ),
      );
      table.rows += rows;
      if (rows > 0) table.commits.push(time);
      return { rows, commitTime: String(time) };
    } finally {
      await c.run(`DROP TABLE IF EXISTS ${scratch}`);
    }
  });
}

/** A DuckDB value as the column keeps it. Text is read as Snowflake reads it; JSON of any shape becomes VARIANT. */
function converted(sql: string, from: string, to: Column): string {
  const text = from === 'VARCHAR';
  switch (to.type.kind) {
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return text ? `sf_text_ntz(${sql})` : nanoseconds(sql, from);
    case 'timestamp_tz':
      if (from.startsWith('STRUCT')) return `CAST(${sql} AS ${physicalType(to.type)})`;
      return text ? `sf_text_tz(${sql}, 'UTC')` : `sf_tz(${nanoseconds(sql, from)}, 0)`;
    case 'time':
      if (text) return `sf_text_time(${sql})`;
      return from === 'TIME' ? `epoch_us(${sql}) * 1000` : `CAST(${sql} AS BIGINT)`;
    case 'variant':
    case 'object':
    case 'array':
      return text || from === 'JSON' ? `sf_parse_json(CAST(${sql} AS VARCHAR))` : `CAST(to_json(${sql}) AS VARCHAR)`;
    default:
      return `CAST(${sql} AS ${physicalType(to.type)})`;
  }
}

function nanoseconds(sql: string, from: string): string {
  if (from === 'TIMESTAMP_NS') return `CAST(epoch_ns(${sql}) AS HUGEINT)`;
  if (from.startsWith('TIMESTAMP') || from === 'DATE') return `sf_ns(CAST(${sql} AS TIMESTAMP))`;
  return `CAST(${sql} AS HUGEINT)`;
}
