/** Conversions between types, explicit and implied, and the type that several values have in common. */
import { SqlError } from '../../contract.ts';
import { incompatibleTypes, invalidCast, invalidValue } from '../errors.ts';
import * as types from '../types.ts';
import { isSemi, isTimestamp, physicalType, typeName, type SqlType } from '../types.ts';
import { formatSql, huge, literalCast } from './timestamps.ts';
import { quote, textLiteral, type Value } from './value.ts';

/** The session settings that conversions depend on. */
export type Formats = {
  zone: string;
  date: string;
  time: string;
  timestampNtz: string;
  timestampLtz: string;
  timestampTz: string;
  binary: string;
};

const DAY_NS = '86400000000000';
const MINUTE_NS = '60000000000';

/** A value's wall clock in nanoseconds and, where it has one, its offset in minutes. */
export function wallClock(v: Value, f: Formats): { local: string; offset: string | null } {
  switch (v.type.kind) {
    case 'timestamp_ntz':
      return { local: v.sql, offset: null };
    case 'timestamp_ltz':
      if (f.zone === 'UTC') return { local: v.sql, offset: '0' };
      return { local: `sf_to_local(${v.sql}, ${quote(f.zone)})`, offset: `sf_zone_offset(${v.sql}, ${quote(f.zone)})` };
    case 'timestamp_tz': {
      const { instant, offset } = instantParts(v);
      const local = offset === '0' ? instant : `(${instant} + CAST(${offset} AS HUGEINT) * ${MINUTE_NS})`;
      return { local, offset };
    }
    case 'date':
      return { local: `sf_ns(CAST(${v.sql} AS TIMESTAMP))`, offset: null };
    case 'time':
      return { local: `CAST(${v.sql} AS HUGEINT)`, offset: null };
    default:
      throw invalidCast(typeName(v.type), 'TIMESTAMP');
  }
}

export const instantParts = (v: Value): { instant: string; offset: string } =>
  v.parts ?? { instant: `(${v.sql}).i`, offset: `(${v.sql}).o` };

/** The instant of a timestamp with or in a time zone; a TIMESTAMP_NTZ counts as the session's wall clock. */
export function instantSql(v: Value, f: Formats): string {
  if (v.type.kind === 'timestamp_tz') return instantParts(v).instant;
  if (v.type.kind === 'timestamp_ltz') return v.sql;
  if (f.zone === 'UTC') return wallClock(v, f).local;
  return `sf_from_local(${wallClock(v, f).local}, ${quote(f.zone)})`;
}

/** Text of a value in the session's output format. */
export function toText(v: Value, f: Formats): string {
  switch (v.type.kind) {
    case 'null':
      return 'CAST(NULL AS VARCHAR)';
    case 'text':
      return v.sql;
    case 'real':
      return `sf_real_text(${v.sql})`;
    case 'date':
      return formatSql(wallClock(v, f).local, null, f.date);
    case 'time':
      return formatSql(wallClock(v, f).local, null, f.time);
    case 'timestamp_ntz':
      return formatSql(v.sql, null, f.timestampNtz);
    case 'timestamp_ltz':
    case 'timestamp_tz': {
      const { local, offset } = wallClock(v, f);
      return formatSql(local, offset, v.type.kind === 'timestamp_tz' ? f.timestampTz : f.timestampLtz);
    }
    case 'binary':
      if (f.binary === 'BASE64') return `to_base64(${v.sql})`;
      return `hex(${v.sql})`;
    case 'variant':
    case 'object':
    case 'array':
      return `sf_json_text(${v.sql})`;
    default:
      return `CAST(${v.sql} AS VARCHAR)`;
  }
}

/** A value as JSON text, the form of VARIANT. */
export function toJson(v: Value, f: Formats): string {
  switch (v.type.kind) {
    case 'variant':
    case 'object':
    case 'array':
      return v.sql;
    case 'null':
      return 'CAST(NULL AS VARCHAR)';
    case 'fixed':
      return v.type.scale > 0 ? `rtrim(rtrim(CAST(${v.sql} AS VARCHAR), '0'), '.')` : `CAST(${v.sql} AS VARCHAR)`;
    case 'real':
      return `CASE WHEN isfinite(${v.sql}) THEN sf_real_text(${v.sql}) ELSE CAST(to_json(sf_real_text(${v.sql})) AS VARCHAR) END`;
    case 'boolean':
      return `CAST(${v.sql} AS VARCHAR)`;
    default:
      return `CAST(to_json(${toText(v, f)}) AS VARCHAR)`;
  }
}

const scaleDown = (sql: string, scale: number, huge = true): string =>
  scale === 9
    ? sql
    : `(${sql} - ${huge ? '' : 'CAST('}sf_sub(${sql}, ${10 ** (9 - scale)})${huge ? '' : ' AS BIGINT)'})`;

