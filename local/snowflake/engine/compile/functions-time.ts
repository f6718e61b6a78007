/** Dates, times, timestamps. */
import { invalidValue, unsupported } from '../errors.ts';
import * as types from '../types.ts';
import { isTimestamp, type SqlType } from '../types.ts';
import { cast, instantParts, instantSql, wallClock } from './casts.ts';
import { define, type Call } from './functions.ts';
import { huge, parseFormat } from './timestamps.ts';
import { quote, value, type Value } from './value.ts';

const NS: Record<string, bigint> = {
  NANOSECOND: 1n,
  MICROSECOND: 1000n,
  MILLISECOND: 1_000_000n,
  SECOND: 1_000_000_000n,
  MINUTE: 60_000_000_000n,
  HOUR: 3_600_000_000_000n,
  DAY: 86_400_000_000_000n,
  WEEK: 604_800_000_000_000n,
};
const MONTHS: Record<string, number> = { MONTH: 1, QUARTER: 3, YEAR: 12 };
const SYNONYMS: Record<string, string> = {};
for (const [part, names] of Object.entries({
  NANOSECOND: 'NS NSEC NANOSEC NSECOND NANOSECS NANOSECONDS',
  MICROSECOND: 'US USEC MICROSECONDS',
  MILLISECOND: 'MS MSEC MILLISECONDS',
  SECOND: 'S SEC SECONDS SECS',
  MINUTE: 'M MI MIN MINUTES MINS',
  HOUR: 'H HH HR HOURS HRS',
  DAY: 'D DD DAYS DAYOFMONTH',
  WEEK: 'W WK WEEKOFYEAR WY',
  MONTH: 'MM MON MONS MONTHS',
  QUARTER: 'Q QTR QTRS QUARTERS',
  YEAR: 'Y YY YYY YYYY YR YEARS YRS',
  DOW: 'DAYOFWEEK WEEKDAY DW',
  DOY: 'DAYOFYEAR YEARDAY DY',
  EPOCH_SECOND: 'EPOCH EPOCH_SECONDS',
  EPOCH_MILLISECOND: 'EPOCH_MILLISECONDS',
  EPOCH_MICROSECOND: 'EPOCH_MICROSECONDS',
  EPOCH_NANOSECOND: 'EPOCH_NANOSECONDS',
}))
  for (const name of [part, ...names.split(' ')]) SYNONYMS[name] = part;

function part(word: string): string {
  const known = SYNONYMS[word];
  if (!known) throw invalidValue(`[${word}] is not a valid date part`);
  return known;
}

const ltz = types.timestamp('timestamp_ltz');
const now = (c: Call, type: SqlType): Value => cast(value(huge(c.cx.now), ltz, false), type, c.cx.formats);

define('CURRENT_TIMESTAMP GETDATE SYSTIMESTAMP LOCALTIMESTAMP', 'scalar', (c) => now(c.arity(0, 1), ltz));
define('CURRENT_DATE', 'scalar', (c) => now(c.arity(0), types.DATE));
define('CURRENT_TIME LOCALTIME', 'scalar', (c) => now(c.arity(0, 1), types.time()));
define('SYSDATE', 'scalar', (c) => value(huge(c.arity(0).cx.now), types.timestamp('timestamp_ntz'), false));

function toTimestamp(kind: 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz'): (c: Call) => Value {
  return (c) => {
    const type = types.timestamp(kind);
    const v = c.arity(1, 2).arg(0);
    if (c.count === 1) return cast(v, type, c.cx.formats);
    if (v.type.kind === 'fixed') {
      const scale = c.constantInteger(1);
      if (scale < 0 || scale > 9) throw invalidValue(`[${scale}] for scale`);
      const ns = `CAST(${v.sql} * ${10 ** (9 - scale)} AS HUGEINT)`;
      return cast(value(ns, ltz, v.nullable), type, { ...c.cx.formats, zone: 'UTC' });
    }
    const format = c.constant(1);
    if (/^AUTO$/i.test(format)) return cast(v, type, c.cx.formats);
    return cast(value(parsed(c.text(0), format), types.timestamp('timestamp_ntz'), v.nullable), type, c.cx.formats);
  };
}

