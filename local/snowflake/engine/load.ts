/** Bulk load: a DuckDB SELECT into a table, one commit. */
import { columnCount, insufficientPrivileges } from './errors.ts';
import type { Core } from './core.ts';
import { parseName } from './parse/cursor.ts';
import type { Connection } from './storage/duckdb.ts';
import { columnIds, currentTable, historyTable, type Column, type Table } from './storage/table.ts';
import { physicalType } from './types.ts';

/**
 * Columns are matched by name, or by position when the names differ; of a view of SNOWFLAKE, of an event, an external and a
 * directory table by name alone. Answers rows and commit time.
 */
export async function load(core: Core, name: string, select: string): Promise<{ rows: number; commitTime: string }> {
  const table = tableOf(core, name);
  // Their rows are made by Snowflake: what a test does not say is NULL.
  const partial = [table.view, table.event, table.external, table.stage].includes(true);
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
      const { time, done: overwritten } = await core.commit(0, (at) =>
        c.transaction(async () => {
          const ended = table.stage ? await overwrite(c, table, scratch, at) : 0;
          await c.run(
            `INSERT INTO ${currentTable(table)} (${columnIds(table)}, __rid, __vf, __b) SELECT ${columnIds(table)}, __rid, ${at}, TRUE FROM ${scratch}`,
          );
          return ended;
        }),
      );
      table.rows += rows - overwritten;
      if (rows > 0) table.commits.push(time);
      return { rows, commitTime: String(time) };
    } finally {
      await c.run(`DROP TABLE IF EXISTS ${scratch}`);
    }
  });
}

function tableOf(core: Core, text: string): Table {
  const [name, nowhere] = [parseName(text), { database: null, schema: null }];
  const table =
    core.catalog.find(name, nowhere) ?? core.catalog.findStage(name, nowhere) ?? core.catalog.table(name, nowhere);
  if (table.imported) throw insufficientPrivileges('table', table.name);
  return table;
}

/** A file takes the place of the one of its path. Answers how many did. */
async function overwrite(c: Connection, t: Table, scratch: string, at: bigint): Promise<number> {
  const [all, path, current] = [columnIds(t), t.columns[0]!.id, currentTable(t)];
  const before = `FROM ${current} WHERE ${path} IN (SELECT ${path} FROM ${scratch})`;
  const ended = await c.count(`SELECT count(*) ${before}`);
  await c.run(
    `INSERT INTO ${historyTable(t)} (${all}, __rid, __vf, __b, __vt) SELECT ${all}, __rid, __vf, __b, ${at} ${before}`,
  );
  await c.run(`DELETE ${before}`);
  return ended;
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
