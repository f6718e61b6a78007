/** Access control: a statement is checked before it runs, and refused in Snowflake's words. */
import { insufficientPrivileges, missingObject, missingTable, noSuchObject } from '../errors.ts';
import type { Name, Scope, Statement } from '../parse/ast.ts';
import type { Grants } from '../storage/grants.ts';
import { qualifiedName, type Table } from '../storage/table.ts';
import { mustReadStage } from './context.ts';
import type { Run } from './run.ts';

/** @throws SqlError 002003, 002043, 003001 */
export function authorize(statement: Statement, run: Run): void {
  const { host, core } = run;
  const role = host.role ?? '';
  if (!core.grants.has(role)) return;
  const { grants } = core;
  checkRead(statement, run, role);
  switch (statement.k) {
    case 'createTable':
    case 'createTableAs':
    case 'createTableLike':
    case 'cloneTable':
      if (statement.k === 'createTableLike') mustRead(grants, role, core.catalog.table(statement.like, host));
      if (statement.k === 'cloneTable') mustRead(grants, role, core.catalog.table(statement.of, host));
      return checkCreate(statement.name, run, role, 'TABLE');
    case 'createStream':
      if (statement.what === 'STAGE') mustReadStage(core.catalog.stage(statement.on, host), run);
      else mustRead(grants, role, core.catalog.table(statement.on, host));
      return checkCreate(statement.name, run, role, 'STREAM');
    case 'drop':
      if (statement.what === 'TABLE') return checkOwner(statement.name, run, role);
      if (statement.what === 'STREAM') {
        const stream = core.catalog.findStream(statement.name, host);
        if (stream === null || stream.owner === role) return;
      }
      throw insufficientPrivileges(statement.what.toLowerCase(), statement.name.join('.'));
    case 'alterTable':
    case 'truncate':
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return checkOwner(statement.name, run, role);
    case 'show':
      return checkScope(statement.in, run, role);
    case 'use':
      return checkUse(statement, run, role);
    case 'createView':
    case 'createDynamicTable':
    case 'createEventTable':
    case 'createExternalTable':
    case 'createStage':
    case 'remove':
    case 'alterView':
    case 'refresh':
      throw insufficientPrivileges('schema', statement.name.join('.'));
    case 'createNamespace':
    case 'undrop':
      throw insufficientPrivileges(statement.what.toLowerCase(), statement.name.join('.'));
    case 'alterWarehouse':
      throw insufficientPrivileges('warehouse', statement.warehouse);
    case 'createRole':
    case 'grant':
      throw insufficientPrivileges('role', statement.role);
  }
}

/** Every table that the statement reads or asks about. */
function checkRead(statement: Statement, { core, named, streams }: Run, role: string): void {
  for (const stream of streams.keys()) {
    const name = qualifiedName(stream);
    if (stream.owner !== role && !core.grants.holds(role, 'SELECT', 'STREAM', name)) throw missingTable(name);
  }
  if (named.size === 0) return;
  for (const table of core.catalog.tables()) {
    if (!named.has(qualifiedName(table))) continue;
    if (statement.k !== 'describe') mustRead(core.grants, role, table);
    else if (!core.grants.sees(role, table)) throw missingObject('Table', qualifiedName(table));
  }
}

function mustRead(grants: Grants, role: string, table: Table): void {
  if (!grants.reads(role, table)) throw missingTable(qualifiedName(table));
}

function checkCreate(name: Name, { core, host }: Run, role: string, what: 'TABLE' | 'STREAM'): void {
  const { database, schema } = core.catalog.resolve(name, host);
  const full = `${database}.${schema}`;
  if (!core.grants.reaches(role, database, schema)) throw missingObject('Schema', full);
  if (!core.grants.holds(role, `CREATE ${what}`, 'SCHEMA', full)) throw insufficientPrivileges('schema', schema);
  const existing = core.catalog.find(name, host);
  if (existing && !core.grants.owns(role, existing)) throw insufficientPrivileges('table', existing.name);
}

function checkOwner(name: Name, { core, host }: Run, role: string): void {
  const table = core.catalog.find(name, host);
  if (!table) return;
  if (!core.grants.sees(role, table)) throw missingObject('Table', qualifiedName(table));
  if (!core.grants.owns(role, table)) throw insufficientPrivileges('table', table.name);
}

/** What is listed is what the role sees (show.ts); where it has no business at all it is told so. */
function checkScope(scope: Scope, { core, host }: Run, role: string): void {
  const inTable = scope?.kind === 'TABLE' ? core.catalog.find(scope.name, host) : null;
  if (inTable && !core.grants.sees(role, inTable)) throw missingTable(qualifiedName(inTable));
  if (scope?.kind === 'DATABASE' && scope.name.length > 0 && !usesDatabase(core.grants, role, scope.name[0]!))
    throw noSuchObject();
  if (scope?.kind !== 'SCHEMA' || scope.name.length === 0) return;
  const { database, schema } = core.catalog.schemaName(scope.name, host);
  if (!core.grants.reaches(role, database, schema)) throw noSuchObject();
}

function checkUse(statement: Extract<Statement, { k: 'use' }>, { core, host }: Run, role: string): void {
  const { what, name } = statement;
  const last = name[name.length - 1]!;
  const schema = what === 'SCHEMA' ? core.catalog.schemaName(name, host) : null;
  const allowed =
    what === 'ROLE'
      ? core.grants.mayTake(host.user, last)
      : what === 'WAREHOUSE'
        ? core.grants.holds(role, 'USAGE', 'WAREHOUSE', last)
        : schema === null
          ? usesDatabase(core.grants, role, last)
          : core.grants.reaches(role, schema.database, schema.schema);
  if (!allowed) throw noSuchObject();
}

function usesDatabase(grants: Grants, role: string, database: string): boolean {
  return grants.enters(role, database);
}
