/** One signed-in session. Its parameters are pinned before its first statement, unless that one depends on none. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import { tokenExpired } from './access.ts';
import { asSnowflakeError, executionError, loginError, SessionLost } from './errors.ts';
import type { Authenticator, Connection, Credentials, RowStatement } from './sdk.ts';
import { newConnection, sessionToken } from './sdk.ts';
import { pinStatement } from './sql/statements.ts';

export type Row = Record<string, unknown>;
/** A column of a result as the SDK shows it. */
export type ResultColumn = {
  getName(): string;
  getType(): string;
  getPrecision(): number;
  getScale(): number;
  isNullable(): boolean;
};

/** `total`: rows that there should be. */
type Executed = { rows: Row[]; total: number; queryId: string | undefined; columns: ResultColumn[] };

const loginMs = 45_000;

/** @throws SNOWFLAKE_LOGIN, SNOWFLAKE_UNREACHABLE */
export async function signIn(config: ResolvedConfig, credentials: Credentials): Promise<Session> {
  if ('identity' in credentials) return connect(config, credentials, 'WORKLOAD_IDENTITY');
  if (!('token' in credentials)) return connect(config, credentials, 'SNOWFLAKE_JWT');
  try {
    return await connect(config, credentials, 'PROGRAMMATIC_ACCESS_TOKEN');
  } catch (error) {
    // The two kinds of tokens can't be told apart by their looks.
    if (!(error instanceof SnowmeltError) || error.code !== 'SNOWFLAKE_LOGIN') throw error;
    return connect(config, credentials, 'OAUTH').catch(() => {
      throw error;
    });
  }
}

async function connect(
  config: ResolvedConfig,
  credentials: Credentials,
  authenticator: Authenticator,
): Promise<Session> {
  try {
    const connection = newConnection(config.snowflake, credentials, authenticator);
    await within(
      loginMs,
      new Promise<void>((resolve, reject) => {
        connection.connect((error) => (error ? reject(error) : resolve()));
      }),
    );
    const session = new Session(connection, `snowmelt/${config.app}`);
    if (session.token !== undefined) return session;
    throw new SnowmeltError('UNEXPECTED', 'snowflake-sdk serializes its session otherwise than expected');
  } catch (error) {
    throw error instanceof SnowmeltError ? error : loginError(asSnowflakeError(error));
  }
}

export class Session {
  /** Scans submitted here and not seen finished: the server aborts them when the session is closed. */
  readonly running = new Set<string>();
  /** Calls that work in it now. */
  users = 0;
  readonly #connection: Connection;
  readonly #tag: string;
  #pinned: Promise<unknown> | null = null;

  constructor(connection: Connection, tag: string) {
    this.#connection = connection;
    this.#tag = tag;
  }

