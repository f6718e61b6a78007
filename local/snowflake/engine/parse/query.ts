/** SELECT, set operations, FROM items with AT, BEFORE, CHANGES and END. */
import { unsupported } from '../errors.ts';
import type { Changes, Expr, From, Point, Query, QueryBody, Select, SelectItem, TableRef } from './ast.ts';
import { parseName, type Cursor } from './cursor.ts';
import { isReserved, parseExpr, parseOrder } from './expressions.ts';

export const startsQuery = (c: Cursor): boolean => {
  let ahead = 0;
  while (c.isOp('(', ahead)) ahead++;
  const token = c.peek(ahead);
  return token.kind === 'word' && (token.text === 'SELECT' || token.text === 'WITH');
};

export function parseQuery(c: Cursor): Query {
  const ctes: Query['ctes'] = [];
  if (c.word('WITH')) {
    if (c.isWord('RECURSIVE')) throw unsupported('recursive CTE');
    do {
      const name = c.identifier();
      const columns = c.isOp('(') ? c.names() : [];
      c.expectWord('AS');
      c.expectOp('(');
      ctes.push({ name, columns, query: parseQuery(c) });
      c.expectOp(')');
    } while (c.op(','));
  }
  const body = parseSet(c);
  const order = c.word('ORDER', 'BY') ? parseOrder(c) : [];
  let limit: Expr | null = null;
  let offset: Expr | null = null;
  if (c.word('LIMIT')) {
    limit = parseExpr(c);
    if (c.word('OFFSET')) offset = parseExpr(c);
  } else if (c.isWord('OFFSET') || c.isWord('FETCH')) {
    if (c.word('OFFSET')) {
      offset = parseExpr(c);
      if (!c.word('ROWS')) c.word('ROW');
    }
    if (c.word('FETCH')) {
      if (!c.word('FIRST')) c.word('NEXT');
      limit = parseExpr(c);
      if (!c.word('ROWS')) c.word('ROW');
      c.word('ONLY');
    }
  }
  return { k: 'query', ctes, body, order, limit, offset };
}

function parseSet(c: Cursor): QueryBody | Query {
  let left = parseIntersect(c);
  for (;;) {
    const op = c.word('UNION') ? 'UNION' : c.word('EXCEPT') || c.word('MINUS') ? 'EXCEPT' : null;
    if (!op) return left;
    const all = c.word('ALL');
    if (!all) c.word('DISTINCT');
    if (all && op === 'EXCEPT') throw unsupported('EXCEPT ALL');
    if (c.isWord('BY', 'NAME')) throw unsupported('UNION BY NAME');
    left = { k: 'set', op, all, left, right: parseIntersect(c) };
  }
}

function parseIntersect(c: Cursor): QueryBody | Query {
  let left = parseOperand(c);
  while (c.word('INTERSECT')) {
    if (c.isWord('ALL')) throw unsupported('INTERSECT ALL');
    c.word('DISTINCT');
    left = { k: 'set', op: 'INTERSECT', all: false, left, right: parseOperand(c) };
  }
  return left;
}

function parseOperand(c: Cursor): QueryBody | Query {
  if (c.op('(')) {
    const query = parseQuery(c);
    c.expectOp(')');
    return query;
  }
  if (c.isWord('VALUES')) return { k: 'rows', rows: parseRows(c) };
  return parseSelect(c);
}

export function parseRows(c: Cursor): Expr[][] {
  c.expectWord('VALUES');
  const rows: Expr[][] = [];
  do {
    c.expectOp('(');
    const row: Expr[] = [];
    do row.push(c.isWord('DEFAULT') ? (c.next(), { k: 'column', name: ['DEFAULT'] }) : parseExpr(c));
    while (c.op(','));
    c.expectOp(')');
    rows.push(row);
  } while (c.op(','));
  return rows;
}

