/**
 * When a source is due: `1m` and `rate(1 minute)` mean the same; `cron(...)` is EventBridge Scheduler's, six fields in UTC
 * (minutes, hours, day of month, month, day of week, year). Scheduler's smallest step is a minute, and neither it nor
 * CloudFormation's own checks refuse every expression that can never run: these functions do.
 */
import { parseDuration } from './durations.ts';

export type ParsedSchedule = { expression: string } | { error: string };

const RATE = /^rate\(\s*([0-9]+)\s+([a-z]+)\s*\)$/;
const CRON = /^cron\(\s*(.*?)\s*\)$/;
const RATE_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** The expression in its one canonical form, so that sources due alike share a schedule; else what is wrong and what to write. */
export function parseSchedule(text: string): ParsedSchedule {
  const cron = CRON.exec(text);
  if (cron !== null) return parseCron(cron[1]!);
  const rate = RATE.exec(text);
  if (rate !== null) return parseRate(Number(rate[1]), rate[2]!);
  const duration = parseDuration(text);
  if (duration !== null) return rateOf(duration, text);
  if (text.startsWith('at(')) return { error: "a source can't be due only once; write an interval such as `5m`" };
  return { error: 'not a schedule; write an interval such as `5m`, `rate(5 minutes)` or `cron(0 6 * * ? *)`' };
}

function parseRate(count: number, unit: string): ParsedSchedule {
  const ms = RATE_MS[unit.replace(/s$/, '')];
  if (ms !== undefined) return rateOf(count * ms, `rate(${count} ${unit})`);
  if (unit === 'second' || unit === 'seconds') return rateOf(count * 1000, `rate(${count} ${unit})`);
  return { error: `a rate counts minutes, hours or days, not \`${unit}\`` };
}

function rateOf(ms: number, text: string): ParsedSchedule {
  if (ms < 60_000) return { error: `\`${text}\` is impossible: the smallest interval is one minute; write \`1m\`` };
  if (ms % 60_000 !== 0) return { error: `\`${text}\` is impossible: intervals are whole minutes` };
  if (ms > 365 * 86_400_000) return { error: `\`${text}\` is longer than a year` };
  for (const unit of ['day', 'hour', 'minute']) {
    const count = ms / RATE_MS[unit]!;
    if (Number.isInteger(count)) return { expression: `rate(${count} ${unit}${count === 1 ? '' : 's'})` };
  }
  return { error: `\`${text}\` is not whole minutes` };
}

/** Milliseconds between two ticks; null for cron(...). */
export function intervalOf(expression: string): number | null {
  const rate = RATE.exec(expression);
  return rate === null ? null : Number(rate[1]) * RATE_MS[rate[2]!.replace(/s$/, '')]!;
}

type Field = { name: string; min: number; max: number; names?: string[]; special?: RegExp };

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const FIELDS: Field[] = [
  { name: 'minutes', min: 0, max: 59 },
  { name: 'hours', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31, special: /^(L|LW|([1-9]|[12][0-9]|3[01])W)$/ },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 1, max: 7, names: DAYS, special: /^(L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5]))$/ },
  { name: 'year', min: 1970, max: 2199 },
];

function parseCron(body: string): ParsedSchedule {
  const parts = body.toUpperCase().split(/\s+/);
  if (parts.length !== 6) {
    return { error: `cron takes six fields (minutes hours day month weekday year), got ${parts.length}` };
  }
  for (const [index, field] of FIELDS.entries()) {
    const dayField = index === 2 || index === 4;
    if (dayField && parts[index] === '?') continue;
    for (const item of parts[index]!.split(',')) {
      if (!validItem(item, field))
        return { error: `\`${item}\` is no ${field.name} of cron (${field.min}-${field.max})` };
    }
  }
  const [, , day, month, weekday] = parts as [string, string, string, string, string];
  if ((day === '?') === (weekday === '?')) {
    return { error: 'cron needs `?` in exactly one of day of month and day of week' };
  }
  if (neverFalls(day, month)) return { error: `day ${day} never comes in month ${month}` };
  return { expression: `cron(${parts.join(' ')})` };
}

function validItem(item: string, field: Field): boolean {
  if (field.special?.test(item)) return true;
  const [range, step, ...more] = item.split('/') as [string, ...string[]];
  if (more.length > 0) return false;
  if (step !== undefined && !(/^[1-9][0-9]{0,3}$/.test(step) && Number(step) <= field.max)) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => valueOf(end, field));
  if (ends.length > 2 || ends.includes(null)) return false;
  return ends.length === 1 || ends[0]! <= ends[1]!;
}

function valueOf(text: string, field: Field): number | null {
  const named = field.names?.indexOf(text) ?? -1;
  if (named >= 0) return named + field.min;
  if (!/^[0-9]{1,4}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : null;
}

const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Only plain days in plain months: `31` in `2,4`. Anything with ranges or steps may fall. */
function neverFalls(day: string, month: string): boolean {
  const days = day.split(',');
  const months = month.split(',').map((text) => valueOf(text, FIELDS[3]!));
  if (!days.every((text) => /^[0-9]+$/.test(text)) || months.includes(null)) return false;
  return days.every((text) => months.every((value) => Number(text) > LONGEST[value! - 1]!));
}
