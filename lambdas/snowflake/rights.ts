/** Where a right seems to be missing, the error says which statement gives it: Snowflake alone tells too little. */
import {
  patternGrants,
  readGrants,
  roleGrant,
  sharedGrant,
  stageGrants,
  stagingGrants,
  stagingOf,
  warehouseGrant,
} from '../config/grants.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { ObjectName } from '../protocol/window.ts';

type Known = Pick<ResolvedConfig, 'snowflake' | 'sources'>;
type Place = Pick<ObjectName, 'database'>;

/** `object`: what was asked about, where Snowflake's message may not name it. Any other error comes back as it is. */
export function explained(config: Known, error: unknown, object?: ObjectName): unknown {
  if (!(error instanceof SnowmeltError)) return error;
  const statements = remedy(config, error, object);
  return statements.length === 0 ? error : withRemedy(error, statements);
}

/** The promise's outcome; a rejection explained. */
export async function explaining<T>(config: Known, object: ObjectName | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explained(config, error, object);
  }
}

/** As `explaining`, of what lists a schema: Snowflake's message does not name it. */
export async function explainingSchema<T>(
  config: Known,
  where: Omit<ObjectName, 'name'>,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SnowmeltError) || error.code !== 'OBJECT_MISSING') throw explained(config, error);
    throw withRemedy(error, orShared(config.snowflake, where, patternGrants(config.snowflake, where)));
  }
}

function withRemedy(error: SnowmeltError, statements: string[]): SnowmeltError {
  const message = `${error.message} If a right is missing: ${statements.join(' ')}`;
  return new SnowmeltError(error.code, message, { cause: error });
}

/** The statements that give what seems to be missing; none where that is not known. */
export function remedy({ snowflake, sources }: Known, { code, message }: SnowmeltError, object?: ObjectName): string[] {
  switch (code) {
    case 'SNOWFLAKE_LOGIN':
      return message.includes(ROLE_REFUSED) ? [roleGrant(snowflake)] : [];
    case 'WAREHOUSE_MISSING':
      return [warehouseGrant(snowflake)];
    case 'OBJECT_MISSING': {
      const stage = nameIn(message, 'Stage');
      if (stage !== null) return stageGrants(snowflake, stage);
      const missing = object ?? nameIn(message, 'Object');
      if (missing === null) return stagingIn(message, snowflake, sources);
      if (isStream(missing, sources)) return readGrants(snowflake, missing, 'STREAM');
      return orShared(snowflake, missing, readGrants(snowflake, missing));
    }
    case 'PRIVILEGE_MISSING':
      return stagingIn(message, snowflake, sources);
    default:
      return [];
  }
}

/** Snowflake's own code for a role that the user was not given. */
const ROLE_REFUSED = '390189';

/** A role that may nothing in a database does not see either whether it was made from a share. */
export function orShared(snowflake: Known['snowflake'], { database }: Place, grants: string[]): string[] {
  return [...grants, `-- if ${database} was made from a share, instead: ${sharedGrant(snowflake, database)}`];
}

function isStream({ database, schema, name }: ObjectName, sources: Known['sources']): boolean {
  return sources.some(
    ({ object, stream }) =>
      stream?.managed === false && object.database === database && object.schema === schema && object.name === name,
  );
}

/** Of `Object 'DB.SCHEMA.NAME' does not exist or not authorized.`, or with another word in its place. */
function nameIn(message: string, word: 'Object' | 'Stage'): ObjectName | null {
  const found = new RegExp(`${word} '([^']+)' does not exist`).exec(message)?.[1];
  const [database, schema, name, ...more] = found?.split('.') ?? [];
  if (database === undefined || schema === undefined || name === undefined || more.length > 0) return null;
  return { database, schema, name };
}

/** Where the message names a schema that copies are made in. */
function stagingIn(message: string, snowflake: Known['snowflake'], sources: Known['sources']): string[] {
  const staged = sources.flatMap((source) => stagingOf(source) ?? []);
  const named = (name: string) => message.includes(`'${name}'`);
  const found = staged.find(({ database, schema }) => named(schema) || named(`${database}.${schema}`));
  return found === undefined ? [] : stagingGrants(snowflake, found);
}
