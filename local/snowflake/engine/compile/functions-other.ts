/** Numbers, conditions, semi-structured values, aggregates and window functions. */
import { unsupported } from '../errors.ts';
import * as types from '../types.ts';
import { cast, coerce, commonType, toJson } from './casts.ts';
import { branches, compare, compileExpr, divide, jsonPath, modulo, notDistinct, orderSql } from './expressions.ts';
import { define, type Call } from './functions.ts';
import { value, type Value } from './value.ts';

const whole = (sql: string, precision = 18, nullable = false): Value => ({
  ...value(sql, types.fixed(precision), nullable),
  integer: true,
});

define('ABS', 'scalar', (c) => {
  const v = c.arity(1).number(0);
  const sql = v.integer ? `abs(CAST(${v.sql} AS HUGEINT))` : `abs(${v.sql})`;
  return { ...value(sql, v.type, v.nullable), ...(v.integer ? { integer: true } : {}) };
});
define('SIGN', 'scalar', (c) => whole(`sign(${c.arity(1).number(0).sql})`, 1, c.nullable()));
define('MOD', 'scalar', (c) => {
  const [a, b] = [c.arity(2).number(0), c.number(1)];
  if (a.type.kind === 'real' || b.type.kind === 'real') throw unsupported('MOD of FLOAT');
  return modulo(a, b);
});
for (const [names, fn] of [
  ['ROUND', 'round'],
  ['TRUNC TRUNCATE', 'trunc'],
] as const)
  define(names, 'scalar', (c) => {
    const v = c.arity(1, 2).number(0);
    const digits = c.count > 1 ? c.constantInteger(1) : 0;
    if (v.type.kind === 'real') return value(`${fn}(${v.sql}${digits === 0 ? '' : `, ${digits}`})`, v.type, v.nullable);
    if (digits < 0 || fn === 'trunc') throw unsupported(`${c.ast.name} of NUMBER to ${digits} digits`);
    return cast(v, types.fixed(v.type.precision, Math.min(digits, v.type.scale)), c.cx.formats);
  });
for (const [names, fn] of [
  ['FLOOR', 'floor'],
  ['CEIL CEILING', 'ceil'],
] as const)
  define(names, 'scalar', (c) => {
    const v = c.arity(1).number(0);
    if (v.type.kind === 'real') return value(`${fn}(${v.sql})`, v.type, v.nullable);
    const type = types.fixed(Math.min(38, v.type.precision - v.type.scale + 1));
    return value(`CAST(${fn}(${v.sql}) AS ${types.physicalType(type)})`, type, v.nullable);
  });
for (const [name, fn] of [
  ['SQRT', 'sqrt'],
  ['LN', 'ln'],
  ['EXP', 'exp'],
  ['SIN', 'sin'],
  ['COS', 'cos'],
] as const)
  define(name, 'scalar', (c) => value(`${fn}(${c.arity(1).as(0, types.REAL)})`, types.REAL, c.nullable()));
define('PI', 'scalar', (c) => (c.arity(0), value('pi()', types.REAL, false)));
define('POWER POW', 'scalar', (c) =>
  value(`pow(${c.arity(2).as(0, types.REAL)}, ${c.as(1, types.REAL)})`, types.REAL, c.nullable()),
);
define('DIV0', 'scalar', (c) => {
  const [a, b] = [c.arity(2).number(0), c.number(1)];
  if (a.type.kind === 'real' || b.type.kind === 'real') throw unsupported('DIV0 of FLOAT');
  const quotient = divide(a, b, Math.max(a.type.scale, Math.min(a.type.scale + 6, 12)));
  return value(`CASE WHEN ${b.sql} = 0 THEN 0 ELSE ${quotient.sql} END`, quotient.type, true);
});
for (const name of ['GREATEST', 'LEAST'])
  define(name, 'scalar', (c) => {
    const all = c.arity(1, 100).all();
    const type = commonType(all.map((v) => v.type));
    if (type.kind === 'timestamp_tz') throw unsupported(`${name} of TIMESTAMP_TZ`);
    const sqls = all.map((v) => coerce(v, type, c.cx.formats).sql);
    const missing = sqls.map((s) => `${s} IS NULL`).join(' OR ');
    return value(
      `CASE WHEN ${missing} THEN NULL ELSE ${name.toLowerCase()}(${sqls.join(', ')}) END`,
      type,
      c.nullable(),
    );
  });

