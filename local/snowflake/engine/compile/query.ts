/** Queries to DuckDB SQL. Every relation gets an alias and every output a name of our own, so no Snowflake name leaks. */
import { unsupported, invalidValue, compilationError, notInValues } from '../errors.ts';
import type { Expr, From, FunctionCall, OrderItem, Query, QueryBody, Select } from '../parse/ast.ts';
import * as types from '../types.ts';
import { cast, coerce, commonType } from './casts.ts';
import type { CompileContext } from './context.ts';
import { comparable, compileExpr, orderSql } from './expressions.ts';
import { Scope, type OutColumn, type Relation } from './scope.ts';
import type { Value } from './value.ts';

export type CompiledQuery = { sql: string; columns: OutColumn[] };

/** `top`: the statement's own query, whose order is left open where it says nothing. */
export function compileQuery(query: Query, cx: CompileContext, outer: Scope | null, top = false): CompiledQuery {
  const shadowed = new Map(cx.ctes);
  for (const cte of query.ctes) {
    const compiled = compileQuery(cte.query, cx, outer);
    cx.ctes.set(cte.name, { sql: compiled.sql, columns: rename(compiled.columns, cte.columns) });
  }
  const limit = limitSql(query, cx);
  const shuffled = cx.shuffle !== null && (top || limit !== '');
  const body = compileBody(query.body, cx, outer, query.order, shuffled);
  cx.ctes.clear();
  for (const [name, cte] of shadowed) cx.ctes.set(name, cte);
  return { sql: body.sql + limit, columns: body.columns };
}

function rename(columns: OutColumn[], names: string[]): OutColumn[] {
  if (names.length === 0) return columns;
  if (names.length !== columns.length)
    throw compilationError(
      '002057',
      '42601',
      `Invalid column definition list: ${names.length} names for ${columns.length} columns.`,
    );
  return columns.map((c, i) => ({ ...c, name: names[i]! }));
}

function limitSql(query: Query, cx: CompileContext): string {
  const count = (e: Expr): string => {
    const v = compileExpr(e, new Scope([], null), cx);
    if (v.type.kind === 'null') return 'NULL';
    const text = v.number ?? v.literal;
    if (text === undefined || !/^\d+$/.test(text)) throw invalidValue('[LIMIT] that is not a constant');
    return text;
  };
  const limit = query.limit ? count(query.limit) : 'NULL';
  const offset = query.offset ? count(query.offset) : 'NULL';
  return `${limit === 'NULL' ? '' : ` LIMIT ${limit}`}${offset === 'NULL' ? '' : ` OFFSET ${offset}`}`;
}

function compileBody(
  body: QueryBody | Query,
  cx: CompileContext,
  outer: Scope | null,
  order: OrderItem[],
  shuffled: boolean,
): CompiledQuery {
  if (body.k === 'select') return compileSelect(body, cx, outer, order, shuffled);
  let inner: CompiledQuery;
  if (body.k === 'query') inner = compileQuery(body, cx, outer);
  else if (body.k === 'rows') inner = compileRows(body.rows, cx, outer);
  else inner = compileSet(body, cx, outer);
  if (order.length === 0 && !shuffled) return body.k === 'query' ? { ...inner, sql: `(${inner.sql})` } : inner;
  return reordered(inner, order, shuffled, cx);
}

/** ORDER BY over a finished relation: by output column or position only. */
function reordered(inner: CompiledQuery, order: OrderItem[], shuffled: boolean, cx: CompileContext): CompiledQuery {
  const alias = `r${cx.fresh()}`;
  const scope = new Scope([{ alias, path: [], columns: inner.columns }], null);
  const keys = order.map((o) => orderSql(o, outputColumn(o.by, inner.columns) ?? compileExpr(o.by, scope, cx).sql));
  if (shuffled) keys.push(cx.shuffle!(inner.columns));
  return { sql: `SELECT * FROM (${inner.sql}) ${alias} ORDER BY ${keys.join(', ')}`, columns: inner.columns };
}

function outputColumn(by: Expr, columns: OutColumn[]): string | null {
  if (by.k === 'number') {
    const column = columns[Number(by.text) - 1];
    if (!column || !/^\d+$/.test(by.text))
      throw compilationError('000996', '42601', `ORDER BY position ${by.text} is not in the select list`);
    return column.id;
  }
  if (by.k !== 'column' || by.name.length !== 1) return null;
  return columns.find((c) => c.name === by.name[0])?.id ?? null;
}

