import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { createRequire } from 'node:module';
import type { ConnectionOptions } from 'snowflake-sdk';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { controlOf } from '../../local/snowflake/client.ts';
import type { RunningServer } from '../../local/snowflake/server/server.ts';
import { startServer } from '../../local/snowflake/server/server.ts';
import { fakeEngine } from './fake-engine.ts';
import { close, codeOf, connect, raw, run } from './sdk.ts';

const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
const [right, rotated, wrong] = [pair(), pair(), pair()];

/** The driver's own, as it signs in a Lambda. */
const { getAwsAttestationToken } = createRequire(import.meta.url)(
  'snowflake-sdk/dist/lib/authentication/auth_workload_identity/attestation_aws',
) as { getAwsAttestationToken: () => Promise<string> };
const awsKey = { accessKeyId: 'ASIALOCAL', secretAccessKey: 'of the role' };

let server: RunningServer;
const engine = fakeEngine();
const options = (more: Partial<ConnectionOptions>): ConnectionOptions => ({
  account: 'acct',
  accessUrl: server.url,
  username: 'reader',
  warehouse: 'WH',
  ...more,
});
const password = () => connect(options({ password: 'secret' }));

beforeAll(async () => {
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsKey.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsKey.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', 'session');
  vi.stubEnv('SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES', '127.0.0.1');
  server = await startServer(engine, {
    account: 'ACCT',
    users: [
      {
        name: 'READER',
        password: 'secret',
        publicKeys: [right.publicKey, rotated.publicKey],
        accessTokens: ['pat'],
        oauthTokens: ['oauth'],
        workloadIdentity: awsKey,
        roles: ['ANALYST'],
        defaultRole: 'ANALYST',
      },
    ],
  });
});
afterAll(() => {
  vi.unstubAllEnvs();
  return server.close();
});

test.each<[string, Partial<ConnectionOptions>]>([
  ['password', { password: 'secret' }],
  ['key pair', { authenticator: 'SNOWFLAKE_JWT', privateKey: right.privateKey }],
  ['rotated key pair', { authenticator: 'SNOWFLAKE_JWT', privateKey: rotated.privateKey }],
  ['access token', { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat' }],
  ['access token as password', { password: 'pat' }],
  ['OAuth', { authenticator: 'OAUTH', token: 'oauth' }],
  ['workload identity', { authenticator: 'WORKLOAD_IDENTITY', workloadIdentityProvider: 'AWS' }],
])('signs in by %s', async (_, credentials) => {
  const connection = await connect(options(credentials));
  expect((await run(connection, 'hello')).total).toBe(1);
  await close(connection);
});

test.each<[string, string, Partial<ConnectionOptions>]>([
  ['a wrong password', '390100', { password: 'other' }],
  ['an unknown user', '390100', { username: 'nobody', password: 'secret' }],
  ['another account', '390100', { account: 'other', password: 'secret' }],
  ['a key that is not the user’s', '390144', { authenticator: 'SNOWFLAKE_JWT', privateKey: wrong.privateKey }],
  ['a wrong access token', '394400', { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'no' }],
  ['a wrong OAuth token', '390303', { authenticator: 'OAUTH', token: 'no' }],
  ['a role the user has not', '390189', { password: 'secret', role: 'ACCOUNTADMIN' }],
])('refuses %s', async (_, code, credentials) => {
  const refused = controlOf(server.url);
  const before = (await refused.stats()).loginsRefused;
  expect(await codeOf(connect(options(credentials)))).toBe(code);
  expect((await refused.stats()).loginsRefused).toBe(before + 1);
});

function login(data: Record<string, unknown>) {
  return raw(server.url, '/session/v1/login-request?requestId=1', {
    body: { data: { ACCOUNT_NAME: 'ACCT', LOGIN_NAME: 'READER', ...data } },
  });
}

function jwt(claims: Record<string, unknown>): string {
  const der = createPublicKey(right.publicKey).export({ type: 'spki', format: 'der' });
  const print = createHash('sha256').update(der).digest('base64');
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: `ACCT.READER.SHA256:${print}`, sub: 'ACCT.READER', iat: now, exp: now + 60, ...claims };
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(all)}`;
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), right.privateKey).toString('base64url')}`;
}

test.each<[string, Record<string, unknown>, boolean]>([
  ['seconds', {}, true],
  ['milliseconds', { iat: Date.now(), exp: Date.now() + 120_000 }, true],
  ['an end in the past', { iat: Date.now() - 300_000, exp: Date.now() - 1 }, false],
  ['a life over an hour', { exp: Date.now() + 7_200_000 }, false],
  ['a start in the future', { iat: Date.now() + 600_000, exp: Date.now() + 700_000 }, false],
  ['another subject', { sub: 'ACCT.OTHER' }, false],
  ['another issuer', { iss: 'ACCT.READER.SHA256:AAAA' }, false],
])('judges a key-pair token with %s', async (_, claims, good) => {
  const answer = await login({ AUTHENTICATOR: 'SNOWFLAKE_JWT', TOKEN: jwt(claims) });
  expect([answer.success, answer.code]).toEqual(good ? [true, null] : [false, '390144']);
});

