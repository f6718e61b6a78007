/**
 * SQL that users write: one scalar expression or condition over the columns of a row. It goes into statements between
 * parentheses, so it must be whole by itself; and it must give the same for the same row whenever a window is read again.
 */
import { parseIdentifier } from './identifiers.ts';

/** `columns`: names that may be columns, as Snowflake stores them. */
export type Expression = { sql: string; columns: string[] };

const CLOSING: Record<string, string> = { '(': ')', '[': ']', '{': '}' };

/** Words of statements and queries: other tables have other times, and another row is not this one. */
const STATEMENT = new Set(
  'SELECT FROM WHERE WITH JOIN UNION EXCEPT INTERSECT MINUS GROUP HAVING QUALIFY ORDER LIMIT OFFSET FETCH OVER TABLE LATERAL VALUES UPDATE DELETE MERGE CREATE ALTER DROP GRANT REVOKE CALL EXECUTE IDENTIFIER'.split(
    ' ',
  ),
);
/** What differs from one reading to the next. */
const UNSTEADY = new Set(
  'CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP SYSDATE SYSTIMESTAMP GETDATE CURRENT_USER CURRENT_ROLE CURRENT_SESSION CURRENT_STATEMENT CURRENT_TRANSACTION CURRENT_WAREHOUSE CURRENT_DATABASE CURRENT_SCHEMA CURRENT_SCHEMAS CURRENT_ACCOUNT CURRENT_CLIENT CURRENT_IP_ADDRESS CURRENT_SECONDARY_ROLES CURRENT_VERSION LAST_QUERY_ID LAST_TRANSACTION RANDOM RANDSTR UNIFORM NORMAL ZIPF UUID_STRING SEQ1 SEQ2 SEQ4 SEQ8'.split(
    ' ',
  ),
);

const WORD = /^[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/;
const STRING = /^'(?:[^'\\]|''|\\.)*'/s;
const NAME = /^"(?:[^"]|"")+"/;
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/;
const OPERATOR = /^(?:::|=>|[-+*/%=<>!|.,:])/;

export function parseExpression(text: string): Expression | { error: string } {
  const columns = new Set<string>();
  const open: string[] = [];
  let rest = text;
  while ((rest = rest.replace(/^[ \t\r\n]+/, '')) !== '') {
    const fault = commentOrBind(rest);
    if (fault !== null) return { error: fault };
    const char = rest[0]!;
    const token = [STRING, NAME, WORD, NUMBER, OPERATOR].reduce(
      (found, kind) => found || (kind.exec(rest)?.[0] ?? ''),
      '',
    );
    if (token === '') {
      if (CLOSING[char] !== undefined) open.push(CLOSING[char]);
      else if (char === open.at(-1)) open.pop();
      else return { error: `has a \`${char}\` that can not stand there` };
      rest = rest.slice(1);
      continue;
    }
    rest = rest.slice(token.length);
    if (token === ',' && open.length === 0) return { error: 'must be one expression; there is a `,`' };
    if (WORD.test(token)) {
      const word = token.toUpperCase();
      if (STATEMENT.has(word)) return { error: `must be an expression over one row; \`${token}\` can not stand there` };
      if (UNSTEADY.has(word)) return { error: `must give the same at any time; \`${token}\` does not` };
      if (/^(?:METADATA|SYSTEM)\$/.test(word)) return { error: `may not use \`${token}\`` };
      columns.add(word);
    } else if (NAME.test(token)) columns.add(parseIdentifier(token) ?? token);
  }
  if (open.length > 0) return { error: `lacks a \`${open.at(-1)!}\`` };
  if (text.trim() === '') return { error: 'must not be empty' };
  return { sql: text.trim(), columns: [...columns] };
}

function commentOrBind(rest: string): string | null {
  if (/^(?:--|\/\/|\/\*)/.test(rest)) return 'may not have comments';
  if (rest.startsWith('$')) return 'may not use variables or `$$`';
  if (/^(?:\?|:\d)/.test(rest)) return 'may not have binds';
  return null;
}

export type SqlType = { name: string; precision: number | null; scale: number | null };

const TEXT: SqlType = { name: 'VARCHAR', precision: null, scale: null };
const INTEGERS = 'INT INTEGER BIGINT SMALLINT TINYINT BYTEINT'.split(' ');
const FLOATS = 'FLOAT FLOAT4 FLOAT8 DOUBLE REAL'.split(' ');
const TIMES = 'TIME TIMESTAMP_NTZ TIMESTAMP_LTZ TIMESTAMP_TZ'.split(' ');
const PLAIN = 'BOOLEAN DATE VARIANT OBJECT ARRAY'.split(' ');

/** The type of an expression is that of the cast it ends with, `...::NUMBER(12, 2)`; else it is text. */
export function typeOf(sql: string): SqlType | { error: string } {
  const cast = /::\s*(\w+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?$/.exec(sql);
  if (cast === null) return TEXT;
  const [, word, first, second] = cast;
  const name = word!.toUpperCase();
  const sizes = [first, second].filter((size) => size !== undefined).map(Number);
  if (INTEGERS.includes(name) && sizes.length === 0) return { name: 'NUMBER', precision: 38, scale: 0 };
  if (['NUMBER', 'DECIMAL', 'NUMERIC'].includes(name)) {
    const [precision = 38, scale = 0] = sizes;
    if (precision >= 1 && precision <= 38 && scale <= precision) return { name: 'NUMBER', precision, scale };
  }
  if (FLOATS.includes(name) && sizes.length === 0) return { name: 'FLOAT', precision: null, scale: null };
  if (['VARCHAR', 'STRING', 'TEXT'].includes(name) && sizes.length < 2) return TEXT;
  if (name === 'BINARY' && sizes.length < 2) return { name, precision: null, scale: null };
  if (TIMES.includes(name) && sizes.length < 2 && (sizes[0] ?? 9) <= 9) {
    return { name, precision: sizes[0] ?? 9, scale: null };
  }
  if (PLAIN.includes(name) && sizes.length === 0) return { name, precision: null, scale: null };
  return { error: `ends with a cast to \`${cast[0].slice(2)}\`, which is no type that records have` };
}
