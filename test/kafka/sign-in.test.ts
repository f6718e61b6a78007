import { expect, test } from 'vitest';
import { signIn } from '../../lambdas/kafka/sign-in.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';

type Settings = Parameters<typeof signIn>[0];
const settings = (auth: ResolvedConfig['kafka']['auth'], ca: string | null = null, tls = true) =>
  ({ auth, ca, tls }) as Settings;

test('a user and its password; a private authority is trusted beside it', () => {
  const scram = settings({ method: 'scram-sha-512', secret: 's' }, 'CA');
  expect(signIn(scram, { username: 'u', password: 'p' })).toEqual({
    tls: { ca: 'CA' },
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
  });
});

test('a client certificate instead of SASL', () => {
  expect(signIn(settings({ method: 'mtls', secret: 's' }, 'CA'), { certificate: 'C', key: 'K' })).toEqual({
    tls: { ca: 'CA', cert: 'C', key: 'K' },
    sasl: null,
  });
});

test('with IAM each sign-in gets a token of its own', async () => {
  let tokens = 0;
  const { tls, sasl } = signIn(settings({ method: 'iam' }), { token: async () => `t${++tokens}` });
  expect(tls).toBe(true);
  if (sasl === null || !('oauthBearerProvider' in sasl)) throw new Error('no token is asked for');
  expect([await sasl.oauthBearerProvider(), await sasl.oauthBearerProvider()]).toEqual([
    { value: 't1' },
    { value: 't2' },
  ]);
});

test('without sign-in, encrypted or not', () => {
  expect(signIn(settings({ method: 'none' }, null, false), null)).toEqual({ tls: false, sasl: null });
  expect(signIn(settings({ method: 'none' }), null)).toEqual({ tls: true, sasl: null });
});

test.each(['plain', 'mtls'] as const)('%s with the credentials of another method is refused', (method) => {
  const refused = expect.objectContaining({ code: 'SECRET_UNREADABLE' }) as Error;
  expect(() => signIn(settings({ method, secret: 's' }), null)).toThrow(refused);
  expect(() => signIn(settings({ method, secret: 's' }), { token: async () => 't' })).toThrow(refused);
});
