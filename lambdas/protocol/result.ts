/**
 * A window's result lives 24 hours in Snowflake. After that the same text is run again and must give the same totals,
 * ranges and hashes; the window keeps everything but its query id.
 */
import { SnowmeltError } from '../errors.ts';
import type { Checkpoints, Clock, Snowflake } from './ports.ts';
import type { Range, Window } from './window.ts';

/** A result that may expire while it is read counts as expired before. */
const MARGIN_MS = 30 * 60_000;
export const RESULT_LIFE_MS = 24 * 3_600_000 - MARGIN_MS;
const POLL_MS = 1_000;

type ResultPorts = { snowflake: Snowflake; checkpoints: Checkpoints; clock: Clock };

/** The query id of a result that lives long enough. @throws WINDOW_CHANGED when a new run differs. */
export async function freshResult(
  ports: ResultPorts,
  source: string,
  window: Window,
  keepLease: () => Promise<void>,
): Promise<string> {
  const age = ports.clock.now() - Date.parse(window.queriedAt);
  if (age < RESULT_LIFE_MS) return window.queryId;
  return runAgain(ports, source, window, keepLease);
}

export async function runAgain(
  ports: ResultPorts,
  source: string,
  window: Window,
  keepLease: () => Promise<void>,
): Promise<string> {
  const { snowflake, checkpoints, clock } = ports;
  const queriedAt = new Date(clock.now()).toISOString();
  const queryId = await snowflake.submit(window.statement, `${source}/${window.number}`);
  await waitForResult(ports, window, queryId, keepLease);
  const { totalRows, ranges } = await snowflake.ranges(queryId);
  if (totalRows !== window.totalRows || !sameRanges(ranges, window.ranges)) {
    throw new SnowmeltError(
      'WINDOW_CHANGED',
      `Window ${window.number} of source ${source}, read again, has other rows.`,
    );
  }
  await checkpoints.requery(source, window.number, window.queryId, queryId, queriedAt);
  return queryId;
}

/** Waits until the query has ended well. @throws SNOWFLAKE_UNREACHABLE when the invocation is too short for it. */
export async function waitForResult(
  { snowflake, clock }: Pick<ResultPorts, 'snowflake' | 'clock'>,
  window: Window,
  queryId: string,
  keepLease: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const status = await snowflake.status(queryId, Math.max(1, Math.min(POLL_MS, clock.remainingMs())));
    await keepLease();
    if (status.state === 'done') return;
    if (status.state === 'failed') throw status.error;
    if (status.state === 'gone')
      throw new SnowmeltError('RESULT_EXPIRED', `The scan of window ${window.number} vanished.`);
    if (clock.remainingMs() >= 10_000) continue;
    await snowflake.abort(queryId);
    throw new SnowmeltError(
      'SNOWFLAKE_UNREACHABLE',
      `Window ${window.number} could not be read again in this invocation.`,
    );
  }
}

export function sameRanges(a: Range[], b: Range[]): boolean {
  return (
    a.length === b.length &&
    a.every((range, i) => {
      const other = b[i]!;
      return (
        range.partition === other.partition &&
        range.start === other.start &&
        range.rows === other.rows &&
        range.hash === other.hash
      );
    })
  );
}
