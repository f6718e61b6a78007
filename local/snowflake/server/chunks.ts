/** Chunk addresses that expire, and the compressed chunks themselves, made when asked for and kept a while. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

export class ChunkAddresses {
  readonly #lifeMs: number;
  #secret = randomBytes(32);

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  path(queryId: string, chunk: number): string {
    const expires = Date.now() + this.#lifeMs;
    return `/chunks/${queryId}/${chunk}?expires=${expires}&signature=${this.#sign(queryId, chunk, expires)}`;
  }

  /** Is the address ours and still alive? */
  valid(queryId: string, chunk: number, query: URLSearchParams): boolean {
    const expires = Number(query.get('expires'));
    const given = Buffer.from(query.get('signature') ?? '');
    const right = Buffer.from(this.#sign(queryId, chunk, expires));
    const ours = given.length === right.length && timingSafeEqual(given, right);
    return ours && expires > Date.now();
  }

  /** Ends every address given out so far. */
  expireAll(): void {
    this.#secret = randomBytes(32);
  }

  #sign(queryId: string, chunk: number, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${queryId}/${chunk}/${expires}`).digest('hex');
  }
}

/** Least recently used first out, by bytes; a chunk wanted twice at once is made once. */
export class ChunkCache {
  readonly #limit: number;
  readonly #entries = new Map<string, Promise<Buffer>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  produced = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** The gzipped text, level 1. */
  async get(key: string, text: () => Promise<Uint8Array>): Promise<Buffer> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    this.produced++;
    const made = text().then((raw) => gzipFast(raw));
    this.#entries.set(key, made);
    try {
      const body = await made;
      this.#sizes.set(key, body.length);
      this.#bytes += body.length;
      this.#trim();
      return body;
    } catch (error) {
      this.#entries.delete(key);
      throw error;
    }
  }

  #trim(): void {
    for (const key of this.#entries.keys()) {
      const size = this.#sizes.get(key);
      if (this.#bytes <= this.#limit) return;
      if (size === undefined) continue;
      this.#entries.delete(key);
      this.#sizes.delete(key);
      this.#bytes -= size;
    }
  }
}

export async function gzipFast(raw: Uint8Array): Promise<Buffer> {
  return compress(raw, { level: 1 });
}
