/**
 * In the place of lambdas/kafka/connections.ts: the same rules on `@platformatic/kafka`'s connections. One per address,
 * opened when first asked for, dropped at the first sign of trouble.
 */
import { apiVersionsV2, AuthenticationError, Connection, type SASLOptions } from '@platformatic/kafka';
import type { ConnectionSettings } from '../../../lambdas/kafka/connections.ts';
import { SnowmeltError } from '../../../lambdas/errors.ts';
import { asKafkaError, isConnectionError } from '../../../lambdas/kafka/failures.ts';
import { checkVersions } from '../../../lambdas/kafka/requests.ts';
import { pause } from '../../../lambdas/kafka/retry.ts';

export type Link = {
  address: string;
  connection: Connection;
  ready: Promise<void>;
  connected: boolean;
  openedAt: number;
  usedAt: number;
  /** Requests that wait for their answer. */
  waiting: number;
};

const ROUNDS = 3;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_AGE_MS = 8 * 60_000;
const MAX_IDLE_MS = 60_000;

/** The name by which lambdas/kafka/failures.ts knows an unknown outcome. */
export function connectionError(cause: unknown): Error {
  const error = new Error(cause instanceof Error ? cause.message : String(cause), { cause });
  const refused = cause instanceof AuthenticationError || (cause as Error | null)?.cause instanceof AuthenticationError;
  error.name = refused ? 'KafkaJSSASLAuthenticationError' : 'KafkaJSConnectionError';
  return error;
}

export class Connections {
  readonly #settings: ConnectionSettings;
  readonly #links = new Map<string, Link>();
  #nodes = new Map<number, string>();
  #next = 0;
  closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  learn(brokers: { nodeId: number; host: string; port: number }[]): void {
    this.#nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  }

  addressOf(nodeId: number): string | undefined {
    return this.#nodes.get(nodeId);
  }

  async at(address: string): Promise<Link> {
    if (this.closed) throw new SnowmeltError('KAFKA_UNREACHABLE', 'the connections were closed');
    let link = this.#links.get(address);
    if (link !== undefined && isSpent(link)) {
      this.drop(link);
      link = undefined;
    }
    if (link === undefined) {
      link = this.#link(address);
      this.#links.set(address, link);
      link.ready = this.#connect(link);
    }
    await link.ready;
    link.usedAt = Date.now();
    return link;
  }

  async any(): Promise<Link> {
    const { brokers } = this.#settings;
    const first = this.#next++ % brokers.length;
    const rotated = [...brokers.slice(first), ...brokers.slice(0, first)];
    const addresses = [...new Set([...this.#links.keys(), ...rotated, ...this.#nodes.values()])];
    let failure: unknown;
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await pause(100 * round);
      for (const address of addresses) {
        try {
          return await this.at(address);
        } catch (error) {
          if (this.closed || !isConnectionError(error)) throw asKafkaError(error, `connecting to ${address}`);
          failure = error;
        }
      }
    }
    throw asKafkaError(failure, `connecting to ${addresses.join(', ')}`);
  }

  drop(link: Link): void {
    if (this.#links.get(link.address) === link) this.#links.delete(link.address);
    link.connection.socket?.destroy();
  }

  close(): void {
    this.closed = true;
    for (const link of this.#links.values()) this.drop(link);
  }

  async #connect(link: Link): Promise<void> {
    const colon = link.address.lastIndexOf(':');
    try {
      await link.connection
        .connect(link.address.slice(0, colon), Number(link.address.slice(colon + 1)))!
        .catch((error: unknown) => {
          throw connectionError(error);
        });
      const { apiKeys } = await apiVersionsV2.api.async(link.connection, '', '').catch((error: unknown) => {
        throw connectionError(error);
      });
      checkVersions(Object.fromEntries(apiKeys.map((range) => [range.apiKey, range])), this.#settings.transactions);
      link.connected = true;
    } catch (error) {
      this.drop(link);
      throw error;
    }
  }

  #link(address: string): Link {
    const { clientId, tls, requestTimeoutMs } = this.#settings;
    const connection = new Connection(clientId, {
      connectTimeout: Math.min(CONNECT_TIMEOUT_MS, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      maxInflights: 1_000, // Produce of several topicPartitions is pipelined
      ...(tls !== false && { tls: tls === true ? {} : tls }),
      ...this.#sasl(),
    });
    connection.on('error', () => undefined); // told by the requests that it fails
    const now = Date.now();
    const times = { openedAt: now, usedAt: now };
    return { address, connection, ready: Promise.resolve(), connected: false, waiting: 0, ...times };
  }

  #sasl(): { sasl?: SASLOptions } {
    const { sasl } = this.#settings;
    if (sasl === null) return {};
    if ('oauthBearerProvider' in sasl) {
      return { sasl: { mechanism: 'OAUTHBEARER', token: async () => (await sasl.oauthBearerProvider()).value } };
    }
    const mechanism = sasl.mechanism.toUpperCase() as SASLOptions['mechanism'];
    return { sasl: { mechanism, username: sasl.username, password: sasl.password } };
  }
}

function isSpent({ connected, connection, openedAt, usedAt, waiting }: Link): boolean {
  if (!connected) return false;
  if (!connection.isConnected()) return true;
  const now = Date.now();
  return waiting === 0 && (now - openedAt > MAX_AGE_MS || now - usedAt > MAX_IDLE_MS);
}
