/** Expressions to DuckDB SQL with a Snowflake type. An operator or function that is not known here is an error. */
import { bindNotSet, incompatibleTypes, invalidValue, unknownFunction, unsupported } from '../errors.ts';
import type { Expr, FunctionCall, OrderItem } from '../parse/ast.ts';
import * as types from '../types.ts';
import { typeName, type SqlType } from '../types.ts';
import { cast, coerce, commonType, instantParts, literalText, toText } from './casts.ts';
import type { CompileContext } from './context.ts';
import { Call, FUNCTIONS } from './functions.ts';
import { compileQuery, type CompiledQuery } from './query.ts';
import type { Scope } from './scope.ts';
import { value, type Value } from './value.ts';

const ARITHMETIC = new Set(['+', '-', '*', '/', '%']);

export function compileExpr(e: Expr, scope: Scope, cx: CompileContext): Value {
  switch (e.k) {
    case 'number':
      return numberLiteral(e.text);
    case 'string':
      return literalText(e.value);
    case 'boolean':
      return value(String(e.value).toUpperCase(), types.BOOLEAN, false);
    case 'null':
      return value('NULL', types.NULL);
    case 'binary':
      if (!/^([0-9a-fA-F]{2})*$/.test(e.hex)) throw invalidValue(`x'${e.hex}'`);
      return value(`unhex('${e.hex}')`, types.binary(), false);
    case 'column':
      return scope.resolve(e.name);
    case 'bind':
      return bindValue(e.index, cx);
    case 'variable': {
      const text = cx.variables.get(e.name);
      if (text === undefined) throw invalidValue(`session variable '$${e.name}' does not exist`);
      return literalText(text);
    }
    case 'cast':
      return cast(compileExpr(e.of, scope, cx), e.type, cx.formats, e.try);
    case 'unary':
      return unary(e.op, compileExpr(e.of, scope, cx), cx);
    case 'op':
      return operator(e.op, compileExpr(e.left, scope, cx), compileExpr(e.right, scope, cx), cx);
    case 'case':
      return caseOf(e, scope, cx);
    case 'in':
      return inList(e, scope, cx);
    case 'between': {
      const of = compileExpr(e.of, scope, cx);
      const low = compare('>=', of, compileExpr(e.low, scope, cx), cx);
      const high = compare('<=', of, compileExpr(e.high, scope, cx), cx);
      return value(`${e.not ? 'NOT ' : ''}(${low.sql} AND ${high.sql})`, types.BOOLEAN);
    }
    case 'like': {
      const [of, pattern] = [e.of, e.pattern].map((x) => toText(compileExpr(x, scope, cx), cx.formats));
      const escape = e.escape ? ` ESCAPE ${toText(compileExpr(e.escape, scope, cx), cx.formats)}` : '';
      return value(
        `(${of} ${e.not ? 'NOT ' : ''}${e.insensitive ? 'ILIKE' : 'LIKE'} ${pattern}${escape})`,
        types.BOOLEAN,
      );
    }
    case 'is': {
      const of = compileExpr(e.of, scope, cx);
      const subject = e.what === 'NULL' ? of : coerce(of, types.BOOLEAN, cx.formats);
      return value(`(${subject.sql} IS ${e.not ? 'NOT ' : ''}${e.what})`, types.BOOLEAN, false);
    }
    case 'distinct':
      return notDistinct(compileExpr(e.left, scope, cx), compileExpr(e.right, scope, cx), e.not, cx);
    case 'exists':
      return value(`EXISTS (${compileQuery(e.query, cx, scope).sql})`, types.BOOLEAN, false);
    case 'subquery': {
      const query = compileQuery(e.query, cx, scope);
      return { ...value(`(${query.sql})`, single(query).type), ...(single(query).integer ? { integer: true } : {}) };
    }
    case 'path':
      return path(e, scope, cx);
    case 'call':
      return cx.hoisted.get(e) ?? call(e, scope, cx);
    case 'star':
      throw unsupported('* outside of a select list or COUNT');
  }
}

