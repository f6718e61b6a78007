/** Text, binary, hash and conversion functions. */
import { invalidValue, unsupported } from '../errors.ts';
import * as types from '../types.ts';
import { isTimestamp } from '../types.ts';
import { cast, toText, wallClock } from './casts.ts';
import { numberLiteral } from './expressions.ts';
import { define, type Call } from './functions.ts';
import { formatSql } from './timestamps.ts';
import { quote, value, type Value } from './value.ts';

const string = (sql: string, c: Call, length = types.MAX_TEXT): Value => value(sql, types.text(length), c.nullable());
const integer = (sql: string, c: Call, precision = 18): Value => ({
  ...value(sql, types.fixed(precision), c.nullable()),
  integer: true,
});

function toVarchar(c: Call): Value {
  c.arity(1, 2);
  const v = c.arg(0);
  const f = c.cx.formats;
  if (c.count === 1) return string(toText(v, f), c);
  const format = c.constant(1);
  if (v.type.kind === 'binary') return string(binaryText(v.sql, format), c);
  if (v.type.kind === 'date' || v.type.kind === 'time' || isTimestamp(v.type)) {
    const { local, offset } = wallClock(v, f);
    return string(formatSql(local, offset, format), c);
  }
  if (v.type.kind === 'real' && format.toUpperCase() === 'TME') return string(`sf_real_e(${v.sql})`, c);
  if (v.type.kind === 'real' && ['TM9', 'TM'].includes(format.toUpperCase()))
    return string(`sf_real_text(${v.sql})`, c);
  if (v.type.kind === 'fixed' && ['TM9', 'TM'].includes(format.toUpperCase())) return string(toText(v, f), c);
  if (v.type.kind === 'null') return string('CAST(NULL AS VARCHAR)', c);
  throw unsupported(`TO_VARCHAR of ${types.typeName(v.type)} with format '${format}'`);
}

function binaryText(sql: string, format: string): string {
  switch (format.toUpperCase()) {
    case 'HEX':
      return `hex(${sql})`;
    case 'BASE64':
      return `to_base64(${sql})`;
    case 'UTF-8':
    case 'UTF8':
      return `decode(${sql})`;
  }
  throw invalidValue(`[${format}] for binary format`);
}

function toBinary(c: Call): Value {
  c.arity(1, 2);
  const v = c.arg(0);
  if (v.type.kind === 'binary') return v;
  if (v.type.kind !== 'text' && v.type.kind !== 'null' && v.type.kind !== 'variant') c.refuse();
  const format = c.count === 2 ? c.constant(1).toUpperCase() : 'HEX';
  const done = (sql: string): Value => value(sql, types.binary(), v.nullable);
  if (format === 'HEX') return cast({ ...v, sql: c.text(0), type: types.text() }, types.binary(), c.cx.formats);
  if (format === 'UTF-8' || format === 'UTF8') return done(`encode(${c.text(0)})`);
  if (format === 'BASE64') return done(`from_base64(${c.text(0)})`);
  throw invalidValue(`[${format}] for binary format`);
}

function toNumber(c: Call): Value {
  c.arity(1, 3);
  const v = c.arg(0);
  if (c.count > 1 && c.arg(1).type.kind === 'text' && c.arg(1).number === undefined) return formattedNumber(c);
  const precision = c.count > 1 ? c.constantInteger(1) : 38;
  return cast(v, types.fixed(precision, c.count > 2 ? c.constantInteger(2) : 0), c.cx.formats);
}

/** Only the hexadecimal form, `TO_NUMBER(x, 'XXXX')`. */
function formattedNumber(c: Call): Value {
  const format = c.constant(1);
  if (!/^X+$/i.test(format) || format.length > 15) throw unsupported(`TO_NUMBER with format '${format}'`);
  return integer(`CAST('0x' || ${c.text(0)} AS BIGINT)`, c);
}