describe('a workload identity', () => {
  /** What the driver sends: a base64 of `{url, method, headers}`. */
  const attest = () => getAwsAttestationToken();
  const changed = async (headers: Record<string, string>) => {
    const request = JSON.parse(Buffer.from(await attest(), 'base64').toString()) as { headers: object };
    return Buffer.from(JSON.stringify({ ...request, headers: { ...request.headers, ...headers } })).toString('base64');
  };
  const sent = { AUTHENTICATOR: 'WORKLOAD_IDENTITY', PROVIDER: 'AWS' };

  test('is who signed, whether or not it is named', async () => {
    const TOKEN = await attest();
    expect((await login({ ...sent, TOKEN })).success).toBe(true);
    expect((await login({ ...sent, TOKEN, LOGIN_NAME: undefined })).success).toBe(true);
  });

  test.each<[string, () => Promise<string>, object]>([
    ['no attestation', async () => 'x', {}],
    ['another audience', () => changed({ 'x-snowflake-audience': 'example.com' }), {}],
    ['an old one', () => changed({ 'x-amz-date': '20200101T000000Z' }), {}],
    ['a header that was changed', () => changed({ 'x-amz-security-token': 'other' }), {}],
    ['another provider', attest, { PROVIDER: 'GCP' }],
    ['another user', attest, { LOGIN_NAME: 'nobody' }],
  ])('is not taken with %s', async (_, token, more) => {
    const answer = await login({ ...sent, TOKEN: await token(), ...more });
    expect([answer.success, answer.code]).toEqual([false, '390100']);
  });

  test('is not taken with another key', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another');
    const answer = await login({ ...sent, TOKEN: await attest() });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsKey.secretAccessKey);
    expect([answer.success, answer.code]).toEqual([false, '390100']);
  });
});

test('echoes session parameters at login and after a change', async () => {
  const answer = await login({ PASSWORD: 'secret', SESSION_PARAMETERS: { QUERY_TAG: 'mine' } });
  const list = answer.data.parameters as { name: string; value: unknown }[];
  expect(list).toContainEqual({ name: 'QUERY_TAG', value: 'mine' });
  expect(list).toContainEqual({ name: 'TIMEZONE', value: 'UTC' });

  const token = answer.data.token as string;
  const ask = (id: string, sqlText: string) =>
    raw(server.url, `/queries/v1/query-request?requestId=${id}`, { token, body: { sqlText } });
  const changed = await ask('a', "ALTER SESSION SET TIMEZONE = 'Asia/Tokyo'");
  expect(changed.data.parameters).toContainEqual({ name: 'TIMEZONE', value: 'Asia/Tokyo' });
  expect((await ask('b', 'hello')).data.finalRoleName).toBe('ANALYST');
});

test('renews an expired session behind the driver’s back', async () => {
  const control = controlOf(server.url);
  const connection = await password();
  await run(connection, 'first');
  await control.expireTokens('session');
  const before = (await control.stats()).renewals;
  expect((await run(connection, 'second')).total).toBe(1);
  expect((await control.stats()).renewals).toBe(before + 1);
  expect(await connection.isValidAsync()).toBe(true);
  await close(connection);
});

test('ends a connection whose master token has expired, and a new sign-in works', async () => {
  const control = controlOf(server.url);
  const connection = await password();
  await control.expireTokens('master');
  expect(await codeOf(run(connection, 'late'))).toBe('407002');
  const again = await password();
  expect((await run(again, 'again')).total).toBe(1);
  await close(again);
});

test('knows neither a made-up token nor a closed session', async () => {
  const body = { sqlText: 'hello' };
  const made = await raw(server.url, '/queries/v1/query-request?requestId=x', { token: 'made-up', body });
  expect(made.code).toBe('390104');

  const token = (await login({ PASSWORD: 'secret' })).data.token as string;
  const closedBefore = engine.closedSessions;
  await raw(server.url, '/session?delete=true', { token, body: {} });
  expect(engine.closedSessions).toBe(closedBefore + 1);
  const gone = await raw(server.url, '/queries/v1/query-request?requestId=x', { token, body });
  expect(gone.code).toBe('390111');
});

test('takes a heartbeat and telemetry', async () => {
  const token = (await login({ PASSWORD: 'secret' })).data.token as string;
  expect((await raw(server.url, '/session/heartbeat', { token, body: {} })).success).toBe(true);
  expect((await raw(server.url, '/telemetry/send', { token, body: { logs: [] } })).success).toBe(true);
});