function single(query: CompiledQuery): CompiledQuery['columns'][number] {
  if (query.columns.length !== 1) throw invalidValue('[subquery] with more than one column');
  return query.columns[0]!;
}

export function numberLiteral(text: string): Value {
  if (/[eE]/.test(text)) return { ...value(`CAST(${text} AS DOUBLE)`, types.REAL, false), number: text };
  const [whole = '', fraction = ''] = text.split('.');
  const digits = whole.replace(/^0+/, '');
  const precision = Math.max(1, digits.length + fraction.length);
  if (precision > 38) return { ...value(`CAST(${text} AS DOUBLE)`, types.REAL, false), number: text };
  const type = types.fixed(precision, fraction.length);
  return {
    ...value(`CAST(${text.endsWith('.') ? whole : text} AS ${types.physicalType(type)})`, type, false),
    number: text,
  };
}

export function bindValue(index: string, cx: CompileContext): Value {
  const bind = cx.bindings[index];
  if (!bind) throw bindNotSet(index);
  const kind = bind.type.toUpperCase();
  if (!['TEXT', 'FIXED', 'REAL', 'BOOLEAN', 'VARIANT', 'ANY'].includes(kind))
    throw unsupported(`bind of type ${bind.type}`);
  if (Array.isArray(bind.value)) {
    const column = value(`bulk.b${index}`, types.text());
    return kind === 'FIXED' || kind === 'REAL' || kind === 'BOOLEAN'
      ? cast(column, bindType(kind), cx.formats)
      : column;
  }
  if (bind.value === null) return value('NULL', types.NULL);
  const text = literalText(bind.value);
  if (kind === 'FIXED')
    return /^-?\d+$/.test(bind.value) ? signedLiteral(bind.value) : cast(text, types.REAL, cx.formats);
  return kind === 'REAL' || kind === 'BOOLEAN' ? cast(text, bindType(kind), cx.formats) : text;
}

const bindType = (kind: string): SqlType =>
  kind === 'FIXED' ? types.fixed() : kind === 'REAL' ? types.REAL : types.BOOLEAN;

function signedLiteral(text: string): Value {
  const number = numberLiteral(text.replace('-', ''));
  return text.startsWith('-') ? { ...number, sql: `(-${number.sql})`, number: text } : number;
}

function unary(op: string, of: Value, cx: CompileContext): Value {
  if (op === 'NOT') return value(`(NOT ${coerce(of, types.BOOLEAN, cx.formats).sql})`, types.BOOLEAN, of.nullable);
  const number = numeric(of, cx);
  const sign = op === '-' && number.number ? { number: `-${number.number}` } : {};
  const sql = number.integer ? `CAST(${number.sql} AS HUGEINT)` : number.sql;
  const integer = number.integer ? { integer: true } : {};
  return op === '-' ? { ...value(`(-${sql})`, number.type, of.nullable), ...sign, ...integer } : number;
}

/** An operand of arithmetic: text becomes a number. */
export function numeric(v: Value, cx: CompileContext): Value {
  if (v.type.kind === 'fixed' || v.type.kind === 'real') return v;
  if (v.type.kind === 'null') return cast(v, types.fixed(), cx.formats);
  if (v.type.kind === 'text') {
    const scale = v.literal === undefined ? 5 : (/\.(\d+)/.exec(v.literal)?.[1]?.length ?? 0);
    return cast(v, types.fixed(38, Math.min(scale, 37)), cx.formats);
  }
  if (v.type.kind === 'variant') return cast(v, types.REAL, cx.formats);
  throw incompatibleTypes(typeName(v.type), 'NUMBER');
}

function operator(op: string, left: Value, right: Value, cx: CompileContext): Value {
  if (op === 'AND' || op === 'OR') {
    const [a, b] = [left, right].map((v) => coerce(v, types.BOOLEAN, cx.formats).sql);
    return value(`(${a} ${op} ${b})`, types.BOOLEAN, left.nullable || right.nullable);
  }
  if (op === '||') return concat(left, right, cx);
  if (!ARITHMETIC.has(op)) return compare(op, left, right, cx);
  const temporal = dateArithmetic(op, left, right, cx);
  return temporal ?? arithmetic(op, numeric(left, cx), numeric(right, cx));
}

