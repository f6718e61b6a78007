/** Text to and from dates, times and timestamps: literals here, column values in DuckDB SQL. */
import { invalidValue, unsupported } from '../errors.ts';
import { SqlError } from '../../contract.ts';
import type { SqlType } from '../types.ts';
import { quote, type Value } from './value.ts';

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
export const DAY = 1440n * MINUTE;

export type Literal = { ns: bigint; offset: number | null };

/** Nanoseconds of the wall clock that a text names, and its offset in minutes, if it has one. */
export function parseTimestamp(text: string): Literal | null {
  const m =
    /^\s*(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*$/.exec(
      text,
    );
  if (!m) return null;
  const [, y, mo, d, h = '0', mi = '0', s = '0', f = '', zone] = m;
  const date = new Date(0);
  date.setUTCFullYear(Number(y), Number(mo) - 1, Number(d));
  if (date.getUTCMonth() !== Number(mo) - 1 || date.getUTCDate() !== Number(d)) return null;
  if (Number(h) > 23 || Number(mi) > 59 || Number(s) > 59) return null;
  const seconds = BigInt(date.getTime() / 1000) + BigInt(Number(h) * 3600 + Number(mi) * 60 + Number(s));
  const ns = seconds * SECOND + BigInt(f.padEnd(9, '0'));
  if (!zone) return { ns, offset: null };
  if (zone === 'Z') return { ns, offset: 0 };
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return { ns, offset: zone.startsWith('-') ? -minutes : minutes };
}

/** Minutes that a zone is ahead of UTC at an instant. */
export function zoneOffset(ns: bigint, zone: string): number {
  if (zone === 'UTC') return 0;
  const at = new Date(Number(ns / 1_000_000n));
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(at);
    const n = (type: string): number => Number(parts.find((p) => p.type === type)!.value);
    const wall = Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second'));
    return Math.round((wall - Math.floor(at.getTime() / 1000) * 1000) / 60_000);
  } catch {
    throw invalidValue(`[${zone}] for parameter 'TIMEZONE'`);
  }
}

/** The instant of a literal: its own offset, or the session's zone. */
export function instantOf(literal: Literal, zone: string): { ns: bigint; offset: number } {
  if (literal.offset !== null) return { ns: literal.ns - BigInt(literal.offset) * MINUTE, offset: literal.offset };
  const guess = zoneOffset(literal.ns, zone);
  const offset = zoneOffset(literal.ns - BigInt(guess) * MINUTE, zone);
  return { ns: literal.ns - BigInt(offset) * MINUTE, offset };
}

export const truncateTo = (ns: bigint, scale: number): bigint => {
  const unit = 10n ** BigInt(9 - scale);
  return ns - (((ns % unit) + unit) % unit);
};

/** A text literal as a date, time or timestamp, in DuckDB SQL. Throws what Snowflake says of a text it can't read. */
export function literalCast(text: string, to: SqlType, zone: string): { sql: string; parts?: Value['parts'] } {
  const bad = (code: string, what: string): never => {
    throw new SqlError(code, '22007', `${what} '${text}' is not recognized`);
  };
  if (to.kind === 'time') {
    const m = /^\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*$/.exec(text);
    if (!m || Number(m[1]) > 23 || Number(m[2]) > 59 || Number(m[3] ?? 0) > 59) return bad('100108', 'Time');
    const seconds = BigInt(Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3] ?? 0));
    return { sql: `${truncateTo(seconds * SECOND + BigInt((m[4] ?? '').padEnd(9, '0')), to.scale)}::BIGINT` };
  }
  let parsed = parseTimestamp(text);
  if (!parsed && /^\s*\d+\s*$/.test(text)) parsed = { ns: epochByMagnitude(BigInt(text.trim())), offset: 0 };
  if (!parsed) return bad(to.kind === 'date' ? '100040' : '100035', to.kind === 'date' ? 'Date' : 'Timestamp');
  if (to.kind === 'date') {
    const days = (parsed.ns - (((parsed.ns % DAY) + DAY) % DAY)) / DAY;
    return { sql: `(DATE '1970-01-01' + ${days}::INTEGER)` };
  }
  if (to.kind === 'timestamp_ntz') return { sql: huge(truncateTo(parsed.ns, to.scale)) };
  const { ns, offset } = instantOf(parsed, zone);
  const instant = huge(truncateTo(ns, to.scale));
  if (to.kind === 'timestamp_ltz') return { sql: instant };
  return { sql: `{'i': ${instant}, 'o': ${offset}::SMALLINT}`, parts: { instant, offset: `${offset}::SMALLINT` } };
}

export const huge = (n: bigint): string => `(${n})::HUGEINT`;

/** Bare digits are seconds, milliseconds, microseconds or nanoseconds since 1970 by their size. */
export function epochByMagnitude(n: bigint): bigint {
  const size = n < 0n ? -n : n;
  if (size < 31_536_000_000n) return n * SECOND;
  if (size < 31_536_000_000_000n) return n * 1_000_000n;
  if (size < 31_536_000_000_000_000n) return n * 1000n;
  return n;
}

