/**
 * All statements of the account: each requestId of a session runs once, each result stays for its life, and only the
 * user who ran it may ask for it.
 */
import type { Engine } from '../contract.ts';
import { SqlError } from '../contract.ts';
import type { Counters } from './counters.ts';
import { execute } from './execute.ts';
import type { Faults } from './faults.ts';
import { asSqlError } from './http.ts';
import type { Settings } from './options.ts';
import type { Query, QueryRequest } from './query.ts';
import { newChunkHeaders, newQueryId } from './query.ts';
import type { Session } from './sessions.ts';
import { statementKind } from './sql-text.ts';
import type { SeenRequest } from './types.ts';
import type { Warehouses } from './warehouse.ts';

const mostKept = 20_000;
const sweepEveryMs = 60_000;

export const canceled = () => new SqlError('000604', '57014', 'SQL execution canceled');

export class Queries {
  readonly engine: Engine;
  readonly settings: Settings;
  readonly faults: Faults;
  readonly counters: Counters;
  readonly warehouses: Warehouses;
  readonly #byId = new Map<string, Query>();
  readonly #byRequest = new Map<string, Query>();
  #sweptAt = Date.now();

  constructor(engine: Engine, settings: Settings, faults: Faults, counters: Counters, warehouses: Warehouses) {
    this.engine = engine;
    this.settings = settings;
    this.faults = faults;
    this.counters = counters;
    this.warehouses = warehouses;
  }

  get kept(): number {
    return [...this.#byId.values()].filter((query) => query.finished !== null).length;
  }

  /** Starts a statement, or answers the one that the session's requestId started already. */
  submit(session: Session, requestId: string, request: QueryRequest, seen: SeenRequest): Query {
    const key = `${session.id}/${requestId}`;
    const known = this.#byRequest.get(key);
    if (known !== undefined) {
      this.counters.add('duplicateRequests');
      return known;
    }
    const query: Query = {
      id: newQueryId(),
      requestId,
      session,
      request,
      kind: statementKind(request.sqlText),
      tag: tagOf(session, request),
      seen,
      startedAt: Date.now(),
      abort: new AbortController(),
      chunkHeaders: newChunkHeaders(),
      status: 'RUNNING',
      endedAt: null,
      finished: null,
      error: null,
      done: Promise.resolve(),
      waiters: 0,
      detached: null,
    };
    this.#byId.set(query.id, query);
    this.#byRequest.set(key, query);
    query.done = this.#run(query);
    this.#sweep();
    return query;
  }

  /** A statement of this user whose result still lives. */
  find(user: string, id: string): Query | undefined {
    const query = this.#byId.get(id.toLowerCase());
    if (query === undefined || query.session.user.name !== user) return undefined;
    if (this.#isOver(query)) {
      this.#forget(query);
      return undefined;
    }
    return query;
  }

  /** For chunk addresses, which are signed and belong to nobody. */
  get(id: string): Query | undefined {
    const query = this.#byId.get(id);
    return query === undefined || this.#isOver(query) ? undefined : query;
  }

  byRequest(session: Session, requestId: string): Query | undefined {
    return this.#byRequest.get(`${session.id}/${requestId}`);
  }

  /** Aborts what a session has running. */
  abortOf(session: Session): void {
    for (const query of this.#byId.values()) if (query.session === session) query.abort.abort(canceled());
  }

  /**
   * Waits for a statement's end up to the long-poll time, or until the client has left. While nobody waits, a
   * synchronous statement of a session with ABORT_DETACHED_QUERY is aborted after the time for that.
   */
  async wait(query: Query, left: AbortSignal): Promise<void> {
    if (query.detached !== null) clearTimeout(query.detached);
    query.detached = null;
    query.waiters++;
    await settled(query.done, this.settings.longPollMs, left);
    query.waiters--;
    const detachable = query.session.engine.parameters.get('ABORT_DETACHED_QUERY');
    if (query.endedAt !== null || query.waiters > 0 || query.request.asyncExec === true) return;
    if (String(detachable).toUpperCase() !== 'TRUE') return;
    query.detached = setTimeout(() => query.abort.abort(canceled()), this.settings.detachedMs).unref();
  }

  /** Ends every result, as if its 24 hours had passed. */
  expireResults(): void {
    for (const query of [...this.#byId.values()]) if (query.endedAt !== null) this.#forget(query);
  }

  async close(): Promise<void> {
    for (const query of this.#byId.values()) query.abort.abort(canceled());
    await Promise.all([...this.#byId.values()].map((query) => query.done));
  }

  async #run(query: Query): Promise<void> {
    try {
      query.finished = await execute(query, this);
      query.status = 'SUCCESS';
    } catch (error) {
      query.error = asSqlError(error);
      query.status = error instanceof SqlError ? 'FAILED_WITH_ERROR' : 'FAILED_WITH_INCIDENT';
      if (!(error instanceof SqlError)) console.error('Snowflake stand-in:', error);
    } finally {
      query.endedAt = Date.now();
      if (query.detached !== null) clearTimeout(query.detached);
    }
  }

  #isOver(query: Query): boolean {
    return query.endedAt !== null && query.endedAt + this.settings.resultKeepMs <= Date.now();
  }

  #forget(query: Query): void {
    this.#byId.delete(query.id);
    this.#byRequest.delete(`${query.session.id}/${query.requestId}`);
    query.finished?.result.drop().catch((error: unknown) => console.error('Snowflake stand-in:', error));
    query.finished = null;
  }

  #sweep(): void {
    const due = Date.now() - this.#sweptAt >= sweepEveryMs;
    if (!due && this.#byId.size <= mostKept) return;
    this.#sweptAt = Date.now();
    let tooMany = this.#byId.size - mostKept * 0.9;
    for (const query of [...this.#byId.values()]) {
      if (this.#isOver(query) || (tooMany-- > 0 && query.endedAt !== null)) this.#forget(query);
    }
  }
}

function tagOf(session: Session, request: QueryRequest): string {
  const tag = request.parameters?.QUERY_TAG ?? session.engine.parameters.get('QUERY_TAG');
  return tag === undefined ? '' : String(tag);
}

async function settled(done: Promise<void>, ms: number, left: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      left.removeEventListener('abort', finish);
      resolve();
    }
    left.addEventListener('abort', finish);
    if (left.aborted) finish();
    done.then(finish, finish);
  });
}