function concat(left: Value, right: Value, cx: CompileContext): Value {
  const nullable = left.nullable || right.nullable;
  if (left.type.kind === 'binary' && right.type.kind === 'binary')
    return value(`(${left.sql} || ${right.sql})`, left.type, nullable);
  const length = Math.min(types.MAX_TEXT, (left.type.length || 100) + (right.type.length || 100));
  return value(`(${toText(left, cx.formats)} || ${toText(right, cx.formats)})`, types.text(length), nullable);
}

/** DATE plus or minus days, DATE minus DATE. Other arithmetic on dates needs DATEADD and DATEDIFF. */
function dateArithmetic(op: string, left: Value, right: Value, cx: CompileContext): Value | null {
  const dates = [left.type.kind, right.type.kind].map((k) => k === 'date' || k.startsWith('timestamp') || k === 'time');
  if (!dates[0] && !dates[1]) return null;
  if (left.type.kind === 'date' && right.type.kind === 'date' && op === '-')
    return { ...value(`CAST(${left.sql} - ${right.sql} AS BIGINT)`, types.fixed(9)), integer: true };
  if (left.type.kind === 'date' && right.type.kind === 'fixed' && (op === '+' || op === '-'))
    return value(`(${left.sql} ${op} CAST(${numeric(right, cx).sql} AS INTEGER))`, types.DATE);
  throw incompatibleTypes(typeName(left.type), typeName(right.type));
}

function arithmetic(op: string, a: Value, b: Value): Value {
  const nullable = a.nullable || b.nullable;
  const zero = b.number !== undefined && Number(b.number) !== 0 ? null : b.sql;
  if (a.type.kind === 'real' || b.type.kind === 'real') {
    const [x, y] = [`CAST(${a.sql} AS DOUBLE)`, `CAST(${b.sql} AS DOUBLE)`];
    const sql = `(${x} ${op} ${y})`;
    return value(
      (op === '/' || op === '%') && zero ? `CASE WHEN ${y} = 0 THEN sf_zero() ELSE ${sql} END` : sql,
      types.REAL,
      nullable,
    );
  }
  if (op === '%') return modulo(a, b);
  const [s1, s2] = [a.type.scale, b.type.scale];
  const whole = [a.type.precision - s1, b.type.precision - s2] as const;
  if (op === '+' || op === '-') {
    const scale = Math.max(s1, s2);
    const type = types.fixed(Math.min(38, Math.max(...whole) + scale + 1), scale);
    const physical = types.physicalType(type);
    return value(
      `CAST(CAST(${a.sql} AS ${physical}) ${op} CAST(${b.sql} AS ${physical}) AS ${physical})`,
      type,
      nullable,
    );
  }
  if (op === '*') {
    const scale = Math.min(s1 + s2, Math.max(s1, s2, 12));
    const type = types.fixed(Math.min(38, whole[0] + whole[1] + scale), scale);
    const product = `CAST(${a.sql} AS DECIMAL(38,${s1})) * CAST(${b.sql} AS DECIMAL(38,${s2}))`;
    return value(`CAST(${product} AS ${types.physicalType(type)})`, type, nullable);
  }
  return divide(a, b, Math.max(s1, Math.min(s1 + 6, 12)));
}

const unscaled = (v: Value, scale: number): string =>
  scale === 0
    ? `CAST(${v.sql} AS HUGEINT)`
    : `CAST(CAST(${v.sql} AS DECIMAL(38,${scale})) * CAST(1${'0'.repeat(scale)} AS DECIMAL(38,0)) AS HUGEINT)`;

/** NUMBER division to `scale` digits, half rounded away from zero, in integers. */
export function divide(a: Value, b: Value, scale: number): Value {
  const up = scale + b.type.scale - a.type.scale;
  const left =
    up >= 0 ? `(${unscaled(a, a.type.scale)} * CAST('1${'0'.repeat(up)}' AS HUGEINT))` : unscaled(a, a.type.scale);
  const quotient = `sf_divide(${left}, ${unscaled(b, b.type.scale)})`;
  const type = types.fixed(38, scale);
  const sql =
    scale === 0
      ? quotient
      : `CAST(${quotient} AS DECIMAL(38,0)) * CAST('0.${'0'.repeat(scale - 1)}1' AS DECIMAL(${scale + 1},${scale}))`;
  return value(`CAST(${sql} AS DECIMAL(38,${scale}))`, type, a.nullable || b.nullable);
}

