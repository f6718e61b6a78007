/**
 * Plain HTTP for what does not go through snowflake-sdk: result descriptions and chunks. Every wait has a deadline, every
 * body a limit, and a body that ends early is an error.
 */
import http from 'node:http';
import https from 'node:https';
import { release } from './release.ts';

export type Timings = {
  /** Until the head of an answer. Snowflake holds an answer back for up to 45 s while a statement runs. */
  answerMs: number;
  /** Between two pieces of a body. */
  stallMs: number;
  /** The whole exchange. */
  totalMs: number;
};

export type HttpAnswer = { status: number; headers: http.IncomingHttpHeaders; body: Buffer<ArrayBuffer> };

export type HttpRequest = {
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  timings: Timings;
  signal?: AbortSignal | undefined;
};

/** No answer, or not the whole of it. `network` tells it from an answer that was refused. */
export class NoAnswer extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NoAnswer';
  }
}

const largestBody = 512 * 1024 * 1024;

/** Keep-alive connections, closed with `close`. */
export class HttpClient {
  readonly #plain = new http.Agent({ keepAlive: true, maxSockets: 16 });
  readonly #tls = new https.Agent({ keepAlive: true, maxSockets: 16 });

  /** The whole answer, whatever its status. Throws NoAnswer; messages name the host, never the path (addresses are secrets). */
  async ask(address: string, request: HttpRequest): Promise<HttpAnswer> {
    const url = new URL(address);
    const secure = url.protocol === 'https:';
    return new Promise<HttpAnswer>((resolve, reject) => {
      const outgoing = (secure ? https : http).request(url, {
        method: request.method ?? 'GET',
        headers: request.headers,
        agent: secure ? this.#tls : this.#plain,
      });
      const finish = () => {
        clearTimeout(total);
        clearTimeout(quiet);
        request.signal?.removeEventListener('abort', abort);
      };
      const fail = (why: string, cause?: unknown) => {
        finish();
        outgoing.destroy();
        reject(new NoAnswer(`${url.host}: ${why}`, cause));
      };
      const abort = () => fail('no longer wanted');
      const total = setTimeout(() => fail(`not done after ${request.timings.totalMs} ms`), request.timings.totalMs);
      let quiet = setTimeout(() => fail(`no answer in ${request.timings.answerMs} ms`), request.timings.answerMs);
      request.signal?.addEventListener('abort', abort, { once: true });
      if (request.signal?.aborted === true) return abort();

      outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message, error));
      outgoing.on('response', (response) => {
        const rest = (): NodeJS.Timeout =>
          setTimeout(() => fail(`body stalled for ${request.timings.stallMs} ms`), request.timings.stallMs);
        clearTimeout(quiet);
        quiet = rest();
        const announced = Number(response.headers['content-length'] ?? Number.NaN);
        if (announced > largestBody) return fail('body too large');
        const body = new Body(announced);
        const { socket } = response;
        // Node's parser hears of what the socket has read before this does, and copies the body out of it.
        socket.on('data', release);
        response.on('data', (piece: Buffer<ArrayBuffer>) => {
          quiet.refresh();
          if (!body.add(piece)) fail('body longer than announced or too large');
        });
        response.on('error', (error) => fail('body cut short', error));
        response.on('close', () => {
          socket.off('data', release);
          if (!response.complete || !body.whole) return fail('body cut short');
          finish();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: body.bytes() });
        });
      });
      outgoing.end(request.body);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
}

/** Collects a body; one allocation when its length is announced. */
class Body {
  readonly #announced: number;
  readonly #whole: Buffer<ArrayBuffer> | null;
  readonly #pieces: Buffer<ArrayBuffer>[] = [];
  #length = 0;

  constructor(announced: number) {
    this.#announced = announced;
    this.#whole = announced >= 0 ? Buffer.allocUnsafeSlow(announced) : null;
  }

  add(piece: Buffer<ArrayBuffer>): boolean {
    const end = this.#length + piece.length;
    if (end > (this.#whole === null ? largestBody : this.#announced)) return false;
    if (this.#whole === null) this.#pieces.push(piece);
    else {
      piece.copy(this.#whole, this.#length);
      release(piece);
    }
    this.#length = end;
    return true;
  }

  get whole(): boolean {
    return this.#whole === null || this.#length === this.#announced;
  }

  bytes(): Buffer<ArrayBuffer> {
    return this.#whole ?? Buffer.concat(this.#pieces, this.#length);
  }
}
