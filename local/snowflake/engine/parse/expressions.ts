/** Expressions, by precedence: OR, AND, NOT, comparison, + - ||, * / %, sign, `::`, path. */
import { unsupported } from '../errors.ts';
import { DATE, timestamp, time } from '../types.ts';
import type { Expr, OrderItem, Window } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { parseQuery, startsQuery } from './query.ts';

const COMPARISONS = new Set(['=', '<>', '!=', '<', '<=', '>', '>=']);
/** Words that end an expression and so are never a column without quotes. */
const RESERVED = new Set(
  'SELECT FROM WHERE GROUP HAVING ORDER LIMIT OFFSET FETCH UNION EXCEPT MINUS INTERSECT ON USING JOIN INNER LEFT RIGHT FULL CROSS NATURAL WHEN THEN ELSE AND OR AS SET VALUES WITH QUALIFY IN IS LIKE ILIKE RLIKE BETWEEN BY INTO TABLE'.split(
    ' ',
  ),
);
/** LEFT and RIGHT are functions too. */
const FUNCTION_WORDS = new Set(['LEFT', 'RIGHT', 'INSERT']);
const NO_PARENTHESES = new Set(['CURRENT_TIMESTAMP', 'CURRENT_DATE', 'CURRENT_TIME', 'LOCALTIMESTAMP', 'LOCALTIME']);

export const isReserved = (word: string): boolean => RESERVED.has(word);

export function parseExpr(c: Cursor): Expr {
  let left = parseAnd(c);
  while (c.word('OR')) left = { k: 'op', op: 'OR', left, right: parseAnd(c) };
  return left;
}

function parseAnd(c: Cursor): Expr {
  let left = parseNot(c);
  while (c.word('AND')) left = { k: 'op', op: 'AND', left, right: parseNot(c) };
  return left;
}

function parseNot(c: Cursor): Expr {
  return c.word('NOT') ? { k: 'unary', op: 'NOT', of: parseNot(c) } : parsePredicate(c);
}

function parsePredicate(c: Cursor): Expr {
  let left = parseAdditive(c);
  for (;;) {
    const token = c.peek();
    if (token.kind === 'op' && COMPARISONS.has(token.text)) {
      c.next();
      if (c.isWord('ANY') || c.isWord('ALL')) throw unsupported('quantified comparison');
      left = { k: 'op', op: token.text === '!=' ? '<>' : token.text, left, right: parseAdditive(c) };
    } else if (c.word('IS')) {
      left = parseIs(c, left);
    } else {
      const not = c.isWord('NOT') && ['IN', 'BETWEEN', 'LIKE', 'ILIKE'].includes(c.peek(1).text);
      if (not) c.next();
      if (c.word('IN')) left = parseIn(c, left, not);
      else if (c.word('BETWEEN')) {
        const low = parseAdditive(c);
        c.expectWord('AND');
        left = { k: 'between', of: left, low, high: parseAdditive(c), not };
      } else if (c.isWord('LIKE') || c.isWord('ILIKE')) {
        const insensitive = c.next().text === 'ILIKE';
        if (c.isWord('ANY') || c.isWord('ALL')) throw unsupported('LIKE ANY');
        const pattern = parseAdditive(c);
        const escape = c.word('ESCAPE') ? parseAdditive(c) : null;
        left = { k: 'like', of: left, pattern, escape, not, insensitive };
      } else if (not) c.fail();
      else return left;
    }
  }
}

function parseIs(c: Cursor, left: Expr): Expr {
  const not = c.word('NOT');
  if (c.word('DISTINCT', 'FROM')) return { k: 'distinct', left, right: parseAdditive(c), not };
  if (c.word('NULL')) return { k: 'is', of: left, what: 'NULL', not };
  if (c.word('TRUE')) return { k: 'is', of: left, what: 'TRUE', not };
  if (c.word('FALSE')) return { k: 'is', of: left, what: 'FALSE', not };
  return c.fail();
}

function parseIn(c: Cursor, left: Expr, not: boolean): Expr {
  const of = left.k === 'call' && left.name === '(row)' ? left.args : [left];
  c.expectOp('(');
  if (startsQuery(c)) {
    const query = parseQuery(c);
    c.expectOp(')');
    return { k: 'in', of, list: null, query, not };
  }
  const list: Expr[][] = [];
  do {
    const item = parseExpr(c);
    const row = item.k === 'call' && item.name === '(row)' ? item.args : [item];
    if (row.length !== of.length) c.fail();
    list.push(row);
  } while (c.op(','));
  c.expectOp(')');
  return { k: 'in', of, list, query: null, not };
}

