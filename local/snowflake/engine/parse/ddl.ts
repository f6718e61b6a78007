/** CREATE, DROP, UNDROP and ALTER of databases, schemas, tables, views and streams. A property that is not known is refused. */
import { unsupported } from '../errors.ts';
import type { AlterAction, ColumnDef, Create, Expr, Statement, TableOptions } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { parseExpr } from './expressions.ts';
import { parseCreateDynamic, parseCreateExternal, parseCreateStage, parseCreateView } from './objects.ts';
import { parsePoint, parseQuery } from './query.ts';

export function parseCreate(c: Cursor): Statement {
  c.expectWord('CREATE');
  const orReplace = c.word('OR', 'REPLACE');
  if (c.isWord('OR', 'ALTER')) throw unsupported('CREATE OR ALTER');
  for (const word of ['TEMPORARY', 'TEMP', 'VOLATILE', 'LOCAL', 'GLOBAL'])
    if (c.isWord(word)) throw unsupported('temporary table');
  const transient = c.word('TRANSIENT');
  const head = (): Create => ({ orReplace, transient, ifNotExists: c.word('IF', 'NOT', 'EXISTS') });
  for (const what of ['DATABASE', 'SCHEMA'] as const) {
    if (!c.word(what)) continue;
    const created = head();
    const name = c.objectName();
    for (const word of ['CLONE', 'AS']) if (c.isWord(word)) throw unsupported(`CREATE ${what} ${word}`);
    const share = what === 'DATABASE' && c.word('FROM', 'SHARE') ? c.objectName() : null;
    const retentionDays = share === null ? parseOptions(c).retentionDays : null;
    return { k: 'createNamespace', head: created, what, name, retentionDays, share };
  }
  if (c.word('ROLE')) {
    const { ifNotExists } = head();
    return { k: 'createRole', role: c.identifier(), ifNotExists };
  }
  if (!transient && c.word('STREAM')) return parseCreateStream(c, head());
  if (!transient && c.word('VIEW')) return parseCreateView(c, head());
  if (!transient && c.word('DYNAMIC', 'TABLE')) return parseCreateDynamic(c, head());
  if (!transient && c.word('EXTERNAL', 'TABLE')) return parseCreateExternal(c, head());
  if (!transient && c.word('STAGE')) return parseCreateStage(c, head());
  if (!transient && c.word('EVENT', 'TABLE'))
    return { k: 'createEventTable', head: head(), name: c.objectName(), options: parseOptions(c) };
  if (!c.word('TABLE')) {
    if (c.peek().kind === 'word') throw unsupported(`CREATE ${c.peek().text}`);
    c.fail();
  }
  return parseCreateTable(c, head());
}

function parseCreateStream(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  for (const word of ['CLONE', 'WITH', 'TAG', 'COPY']) if (c.isWord(word)) throw unsupported(`CREATE STREAM ${word}`);
  c.expectWord('ON');
  const what = (['TABLE', 'VIEW', 'DYNAMIC TABLE', 'EVENT TABLE', 'EXTERNAL TABLE', 'STAGE'] as const).find((each) =>
    c.word(...each.split(' ')),
  );
  if (what === undefined) {
    if (c.peek().kind === 'word') throw unsupported(`CREATE STREAM ON ${c.peek().text}`);
    c.fail();
  }
  const on = c.objectName();
  const at = parsePoint(c);
  const options = { mode: 'DEFAULT' as 'DEFAULT' | 'APPEND_ONLY' | 'INSERT_ONLY', initial: false, comment: '' };
  const flag = (): boolean => c.word('TRUE') || (c.expectWord('FALSE'), false);
  while (c.peek().kind === 'word') {
    const option = c.next();
    c.expectOp('=');
    if (option.text === 'APPEND_ONLY' || option.text === 'INSERT_ONLY') options.mode = flag() ? option.text : 'DEFAULT';
    else if (option.text === 'SHOW_INITIAL_ROWS') options.initial = flag();
    else if (option.text === 'COMMENT') options.comment = c.string();
    else throw unsupported(`stream property ${option.text}`);
  }
  return { k: 'createStream', head, name, what, on, at, ...options };
}

