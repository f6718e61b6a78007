/**
 * Reads rows of a persisted result through snowflake-sdk's `streamRows`: the fallback and the cross-check of `reader.ts`.
 *
 * The SDK counts nothing, swallows what goes wrong in a download and then waits for ever, and after an error gives wrong
 * rows when the same statement is streamed again. So each part of the result is streamed by itself, under a deadline, and
 * delivered only when all of its rows are here; whatever is wrong with it, it is streamed again from a statement fetched
 * anew, which also has fresh addresses. A part by itself is never prefetched: of a broken chunk that was, the SDK throws
 * where nobody can catch it.
 */
import type { Readable } from 'node:stream';
import { SnowmeltError } from '../errors.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { HttpClient } from './http.ts';
import type { RowReader } from './parts.ts';
import { batches, partsWith } from './parts.ts';
import type { Part } from './reading.ts';
import { malformed, Offsets, Reading, readerSettings, scan } from './reading.ts';
import type { Results } from './result.ts';
import { checkQueryId, pause } from './result.ts';
import { MalformedText } from './scanner.ts';
import type { RowStatement } from './sdk.ts';
import type { Sessions } from './sessions.ts';

export type SdkReaderSettings = {
  /** For the whole of one part. The SDK's own retries of a download take longer: another statement is faster. */
  partMs: number;
  /** Tries for one part, and the wait before the second; it doubles. */
  attempts: number;
  retryMs: number;
  /** Until the SDK has a result's description. */
  resultMs: number;
};

const sdkReaderSettings: SdkReaderSettings = { partMs: 60_000, attempts: 4, retryMs: 100, resultMs: 70_000 };

/** Rows taken from the stream before the event loop gets a turn, which the SDK does not give it. */
const rowsAtOnce = 1000;

/** A part did not come, or not whole. */
class PartFailed extends Error {
  readonly code: 'RESULT_MALFORMED' | 'SNOWFLAKE_UNREACHABLE';
  constructor(code: PartFailed['code'], message: string) {
    super(message);
    this.name = 'PartFailed';
    this.code = code;
  }
}

export class SdkReader implements RowReader {
  readonly #sessions: Sessions;
  readonly #results: Results;
  readonly #http: HttpClient;
  readonly #settings: SdkReaderSettings;

  constructor(sessions: Sessions, results: Results, http: HttpClient, settings = sdkReaderSettings) {
    this.#sessions = sessions;
    this.#results = results;
    this.#http = http;
    this.#settings = settings;
  }

  async *read(queryId: string, start: number, end: number, width: number): AsyncIterable<RowBatch> {
    if (start >= end) return;
    // The SDK keeps to itself where chunks begin; without that, rows after a short chunk would come as others.
    const described = new Reading(this.#results, this.#http, readerSettings, queryId);
    const offsets = new Offsets();
    let total: number;
    let parts: Part[];
    try {
      const result = await described.result();
      total = result.totalRows;
      parts = partsWith(result, queryId, start, end, width);
    } finally {
      described.stop();
    }
    let statement: RowStatement | null = null;
    for (const part of parts) {
      for (let attempt = 1; ; attempt++) {
        try {
          statement ??= await this.#statement(queryId, total, width);
          const bytes = await collect(statement, part, width, this.#settings.partMs);
          await scan(bytes, width, part.rows, offsets.forCells(part.rows * width));
          yield* batches(bytes, offsets.cells, width, part, start, end);
          break;
        } catch (error) {
          if (!(error instanceof PartFailed || error instanceof MalformedText)) throw error;
          statement = null; // Streamed once more it would give wrong rows.
          if (attempt >= this.#settings.attempts) throw exhausted(queryId, part, error);
          await pause(this.#settings.retryMs * 2 ** (attempt - 1));
        }
      }
    }
  }

  /**
   * Only text columns: the SDK converts all others, some with loss, and a VARIANT that is not JSON it runs as JavaScript.
   */
  async #statement(queryId: string, total: number, width: number): Promise<RowStatement> {
    const statement = await this.#sessions.inSession((session) =>
      session.result(checkQueryId(queryId), this.#settings.resultMs),
    );
    const columns = statement.getColumns() ?? [];
    const rows = statement.getNumRows();
    if (rows !== total || columns.length !== width)
      throw malformed(queryId, `the SDK has ${rows} rows of ${columns.length} columns, not ${total} of ${width}`);
    const other = columns.find((column) => column.getType() !== 'text');
    if (other !== undefined) throw malformed(queryId, `column ${other.getName()} is ${other.getType()}, not text`);
    return statement;
  }
}

/** The text of a part, as a chunk has it. @throws PartFailed */
async function collect(statement: RowStatement, part: Part, width: number, ms: number): Promise<Buffer> {
  const stream: Readable = statement.streamRows({ start: part.start, end: part.start + part.rows - 1 });
  const pieces: Buffer[] = [];
  let count = 0;
  const late = setTimeout(
    () => stream.destroy(new PartFailed('SNOWFLAKE_UNREACHABLE', `not whole after ${ms} ms`)),
    ms,
  );
  try {
    let rows: string[] = [];
    for await (const row of stream as AsyncIterable<unknown>) {
      rows.push(textOf(row, width));
      if (++count % rowsAtOnce !== 0) continue;
      pieces.push(Buffer.from(`${pieces.length > 0 ? ',' : ''}${rows.join(',')}`));
      rows = [];
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (rows.length > 0) pieces.push(Buffer.from(`${pieces.length > 0 ? ',' : ''}${rows.join(',')}`));
  } catch (error) {
    if (error instanceof PartFailed) throw error;
    // The SDK's message may hold the address of a chunk.
    throw new PartFailed('SNOWFLAKE_UNREACHABLE', (error as { code?: unknown }).code?.toString() ?? 'no rows');
  } finally {
    clearTimeout(late);
  }
  if (count === part.rows) return Buffer.concat(pieces);
  throw new PartFailed('RESULT_MALFORMED', `${count} rows came, not ${part.rows}`);
}

function textOf(row: unknown, width: number): string {
  const cells = Array.isArray(row) ? row : [];
  if (cells.length === width && cells.every((cell) => cell === null || typeof cell === 'string'))
    return JSON.stringify(cells);
  throw new PartFailed('RESULT_MALFORMED', 'a cell that is neither a string nor null');
}

function exhausted(queryId: string, part: Part, error: PartFailed | MalformedText): SnowmeltError {
  const what = `query ${queryId}, part ${part.index}: ${error.message}`;
  if (error instanceof MalformedText || error.code === 'RESULT_MALFORMED')
    return new SnowmeltError('RESULT_MALFORMED', `Result of ${what}`);
  return new SnowmeltError('SNOWFLAKE_UNREACHABLE', `Download of ${what}`);
}