/** Text by an explicit format, to a wall clock; no zones, at most microseconds. */
function parsed(text: string, format: string): string {
  const pattern = parseFormat(format).map((p) => {
    if ('part' in p) return p.part;
    if ('text' in p) return p.text.replaceAll('%', '%%');
    if ('fraction' in p && p.fraction <= 6) return '%f';
    throw unsupported(`parsing by format '${format}'`);
  });
  return `sf_ns(strptime(${text}, ${quote(pattern.join(''))}))`;
}

define('TO_TIMESTAMP_NTZ TO_TIMESTAMP', 'scalar', toTimestamp('timestamp_ntz'));
define('TO_TIMESTAMP_LTZ', 'scalar', toTimestamp('timestamp_ltz'));
define('TO_TIMESTAMP_TZ', 'scalar', toTimestamp('timestamp_tz'));
define('TO_DATE DATE', 'scalar', (c) => cast(c.arity(1).arg(0), types.DATE, c.cx.formats));
define('TO_TIME TIME', 'scalar', (c) => cast(c.arity(1).arg(0), types.time(), c.cx.formats));

define('CONVERT_TIMEZONE', 'scalar', (c) => {
  c.arity(2, 3);
  const target = c.constant(c.count - 2);
  if (c.count === 3) {
    const instant = instantSql(cast(c.arg(2), types.timestamp('timestamp_ntz'), c.cx.formats), {
      ...c.cx.formats,
      zone: c.constant(0),
    });
    return value(
      target === 'UTC' ? instant : `sf_to_local(${instant}, ${quote(target)})`,
      types.timestamp('timestamp_ntz'),
    );
  }
  const source = isTimestamp(c.arg(1).type) ? c.arg(1) : cast(c.arg(1), types.timestamp('timestamp_tz'), c.cx.formats);
  const instant = instantSql(source, c.cx.formats);
  const offset = target === 'UTC' ? '0' : `sf_zone_offset(${instant}, ${quote(target)})`;
  const type = types.timestamp('timestamp_tz', source.type.scale);
  return { ...value(`sf_tz(${instant}, ${offset})`, type, source.nullable), parts: { instant, offset } };
});

/** A value moved on its own clock: instants for absolute units, the wall clock for days and months. */
function add(c: Call): Value {
  const unit = part(c.arity(3).word(0));
  let v = c.arg(2);
  if (v.type.kind === 'text') v = cast(v, types.timestamp('timestamp_ntz'), c.cx.formats);
  const n = `CAST(${c.number(1).sql} AS BIGINT)`;
  const step = NS[unit];
  if (v.type.kind === 'time') {
    if (!step || step > NS.HOUR!) throw invalidValue(`[${unit}] for TIME`);
    return value(`((${v.sql} + ${n} * ${step}) % ${NS.DAY!} + ${NS.DAY!}) % ${NS.DAY!}`, v.type, v.nullable);
  }
  const months = MONTHS[unit];
  if (!step && !months) throw invalidValue(`[${unit}] for DATEADD`);
  if (v.type.kind === 'date') {
    if (step && step < NS.DAY!) v = cast(v, types.timestamp('timestamp_ntz'), c.cx.formats);
    else if (step) return value(`(${v.sql} + CAST(${n} * ${step / NS.DAY!} AS INTEGER))`, types.DATE, v.nullable);
    else return value(`CAST(${v.sql} + to_months(CAST(${n} * ${months!} AS INTEGER)) AS DATE)`, types.DATE, v.nullable);
  }
  const shifted = (ns: string): string =>
    step
      ? `(${ns} + CAST(${n} AS HUGEINT) * ${step})`
      : `(sf_ns(sf_ts(${ns}) + to_months(CAST(${n} * ${months!} AS INTEGER))) + sf_sub(${ns}, 1000))`;
  if (v.type.kind !== 'timestamp_tz') return value(shifted(v.sql), v.type, v.nullable);
  const { instant, offset } = instantParts(v);
  return {
    ...value(`sf_tz(${shifted(instant)}, ${offset})`, v.type, v.nullable),
    parts: { instant: shifted(instant), offset },
  };
}
define('DATEADD TIMESTAMPADD TIMEADD', 'scalar', add);

