/** A reading position in a token list, shared by all parse files. Every mismatch is Snowflake's syntax error 001003. */
import type { Binding } from '../../contract.ts';
import { bindNotSet, invalidIdentifier, invalidValue, unsupported } from '../errors.ts';
import {
  fixed,
  text,
  binary,
  time,
  timestamp,
  REAL,
  BOOLEAN,
  DATE,
  VARIANT,
  OBJECT,
  ARRAY,
  FILE,
  type SqlType,
} from '../types.ts';
import type { Name } from './ast.ts';
import { tokenize, unexpected, type Token } from './lexer.ts';

export type ParseContext = {
  bindings: Record<string, Binding>;
  variables: ReadonlyMap<string, string>;
  /** What TIMESTAMP means: the session's TIMESTAMP_TYPE_MAPPING. */
  timestampMapping: string;
  /** The session's QUOTED_IDENTIFIERS_IGNORE_CASE. */
  ignoreCase: boolean;
};

export class Cursor {
  readonly source: string;
  readonly context: ParseContext;
  #tokens: Token[];
  #at = 0;
  #binds = 0;

  constructor(source: string, context: ParseContext) {
    this.source = source;
    this.context = context;
    this.#tokens = tokenize(source, context.ignoreCase);
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  fail(token = this.peek()): never {
    throw unexpected(this.source, token);
  }

  isOp(op: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'op' && token.text === op;
  }

  /** Whether the next words are these. */
  isWord(...words: string[]): boolean {
    return words.every((w, i) => this.peek(i).kind === 'word' && this.peek(i).text === w);
  }

  op(op: string): boolean {
    if (!this.isOp(op)) return false;
    this.#at++;
    return true;
  }

  word(...words: string[]): boolean {
    if (!this.isWord(...words)) return false;
    this.#at += words.length;
    return true;
  }

  expectOp(op: string): void {
    if (!this.op(op)) this.fail();
  }

  expectWord(...words: string[]): void {
    if (!this.word(...words)) this.fail();
  }

  nextBind(): string {
    return String(++this.#binds);
  }

  position(): number {
    return this.#at;
  }

  reset(position: number): void {
    this.#at = position;
  }

  /** The source between two token positions, as written. */
  textSince(position: number): string {
    return this.source.slice(this.#tokens[position]!.start, this.#tokens[Math.max(this.#at - 1, position)]!.end);
  }

  identifier(): string {
    const token = this.next();
    if (token.kind !== 'word' && token.kind !== 'quoted') this.fail(token);
    return token.text;
  }

  string(): string {
    const token = this.next();
    if (token.kind !== 'string') this.fail(token);
    return token.text;
  }

  integer(): number {
    const token = this.next();
    if (token.kind !== 'number' || !/^\d+$/.test(token.text)) this.fail(token);
    return Number(token.text);
  }

  /** A dotted object name; IDENTIFIER('...'), IDENTIFIER(?), IDENTIFIER($v) stand for one anywhere. `DB..T` has an empty schema. */
  objectName(): Name {
    if (this.isWord('IDENTIFIER') && this.isOp('(', 1)) return this.#identifierFunction();
    const parts = [this.identifier()];
    while (this.op('.')) parts.push(this.isOp('.') ? '' : this.identifier());
    if (parts.length > 3) this.fail();
    return parts;
  }

  #identifierFunction(): Name {
    this.expectWord('IDENTIFIER');
    this.expectOp('(');
    const token = this.next();
    let name: string;
    if (token.kind === 'string') name = token.text;
    else if (token.kind === 'variable') name = this.variable(token.text);
    else if (token.kind === 'op' && token.text === '?') name = this.bindText(this.nextBind());
    else if (token.kind === 'op' && token.text === ':') name = this.bindText(this.next().text);
    else this.fail(token);
    this.expectOp(')');
    return parseName(name, this.context.ignoreCase);
  }

  variable(name: string): string {
    const value = this.context.variables.get(name);
    if (value === undefined) throw invalidIdentifier(`$${name}`);
    return value;
  }

  bindText(index: string): string {
    const value = this.context.bindings[index]?.value;
    if (typeof value !== 'string') throw bindNotSet(index);
    return value;
  }

  names(): string[] {
    const names: string[] = [];
    this.expectOp('(');
    do names.push(this.identifier());
    while (this.op(','));
    this.expectOp(')');
    return names;
  }

  dataType(): SqlType {
    const token = this.next();
    if (token.kind !== 'word') this.fail(token);
    const sizes: number[] = [];
    const name = token.text;
    if (name === 'DOUBLE') this.word('PRECISION');
    if (name === 'CHARACTER' || name === 'CHAR') this.word('VARYING');
    if (this.op('(')) {
      do sizes.push(this.integer());
      while (this.op(','));
      this.expectOp(')');
    }
    return this.#typeOf(name, sizes, token);
  }

  #typeOf(name: string, sizes: number[], token: Token): SqlType {
    const arity = (most: number): void => {
      if (sizes.length > most) this.fail(token);
    };
    const [size, second] = sizes;
    switch (name) {
      case 'NUMBER':
      case 'DECIMAL':
      case 'DEC':
      case 'NUMERIC':
        arity(2);
        if ((size ?? 38) < 1 || (size ?? 38) > 38 || (second ?? 0) > Math.min(37, size ?? 38))
          throw invalidValue(`[NUMBER(${sizes.join(',')})] for precision and scale`);
        return fixed(size ?? 38, second ?? 0);
      case 'INT':
      case 'INTEGER':
      case 'BIGINT':
      case 'SMALLINT':
      case 'TINYINT':
      case 'BYTEINT':
        arity(0);
        return fixed();
      case 'FLOAT':
      case 'FLOAT4':
      case 'FLOAT8':
      case 'DOUBLE':
      case 'REAL':
        arity(0);
        return REAL;
      case 'VARCHAR':
      case 'STRING':
      case 'TEXT':
      case 'NVARCHAR':
        arity(1);
        return text(size);
      case 'CHAR':
      case 'CHARACTER':
      case 'NCHAR':
        arity(1);
        return text(size ?? 1);
      case 'BINARY':
      case 'VARBINARY':
        arity(1);
        return binary(size);
      case 'BOOLEAN':
        arity(0);
        return BOOLEAN;
      case 'DATE':
        arity(0);
        return DATE;
      case 'FILE':
        arity(0);
        return FILE;
      case 'VARIANT':
      case 'OBJECT':
      case 'ARRAY':
        if (this.isOp('(') || sizes.length > 0) throw unsupported(`structured ${name}`);
        return name === 'VARIANT' ? VARIANT : name === 'OBJECT' ? OBJECT : ARRAY;
    }
    const scale = size ?? 9;
    arity(1);
    if (scale > 9) throw invalidValue(`[${scale}] for scale`);
    switch (name) {
      case 'TIME':
        return time(scale);
      case 'DATETIME':
      case 'TIMESTAMP_NTZ':
      case 'TIMESTAMPNTZ':
        return timestamp('timestamp_ntz', scale);
      case 'TIMESTAMP_LTZ':
      case 'TIMESTAMPLTZ':
        return timestamp('timestamp_ltz', scale);
      case 'TIMESTAMP_TZ':
      case 'TIMESTAMPTZ':
        return timestamp('timestamp_tz', scale);
      case 'TIMESTAMP':
        return timestamp(this.context.timestampMapping.toLowerCase() as 'timestamp_ntz', scale);
    }
    throw unsupported(`data type ${name}`);
  }
}

/** A dotted name in text, e.g. an argument of SYSTEM$LAST_CHANGE_COMMIT_TIME. */
export function parseName(source: string, ignoreCase = false): Name {
  const cursor = new Cursor(source, {
    bindings: {},
    variables: new Map(),
    timestampMapping: 'TIMESTAMP_NTZ',
    ignoreCase,
  });
  const name = cursor.objectName();
  if (cursor.peek().kind !== 'end') cursor.fail();
  return name;
}