const isTrue = (v: Value, c: Call): string => coerce(v, types.BOOLEAN, c.cx.formats).sql;
define('IFF', 'scalar', (c) => branches([isTrue(c.arity(3).arg(0), c)], [c.arg(1), c.arg(2)], c.cx));
define('COALESCE NVL IFNULL', 'scalar', (c) => {
  const all = c.arity(c.ast.name === 'COALESCE' ? 1 : 2, c.ast.name === 'COALESCE' ? 100 : 2).all();
  const type = commonType(all.map((v) => v.type));
  return value(
    `coalesce(${all.map((v) => coerce(v, type, c.cx.formats).sql).join(', ')})`,
    type,
    all.every((v) => v.nullable),
  );
});
define('NVL2', 'scalar', (c) => branches([`${c.arity(3).arg(0).sql} IS NOT NULL`], [c.arg(1), c.arg(2)], c.cx));
define('NULLIF', 'scalar', (c) => {
  const v = c.arity(2).arg(0);
  return value(`CASE WHEN ${compare('=', v, c.arg(1), c.cx).sql} THEN NULL ELSE ${v.sql} END`, v.type, true);
});
define('ZEROIFNULL', 'scalar', (c) => value(`coalesce(${c.arity(1).number(0).sql}, 0)`, c.number(0).type, false));
define('NULLIFZERO', 'scalar', (c) => value(`nullif(${c.arity(1).number(0).sql}, 0)`, c.number(0).type, true));
define('EQUAL_NULL', 'scalar', (c) => notDistinct(c.arity(2).arg(0), c.arg(1), true, c.cx));
define('DECODE', 'scalar', (c) => {
  const rest = c.arity(3, 100).all(1);
  const tests: string[] = [];
  const results: Value[] = [];
  let i = 0;
  for (; i + 1 < rest.length; i += 2) {
    tests.push(notDistinct(c.arg(0), rest[i]!, true, c.cx).sql);
    results.push(rest[i + 1]!);
  }
  return branches(tests, [...results, rest[i] ?? value('NULL', types.NULL)], c.cx);
});