export function compileRows(rows: Expr[][], cx: CompileContext, outer: Scope | null): CompiledQuery {
  checkValues(rows);
  const scope = new Scope([], outer);
  const values = rows.map((row) => row.map((e) => compileExpr(e, scope, cx)));
  const width = values[0]!.length;
  if (values.some((row) => row.length !== width))
    throw compilationError('001003', '42000', 'Invalid number of values in VALUES.');
  const id = `q${cx.fresh()}`;
  const columns: OutColumn[] = Array.from({ length: width }, (_, i) => ({
    name: `COLUMN${i + 1}`,
    id: `${id}_${i}`,
    type: commonType(values.map((row) => row[i]!.type)),
    nullable: values.some((row) => row[i]!.nullable),
  }));
  const sql = values.map((row) => `(${row.map((v, i) => exact(v, columns[i]!.type, cx)).join(', ')})`).join(', ');
  return { sql: `SELECT * FROM (VALUES ${sql}) v(${columns.map((c) => c.id).join(', ')})`, columns };
}

const NOT_IN_VALUES = new Set(
  'PARSE_JSON TRY_PARSE_JSON ARRAY_CONSTRUCT OBJECT_CONSTRUCT OBJECT_CONSTRUCT_KEEP_NULL TO_VARIANT TO_OBJECT TO_ARRAY GET'.split(
    ' ',
  ),
);

/** Throws for what an account refuses in VALUES: semi-structured functions and subqueries. */
export function checkValues(node: unknown): void {
  if (Array.isArray(node)) for (const item of node) checkValues(item);
  else if (node && typeof node === 'object') {
    const e = node as Expr;
    if (e.k === 'subquery' || e.k === 'exists') throw notInValues('subquery');
    if (e.k === 'call' && NOT_IN_VALUES.has(e.name)) throw notInValues(`${e.name}(...)`);
    for (const child of Object.values(node)) checkValues(child);
  }
}

/** A value in exactly the DuckDB type of a Snowflake type. */
export const exact = (v: Value, type: types.SqlType, cx: CompileContext): string =>
  `CAST(${coerce(v, type, cx.formats).sql} AS ${types.physicalType(type)})`;

function compileSet(body: Extract<QueryBody, { k: 'set' }>, cx: CompileContext, outer: Scope | null): CompiledQuery {
  const sides = [body.left, body.right].map((b) => compileBody(b, cx, outer, [], false)) as [
    CompiledQuery,
    CompiledQuery,
  ];
  const [left, right] = sides;
  if (left.columns.length !== right.columns.length)
    throw compilationError(
      '001789',
      '42601',
      `invalid number of result columns for set operator input branches, expected ${left.columns.length}, got ${right.columns.length} in branch {2}`,
    );
  const id = `q${cx.fresh()}`;
  const columns: OutColumn[] = left.columns.map((c, i) => ({
    name: c.name,
    id: `${id}_${i}`,
    type: commonType([c.type, right.columns[i]!.type]),
    nullable: c.nullable || right.columns[i]!.nullable,
  }));
  const selects = sides.map((side, at) => {
    const alias = `r${cx.fresh()}`;
    const list = side.columns.map((c, i) => {
      const v: Value = { sql: `${alias}.${c.id}`, type: c.type, nullable: c.nullable };
      return `${exact(v, columns[i]!.type, cx)} AS ${columns[i]!.id}`;
    });
    if (cx.rowIds === true) list.push(`'${at}:' || ${alias}.__rid AS __rid`);
    return `SELECT ${list.join(', ')} FROM (${side.sql}) ${alias}`;
  });
  return { sql: `(${selects[0]}) ${body.op}${body.all ? ' ALL' : ''} (${selects[1]})`, columns };
}

const RANDOM = new Set(['RANDOM', 'UNIFORM', 'RANDSTR', 'UUID_STRING']);

export function randomCalls(node: unknown, found: FunctionCall[] = []): FunctionCall[] {
  if (Array.isArray(node)) for (const item of node) randomCalls(item, found);
  else if (node && typeof node === 'object') {
    const e = node as Expr | Query;
    if (e.k === 'query') return found;
    if (e.k === 'call' && RANDOM.has(e.name)) found.push(e);
    else for (const child of Object.values(node)) randomCalls(child, found);
  }
  return found;
}

/** Random functions are computed once per row, below everything that may use a value more than once. */
function hoistRandom(
  select: Select,
  from: CompiledFrom | null,
  cx: CompileContext,
  outer: Scope | null,
): CompiledFrom | null {
  const calls = randomCalls([select.items, select.where, select.having, select.qualify]);
  if (calls.length === 0) return from;
  const alias = `r${cx.fresh()}`;
  const below = new Scope(from?.relations ?? [], outer);
  const list = calls.map((c) => {
    const { sql, ...rest } = compileExpr(c, below, cx);
    const id = `v${cx.fresh()}`;
    cx.hoisted.set(c, { ...rest, sql: `${alias}.${id}` });
    return `${sql} AS ${id}`;
  });
  const lift = (sql: string): string => {
    const id = `h${cx.fresh()}`;
    list.push(`${sql} AS ${id}`);
    return id;
  };
  const relations = (from?.relations ?? []).map((r) => ({
    ...r,
    alias,
    columns: r.columns.map((c) => ({ ...c, id: lift(`${r.alias}.${c.id}`) })),
    ...(r.sequence ? { sequence: lift(`${r.alias}.${r.sequence}`) } : {}),
  }));
  const merged = new Map(
    [...(from?.merged ?? [])].map(([name, v]) => [name, { ...v, sql: `${alias}.${lift(v.sql)}` }]),
  );
  return { sql: `(SELECT ${list.join(', ')}${from ? ` FROM ${from.sql}` : ''}) ${alias}`, relations, merged };
}

