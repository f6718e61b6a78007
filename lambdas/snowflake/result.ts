/** The description of a persisted result: `GET /queries/<id>/result`. No warehouse, no SQL; any session of the same user. */
import { SnowmeltError } from '../errors.ts';
import type { Access } from './access.ts';
import { isSessionOver, tokenExpired } from './access.ts';
import { isResultGone, statementError } from './errors.ts';
import type { HttpClient, Timings } from './http.ts';
import { NoAnswer } from './http.ts';
import { unpack } from './unpack.ts';

export type Chunk = { url: string; rows: number; bytes: number };

export type Result = {
  totalRows: number;
  width: number;
  /** Rows before the first chunk, as text of a chunk. */
  inline: Uint8Array;
  inlineRows: number;
  chunks: Chunk[];
  /** To be sent with each chunk's request. */
  chunkHeaders: Record<string, string>;
};

/** A finished result, or Snowflake's refusal, or neither yet. */
export type ResultAnswer =
  | { state: 'done'; result: Result }
  | { state: 'running' }
  | { state: 'failed'; error: SnowmeltError }
  | { state: 'gone' };

const attempts = 4;
const queryIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Snowflake's query ids look like UUIDs; what does not never gets into a statement or an address. */
export function checkQueryId(queryId: string): string {
  if (queryIdPattern.test(queryId)) return queryId;
  throw new SnowmeltError('UNEXPECTED', 'Not a query id');
}

export class Results {
  readonly #access: Access;
  readonly #http: HttpClient;
  readonly #timings: Timings;
  readonly #retryMs: number;

  /** `retryMs` is the wait before the second try; it doubles. */
  constructor(access: Access, http: HttpClient, timings: Timings, retryMs = 200) {
    this.#access = access;
    this.#http = http;
    this.#timings = timings;
    this.#retryMs = retryMs;
  }

  /**
   * Asks once, but renews and replaces sessions and asks again over a bad network.
   * @throws SNOWFLAKE_UNREACHABLE, SNOWFLAKE_LOGIN, RESULT_MALFORMED
   */
  async ask(queryId: string, signal?: AbortSignal): Promise<ResultAnswer> {
    const path = `/queries/${checkQueryId(queryId)}/result?disableOfflineChunks=false`;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(path, queryId, signal, attempt === attempts);
      if (answer !== null) return answer;
      await pause(this.#retryMs * 2 ** (attempt - 1));
    }
  }

  /** Aborts a running query; one that ended already is left alone. */
  async abort(queryId: string): Promise<void> {
    const path = `/queries/${checkQueryId(queryId)}/abort-request?requestId=${crypto.randomUUID()}`;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#send('POST', path, undefined, attempt === attempts);
      if (answer !== null) return;
      await pause(this.#retryMs * 2 ** (attempt - 1));
    }
  }

  /** null: to be asked again. */
  async #once(
    path: string,
    queryId: string,
    signal: AbortSignal | undefined,
    last: boolean,
  ): Promise<ResultAnswer | null> {
    const body = await this.#send('GET', path, signal, last);
    if (body === null) return null;
    if (body.success !== true) {
      const error = { code: text(body.code), message: text(body.message), data: { queryId } };
      return isResultGone(error.code) ? { state: 'gone' } : { state: 'failed', error: statementError(error) };
    }
    if (body.code === '333333' || body.code === '333334') return { state: 'running' };
    try {
      return { state: 'done', result: describe(body.data) };
    } catch (error) {
      if (!last) return null;
      throw new SnowmeltError('RESULT_MALFORMED', `Query ${queryId}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal | undefined,
    last: boolean,
  ): Promise<Body | null> {
    const token = await this.#access.token();
    try {
      const answer = await this.#http.ask(this.#access.base + path, {
        method,
        headers: {
          accept: 'application/snowflake',
          'accept-encoding': 'gzip',
          'content-type': 'application/json',
          authorization: `Snowflake Token="${token}"`,
        },
        ...(method === 'POST' ? { body: '{}' } : {}),
        timings: this.#timings,
        signal,
      });
      const body = await parse(await unpack(answer.body));
      const code = text(body?.code);
      if (code === tokenExpired) await this.#access.renew(token);
      else if (isSessionOver(code) || (answer.status === 401 && body === null)) this.#access.lose(token);
      else if (answer.status === 200 && body !== null) return body;
      if (!last) return null;
      throw new NoAnswer(`Snowflake answered ${answer.status} ${code}`);
    } catch (error) {
      if (!last && !(error instanceof SnowmeltError)) return null;
      if (error instanceof SnowmeltError) throw error;
      throw new SnowmeltError('SNOWFLAKE_UNREACHABLE', (error as Error).message, { cause: error });
    }
  }
}

type Body = { success?: unknown; code?: unknown; message?: unknown; data?: unknown };

async function parse(bytes: Buffer): Promise<Body | null> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

/** Checks that the parts add up to the whole. */
function describe(data: unknown): Result {
  const body = object(data);
  const inlineRows = list(body.rowset ?? []);
  const chunks = list(body.chunks ?? []).map((entry): Chunk => {
    const chunk = object(entry);
    return { url: text(chunk.url), rows: count(chunk.rowCount), bytes: Number(chunk.uncompressedSize ?? 0) || 0 };
  });
  const totalRows = count(body.total);
  const parts = chunks.reduce((sum, chunk) => sum + chunk.rows, inlineRows.length);
  if (parts !== totalRows) throw new Error(`its parts have ${parts} rows, not ${totalRows}`);
  return {
    totalRows,
    width: list(body.rowtype).length,
    inline: Buffer.from(inlineRows.map((row) => JSON.stringify(row)).join(',')),
    inlineRows: inlineRows.length,
    chunks,
    chunkHeaders: headersOf(body),
  };
}

/** Objects are encrypted with a key of the result's own on some clouds; it comes in one of two shapes. */
function headersOf(body: Record<string, unknown>): Record<string, string> {
  if (typeof body.chunkHeaders === 'object' && body.chunkHeaders !== null)
    return body.chunkHeaders as Record<string, string>;
  if (typeof body.qrmk !== 'string') return {};
  return {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': body.qrmk,
  };
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('its description lacks a part');
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('its description lacks a list');
}

function count(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error('its description lacks a row count');
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
