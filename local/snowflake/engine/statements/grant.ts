/** CREATE ROLE, GRANT, REVOKE and ALTER WAREHOUSE, by an administrator. */
import { existsAlready, individualPrivileges, missingObject, unsupported } from '../errors.ts';
import type { Name, Statement, TableKind } from '../parse/ast.ts';
import { STATEMENT_TYPE } from '../results.ts';
import { kindOf, SYSTEM_DATABASE } from '../storage/catalog.ts';
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
    checkImported(database, what.privileges, granted, run);
    const { name, tables } = catalog.schema([database, schema], run.host);
    for (const privilege of what.privileges) {
      if (what.tables === 'FUTURE') grants.setOnFuture(role, privilege, `${database}.${name}`, granted);
      else for (const table of tables.values()) grants.setOnTable(role, privilege, table, granted);
    }
    return 'Statement executed successfully.';
  }
  checkImported(databaseOf(what.kind, what.name, run), what.privileges, granted, run);
  for (const privilege of what.privileges) {
    const { kind, name } = what;
    if (kind !== 'WAREHOUSE' && kind !== 'DATABASE' && kind !== 'SCHEMA' && kind !== 'STREAM') {
      const table = kind === 'STAGE' ? catalog.stage(name, run.host) : catalog.table(name, run.host);
      if (kindOf(table) !== kind) throw missingObject(kind, qualifiedName(table));
      grants.setOnTable(role, privilege, table, granted);
    } else grants.set(role, privilege, kind, fullName(kind, name, run), granted);
  }
  return 'Statement executed successfully.';
}

/** What is shared is read as a whole or not at all. */
function checkImported(database: string | null, privileges: string[], granted: boolean, { core }: Run): void {
  if (database === null || database === SYSTEM_DATABASE) return;
  const imported = core.catalog.databases.get(database)?.origin !== undefined;
  const asWhole = privileges.every((privilege) => privilege === 'IMPORTED PRIVILEGES');
  if (imported && !asWhole) throw individualPrivileges(granted);
  if (!imported && privileges.includes('IMPORTED PRIVILEGES'))
    throw unsupported('IMPORTED PRIVILEGES on a database that is not imported');
}

function databaseOf(kind: GrantedKind | TableKind, name: Name, { core, host }: Run): string | null {
  if (kind === 'WAREHOUSE') return null;
  if (kind === 'DATABASE') return name[0]!;
  return kind === 'SCHEMA' ? core.catalog.schemaName(name, host).database : core.catalog.resolve(name, host).database;
}

/** Of what is there; a warehouse is there by being named. */
function fullName(kind: GrantedKind, name: Name, { core: { catalog }, host }: Run): string {
  if (kind === 'WAREHOUSE') return name.join('.');
  if (kind === 'DATABASE') return catalog.database(name[0]!).name;
  if (kind === 'STREAM') return qualifiedName(catalog.stream(name, host));
  const { database, schema } = catalog.schemaName(name, host);
  return `${database}.${catalog.schema([database, schema], host).name}`;
}
