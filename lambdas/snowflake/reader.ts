/**
 * Reads rows of a persisted result without snowflake-sdk's row path: asks for the result by query id, downloads the
 * chunks that the range overlaps, two ahead, and hands their cells out as slices of bytes.
 *
 * A chunk's rows are delivered only after the whole chunk is here and was found right: unzipped with its checksum, valid
 * UTF-8, exactly the announced rows, each of the right width, strings and nulls only. Whatever is wrong with it, it is
 * fetched again from its start, so no row comes twice, none is left out and none comes from a broken chunk.
 */
import type { RowBatch } from '../protocol/ports.ts';
import type { HttpClient } from './http.ts';
import type { Part, ReaderSettings } from './reading.ts';
import { malformed, Offsets, Reading, readerSettings } from './reading.ts';
import type { Result, Results } from './result.ts';
import { TextBuffer } from './unpack.ts';

/** Held as they came, zipped; only the one being read is unzipped. */
const chunksAhead = 2;
const batchRows = 4096;
const batchBytes = 1024 * 1024;

export class Reader {
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
      const result = await reading.result();
      if (result.width !== width) throw malformed(queryId, `it has ${result.width} columns, not ${width}`);
      if (end > result.totalRows) throw malformed(queryId, `it has ${result.totalRows} rows, not ${end} or more`);
      const parts = partsOf(result).filter(
        (part) => part.rows > 0 && part.start < end && part.start + part.rows > start,
      );
      const ahead = new Map<number, Promise<Buffer>>();
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
        yield* batches(bytes, offsets.cells, width, part, start, end);
      }
    } finally {
      reading.stop();
    }
  }
}

/** The inline rows (index -1) and the chunks, in order. */
function partsOf(result: Result): Part[] {
  const parts: Part[] = [{ index: -1, start: 0, rows: result.inlineRows, bytes: result.inline.length }];
  let start = result.inlineRows;
  result.chunks.forEach((chunk, index) => {
    parts.push({ index, start, rows: chunk.rows, bytes: chunk.bytes });
    start += chunk.rows;
  });
  return parts;
}

/** The rows of a part that lie in [start, end), as views of its text and cells. */
function* batches(
  bytes: Uint8Array,
  cells: Int32Array,
  width: number,
  part: Part,
  start: number,
  end: number,
): Iterable<RowBatch> {
  const first = Math.max(0, start - part.start);
  const last = Math.min(part.rows, end - part.start);
  const fitting = Math.floor((batchBytes * part.rows) / Math.max(1, bytes.length));
  const step = Math.min(batchRows, Math.max(1, fitting));
  for (let row = first; row < last; row += step) {
    const rows = Math.min(step, last - row);
    yield { bytes, offsets: cells.subarray(2 * row * width, 2 * (row + rows) * width), rows, width };
  }
}
