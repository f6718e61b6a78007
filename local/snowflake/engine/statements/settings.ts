/** ALTER SESSION, USE, SET and UNSET. */
import { compileExpr } from '../compile/expressions.ts';
import { Scope } from '../compile/scope.ts';
import { noSuchObject } from '../errors.ts';
import type { Statement } from '../parse/ast.ts';
import { STATEMENT_TYPE } from '../results.ts';
import { cast } from '../compile/casts.ts';
import { text } from '../types.ts';
import { checkParameter } from './parameters.ts';
import type { Prepared, Run } from './run.ts';
import { commitOpen, statusPrepared } from './transactions.ts';

type Settings = Extract<Statement, { k: 'alterSession' | 'use' | 'set' }>;

export function prepareSettings(statement: Settings, run: Run): Prepared {
  return statusPrepared(run, () => apply(statement, run), STATEMENT_TYPE.session);
}

async function apply(statement: Settings, run: Run): Promise<string> {
  const { host, core } = run;
  const done = 'Statement executed successfully.';
  switch (statement.k) {
    case 'alterSession': {
      const names = [...statement.set.map(([name]) => name), ...statement.unset];
      for (const [name, value] of statement.set) checkParameter(name, value);
      for (const name of statement.unset) checkParameter(name, null);
      if (names.includes('AUTOCOMMIT')) await commitOpen(host);
      for (const [name, value] of statement.set) host.parameters.set(name, value);
      for (const name of statement.unset) host.parameters.delete(name);
      return done;
    }
    case 'use': {
      const name = statement.name[statement.name.length - 1]!;
      if (statement.what === 'WAREHOUSE') host.warehouse = name;
      else if (statement.what === 'ROLE') host.role = name;
      else if (statement.what === 'DATABASE') {
        const database = core.catalog.databases.get(name);
        if (!database) throw noSuchObject();
        host.database = name;
        host.schema = database.schemas.has('PUBLIC') ? 'PUBLIC' : null;
      } else {
        const full = core.catalog.schemaName(statement.name, host);
        if (!core.catalog.databases.get(full.database)?.schemas.has(full.schema)) throw noSuchObject();
        host.database = full.database;
        host.schema = full.schema;
      }
      return done;
    }
    case 'set': {
      if (statement.value === null) {
        host.variables.delete(statement.name);
        return done;
      }
      const v = cast(compileExpr(statement.value, new Scope([], null), run.cx), text(), run.cx.formats);
      const rows = await core.db.with((c) => c.rows(`SELECT ${v.sql}`), run.signal);
      host.variables.set(statement.name, String(rows[0]?.[0] ?? ''));
      return done;
    }
  }
}
