/** Databases, schemas and tables by name, with what was dropped and can come back. */
import {
  existsAlready,
  insufficientPrivileges,
  missingObject,
  missingTable,
  noDatabase,
  noSchema,
  unsupported,
} from '../errors.ts';
import type { Name, TableKind } from '../parse/ast.ts';
import type { Stream } from './stream.ts';
import { qualifiedName, type Table } from './table.ts';

/** Of every account, and Snowflake's own. */
export const SYSTEM_DATABASE = 'SNOWFLAKE';

export type Schema = {
  name: string;
  createdOn: bigint;
  retentionDays: number | null;
  tables: Map<string, Table>;
  /** Share their names with tables. */
  streams: Map<string, Stream>;
  dropped: Table[];
  /** Directory tables; they share their names with nothing. */
  stages: Map<string, Table>;
};
export type DatabaseEntry = {
  name: string;
  createdOn: bigint;
  retentionDays: number | null;
  readonly schemas: Map<string, Schema>;
  dropped: Schema[];
  /** The share that it was made from: nobody here may change what is in it. */
  origin?: string;
};
export type Current = { database: string | null; schema: string | null };
export type Resolved = { database: string; schema: string; name: string };

/** As statements call it. */
export function kindOf(t: Table): TableKind {
  if (t.definition) return 'VIEW';
  if (t.dynamic) return 'DYNAMIC TABLE';
  if (t.stage) return 'STAGE';
  return t.event ? 'EVENT TABLE' : t.external ? 'EXTERNAL TABLE' : 'TABLE';
}

export class Catalog {
  readonly databases = new Map<string, DatabaseEntry>();
  readonly dropped: DatabaseEntry[] = [];

  /** A table's full name: what is left out comes from the session. `DB..T` means PUBLIC. */
  resolve(name: Name, current: Current): Resolved {
    const table = name[name.length - 1]!;
    const schema = name.length > 1 ? name[name.length - 2]! || 'PUBLIC' : current.schema;
    const database = name.length > 2 ? name[0]! : current.database;
    if (database === null) throw noDatabase();
    if (schema === null) throw noSchema();
    return { database, schema, name: table };
  }

  find(name: Name, current: Current): Table | null {
    const full = this.resolve(name, current);
    return this.databases.get(full.database)?.schemas.get(full.schema)?.tables.get(full.name) ?? null;
  }

  findStream(name: Name, current: Current): Stream | null {
    const full = this.resolve(name, current);
    return this.databases.get(full.database)?.schemas.get(full.schema)?.streams.get(full.name) ?? null;
  }

  stream(name: Name, current: Current): Stream {
    const found = this.findStream(name, current);
    if (!found) throw missingObject('Stream', name.join('.'));
    return found;
  }

  findStage(name: Name, current: Current): Table | null {
    const full = this.resolve(name, current);
    return this.databases.get(full.database)?.schemas.get(full.schema)?.stages.get(full.name) ?? null;
  }

  stage(name: Name, current: Current): Table {
    const found = this.findStage(name, current);
    if (!found) throw missingObject('Stage', qualifiedName(this.resolve(name, current)));
    return found;
  }

  table(name: Name, current: Current): Table {
    const found = this.find(name, current);
    if (!found) {
      const full = this.resolve(name, current);
      throw missingTable(name.length > 1 ? `${full.database}.${full.schema}.${full.name}` : full.name);
    }
    return found;
  }

  /** A table whose rows may be changed: those of views may not, nor what Snowflake itself fills. */
  writable(name: Name, current: Current): Table {
    const found = this.alterable(name, current);
    if (found.event || found.external) throw unsupported(`changing rows of an ${kindOf(found)}`);
    return found;
  }

  /** A table that may be altered. */
  alterable(name: Name, current: Current): Table {
    const found = this.table(name, current);
    if (found.view) throw insufficientPrivileges('view', found.name);
    if (found.imported) throw insufficientPrivileges('table', found.name);
    if (found.definition || found.dynamic) throw unsupported(`${kindOf(found)} in place of a table`);
    return found;
  }

