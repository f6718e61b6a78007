/** One request, one statement. What is valid Snowflake but not in the list answers 000002, the rest 001003. */
import { statementCount, unsupported } from '../errors.ts';
import type { Assignment, Expr, MergeWhen, Name, Query, Scope, ScriptStep, Statement } from './ast.ts';
import { Cursor, type ParseContext } from './cursor.ts';
import { parseAlter, parseCreate, parseDrop } from './ddl.ts';
import { parseExpr } from './expressions.ts';
import { parseGrant } from './grant.ts';
import { parseRemove } from './objects.ts';
import { parseFrom, parseQuery, parseRows, parseTableAlias, startsQuery } from './query.ts';

const REFUSED = 'CALL COPY PUT GET LIST LS COMMENT EXPLAIN DECLARE LET FOR IF RETURN'.split(' ');

export function parseStatement(source: string, context: ParseContext): Statement {
  const c = new Cursor(source, context);
  const statement = parseOne(c);
  if (c.op(';') || c.peek().kind !== 'end') {
    let count = 1;
    while (c.op(';'));
    if (c.peek().kind !== 'end') {
      if (!/;/.test(source.slice(0, c.peek().start))) c.fail();
      for (let open = false; c.peek().kind !== 'end';) {
        const separator = c.next().text === ';';
        if (!separator && !open) count++;
        open = !separator;
      }
      throw statementCount(count);
    }
  }
  return statement;
}

function parseOne(c: Cursor): Statement {
  if (startsQuery(c) || c.isWord('VALUES')) return { k: 'query', query: parseQuery(c) };
  const token = c.peek();
  if (token.kind !== 'word') c.fail();
  switch (token.text) {
    case 'GRANT':
    case 'REVOKE':
      return parseGrant(c);
    case 'SHOW':
      return parseShow(c);
    case 'DESCRIBE':
    case 'DESC':
      return parseDescribe(c);
    case 'USE':
      return parseUse(c);
    case 'CREATE':
      return parseCreate(c);
    case 'DROP':
    case 'UNDROP':
      return parseDrop(c);
    case 'ALTER':
      return c.isWord('ALTER', 'SESSION') ? parseAlterSession(c) : parseAlter(c);
    case 'TRUNCATE': {
      c.next();
      c.word('TABLE');
      const ifExists = c.word('IF', 'EXISTS');
      return { k: 'truncate', ifExists, name: c.objectName() };
    }
    case 'INSERT':
      return parseInsert(c);
    case 'UPDATE':
      return parseUpdate(c);
    case 'DELETE':
      return parseDelete(c);
    case 'MERGE':
      return parseMerge(c);
    case 'BEGIN':
    case 'START':
      return parseBegin(c);
    case 'COMMIT':
    case 'ROLLBACK':
      c.next();
      c.word('WORK');
      return { k: token.text.toLowerCase() as 'commit' | 'rollback' };
    case 'REMOVE':
    case 'RM':
      return parseRemove(c);
    case 'EXECUTE':
      return parseImmediate(c);
    case 'SET':
      return parseSet(c);
    case 'UNSET':
      c.next();
      return { k: 'set', name: c.identifier(), value: null };
  }
  if (REFUSED.includes(token.text)) throw unsupported(token.text);
  return c.fail();
}

/** EXECUTE IMMEDIATE of a text that is one block. */
function parseImmediate(c: Cursor): Statement {
  c.expectWord('EXECUTE');
  if (!c.word('IMMEDIATE')) throw unsupported(`EXECUTE ${c.peek().text}`);
  if (c.peek().kind !== 'string') throw unsupported('EXECUTE IMMEDIATE of a variable');
  const inner = new Cursor(c.string(), c.context);
  if (c.isWord('USING')) throw unsupported('EXECUTE IMMEDIATE USING');
  inner.expectWord('BEGIN');
  const body = parseSteps(inner);
  let handler: ScriptStep[] | null = null;
  if (inner.word('EXCEPTION')) {
    if (!inner.word('WHEN', 'OTHER', 'THEN')) throw unsupported('exception handlers other than WHEN OTHER');
    handler = parseSteps(inner);
  }
  inner.expectWord('END');
  inner.op(';');
  if (inner.peek().kind !== 'end') inner.fail();
  return { k: 'script', body, handler };
}

/** Statements, each with its `;`, up to a word that ends them. */
function parseSteps(c: Cursor): ScriptStep[] {
  const steps: ScriptStep[] = [];
  while (!['END', 'ELSE', 'EXCEPTION'].some((word) => c.isWord(word))) {
    steps.push(parseStep(c));
    c.expectOp(';');
  }
  return steps;
}

