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

/**
 * Statements for the owner of the tables. Of tables the role reads alone; what it makes (copies of query results, stages,
 * managed streams) is in the staging schema. What a query reads, only who wrote it knows.
 */
export function snowflakeGrants({ snowflake, sources }: ResolvedConfig): string[] {
  const role = plain(snowflake.role ?? `<default role of ${snowflake.user}>`);
  const databases = new Set<string>();
  const schemas = new Set<string>();
  const tables = new Set<string>();
  const streams = new Set<string>();
  const staging = new Set<string>();
  for (const { object, query, stream } of sources) {
    const schema = [object.database, object.schema].map(quote).join('.');
    databases.add(quote(object.database));
    schemas.add(schema);
    const name = `${schema}.${quote(object.name)}`;
    if (query !== undefined) staging.add(`CREATE TABLE ON SCHEMA ${schema}`);
    else if (stream?.managed === false) streams.add(name);
    else tables.add(name);
    if (stream === undefined) continue;
    const own = [stream.staging.database, stream.staging.schema].map(quote).join('.');
    databases.add(quote(stream.staging.database));
    schemas.add(own);
    staging.add(`CREATE TABLE ON SCHEMA ${own}`);
    if (stream.managed) staging.add(`CREATE STREAM ON SCHEMA ${own}`);
  }
  return [
    `GRANT USAGE ON WAREHOUSE ${plain(snowflake.warehouse)} TO ROLE ${role};`,
    ...[...databases].sort().map((name) => `GRANT USAGE ON DATABASE ${name} TO ROLE ${role};`),
    ...[...schemas].sort().map((name) => `GRANT USAGE ON SCHEMA ${name} TO ROLE ${role};`),
    ...[...staging].sort().map((right) => `GRANT ${right} TO ROLE ${role};`),
    ...[...tables].sort().map((name) => `GRANT SELECT ON TABLE ${name} TO ROLE ${role};`),
    ...[...streams].sort().map((name) => `GRANT SELECT ON STREAM ${name} TO ROLE ${role}; -- and on what it is on`),
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
