/**
 * The grants that are printed for the setup, on a stand-in that refuses what was not granted: all of them suffice, and each one
 * that is missing is told in Snowflake's words and with the statement that gives it.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import type { Snowflake } from '../../lambdas/protocol/ports/snowflake.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { startSnowflake, type Snowflake as StandIn } from '../../local/snowflake/client.ts';
import { connect, run } from '../local/sdk.ts';

const table = { database: 'DB', schema: 'PUBLIC', name: 'T' };
const copies = { database: 'DB', schema: 'STAGING', name: 'copied' };
const sources = [
  { name: 'table', object: table },
  {
    name: 'copied',
    object: copies,
    query: {
      text: 'SELECT A FROM DB.OTHER.U',
      mode: 'bulk',
      cursor: null,
      lag: 0,
      watch: [{ database: 'DB', schema: 'OTHER', name: 'U' }],
    },
  },
] as unknown as ResolvedSource[];

let standIn: StandIn;
let admin: Awaited<ReturnType<typeof connect>>;
let client: Snowflake | null = null;
let roles = 0;

beforeAll(async () => {
  standIn = await startSnowflake();
  const signIn = {
    account: 'acct',
    accessUrl: standIn.url,
    username: 'SNOWMELT',
    password: 'snowmelt',
    warehouse: 'WH',
  };
  admin = await connect(signIn);
  await sql(
    'CREATE DATABASE DB',
    'CREATE SCHEMA DB.STAGING',
    'CREATE SCHEMA DB.OTHER',
    'CREATE TABLE DB.PUBLIC.T (ID NUMBER(38,0) NOT NULL) CHANGE_TRACKING = TRUE',
    'INSERT INTO DB.PUBLIC.T VALUES (1), (2)',
    'CREATE TABLE DB.OTHER.U (A NUMBER(38,0))',
  );
});
afterEach(async () => {
  await client?.close();
  client = null;
});
afterAll(async () => {
  await new Promise((resolve) => admin.destroy(resolve));
  await standIn.stop();
});

async function sql(...statements: string[]): Promise<void> {
  for (const statement of statements) await run(admin, statement);
}

function configFor(role: string): ResolvedConfig {
  const auth = { method: 'token', secret: 's' };
  const snowflake = { account: 'acct', accessUrl: standIn.url, user: 'SNOWMELT', role, warehouse: 'WH', auth };
  return { app: 'demo', snowflake, sources } as unknown as ResolvedConfig;
}

/** A role of its own with the grants that are left. */
async function clientWith(left: (grants: string[]) => string[]): Promise<{ client: Snowflake; role: string }> {
  const role = `READER_${++roles}`;
  const config = configFor(role);
  await sql(`CREATE ROLE ${role}`, ...left(snowflakeGrants(config)));
  client = createSnowflake(config, { token: 'snowmelt' });
  return { client, role };
}

/** All that the product asks of Snowflake; the first error ends it. */
async function useAll(snowflake: Snowflake): Promise<void> {
  const readings = await snowflake.gate([[table], [sources[1]!.query!.watch[0]!]]);
  for (const reading of readings) if (reading instanceof Error) throw reading;
  expect((await snowflake.describe(table)).tracking).toBe(true);
  const { columns } = await snowflake.describe(copies, sources[1]!.query);
  expect(columns.map(({ name }) => name)).toEqual(['A']);
  const copy = { ...copies, name: `SNOWMELT_${roles}` };
  await ended(snowflake, 'SELECT ID, 0 AS B FROM "DB"."PUBLIC"."T" ORDER BY ID');
  await ended(snowflake, `CREATE TRANSIENT TABLE "DB"."STAGING"."${copy.name}" AS SELECT A FROM DB.OTHER.U`);
  await ended(snowflake, `SELECT A FROM "DB"."STAGING"."${copy.name}"`);
  expect(await snowflake.stages(copies, 'SNOWMELT_')).toEqual([copy.name]);
  await snowflake.drop(copy);
}

async function ended(snowflake: Snowflake, statement: string): Promise<void> {
  const status = await snowflake.status(await snowflake.submit(statement, 'tag'), 10_000);
  if (status.state === 'failed') throw status.error;
  expect(status.state).toBe('done');
}

test('what is rendered suffices', async () => {
  await useAll((await clientWith((grants) => grants)).client);
});

const rendered = snowflakeGrants(configForRendering());
function configForRendering(): ResolvedConfig {
  return {
    snowflake: { role: 'ROLE_OF_ALL', user: 'SNOWMELT', warehouse: 'WH' },
    sources,
  } as unknown as ResolvedConfig;
}

describe('without', () => {
  test.each(rendered.filter((statement) => statement.startsWith('GRANT')))('%s', async (statement) => {
    const missing = (role: string) => statement.replace('ROLE_OF_ALL', role);
    const { client: snowflake, role } = await clientWith((grants) =>
      grants.filter((each) => each !== missing(`READER_${roles}`)),
    );
    const error: unknown = await useAll(snowflake).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SnowmeltError);
    const { code, message } = error as SnowmeltError;
    expect(message).toContain(missing(role));
    expect([code, /Snowflake (\d{6})/.exec(message)?.[1]]).toEqual(toldAs(statement));
  });

  test('change tracking', async () => {
    await sql('CREATE TABLE DB.PUBLIC.UNTRACKED (ID NUMBER(38,0))');
    const object = { ...table, name: 'UNTRACKED' };
    const { client: snowflake, role } = await clientWith((grants) => grants);
    await sql(`GRANT SELECT ON TABLE DB.PUBLIC.UNTRACKED TO ROLE ${role}`);
    expect((await snowflake.describe(object)).tracking).toBe(false);
    await sql(...snowflakeGrants({ ...configFor(role), sources: [{ ...sources[0]!, object }] }));
    expect((await snowflake.describe(object)).tracking).toBe(true);
  });
});

test('a table that replaces a granted one has to be granted again', async () => {
  await sql('CREATE TABLE DB.PUBLIC.REPLACED (ID NUMBER(38,0)) CHANGE_TRACKING = TRUE');
  const object = { ...table, name: 'REPLACED' };
  const { client: snowflake, role } = await clientWith((grants) => grants);
  const select = `GRANT SELECT ON TABLE DB.PUBLIC.REPLACED TO ROLE ${role};`;
  await sql(select);
  await snowflake.describe(object);
  await sql('CREATE OR REPLACE TABLE DB.PUBLIC.REPLACED (ID NUMBER(38,0)) CHANGE_TRACKING = TRUE');
  const message = expect.stringContaining(select) as string;
  await expect(snowflake.describe(object)).rejects.toMatchObject({ code: 'OBJECT_MISSING', message });
});

/** The product's code and Snowflake's. */
function toldAs(grant: string): [string, string] {
  if (grant.startsWith('GRANT ROLE')) return ['SNOWFLAKE_LOGIN', '390189'];
  if (grant.includes('WAREHOUSE')) return ['WAREHOUSE_MISSING', '000606'];
  if (grant.includes('CREATE TABLE')) return ['PRIVILEGE_MISSING', '003001'];
  return ['OBJECT_MISSING', '002003'];
}