function parseAdditive(c: Cursor): Expr {
  let left = parseTerm(c);
  while (c.isOp('+') || c.isOp('-') || c.isOp('||')) left = { k: 'op', op: c.next().text, left, right: parseTerm(c) };
  return left;
}

function parseTerm(c: Cursor): Expr {
  let left = parseSign(c);
  while (c.isOp('*') || c.isOp('/') || c.isOp('%')) left = { k: 'op', op: c.next().text, left, right: parseSign(c) };
  return left;
}

function parseSign(c: Cursor): Expr {
  if (c.isOp('-') || c.isOp('+')) return { k: 'unary', op: c.next().text as '-' | '+', of: parseSign(c) };
  return parsePostfix(c);
}

function parsePostfix(c: Cursor): Expr {
  let of = parsePrimary(c);
  for (;;) {
    if (c.op('::')) of = { k: 'cast', of, type: c.dataType(), try: false };
    else if (c.isOp(':') && (c.peek(1).kind === 'word' || c.peek(1).kind === 'quoted')) of = parsePath(c, of);
    else if (c.op('[')) {
      of = { k: 'path', of, steps: [parseExpr(c)] };
      c.expectOp(']');
    } else return of;
  }
}

/** `v:a.b[0]`: names in a path keep their case. */
function parsePath(c: Cursor, of: Expr): Expr {
  const steps: (string | Expr)[] = [];
  c.expectOp(':');
  const name = (): string => {
    const token = c.next();
    if (token.kind !== 'word' && token.kind !== 'quoted') c.fail(token);
    return token.kind === 'quoted' ? token.text : c.source.slice(token.start, token.end);
  };
  steps.push(name());
  for (;;) {
    if (c.op('.')) steps.push(name());
    else if (c.op('[')) {
      steps.push(parseExpr(c));
      c.expectOp(']');
    } else return { k: 'path', of, steps };
  }
}

function parsePrimary(c: Cursor): Expr {
  const token = c.next();
  switch (token.kind) {
    case 'number':
      return { k: 'number', text: token.text };
    case 'string':
      return { k: 'string', value: token.text };
    case 'variable':
      return { k: 'variable', name: token.text };
    case 'quoted':
      return parseColumn(c, token.text);
    case 'op':
      if (token.text === '?') return { k: 'bind', index: c.nextBind() };
      if (token.text === ':' && (c.peek().kind === 'number' || c.peek().kind === 'word'))
        return { k: 'bind', index: c.next().text };
      if (token.text === '*') return { k: 'star', qualifier: [], exclude: parseExclude(c) };
      if (token.text === '(') return parseParenthesis(c);
      return c.fail(token);
    case 'word':
      return parseWord(c, token.text);
    default:
      return c.fail(token);
  }
}

function parseParenthesis(c: Cursor): Expr {
  if (startsQuery(c)) {
    const query = parseQuery(c);
    c.expectOp(')');
    return { k: 'subquery', query };
  }
  const args = parseList(c);
  c.expectOp(')');
  return args.length === 1
    ? args[0]!
    : { k: 'call', name: '(row)', args, distinct: false, withinGroup: [], over: null };
}

function parseList(c: Cursor): Expr[] {
  const list = [parseExpr(c)];
  while (c.op(',')) list.push(parseExpr(c));
  return list;
}

function parseWord(c: Cursor, word: string): Expr {
  if (c.isOp('(')) {
    if (word === 'CAST' || word === 'TRY_CAST') return parseCast(c, word === 'TRY_CAST');
    if (word === 'EXTRACT') return parseExtract(c);
    if (word === 'EXISTS') {
      c.expectOp('(');
      const query = parseQuery(c);
      c.expectOp(')');
      return { k: 'exists', query };
    }
    if (!RESERVED.has(word) || FUNCTION_WORDS.has(word)) return parseCall(c, word);
  }
  if (c.peek().kind === 'string') {
    if (word === 'DATE') return { k: 'cast', of: { k: 'string', value: c.string() }, type: DATE, try: false };
    if (word === 'TIME') return { k: 'cast', of: { k: 'string', value: c.string() }, type: time(), try: false };
    if (word === 'TIMESTAMP') {
      const kind = c.context.timestampMapping.toLowerCase() as 'timestamp_ntz';
      return { k: 'cast', of: { k: 'string', value: c.string() }, type: timestamp(kind), try: false };
    }
    if (word === 'X') return { k: 'binary', hex: c.string() };
    if (word === 'INTERVAL') throw unsupported('INTERVAL');
  }
  if (word === 'NULL') return { k: 'null' };
  if (word === 'TRUE' || word === 'FALSE') return { k: 'boolean', value: word === 'TRUE' };
  if (word === 'CASE') return parseCase(c);
  if (RESERVED.has(word)) c.fail();
  if (NO_PARENTHESES.has(word))
    return { k: 'call', name: word, args: [], distinct: false, withinGroup: [], over: null };
  return parseColumn(c, word);
}

