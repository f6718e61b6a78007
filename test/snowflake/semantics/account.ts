/**
 * The account that the semantics suite talks to: the stand-in, or a real one when SNOWFLAKE_ACCOUNT is set. The same
 * files run against both; only address and credentials differ. Each suite works in a schema of its own, dropped at
 * the end.
 *
 * SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE (one the role may create schemas in);
 * optional SNOWFLAKE_ROLE; one of SNOWFLAKE_PASSWORD, SNOWFLAKE_TOKEN (programmatic access token),
 * SNOWFLAKE_PRIVATE_KEY_PATH.
 */
import { randomBytes } from 'node:crypto';
import type { Connection, ConnectionOptions } from 'snowflake-sdk';
import type { SnowflakeControl } from '../../../local/snowflake/client.ts';
import { startSnowflake } from '../../../local/snowflake/client.ts';
import type { Answer, RunOptions } from '../../local/sdk.ts';
import { close, connect, run } from '../../local/sdk.ts';

export type Account = {
  /** The first session. */
  connection: Connection;
  database: string;
  schema: string;
  warehouse: string;
  /** The stand-in's control plane; null on a real account. */
  control: SnowflakeControl | null;
  sql(text: string, options?: RunOptions): Promise<Answer>;
  /** `"DB"."SCHEMA"."NAME"` */
  table(name: string): string;
  /** Another session of the same user. */
  session(more?: Partial<ConnectionOptions>): Promise<Connection>;
  /**
   * A literal of a moment that lies after everything committed before the call and before everything begun after it.
   */
  mark(): Promise<string>;
  close(): Promise<void>;
};

export async function openAccount(): Promise<Account> {
  const real = process.env.SNOWFLAKE_ACCOUNT !== undefined;
  const standIn = real ? null : await startSnowflake();
  const options = standIn === null ? fromEnvironment() : localOptions(standIn.url);
  const database = String(options.database).toUpperCase();
  const schema = `SNOWMELT_TEST_${randomBytes(6).toString('hex').toUpperCase()}`;

  const connection = await connect(options);
  if (!real) {
    await run(connection, `CREATE DATABASE IF NOT EXISTS "${database}"`);
  }
  await run(connection, `CREATE SCHEMA "${database}"."${schema}"`);
  const sessions: Connection[] = [connection];
  await settle(connection);

  async function settle(session: Connection): Promise<void> {
    await run(session, `USE SCHEMA "${database}"."${schema}"`);
    await run(session, "ALTER SESSION SET TIMEZONE = 'UTC', USE_CACHED_RESULT = FALSE");
  }

  // Clocks and commit times have milliseconds; on an account they also differ a little between its servers.
  const margin = real ? 1500 : 3;
  const pause = () => new Promise((resolve) => setTimeout(resolve, margin));

  return {
    connection,
    database,
    schema,
    warehouse: String(options.warehouse),
    control: standIn?.control ?? null,
    sql: (text, more) => run(connection, text, more),
    table: (name) => `"${database}"."${schema}"."${name}"`,
    async session(more = {}) {
      const session = await connect({ ...options, ...more });
      sessions.push(session);
      await settle(session);
      return session;
    },
    async mark() {
      await pause();
      const { rows } = await run(
        connection,
        "SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3')",
      );
      await pause();
      return literal(String(rows[0]![0]));
    },
    async close() {
      await run(connection, `DROP SCHEMA IF EXISTS "${database}"."${schema}"`);
      await Promise.all(sessions.map(close));
      await standIn?.stop();
    },
  };
}

/** A moment as the product writes it: `2026-01-02 03:04:05.678` in UTC. */
export function literal(utc: string): string {
  return `'${utc} +00:00'::TIMESTAMP_TZ`;
}

function localOptions(accessUrl: string): ConnectionOptions {
  return {
    account: 'SNOWMELT',
    accessUrl,
    username: 'SNOWMELT',
    password: 'snowmelt',
    database: 'SEMANTICS',
    warehouse: 'SEMANTICS_WH',
  };
}

function fromEnvironment(): ConnectionOptions {
  const env = process.env;
  const credentials: Partial<ConnectionOptions> =
    env.SNOWFLAKE_PRIVATE_KEY_PATH !== undefined
      ? { authenticator: 'SNOWFLAKE_JWT', privateKeyPath: env.SNOWFLAKE_PRIVATE_KEY_PATH }
      : env.SNOWFLAKE_TOKEN !== undefined
        ? { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: env.SNOWFLAKE_TOKEN }
        : { password: env.SNOWFLAKE_PASSWORD ?? '' };
  return {
    account: env.SNOWFLAKE_ACCOUNT ?? '',
    username: env.SNOWFLAKE_USER ?? '',
    warehouse: env.SNOWFLAKE_WAREHOUSE ?? '',
    database: env.SNOWFLAKE_DATABASE ?? '',
    ...(env.SNOWFLAKE_ROLE === undefined ? {} : { role: env.SNOWFLAKE_ROLE }),
    ...credentials,
  };
}