const json = (sql: string, type: types.SqlType, nullable: boolean): Value => value(sql, type, nullable);
define('PARSE_JSON', 'scalar', (c) => json(`sf_parse_json(${c.arity(1).text(0)})`, types.VARIANT, true));
define('TRY_PARSE_JSON', 'scalar', (c) =>
  json(`CASE WHEN json_valid(${c.arity(1).text(0)}) THEN sf_parse_json(${c.text(0)}) END`, types.VARIANT, true),
);
define('TO_JSON', 'scalar', (c) => {
  if (!types.isSemi(c.arity(1).arg(0).type) && c.arg(0).type.kind !== 'null') c.refuse();
  return value(c.json(0), types.text(), c.nullable());
});
define('TO_VARIANT', 'scalar', (c) => json(c.arity(1).json(0), types.VARIANT, c.nullable()));
define('TO_OBJECT', 'scalar', (c) => cast(c.arity(1).arg(0), types.OBJECT, c.cx.formats));
define('TO_ARRAY', 'scalar', (c) => cast(c.arity(1).arg(0), types.ARRAY, c.cx.formats));
define('ARRAY_CONSTRUCT', 'scalar', (c) => {
  const missing = c.cx.assume('array-null-json');
  const parts = c
    .all()
    .map((v) => (v.nullable ? `coalesce(${toJson(v, c.cx.formats)}, '${missing}')` : toJson(v, c.cx.formats)));
  return json(parts.length === 0 ? `'[]'` : `('[' || ${parts.join(` || ',' || `)} || ']')`, types.ARRAY, false);
});
function objectOf(pairs: { name: Value; of: Value }[], keepNull: boolean, c: Call): Value {
  const parts = pairs.map(({ name, of }) => {
    const text = `CAST(to_json(${coerce(name, types.text(), c.cx.formats).sql}) AS VARCHAR)`;
    const cell = toJson(of, c.cx.formats);
    return `${text} || ':' || ${keepNull ? `coalesce(${cell}, 'null')` : cell}`;
  });
  return json(parts.length === 0 ? `'{}'` : `('{' || concat_ws(',', ${parts.join(', ')}) || '}')`, types.OBJECT, false);
}
define('OBJECT_CONSTRUCT OBJECT_CONSTRUCT_KEEP_NULL', 'scalar', (c) => {
  const keep = c.ast.name.endsWith('NULL');
  const [first] = c.ast.args;
  if (first?.k === 'star') {
    const columns = c.scope.star(first.qualifier);
    const names = columns.map((col) => ({
      name: { ...value(`'${col.name.replaceAll("'", "''")}'`, types.text()) },
      of: col.value,
    }));
    return objectOf(names, keep, c);
  }
  if (c.count % 2 !== 0) c.refuse();
  const pairs = [];
  for (let i = 0; i < c.count; i += 2) pairs.push({ name: c.arg(i), of: c.arg(i + 1) });
  return objectOf(pairs, keep, c);
});
define('TYPEOF', 'scalar', (c) => value(`sf_typeof(${c.arity(1).json(0)})`, types.text(), true));
define('ARRAY_SIZE', 'scalar', (c) => whole(`CAST(json_array_length(${c.arity(1).json(0)}) AS BIGINT)`, 9, true));
define('GET', 'scalar', (c) =>
  json(`sf_json_path(${c.arity(2).json(0)}, '${jsonPath([c.ast.args[1]!])}')`, types.VARIANT, true),
);

const hashed = (values: Value[]): string => `hash(${values.length === 0 ? "''" : values.map((v) => v.sql).join(', ')})`;
const hashArguments = (c: Call): Value[] =>
  c.ast.args.flatMap((a, i) => (a.k === 'star' ? c.scope.star(a.qualifier).map((s) => s.value) : [c.arg(i)]));
define('HASH', 'scalar', (c) => whole(`sf_signed64(CAST(${hashed(hashArguments(c))} AS HUGEINT))`, 19));
/** The sum of the rows' hashes: any order gives the same, and a row that is there twice counts twice. */
define('HASH_AGG', 'aggregate', (c) =>
  whole(`sf_signed64(coalesce(sum(CAST(${hashed(hashArguments(c))} AS HUGEINT))${c.over()}, 0))`, 19),
);

define('COUNT', 'aggregate', (c) => {
  const [first] = c.ast.args;
  if (first?.k === 'star' && !c.ast.distinct) return whole(`count(*)${c.over()}`);
  if (c.count === 0) c.arity(1);
  const values = hashArguments(c);
  if (values.length === 1)
    return whole(`count(${c.ast.distinct ? 'DISTINCT ' : ''}${countable(values[0]!)})${c.over()}`);
  const anyNull = values.map((v) => `${v.sql} IS NULL`).join(' OR ');
  const row = `CASE WHEN ${anyNull} THEN NULL ELSE row(${values.map(countable).join(', ')}) END`;
  return whole(`count(${c.ast.distinct ? 'DISTINCT ' : ''}${row})${c.over()}`);
});
const countable = (v: Value): string => (v.type.kind === 'timestamp_tz' ? `(${v.sql}).i` : v.sql);

