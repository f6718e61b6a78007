/** EventBridge Scheduler's expressions: `rate(5 minutes)` and `cron(0/15 8-18 ? * MON-FRI *)`. */
import { Cron } from 'croner';

/** Next time strictly after a given one; null when there is none. */
export type Expression = { next(after: Date): Date | null };

const MINUTE_MS = 60_000;
const UNITS: Record<string, number> = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 24 * 60 * MINUTE_MS };

/** `start` is when the schedule was created: a rate counts from it. @throws Error for what Scheduler would refuse */
export function parseExpression(text: string, timezone: string, start: Date): Expression {
  const [, rate, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(text) ?? [];
  if (rate !== undefined && unit !== undefined && Number(rate) > 0) {
    const interval = Number(rate) * UNITS[unit]!;
    return { next: (after) => new Date(start.getTime() + (intervalsUntil(start, after, interval) + 1) * interval) };
  }
  const [, fields] = /^cron\((.+)\)$/.exec(text) ?? [];
  if (fields === undefined) throw new Error(`schedule expression ${text}: neither rate(...) nor cron(...)`);
  const cron = new Cron(toCroner(text, fields), {
    timezone,
    mode: '7-part',
    alternativeWeekdays: true,
    sloppyRanges: true, // `0/15`, as AWS writes it
    paused: true,
  });
  return { next: (after) => cron.nextRun(after) };
}

function intervalsUntil(start: Date, after: Date, interval: number): number {
  return Math.floor((after.getTime() - start.getTime()) / interval);
}

/**
 * AWS has minutes, hours, day of month, month, day of week (1 is Sunday) and year; one of the two days is `?`. Croner has
 * seconds before them, `*` for `?`, and `6#L` for AWS's `6L`.
 */
function toCroner(text: string, fields: string): string {
  const parts = fields.trim().split(/\s+/);
  const [minute, hour, day, month, weekday, year] = parts;
  if (parts.length !== 6) throw new Error(`schedule expression ${text}: six fields are needed`);
  if ((day === '?') === (weekday === '?')) {
    throw new Error(`schedule expression ${text}: exactly one of day of month and day of week must be ?`);
  }
  const days = day === '?' ? '*' : day;
  const weekdays = weekday === '?' ? '*' : weekday!.replace(/^(\w+)L$/, '$1#L');
  return ['0', minute, hour, days, month, weekdays, year].join(' ');
}
