/**
 * The Snowflake stand-in's wire: the HTTP protocol that the unmodified snowflake-sdk speaks, in front of the SQL engine.
 *
 * Kept: a requestId of a session runs once; describeOnly and refused multi-statement requests run nothing; a result
 * stays as it was for its life and only its user sees it; chunk addresses are signed, expire and take no session
 * token. Whole results are never in memory here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Engine } from '../contract.ts';
import { SqlError } from '../contract.ts';
import { serveChunk } from './chunk-route.ts';
import { ChunkAddresses, ChunkCache } from './chunks.ts';
import { control } from './control.ts';
import { Counters } from './counters.ts';
import { Faults } from './faults.ts';
import type { Json } from './http.ts';
import { failure, readJson, sendJson, ServiceError, success, text } from './http.ts';
import { Journal } from './journal.ts';
import type { Exchange } from './look.ts';
import { describe, look } from './look.ts';
import type { ServerOptions } from './options.ts';
import { settingsOf } from './options.ts';
import type { Query, QueryRequest } from './query.ts';
import { canceled, Queries } from './queries.ts';
import { answerOf, monitoringBody } from './response.ts';
import type { Session } from './sessions.ts';
import { sessionRoutes } from './session-routes.ts';
import { Sessions } from './sessions.ts';
import { Warehouses } from './warehouse.ts';

export type RunningServer = { url: string; close(): Promise<void> };

/** Serves on 127.0.0.1 until closed. The engine is closed with it. */
export async function startServer(engine: Engine, options: ServerOptions = {}): Promise<RunningServer> {
  const settings = settingsOf(options);
  const faults = new Faults();
  const counters = new Counters();
  const warehouses = new Warehouses(settings.autoSuspendSeconds, settings.accountingScale);
  const parts = {
    settings,
    engine,
    faults,
    counters,
    warehouses,
    sessions: new Sessions(engine, settings),
    queries: new Queries(engine, settings, faults, counters, warehouses),
    addresses: new ChunkAddresses(settings.chunkUrlMs),
    cache: new ChunkCache(settings.chunkCacheBytes),
    journal: new Journal(),
  };
  const { sessions, queries, addresses, journal } = parts;
  const { login, renew, authorize, end } = sessionRoutes(parts);

  async function submit(session: Session, exchange: Exchange): Promise<Json | string | null> {
    const { url, body, seen, request } = exchange;
    const requestId = seen.requestId ?? text(url.searchParams.get('request_guid'));
    if (faults.take(['cut-before'], seen) !== undefined) return cut(request);
    const query = queries.submit(session, requestId, body as QueryRequest, seen);
    seen.queryId = query.id;
    if (faults.take(['cut-after'], seen) !== undefined) return cut(request);
    if (query.request.asyncExec !== true) await queries.wait(query, leaving(exchange.response));
    return answer(query, exchange);
  }

  async function result(session: Session, id: string, exchange: Exchange): Promise<Json | string> {
    const query = queries.find(session.user.name, id);
    if (query === undefined) throw new SqlError('000709', '02000', `Statement ${id} not found`);
    describe(exchange.seen, query);
    await queries.wait(query, leaving(exchange.response));
    return answer(query, exchange);
  }

  async function answer(query: Query, { request }: Exchange): Promise<Json | string> {
    const base = `http://${request.headers.host}`;
    return answerOf(query, (index) => base + addresses.path(query.id, index));
  }

  /** Ends a statement of the user; one that has ended already is 000605. */
  function abort(query: Query | undefined): Json {
    if (query === undefined || query.endedAt !== null) {
      throw new SqlError('000605', '02000', 'Identified SQL statement is not currently executing.');
    }
    query.abort.abort(canceled());
    return success(null);
  }

  /** The answer's body, or null when the connection was ended instead. */
  async function route(exchange: Exchange): Promise<Json | string | null> {
    const { url, body, seen } = exchange;
    switch (seen.endpoint) {
      case 'login':
        return login(exchange);
      case 'renew':
        return renew(exchange);
      case 'telemetry':
        return success(null);
    }
    const session = await authorize(exchange);
    const id = seen.queryId ?? '';
    const mine = () => queries.find(session.user.name, id);
    switch (seen.endpoint) {
      case 'query':
        return submit(session, exchange);
      case 'result':
        return result(session, id, exchange);
      case 'monitoring':
        return monitoringBody(mine());
      case 'abort':
        return abort(id === 'v1' ? queries.byRequest(session, text(body.requestId)) : mine());
      case 'heartbeat':
        return success(null);
      case 'close':
        await end(session);
        return success(null);
      default:
        throw new ServiceError('000001', `Not emulated: ${seen.method} ${url.pathname}`);
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const body = request.method === 'POST' ? await readJson(request) : {};
    if (url.pathname.startsWith('/control/')) {
      try {
        sendJson(response, await control(parts, request.method ?? 'GET', url, body));
      } catch (error) {
        sendJson(response, { error: String(error) }, 400);
      }
      return;
    }

    const seen = look(request, url, body);
    counters.request(seen.endpoint);
    journal.note(seen);
    response.on('close', () => journal.note({ ...seen, phase: 'answered', status: response.statusCode }));
    if (seen.endpoint === 'chunk') {
      await serveChunk(parts, seen, url, request, response);
      return;
    }
    if (faults.take(['unavailable'], seen) !== undefined) {
      sendJson(response, { code: null, message: 'Service Unavailable', success: false }, 503);
      return;
    }
    try {
      const answered = await route({ url, body, seen, request, response });
      if (answered !== null) sendJson(response, answered);
    } catch (error) {
      const envelope = failure(error);
      seen.code = String(envelope.code);
      sendJson(response, envelope);
      if (envelope.code === '000603') console.error('Snowflake stand-in:', error);
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      console.error('Snowflake stand-in:', error);
      response.destroy();
    });
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      faults.remove();
      await queries.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await sessions.closeAll();
      await engine.close();
    },
  };
}

/** Aborts when the client's connection ends before its answer. */
function leaving(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

function cut(request: IncomingMessage): null {
  request.socket.destroy();
  return null;
}