function parseSelect(c: Cursor): Select {
  c.expectWord('SELECT');
  const distinct = c.word('DISTINCT');
  if (!distinct) c.word('ALL');
  if (c.isWord('TOP')) throw unsupported('TOP');
  const items: SelectItem[] = [];
  do {
    if (c.isWord('FROM')) break;
    items.push(parseItem(c));
  } while (c.op(','));
  if (items.length === 0) c.fail();
  const from = c.word('FROM') ? parseFrom(c) : null;
  const where = c.word('WHERE') ? parseExpr(c) : null;
  let groupBy: Expr[] | 'ALL' = [];
  if (c.word('GROUP', 'BY')) {
    if (c.word('ALL')) groupBy = 'ALL';
    else {
      if (['CUBE', 'ROLLUP', 'GROUPING'].includes(c.peek().text)) throw unsupported(`GROUP BY ${c.peek().text}`);
      groupBy = [parseExpr(c)];
      while (c.op(',')) groupBy.push(parseExpr(c));
    }
  }
  const having = c.word('HAVING') ? parseExpr(c) : null;
  const qualify = c.word('QUALIFY') ? parseExpr(c) : null;
  return { k: 'select', distinct, items, from, where, groupBy, having, qualify };
}

function parseItem(c: Cursor): SelectItem {
  const start = c.position();
  const expr = parseExpr(c);
  const source = c.textSince(start);
  return { expr, alias: parseAlias(c), text: source };
}

function parseAlias(c: Cursor): string | null {
  if (c.word('AS')) return c.identifier();
  const token = c.peek();
  if (token.kind === 'quoted') return c.next().text;
  return token.kind === 'word' && !isReserved(token.text) && !c.isOp('(', 1) ? c.next().text : null;
}

const REFUSED_AFTER_TABLE = 'PIVOT UNPIVOT MATCH_RECOGNIZE SAMPLE TABLESAMPLE ASOF CONNECT START'.split(' ');
const POINT_WORDS = ['CHANGES', 'AT', 'BEFORE', 'END'];

/** An alias of a FROM item; column names in parentheses may follow it. */
export function parseTableAlias(c: Cursor): string | null {
  if (c.word('AS')) return c.identifier();
  const token = c.peek();
  if (token.kind === 'word' && REFUSED_AFTER_TABLE.includes(token.text)) throw unsupported(token.text);
  if (token.kind === 'word' && c.isOp('(', 1) && !isReserved(token.text))
    return POINT_WORDS.includes(token.text) ? null : c.next().text;
  return parseAlias(c);
}

export function parseFrom(c: Cursor): From {
  let left = parseJoined(c);
  while (c.op(',')) left = { k: 'join', how: 'CROSS', left, right: parseJoined(c), on: null, using: [] };
  return left;
}

function parseJoined(c: Cursor): From {
  let left = parseFromItem(c);
  for (;;) {
    if (c.isWord('NATURAL') || c.isWord('ASOF')) throw unsupported(`${c.peek().text} JOIN`);
    let how: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS' | null = null;
    for (const word of ['INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS'] as const) {
      if (c.word(word)) {
        how = word;
        if (word !== 'INNER' && word !== 'CROSS') c.word('OUTER');
        break;
      }
    }
    if (how === null && !c.isWord('JOIN')) return left;
    c.expectWord('JOIN');
    const right = parseFromItem(c);
    const on = how !== 'CROSS' && c.word('ON') ? parseExpr(c) : null;
    const using = on === null && how !== 'CROSS' && c.word('USING') ? c.names() : [];
    left = { k: 'join', how: on || using.length > 0 ? (how ?? 'INNER') : (how ?? 'CROSS'), left, right, on, using };
    if (left.how !== 'CROSS' && !on && using.length === 0) c.fail();
  }
}

function parseFromItem(c: Cursor): From {
  if (c.isWord('LATERAL') || c.isWord('FLATTEN')) throw unsupported('LATERAL');
  if (c.peek().kind === 'op' && c.peek().text === '@') throw unsupported('stage');
  if (c.isOp('(')) {
    c.next();
    if (c.isWord('VALUES')) {
      const rows = parseRows(c);
      c.expectOp(')');
      return { k: 'values', rows, ...parseDerivedAlias(c) };
    }
    if (startsQuery(c)) {
      const query = parseQuery(c);
      c.expectOp(')');
      return { k: 'derived', query, ...parseDerivedAlias(c) };
    }
    const inner = parseFrom(c);
    c.expectOp(')');
    return inner;
  }
  if (c.isWord('VALUES')) return { k: 'values', rows: parseRows(c), ...parseDerivedAlias(c) };
  if (c.isWord('TABLE') && c.isOp('(', 1)) return parseTableFunction(c);
  if (c.isWord('DIRECTORY') && c.isOp('(', 1) && c.isOp('@', 2)) return parseDirectory(c);
  return parseTable(c, c.objectName());
}

