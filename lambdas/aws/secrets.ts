/**
 * Credentials from Secrets Manager. They are kept in memory for a few minutes, so that a warm function does not ask at
 * every tick. Whoever is refused with them asks for them `fresh`: the secret may have been rotated. Nothing of a secret's
 * content ever stands in an error.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Credentials, ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import { clientOptions, perEndpoint, type AwsConfig } from './client.ts';

const KEEP_MS = 5 * 60_000;

export type Secret = Record<string, unknown>;

const clientFor = perEndpoint((config) => new SecretsManagerClient(clientOptions(config)));
const keptFor = perEndpoint(() => new Map<string, { secret: Secret; until: number }>());

/**
 * Field `privateKey` (PEM), with `passphrase` if it is encrypted, or field `token`; without a secret the role to sign in as,
 * which the stack puts into the environment.
 * @throws SECRET_UNREADABLE
 */
export async function snowflakeCredentials(
  config: Pick<ResolvedConfig, 'aws' | 'snowflake'>,
  fresh = false,
): Promise<{ privateKey: string; passphrase?: string } | { token: string } | { identity: string }> {
  const { auth } = config.snowflake;
  if (auth.method === 'workload-identity') {
    const identity = process.env['SNOWMELT_IDENTITY'];
    if (identity) return { identity };
    throw new SnowmeltError('SECRET_UNREADABLE', 'SNOWMELT_IDENTITY, the role that signs in to Snowflake, is not set.');
  }
  const { method, secret: id } = auth;
  const secret = await readSecret(config, id, fresh);
  if (method === 'token') return { token: field(id, secret, 'token') };
  const privateKey = field(id, secret, 'privateKey');
  return secret['passphrase'] === undefined
    ? { privateKey }
    : { privateKey, passphrase: field(id, secret, 'passphrase') };
}

/** Field `salt` of the secret that hashes are salted with; null where none is configured. @throws SECRET_UNREADABLE */
export async function maskSalt(config: Pick<ResolvedConfig, 'aws' | 'snowflake'>): Promise<string | null> {
  const id = config.snowflake.maskSalt;
  return id ? field(id, await readSecret(config, id), 'salt') : null;
}

/**
 * What the schema registry is asked with; null where it wants nothing. For Glue the role of the function, which Lambda keeps
 * in its environment.
 * @throws SECRET_UNREADABLE
 */
export async function registryCredentials(
  config: Pick<ResolvedConfig, 'aws' | 'registry'>,
  fresh = false,
): Promise<Credentials | null> {
  const { registry } = config;
  if (registry?.type === 'glue') return roleCredentials(process.env);
  if (registry === null || registry.auth.method === 'none') return null;
  const id = registry.auth.secret;
  const secret = await readSecret(config, id, fresh);
  return { username: field(id, secret, 'username'), password: field(id, secret, 'password') };
}

function roleCredentials(env: NodeJS.ProcessEnv): Credentials {
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']];
  if (!accessKeyId || !secretAccessKey)
    throw new SnowmeltError('SECRET_UNREADABLE', 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set.');
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: env['AWS_SESSION_TOKEN'] ?? null,
    region: env['AWS_REGION'] ?? null,
  };
}

/** The secret's JSON object; `fresh`: as it is now. @throws SECRET_UNREADABLE */
export async function readSecret(config: AwsConfig, id: string, fresh = false): Promise<Secret> {
  const kept = keptFor(config);
  const known = kept.get(id);
  if (!fresh && known !== undefined && known.until > Date.now()) return known.secret;
  const secret = parse(id, await fetchSecret(clientFor(config), id));
  kept.set(id, { secret, until: Date.now() + KEEP_MS });
  return secret;
}

async function fetchSecret(client: SecretsManagerClient, id: string): Promise<string> {
  let text: string | undefined;
  try {
    text = (await client.send(new GetSecretValueCommand({ SecretId: id }))).SecretString;
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new SnowmeltError('SECRET_UNREADABLE', `Secret ${id}: ${what}`, { cause: error });
  }
  if (text === undefined) throw new SnowmeltError('SECRET_UNREADABLE', `Secret ${id} holds binary data, not JSON.`);
  return text;
}

function parse(id: string, text: string): Secret {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new SnowmeltError('SECRET_UNREADABLE', `Secret ${id} is not JSON.`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Secret;
  throw new SnowmeltError('SECRET_UNREADABLE', `Secret ${id} is not a JSON object.`);
}

/** A field of text. @throws SECRET_UNREADABLE */
export function field(id: string, secret: Secret, name: string): string {
  const value = secret[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new SnowmeltError('SECRET_UNREADABLE', `Secret ${id} has no text in its field \`${name}\`.`);
}
