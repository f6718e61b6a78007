/**
 * Reads rows of a persisted result without snowflake-sdk's row path: asks for the result by query id, downloads the
 * chunks that the range overlaps, two ahead, and hands their cells out as slices of bytes.
 *
 * A chunk's rows are delivered only after the whole chunk is here and was found right: unzipped with its checksum, valid
 * UTF-8, exactly the announced rows, each of the right width, strings and nulls only. Whatever is wrong with it, it is
 * fetched again from its start, so no row comes twice, none is left out and none comes from a broken chunk.
 */
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { HttpClient } from './http.ts';
import type { RowReader } from './parts.ts';
import { batches, partsWith } from './parts.ts';
import type { Part, ReaderSettings } from './reading.ts';
import { Offsets, Reading, readerSettings, turn } from './reading.ts';
import type { Results } from './result.ts';
import { TextBuffer } from './unpack.ts';

/** Beyond the one that is read: the next, which is unzipped already, and one as it came. */
const chunksAhead = 2;

export class Reader implements RowReader {
  readonly #results: Results;
  readonly #http: HttpClient;
  readonly #settings: ReaderSettings;

  constructor(results: Results, http: HttpClient, settings: ReaderSettings = readerSettings) {
    this.#results = results;
    this.#http = http;
    this.#settings = settings;
  }

  /**
   * Rows [start, end) in batches of at most 4,096 rows and about 1 MB.
   * @throws RESULT_MALFORMED, RESULT_EXPIRED, SNOWFLAKE_UNREACHABLE, SNOWFLAKE_LOGIN
   */
  async *read(queryId: string, start: number, end: number, width: number): AsyncIterable<RowBatch> {
    if (start >= end) return;
    const reading = new Reading(this.#results, this.#http, this.#settings, queryId);
    const offsets = new Offsets();
    try {
      const parts = partsWith(await reading.result(), queryId, start, end, width);
      const ahead = new Ahead(reading, parts);
      let unzipped = ahead.unzip(0);
      for (let at = 0; at < parts.length; at++) {
        const part = parts[at]!;
        const bytes = await reading.verified(part, width, ahead.textOf(at), offsets, unzipped);
        unzipped = ahead.unzip(at + 1);
        for (const batch of batches(bytes, offsets.cells, width, part, start, end)) {
          yield batch;
          // All of a chunk's batches are here at once: between them, answers of others get their turn.
          await turn();
        }
      }
    } finally {
      reading.stop();
    }
  }
}

/**
 * What is got ready while a part's rows are taken: the parts after it are downloaded, and the next one is unzipped, which
 * whoever waits for brokers has time for.
 */
class Ahead {
  readonly #reading: Reading;
  readonly #parts: Part[];
  readonly #fetched = new Map<number, Promise<Buffer<ArrayBuffer>>>();
  readonly #texts = [new TextBuffer(), new TextBuffer()];

  constructor(reading: Reading, parts: Part[]) {
    this.#reading = reading;
    this.#parts = parts;
  }

  /** Where the text of the part at that place is: not where that of its neighbours is. */
  textOf(at: number): TextBuffer {
    return this.#texts[at % 2]!;
  }

  /** The text of the part at that place; the text of the part two before it is no longer valid. */
  unzip(at: number): Promise<Buffer> {
    for (const part of this.#parts.slice(at, at + chunksAhead)) {
      if (!this.#fetched.has(part.index)) this.#fetched.set(part.index, lookedAtLater(this.#reading.fetch(part, null)));
    }
    const part = this.#parts[at];
    if (part === undefined) return Promise.resolve(Buffer.alloc(0));
    const fetched = this.#fetched.get(part.index)!;
    this.#fetched.delete(part.index);
    return lookedAtLater(this.#reading.unzip(part, this.textOf(at), fetched));
  }
}

/** A promise whose rejection is dealt with when its turn comes. */
function lookedAtLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
