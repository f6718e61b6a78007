/** A scan's life: submitted asynchronously, found again by its query id, from any session of the same user. */
import { SnowmeltError } from '../errors.ts';
import type { ScanStatus } from '../protocol/ports/snowflake.ts';
import type { Range } from '../protocol/window.ts';
import type { ResultAnswer, Results } from './result.ts';
import { checkQueryId, pause } from './result.ts';
import type { Sessions } from './sessions.ts';
import type { Row } from './session.ts';
import { rangesStatement } from './sql/statements.ts';

const statusMs = 30_000;
/** A warehouse may have to resume, and the statement to queue. */
const rangesMs = 600_000;
/** Waits between two looks at a status. */
const looksMs = [50, 100, 200, 400, 800, 1_500, 2_000];

const failed = new Set(['FAILED_WITH_ERROR', 'FAILED_WITH_INCIDENT']);
const ended = new Set(['SUCCESS', ...failed, 'ABORTED', 'DISCONNECTED']);
/** Monitoring knows nothing of it: not yet, or not any more. */
const unknown = new Set(['NO_DATA', 'NO_QUERY_DATA']);

/**
 * Looks at a query until it has ended or `waitMs` are over. Everything that is not an end is running still: BLOCKED waits
 * for a lock, RESTARTED is Snowflake's own retry, though the SDK calls both errors.
 */
export async function scanStatus(
  sessions: Sessions,
  results: Results,
  queryId: string,
  waitMs: number,
): Promise<ScanStatus> {
  const deadline = Date.now() + waitMs;
  for (let look = 0; ; look++) {
    const status = await sessions.inSession((session) => session.status(checkQueryId(queryId), statusMs));
    // Monitoring has no error codes to rely on; the result has, and says whether there is one.
    if (ended.has(status) || unknown.has(status)) {
      const answer = statusOf(queryId, status, await results.ask(queryId));
      if (answer.state !== 'running') {
        sessions.finished(queryId);
        return answer;
      }
    }
    const left = deadline - Date.now();
    if (left <= 0) return { state: 'running' };
    await pause(Math.min(left, looksMs[Math.min(look, looksMs.length - 1)]!));
  }
}

function statusOf(queryId: string, status: string, answer: ResultAnswer): ScanStatus {
  switch (answer.state) {
    case 'done':
      return { state: 'done' };
    case 'failed':
      return answer;
    case 'gone':
      if (!failed.has(status)) return { state: 'gone' };
      // It is known, and so are its errors: what is gone is a result that it reads.
      return {
        state: 'failed',
        error: new SnowmeltError('RESULT_EXPIRED', `A result that query ${queryId} reads is gone`),
      };
    case 'running':
      if (!ended.has(status) || status === 'SUCCESS') return { state: 'running' };
      return { state: 'failed', error: new SnowmeltError('SNOWFLAKE_STATEMENT', `The query ended as ${status}`) };
  }
}

/**
 * Rows and hash per bucket, checked against the result's own total. An empty result costs no statement.
 * @throws RESULT_MALFORMED, RESULT_EXPIRED
 */
export async function scanRanges(
  sessions: Sessions,
  results: Results,
  queryId: string,
): Promise<{ totalRows: number; ranges: Range[] }> {
  const answer = await results.ask(queryId);
  if (answer.state === 'failed') throw answer.error;
  if (answer.state === 'gone')
    throw new SnowmeltError('RESULT_EXPIRED', `Snowflake no longer has the result of query ${queryId}`);
  if (answer.state === 'running') throw new SnowmeltError('SNOWFLAKE_UNREACHABLE', `Query ${queryId} is still running`);
  const { totalRows } = answer.result;
  if (totalRows === 0) return { totalRows, ranges: [] };
  const rows = await sessions.inSession((session) => session.query(rangesStatement(checkQueryId(queryId)), rangesMs));
  return { totalRows, ranges: rangesOf(rows, totalRows) };
}

/** Buckets in order, one after the other, adding up to the whole. */
export function rangesOf(rows: readonly Row[], totalRows: number): Range[] {
  let start = 0;
  let previous = -1;
  const ranges = rows.map((row): Range => {
    const partition = whole(row.B);
    const count = whole(row.N);
    if (partition <= previous) throw new SnowmeltError('RESULT_MALFORMED', 'Buckets of a result are out of order');
    previous = partition;
    const range = { partition, start, rows: count, hash: String(row.H) };
    start += count;
    return range;
  });
  if (start === totalRows) return ranges;
  throw new SnowmeltError('RESULT_MALFORMED', `Buckets of a result have ${start} rows, the result has ${totalRows}`);
}

function whole(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new SnowmeltError('RESULT_MALFORMED', 'A bucket of a result without number or count');
}