/** Of scripting there is IF over SQLROWCOUNT, and RAISE; everything else is SQL, or refused. */
function parseStep(c: Cursor): ScriptStep {
  if (c.word('RAISE')) return { k: 'raise' };
  if (!c.word('IF')) return { k: 'sql', statement: parseOne(c) };
  c.expectOp('(');
  if (!c.word('SQLROWCOUNT')) throw unsupported('IF over something else than SQLROWCOUNT');
  c.expectOp('=');
  const rows = c.integer();
  c.expectOp(')');
  c.expectWord('THEN');
  const then = parseSteps(c);
  const otherwise = c.word('ELSE') ? parseSteps(c) : [];
  c.expectWord('END', 'IF');
  return { k: 'if', rows, then, otherwise };
}

function parseSet(c: Cursor): Statement {
  c.expectWord('SET');
  if (c.isOp('(')) throw unsupported('SET of several variables');
  const name = c.identifier();
  c.expectOp('=');
  return { k: 'set', name, value: parseExpr(c) };
}

function parseBegin(c: Cursor): Statement {
  const start = c.next().text;
  if (start === 'START') c.expectWord('TRANSACTION');
  else if (!c.word('TRANSACTION')) c.word('WORK');
  if (c.word('NAME')) c.identifier();
  if (start === 'BEGIN' && c.peek().kind !== 'end' && !c.isOp(';')) throw unsupported('Snowflake Scripting');
  return { k: 'begin' };
}

function parseAlterSession(c: Cursor): Statement {
  c.expectWord('ALTER', 'SESSION');
  if (c.word('UNSET')) {
    const unset = [c.identifier()];
    while (c.op(',')) unset.push(c.identifier());
    return { k: 'alterSession', set: [], unset };
  }
  c.expectWord('SET');
  const set: [string, string | number | boolean][] = [];
  do {
    const name = c.identifier();
    c.expectOp('=');
    set.push([name, parseSetting(c)]);
    c.op(',');
  } while (c.peek().kind === 'word');
  return { k: 'alterSession', set, unset: [] };
}

function parseSetting(c: Cursor): string | number | boolean {
  const negative = c.op('-');
  const token = c.next();
  if (token.kind === 'number') return Number(token.text) * (negative ? -1 : 1);
  if (negative) c.fail(token);
  if (token.kind === 'string') return token.text;
  if (token.kind !== 'word') c.fail(token);
  return token.text === 'TRUE' ? true : token.text === 'FALSE' ? false : token.text;
}

function parseUse(c: Cursor): Statement {
  c.expectWord('USE');
  for (const what of ['DATABASE', 'SCHEMA', 'WAREHOUSE', 'ROLE'] as const)
    if (c.word(what)) return { k: 'use', what, name: c.objectName() };
  if (c.isWord('SECONDARY')) throw unsupported('USE SECONDARY ROLES');
  const name = c.objectName();
  return { k: 'use', what: name.length > 1 ? 'SCHEMA' : 'DATABASE', name };
}

function parseShow(c: Cursor): Statement {
  c.expectWord('SHOW');
  if (c.word('PRIMARY', 'KEYS'))
    return { k: 'show', what: 'PRIMARY KEYS', history: false, like: null, in: parseScope(c, 'TABLE') };
  const what = c.next();
  const known = ['TABLES', 'VIEWS', 'STREAMS', 'COLUMNS', 'SCHEMAS', 'DATABASES', 'WAREHOUSES'] as const;
  const kind = known.find((k) => what.kind === 'word' && k === what.text);
  if (!kind) {
    if (what.kind === 'word') throw unsupported(`SHOW ${what.text}`);
    c.fail(what);
  }
  const history = c.word('HISTORY');
  if (history && kind !== 'TABLES') throw unsupported(`SHOW ${kind} HISTORY`);
  const like = c.word('LIKE') ? c.string() : null;
  const scope = parseScope(c, kind === 'COLUMNS' ? 'TABLE' : null);
  if (c.isWord('STARTS') || c.isWord('LIMIT')) throw unsupported(`SHOW ... ${c.peek().text}`);
  return { k: 'show', what: kind, history, like, in: scope };
}

/** A name alone is a table's where there is something to list of tables; else its parts tell. */
function parseScope(c: Cursor, bare: 'TABLE' | null): Scope {
  if (!c.word('IN')) return null;
  const named = (['ACCOUNT', 'DATABASE', 'SCHEMA', 'TABLE'] as const).find((k) => c.word(k));
  const name = c.peek().kind === 'word' || c.peek().kind === 'quoted' ? c.objectName() : [];
  return { kind: named ?? bare ?? (name.length > 1 ? 'SCHEMA' : 'DATABASE'), name };
}