export function modulo(a: Value, b: Value): Value {
  const integers = a.integer && b.number !== undefined && b.type.scale === 0;
  const divisor = integers ? b.number! : b.sql;
  const scale = Math.max(a.type.scale, b.type.scale);
  const type = types.fixed(integers ? b.type.precision : Math.max(a.type.precision, b.type.precision), scale);
  const sql = `(${a.sql} % ${divisor})`;
  const safe =
    b.number !== undefined && Number(b.number) !== 0 ? sql : `CASE WHEN ${b.sql} = 0 THEN sf_zero() ELSE ${sql} END`;
  if (integers) return { ...value(safe, type, a.nullable), integer: true };
  return value(`CAST(${safe} AS ${types.physicalType(type)})`, type, a.nullable || b.nullable);
}

/** Both sides brought to one type; instants for TIMESTAMP_TZ. A text literal takes the other side's type. */
export function comparable(a: Value, b: Value, cx: CompileContext): [string, string] {
  const f = cx.formats;
  if (a.type.kind === 'fixed' && b.type.kind === 'fixed') return [a.sql, b.sql];
  if (a.literal !== undefined && b.type.kind === 'fixed') return [numeric(a, cx).sql, b.sql];
  if (b.literal !== undefined && a.type.kind === 'fixed') return [a.sql, numeric(b, cx).sql];
  const type = commonType([a.type, b.type]);
  const [x, y] = [coerce(a, type, f), coerce(b, type, f)];
  if (type.kind === 'timestamp_tz') return [instantParts(x).instant, instantParts(y).instant];
  return [x.sql, y.sql];
}

export function compare(op: string, a: Value, b: Value, cx: CompileContext): Value {
  const [x, y] = comparable(a, b, cx);
  return value(`(${x} ${op} ${y})`, types.BOOLEAN, a.nullable || b.nullable);
}

export function notDistinct(a: Value, b: Value, equal: boolean, cx: CompileContext): Value {
  const [x, y] = comparable(a, b, cx);
  return value(`(${x} IS ${equal ? 'NOT ' : ''}DISTINCT FROM ${y})`, types.BOOLEAN, false);
}

function caseOf(e: Extract<Expr, { k: 'case' }>, scope: Scope, cx: CompileContext): Value {
  const of = e.of ? compileExpr(e.of, scope, cx) : null;
  const whens = e.whens.map(({ when }) => {
    const w = compileExpr(when, scope, cx);
    return (of ? compare('=', of, w, cx) : coerce(w, types.BOOLEAN, cx.formats)).sql;
  });
  const thens = e.whens.map(({ then }) => compileExpr(then, scope, cx));
  const otherwise = e.otherwise ? compileExpr(e.otherwise, scope, cx) : value('NULL', types.NULL);
  return branches(whens, [...thens, otherwise], cx);
}

/** CASE over conditions; the last value is the ELSE. */
export function branches(conditions: string[], values: Value[], cx: CompileContext): Value {
  const type = commonType(values.map((v) => v.type));
  const sqls = values.map((v) => coerce(v, type, cx.formats).sql);
  const whens = conditions.map((c, i) => `WHEN ${c} THEN ${sqls[i]}`).join(' ');
  return value(
    `CASE ${whens} ELSE ${sqls[sqls.length - 1]} END`,
    type,
    values.some((v) => v.nullable),
  );
}

