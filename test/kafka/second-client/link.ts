/** In the place of lambdas/kafka/link.ts: one connection, as `@platformatic/kafka` gives it. */
import { apiVersionsV2, AuthenticationError, Connection, type SASLOptions } from '@platformatic/kafka';
import type { ConnectionSettings } from '../../../lambdas/kafka/connections.ts';
import type { Versions } from '../../../lambdas/kafka/link.ts';

export type Link = {
  address: string;
  settings: ConnectionSettings;
  connection: Connection;
  ready: Promise<void>;
  connected: boolean;
  openedAt: number;
  usedAt: number;
  /** Requests that wait for their answer. */
  waiting: number;
};

/** Of lambdas/kafka/connections.ts, what is asked of it here. */
export type Links = { drop(link: Link): void };

const CONNECT_TIMEOUT_MS = 5_000;

/** The names by which lambdas/kafka/failures.ts knows an unknown outcome and a refused sign-in. */
export function connectionError(cause: unknown): Error {
  const error = new Error(cause instanceof Error ? cause.message : String(cause), { cause });
  const refused = cause instanceof AuthenticationError || (cause as Error | null)?.cause instanceof AuthenticationError;
  error.name = refused ? 'KafkaJSSASLAuthenticationError' : 'KafkaJSConnectionError';
  return error;
}

export function makeLink(settings: ConnectionSettings, address: string): Link {
  const { clientId, tls, sasl, requestTimeoutMs } = settings;
  const connection = new Connection(clientId, {
    connectTimeout: Math.min(CONNECT_TIMEOUT_MS, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    maxInflights: 1_000, // Produce of several topicPartitions is pipelined
    ...(tls !== false && { tls: tls === true ? {} : tls }),
    ...(sasl !== null && { sasl: signIn(sasl) }),
  });
  connection.on('error', () => undefined); // told by the requests that it fails
  const now = Date.now();
  const ready = Promise.resolve();
  return { address, settings, connection, ready, connected: false, openedAt: now, usedAt: now, waiting: 0 };
}

function signIn(sasl: NonNullable<ConnectionSettings['sasl']>): SASLOptions {
  if ('oauthBearerProvider' in sasl) {
    return { mechanism: 'OAUTHBEARER', token: async () => (await sasl.oauthBearerProvider()).value };
  }
  const mechanism = sasl.mechanism.toUpperCase() as SASLOptions['mechanism'];
  return { mechanism, username: sasl.username, password: sasl.password };
}

export async function connect({ address, connection }: Link): Promise<Versions> {
  const colon = address.lastIndexOf(':');
  try {
    await connection.connect(address.slice(0, colon), Number(address.slice(colon + 1)));
    const { apiKeys } = await apiVersionsV2.api.async(connection, '', '');
    return Object.fromEntries(apiKeys.map((range) => [range.apiKey, range]));
  } catch (error) {
    throw connectionError(error);
  }
}

export function isOpen({ connection }: Link): boolean {
  return connection.isConnected();
}

export function isWaiting({ waiting }: Link): boolean {
  return waiting > 0;
}

export function destroy({ connection }: Link): void {
  connection.socket?.destroy();
}