function parseDescribe(c: Cursor): Statement {
  c.next();
  if (c.word('STREAM')) return { k: 'describe', what: 'STREAM', name: c.objectName() };
  // These two are one to Snowflake.
  if (!c.word('TABLE') && !c.word('VIEW')) {
    if (c.peek().kind === 'word') throw unsupported(`DESCRIBE ${c.peek().text}`);
    c.fail();
  }
  const name = c.objectName();
  if (c.word('TYPE')) {
    c.expectOp('=');
    if (!c.word('COLUMNS')) throw unsupported('DESCRIBE TABLE TYPE');
  }
  return { k: 'describe', what: 'TABLE', name };
}

/** VALUES of an INSERT allows DEFAULT; both forms become a query. */
function parseInsert(c: Cursor): Statement {
  c.expectWord('INSERT');
  const overwrite = c.word('OVERWRITE');
  if (c.isWord('ALL') || c.isWord('FIRST')) throw unsupported('multi-table INSERT');
  c.expectWord('INTO');
  const name = c.objectName();
  const columns = c.isOp('(') && !startsQuery(c) ? c.names() : [];
  let query: Query;
  if (c.isWord('VALUES'))
    query = { k: 'query', ctes: [], body: { k: 'rows', rows: parseRows(c) }, order: [], limit: null, offset: null };
  else if (startsQuery(c)) query = parseQuery(c);
  else c.fail();
  return { k: 'insert', overwrite, name, columns, query };
}

function parseAssignments(c: Cursor, target: Name, alias: string | null): Assignment[] {
  const set: Assignment[] = [];
  do {
    const path = [c.identifier()];
    while (c.op('.')) path.push(c.identifier());
    const owner = path[path.length - 2];
    if (owner !== undefined && owner !== (alias ?? target[target.length - 1])) c.fail();
    c.expectOp('=');
    const isDefault = c.isWord('DEFAULT');
    if (isDefault) c.next();
    const value: Expr = isDefault ? { k: 'column', name: ['DEFAULT'] } : parseExpr(c);
    set.push({ column: path[path.length - 1]!, value });
  } while (c.op(','));
  return set;
}

function parseUpdate(c: Cursor): Statement {
  c.expectWord('UPDATE');
  const name = c.objectName();
  const alias = parseTableAlias(c);
  c.expectWord('SET');
  const set = parseAssignments(c, name, alias);
  const from = c.word('FROM') ? parseFrom(c) : null;
  return { k: 'update', name, alias, set, from, where: c.word('WHERE') ? parseExpr(c) : null };
}

function parseDelete(c: Cursor): Statement {
  c.expectWord('DELETE', 'FROM');
  const name = c.objectName();
  const alias = parseTableAlias(c);
  const using = c.word('USING') ? parseFrom(c) : null;
  return { k: 'delete', name, alias, using, where: c.word('WHERE') ? parseExpr(c) : null };
}

function parseMerge(c: Cursor): Statement {
  c.expectWord('MERGE', 'INTO');
  const name = c.objectName();
  const alias = parseTableAlias(c);
  c.expectWord('USING');
  const using = parseFrom(c);
  c.expectWord('ON');
  const on = parseExpr(c);
  const whens: MergeWhen[] = [];
  while (c.word('WHEN')) whens.push(parseWhen(c, name, alias));
  if (whens.length === 0) c.fail();
  return { k: 'merge', name, alias, using, on, whens };
}

function parseWhen(c: Cursor, name: Name, alias: string | null): MergeWhen {
  const matched = !c.word('NOT');
  c.expectWord('MATCHED');
  if (c.isWord('BY')) throw unsupported('WHEN NOT MATCHED BY');
  const and = c.word('AND') ? parseExpr(c) : null;
  c.expectWord('THEN');
  if (matched) {
    if (c.word('DELETE')) return { matched, and, set: 'DELETE' };
    c.expectWord('UPDATE');
    if (c.isWord('ALL')) throw unsupported('UPDATE ALL BY NAME');
    c.expectWord('SET');
    return { matched, and, set: parseAssignments(c, name, alias) };
  }
  c.expectWord('INSERT');
  if (c.isWord('ALL')) throw unsupported('INSERT ALL BY NAME');
  const columns = c.isOp('(') ? c.names() : [];
  const rows = parseRows(c);
  if (rows.length !== 1) c.fail();
  return { matched, and, columns, values: rows[0]! };
}
