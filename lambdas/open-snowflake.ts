import { maskSalt, snowflakeCredentials } from './aws/secrets.ts';
import type { ResolvedConfig } from './config/resolved.ts';
import type { Account, Catalog, Snowflake } from './protocol/ports/snowflake.ts';
import { createSnowflake } from './snowflake/client.ts';

/** Signed in by the secret that the configuration names; when it is refused, by what the secret holds by then. */
export async function openSnowflake(config: ResolvedConfig): Promise<Snowflake & Account & Catalog> {
  const credentials = await snowflakeCredentials(config);
  return createSnowflake(config, credentials, await maskSalt(config), () => snowflakeCredentials(config, true));
}