define('DATEDIFF TIMESTAMPDIFF TIMEDIFF', 'scalar', (c) => {
  const unit = part(c.arity(3).word(0));
  const sides = [1, 2].map((i) => {
    const v = c.arg(i).type.kind === 'text' ? cast(c.arg(i), types.timestamp('timestamp_ntz'), c.cx.formats) : c.arg(i);
    return wallClock(v, c.cx.formats).local;
  });
  const step = NS[unit];
  const sql =
    step && unit !== 'WEEK'
      ? `CAST(sf_floor(${sides[1]}, ${step}) - sf_floor(${sides[0]}, ${step}) AS BIGINT)`
      : MONTHS[unit] || unit === 'WEEK'
        ? `date_diff('${unit.toLowerCase()}', sf_date(${sides[0]}), sf_date(${sides[1]}))`
        : null;
  if (!sql) throw invalidValue(`[${unit}] for DATEDIFF`);
  return { ...value(sql, types.fixed(18), c.arg(1).nullable || c.arg(2).nullable), integer: true };
});

define('DATE_TRUNC', 'scalar', (c) => {
  const unit = part(c.arity(2).word(0));
  let v = c.arg(1);
  if (v.type.kind === 'text') v = cast(v, types.timestamp('timestamp_ntz'), c.cx.formats);
  const step = NS[unit];
  if (v.type.kind === 'date') {
    if (step && step < NS.DAY!) throw invalidValue(`[${unit}] for DATE`);
    return value(`CAST(date_trunc('${unit.toLowerCase()}', ${v.sql}) AS DATE)`, types.DATE, v.nullable);
  }
  if (v.type.kind !== 'timestamp_ntz' && (c.cx.formats.zone !== 'UTC' || v.type.kind !== 'timestamp_ltz'))
    throw unsupported(`DATE_TRUNC of ${types.typeName(v.type)}`);
  const sql =
    step && unit !== 'WEEK'
      ? `sf_floor(${v.sql}, ${step}) * ${step}`
      : `sf_ns(CAST(date_trunc('${unit.toLowerCase()}', sf_ts(${v.sql})) AS TIMESTAMP))`;
  return value(sql, v.type, v.nullable);
});

function extract(unit: string, v: Value, c: Call): Value {
  const of = v.type.kind === 'text' ? cast(v, types.timestamp('timestamp_ntz'), c.cx.formats) : v;
  const number = (sql: string): Value => ({ ...value(sql, types.fixed(19), of.nullable), integer: true });
  if (unit.startsWith('EPOCH_')) {
    const instant = of.type.kind === 'timestamp_ntz' ? of.sql : instantSql(of, c.cx.formats);
    return number(`CAST(sf_floor(${instant}, ${NS[unit.slice(6)]!}) AS BIGINT)`);
  }
  const { local } = wallClock(of, c.cx.formats);
  if (unit === 'NANOSECOND') return number(`sf_sub(${local}, 1000000000)`);
  if (unit === 'HOUR') return number(`CAST(sf_sub(${local}, ${NS.DAY!}) // ${NS.HOUR!} AS BIGINT)`);
  if (unit === 'MINUTE') return number(`CAST(sf_sub(${local}, ${NS.HOUR!}) // ${NS.MINUTE!} AS BIGINT)`);
  if (unit === 'SECOND') return number(`CAST(sf_sub(${local}, ${NS.MINUTE!}) // ${NS.SECOND!} AS BIGINT)`);
  if (['YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'DOW', 'DOY'].includes(unit))
    return number(`date_part('${unit.toLowerCase()}', sf_date(${local}))`);
  throw invalidValue(`[${unit}] for DATE_PART`);
}
define('DATE_PART', 'scalar', (c) => extract(part(c.arity(2).word(0)), c.arg(1), c));
for (const unit of [
  'YEAR',
  'QUARTER',
  'MONTH',
  'WEEK',
  'DAY',
  'HOUR',
  'MINUTE',
  'SECOND',
  'DAYOFMONTH',
  'DAYOFWEEK',
  'DAYOFYEAR',
])
  define(unit, 'scalar', (c) => extract(part(unit), c.arity(1).arg(0), c));
define('MONTHNAME', 'scalar', (c) =>
  value(`strftime(sf_ts(${wallClock(c.arity(1).arg(0), c.cx.formats).local}), '%b')`, types.text(3)),
);
define('LAST_DAY', 'scalar', (c) =>
  value(`last_day(${cast(c.arity(1).arg(0), types.DATE, c.cx.formats).sql})`, types.DATE),
);
