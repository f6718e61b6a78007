/**
 * The parts of kafkajs 2.2.4 that are used, which its own types leave out: connections with sign-in, the request queue and
 * the protocol's encoders. Its producer is not among them (see client.ts).
 */
declare module 'kafkajs/src/network/socketFactory.js' {
  export interface Socket {
    setNoDelay(noDelay: boolean): unknown;
    destroy(error?: Error): unknown;
    on(event: 'close', listener: () => void): unknown;
    write(bytes: Uint8Array): boolean;
  }
  export type SocketFactory = (target: { host: string; port: number; ssl: unknown; onConnect: () => void }) => Socket;
  export default function socketFactory(): SocketFactory;
}

declare module 'kafkajs/src/network/connectionPool.js' {
  import type { Socket, SocketFactory } from 'kafkajs/src/network/socketFactory.js';

  export interface Logger {
    namespace(): Logger;
    debug(): void;
    info(): void;
    warn(): void;
    error(): void;
  }
  /** What a request's promise resolves with: the reply without its size and correlation id. */
  export type RawReply = { payload: Buffer };
  export interface RequestQueue {
    /** Sent, not answered. */
    inflight: Map<number, unknown>;
    /** Held back. */
    pending: unknown[];
    push(request: {
      entry: {
        apiKey: number;
        apiName: string;
        apiVersion: number;
        correlationId: number;
        resolve: (reply: RawReply) => void;
        reject: (error: Error) => void;
      };
      expectResponse: boolean;
      requestTimeout: number | null;
      sendRequest: () => void;
    }): void;
    maybeThrottle(ms: number): void;
    scheduleCheckPendingRequests(): void;
  }
  /** One socket; `pool[0]` takes all requests but Fetch. */
  export interface Connection {
    socket: Socket;
    requestQueue: RequestQueue;
    isAuthenticated(): boolean;
    authenticate(): Promise<void>;
    failIfNotConnected(): void;
    nextCorrelationId(): number;
    send(call: { request: Request; response: Response; logResponseError: boolean }): Promise<unknown>;
  }
  export interface Request {
    apiKey: number;
    apiVersion: number;
    apiName: string;
    encode(): Promise<unknown>;
  }
  export interface Response {
    decode(raw: Buffer): Promise<unknown>;
    parse(decoded: unknown): Promise<unknown>;
  }
  export default class ConnectionPool {
    constructor(options: {
      host: string;
      port: number;
      rack: string | null;
      ssl: boolean | { ca?: string; cert?: string; key?: string };
      sasl:
        | { mechanism: string; username: string; password: string }
        | { mechanism: string; oauthBearerProvider: () => Promise<{ value: string }> }
        | null;
      clientId: string;
      socketFactory: SocketFactory;
      connectionTimeout: number;
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      maxInFlightRequests: number | null;
      reauthenticationThreshold: number;
      logger: Logger;
    });
    pool: Connection[];
  }
}

declare module 'kafkajs/src/broker/index.js' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js';
  import type { Logger } from 'kafkajs/src/network/connectionPool.js';

  export default class Broker {
    constructor(options: { connectionPool: ConnectionPool; logger: Logger; authenticationTimeout: number });
    connectionPool: ConnectionPool;
    versions: Record<number, { minVersion: number; maxVersion: number }> | null;
    isConnected(): boolean;
    /** Connects, asks for the versions, signs in. */
    connect(): Promise<void>;
  }
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  import type { Request, Response } from 'kafkajs/src/network/connectionPool.js';

  export interface Definition {
    protocol(choice: { version: number }): (args: object) => { request: Request; response: Response };
  }
  const index: { requests: Record<string, Definition> };
  export default index;
}

declare module 'kafkajs/src/protocol/requests/produce/v7/response.js' {
  const response: {
    decode(raw: Buffer): Promise<{
      topics: { topicName: string; partitions: { partition: number; errorCode: number; baseOffset: string }[] }[];
      clientSideThrottleTime: number;
    }>;
  };
  export default response;
}

declare module 'kafkajs/src/protocol/error.js' {
  const error: { errorCodes: { type: string; code: number; message: string }[] };
  export default error;
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    writeInt8(value: number): this;
    writeInt32(value: number): this;
    writeBoolean(value: boolean): this;
    writeUVarInt(value: number): this;
    writeUVarIntString(value: string): this;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(buffer: Buffer);
    readInt8(): number;
    readInt16(): number;
    readInt32(): number;
    readInt64(): bigint;
    readBytes(length: number): Buffer;
    readUVarInt(): number;
    readUVarIntString(): string | null;
  }
}
