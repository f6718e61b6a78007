/**
 * Connections to the brokers: one per address, opened when first asked for, dropped at the first sign of trouble.
 *
 * kafkajs gives a connection with sign-in, its request queue and its timeouts; its pool and retries are not used: a request
 * that timed out leaves the socket open there, and a frozen Lambda wakes up with dead ones. Here a connection that failed
 * once is destroyed, and the next request opens another.
 */
import Broker from 'kafkajs/src/broker/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import type { Logger, Connection } from 'kafkajs/src/network/connectionPool.js';
import type { Socket } from 'kafkajs/src/network/socketFactory.js';
import { SnowmeltError } from '../errors.ts';
import { asKafkaError, isConnectionError } from './failures.ts';
import { pause } from './retry.ts';
import { checkVersions } from './requests.ts';

export type ConnectionSettings = {
  clientId: string;
  /** `host:port` each. */
  brokers: string[];
  tls: boolean | { ca?: string; cert?: string; key?: string };
  sasl:
    | { mechanism: string; username: string; password: string }
    | { mechanism: 'oauthbearer'; oauthBearerProvider: () => Promise<{ value: string }> }
    | null;
  requestTimeoutMs: number;
  /** Whether the brokers must have transactions. */
  transactions: boolean;
};

export type Link = {
  address: string;
  broker: Broker;
  sockets: Set<Socket>;
  /** Settles once connected and signed in. */
  ready: Promise<void>;
  connected: boolean;
  /** When it was opened, when it was last asked for: wall clock, which goes on while a Lambda is frozen. */
  openedAt: number;
  usedAt: number;
};

/** Times that all addresses are tried before the cluster counts as unreachable. */
const ROUNDS = 3;
/** Brokers, balancers and firewalls forget connections that are older or were idle for longer, without a word. */
const MAX_AGE_MS = 8 * 60_000;
const MAX_IDLE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;
const SIGN_IN_TIMEOUT_MS = 10_000;

/** kafkajs logs what it sends and receives; nothing of it is logged here. */
const nothing = (): void => {};
const SILENT: Logger = { namespace: () => SILENT, debug: nothing, info: nothing, warn: nothing, error: nothing };

export class Connections {
  readonly #settings: ConnectionSettings;
  readonly #links = new Map<string, Link>();
  #nodes = new Map<number, string>();
  #next: number;
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
    this.#next = Math.floor(Math.random() * settings.brokers.length);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where the brokers are, from Metadata. */
  learn(brokers: { nodeId: number; host: string; port: number }[]): void {
    this.#nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  }

  /** Where the broker with this id is; undefined when Metadata does not know it. */
  addressOf(nodeId: number): string | undefined {
    return this.#nodes.get(nodeId);
  }

  /** A connection to `host:port`. */
  async at(address: string): Promise<Link> {
    if (this.#closed) throw new SnowmeltError('KAFKA_UNREACHABLE', 'the connections were closed');
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

  /** A connection to whichever broker answers. @throws KAFKA_UNREACHABLE */
  async any(): Promise<Link> {
    const addresses = [...new Set([...this.#links.keys(), ...this.#rotated(), ...this.#nodes.values()])];
    let failure: unknown;
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await pause(100 * round);
      for (const address of addresses) {
        try {
          return await this.at(address);
        } catch (error) {
          if (this.#closed || !isConnectionError(error)) throw asKafkaError(error, `connecting to ${address}`);
          failure = error;
        }
      }
    }
    throw asKafkaError(failure, `connecting to ${addresses.join(', ')}`);
  }

  /** Destroys a connection; its unanswered requests are rejected. */
  drop(link: Link): void {
    if (this.#links.get(link.address) === link) this.#links.delete(link.address);
    for (const socket of link.sockets) socket.destroy(dropped());
  }

  /** Destroys all connections; nothing can be asked for afterwards. */
  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) this.drop(link);
  }

  /** The configured addresses, each time with another one first. */
  #rotated(): string[] {
    const { brokers } = this.#settings;
    const first = this.#next++ % brokers.length;
    return [...brokers.slice(first), ...brokers.slice(0, first)];
  }

  async #connect(link: Link): Promise<void> {
    try {
      await link.broker.connect();
      checkVersions(link.broker.versions ?? {}, this.#settings.transactions);
      link.connected = true;
    } catch (error) {
      this.drop(link);
      throw error;
    }
  }

  #link(address: string): Link {
    const { clientId, tls, sasl, requestTimeoutMs } = this.#settings;
    const colon = address.lastIndexOf(':');
    const sockets = new Set<Socket>();
    const open = socketFactory();
    const connectionPool = new ConnectionPool({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      rack: null,
      ssl: tls,
      sasl: sasl && { ...sasl },
      clientId,
      socketFactory: (target) => {
        const socket = open(target);
        socket.setNoDelay(true); // requests are pipelined: Nagle's algorithm would hold the second one back
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        return socket;
      },
      connectionTimeout: Math.min(CONNECT_TIMEOUT_MS, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      maxInFlightRequests: null,
      reauthenticationThreshold: 10_000,
      logger: SILENT,
    });
    connectionPool.pool.forEach(stopIdleTimer);
    const broker = new Broker({ connectionPool, logger: SILENT, authenticationTimeout: SIGN_IN_TIMEOUT_MS });
    const now = Date.now();
    return {
      address,
      broker,
      sockets,
      ready: Promise.resolve(),
      connected: false,
      openedAt: now,
      usedAt: now,
    };
  }
}

/**
 * Whether another connection is opened instead: the broker closed it while it was idle, or it is too old to be trusted. Looked
 * at when it is asked for: no timer tells a Lambda that it was frozen. Never while an answer is awaited: that has a timeout.
 */
function isSpent(link: Link): boolean {
  if (!link.connected) return false;
  if (!link.broker.isConnected()) return true;
  const now = Date.now();
  const fresh = now - link.openedAt <= MAX_AGE_MS && now - link.usedAt <= MAX_IDLE_MS;
  return !fresh && link.broker.connectionPool.pool[0]!.requestQueue.inflight.size === 0;
}

/**
 * The connection for all requests but Fetch. Never connects again: kafkajs' pool does, once for each of two callers.
 * @throws kafkajs' connection error when it is closed
 */
export function connectionOf(link: Link): Connection {
  const connection = link.broker.connectionPool.pool[0]!;
  connection.failIfNotConnected();
  return connection;
}

/**
 * kafkajs keeps a timer of 1 ms running on every connection that has ever answered, to look for requests that were held
 * back; it costs 3 % of a core and keeps the process alive. Looking is only needed while there are some.
 */
function stopIdleTimer(connection: Connection): void {
  const queue = connection.requestQueue;
  const schedule = queue.scheduleCheckPendingRequests.bind(queue);
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule();
  };
}

/** Node looks at the stack, and would parse the bundle's whole source map to write it: 170 ms and 40 MB. So it is written. */
function dropped(): Error {
  const error = new Error('connection dropped');
  error.stack = error.message;
  return error;
}
