/** CREATE ROLE, GRANT, REVOKE and ALTER WAREHOUSE, by an administrator. */
import { existsAlready, missingObject } from '../errors.ts';
import type { Name, Statement } from '../parse/ast.ts';
import { STATEMENT_TYPE } from '../results.ts';
import { kindOf } from '../storage/catalog.ts';
import type { GrantedKind } from '../storage/grants.ts';
import { qualifiedName } from '../storage/table.ts';
import type { Prepared, Run } from './run.ts';
import { statusPrepared } from './transactions.ts';

type GrantStatement = Extract<Statement, { k: 'createRole' | 'grant' | 'alterWarehouse' }>;

export function prepareGrant(statement: GrantStatement, run: Run): Prepared {
  return statusPrepared(run, () => Promise.resolve(apply(statement, run)), STATEMENT_TYPE.ddl);
}

function apply(statement: GrantStatement, run: Run): string {
  const { grants, catalog } = run.core;
  if (statement.k === 'alterWarehouse') {
    run.core.autoSuspend.set(statement.warehouse, statement.autoSuspend);
    return 'Statement executed successfully.';
  }
  const { role } = statement;
  if (statement.k === 'createRole') {
    if (!grants.has(role)) grants.createRole(role);
    else if (statement.ifNotExists) return `${role} already exists, statement succeeded.`;
    else throw existsAlready(role);
    return `Role ${role} successfully created.`;
  }
  const { what, granted } = statement;
  if ('user' in what) {
    grants.setRole(what.user, role, granted);
    return 'Statement executed successfully.';
  }
  if ('tables' in what) {
    const { database, schema } = catalog.schemaName(what.schema, run.host);
    const { name, tables } = catalog.schema([database, schema], run.host);
    for (const privilege of what.privileges) {
      if (what.tables === 'FUTURE') grants.setOnFuture(role, privilege, `${database}.${name}`, granted);
      else for (const table of tables.values()) grants.setOnTable(role, privilege, table, granted);
    }
    return 'Statement executed successfully.';
  }
  for (const privilege of what.privileges) {
    const { kind, name } = what;
    if (kind !== 'WAREHOUSE' && kind !== 'DATABASE' && kind !== 'SCHEMA' && kind !== 'STREAM') {
      const table = catalog.table(name, run.host);
      if (kindOf(table) !== kind) throw missingObject(kind, qualifiedName(table));
      grants.setOnTable(role, privilege, table, granted);
    } else grants.set(role, privilege, kind, fullName(kind, name, run), granted);
  }
  return 'Statement executed successfully.';
}

/** Of what is there; a warehouse is there by being named. */
function fullName(kind: GrantedKind, name: Name, { core: { catalog }, host }: Run): string {
  if (kind === 'WAREHOUSE') return name.join('.');
  if (kind === 'DATABASE') return catalog.database(name[0]!).name;
  if (kind === 'STREAM') return qualifiedName(catalog.stream(name, host));
  const { database, schema } = catalog.schemaName(name, host);
  return `${database}.${catalog.schema([database, schema], host).name}`;
}
