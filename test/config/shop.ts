/** A configuration as its user writes it, with copies and stages in DB.STAGING. */
import { loadConfig } from '../../lambdas/config/load.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';

export function shopOf(sources: object): ResolvedConfig {
  const auth = { method: 'token', secret: 's' };
  const config = {
    app: 'shop',
    snowflake: { account: 'acct', user: 'SNOWMELT', warehouse: 'WH', staging: 'DB.STAGING', auth },
    kafka: { brokers: ['b-1.example.com:9096'] },
    sources,
  };
  return loadConfig(JSON.stringify(config), { path: 'test' });
}