type Item = { name: string; compiled: () => Value; expr: Expr | null };

function compileSelect(
  select: Select,
  cx: CompileContext,
  outer: Scope | null,
  order: OrderItem[],
  shuffled: boolean,
): CompiledQuery {
  const from = hoistRandom(select, select.from ? compileFrom(select.from, cx, outer) : null, cx, outer);
  const scope = new Scope(from?.relations ?? [], outer);
  for (const [name, merged] of from?.merged ?? []) scope.merged.set(name, merged);
  const items = expandItems(select, scope, cx);
  const id = `q${cx.fresh()}`;
  const values = items.map((item) => item.compiled());
  const columns: OutColumn[] = values.map((v, i) => ({
    name: items[i]!.name,
    id: `${id}_${i}`,
    type: v.type,
    nullable: v.nullable,
    ...(v.integer ? { integer: true } : {}),
  }));
  const list = values.map((v, i) => `${v.type.kind === 'null' ? 'CAST(NULL AS VARCHAR)' : v.sql} AS ${columns[i]!.id}`);
  if (cx.rowIds === true) list.push(`${from!.relations.map((r) => `${r.alias}.__rid`).join(` || '/' || `)} AS __rid`);
  let sql = `SELECT ${select.distinct ? 'DISTINCT ' : ''}${list.join(', ')}`;
  if (from) sql += ` FROM ${from.sql}`;
  const condition = (e: Expr): string => coerce(compileExpr(e, scope, cx), types.BOOLEAN, cx.formats).sql;
  if (select.where) sql += ` WHERE ${condition(select.where)}`;
  if (select.groupBy === 'ALL') sql += ' GROUP BY ALL';
  else if (select.groupBy.length > 0)
    sql += ` GROUP BY ${select.groupBy.map((g) => groupKey(g, values, scope, cx)).join(', ')}`;
  if (select.having) sql += ` HAVING ${condition(select.having)}`;
  if (select.qualify) sql += ` QUALIFY ${condition(select.qualify)}`;
  if (select.distinct && (shuffled || order.length > 0)) return reordered({ sql, columns }, order, shuffled, cx);
  scope.aliasesFirst = true;
  const keys = order.map((o) => orderSql(o, outputColumn(o.by, columns) ?? compileExpr(o.by, scope, cx).sql));
  if (shuffled && select.from) keys.push(cx.shuffle!(columns));
  if (keys.length > 0) sql += ` ORDER BY ${keys.join(', ')}`;
  return { sql, columns };
}

function expandItems(select: Select, scope: Scope, cx: CompileContext): Item[] {
  const items: Item[] = [];
  for (const item of select.items) {
    if (item.expr.k === 'star') {
      const { qualifier, exclude } = item.expr;
      for (const column of scope.star(qualifier))
        if (!exclude.includes(column.name)) items.push({ name: column.name, compiled: () => column.value, expr: null });
      continue;
    }
    const { expr } = item;
    const name = item.alias ?? (expr.k === 'column' ? expr.name[expr.name.length - 1]! : item.text.toUpperCase());
    let done: Value | null = null;
    let busy = false;
    const compiled = (): Value => {
      if (done) return done;
      if (busy) return scope.resolve([]);
      busy = true;
      done = compileExpr(expr, scope, cx);
      busy = false;
      return done;
    };
    items.push({ name, compiled, expr });
    if (item.alias !== null && !scope.aliases.has(name)) scope.aliases.set(name, compiled);
  }
  return items;
}

function groupKey(e: Expr, values: Value[], scope: Scope, cx: CompileContext): string {
  if (e.k === 'number') {
    const at = Number(e.text) - 1;
    if (!values[at]) throw compilationError('000979', '42601', `[${e.text}] is not a valid group by expression`);
    return values[at].sql;
  }
  return compileExpr(e, scope, cx).sql;
}

type CompiledFrom = { sql: string; relations: Relation[]; merged: Map<string, Value> };

export function compileFrom(from: From, cx: CompileContext, outer: Scope | null): CompiledFrom {
  if (from.k === 'join') return compileJoin(from, cx, outer);
  const alias = `r${cx.fresh()}`;
  const relation = compileItem(from, alias, cx, outer);
  return { sql: relation.sql, relations: [relation.relation], merged: new Map() };
}

