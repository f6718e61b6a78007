/** SELECT: compiled to one DuckDB query, its rows kept as a table in result order. */
import { compileQuery } from '../compile/query.ts';
import { cancelled } from '../errors.ts';
import type { Query } from '../parse/ast.ts';
import { STATEMENT_TYPE, tableResult } from '../results.ts';
import { resultColumn } from '../types.ts';
import type { Prepared, Run } from './run.ts';

export function prepareSelect(query: Query, run: Run): Prepared {
  const { core, cx } = run;
  const compiled = compileQuery(query, cx, null, true);
  return {
    needsWarehouse: cx.touchesData,
    statementTypeId: STATEMENT_TYPE.select,
    readOnly: true,
    columns: () => compiled.columns.map((c) => resultColumn(c.name, c.type, c.nullable)),
    execute: async () => {
      if (run.readsAt !== null) await core.settled(run.readsAt);
      for (const table of run.scanned) core.countScan(table);
      const table = `results.r${core.fresh()}`;
      const count = await core.db.with(async (c) => {
        await c.run(`CREATE TABLE ${table} AS ${compiled.sql}`);
        if (run.signal?.aborted) {
          await c.run(`DROP TABLE ${table}`);
          throw cancelled();
        }
        return c.count(`SELECT count(*) FROM ${table}`);
      }, run.signal);
      return tableResult(core, run.queryId, run.host.owner, table, compiled.columns, count);
    },
  };
}
