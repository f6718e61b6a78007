/** Fires a schedule. A minute can be made shorter, so that an hour of schedules passes in seconds. */
import { parseExpression } from './expression.ts';

const MINUTE_MS = 60_000;
/** setTimeout takes 31 bits. */
const LONGEST_WAIT = 2 ** 31 - 1;

export type Clock = {
  /** Scheduled time that it is now; it runs `60,000 / minuteMs` times as fast as the wall clock. */
  now(): number;
  /** Wall-clock ms until that scheduled time. */
  until(scheduled: number): number;
};

export function scaledClock(minuteMs: number, start = Date.now()): Clock {
  const speed = MINUTE_MS / minuteMs;
  const now = () => start + (Date.now() - start) * speed;
  return { now, until: (scheduled) => Math.max(0, (scheduled - now()) / speed) };
}

/**
 * Calls `fire` with each scheduled time; answers a function that ends it. A rate fires at once, then each interval, as
 * Scheduler does with a new schedule.
 */
export function startTicker(
  expression: string,
  timezone: string,
  clock: Clock,
  fire: (scheduled: Date) => void,
): () => void {
  const start = new Date(clock.now());
  const parsed = parseExpression(expression, timezone, start);
  let timer: NodeJS.Timeout;
  const wait = (scheduled: Date | null) => {
    if (scheduled === null) return;
    const ms = clock.until(scheduled.getTime());
    timer = setTimeout(
      () => {
        if (ms > LONGEST_WAIT) return wait(scheduled);
        fire(scheduled);
        // Times that passed while the machine was busy are not made up for.
        wait(parsed.next(new Date(Math.max(scheduled.getTime(), clock.now()))));
      },
      Math.min(ms, LONGEST_WAIT),
    );
  };
  wait(expression.startsWith('rate') ? start : parsed.next(start));
  return () => clearTimeout(timer);
}