function compileItem(
  from: Exclude<From, { k: 'join' }>,
  alias: string,
  cx: CompileContext,
  outer: Scope | null,
): { sql: string; relation: Relation } {
  const derived = (
    q: { sql: string; columns: OutColumn[] },
    path: string[],
    names: string[],
  ): { sql: string; relation: Relation } => ({
    sql: `(${q.sql}) ${alias}`,
    relation: { alias, path, columns: rename(q.columns, names) },
  });
  const own = from.alias === null ? [] : [from.alias];
  switch (from.k) {
    case 'table': {
      const cte = from.name.length === 1 ? cx.ctes.get(from.name[0]!) : undefined;
      if (cte) {
        if (from.at || from.changes) throw unsupported('time travel of a CTE');
        return derived(cte, from.alias === null ? from.name : own, from.columns);
      }
      cx.touchesData = true;
      const source = cx.table(from);
      return derived(source, from.alias === null ? source.path : own, from.columns);
    }
    case 'derived':
      return derived(compileQuery(from.query, cx, outer), own, from.columns);
    case 'values':
      return derived(compileRows(from.rows, cx, outer), own, from.columns);
    case 'resultScan':
      cx.touchesData = true;
      return derived(cx.result(constantText(from.id, cx)), own, from.columns);
    case 'flatten': {
      cx.touchesData = true;
      const input = compileExpr(from.input, new Scope([], null), cx);
      if (!types.isSemi(input.type)) throw invalidValue('[INPUT] of FLATTEN');
      const id = `q${cx.fresh()}`;
      // Of an array alone, and of what an account gives beside it nothing.
      const each = `SELECT CAST(unnest(json_extract(${input.sql}, '$[*]')) AS VARCHAR) AS ${id}`;
      return derived({ sql: each, columns: [{ name: 'VALUE', id, type: types.VARIANT, nullable: true }] }, own, []);
    }
    case 'generator': {
      cx.touchesData = true;
      const rows = from.rows ? compileExpr(from.rows, new Scope([], null), cx) : null;
      const count = rows?.number ?? rows?.literal;
      if (count === undefined || !/^\d+$/.test(count)) throw invalidValue('[ROWCOUNT] of GENERATOR');
      return { sql: `range(${count}) ${alias}(n)`, relation: { alias, path: own, columns: [], sequence: 'n' } };
    }
  }
}

/** The argument of RESULT_SCAN: a literal, a bind, a variable, or LAST_QUERY_ID(). */
function constantText(e: Expr, cx: CompileContext): string {
  if (e.k === 'call' && e.name === 'LAST_QUERY_ID' && e.args.length <= 1) {
    const back = e.args[0] ? compileExpr(e.args[0], new Scope([], null), cx).number : '-1';
    const id = cx.lastQueryId(Number(back));
    if (id !== null) return id;
  } else {
    const { literal } = compileExpr(e, new Scope([], null), cx);
    if (literal !== undefined) return literal;
  }
  throw invalidValue('[RESULT_SCAN] without a query id');
}

function compileJoin(from: Extract<From, { k: 'join' }>, cx: CompileContext, outer: Scope | null): CompiledFrom {
  const left = compileFrom(from.left, cx, outer);
  const right = compileFrom(from.right, cx, outer);
  const relations = [...left.relations, ...right.relations];
  const merged = new Map([...left.merged, ...right.merged]);
  if (from.how === 'CROSS') return { sql: `${left.sql} CROSS JOIN ${right.sql}`, relations, merged };
  let on: string;
  if (from.on) on = coerce(compileExpr(from.on, new Scope(relations, outer), cx), types.BOOLEAN, cx.formats).sql;
  else {
    const scopes = [left, right].map((side) => {
      const scope = new Scope(side.relations, null);
      for (const [name, v] of side.merged) scope.merged.set(name, v);
      return scope;
    }) as [Scope, Scope];
    const tests = from.using.map((name) => {
      const [a, b] = [scopes[0].resolve([name]), scopes[1].resolve([name])];
      const type = commonType([a.type, b.type]);
      const sides = [cast(a, type, cx.formats).sql, cast(b, type, cx.formats).sql];
      const sql = from.how === 'FULL' ? `coalesce(${sides.join(', ')})` : from.how === 'RIGHT' ? sides[1]! : sides[0]!;
      merged.set(name, { sql, type, nullable: true });
      return comparable(a, b, cx).join(' = ');
    });
    on = tests.join(' AND ');
  }
  const inner = right.relations.length > 1 ? `(${right.sql})` : right.sql;
  return { sql: `${left.sql} ${from.how} JOIN ${inner} ON ${on}`, relations, merged };
}
