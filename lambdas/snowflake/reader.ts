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
import type { ReaderSettings } from './reading.ts';
import { Offsets, Reading, readerSettings, turn } from './reading.ts';
import type { Results } from './result.ts';
import { TextBuffer } from './unpack.ts';

/** Held as they came, zipped; only the one being read is unzipped. */
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
    const text = new TextBuffer();
    const offsets = new Offsets();
    try {
      const parts = partsWith(await reading.result(), queryId, start, end, width);
      const ahead = new Map<number, Promise<Buffer<ArrayBuffer>>>();
      for (let at = 0; at < parts.length; at++) {
        const part = parts[at]!;
        for (const next of parts.slice(at, at + 1 + chunksAhead)) {
          if (ahead.has(next.index)) continue;
          const fetched = reading.fetch(next, null);
          fetched.catch(() => undefined); // Looked at when its turn comes.
          ahead.set(next.index, fetched);
        }
        const bytes = await reading.verified(part, width, text, offsets, ahead.get(part.index)!);
        ahead.delete(part.index);
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