  database(name: string): DatabaseEntry {
    const found = this.databases.get(name);
    if (!found) throw missingObject('Database', name);
    return found;
  }

  schemaName(name: Name, current: Current): { database: string; schema: string } {
    const database = name.length > 1 ? name[0]! : current.database;
    if (database === null) throw noDatabase();
    return { database, schema: name[name.length - 1]! };
  }

  schema(name: Name, current: Current): Schema {
    const full = this.schemaName(name, current);
    const found = this.databases.get(full.database)?.schemas.get(full.schema);
    if (!found) throw missingObject('Schema', `${full.database}.${full.schema}`);
    return found;
  }

  createDatabase(name: string, createdOn: bigint, retentionDays: number | null): void {
    const entry: DatabaseEntry = { name, createdOn, retentionDays, schemas: new Map(), dropped: [] };
    this.databases.set(name, entry);
    for (const schema of ['PUBLIC']) this.createSchema(entry, schema, createdOn, null);
  }

  createSchema(database: DatabaseEntry, name: string, createdOn: bigint, retentionDays: number | null): void {
    database.schemas.set(name, {
      name,
      createdOn,
      retentionDays,
      tables: new Map(),
      streams: new Map(),
      stages: new Map(),
      dropped: [],
    });
  }

  schemaOf(t: Table): Schema {
    return this.schema([t.database, t.schema], { database: null, schema: null });
  }

  /** Puts a table under its name. */
  put(t: Table): void {
    const schema = this.schemaOf(t);
    if (schema.tables.has(t.name) || schema.streams.has(t.name)) throw existsAlready(qualifiedName(t));
    schema.tables.set(t.name, t);
  }

  /** Views and dynamic tables do not come back. */
  drop(t: Table, at: bigint): void {
    const schema = this.schemaOf(t);
    schema.tables.delete(t.name);
    t.droppedOn = at;
    if (kindOf(t) === 'TABLE') schema.dropped.push(t);
  }

  /** The last dropped table of a name, back in its place. */
  undrop(full: Resolved): Table {
    const schema = this.schema([full.database, full.schema], { database: null, schema: null });
    const at = schema.dropped.findLastIndex((t) => t.name === full.name);
    if (at < 0) throw missingObject('Table', `${full.database}.${full.schema}.${full.name}`);
    const t = schema.dropped[at]!;
    this.put(t);
    schema.dropped.splice(at, 1);
    t.droppedOn = null;
    return t;
  }

  rename(t: Table, to: Resolved): void {
    const target = this.schema([to.database, to.schema], { database: null, schema: null });
    if (target.tables.has(to.name) || target.streams.has(to.name))
      throw existsAlready(`${to.database}.${to.schema}.${to.name}`);
    this.schemaOf(t).tables.delete(t.name);
    t.database = to.database;
    t.schema = to.schema;
    t.name = to.name;
    this.put(t);
  }

  swap(a: Table, b: Table): void {
    const [schemaA, schemaB] = [this.schemaOf(a), this.schemaOf(b)];
    const names = [a, b].map((t) => ({ database: t.database, schema: t.schema, name: t.name })) as [Resolved, Resolved];
    Object.assign(a, names[1]);
    Object.assign(b, names[0]);
    schemaA.tables.set(b.name, b);
    schemaB.tables.set(a.name, a);
  }

  retention(t: { database: string; schema: string; transient: boolean }, own: number | null): number {
    const database = this.databases.get(t.database);
    return own ?? database?.schemas.get(t.schema)?.retentionDays ?? database?.retentionDays ?? 1;
  }

  *tables(): Iterable<Table> {
    for (const database of this.databases.values())
      for (const schema of database.schemas.values()) yield* schema.tables.values();
  }
}