  /** None once the session is known to be over. */
  get token(): string | undefined {
    return sessionToken(this.#connection);
  }

  /**
   * Rows of a small result; numbers as text. The SDK hands on the rows that it got, whatever their number should be.
   * @throws SessionLost, RESULT_MALFORMED and what `statementError` makes
   */
  async query(sqlText: string, waitMs: number): Promise<Row[]> {
    await this.#pin();
    return this.queryBare(sqlText, waitMs);
  }

  /** The same under whatever parameters account, user and role give the session, if none were pinned yet. */
  async queryBare(sqlText: string, waitMs: number): Promise<Row[]> {
    const options = { sqlText, fetchAsString: ['Number'] as ['Number'], parameters: { QUERY_TAG: this.#tag } };
    const { rows, total } = await this.#execute(options, waitMs);
    if (rows.length === total) return rows;
    throw new SnowmeltError('RESULT_MALFORMED', `A statement gave ${rows.length} rows of ${total}`);
  }

  /** The columns that a SELECT would give; it is compiled, not run, so no warehouse is needed. */
  async describe(sqlText: string, waitMs: number, binds: string[] = []): Promise<ResultColumn[]> {
    await this.#pin();
    const options = { sqlText, describeOnly: true, ...(binds.length > 0 && { binds }) };
    return (await this.#execute(options, waitMs)).columns;
  }

  /** The query id of a statement that now runs by itself. */
  async submit(sqlText: string, tag: string, waitMs: number, binds: string[] = []): Promise<string> {
    await this.#pin();
    const options = { sqlText, asyncExec: true, parameters: { QUERY_TAG: tag }, ...(binds.length > 0 && { binds }) };
    const { queryId } = await this.#execute(options, waitMs);
    // For a statement that met the session's end, snowflake-sdk 3.3.0 tells neither an error nor an id.
    if (queryId === undefined) throw new SessionLost('no query id');
    this.running.add(queryId);
    return queryId;
  }

  /** A status as Snowflake's monitoring names it; NO_DATA and NO_QUERY_DATA: not known (yet). */
  async status(queryId: string, waitMs: number): Promise<string> {
    for (let renewed = false; ; renewed = true) {
      try {
        return await within(waitMs, this.#connection.getQueryStatus(queryId));
      } catch (error) {
        if (error instanceof SnowmeltError) throw error;
        const raw = asSnowflakeError(error);
        // Of all the SDK's calls, this one does not renew by itself.
        if (raw.code !== tokenExpired || renewed || !(await this.renew())) throw executionError(raw);
      }
    }
  }

  /** A persisted result, to be streamed: rows as arrays, nothing downloaded yet. @throws SessionLost, RESULT_EXPIRED */
  async result(queryId: string, waitMs: number): Promise<RowStatement> {
    const fetched = new Promise<RowStatement>((resolve, reject) => {
      this.#connection.fetchResult({
        queryId,
        streamResult: true,
        rowMode: 'array',
        // What is thrown in here would be swallowed.
        complete: (error, statement) => {
          if (error) reject(executionError(asSnowflakeError(error)));
          else resolve(statement);
        },
      });
    });
    return within(waitMs, fetched);
  }

  /** A heartbeat, which makes the SDK renew a token that has expired. False: the session is over. */
  async renew(): Promise<boolean> {
    return within(30_000, this.#connection.isValidAsync());
  }

  /** Ends the session unless a scan still runs in it. Never throws. */
  async close(): Promise<void> {
    if (this.running.size > 0) return;
    const closed = new Promise<void>((resolve) => this.#connection.destroy(() => resolve()));
    await within(5_000, closed).catch(() => undefined);
  }

  async #pin(): Promise<void> {
    this.#pinned ??= this.#execute({ sqlText: pinStatement(this.#tag) }, 60_000);
    await this.#pinned;
  }

  async #execute(
    options: {
      sqlText: string;
      asyncExec?: boolean;
      describeOnly?: boolean;
      parameters?: Record<string, string>;
      binds?: string[];
      fetchAsString?: ['Number'];
    },
    waitMs: number,
  ): Promise<Executed> {
    let cancel = () => {};
    const executed = new Promise<Executed>((resolve, reject) => {
      const statement = this.#connection.execute({
        ...options,
        complete: (error, done, rows) => {
          if (error) reject(executionError(asSnowflakeError(error)));
          else {
            // A statement that runs by itself has no result to ask for a number of rows; asked, it throws, unheard.
            const total = options.asyncExec === true || options.describeOnly === true ? 0 : done.getNumRows();
            const columns = (options.describeOnly === true ? done.getColumns() : undefined) ?? [];
            resolve({ rows: (rows ?? []) as Row[], total, queryId: done.getQueryId(), columns });
          }
        },
      });
      cancel = () => statement.cancel(() => undefined);
    });
    try {
      return await within(waitMs, executed);
    } catch (error) {
      if (error instanceof SnowmeltError && error.code === 'SNOWFLAKE_UNREACHABLE') cancel();
      throw error;
    }
  }
}

/** The promise's outcome, or SNOWFLAKE_UNREACHABLE after `ms`. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SnowmeltError('SNOWFLAKE_UNREACHABLE', `No answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}
