/** One reading of a result: its parts, each fetched until it is right. `reader.ts` says what that means. */
import { isUtf8 } from 'node:buffer';
import { SnowmeltError } from '../errors.ts';
import type { HttpClient, Timings } from './http.ts';
import { NoAnswer } from './http.ts';
import { release } from './release.ts';
import type { Chunk, Result, Results } from './result.ts';
import { pause } from './result.ts';
import { expectEnd, MalformedText, scanRows } from './scanner.ts';
import type { TextBuffer } from './unpack.ts';

export type ReaderSettings = {
  chunk: Timings;
  /** Tries for one chunk, and the wait before the second; it doubles. */
  attempts: number;
  retryMs: number;
  /** How long a result may still be running; it was seen finished before. */
  runningMs: number;
};

export const readerSettings: ReaderSettings = {
  chunk: { answerMs: 20_000, stallMs: 15_000, totalMs: 180_000 },
  attempts: 6,
  retryMs: 100,
  runningMs: 120_000,
};

/** Rows scanned before the event loop gets a turn. */
const scanBytes = 1024 * 1024;

/** A part of the result: rows [start, start + rows). */
export type Part = { index: number; start: number; rows: number; bytes: number };

/** One call of `read`: its result's description, asked for again when addresses have expired. */
export class Reading {
  readonly #results: Results;
  readonly #http: HttpClient;
  readonly #settings: ReaderSettings;
  readonly #queryId: string;
  readonly #stopped = new AbortController();
  #result: Promise<Result> | null = null;
  #shape: string | null = null;

  constructor(results: Results, http: HttpClient, settings: ReaderSettings, queryId: string) {
    this.#results = results;
    this.#http = http;
    this.#settings = settings;
    this.#queryId = queryId;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async result(): Promise<Result> {
    this.#result ??= this.#ask();
    return this.#result;
  }

  /** Fresh addresses, once for all who saw `seen` fail. */
  async #refresh(seen: Promise<Result> | null): Promise<void> {
    if (this.#result === seen) this.#result = this.#ask();
    await this.#result;
  }

  async #ask(): Promise<Result> {
    const deadline = Date.now() + this.#settings.runningMs;
    for (;;) {
      const answer = await this.#results.ask(this.#queryId, this.#stopped.signal);
      if (answer.state === 'done') return this.#sameShape(answer.result);
      if (answer.state === 'gone')
        throw new SnowmeltError('RESULT_EXPIRED', `Snowflake no longer has the result of query ${this.#queryId}`);
      if (answer.state === 'failed') throw answer.error;
      if (Date.now() > deadline)
        throw new SnowmeltError('SNOWFLAKE_UNREACHABLE', `Query ${this.#queryId} is still running`);
      await pause(this.#settings.retryMs);
    }
  }

  /** A result asked for again must be cut as before, or rows would be taken from the wrong place. */
  #sameShape(result: Result): Result {
    const shape = [result.inlineRows, ...result.chunks.map((chunk) => chunk.rows)].join();
    this.#shape ??= shape;
    if (shape === this.#shape) return result;
    throw malformed(this.#queryId, 'it came in other parts when it was asked for again');
  }

  /**
   * The text of a part once it was scanned into `offsets`; fetched again while anything about it is wrong. `first` is
   * what `unzip` made of it, in `text`.
   */
  async verified(
    part: Part,
    width: number,
    text: TextBuffer,
    offsets: Offsets,
    first: Promise<Buffer>,
  ): Promise<Buffer> {
    let unzipped = first;
    for (let attempt = 1; ; attempt++) {
      try {
        const bytes = await unzipped;
        await scan(bytes, width, part.rows, offsets.forCells(part.rows * width));
        return bytes;
      } catch (error) {
        if (!(error instanceof MalformedText)) throw error;
        if (attempt >= this.#settings.attempts || part.index < 0)
          throw malformed(this.#queryId, `part ${part.index}: ${error.message}`);
        await pause(this.#settings.retryMs * 2 ** (attempt - 1));
        unzipped = this.unzip(part, text, this.fetch(part, attempt > 1 ? this.#result : null));
      }
    }
  }

  /** The text of a part, in `text`. @throws MalformedText */
  async unzip(part: Part, text: TextBuffer, fetched: Promise<Buffer<ArrayBuffer>>): Promise<Buffer> {
    const body = await fetched;
    const bytes = await text.unpack(body, part.bytes);
    if (bytes !== body) release(body);
    if (!isUtf8(bytes)) throw new MalformedText('Not UTF-8', 0);
    return bytes;
  }

  /** Downloads a part, as it comes: it is unzipped when its turn comes. `stale` is a description whose addresses are not to be used again. */
  async fetch(part: Part, stale: Promise<Result> | null): Promise<Buffer<ArrayBuffer>> {
    if (stale !== null) await this.#refresh(stale);
    for (let attempt = 1; ; attempt++) {
      const seen = this.#result;
      const result = await this.result();
      if (part.index < 0) return Buffer.from(result.inline);
      const outcome = await this.#download(result.chunks[part.index]!, result.chunkHeaders);
      if (Buffer.isBuffer(outcome)) return outcome;
      if (this.#stopped.signal.aborted || attempt >= this.#settings.attempts) throw this.#exhausted(part, outcome);
      await pause(this.#settings.retryMs * 2 ** (attempt - 1));
      if (outcome.refresh) await this.#refresh(seen);
    }
  }

  #exhausted(part: Part, failure: Failure): SnowmeltError {
    const what = `query ${this.#queryId}, part ${part.index}: ${failure.why}`;
    return new SnowmeltError('SNOWFLAKE_UNREACHABLE', `Download of ${what}`);
  }

  async #download(chunk: Chunk, headers: Record<string, string>): Promise<Buffer<ArrayBuffer> | Failure> {
    try {
      const answer = await this.#http.ask(chunk.url, {
        headers: { 'accept-encoding': 'gzip', ...headers },
        timings: this.#settings.chunk,
        signal: this.#stopped.signal,
      });
      // Clouds disagree on how they refuse an address that has expired: 403, but also 400 and 404.
      const refused = answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429;
      if (answer.status !== 200) return { why: `HTTP ${answer.status}`, refresh: refused };
      return answer.body;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return { why: error.message, refresh: false };
    }
  }
}

type Failure = { why: string; refresh: boolean };

/** Cells' bounds of one chunk, reused for the next. */
export class Offsets {
  cells = new Int32Array(0);

  forCells(count: number): Int32Array {
    if (this.cells.length < 2 * count) this.cells = new Int32Array(2 * count);
    return this.cells;
  }
}

export function malformed(queryId: string, why: string): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', `Result of query ${queryId}: ${why}`);
}

/** Scans a part's rows, with turns for the event loop. @throws MalformedText */
export async function scan(bytes: Uint8Array, width: number, rows: number, offsets: Int32Array): Promise<void> {
  const step = Math.max(1, Math.floor((scanBytes * rows) / Math.max(1, bytes.length)));
  let pos = 0;
  for (let row = 0; row < rows; row += step) {
    if (row > 0) await turn();
    pos = scanRows(bytes, pos, width, row, Math.min(rows, row + step), offsets);
  }
  expectEnd(bytes, pos);
}

/** Lets the event loop go round once. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