function inList(e: Extract<Expr, { k: 'in' }>, scope: Scope, cx: CompileContext): Value {
  const of = e.of.map((x) => compileExpr(x, scope, cx));
  const not = e.not ? 'NOT ' : '';
  if (e.query) {
    const query = compileQuery(e.query, cx, scope);
    if (query.columns.length !== of.length) throw invalidValue('[subquery] in IN');
    const alias = `s${cx.fresh()}`;
    const pairs = of.map((v, i) => {
      const column = query.columns[i]!;
      return comparable(v, { sql: `${alias}.${column.id}`, type: column.type, nullable: true }, cx);
    });
    const right = `SELECT ${pairs.map((p) => p[1]).join(', ')} FROM (${query.sql}) ${alias}`;
    const left = pairs.length === 1 ? pairs[0]![0] : `(${pairs.map((p) => p[0]).join(', ')})`;
    return value(`(${left} ${not}IN (${right}))`, types.BOOLEAN);
  }
  const rows = e.list!.map((row) => row.map((x) => compileExpr(x, scope, cx)));
  if (of.length === 1 && rows.every((r) => r[0]!.type.kind === of[0]!.type.kind && of[0]!.type.kind !== 'timestamp_tz'))
    return value(`(${of[0]!.sql} ${not}IN (${rows.map((r) => r[0]!.sql).join(', ')}))`, types.BOOLEAN);
  const tests = rows.map((row) => `(${row.map((r, i) => compare('=', of[i]!, r, cx).sql).join(' AND ')})`);
  return value(`(${not}(${tests.join(' OR ')}))`, types.BOOLEAN);
}

function path(e: Extract<Expr, { k: 'path' }>, scope: Scope, cx: CompileContext): Value {
  const of = compileExpr(e.of, scope, cx);
  if (!types.isSemi(of.type)) throw incompatibleTypes(typeName(of.type), 'VARIANT');
  return value(`sf_json_path(${of.sql}, '${jsonPath(e.steps)}')`, types.VARIANT);
}

/** Only constant steps: a path that depends on the row is refused. */
export function jsonPath(steps: (string | Expr)[]): string {
  const parts = steps.map((step) => {
    const constant = typeof step === 'string' ? step : step.k === 'string' ? step.value : null;
    if (constant !== null)
      return `."${constant.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll("'", "''")}"`;
    if (typeof step !== 'string' && step.k === 'number' && /^\d+$/.test(step.text)) return `[${step.text}]`;
    throw unsupported('path step that is not a constant');
  });
  return `$${parts.join('')}`;
}

export function orderSql(item: OrderItem, sql: string): string {
  const nullsFirst = item.nullsFirst ?? item.desc;
  return `${sql} ${item.desc ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
}

function call(e: FunctionCall, scope: Scope, cx: CompileContext): Value {
  const definition = FUNCTIONS.get(e.name);
  if (!definition) {
    const session = e.args.length === 0 ? cx.sessionValue(e.name) : undefined;
    if (session === undefined) throw unknownFunction(e.name);
    return session === null ? value(`CAST(NULL AS VARCHAR)`, types.text()) : literalText(session);
  }
  if (e.distinct && definition.kind !== 'aggregate') throw unsupported(`DISTINCT in ${e.name}`);
  if (e.withinGroup.length > 0 && e.name !== 'LISTAGG' && e.name !== 'ARRAY_AGG')
    throw unsupported(`WITHIN GROUP of ${e.name}`);
  if (e.over && definition.kind === 'scalar') throw unsupported(`OVER of ${e.name}`);
  if (!e.over && definition.kind === 'window') throw invalidValue(`[${e.name}] without OVER`);
  return definition.compile(new Call(e, scope, cx));
}

/** `OVER (...)`, or nothing. */
export function overSql(e: FunctionCall, scope: Scope, cx: CompileContext): string {
  if (!e.over) return '';
  const parts: string[] = [];
  const list = e.over.partition.map((p) => compileExpr(p, scope, cx).sql);
  if (list.length > 0) parts.push(`PARTITION BY ${list.join(', ')}`);
  const order = e.over.order.map((o) => orderSql(o, compileExpr(o.by, scope, cx).sql));
  if (order.length > 0) parts.push(`ORDER BY ${order.join(', ')}`);
  if (e.over.frame) parts.push(e.over.frame);
  return ` OVER (${parts.join(' ')})`;
}
