/**
 * A window's result lives 24 hours in Snowflake. After that the same text is run again and must give the same totals,
 * ranges and hashes; the window keeps everything but its query id.
 *
 * The query is noted with the window, so one that outlasts an invocation is waited for by the next, and by all partitions.
 * The note saves work and decides nothing: only a result that was compared becomes the window's.
 */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock } from './ports/effects.ts';
import type { Snowflake } from './ports/snowflake.ts';
import { running, submitted, worked, type WarehousePorts } from './warehouse.ts';
import type { Range, Rerun, Window } from './window.ts';

const RESULT_LIFE_MS = 24 * 3_600_000;
/** A result that may expire while it is read is run again before. */
const MARGIN_MS = 30 * 60_000;
const POLL_MS = 1_000;
/** Nothing is waited for when less than this is left of the invocation. */
const RESERVE_MS = 10_000;

type ResultPorts = { snowflake: Snowflake; checkpoints: Checkpoints } & WarehousePorts;

/** The query id of a result that lives long enough. @throws WINDOW_CHANGED when a new run differs. */
export async function freshResult(
  ports: ResultPorts,
  source: string,
  window: Window,
  keepLease: () => Promise<void>,
): Promise<string> {
  if (livesOn(window.queriedAt, ports.clock)) return window.queryId;
  return runAgain(ports, source, window, keepLease);
}

/** @throws SNOWFLAKE_UNREACHABLE while the query still runs at the end of the invocation: a later one goes on. */
export async function runAgain(
  ports: ResultPorts,
  source: string,
  window: Window,
  keepLease: () => Promise<void>,
): Promise<string> {
  const { checkpoints, clock } = ports;
  const noted = window.rerun;
  const rerun = noted !== undefined && livesOn(noted.at, clock) ? noted : await submitAgain(ports, source, window);
  const ended = await outcome(ports, source, window, rerun, keepLease);
  const since = Date.parse(rerun.at);
  if (ended === 'running') {
    await worked(ports, source, since, false);
    throw new SnowmeltError(
      'SNOWFLAKE_UNREACHABLE',
      `Window ${window.number} is being read again as query ${rerun.queryId}; the next invocation waits for it.`,
    );
  }
  if (ended !== null) {
    // Who tries again runs it anew.
    await checkpoints.noteRerun(source, window.number, rerun, null);
    await worked(ports, source, since);
    throw ended;
  }
  // Of several who waited for it one makes it the window's.
  const mine = await checkpoints.requery(source, window.number, window.queryId, rerun.queryId, rerun.at);
  await worked(ports, source, since, mine);
  return rerun.queryId;
}

/** Another's query that was noted meanwhile is as good. */
async function submitAgain(ports: ResultPorts, source: string, window: Window): Promise<Rerun> {
  const at = new Date(ports.clock.now()).toISOString();
  const mine: Rerun = { queryId: await ports.snowflake.submit(window.statement, `${source}/${window.number}`), at };
  submitted(ports, source);
  const standing = await ports.checkpoints.noteRerun(source, window.number, window.rerun ?? null, mine);
  if (standing === null || standing.queryId === mine.queryId) return mine;
  await ports.snowflake.abort(mine.queryId);
  return standing;
}

/** Waits for the query while the invocation lasts. null: it ended, and its rows are the window's. */
export async function outcome(
  ports: Omit<ResultPorts, 'checkpoints'>,
  source: string,
  window: Window,
  rerun: Rerun,
  keepLease: () => Promise<void>,
): Promise<'running' | SnowmeltError | null> {
  const { snowflake, clock } = ports;
  const tell = running(ports, Date.parse(rerun.at));
  for (;;) {
    const status = await snowflake.status(rerun.queryId, Math.max(1, Math.min(POLL_MS, clock.remainingMs())));
    await keepLease();
    await tell();
    if (status.state === 'done') break;
    if (status.state === 'failed') return asSnowmeltError(status.error);
    if (status.state === 'gone') {
      return new SnowmeltError('SNOWFLAKE_STATEMENT', `The query ${rerun.queryId} vanished; it is submitted again.`);
    }
    if (clock.remainingMs() < RESERVE_MS) return 'running';
  }
  const { totalRows, ranges } = await snowflake.ranges(rerun.queryId);
  if (totalRows === window.totalRows && sameRanges(ranges, window.ranges)) return null;
  return new SnowmeltError(
    'WINDOW_CHANGED',
    `Window ${window.number} of source ${source}, read again, has other rows.`,
  );
}

/** Whether a result made at that time will be there for a while yet. */
export function livesOn(at: string, clock: Clock): boolean {
  return clock.now() - Date.parse(at) < RESULT_LIFE_MS - MARGIN_MS;
}

function sameRanges(a: Range[], b: Range[]): boolean {
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
