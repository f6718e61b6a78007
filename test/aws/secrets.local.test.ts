import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kafkaCredentials } from '../../lambdas/aws/kafka-credentials.ts';
import { registryCredentials, snowflakeCredentials } from '../../lambdas/aws/secrets.ts';
import type { ResolvedConfig, ResolvedRegistry } from '../../lambdas/config/resolved.ts';
import { startServer } from './server.ts';

let server: Awaited<ReturnType<typeof startServer>>;
beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await server.close();
});

const holds = (text: string) => {
  server.state.answer = () => ({ ARN: 'arn', Name: 'n', SecretString: text });
};
const snowflake = (method: 'key-pair' | 'token') =>
  snowflakeCredentials({
    aws: { endpoint: server.url, bus: 'b' },
    snowflake: { auth: { method, secret: 'shop/snowflake' } } as ResolvedConfig['snowflake'],
  });
const kafka = (auth: ResolvedConfig['kafka']['auth'], endpoint = server.url) =>
  kafkaCredentials({ aws: { endpoint, bus: 'b' }, kafka: { auth } as ResolvedConfig['kafka'] });

describe('credentials', () => {
  it('of Snowflake are a key, with its passphrase if it has one, or a token', async () => {
    holds('{"privateKey":"PEM","other":1}');
    expect(await snowflake('key-pair')).toEqual({ privateKey: 'PEM' });
    await server.close();
    server = await startServer();
    holds('{"privateKey":"PEM","passphrase":"p","token":"t"}');
    expect(await snowflake('key-pair')).toEqual({ privateKey: 'PEM', passphrase: 'p' });
    expect(await snowflake('token')).toEqual({ token: 't' });
  });

  it('of Kafka are a user and a password, or nothing', async () => {
    expect(await kafka({ method: 'none' })).toBeNull();
    expect(server.asked).toEqual([]);
    holds('{"username":"u","password":"p","extra":"x"}');
    const auth = { method: 'scram-sha-512', secret: 'AmazonMSK_shop' } as const;
    expect(await kafka(auth)).toEqual({ username: 'u', password: 'p' });
    expect(server.asked).toEqual([{ target: 'secretsmanager.GetSecretValue', input: { SecretId: 'AmazonMSK_shop' } }]);
  });

  it('of a registry are a user and a password, the role of the function, or nothing', async () => {
    const registry = (settings: Partial<ResolvedRegistry> | null) =>
      registryCredentials({ aws: { endpoint: server.url, bus: 'b' }, registry: settings as ResolvedRegistry | null });
    expect(await registry(null)).toBeNull();
    expect(await registry({ type: 'confluent', auth: { method: 'none' } })).toBeNull();
    holds('{"username":"u","password":"p"}');
    const basic = { method: 'basic', secret: 'shop/registry' } as const;
    expect(await registry({ type: 'confluent', auth: basic })).toEqual({ username: 'u', password: 'p' });
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
    vi.stubEnv('AWS_SESSION_TOKEN', 'token');
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    const role = { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: 'token', region: 'eu-west-1' };
    expect(await registry({ type: 'glue' })).toEqual(role);
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    await expect(registry({ type: 'glue' })).rejects.toMatchObject({ code: 'SECRET_UNREADABLE' });
  });

  it('are asked for once in five minutes, then taken up anew', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    holds('{"token":"old"}');
    await snowflake('token');
    holds('{"token":"new"}');
    vi.setSystemTime(Date.now() + 299_000);
    expect(await snowflake('token')).toEqual({ token: 'old' });
    vi.setSystemTime(Date.now() + 2_000);
    expect(await snowflake('token')).toEqual({ token: 'new' });
    expect(server.asked).toHaveLength(2);
  });

  it('are asked for at once by whoever was refused with them, for all', async () => {
    holds('{"username":"u","password":"old"}');
    const config = { aws: { endpoint: server.url, bus: 'b' } };
    const auth = { method: 'plain', secret: 'kafka' } as const;
    const read = (fresh: boolean) => kafkaCredentials({ ...config, kafka: { auth } as ResolvedConfig['kafka'] }, fresh);
    await read(false);
    holds('{"username":"u","password":"new"}');
    expect(await read(false)).toMatchObject({ password: 'old' });
    expect(await read(true)).toMatchObject({ password: 'new' });
    expect(await read(false)).toMatchObject({ password: 'new' });
    expect(server.asked).toHaveLength(2);
  });
});

describe('SECRET_UNREADABLE', () => {
  it.each([
    { what: 'not JSON', text: 'hunter2', message: 'Secret shop/snowflake is not JSON.' },
    { what: 'no object', text: '["hunter2"]', message: 'Secret shop/snowflake is not a JSON object.' },
    { what: 'no field', text: '{"x":"hunter2"}', message: 'Secret shop/snowflake has no text in its field `token`.' },
    { what: 'no text', text: '{"token":7}', message: 'Secret shop/snowflake has no text in its field `token`.' },
    { what: 'empty', text: '{"token":""}', message: 'Secret shop/snowflake has no text in its field `token`.' },
  ])('$what, and its content is not told', async ({ text, message }) => {
    holds(text);
    const failure = await snowflake('token').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SECRET_UNREADABLE', message });
    expect(failure).not.toHaveProperty('cause');
  });

  it('holds why the secret could not be read, and is not remembered', async () => {
    server.state.answer = (_, response) => server.refuse(response, 400, 'ResourceNotFoundException', 'none');
    await expect(snowflake('token')).rejects.toMatchObject({
      code: 'SECRET_UNREADABLE',
      message: 'Secret shop/snowflake: ResourceNotFoundException: none',
    });
    holds('{"token":"t"}');
    expect(await snowflake('token')).toEqual({ token: 't' });
  });
});
