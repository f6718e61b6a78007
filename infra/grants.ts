/** What has to be granted outside of AWS, as text for who may: Kafka's ACLs and Snowflake's grants. */
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { kafkaRights } from './kafka-rights.ts';

/** Arguments of `kafka-acls.sh`, one line a resource. */
export function kafkaAcls(config: ResolvedConfig, principal: string): string[] {
  return kafkaRights(config).map(({ kind, name, prefix, operations }) => {
    const resource = kind === 'cluster' ? '--cluster' : `--${kind} '${name}'`;
    const pattern = prefix ? ' --resource-pattern-type prefixed' : '';
    const allowed = operations.map((operation) => ` --operation ${operation}`).join('');
    return `--add --allow-principal '${principal}' ${resource}${pattern}${allowed}`;
  });
}

/** Statements for the owner of the tables. The role reads; it owns nothing and makes nothing. */
export function snowflakeGrants({ snowflake, sources }: ResolvedConfig): string[] {
  const role = plain(snowflake.role ?? `<default role of ${snowflake.user}>`);
  const databases = new Set<string>();
  const schemas = new Set<string>();
  const tables = new Set<string>();
  for (const { object } of sources) {
    databases.add(quote(object.database));
    schemas.add(`${quote(object.database)}.${quote(object.schema)}`);
    tables.add([object.database, object.schema, object.name].map(quote).join('.'));
  }
  return [
    `GRANT USAGE ON WAREHOUSE ${plain(snowflake.warehouse)} TO ROLE ${role};`,
    ...[...databases].sort().map((name) => `GRANT USAGE ON DATABASE ${name} TO ROLE ${role};`),
    ...[...schemas].sort().map((name) => `GRANT USAGE ON SCHEMA ${name} TO ROLE ${role};`),
    ...[...tables].sort().map((name) => `GRANT SELECT ON TABLE ${name} TO ROLE ${role};`),
    ...[...tables].sort().map((name) => `ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE;`),
    `GRANT ROLE ${role} TO USER ${plain(snowflake.user)};`,
  ];
}

/** As Snowflake stores it. */
function quote(name: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** As it was configured: these go to Snowflake unquoted, too. */
function plain(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_$]*$/.test(name) ? name : quote(name);
}
