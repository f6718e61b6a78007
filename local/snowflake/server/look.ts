/** What the server notes about a request, for routing, faults and the journal. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from './http.ts';
import { text } from './http.ts';
import type { Query } from './query.ts';
import { statementKind } from './sql-text.ts';
import type { SeenRequest } from './types.ts';

/** One request on its way: what the routes share. */
export type Exchange = { url: URL; body: Json; seen: SeenRequest; request: IncomingMessage; response: ServerResponse };

/** What can be said about a request before it is served. */
export function look(request: IncomingMessage, url: URL, body: Json): SeenRequest {
  const path = url.pathname;
  const [, first = '', second = '', third = ''] = path.split('/');
  const endpoints: [string, boolean][] = [
    ['login', path === '/session/v1/login-request'],
    ['renew', path === '/session/token-request'],
    ['heartbeat', path === '/session/heartbeat'],
    ['close', path === '/session' && url.searchParams.get('delete') === 'true'],
    ['telemetry', path === '/telemetry/send'],
    ['query', path === '/queries/v1/query-request'],
    ['abort', first === 'queries' && third === 'abort-request'],
    ['result', first === 'queries' && third === 'result'],
    ['monitoring', first === 'monitoring' && second === 'queries'],
    ['chunk', first === 'chunks'],
  ];
  const endpoint = endpoints.find(([, is]) => is)?.[0] ?? 'other';
  const seen: SeenRequest = {
    seq: 0,
    atMs: 0,
    method: request.method ?? 'GET',
    path,
    endpoint,
    phase: 'received',
    faults: [],
  };
  const requestId = url.searchParams.get('requestId');
  if (requestId !== null) seen.requestId = requestId;
  if (endpoint === 'monitoring') seen.queryId = third;
  if (endpoint === 'result' || endpoint === 'abort') seen.queryId = second;
  if (endpoint === 'query') {
    body.sqlText = text(body.sqlText);
    seen.sql = text(body.sqlText);
    seen.kind = statementKind(seen.sql);
  }
  return seen;
}

/** Adds what is known of a statement that a request asks about. */
export function describe(seen: SeenRequest, query: Query): void {
  Object.assign(seen, { sql: query.request.sqlText, kind: query.kind, tag: query.tag });
}