define('TO_VARCHAR TO_CHAR', 'scalar', toVarchar);
define('TO_BINARY', 'scalar', toBinary);
define('TO_NUMBER TO_DECIMAL TO_NUMERIC', 'scalar', toNumber);
define('TO_DOUBLE', 'scalar', (c) => cast(c.arity(1).arg(0), types.REAL, c.cx.formats));
define('TO_BOOLEAN', 'scalar', (c) => cast(c.arity(1).arg(0), types.BOOLEAN, c.cx.formats));
define('TRY_TO_NUMBER TRY_TO_DECIMAL TRY_TO_NUMERIC', 'scalar', (c) => {
  c.arity(1, 3);
  const type = types.fixed(c.count > 1 ? c.constantInteger(1) : 38, c.count > 2 ? c.constantInteger(2) : 0);
  return c.arg(0).type.kind === 'text' ? cast(c.arg(0), type, c.cx.formats, true) : cast(c.arg(0), type, c.cx.formats);
});
define('TRY_TO_DOUBLE', 'scalar', (c) => cast(c.arity(1).arg(0), types.REAL, c.cx.formats, true));

define('UPPER', 'scalar', (c) => string(`upper(${c.arity(1).text(0)})`, c));
define('LOWER', 'scalar', (c) => string(`lower(${c.arity(1).text(0)})`, c));
define('REVERSE', 'scalar', (c) => string(`reverse(${c.arity(1).text(0)})`, c));
define('LENGTH LEN', 'scalar', (c) =>
  c.arity(1).arg(0).type.kind === 'binary'
    ? integer(`octet_length(${c.arg(0).sql})`, c)
    : integer(`length(${c.text(0)})`, c),
);
define('OCTET_LENGTH', 'scalar', (c) =>
  integer(`octet_length(${c.arity(1).arg(0).type.kind === 'binary' ? c.arg(0).sql : `encode(${c.text(0)})`})`, c),
);
for (const [name, fn] of [
  ['TRIM', 'trim'],
  ['LTRIM', 'ltrim'],
  ['RTRIM', 'rtrim'],
] as const)
  define(name, 'scalar', (c) =>
    string(`${fn}(${c.arity(1, 2).text(0)}${c.count > 1 ? `, ${c.text(1)}` : ", ' '"})`, c),
  );
define('SUBSTR SUBSTRING', 'scalar', (c) => {
  c.arity(2, 3);
  const length = c.count > 2 ? `, greatest(${c.integer(2)}, 0)` : '';
  return string(`substr(${c.text(0)}, CASE WHEN ${c.integer(1)} = 0 THEN 1 ELSE ${c.integer(1)} END${length})`, c);
});
define('LEFT', 'scalar', (c) => string(`left(${c.arity(2).text(0)}, greatest(${c.integer(1)}, 0))`, c));
define('RIGHT', 'scalar', (c) => string(`right(${c.arity(2).text(0)}, greatest(${c.integer(1)}, 0))`, c));
define('LPAD', 'scalar', (c) =>
  string(`lpad(${c.arity(2, 3).text(0)}, CAST(${c.integer(1)} AS INTEGER), ${c.count > 2 ? c.text(2) : "' '"})`, c),
);
define('RPAD', 'scalar', (c) =>
  string(`rpad(${c.arity(2, 3).text(0)}, CAST(${c.integer(1)} AS INTEGER), ${c.count > 2 ? c.text(2) : "' '"})`, c),
);
define('REPEAT', 'scalar', (c) => string(`repeat(${c.arity(2).text(0)}, ${c.integer(1)})`, c));
define('REPLACE', 'scalar', (c) =>
  string(`replace(${c.arity(2, 3).text(0)}, ${c.text(1)}, ${c.count > 2 ? c.text(2) : "''"})`, c),
);
define('CONCAT', 'scalar', (c) =>
  string(
    `(${c
      .arity(1, 100)
      .all()
      .map((_, i) => c.text(i))
      .join(' || ')})`,
    c,
  ),
);
define('SPLIT_PART', 'scalar', (c) =>
  string(
    `split_part(${c.arity(3).text(0)}, ${c.text(1)}, CASE WHEN ${c.integer(2)} = 0 THEN 1 ELSE ${c.integer(2)} END)`,
    c,
  ),
);
define('STARTSWITH', 'scalar', (c) =>
  value(`starts_with(${c.arity(2).text(0)}, ${c.text(1)})`, types.BOOLEAN, c.nullable()),
);
define('ENDSWITH', 'scalar', (c) => value(`suffix(${c.arity(2).text(0)}, ${c.text(1)})`, types.BOOLEAN, c.nullable()));
define('CONTAINS', 'scalar', (c) =>
  value(`contains(${c.arity(2).text(0)}, ${c.text(1)})`, types.BOOLEAN, c.nullable()),
);
define('POSITION CHARINDEX', 'scalar', (c) => integer(`strpos(${c.arity(2).text(1)}, ${c.text(0)})`, c));
define('ASCII', 'scalar', (c) => integer(`ascii(${c.arity(1).text(0)})`, c));
define('CHR CHAR', 'scalar', (c) => string(`chr(CAST(${c.arity(1).integer(0)} AS INTEGER))`, c));

