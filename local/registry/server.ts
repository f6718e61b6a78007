/** An HTTP server whose answers can be made to fail: what both registries stand on. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = { status: number; body: unknown };
export type Heard = { method: string; path: string; headers: IncomingMessage['headers']; body: string };

/**
 * What happens to requests instead of an answer. `down`: the connection is cut. `slow`: nothing comes. An answer: that one.
 * `times` counts down to none.
 */
export type Fault = { kind: 'down' | 'slow' | Answer; times: number; only?: (heard: Heard) => boolean };

export class RegistryServer {
  readonly #server: Server;
  readonly #answer: (heard: Heard) => Answer;
  /** All that was asked, oldest first. */
  readonly heard: Heard[] = [];
  fault: Fault | null = null;

  protected constructor(answer: (heard: Heard) => Answer) {
    this.#answer = answer;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const heard: Heard = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        this.heard.push(heard);
        const fault = this.#failing(heard);
        if (fault === 'down') return void request.socket.destroy();
        if (fault === 'slow') return;
        const { status, body } = fault ?? this.#answer(heard);
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    });
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #failing(heard: Heard): Fault['kind'] | null {
    const { fault } = this;
    if (fault === null || fault.times <= 0 || fault.only?.(heard) === false) return null;
    fault.times--;
    return fault.kind;
  }
}