function parseCreateTable(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  if (!head.ifNotExists && c.word('IF', 'NOT', 'EXISTS')) head = { ...head, ifNotExists: true };
  if (c.word('LIKE')) return { k: 'createTableLike', head, name, like: c.objectName(), options: parseOptions(c) };
  if (c.word('CLONE')) {
    const of = c.objectName();
    const at = parsePoint(c);
    return { k: 'cloneTable', head, name, of, at, options: parseOptions(c) };
  }
  if (c.isOp('(') && isColumnNames(c)) {
    const columns = c.names();
    const options = parseOptions(c);
    c.expectWord('AS');
    return { k: 'createTableAs', head, name, columns, options, query: parseQuery(c) };
  }
  const columns = c.isOp('(') ? parseColumns(c) : [];
  const options = parseOptions(c);
  if (c.word('AS')) {
    if (columns.length > 0) throw unsupported('CREATE TABLE AS SELECT with column types');
    return { k: 'createTableAs', head, name, columns: [], options, query: parseQuery(c) };
  }
  if (columns.length === 0) c.fail();
  return { k: 'createTable', head, name, columns, options };
}

/** `(a, b)`: names without types, of a CTAS. */
const isColumnNames = (c: Cursor): boolean => c.isOp(',', 2) || c.isOp(')', 2);

function parseColumns(c: Cursor): ColumnDef[] {
  const columns: ColumnDef[] = [];
  const keys: string[] = [];
  c.expectOp('(');
  do {
    if (c.word('CONSTRAINT')) c.identifier();
    if (c.word('PRIMARY', 'KEY')) {
      keys.push(...c.names());
      skipConstraintProperties(c);
    } else if (c.isWord('UNIQUE') && c.isOp('(', 1)) {
      c.next();
      c.names();
      skipConstraintProperties(c);
    } else if (c.isWord('FOREIGN') || c.isWord('CHECK')) throw unsupported(`${c.peek().text} constraint`);
    else columns.push(parseColumn(c));
  } while (c.op(','));
  c.expectOp(')');
  for (const [i, key] of keys.entries()) {
    const column = columns.find((col) => col.name === key);
    if (!column) c.fail();
    column.primaryKey = i + 1;
    column.notNull = true;
  }
  return columns;
}

/** Constraints are not enforced by standard tables, so their properties change nothing. */
function skipConstraintProperties(c: Cursor): void {
  while (c.word('NOT', 'ENFORCED') || c.word('RELY') || c.word('NORELY') || c.word('NOVALIDATE'));
}

function parseColumn(c: Cursor): ColumnDef {
  const name = c.identifier();
  const type = c.dataType();
  const column: ColumnDef = {
    name,
    type,
    notNull: false,
    default: null,
    defaultText: null,
    primaryKey: 0,
    identity: null,
    comment: null,
  };
  for (;;) {
    if (c.word('CONSTRAINT')) c.identifier();
    if (c.word('NOT', 'NULL')) column.notNull = true;
    else if (c.word('NULL')) column.notNull = false;
    else if (c.word('DEFAULT')) {
      const start = c.position();
      column.default = parseDefault(c);
      column.defaultText = c.textSince(start);
    } else if (c.word('PRIMARY', 'KEY')) {
      column.primaryKey = 1;
      column.notNull = true;
      skipConstraintProperties(c);
    } else if (c.word('UNIQUE')) skipConstraintProperties(c);
    else if (c.word('AUTOINCREMENT') || c.word('IDENTITY')) column.identity = parseIdentity(c);
    else if (c.word('COMMENT')) column.comment = c.string();
    else if (c.isOp(',') || c.isOp(')') || c.peek().kind === 'end' || c.isOp(';')) return column;
    else if (['COLLATE', 'MASKING', 'WITH', 'TAG', 'REFERENCES', 'FOREIGN', 'AS', 'PROJECTION'].includes(c.peek().text))
      throw unsupported(`column property ${c.peek().text}`);
    else c.fail();
  }
}

