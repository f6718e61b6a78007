/** The real snowflake-sdk, promised: what the suites that go over the wire share. */
import type { Bind, Connection, ConnectionOptions, RowStatement, StatementOption } from 'snowflake-sdk';

process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true';
process.env.SNOWFLAKE_DISABLE_MINICORE = 'true';
process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = '1';

const { default: snowflake } = await import('snowflake-sdk');
snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false, disableOCSPChecks: true });

export type Row = (string | null)[];
export type Answer = { rows: Row[]; columns: string[]; queryId: string; total: number; statement: RowStatement };
export type RunOptions = Partial<StatementOption> & { binds?: readonly Bind[] | Bind[][] };

/** Signs in; rejects with the driver's error. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const connection = snowflake.createConnection({
    application: 'snowmelt_tests',
    sfRetryMaxLoginRetries: 0,
    representNullAsStringNull: false,
    fetchAsString: ['Number', 'Date', 'Boolean', 'Buffer', 'JSON', 'OBJECT', 'ARRAY'] as never,
    ...options,
  });
  // connectAsync settles before the sign-in is answered; only the callback knows.
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()));
  });
  return connection;
}

/** Runs one statement and answers its rows as arrays of text. */
export async function run(connection: Connection, sqlText: string, options: RunOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    connection.execute({
      sqlText,
      rowMode: 'array',
      ...options,
      complete: (error, statement, rows) => {
        if (error !== undefined && error !== null) reject(error);
        else resolve(answerOf(statement, rows ?? []));
      },
    });
  });
}

/** Reads a result through streamRows. */
export async function streamed(statement: RowStatement, range: { start?: number; end?: number } = {}): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of statement.streamRows(range)) rows.push(row as Row);
  return rows;
}

/** A result by its query id, not read yet. */
export async function byId(connection: Connection, queryId: string, streamResult = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    void connection.fetchResult({
      queryId,
      rowMode: 'array',
      streamResult,
      complete: (error, statement, rows) => {
        if (error !== undefined && error !== null) reject(error);
        else resolve(answerOf(statement, rows ?? []));
      },
    });
  });
}

export async function close(connection: Connection): Promise<void> {
  await new Promise<void>((resolve) => connection.destroy(() => resolve()));
}

/** The error's code, or a failed expectation when there is none. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
  throw new Error('It was expected to fail');
}

function answerOf(statement: RowStatement, read: unknown[]): Answer {
  const rows = read as Row[];
  const queryId = statement.getQueryId();
  try {
    const columns = (statement.getColumns() ?? []).map((column) => column.getName());
    return { rows, columns, queryId, total: statement.getNumRows(), statement };
  } catch {
    // An asynchronous statement has no result yet, and the driver swallows what is thrown in `complete`.
    return { rows, columns: [], queryId, total: 0, statement };
  }
}

/** Talks to the wire without the SDK, for what the SDK hides. */
export async function raw(
  url: string,
  path: string,
  options: { token?: string; body?: unknown; method?: string } = {},
): Promise<{ code: string | null; message: string | null; success: boolean; data: Record<string, unknown> }> {
  const response = await fetch(url + path, {
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers: options.token === undefined ? {} : { authorization: `Snowflake Token="${options.token}"` },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  return (await response.json()) as Awaited<ReturnType<typeof raw>>;
}