define('MD5 MD5_HEX', 'scalar', (c) => string(`md5(${c.arity(1).text(0)})`, c, 32));
define('SHA1 SHA1_HEX', 'scalar', (c) => string(`sha1(${c.arity(1).text(0)})`, c, 40));
define('SHA2 SHA2_HEX', 'scalar', (c) => {
  if (c.arity(1, 2).count > 1 && c.constantInteger(1) !== 256) throw unsupported('SHA2 of other than 256 bits');
  return string(`sha256(${c.text(0)})`, c, 64);
});
define('MD5_NUMBER_LOWER64', 'scalar', (c) => integer(`sf_md5_lower(${c.arity(1).text(0)})`, c, 20));
define('MD5_NUMBER_UPPER64', 'scalar', (c) => integer(`sf_md5_upper(${c.arity(1).text(0)})`, c, 20));
define('HEX_ENCODE', 'scalar', (c) =>
  string(c.arity(1).arg(0).type.kind === 'binary' ? `hex(${c.arg(0).sql})` : `hex(encode(${c.text(0)}))`, c),
);
define('BASE64_ENCODE', 'scalar', (c) =>
  string(`to_base64(${c.arity(1).arg(0).type.kind === 'binary' ? c.arg(0).sql : `encode(${c.text(0)})`})`, c),
);
define(
  'UUID_STRING',
  'scalar',
  (c) => (c.arity(0), value('CAST(gen_random_uuid() AS VARCHAR)', types.text(36), false)),
);
define('RANDSTR', 'scalar', (c) => {
  const length = c.arity(2).constantInteger(0);
  if (length > 128) throw unsupported('RANDSTR of more than 128 characters');
  return value(`sf_randstr(${length})`, types.text(Math.max(1, length)), false);
});
define('RANDOM', 'scalar', (c) => {
  if (c.arity(0, 1).count > 0) throw unsupported('RANDOM with a seed');
  return {
    ...value('CAST(CAST(hash(random()) AS HUGEINT) - 9223372036854775808 AS BIGINT)', types.fixed(19), false),
    integer: true,
  };
});
define('UNIFORM', 'scalar', (c) => {
  const [low, high] = [c.arity(3).number(0), c.number(1)];
  if (low.type.kind === 'real' || high.type.kind === 'real' || low.type.scale + high.type.scale > 0)
    return value(
      `(CAST(${low.sql} AS DOUBLE) + random() * CAST(${high.sql} - ${low.sql} AS DOUBLE))`,
      types.REAL,
      false,
    );
  return {
    ...value(
      `CAST(${low.sql} + floor(random() * CAST(${high.sql} - ${low.sql} + 1 AS DOUBLE)) AS BIGINT)`,
      types.fixed(18),
      false,
    ),
    integer: true,
  };
});
for (const name of ['SEQ1', 'SEQ2', 'SEQ4', 'SEQ8'])
  define(name, 'scalar', (c) => {
    c.arity(0, 1);
    const sequence = c.scope.sequence();
    if (!sequence) throw unsupported(`${name} without GENERATOR`);
    return { ...value(sequence, types.fixed(19), false), integer: true };
  });
define('SYSTEM$TYPEOF', 'scalar', (c) => string(quote(`${types.typeName(c.arity(1).arg(0).type)}[]`), c));
define('SYSTEM$LAST_CHANGE_COMMIT_TIME', 'scalar', (c) => {
  const token = c.cx.lastChange(c.arity(1).constant(0));
  return token === null
    ? value('CAST(NULL AS DECIMAL(38,0))', types.fixed(38))
    : { ...numberLiteral(token), type: types.fixed(38) };
});
define('SYSTEM$STREAM_HAS_DATA', 'scalar', (c) =>
  value(c.cx.hasData(c.arity(1).constant(0)) ? 'TRUE' : 'FALSE', types.BOOLEAN, false),
);
define('LAST_QUERY_ID', 'scalar', (c) => {
  const id = c.cx.lastQueryId(c.arity(0, 1).count > 0 ? c.constantInteger(0) : -1);
  return id === null ? value('CAST(NULL AS VARCHAR)', types.text()) : value(quote(id), types.text(), false);
});
