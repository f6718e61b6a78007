/**
 * The demo's configuration: a user's YAML in which the host `stand-in` (for Snowflake: the account) stands for what this
 * machine imitates. Each can be replaced by the real thing on its own.
 */
import { loadForStack, readConfigFile, type Infrastructure } from '../../lambdas/config/load.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';

export const STAND_IN = 'stand-in';

export type StandIns = { snowflake: boolean; kafka: boolean; dynamodb: boolean; registry: boolean };

export type DemoConfig = {
  config: ResolvedConfig;
  infrastructure: Infrastructure;
  /** What is to be imitated. */
  standIns: StandIns;
};

/** Addresses of what was started; null where the configuration names the real thing. */
export type Addresses = {
  snowflake: string | null;
  brokers: string[] | null;
  dynamodb: string | null;
  registry: string | null;
  aws: string;
};

/** @throws SnowmeltError CONFIG_INVALID */
export function readDemoConfig(path: string, partitions: number | null): DemoConfig {
  return demoConfig(readConfigFile(path), path, partitions);
}

/** @throws SnowmeltError CONFIG_INVALID, which names `path` */
export function demoConfig(text: string, path: string, partitions: number | null): DemoConfig {
  const { config, infrastructure } = loadForStack(text, { path, deployment: 1 });
  if (config.patterns !== undefined)
    throw new SnowmeltError(
      'CONFIG_INVALID',
      `${path}: patterns: npm start makes the tables that sources name, so it takes none`,
    );
  const sources = config.sources.map((source) => ({ ...source, partitions: partitions ?? source.partitions }));
  return {
    config: { ...config, sources },
    infrastructure,
    standIns: {
      snowflake: config.snowflake.account === STAND_IN,
      kafka: config.kafka.brokers.every((broker) => broker.startsWith(`${STAND_IN}:`)),
      dynamodb: config.table.endpoint === null || new URL(config.table.endpoint).hostname === STAND_IN,
      registry: config.registry?.type === 'confluent' && new URL(config.registry.url).hostname === STAND_IN,
    },
  };
}

/** The configuration with the stand-ins' addresses in their places: what the functions get. */
export function withAddresses(config: ResolvedConfig, addresses: Addresses): ResolvedConfig {
  return {
    ...config,
    table: { ...config.table, endpoint: addresses.dynamodb ?? config.table.endpoint },
    snowflake: { ...config.snowflake, accessUrl: addresses.snowflake ?? config.snowflake.accessUrl },
    kafka: { ...config.kafka, brokers: addresses.brokers ?? config.kafka.brokers },
    registry:
      config.registry?.type === 'confluent'
        ? { ...config.registry, url: addresses.registry ?? config.registry.url }
        : config.registry,
    aws: { ...config.aws, endpoint: addresses.aws },
  };
}

/** `"DB"."SCHEMA"."TABLE"` of a source. */
export function quotedTable({ object }: { object: { database: string; schema: string; name: string } }): string {
  return [object.database, object.schema, object.name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/**
 * Contents of the secrets that the configuration names. For a real service they come from the environment.
 * @throws when a variable is missing.
 */
export function secretsOf(
  { config, standIns }: DemoConfig,
  snowflake: { token: string; privateKey: string },
): Record<string, string> {
  const secrets: Record<string, string> = {};
  const { auth } = config.snowflake;
  if (auth.method === 'workload-identity')
    throw new Error('Here functions have no role in AWS: sign in with a key or a token.');
  const { method, secret } = auth;
  if (standIns.snowflake)
    secrets[secret] = JSON.stringify(
      method === 'token' ? { token: snowflake.token } : { privateKey: snowflake.privateKey },
    );
  else if (method === 'token') secrets[secret] = JSON.stringify({ token: variable('SNOWFLAKE_TOKEN') });
  else secrets[secret] = JSON.stringify({ privateKey: readConfigFile(variable('SNOWFLAKE_PRIVATE_KEY_FILE')) });
  if ('secret' in config.kafka.auth) {
    const login = { username: variable('KAFKA_USERNAME'), password: variable('KAFKA_PASSWORD') };
    secrets[config.kafka.auth.secret] = JSON.stringify(login);
  }
  return secrets;
}

function variable(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw new Error(`The configuration names a real service: set ${name} in the environment.`);
}