/** `CAST(v AS to)`, or null where that is not possible, with TRY_CAST. */
export function cast(v: Value, to: SqlType, f: Formats, attempt = false): Value {
  if (attempt) return tryCast(v, to, f);
  const done = (sql: string, parts?: Value['parts']): Value => ({
    sql,
    type: to,
    nullable: v.nullable,
    ...(parts ? { parts } : {}),
  });
  if (v.type.kind === 'null') return done(`CAST(NULL AS ${physicalType(to)})`);
  const refuse = (): never => {
    throw invalidCast(typeName(v.type), typeName(to));
  };
  if (isSemi(v.type) && !isSemi(to) && to.kind !== 'text') {
    const asText: Value = { sql: toText(v, f), type: types.text(), nullable: true };
    return v.type.kind === 'variant' ? { ...cast(asText, to, f), nullable: true } : refuse();
  }
  switch (to.kind) {
    case 'null':
      return v;
    case 'text': {
      const whole = toText(v, f);
      const shortened = to.length < types.MAX_TEXT && !(v.type.kind === 'text' && v.type.length <= to.length);
      const nullable = v.nullable || isSemi(v.type);
      return { ...done(shortened ? `left(${whole}, ${to.length})` : whole), nullable };
    }
    case 'fixed':
      return done(toFixed(v, to, refuse));
    case 'real':
      if (v.type.kind === 'boolean' || v.type.kind === 'binary' || isTimestamp(v.type)) refuse();
      return v.type.kind === 'real' ? done(v.sql) : done(`CAST(${v.sql} AS DOUBLE)`);
    case 'boolean':
      if (v.type.kind === 'boolean') return done(v.sql);
      if (v.type.kind === 'text') return done(`sf_text_boolean(${v.sql})`);
      return v.type.kind === 'fixed' || v.type.kind === 'real' ? done(`(${v.sql} <> 0)`) : refuse();
    case 'variant':
      return done(toJson(v, f));
    case 'object':
    case 'array':
      if (to.kind === v.type.kind) return done(v.sql);
      if (v.type.kind === 'variant') return done(toSemi(v.sql, to.kind));
      return to.kind === 'array' && !isSemi(v.type) ? done(`'[' || ${toJson(v, f)} || ']'`) : refuse();
    case 'binary':
      if (v.type.kind === 'binary') return done(v.sql);
      return v.type.kind === 'text' ? done(`sf_text_binary(${v.sql})`) : refuse();
    case 'file':
      return refuse();
    default:
      return toTemporal(v, to, f, refuse, done);
  }
}

function toSemi(sql: string, kind: 'object' | 'array'): string {
  const want = kind.toUpperCase();
  return `CASE WHEN ${sql} IS NULL OR json_type(${sql}) = '${want}' THEN ${sql} ELSE sf_raise('100071', '22000', 'Failed to cast variant value ' || left(${sql}, 100) || ' to ${want}') END`;
}

function toFixed(v: Value, to: SqlType, refuse: () => never): string {
  switch (v.type.kind) {
    case 'fixed':
      if (v.number !== undefined || v.type.precision !== to.precision || v.type.scale !== to.scale || v.integer)
        return `CAST(${v.sql} AS ${physicalType(to)})`;
      return v.sql;
    case 'text':
      if (v.literal !== undefined && !/^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(v.literal))
        throw new SqlError('100038', '22018', `Numeric value '${v.literal}' is not recognized`);
      return `CAST(${v.sql} AS ${physicalType(to)})`;
    case 'real':
      return `CAST(${v.sql} AS ${physicalType(to)})`;
    case 'boolean':
      return `CAST(CAST(${v.sql} AS INTEGER) AS ${physicalType(to)})`;
    default:
      return refuse();
  }
}

function toTemporal(
  v: Value,
  to: SqlType,
  f: Formats,
  refuse: () => never,
  done: (sql: string, parts?: Value['parts']) => Value,
): Value {
  if (v.literal !== undefined) {
    const folded = literalCast(v.literal, to, f.zone);
    return done(folded.sql, folded.parts);
  }
  const zone = quote(f.zone);
  if (to.kind === 'date') {
    if (v.type.kind === 'date') return done(v.sql);
    if (v.type.kind === 'text') return done(`sf_text_date(${v.sql})`);
    return isTimestamp(v.type) ? done(`sf_date(${wallClock(v, f).local})`) : refuse();
  }
  if (to.kind === 'time') {
    if (v.type.kind === 'time') return done(scaleDown(v.sql, Math.min(to.scale, v.type.scale), false));
    if (v.type.kind === 'text') return done(scaleDown(`sf_text_time(${v.sql})`, to.scale, false));
    return isTimestamp(v.type)
      ? done(scaleDown(`sf_sub(${wallClock(v, f).local}, ${DAY_NS})`, to.scale, false))
      : refuse();
  }
  const cut = (sql: string): string =>
    isTimestamp(v.type) && v.type.scale <= to.scale ? sql : scaleDown(sql, to.scale);
  if (v.type.kind === 'text') {
    if (to.kind === 'timestamp_ntz') return done(cut(`sf_text_ntz(${v.sql})`));
    if (to.kind === 'timestamp_ltz') return done(cut(`sf_text_ltz(${v.sql}, ${zone})`));
    const whole = `sf_text_tz(${v.sql}, ${zone})`;
    return done(to.scale === 9 ? whole : `sf_tz(${cut(`(${whole}).i`)}, (${whole}).o)`);
  }
  if (v.type.kind === 'fixed') {
    const ns =
      v.number !== undefined
        ? huge(BigInt(Math.trunc(Number(v.number))) * 1_000_000_000n)
        : `CAST(${v.sql} * 1000000000 AS HUGEINT)`;
    if (to.kind !== 'timestamp_tz') return done(cut(ns));
    return done(`sf_tz(${cut(ns)}, 0)`, { instant: cut(ns), offset: '0' });
  }
  if (!isTimestamp(v.type) && v.type.kind !== 'date') return refuse();
  if (to.kind === 'timestamp_ntz') return done(cut(wallClock(v, f).local));
  const instant = cut(instantSql(v, f));
  if (to.kind === 'timestamp_ltz') return done(instant);
  if (v.type.kind === 'timestamp_tz') {
    if (v.type.scale <= to.scale) return done(v.sql, v.parts);
    const offset = instantParts(v).offset;
    return done(`sf_tz(${instant}, ${offset})`, { instant, offset });
  }
  const offset = f.zone === 'UTC' ? '0' : `sf_zone_offset(${instant}, ${zone})`;
  return done(`sf_tz(${instant}, ${offset})`, { instant, offset });
}

