/** Snowflake's tokens. Strings take doubled quotes and backslash escapes; `$$` quotes raw text. */
import { syntaxError } from '../errors.ts';

export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'op' | 'variable' | 'end';

/** `text` is the value (unquoted, unescaped; an unquoted word in upper case), `start`..`end` its place in the source. */
export type Token = { kind: TokenKind; text: string; start: number; end: number };

const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD_PART = /[A-Za-z0-9_$\u0080-\uffff]/;
const OPERATORS = ['::', '=>', '<=', '>=', '<>', '!=', '||', '->'];
const SINGLE = '()[]{},.;:?=<>+-*/%@';
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' };

export function place(source: string, at: number): { line: number; pos: number } {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  return { line, pos: at - (before.lastIndexOf('\n') + 1) };
}

export function unexpected(source: string, token: Token): Error {
  const { line, pos } = place(source, token.start);
  return syntaxError(line, pos, token.kind === 'end' ? '<EOF>' : source.slice(token.start, token.end));
}

/** All tokens of a source, closed by one of kind `end`. `ignoreCase`: quoted names are folded like others. */
export function tokenize(source: string, ignoreCase = false): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const fail = (): never => {
    throw unexpected(source, { kind: 'op', text: '', start: at, end: Math.min(at + 1, source.length) });
  };
  while (at < source.length) {
    const c = source[at]!;
    if (c === ' ' || c === '\n' || c === '\t' || c === '\r') {
      at++;
    } else if (source.startsWith('--', at) || source.startsWith('//', at)) {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2);
      if (end < 0) fail();
      at = end + 2;
    } else if (c === "'") {
      const [value, end] = readString(source, at, fail);
      tokens.push({ kind: 'string', text: value, start: at, end });
      at = end;
    } else if (c === '"') {
      let end = at + 1;
      while (source[end] !== '"' || source[end + 1] === '"') {
        if (end >= source.length) fail();
        end += source[end] === '"' ? 2 : 1;
      }
      const name = source.slice(at + 1, end).replaceAll('""', '"');
      tokens.push({ kind: 'quoted', text: ignoreCase ? name.toUpperCase() : name, start: at, end: end + 1 });
      at = end + 1;
    } else if (source.startsWith('$$', at)) {
      const end = source.indexOf('$$', at + 2);
      if (end < 0) fail();
      tokens.push({ kind: 'string', text: source.slice(at + 2, end), start: at, end: end + 2 });
      at = end + 2;
    } else if (c === '$') {
      const name = /^\$[A-Za-z0-9_]+/.exec(source.slice(at, at + 256))?.[0] ?? fail();
      tokens.push({ kind: 'variable', text: name.slice(1).toUpperCase(), start: at, end: at + name.length });
      at += name.length;
    } else if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(source[at + 1] ?? ''))) {
      const number = /^(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/.exec(source.slice(at, at + 512))![0];
      tokens.push({ kind: 'number', text: number, start: at, end: at + number.length });
      at += number.length;
    } else if (WORD_START.test(c)) {
      let end = at + 1;
      while (end < source.length && WORD_PART.test(source[end]!)) end++;
      tokens.push({ kind: 'word', text: source.slice(at, end).toUpperCase(), start: at, end });
      at = end;
    } else {
      const op = OPERATORS.find((o) => source.startsWith(o, at)) ?? (SINGLE.includes(c) ? c : fail());
      tokens.push({ kind: 'op', text: op, start: at, end: at + op.length });
      at += op.length;
    }
  }
  tokens.push({ kind: 'end', text: '', start: source.length, end: source.length });
  return tokens;
}

function readString(source: string, start: number, fail: () => never): [value: string, end: number] {
  let value = '';
  let from = start + 1;
  for (let at = from; ; at++) {
    const c = source[at];
    if (c === undefined) fail();
    if (c === "'") {
      value += source.slice(from, at);
      if (source[at + 1] !== "'") return [value, at + 1];
      value += "'";
      at++;
      from = at + 1;
    } else if (c === '\\') {
      value += source.slice(from, at);
      const next = source[at + 1] ?? fail();
      const hex = next === 'x' ? /^[0-9a-fA-F]{2}/.exec(source.slice(at + 2, at + 4)) : null;
      const unicode = next === 'u' ? /^[0-9a-fA-F]{4}/.exec(source.slice(at + 2, at + 6)) : null;
      const code = hex ?? unicode;
      value += code ? String.fromCharCode(parseInt(code[0], 16)) : (ESCAPES[next] ?? next);
      at += 1 + (code ? code[0].length : 0);
      from = at + 1;
    }
  }
}
