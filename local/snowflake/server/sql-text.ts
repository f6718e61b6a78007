/**
 * What the server must know about a statement before the engine parses it: how many there are in a request, the
 * kind, and the tables named. Works on tokens, so quotes, comments and `$$` blocks cannot mislead it.
 */

type Token = { text: string; kind: 'word' | 'quoted' | 'string' | 'other' };

/** Splits SQL into tokens, at most `limit`, without comments and white space. */
export function tokens(sql: string, limit = Infinity): Token[] {
  const pattern =
    /--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\]|''|\\[\s\S])*'?|"(?:[^"]|"")*"?|\$\$[\s\S]*?(?:\$\$|$)|[\p{L}_$][\p{L}\p{N}_$]*|\d[\w.]*|\s+|[\s\S]/gu;
  const found: Token[] = [];
  for (const [text] of sql.matchAll(pattern)) {
    if (/^(--|\/\/|\/\*|\s)/.test(text)) continue;
    const first = text[0]!;
    if (first === "'" || text.startsWith('$$')) found.push({ text, kind: 'string' });
    else if (first === '"') found.push({ text, kind: 'quoted' });
    else found.push({ text, kind: /[\p{L}_$]/u.test(first) ? 'word' : 'other' });
    if (found.length >= limit) break;
  }
  return found;
}

/** Statements in the text; a Snowflake Scripting block counts as one. */
export function countStatements(list: Token[]): number {
  if (isBlock(list)) return 1;
  let count = 0;
  let open = false;
  for (const token of list) {
    if (token.text === ';') open = false;
    else if (!open) {
      open = true;
      count++;
    }
  }
  return count;
}

function isBlock(list: Token[]): boolean {
  const first = word(list[0]);
  if (first === 'DECLARE') return true;
  if (first !== 'BEGIN') return false;
  const second = list[1];
  return second !== undefined && second.text !== ';' && !['TRANSACTION', 'WORK', 'NAME'].includes(word(second));
}

/** The statement's kind in capitals: its first word, with synonyms folded (`WITH` is a SELECT, `DESC` a DESCRIBE). */
export function statementKind(sql: string): string {
  const list = tokens(sql, 20);
  const first = word(list.find((token) => token.text !== '('));
  if (isBlock(list)) return 'BLOCK';
  const synonyms: Record<string, string> = { WITH: 'SELECT', DESC: 'DESCRIBE', START: 'BEGIN' };
  return synonyms[first] ?? (first === '' ? 'EMPTY' : first);
}

/**
 * Tables that a statement names after FROM, JOIN, INTO, UPDATE and TABLE, or as the argument of a SYSTEM$ function,
 * as `DB.SCHEMA.TABLE` in the case Snowflake would resolve them to.
 */
export function tablesNamed(list: Token[], database: string | null, schema: string | null): string[] {
  const found = new Set<string>();
  for (let i = 0; i < list.length; i++) {
    if (['FROM', 'JOIN', 'INTO', 'UPDATE', 'TABLE', 'USING'].includes(word(list[i]))) {
      const parts = nameAt(list, i + 1);
      if (parts.length > 0) found.add(qualify(parts, database, schema));
    }
    const argument = list[i + 2];
    if (word(list[i]).startsWith('SYSTEM$') && list[i + 1]?.text === '(' && argument?.kind === 'string') {
      const inner = tokens(argument.text.slice(1, -1).replaceAll("''", "'"));
      found.add(qualify(nameAt(inner, 0), database, schema));
    }
  }
  return [...found];
}

function nameAt(list: Token[], start: number): string[] {
  const parts: string[] = [];
  for (let i = start; ; i += 2) {
    const token = list[i];
    if (token === undefined) break;
    if (token.kind === 'quoted') parts.push(token.text.slice(1, -1).replaceAll('""', '"'));
    else if (token.kind === 'word') parts.push(token.text.toUpperCase());
    else break;
    if (list[i + 1]?.text !== '.') break;
  }
  // A name followed by a bracket is a table function.
  return list[start + parts.length * 2 - 1]?.text === '(' && parts.length === 1 ? [] : parts;
}

function qualify(parts: string[], database: string | null, schema: string | null): string {
  const [table, inSchema, inDatabase] = [...parts].reverse();
  return [inDatabase ?? database ?? '', inSchema ?? schema ?? '', table ?? ''].join('.');
}

function word(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toUpperCase() : '';
}
