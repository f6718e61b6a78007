/** Dynamic tables: a refresh puts in what their query gives now and is not there, and ends what is there no more. */
import { missingObject } from '../errors.ts';
import type { Statement } from '../parse/ast.ts';
import { columnIds, currentSql, qualifiedName } from '../storage/table.ts';
import { firstRowId } from './dml.ts';
import type { Run } from './run.ts';
import { write } from './transactions.ts';
import { compileDefinition, shaped } from './views.ts';

/** A row that stays as it is stays the same row; one that changed is another. */
export async function refresh({ name }: Extract<Statement, { k: 'refresh' }>, run: Run): Promise<string> {
  const table = run.core.catalog.table(name, run.host);
  if (!table.dynamic) throw missingObject('Dynamic table', qualifiedName(table));
  const compiled = compileDefinition(table.dynamic, 'now', run);
  const ids = columnIds(table);
  const numbered = (rows: string, ...others: string[]): string =>
    `SELECT ${[ids, ...others].join(', ')}, row_number() OVER (PARTITION BY ${ids}) AS __n FROM (${rows})`;
  const same = [...table.columns.map(({ id }) => id), '__n'].map((id) => `a.${id} IS NOT DISTINCT FROM b.${id}`);
  const [is, was] = [`tx.s${run.core.fresh()}`, `tx.s${run.core.fresh()}`];
  const only = (list: string, of: string, other: string): string =>
    `SELECT ${list} FROM ${of} a LEFT JOIN ${other} b ON ${same.join(' AND ')} WHERE b.__n IS NULL`;
  await write(run, table, true, async (c, overlay) => {
    const rows = `SELECT ${shaped(table, compiled).join(', ')} FROM (${compiled.sql}) v`;
    await c.run(
      `CREATE TABLE ${is} AS ${numbered(rows)}; CREATE TABLE ${was} AS ${numbered(currentSql(table, []), '__rid')};`,
    );
    await c.run(`INSERT INTO ${overlay.ended} ${only('a.__rid', was, is)}`);
    await c.run(
      `INSERT INTO ${overlay.fresh} (${ids}, __rid, __b) SELECT ${ids}, ${firstRowId(run)} + row_number() OVER (), TRUE FROM (${only('a.*', is, was)})`,
    );
    await c.run(`DROP TABLE ${is}; DROP TABLE ${was};`);
  });
  return 'Statement executed successfully.';
}
