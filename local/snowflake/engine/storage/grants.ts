/**
 * Who was granted what. Roles that CREATE ROLE made may do what they were granted, and anything with what they own; every
 * other role is the account's administrator. A table's grants go with the table: one that replaces it has none.
 */
import type { Table } from './table.ts';

/** All or nothing of what is in the database. */
const IMPORTED = 'IMPORTED PRIVILEGES';

export type GrantedKind = 'WAREHOUSE' | 'DATABASE' | 'SCHEMA' | 'STREAM';

export class Grants {
  readonly #roles = new Set<string>();
  /** Roles by user. */
  readonly #users = new Map<string, Set<string>>();
  /** Privileges by role, kind and name. */
  readonly #named = new Map<string, Set<string>>();
  /** Privileges by role on tables that are still to be made, by schema. */
  readonly #future = new Map<string, Map<string, Set<string>>>();
  /** Privileges by role. */
  readonly #tables = new WeakMap<Table, Map<string, Set<string>>>();

  createRole(role: string): void {
    this.#roles.add(role);
  }

  has(role: string): boolean {
    return this.#roles.has(role);
  }

  /** Whether the user may take the role. */
  mayTake(user: string, role: string): boolean {
    return !this.has(role) || this.#users.get(user)?.has(role) === true;
  }

  setRole(user: string, role: string, granted: boolean): void {
    change(at(this.#users, user), role, granted);
  }

  set(role: string, privilege: string, kind: GrantedKind, name: string, granted: boolean): void {
    change(at(this.#named, keyOf(role, kind, name)), privilege, granted);
  }

  setOnTable(role: string, privilege: string, table: Table, granted: boolean): void {
    const roles = this.#tables.get(table) ?? new Map<string, Set<string>>();
    this.#tables.set(table, roles);
    change(at(roles, role), privilege, granted);
  }

  setOnFuture(role: string, privilege: string, schema: string, granted: boolean): void {
    const roles = this.#future.get(schema) ?? new Map<string, Set<string>>();
    this.#future.set(schema, roles);
    change(at(roles, role), privilege, granted);
  }

  /** A table comes with what was granted on future ones of its schema. */
  made(table: Table): void {
    for (const [role, privileges] of this.#future.get(`${table.database}.${table.schema}`) ?? [])
      for (const privilege of privileges) this.setOnTable(role, privilege, table, true);
  }

  holds(role: string, privilege: string, kind: GrantedKind, name: string): boolean {
    return !this.has(role) || this.#named.get(keyOf(role, kind, name))?.has(privilege) === true;
  }

  /** Whether the role may do anything in the database. */
  enters(role: string, database: string): boolean {
    return ['USAGE', IMPORTED].some((privilege) => this.holds(role, privilege, 'DATABASE', database));
  }

  /** Whether the role reaches into the schema. */
  reaches(role: string, database: string, schema: string): boolean {
    if (this.holds(role, IMPORTED, 'DATABASE', database)) return true;
    return this.enters(role, database) && this.holds(role, 'USAGE', 'SCHEMA', `${database}.${schema}`);
  }

  owns(role: string, table: Table): boolean {
    return !this.has(role) || table.owner === role;
  }

  /** Whether the role sees that the table is there. */
  sees(role: string, table: Table): boolean {
    if (table.view || table.imported) return this.holds(role, IMPORTED, 'DATABASE', table.database);
    const any = (this.#tables.get(table)?.get(role)?.size ?? 0) > 0;
    return this.reaches(role, table.database, table.schema) && (any || this.owns(role, table));
  }

  reads(role: string, table: Table): boolean {
    if (!this.sees(role, table)) return false;
    if (table.view || table.imported || this.owns(role, table)) return true;
    const held = this.#tables.get(table)?.get(role);
    return (table.stage ? ['READ', 'USAGE'] : ['SELECT']).some((privilege) => held?.has(privilege));
  }
}

function keyOf(role: string, kind: GrantedKind, name: string): string {
  return JSON.stringify([role, kind, name]);
}

function at(all: Map<string, Set<string>>, key: string): Set<string> {
  const found = all.get(key) ?? new Set<string>();
  all.set(key, found);
  return found;
}

function change(of: Set<string>, value: string, present: boolean): void {
  if (present) of.add(value);
  else of.delete(value);
}
