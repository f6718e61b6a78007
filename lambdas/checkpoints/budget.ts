/**
 * What the warehouse was awake for us today (UTC), in one item of the table: known without ACCOUNT_USAGE, which is hours late.
 *
 *   statements    |--- a ---|      |-- b --|
 *   awake         |--- at least a minute, and the idle time after the last ---|        counted once, whoever tells it
 *   until                                                                     ^
 *
 * `until` is up to when that was counted, so statements side by side share their seconds and telling one twice adds nothing.
 */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { Budget } from '../protocol/ports/checkpoints.ts';
import { requireAll } from './conditions.ts';
import { assign } from './expressions.ts';
import { checkVersion, number, requireNumber, requireText, text, VERSION } from './items.ts';
import { Table, type Item, type Key } from './table.ts';

const KEY: Key = { pk: 'deployment', sk: 'budget' };
/** Each resume is billed for that long at least. */
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const TRIES = 20;

type Day = { day: string; awakeMs: number; until: number };
const NOTHING: Day = { day: '', awakeMs: 0, until: 0 };

export function createBudget(config: Pick<ResolvedConfig, 'table' | 'budget'>): Budget | undefined {
  if (config.budget === undefined) return undefined;
  const table = new Table(config.table);
  const { creditsPerDay, creditsPerHour, idleMs } = config.budget;
  return {
    async spent(now) {
      const { day, awakeMs } = read(await table.get(KEY));
      return day < dayOf(now) ? 0 : ((awakeMs / HOUR_MS) * creditsPerHour) / creditsPerDay;
    },
    async used(from, to) {
      for (let tries = 0; tries < TRIES; tries++) {
        const standing = read(await table.get(KEY));
        const next = after(standing, from, to, idleMs);
        if (next === null || (await replace(table, standing, next))) return;
      }
      throw new SnowmeltError('STORE_UNREACHABLE', 'The budget was changed by others each time it was to be counted.');
    },
  };
}

/** What stands once the warehouse worked between these times; null: nothing is new. */
function after({ day, awakeMs, until }: Day, from: number, to: number, idleMs: number): Day | null {
  const end = Math.max(to, from + MINUTE_MS) + idleMs;
  const today = dayOf(to) > day ? dayOf(to) : day;
  const start = Math.max(from, until, Date.parse(today));
  if (end <= start) return null;
  return { day: today, awakeMs: (today === day ? awakeMs : 0) + end - start, until: end };
}

/**
 * Of those who saw the same day one writes the next: `until` grows with each. No state of a source: whoever counts first makes
 * the item.
 */
async function replace(table: Table, standing: Day, next: Day): Promise<boolean> {
  const attributes = {
    v: number(VERSION),
    day: text(next.day),
    awakeMs: number(next.awakeMs),
    until: number(next.until),
  };
  const condition =
    standing === NOTHING
      ? { text: 'attribute_not_exists(#pk)', values: {} }
      : requireAll({ text: '#until = :was', values: { ':was': number(standing.until) } });
  return (await table.update(KEY, assign(attributes), condition)) !== null;
}

function read(item: Item | null): Day {
  if (item === null) return NOTHING;
  checkVersion(item);
  return {
    day: requireText(item, 'day'),
    awakeMs: requireNumber(item, 'awakeMs'),
    until: requireNumber(item, 'until'),
  };
}

/** `YYYY-MM-DD`, also the time it begins. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