function parseDirectory(c: Cursor): TableRef {
  c.expectWord('DIRECTORY');
  c.expectOp('(');
  c.expectOp('@');
  const name = c.objectName();
  c.expectOp(')');
  return { k: 'table', name, at: null, changes: null, directory: true, ...parseDerivedAlias(c) };
}

function parseDerivedAlias(c: Cursor): { alias: string | null; columns: string[] } {
  const alias = parseTableAlias(c);
  return { alias, columns: alias !== null && c.isOp('(') ? c.names() : [] };
}

function parseTable(c: Cursor, name: string[]): TableRef {
  let changes: Changes | null = null;
  let at: Point | null = null;
  if (c.isWord('CHANGES') && c.isOp('(', 1)) {
    c.next();
    c.expectOp('(');
    c.expectWord('INFORMATION');
    c.expectOp('=>');
    const information = c.word('DEFAULT') ? 'DEFAULT' : c.word('APPEND_ONLY') ? 'APPEND_ONLY' : c.fail();
    c.expectOp(')');
    const start = parsePoint(c);
    if (!start) c.fail();
    const end = c.isWord('END') && c.isOp('(', 1) ? parsePointOf(c, 'END') : null;
    changes = { information, at: start, end };
  } else {
    at = parsePoint(c);
    if (c.isWord('END') && c.isOp('(', 1)) c.fail();
  }
  return { k: 'table', name, at, changes, ...parseDerivedAlias(c) };
}

/** AT(...) or BEFORE(...), if it is next. */
export function parsePoint(c: Cursor): Point | null {
  for (const which of ['AT', 'BEFORE'] as const) if (c.isWord(which) && c.isOp('(', 1)) return parsePointOf(c, which);
  return null;
}

function parsePointOf(c: Cursor, which: Point['which']): Point {
  c.next();
  c.expectOp('(');
  const by = c.next();
  if (by.kind !== 'word' || !['TIMESTAMP', 'OFFSET', 'STATEMENT', 'STREAM'].includes(by.text)) c.fail(by);
  if (by.text === 'STREAM' && which === 'END') c.fail(by);
  c.expectOp('=>');
  const value = parseExpr(c);
  c.expectOp(')');
  return { by: by.text as Point['by'], which, value };
}

function parseTableFunction(c: Cursor): From {
  c.expectWord('TABLE');
  c.expectOp('(');
  let item: From;
  if (c.word('RESULT_SCAN')) {
    c.expectOp('(');
    const id = parseExpr(c);
    c.expectOp(')');
    c.expectOp(')');
    item = { k: 'resultScan', id, ...parseDerivedAlias(c) };
  } else if (c.word('GENERATOR')) {
    c.expectOp('(');
    let rows: Expr | null = null;
    if (c.isWord('TIMELIMIT')) throw unsupported('GENERATOR(TIMELIMIT)');
    if (c.word('ROWCOUNT')) {
      c.expectOp('=>');
      rows = parseExpr(c);
    }
    c.expectOp(')');
    c.expectOp(')');
    item = { k: 'generator', rows, alias: parseTableAlias(c) };
  } else if (c.word('FLATTEN')) {
    c.expectOp('(');
    c.expectWord('INPUT');
    c.expectOp('=>');
    const input = parseExpr(c);
    c.expectOp(')');
    c.expectOp(')');
    item = { k: 'flatten', input, alias: parseTableAlias(c) };
  } else if (c.isOp('(', 1)) {
    throw unsupported(`table function ${c.peek().text}`);
  } else {
    const name = c.peek().kind === 'string' ? parseName(c.string(), c.context.ignoreCase) : c.objectName();
    c.expectOp(')');
    item = parseTable(c, name);
  }
  return item;
}
