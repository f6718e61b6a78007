/** `init` asks which tables there are: what it needs is opened for it, and closed. */
import { snowflakeCredentials } from '../aws/secrets.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import { listTables, type Listing } from '../snowflake/tables.ts';

export type { ListedTable, Listing } from '../snowflake/tables.ts';

export async function tables(config: ResolvedConfig, where: { database: string; schema: string }): Promise<Listing> {
  return listTables(config, await snowflakeCredentials(config), where);
}
