/** The tables of a schema with their primary keys, as far as the role sees them: what a configuration is set up from. No warehouse. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { explaining } from './rights.ts';
import type { Credentials } from './sdk.ts';
import type { Row } from './session.ts';
import { Sessions } from './sessions.ts';
import { describeStatement, showPrefixStatement } from './sql/statements.ts';

/** `key`: columns of the primary key, which Snowflake doesn't enforce; none where there is none. */
export type ListedTable = { name: string; key: string[] };
/** `left`: tables that were not looked at any more. */
export type Listing = { tables: ListedTable[]; left: number };

const SMALL_MS = 60_000;
const MOST_TABLES = 500;
const AT_ONCE = 8;

/** @throws OBJECT_MISSING */
export async function listTables(
  config: ResolvedConfig,
  credentials: Credentials,
  where: { database: string; schema: string },
): Promise<Listing> {
  const sessions = new Sessions(config, credentials);
  const ask = (statement: string) =>
    explaining(
      config,
      undefined,
      sessions.inSession((session) => session.query(statement, SMALL_MS)),
    );
  try {
    const shown = (await ask(showPrefixStatement({ ...where, name: '' }, ''))).filter(isLasting).map(nameOf).sort();
    const names = shown.slice(0, MOST_TABLES);
    const tables: ListedTable[] = [];
    while (tables.length < names.length) {
      const some = names.slice(tables.length, tables.length + AT_ONCE);
      tables.push(
        ...(await Promise.all(
          some.map(async (name) => ({ name, key: keyOf(await ask(describeStatement({ ...where, name }))) })),
        )),
      );
    }
    return { tables, left: shown.length - names.length };
  } finally {
    await sessions.close();
  }
}

function isLasting({ kind }: Row): boolean {
  return kind !== 'TEMPORARY';
}

function nameOf({ name }: Row): string {
  return String(name);
}

function keyOf(columns: readonly Row[]): string[] {
  return columns.filter((column) => column['primary key'] === 'Y').map(nameOf);
}
