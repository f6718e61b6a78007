/** What the role needs in Snowflake, as the statements that give it: printed at the setup, and told where one is missing. */
import { formatIdentifier, formatQualified } from './identifiers.ts';
import type { ResolvedConfig, ResolvedSource } from './resolved.ts';

type ObjectName = ResolvedSource['object'];
type SchemaName = Pick<ObjectName, 'database' | 'schema'>;
type Settings = Pick<ResolvedConfig['snowflake'], 'role' | 'user' | 'warehouse'>;

/** Statements for who owns the warehouse, the tables and the schema of staged copies. */
export function snowflakeGrants({
  snowflake,
  sources,
  patterns = [],
}: Pick<ResolvedConfig, 'snowflake' | 'sources' | 'patterns'>): string[] {
  const role = roleOf(snowflake);
  const schemas = patterns.map(({ schema }) => schema);
  const streams = sources.filter(({ stream }) => stream?.managed === false).map(({ object }) => object);
  const read = sources.flatMap(({ object, query }) => query?.watch ?? (streams.includes(object) ? [] : [object]));
  const staged = sources.flatMap((source) => stagingOf(source) ?? []);
  const managed = sources.flatMap(({ stream }) => (stream?.managed === true ? [stream.staging] : []));
  const tracked = sources
    .filter(({ object, query }) => query === undefined && !streams.includes(object))
    .map(({ object }) => nameOf(object));
  const usage = sources.some(({ query }) => query !== undefined && /\bSNOWFLAKE\s*\./i.test(query.text));
  return [
    warehouseGrant(snowflake),
    ...unique([...read, ...streams, ...staged, ...schemas].map((object) => databaseGrant(object, role))),
    ...unique([...read, ...streams, ...staged, ...schemas].map((object) => schemaGrant(object, role))),
    ...unique([
      ...staged.map((object) => stagingGrant(object, role)),
      ...managed.map((object) => streamGrant(object, role)),
    ]),
    ...unique(read.map((object) => selectGrant('TABLE', object, role))),
    ...unique(schemas.flatMap((schema) => tablesGrants(schema, role))),
    // Who reads a stream also needs SELECT on what it is on: only its owner knows that.
    ...unique(streams.map((object) => selectGrant('STREAM', object, role))),
    ...(usage ? [`GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE ${role};`] : []),
    ...unique(tracked.map((name) => `ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE;`)),
    roleGrant(snowflake),
  ];
}

/** The role that signs in where Snowflake takes the functions at AWS's word. */
export function identityName(app: string): string {
  return `snowmelt-${app}-snowflake`;
}

/** Makes that role, of the account that the stack is in, the user. */
export function identityStatement(
  { app, snowflake }: Pick<ResolvedConfig, 'app' | 'snowflake'>,
  account: string,
  partition = 'aws',
): string {
  const arn = `arn:${partition}:iam::${account}:role/${identityName(app)}`;
  return `ALTER USER ${plain(snowflake.user)} SET WORKLOAD_IDENTITY = (TYPE = AWS ARN = '${arn}');`;
}

/** Queries whose tables nobody but their author knows: the role needs SELECT on each. */
export function ungranted({ sources }: Pick<ResolvedConfig, 'sources'>): string[] {
  const reads = sources.filter(({ query }) => query !== undefined && !/\bSNOWFLAKE\s*\./i.test(query.text));
  return reads.map(({ name }) => name);
}

/** What listing the tables of a schema takes, and reading them. */
export function patternGrants(snowflake: Settings, schema: SchemaName): string[] {
  const role = roleOf(snowflake);
  return [databaseGrant(schema, role), schemaGrant(schema, role), ...tablesGrants(schema, role)];
}

/** What reading a table takes, but the warehouse. */
export function readGrants(snowflake: Settings, object: ObjectName, what: 'TABLE' | 'STREAM' = 'TABLE'): string[] {
  const role = roleOf(snowflake);
  return [databaseGrant(object, role), schemaGrant(object, role), selectGrant(what, object, role)];
}

/** What takes the place of USAGE and SELECT where the database was made from a share: no less can be granted of it. */
export function sharedGrant({ role, user }: Pick<Settings, 'role' | 'user'>, database: string): string {
  return `GRANT IMPORTED PRIVILEGES ON DATABASE ${formatIdentifier(database)} TO ROLE ${roleOf({ role, user })};`;
}

/** What reading a stream on a stage takes beside the stream. Of an external stage the privilege is USAGE. */
export function stageGrants(snowflake: Settings, stage: ObjectName): string[] {
  const role = roleOf(snowflake);
  const read = `GRANT READ ON STAGE ${nameOf(stage)} TO ROLE ${role};`;
  return [databaseGrant(stage, role), schemaGrant(stage, role), read];
}

/** Where the copies of a query's results or a table's snapshots, or the stages of a stream, are made; null: the source needs none. */
export function stagingOf({ object, query, stream, copy }: ResolvedSource): SchemaName | null {
  return query === undefined ? (stream?.staging ?? copy?.staging ?? null) : object;
}

export function stagingGrants(snowflake: Settings, object: SchemaName): string[] {
  const role = roleOf(snowflake);
  return [databaseGrant(object, role), schemaGrant(object, role), stagingGrant(object, role)];
}

export function warehouseGrant(snowflake: Settings): string {
  return `GRANT USAGE ON WAREHOUSE ${plain(snowflake.warehouse)} TO ROLE ${roleOf(snowflake)};`;
}

export function roleGrant(snowflake: Settings): string {
  return `GRANT ROLE ${roleOf(snowflake)} TO USER ${plain(snowflake.user)};`;
}

function databaseGrant({ database }: SchemaName, role: string): string {
  return `GRANT USAGE ON DATABASE ${formatIdentifier(database)} TO ROLE ${role};`;
}

function schemaGrant({ database, schema }: SchemaName, role: string): string {
  return `GRANT USAGE ON SCHEMA ${formatQualified(database, schema)} TO ROLE ${role};`;
}

/** Copies are made, and dropped by the role that made them. */
function stagingGrant({ database, schema }: SchemaName, role: string): string {
  return `GRANT CREATE TABLE ON SCHEMA ${formatQualified(database, schema)} TO ROLE ${role};`;
}

function streamGrant({ database, schema }: SchemaName, role: string): string {
  return `GRANT CREATE STREAM ON SCHEMA ${formatQualified(database, schema)} TO ROLE ${role};`;
}

function selectGrant(what: 'TABLE' | 'STREAM', object: ObjectName, role: string): string {
  return `GRANT SELECT ON ${what} ${nameOf(object)} TO ROLE ${role};`;
}

/** What there is, and what is made later. Who makes a table also has to switch its change tracking on. */
function tablesGrants({ database, schema }: SchemaName, role: string): string[] {
  const where = `TABLES IN SCHEMA ${formatQualified(database, schema)} TO ROLE ${role};`;
  return [`GRANT SELECT ON ALL ${where}`, `GRANT SELECT ON FUTURE ${where}`];
}

function roleOf({ role, user }: Pick<Settings, 'role' | 'user'>): string {
  return plain(role ?? `<default role of ${user}>`);
}

function nameOf({ database, schema, name }: ObjectName): string {
  return formatQualified(database, schema, name);
}

function unique(statements: string[]): string[] {
  return [...new Set(statements)].sort();
}

/** As it was configured: these go to Snowflake unquoted, too. */
export function plain(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_$]*$/.test(name)) return formatIdentifier(name);
  const stored = formatIdentifier(name.toUpperCase());
  return stored.startsWith('"') ? stored : name;
}
