/** Stands in front of a DynamoDB endpoint, so that calls can be observed, held, and lose their request or their reply. */
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, readBody, sendError } from './http.ts';
import { Interceptors, parseCall } from './interceptors.ts';

export type DynamoProxy = { url: string; interceptors: Interceptors; close(): Promise<void> };

export async function startDynamoProxy(upstream: string): Promise<DynamoProxy> {
  const interceptors = new Interceptors();
  const forward = new Forwarder(upstream);
  const server = await listen((request, response) => {
    const answer = async () => {
      const body = await readBody(request);
      const call = parseCall(request, body);
      if (call === null) return sendError(response, 400, 'UnknownOperationException', 'not a DynamoDB call');
      await interceptors.run(call, response, () => forward.send(request, body, response));
    };
    answer().catch(() => response.destroy());
  });
  const close = async () => {
    forward.close();
    await server.close();
  };
  return { url: server.url, interceptors, close };
}

/** Sends requests on as they are, over connections that it keeps. */
export class Forwarder {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: URL;

  constructor(upstream: string) {
    this.#url = new URL(upstream);
  }

  /** Resolves once the service has replied; the answer passes that reply to the caller. */
  async send(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<() => void> {
    const options = { agent: this.#agent, method: request.method, path: request.url, headers: request.headers };
    const upstream = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(this.#url, options, resolve).on('error', reject).end(body);
    });
    const reply = await readBody(upstream);
    return () => response.writeHead(upstream.statusCode ?? 502, upstream.headers).end(reply);
  }

  close(): void {
    this.#agent.destroy();
  }
}
