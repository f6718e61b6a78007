/** `init` asks which tables there are, with their primary keys, as far as the deployment's role sees them. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { openSnowflake } from '../open-snowflake.ts';

/** `key`: columns of the primary key, in its order, which Snowflake doesn't enforce; none where there is none. */
export type Listing = { name: string; key: string[] }[];

/** By name. @throws OBJECT_MISSING for the schema; PATTERN_TOO_LARGE when Snowflake lists no more */
export async function tables(config: ResolvedConfig, where: { database: string; schema: string }): Promise<Listing> {
  const snowflake = await openSnowflake(config);
  try {
    const [listed, keys] = await Promise.all([snowflake.tables(where), snowflake.primaryKeys(where)]);
    return listed.map(({ name }) => ({ name, key: keys.get(name) ?? [] })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } finally {
    await snowflake.close();
  }
}
