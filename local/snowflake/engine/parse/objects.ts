/** CREATE of what is like a table and is none: views, dynamic tables, external tables, stages with their directory tables. */
import { unsupported } from '../errors.ts';
import type { ColumnDef, Create, Query, Statement, TableOptions } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { parseOptions } from './ddl.ts';
import { parseExpr } from './expressions.ts';
import { parseQuery } from './query.ts';

export function parseCreateView(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  const columns = c.isOp('(') ? c.names() : [];
  const options = parseOptions(c);
  if (options.retentionDays !== null) c.fail();
  c.expectWord('AS');
  return { k: 'createView', head, name, columns, options, ...parseDefinition(c) };
}

/** It is refreshed when it is told to, whatever its TARGET_LAG. */
export function parseCreateDynamic(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  const options: TableOptions = { changeTracking: true, retentionDays: null, comment: null };
  while (!c.word('AS')) {
    const option = c.next();
    c.expectOp('=');
    if (option.text === 'TARGET_LAG' && c.peek().kind === 'string') c.string();
    else if (option.text === 'TARGET_LAG') c.expectWord('DOWNSTREAM');
    else if (option.text === 'WAREHOUSE') c.identifier();
    else if (option.text === 'COMMENT') options.comment = c.string();
    else if (option.text === 'REFRESH_MODE' && (c.word('INCREMENTAL') || c.word('AUTO'))) continue;
    else throw unsupported(`dynamic table property ${option.text}`);
  }
  return { k: 'createDynamicTable', head, name, columns: [], options, ...parseDefinition(c) };
}

/** What its columns are of a file's row, and where the files are, is for those who load them here. */
export function parseCreateExternal(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  const columns: ColumnDef[] = [];
  c.expectOp('(');
  do {
    const column = { name: c.identifier(), type: c.dataType() };
    c.expectWord('AS');
    c.expectOp('(');
    parseExpr(c);
    c.expectOp(')');
    const nothing = { default: null, defaultText: null, primaryKey: 0, identity: null, comment: null };
    columns.push({ ...column, notNull: false, ...nothing });
  } while (c.op(','));
  c.expectOp(')');
  c.expectWord('LOCATION');
  c.expectOp('=');
  c.expectOp('@');
  do c.identifier();
  while (c.op('.') || c.op('/'));
  c.expectWord('FILE_FORMAT');
  c.expectOp('=');
  c.expectOp('(');
  c.expectWord('TYPE');
  c.expectOp('=');
  c.identifier();
  c.expectOp(')');
  return { k: 'createExternalTable', head, name, columns };
}

/** Of a stage only its directory table is here: which files it has. */
export function parseCreateStage(c: Cursor, head: Create): Statement {
  const name = c.objectName();
  if (!c.word('DIRECTORY')) throw unsupported('stage without a directory table');
  c.expectOp('=');
  c.expectOp('(');
  c.expectWord('ENABLE');
  c.expectOp('=');
  if (!c.word('TRUE')) throw unsupported('stage without a directory table');
  c.expectOp(')');
  return { k: 'createStage', head, name };
}

/** REMOVE @stage/path: the path is taken as it is written, its case included. */
export function parseRemove(c: Cursor): Statement {
  c.next();
  c.expectOp('@');
  const name = c.objectName();
  if (!c.op('/')) return { k: 'remove', name, path: '' };
  const start = c.position();
  while (c.peek().kind !== 'end' && !c.isOp(';')) c.next();
  if (c.position() === start) return { k: 'remove', name, path: '' };
  return { k: 'remove', name, path: c.textSince(start) };
}

function parseDefinition(c: Cursor): { query: Query; text: string } {
  const start = c.position();
  const query = parseQuery(c);
  return { query, text: c.textSince(start) };
}