type Piece = { text: string } | { part: string } | { fraction: number } | { zone: 'TZH' | 'TZM' | 'TZHTZM' };

const PARTS: [string, string][] = [
  ['YYYY', '%Y'],
  ['YY', '%y'],
  ['MMMM', '%B'],
  ['MON', '%b'],
  ['MM', '%m'],
  ['DD', '%d'],
  ['DY', '%a'],
  ['HH24', '%H'],
  ['HH12', '%I'],
  ['AM', '%p'],
  ['PM', '%p'],
  ['MI', '%M'],
  ['SS', '%S'],
];

/** Snowflake's date-time format elements; letters that are none of them are refused. */
export function parseFormat(format: string): Piece[] {
  const pieces: Piece[] = [];
  const upper = format.toUpperCase();
  for (let at = 0; at < format.length;) {
    const part = PARTS.find(([name]) => upper.startsWith(name, at));
    const fraction = /^FF([0-9])?/.exec(upper.slice(at));
    if (format[at] === '"') {
      const end = format.indexOf('"', at + 1);
      if (end < 0) throw invalidValue(`[${format}] for format`);
      pieces.push({ text: format.slice(at + 1, end) });
      at = end + 1;
    } else if (part) {
      pieces.push({ part: part[1] });
      at += part[0].length;
    } else if (fraction) {
      pieces.push({ fraction: Number(fraction[1] ?? 9) });
      at += fraction[0].length;
    } else if (upper.startsWith('TZHTZM', at) || upper.startsWith('TZH', at) || upper.startsWith('TZM', at)) {
      const zone = upper.startsWith('TZHTZM', at) ? 'TZHTZM' : (upper.slice(at, at + 3) as 'TZH' | 'TZM');
      pieces.push({ zone });
      at += zone.length;
    } else if (upper.startsWith('T', at) && /^T(HH|$)/.test(upper.slice(at))) {
      pieces.push({ text: 'T' });
      at++;
    } else if (/[A-Za-z]/.test(format[at]!)) {
      throw unsupported(`format element at '${format.slice(at)}'`);
    } else {
      pieces.push({ text: format[at]! });
      at++;
    }
  }
  return pieces;
}

/**
 * A wall clock (nanoseconds) and its offset (minutes, or null) by a format. Consecutive parts share one strftime; nine
 * fraction digits are taken along, which is what the product asks for.
 */
export function formatSql(local: string, offset: string | null, format: string): string {
  const out: string[] = [];
  let fast = '';
  let plain = true;
  const flush = (): void => {
    if (fast === '') return;
    out.push(plain ? quote(fast.replaceAll('%%', '%')) : `sf_strftime(${local}, ${quote(fast)})`);
    fast = '';
    plain = true;
  };
  const pieces = parseFormat(format);
  const nanos = pieces.some((p) => 'fraction' in p && p.fraction === 9);
  for (const piece of pieces) {
    if ('text' in piece) fast += piece.text.replaceAll('%', '%%');
    else if ('part' in piece) {
      fast += piece.part;
      plain = false;
    } else if ('fraction' in piece) {
      flush();
      if (piece.fraction > 0) out.push(`sf_fraction(${local}, ${piece.fraction})`);
    } else {
      flush();
      if (offset === null) throw invalidValue(`[${format}] for format of a value without time zone`);
      out.push(...pieceSql(piece, offset));
    }
  }
  flush();
  const general = out.length === 0 ? "''" : out.join(' || ');
  return nanos ? withNanoseconds(local, pieces, general, offset) : `(${general})`;
}

/**
 * Nine digits: one strftime for 64-bit values. Its `%n` writes nine digits but goes on as if it had written six, so
 * nothing may follow it inside the format.
 */
function withNanoseconds(local: string, pieces: Piece[], general: string, offset: string | null): string {
  const at = pieces.findIndex((p) => 'fraction' in p);
  const head = pieces.slice(0, at);
  const tail = pieces.slice(at + 1);
  if (
    head.length === 0 ||
    !head.every((p) => 'text' in p || 'part' in p) ||
    tail.some((p) => 'part' in p || 'fraction' in p)
  )
    return `(${general})`;
  const format = head.map((p) => ('part' in p ? p.part : 'text' in p ? p.text.replaceAll('%', '%%') : '')).join('');
  const rest = tail.length === 0 ? '' : ` || ${tail.flatMap((p) => pieceSql(p, offset)).join(' || ')}`;
  const quick = `strftime(make_timestamp_ns(CAST(${local} AS BIGINT)), ${quote(`${format}%n`)})`;
  const slow = `strftime(sf_big_ts(${local}), ${quote(format)}) || sf_big_nanos(${local})`;
  return `(CASE WHEN sf_small(${local}) THEN ${quick} ELSE ${slow} END${rest})`;
}

function pieceSql(piece: Piece, offset: string | null): string[] {
  if ('text' in piece) return [quote(piece.text)];
  if (!('zone' in piece)) return [];
  return [
    ...(piece.zone === 'TZM' ? [] : [`sf_offset_hours(${offset})`]),
    ...(piece.zone === 'TZH' ? [] : [`sf_offset_minutes(${offset})`]),
  ];
}
