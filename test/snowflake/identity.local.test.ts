/** Workload identity through the product's own client: the function takes the role on at STS, and signs in to Snowflake as it. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { snowflakeCredentials } from '../../lambdas/aws/secrets.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { listen, readBody, type Listening } from '../../local/aws/http.ts';
import { startSnowflake, type Snowflake as StandIn } from '../../local/snowflake/client.ts';

const ROLE = 'arn:aws:iam::123456789012:role/snowmelt-shop-snowflake';
const key = { accessKeyId: 'ASIAROLE', secretAccessKey: 'of the role' };

let standIn: StandIn;
let sts: Listening;
const assumed: { role: string | null; by: string }[] = [];

beforeAll(async () => {
  standIn = await startSnowflake({ users: [{ name: 'SNOWMELT', workloadIdentity: key }] });
  sts = await listen((request, response) => {
    void readBody(request).then((body) => {
      const role = new URLSearchParams(body.toString()).get('RoleArn');
      assumed.push({ role, by: /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '' });
      const refused = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not allowed</Message></Error></ErrorResponse>`;
      const credentials = `<AccessKeyId>${key.accessKeyId}</AccessKeyId><SecretAccessKey>${key.secretAccessKey}</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>`;
      const granted = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
      response.writeHead(role === ROLE ? 200 : 403, { 'content-type': 'text/xml' });
      response.end(role === ROLE ? granted : refused);
    });
  });
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'ASIAFUNCTION');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'of the function');
  vi.stubEnv('AWS_ENDPOINT_URL_STS', sts.url);
  vi.stubEnv('SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES', '127.0.0.1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([standIn.stop(), sts.close()]);
});

function config(): ResolvedConfig {
  const auth = { method: 'workload-identity' };
  const snowflake = { account: 'acct', accessUrl: standIn.url, user: 'SNOWMELT', role: null, warehouse: 'WH', auth };
  return { app: 'shop', snowflake, sources: [] } as unknown as ResolvedConfig;
}

async function firstGate(): Promise<unknown> {
  const client = createSnowflake(config(), await snowflakeCredentials(config()));
  try {
    return await client.gate([[]]);
  } finally {
    await client.close();
  }
}

test('signs in as the role of the environment', async () => {
  vi.stubEnv('SNOWMELT_IDENTITY', ROLE);
  expect(await firstGate()).toEqual([{ now: expect.any(Number) as number, token: null }]);
  expect(assumed).toContainEqual({ role: ROLE, by: 'ASIAFUNCTION' });
});

test('a role that may not be taken on is SNOWFLAKE_LOGIN', async () => {
  vi.stubEnv('SNOWMELT_IDENTITY', `${ROLE}-of-another`);
  await expect(firstGate()).rejects.toMatchObject({ code: 'SNOWFLAKE_LOGIN' });
});

test('without one there is nothing to sign in with', async () => {
  vi.stubEnv('SNOWMELT_IDENTITY', '');
  await expect(firstGate()).rejects.toMatchObject({ code: 'SECRET_UNREADABLE' });
});
