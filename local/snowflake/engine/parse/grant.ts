/** GRANT and REVOKE of what this account knows: privileges that reading takes, and roles. The rest is refused. */
import { unsupported } from '../errors.ts';
import type { Statement } from './ast.ts';
import type { Cursor } from './cursor.ts';

const KINDS = [
  'WAREHOUSE',
  'DATABASE',
  'SCHEMA',
  'TABLE',
  'VIEW',
  'DYNAMIC TABLE',
  'EVENT TABLE',
  'EXTERNAL TABLE',
  'STAGE',
  'STREAM',
] as const;
const PRIVILEGES: Record<(typeof KINDS)[number], string[]> = {
  WAREHOUSE: ['USAGE'],
  DATABASE: ['USAGE', 'IMPORTED PRIVILEGES'],
  SCHEMA: ['USAGE', 'CREATE TABLE', 'CREATE STREAM'],
  TABLE: ['SELECT'],
  VIEW: ['SELECT'],
  'DYNAMIC TABLE': ['SELECT'],
  'EVENT TABLE': ['SELECT'],
  'EXTERNAL TABLE': ['SELECT'],
  // Of an internal stage, and of an external one; here they are one.
  STAGE: ['READ', 'USAGE'],
  STREAM: ['SELECT'],
};

export function parseGrant(c: Cursor): Statement {
  const verb = c.next().text;
  const granted = verb === 'GRANT';
  const direction = granted ? 'TO' : 'FROM';
  if (c.word('ROLE')) {
    const role = c.identifier();
    c.expectWord(direction);
    if (!c.word('USER')) throw unsupported(`${verb} ROLE to another role`);
    return { k: 'grant', granted, role, what: { user: c.identifier() } };
  }
  const privileges: string[] = [];
  do privileges.push(parsePrivilege(c));
  while (c.op(','));
  c.expectWord('ON');
  const tables = (['ALL', 'FUTURE'] as const).find((each) => c.word(each, 'TABLES', 'IN', 'SCHEMA'));
  if (tables !== undefined) {
    if (privileges.some((each) => each !== 'SELECT'))
      throw unsupported(`${verb} ${privileges.join(', ')} ON ${tables} TABLES`);
    const schema = c.objectName();
    c.expectWord(direction, 'ROLE');
    return { k: 'grant', granted, role: c.identifier(), what: { privileges, tables, schema } };
  }
  const kind = KINDS.find((each) => c.word(...each.split(' ')));
  const strange = kind === undefined ? c.peek().text : privileges.find((each) => !PRIVILEGES[kind].includes(each));
  if (kind === undefined || strange !== undefined)
    throw unsupported(`${verb} ${privileges.join(', ')} ON ${kind ?? strange}`);
  const name = c.objectName();
  c.expectWord(direction, 'ROLE');
  return { k: 'grant', granted, role: c.identifier(), what: { privileges, kind, name } };
}

function parsePrivilege(c: Cursor): string {
  const words: string[] = [];
  while (c.peek().kind === 'word' && !c.isWord('ON')) words.push(c.next().text);
  if (words.length === 0) c.fail();
  return words.join(' ');
}