/** NOT NULL after a default is the column's, not an operator. */
const parseDefault = (c: Cursor): Expr => parseExpr(c);

function parseIdentity(c: Cursor): { start: number; step: number } {
  let start = 1;
  let step = 1;
  if (c.op('(')) {
    start = c.integer();
    c.expectOp(',');
    step = c.integer();
    c.expectOp(')');
  } else {
    if (c.word('START')) start = (c.word('WITH'), c.integer());
    if (c.word('INCREMENT')) step = (c.word('BY'), c.integer());
  }
  if (!c.word('ORDER')) c.word('NOORDER');
  return { start, step };
}

export function parseOptions(c: Cursor): TableOptions {
  const options: TableOptions = { changeTracking: null, retentionDays: null, comment: null };
  for (;;) {
    const token = c.peek();
    if (token.kind !== 'word' || token.text === 'AS') return options;
    if (!c.isOp('=', 1)) {
      if (['CLUSTER', 'WITH', 'COPY', 'ROW', 'TAG', 'STAGE_FILE_FORMAT'].includes(token.text))
        throw unsupported(`table property ${token.text}`);
      return options;
    }
    if (c.word('CHANGE_TRACKING')) {
      c.expectOp('=');
      options.changeTracking = c.word('TRUE') || (c.expectWord('FALSE'), false);
    } else if (c.word('DATA_RETENTION_TIME_IN_DAYS')) {
      c.expectOp('=');
      options.retentionDays = c.integer();
    } else if (c.word('MAX_DATA_EXTENSION_TIME_IN_DAYS')) {
      c.expectOp('=');
      c.integer();
    } else if (c.word('COMMENT')) {
      c.expectOp('=');
      options.comment = c.string();
    } else throw unsupported(`table property ${token.text}`);
    c.op(',');
  }
}

export function parseDrop(c: Cursor): Statement {
  const undrop = c.next().text === 'UNDROP';
  const kinds = ['TABLE', 'STREAM', 'VIEW', 'DYNAMIC TABLE', 'EVENT TABLE', 'EXTERNAL TABLE', 'STAGE'] as const;
  for (const what of ['DATABASE', 'SCHEMA', ...kinds] as const) {
    if (!c.word(...what.split(' '))) continue;
    if (undrop) {
      if (what !== 'DATABASE' && what !== 'SCHEMA' && what !== 'TABLE') throw unsupported(`UNDROP ${what}`);
      return { k: 'undrop', what, name: c.objectName() };
    }
    const ifExists = c.word('IF', 'EXISTS');
    const name = c.objectName();
    if (!c.word('CASCADE')) c.word('RESTRICT');
    return { k: 'drop', what, ifExists, name };
  }
  if (c.peek().kind === 'word') throw unsupported(`${undrop ? 'UNDROP' : 'DROP'} ${c.peek().text}`);
  return c.fail();
}

export function parseAlter(c: Cursor): Statement {
  c.expectWord('ALTER');
  if (c.word('WAREHOUSE')) return parseAlterWarehouse(c);
  if (c.word('VIEW')) {
    const ifExists = c.word('IF', 'EXISTS');
    const name = c.objectName();
    c.expectWord('SET');
    const options = parseOptions(c);
    if (options.retentionDays !== null || (options.changeTracking === null && options.comment === null)) c.fail();
    return { k: 'alterView', ifExists, name, options };
  }
  if (c.word('DYNAMIC', 'TABLE')) {
    const name = c.objectName();
    if (!c.word('REFRESH')) throw unsupported(`ALTER DYNAMIC TABLE ${c.peek().text}`);
    return { k: 'refresh', name };
  }
  if (!c.word('TABLE')) {
    if (c.peek().kind === 'word') throw unsupported(`ALTER ${c.peek().text}`);
    c.fail();
  }
  const ifExists = c.word('IF', 'EXISTS');
  const name = c.objectName();
  return { k: 'alterTable', ifExists, name, action: parseAction(c) };
}

