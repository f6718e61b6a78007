/**
 * One connection to a broker, as kafkajs gives it: sign-in, request queue, timeouts. Its pool and retries are not used: a
 * request that timed out leaves the socket open there, and a frozen Lambda wakes up with dead ones.
 */
import Broker from 'kafkajs/src/broker/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import type { Logger, Connection } from 'kafkajs/src/network/connectionPool.js';
import type { Socket } from 'kafkajs/src/network/socketFactory.js';
import type { ConnectionSettings } from './connections.ts';

export type Link = {
  address: string;
  /** What it was opened with. */
  settings: ConnectionSettings;
  broker: Broker;
  sockets: Set<Socket>;
  /** Settles once connected and signed in. */
  ready: Promise<void>;
  connected: boolean;
  /** When it was opened, when it was last asked for: wall clock, which goes on while a Lambda is frozen. */
  openedAt: number;
  usedAt: number;
};

/** Versions of each request that the broker has, by its key. */
export type Versions = Record<number, { minVersion: number; maxVersion: number }>;

const CONNECT_TIMEOUT_MS = 5_000;
const SIGN_IN_TIMEOUT_MS = 10_000;

/** kafkajs logs what it sends and receives; nothing of it is logged here. */
const nothing = (): void => {};
const SILENT: Logger = { namespace: () => SILENT, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** To `host:port`; nothing is connected yet. */
export function makeLink(settings: ConnectionSettings, address: string): Link {
  const { clientId, tls, sasl, requestTimeoutMs } = settings;
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
    settings,
    broker,
    sockets,
    ready: Promise.resolve(),
    connected: false,
    openedAt: now,
    usedAt: now,
  };
}

/** Connects and signs in. */
export async function connect({ broker }: Link): Promise<Versions> {
  await broker.connect();
  return broker.versions ?? {};
}

/** False: the broker closed it. */
export function isOpen({ broker }: Link): boolean {
  return broker.isConnected();
}

/** Whether an answer is awaited. */
export function isWaiting({ broker }: Link): boolean {
  return broker.connectionPool.pool[0]!.requestQueue.inflight.size > 0;
}

/** Its unanswered requests are rejected. */
export function destroy({ sockets }: Link): void {
  for (const socket of sockets) socket.destroy(dropped());
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