function tryCast(v: Value, to: SqlType, f: Formats): Value {
  if (v.type.kind !== 'text') throw invalidValue(`TRY_CAST of ${typeName(v.type)}`);
  switch (to.kind) {
    case 'fixed':
    case 'real':
      return { sql: `TRY_CAST(${v.sql} AS ${physicalType(to)})`, type: to, nullable: true };
    case 'text':
      return cast(v, to, f);
    case 'null':
      return v;
    default: {
      const { sql } = cast({ sql: v.sql, type: v.type, nullable: true }, to, f);
      return { sql: `TRY(${sql})`, type: to, nullable: true };
    }
  }
}

/** An implied conversion: what an assignment, a comparison or a function argument may do by itself. */
export function coerce(v: Value, to: SqlType, f: Formats): Value {
  const from = v.type;
  if (from.kind === to.kind && (from.kind !== 'fixed' || !v.integer) && sameSize(from, to)) return v;
  const allowed =
    from.kind === 'null' ||
    from.kind === to.kind ||
    from.kind === 'text' ||
    to.kind === 'text' ||
    from.kind === 'variant' ||
    to.kind === 'variant' ||
    (isTimestamp(from) && (isTimestamp(to) || to.kind === 'date' || to.kind === 'time')) ||
    (from.kind === 'date' && isTimestamp(to)) ||
    (['fixed', 'real', 'boolean'].includes(from.kind) && ['fixed', 'real', 'boolean'].includes(to.kind));
  if (!allowed || (isSemi(to) && to.kind !== 'variant' && from.kind === 'text'))
    throw incompatibleTypes(typeName(from), typeName(to));
  return cast(v, to, f);
}

const sameSize = (a: SqlType, b: SqlType): boolean =>
  a.precision === b.precision && a.scale === b.scale && (a.kind !== 'text' || a.length <= b.length);

/** The type that CASE, COALESCE, UNION, IN and comparisons bring their values to. */
export function commonType(all: SqlType[]): SqlType {
  return all.reduce(pair, types.NULL);
}

const TIMESTAMP_RANK = ['date', 'timestamp_ntz', 'timestamp_ltz', 'timestamp_tz'];

function pair(a: SqlType, b: SqlType): SqlType {
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  if (a.kind === b.kind) {
    if (a.kind === 'fixed') {
      const scale = Math.max(a.scale, b.scale);
      const whole = Math.max(a.precision - a.scale, b.precision - b.scale);
      return types.fixed(Math.min(38, whole + scale), scale);
    }
    return { ...a, scale: Math.max(a.scale, b.scale), length: Math.max(a.length, b.length) };
  }
  if (a.kind === 'variant' || b.kind === 'variant') return types.VARIANT;
  if (a.kind === 'text') return widened(b);
  if (b.kind === 'text') return widened(a);
  const ranks = [TIMESTAMP_RANK.indexOf(a.kind), TIMESTAMP_RANK.indexOf(b.kind)] as const;
  if (ranks[0] >= 0 && ranks[1] >= 0) return ranks[0] > ranks[1] ? a : b;
  const kinds = [a.kind, b.kind];
  if (kinds.includes('real') && kinds.includes('fixed')) return types.REAL;
  if (kinds.includes('boolean') && kinds.includes('fixed')) return types.BOOLEAN;
  throw incompatibleTypes(typeName(b), typeName(a));
}

/** What text beside another type becomes: a number keeps room for digits the text may have. */
const widened = (other: SqlType): SqlType =>
  other.kind === 'fixed' ? types.fixed(38, Math.max(other.scale, 5)) : other;

export const nullOf = (type: SqlType): string => `CAST(NULL AS ${physicalType(type)})`;
export const literalText = (s: string): Value => ({
  sql: textLiteral(s),
  type: types.text(Math.max(1, s.length)),
  nullable: false,
  literal: s,
});
