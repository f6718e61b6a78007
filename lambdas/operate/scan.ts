/** A statement of an operator's, in the warehouse, waited for in one invocation. Nothing of it is written down but what it cost. */
import { SnowmeltError } from '../errors.ts';
import type { Clock } from '../protocol/ports/effects.ts';
import type { Snowflake } from '../protocol/ports/snowflake.ts';
import { running, submitted, worked, type WarehousePorts } from '../protocol/warehouse.ts';
import type { Range } from '../protocol/window.ts';

/** Kept back of an invocation, for the answer. */
export const RESERVE_MS = 15_000;
const POLL_MS = 5_000;

export type ScanPorts = { snowflake: Snowflake } & WarehousePorts;
export type Scanned = { queryId: string; totalRows: number; ranges: Range[] };

/** @throws what Snowflake fails with; OPERATION_REFUSED when the invocation is too short for it */
export async function scan(ports: ScanPorts, source: string, statement: string, what: string): Promise<Scanned> {
  const { snowflake, clock } = ports;
  const since = clock.now();
  const queryId = await snowflake.submit(statement, `${source}/${what}`);
  await finished(ports, source, queryId, what);
  const { totalRows, ranges } = await snowflake.ranges(queryId);
  await worked(ports, source, since);
  return { queryId, totalRows, ranges };
}

/** Waits for what was submitted just now. @throws as `scan` */
export async function finished(ports: ScanPorts, source: string, queryId: string, what: string): Promise<void> {
  const { snowflake, clock } = ports;
  const since = clock.now();
  submitted(ports, source);
  const tell = running(ports, since);
  for (;;) {
    const status = await snowflake.status(queryId, Math.min(POLL_MS, Math.max(0, left(clock))));
    if (status.state === 'done') break;
    if (status.state === 'failed') throw status.error;
    if (status.state === 'gone') throw new SnowmeltError('SNOWFLAKE_STATEMENT', `The query ${queryId} vanished.`);
    if (left(clock) <= 0) {
      await snowflake.abort(queryId);
      throw tooLong(what);
    }
    await tell();
  }
  await worked(ports, source, since);
}

/** What is left of the invocation, but for the answer. */
export function left(clock: Clock): number {
  return clock.remainingMs() - RESERVE_MS;
}

export function tooLong(what: string): SnowmeltError {
  return new SnowmeltError('OPERATION_REFUSED', `The ${what} takes longer than one invocation has.`);
}
