/**
 * A database made from a share: the tables of another database of this account, which stands for its provider's, under another
 * name. They are the same tables, so what their provider changes is seen at once; whoever would change one is refused.
 */
import type { DatabaseEntry, Schema } from './catalog.ts';
import type { Table } from './table.ts';

export function importedDatabase(name: string, createdOn: bigint, origin: string, of: DatabaseEntry): DatabaseEntry {
  // One alias to a table, since what is known of tables is kept by identity.
  const aliases = new WeakMap<Table, Table>();
  const aliasOf = (table: Table): Table => {
    const known = aliases.get(table);
    if (known !== undefined) return known;
    const alias = Object.create(table, { database: { value: name }, imported: { value: true } }) as Table;
    aliases.set(table, alias);
    return alias;
  };
  const shown = (schema: Schema): Schema => ({
    ...schema,
    tables: new Map([...schema.tables].map(([key, table]) => [key, aliasOf(table)])),
    streams: new Map(),
    stages: new Map(),
    dropped: [],
  });
  return {
    name,
    createdOn,
    retentionDays: null,
    origin,
    dropped: [],
    get schemas() {
      return new Map([...of.schemas].map(([key, schema]) => [key, shown(schema)]));
    },
  };
}
