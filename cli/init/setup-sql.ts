/** What has to be run in Snowflake before the first deployment: role, user, warehouse with its monitor, and the grants of grants.ts. */
import { identityStatement, plain, snowflakeGrants } from '../../lambdas/config/grants.ts';
import { formatQualified } from '../../lambdas/config/identifiers.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';

export type Setup = {
  /** Where the functions run. */
  aws: { account: string; partition: string };
  /** Base64 of the public key, without its first and last line; null: not made yet. */
  publicKey: string | null;
  /** Credits a month at which the warehouse is suspended. */
  credits: number;
  /** Where copies of query results are kept. */
  staging: { database: string; schema: string } | null;
};

export function setupSql(config: ResolvedConfig, { aws, publicKey, credits, staging }: Setup): string {
  const { app, snowflake } = config;
  const user = plain(snowflake.user);
  const role = plain(snowflake.role ?? snowflake.user);
  const warehouse = plain(snowflake.warehouse);
  const schema = staging === null ? null : formatQualified(staging.database, staging.schema);
  return [
    `-- What the deployment ${app} needs in Snowflake, and no more. ACCOUNTADMIN may run all of it; else each part is for who makes`,
    '-- roles and users, who makes warehouses and monitors, and who owns the tables. What is there already is left as it is.',
    '',
    '-- The user that the functions sign in as, and its role.',
    `CREATE ROLE IF NOT EXISTS ${role};`,
    `CREATE USER IF NOT EXISTS ${user} TYPE = SERVICE DEFAULT_ROLE = ${role};`,
    signIn(config, aws, user, publicKey),
    '',
    `-- A warehouse for it alone. The monitor suspends it once it took ${credits} credits in a month: leave the monitor out where others use it, too.`,
    `CREATE WAREHOUSE IF NOT EXISTS ${warehouse} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;`,
    `CREATE RESOURCE MONITOR IF NOT EXISTS ${warehouse} WITH CREDIT_QUOTA = ${credits} FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND;`,
    `ALTER WAREHOUSE ${warehouse} SET RESOURCE_MONITOR = ${warehouse};`,
    '',
    ...(schema === null
      ? []
      : ['-- Copies of query results, until they are published.', `CREATE SCHEMA IF NOT EXISTS ${schema};`, '']),
    '-- Rights, and change tracking of the tables. `npm run permissions` prints them again after the configuration has changed. For a database made from a share see docs/captures.md.',
    ...snowflakeGrants(config),
    '',
  ].join('\n');
}

function signIn(config: ResolvedConfig, aws: Setup['aws'], user: string, publicKey: string | null): string {
  if (config.snowflake.auth.method === 'workload-identity')
    return identityStatement(config, aws.account, aws.partition);
  return publicKey === null
    ? `-- ALTER USER ${user} SET RSA_PUBLIC_KEY = '<the public key, without its first and last line>';`
    : `ALTER USER ${user} SET RSA_PUBLIC_KEY = '${publicKey}';`;
}
