/** snowflake-sdk, configured once for the process; in a function it is loaded with that (scripts/bundle.ts). */
import './environment.ts';
import snowflake, { type RowStatement as SdkStatement } from 'snowflake-sdk';
import type { ResolvedConfig } from '../config/resolved.ts';

/**
 * No logs: at its default level the SDK prints to standard output, a line per value in places.
 *
 * OCSP is off: certificates and host names are verified, their revocation is not asked for. With it on, a function whose
 * port 80 goes nowhere, the usual private subnet, waits 15 s for every new host.
 */
const SETTINGS = { logLevel: 'OFF', additionalLogToConsole: false, disableOCSPChecks: true } as const;

let configured = false;

export type Connection = ReturnType<typeof snowflake.createConnection>;
export type RowStatement = Pick<SdkStatement, 'streamRows' | 'getColumns' | 'getNumRows'>;
/** `identity`: ARN of the AWS role to sign in as; the process must be allowed to take it on. */
export type Credentials = { privateKey: string; passphrase?: string } | { token: string } | { identity: string };
export type Authenticator = 'SNOWFLAKE_JWT' | 'PROGRAMMATIC_ACCESS_TOKEN' | 'OAUTH' | 'WORKLOAD_IDENTITY';

/** Where Snowflake is: the SDK and the raw requests must agree on it. */
export function baseAddress({ account, accessUrl }: ResolvedConfig['snowflake']): string {
  if (accessUrl !== null) return accessUrl.replace(/\/+$/, '');
  // Host names have no underscores; the account name in the sign-in keeps them.
  return `https://${account.toLowerCase().replaceAll('_', '-')}.snowflakecomputing.${account.includes('.cn-') ? 'cn' : 'com'}`;
}

/** A connection that is not open yet. Throws what the SDK throws for a broken private key. */
export function newConnection(
  config: ResolvedConfig['snowflake'],
  credentials: Credentials,
  authenticator: Authenticator,
): Connection {
  if (!configured) snowflake.configure(SETTINGS);
  configured = true;
  return snowflake.createConnection({
    account: config.account,
    accessUrl: baseAddress(config),
    username: config.user,
    warehouse: config.warehouse,
    ...(config.role === null ? {} : { role: config.role }),
    application: 'Snowmelt',
    authenticator,
    ...proofOf(credentials),
    // One HTTP request; Snowflake holds an answer back for up to 45 s.
    timeout: 70_000,
    // The SDK's 7 keep a dead host busy for minutes; the next tick tries again anyway.
    sfRetryMaxLoginRetries: 2,
    // NULL stays null where numbers are fetched as text.
    representNullAsStringNull: false,
  });
}

function proofOf(credentials: Credentials) {
  if ('token' in credentials) return { token: credentials.token };
  if ('identity' in credentials) {
    return { workloadIdentityProvider: 'AWS' as const, workloadIdentityImpersonationPath: [credentials.identity] };
  }
  const { privateKey, passphrase } = credentials;
  return { privateKey, ...(passphrase === undefined ? {} : { privateKeyPass: passphrase }) };
}

/** The session token, for the requests that don't go through the SDK; none once the SDK knows that the session is over. */
export function sessionToken(connection: Connection): string | undefined {
  // Where it stands is documented with `serialize`.
  const state = JSON.parse(connection.serialize()) as {
    services?: { sf?: { tokenInfo?: { sessionToken?: string } } };
  };
  return state.services?.sf?.tokenInfo?.sessionToken;
}