function parseAlterWarehouse(c: Cursor): Statement {
  const warehouse = c.identifier();
  c.expectWord('SET');
  if (!c.word('AUTO_SUSPEND')) throw unsupported(`ALTER WAREHOUSE SET ${c.peek().text}`);
  c.expectOp('=');
  return { k: 'alterWarehouse', warehouse, autoSuspend: c.word('NULL') ? null : c.integer() };
}

function parseAction(c: Cursor): AlterAction {
  if (c.word('SWAP', 'WITH')) return { k: 'swap', with: c.objectName() };
  if (c.word('RENAME', 'TO')) return { k: 'rename', to: c.objectName() };
  if (c.word('RENAME', 'COLUMN')) {
    const from = c.identifier();
    c.expectWord('TO');
    return { k: 'renameColumn', from, to: c.identifier() };
  }
  if (c.isWord('ADD') && ['PRIMARY', 'CONSTRAINT', 'UNIQUE', 'FOREIGN', 'ROW', 'SEARCH'].includes(c.peek(1).text))
    throw unsupported(`ALTER TABLE ADD ${c.peek(1).text}`);
  if (c.word('ADD')) {
    c.word('COLUMN');
    const ifNotExists = c.word('IF', 'NOT', 'EXISTS');
    const columns = [parseColumn(c)];
    while (c.op(',')) columns.push((c.word('COLUMN'), parseColumn(c)));
    return { k: 'addColumn', ifNotExists, columns };
  }
  if (c.isWord('DROP') && ['PRIMARY', 'CONSTRAINT', 'UNIQUE', 'FOREIGN', 'CLUSTERING'].includes(c.peek(1).text))
    throw unsupported(`ALTER TABLE DROP ${c.peek(1).text}`);
  if (c.word('DROP')) {
    c.word('COLUMN');
    const ifExists = c.word('IF', 'EXISTS');
    const columns = [c.identifier()];
    while (c.op(',')) columns.push((c.word('COLUMN'), c.identifier()));
    return { k: 'dropColumn', ifExists, columns };
  }
  if (c.word('ALTER') || c.word('MODIFY')) return parseAlterColumn(c);
  if (c.word('SET')) {
    const options = parseOptions(c);
    if (options.changeTracking === null && options.retentionDays === null && options.comment === null) c.fail();
    return { k: 'options', options };
  }
  if (c.peek().kind === 'word') throw unsupported(`ALTER TABLE ${c.peek().text}`);
  return c.fail();
}

function parseAlterColumn(c: Cursor): AlterAction {
  const parenthesis = c.op('(');
  c.word('COLUMN');
  const column = c.identifier();
  let action: AlterAction;
  if (c.word('SET', 'DATA', 'TYPE') || c.word('TYPE')) action = { k: 'setType', column, type: c.dataType() };
  else if (c.word('SET', 'NOT', 'NULL') || c.word('NOT', 'NULL')) action = { k: 'setNotNull', column, notNull: true };
  else if (c.word('DROP', 'NOT', 'NULL')) action = { k: 'setNotNull', column, notNull: false };
  else if (c.word('DROP', 'DEFAULT')) action = { k: 'setDefault', column, drop: true };
  else if (c.isWord('SET') || c.isWord('UNSET') || c.isWord('COMMENT'))
    throw unsupported(`ALTER COLUMN ${c.peek().text} ${c.peek(1).text}`);
  else action = { k: 'setType', column, type: c.dataType() };
  if (c.isOp(',')) throw unsupported('ALTER of several columns in one statement');
  if (parenthesis) c.expectOp(')');
  return action;
}
