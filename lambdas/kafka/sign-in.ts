/** From what the configuration and its secret say to what a connection is opened with. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { SignIn } from './connections.ts';

/** A user, a client certificate, or what signs a token for each sign-in (MSK's IAM). */
export type Credentials =
  { username: string; password: string } | { certificate: string; key: string } | { token: () => Promise<string> };

/** @throws SECRET_UNREADABLE when the method needs other credentials. */
export function signIn({ auth, tls, ca }: ResolvedConfig['kafka'], credentials: Credentials | null): SignIn {
  const trusted = ca === null ? {} : { ca };
  const plainTls = tls && ca !== null ? trusted : tls;
  if (auth.method === 'none') return { tls: plainTls, sasl: null };
  if (auth.method === 'mtls' && credentials !== null && 'certificate' in credentials) {
    return { tls: { ...trusted, cert: credentials.certificate, key: credentials.key }, sasl: null };
  }
  if (auth.method === 'iam' && credentials !== null && 'token' in credentials) {
    const { token } = credentials;
    const oauthBearerProvider = async () => ({ value: await token() });
    return { tls: plainTls, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } };
  }
  if (credentials !== null && 'username' in credentials && auth.method !== 'iam' && auth.method !== 'mtls') {
    const { username, password } = credentials;
    return { tls: plainTls, sasl: { mechanism: auth.method, username, password } };
  }
  throw new SnowmeltError('SECRET_UNREADABLE', `kafka.auth: the method ${auth.method} needs other credentials`);
}