define('COUNT_IF', 'aggregate', (c) => whole(`count(CASE WHEN ${isTrue(c.arity(1).arg(0), c)} THEN 1 END)${c.over()}`));
define('SUM', 'aggregate', (c) => {
  const v = c.arity(1).number(0);
  const sum = `sum(${c.ast.distinct ? 'DISTINCT ' : ''}${v.sql})${c.over()}`;
  if (v.type.kind === 'real') return value(sum, types.REAL);
  return value(`CAST(${sum} AS DECIMAL(38,${v.type.scale}))`, types.fixed(38, v.type.scale));
});
define('AVG', 'aggregate', (c) => {
  const v = c.arity(1).number(0);
  const of = `(${c.ast.distinct ? 'DISTINCT ' : ''}${v.sql})${c.over()}`;
  if (v.type.kind === 'real') return value(`avg${of}`, types.REAL);
  const scale = Math.max(v.type.scale, Math.min(v.type.scale + 6, 12));
  const sum = value(`CAST(sum${of} AS DECIMAL(38,${v.type.scale}))`, types.fixed(38, v.type.scale));
  return divide(sum, value(`nullif(count${of}, 0)`, types.fixed(18)), scale);
});
for (const name of ['MIN', 'MAX', 'ANY_VALUE'])
  define(name, 'aggregate', (c) => {
    const v = c.arity(1).arg(0);
    if (types.isSemi(v.type)) throw unsupported(`${name} of ${types.typeName(v.type)}`);
    return { ...value(`${name.toLowerCase()}(${v.sql})${c.over()}`, v.type), ...(v.integer ? { integer: true } : {}) };
  });
const ordered = (c: Call): string => {
  const keys = c.ast.withinGroup.map((o) => orderSql(o, compileExpr(o.by, c.scope, c.cx).sql));
  return keys.length > 0 ? ` ORDER BY ${keys.join(', ')}` : '';
};
define('LISTAGG', 'aggregate', (c) => {
  const separator = c.arity(1, 2).count > 1 ? c.text(1) : "''";
  const of = `${c.ast.distinct ? 'DISTINCT ' : ''}${c.text(0)}`;
  return value(`coalesce(string_agg(${of}, ${separator}${ordered(c)})${c.over()}, '')`, types.text(), false);
});
define('ARRAY_AGG', 'aggregate', (c) => {
  const of = `${c.arity(1).ast.distinct ? 'DISTINCT ' : ''}${c.json(0)}`;
  return json(`('[' || coalesce(string_agg(${of}, ','${ordered(c)})${c.over()}, '') || ']')`, types.ARRAY, false);
});
for (const [name, fn] of [
  ['BOOLAND_AGG', 'bool_and'],
  ['BOOLOR_AGG', 'bool_or'],
] as const)
  define(name, 'aggregate', (c) => value(`${fn}(${isTrue(c.arity(1).arg(0), c)})${c.over()}`, types.BOOLEAN));

for (const name of ['ROW_NUMBER', 'RANK', 'DENSE_RANK'])
  define(name, 'window', (c) => whole(`${name.toLowerCase()}()${c.arity(0).over()}`));
for (const name of ['LAG', 'LEAD'])
  define(name, 'window', (c) => {
    const v = c.arity(1, 3).arg(0);
    const offset = c.count > 1 ? `, ${c.constantInteger(1)}` : '';
    const otherwise = c.count > 2 ? `, ${coerce(c.arg(2), v.type, c.cx.formats).sql}` : '';
    return {
      ...value(`${name.toLowerCase()}(${v.sql}${offset}${otherwise})${c.over()}`, v.type),
      ...(v.integer ? { integer: true } : {}),
    };
  });
for (const name of ['FIRST_VALUE', 'LAST_VALUE'])
  define(name, 'window', (c) => value(`${name.toLowerCase()}(${c.arity(1).arg(0).sql})${c.over()}`, c.arg(0).type));
