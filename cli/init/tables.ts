/** Which tables a configuration is to have: named with their keys on the command line or in a file, or listed by a deployment. */
import { formatQualified, parseIdentifier, parseQualified } from '../../lambdas/config/identifiers.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import type { Listing } from '../../lambdas/operate/tables.ts';

/** Names as Snowflake stores them. */
export type Table = ResolvedSource['object'];
export type Schema = Pick<Table, 'database' | 'schema'>;
/** `key`: none where it is not known. */
export type Chosen = Table & { key: string[] };
export type Wanted = { tables: Chosen[]; schemas: Schema[] };

/** A name with dots and quotes, then maybe columns in parentheses, then a comma or the end. */
const ITEM = /\s*((?:[^",()\s]|"(?:[^"]|"")*")+)\s*(?:\(((?:[^"()]|"(?:[^"]|"")*")*)\))?\s*(?:,|$)/y;
const COLUMN = /(?:[^",]|"(?:[^"]|"")*")+/g;

/** `DB.SCHEMA.TABLE(KEY, KEY)`, or `DB.SCHEMA.*` for all of a schema, with commas between them. @throws CONFIG_INVALID */
export function parseWanted(text: string): Wanted {
  const wanted: Wanted = { tables: [], schemas: [] };
  for (let at = 0; at < text.trimEnd().length;) {
    ITEM.lastIndex = at;
    const [item, name, columns] = ITEM.exec(text) ?? [];
    if (item === undefined || name === undefined) throw unclear(text.slice(at).trim());
    const all = name.endsWith('.*');
    const parts = parseQualified(all ? name.slice(0, -2) : name);
    const key = (columns?.match(COLUMN) ?? []).map((column) => parseIdentifier(column.trim()));
    const known = key.filter((column) => column !== null);
    const fits = parts?.length === (all ? 2 : 3) && known.length === key.length && !(all && columns !== undefined);
    if (!fits) throw unclear(item.trim());
    const [database, schema, table] = parts as [string, string, string];
    if (all) wanted.schemas.push({ database, schema });
    else wanted.tables.push({ database, schema, name: table, key: known });
    at = ITEM.lastIndex;
  }
  return wanted;
}

/** The tables of a file, one or more a line, as the command line has them. `#` begins a line that is a comment. */
export function fileText(text: string): string {
  const lines = text.split(/\r?\n/).map((line) => line.trim().replace(/,$/, ''));
  return lines.filter((line) => line !== '' && !line.startsWith('#')).join(', ');
}

/** Schemas that somebody has to be asked about. */
export function unknown({ tables, schemas }: Wanted): Schema[] {
  const keyless = tables.filter(({ key }) => key.length === 0);
  const named = [...schemas, ...keyless].map(
    ({ database, schema }) => [JSON.stringify([database, schema]), { database, schema }] as const,
  );
  return [...new Map(named).values()];
}

/** What was wanted with what was listed: a key that somebody wrote counts, else it is the primary key. */
export function choose({ tables, schemas }: Wanted, listed: ReadonlyMap<Schema, Listing>): Chosen[] {
  const found = [...listed].flatMap(([{ database, schema }, listing]) =>
    listing.map(({ name, key }): Chosen => ({ database, schema, name, key })),
  );
  const keys = new Map(found.map((table) => [idOf(table), table.key]));
  const whole = found.filter((table) =>
    schemas.some(({ database, schema }) => database === table.database && schema === table.schema),
  );
  const named = tables.map((table) => (table.key.length > 0 ? table : { ...table, key: keys.get(idOf(table)) ?? [] }));
  return [...new Map([...whole, ...named].map((table) => [idOf(table), table])).values()];
}

/** Names of sources: lower case, and each but once. `taken` are those that are given away already. */
export function sourceNames(tables: readonly Table[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return tables.map(({ database, schema, name }) => {
    const plain = slug(name);
    const longer = [plain, slug(`${schema}-${name}`), slug(`${database}-${schema}-${name}`)];
    let chosen = longer.find((each) => !used.has(each));
    for (let n = 2; chosen === undefined; n++) {
      const numbered = `${plain.slice(0, MOST - 6)}-${n}`;
      if (!used.has(numbered)) chosen = numbered;
    }
    used.add(chosen);
    return chosen;
  });
}

export function schemaName({ database, schema }: Schema): string {
  return formatQualified(database, schema);
}

export function nameOf({ database, schema, name }: Table): string {
  return formatQualified(database, schema, name);
}

/** What a name of a source may have, and its topic with it. */
const MOST = 60;

function slug(text: string): string {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return (/^[a-z]/.test(plain) ? plain : `t-${plain}`).replaceAll(/-+/g, '-').slice(0, MOST).replace(/-$/, '');
}

function idOf(table: Table): string {
  return JSON.stringify([table.database, table.schema, table.name]);
}

function unclear(text: string): SnowmeltError {
  const form = 'DATABASE.SCHEMA.TABLE(KEY, ...) or DATABASE.SCHEMA.*, with `"` around what is case-sensitive';
  return new SnowmeltError('CONFIG_INVALID', `${JSON.stringify(text)} is no table: write ${form}`);
}