function parseColumn(c: Cursor, first: string): Expr {
  const name = [first];
  while (c.isOp('.')) {
    c.next();
    if (c.op('*')) return { k: 'star', qualifier: name, exclude: parseExclude(c) };
    name.push(c.identifier());
  }
  return { k: 'column', name };
}

function parseExclude(c: Cursor): string[] {
  if (c.isWord('ILIKE') || c.isWord('REPLACE') || c.isWord('RENAME')) throw unsupported(`SELECT * ${c.peek().text}`);
  if (!c.word('EXCLUDE')) return [];
  return c.isOp('(') ? c.names() : [c.identifier()];
}

function parseCast(c: Cursor, attempt: boolean): Expr {
  c.expectOp('(');
  const of = parseExpr(c);
  c.expectWord('AS');
  const type = c.dataType();
  c.expectOp(')');
  return { k: 'cast', of, type, try: attempt };
}

function parseExtract(c: Cursor): Expr {
  c.expectOp('(');
  const part: Expr = { k: 'string', value: c.peek().kind === 'string' ? c.string() : c.identifier() };
  c.expectWord('FROM');
  const of = parseExpr(c);
  c.expectOp(')');
  return { k: 'call', name: 'DATE_PART', args: [part, of], distinct: false, withinGroup: [], over: null };
}

function parseCase(c: Cursor): Expr {
  const of = c.isWord('WHEN') ? null : parseExpr(c);
  const whens: { when: Expr; then: Expr }[] = [];
  while (c.word('WHEN')) {
    const when = parseExpr(c);
    c.expectWord('THEN');
    whens.push({ when, then: parseExpr(c) });
  }
  if (whens.length === 0) c.fail();
  const otherwise = c.word('ELSE') ? parseExpr(c) : null;
  c.expectWord('END');
  return { k: 'case', of, whens, otherwise };
}

function parseCall(c: Cursor, name: string): Expr {
  c.expectOp('(');
  const distinct = c.word('DISTINCT');
  const args = c.isOp(')') ? [] : parseList(c);
  c.expectOp(')');
  let withinGroup: OrderItem[] = [];
  if (c.word('WITHIN', 'GROUP')) {
    c.expectOp('(');
    c.expectWord('ORDER', 'BY');
    withinGroup = parseOrder(c);
    c.expectOp(')');
  }
  if (c.isWord('IGNORE', 'NULLS') || c.isWord('RESPECT', 'NULLS')) throw unsupported('IGNORE NULLS');
  const over = c.word('OVER') ? parseWindow(c) : null;
  return { k: 'call', name, args, distinct, withinGroup, over };
}

function parseWindow(c: Cursor): Window {
  c.expectOp('(');
  const partition = c.word('PARTITION', 'BY') ? parseList(c) : [];
  const order = c.word('ORDER', 'BY') ? parseOrder(c) : [];
  let frame: string | null = null;
  if (c.isWord('ROWS') || c.isWord('RANGE')) {
    const bound = '(?:UNBOUNDED (?:PRECEDING|FOLLOWING)|CURRENT ROW|\\d+ (?:PRECEDING|FOLLOWING))';
    const words: string[] = [];
    while (!c.isOp(')')) words.push(c.next().text);
    frame = words.join(' ');
    if (!new RegExp(`^(ROWS|RANGE) (BETWEEN ${bound} AND ${bound}|${bound})$`).test(frame)) c.fail();
  }
  c.expectOp(')');
  return { partition, order, frame };
}

export function parseOrder(c: Cursor): OrderItem[] {
  const items: OrderItem[] = [];
  do {
    const by = parseExpr(c);
    const desc = c.word('DESC');
    if (!desc) c.word('ASC');
    let nullsFirst: boolean | null = null;
    if (c.word('NULLS')) {
      nullsFirst = c.word('FIRST');
      if (!nullsFirst) c.expectWord('LAST');
    }
    items.push({ by, desc, nullsFirst });
  } while (c.op(','));
  return items;
}
