/** Reading requests and writing Snowflake's envelope. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { SqlError } from '../contract.ts';

export type Json = { [name: string]: unknown };

/** An error of the service itself (sign-in, sessions), as opposed to one of a statement. */
export class ServiceError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
  }
}

/** The request's JSON body; `{}` when there is none. Gzip is accepted as the drivers use it now and then. */
export async function readJson(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  let body: Buffer = Buffer.concat(parts);
  if (request.headers['content-encoding'] === 'gzip') body = gunzipSync(body);
  return body.length === 0 ? {} : (JSON.parse(body.toString()) as Json);
}

/** Sends a body that is JSON text already, or a value. Snowflake answers 200 even for errors of a statement. */
export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(bytes);
}

export function success(data: unknown): Json {
  return { data, code: null, message: null, success: true };
}

/** The envelope of a failure. Statement errors carry the SQL state and the query id. */
export function failure(error: unknown, queryId?: string): Json {
  if (error instanceof ServiceError) {
    return { data: null, code: error.code, message: error.message, success: false };
  }
  const known = asSqlError(error);
  const data = {
    internalError: false,
    errorCode: known.code,
    age: 0,
    sqlState: known.sqlState,
    queryId: queryId ?? null,
    line: -1,
    pos: -1,
    type: known.message.startsWith('SQL compilation error') ? 'COMPILATION' : 'EXECUTION',
  };
  return { data, code: known.code, message: known.message, success: false };
}

/** Whatever was thrown as a statement's error; a defect of the stand-in becomes Snowflake's internal error. */
export function asSqlError(error: unknown): SqlError {
  if (error instanceof SqlError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SqlError('000603', 'XX000', `SQL execution internal error: ${text}`);
}

/** A text, or '' for anything else. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
