/** Stands in front of a Snowflake endpoint, so that requests can be observed, held, and lose themselves or their reply. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Forwarder } from '../aws/dynamo-proxy.ts';
import { listen, readBody } from '../aws/http.ts';
import { look } from './server/look.ts';
import type { Json } from './server/http.ts';
import type { SeenRequest } from './server/types.ts';

export type ProxiedRequest = SeenRequest & {
  /** The client's end of the connection. */
  port: number;
};

/** True: go on. False: the connection is cut. A promise that does not settle holds the request or its reply. */
export type SnowflakeHook = {
  before?: (request: ProxiedRequest) => boolean | Promise<boolean>;
  after?: (request: ProxiedRequest) => boolean | Promise<boolean>;
};

export type SnowflakeProxy = { url: string; add(hook: SnowflakeHook): () => void; close(): Promise<void> };

export async function startSnowflakeProxy(upstream: string): Promise<SnowflakeProxy> {
  const forward = new Forwarder(upstream);
  const hooks = new Set<SnowflakeHook>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const url = new URL(request.url ?? '/', upstream);
    const seen = { ...look(request, url, parse(body)), port: request.socket.remotePort ?? 0 };
    for (const { before } of hooks) if (!((await before?.(seen)) ?? true)) return void response.destroy();
    const reply = await forward.send(request, body, response);
    for (const { after } of hooks) if (!((await after?.(seen)) ?? true)) return void response.destroy();
    reply();
  };
  const server = await listen((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  return {
    url: server.url,
    add: (hook) => {
      hooks.add(hook);
      return () => hooks.delete(hook);
    },
    close: async () => {
      forward.close();
      await server.close();
    },
  };
}

function parse(body: Buffer): Json {
  try {
    return JSON.parse(body.toString() || '{}') as Json;
  } catch {
    return {};
  }
}
