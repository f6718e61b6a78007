/** The closed list of functions. What is not here is Snowflake's "Unknown function". */
import { badArguments, compilationError, invalidValue } from '../errors.ts';
import type { Expr, FunctionCall } from '../parse/ast.ts';
import * as types from '../types.ts';
import { typeName, type SqlType } from '../types.ts';
import { coerce, toJson } from './casts.ts';
import type { CompileContext } from './context.ts';
import { compileExpr, numeric, overSql } from './expressions.ts';
import type { Scope } from './scope.ts';
import type { Value } from './value.ts';

export type Definition = { kind: 'scalar' | 'aggregate' | 'window'; compile(call: Call): Value };

/** One call being compiled: its arguments on demand, brought to the type a function wants. */
export class Call {
  readonly ast: FunctionCall;
  readonly scope: Scope;
  readonly cx: CompileContext;
  readonly #values: Value[] = [];

  constructor(ast: FunctionCall, scope: Scope, cx: CompileContext) {
    this.ast = ast;
    this.scope = scope;
    this.cx = cx;
  }

  get count(): number {
    return this.ast.args.length;
  }

  arity(least: number, most = least): this {
    const few = this.count < least;
    if (few || this.count > most)
      throw compilationError(
        few ? '000938' : '000939',
        '22023',
        `error line 1 at position 0\n${few ? 'not enough' : 'too many'} arguments for function [${this.ast.name}] expected ${few ? least : most}, got ${this.count}`,
      );
    return this;
  }

  arg(i: number): Value {
    return (this.#values[i] ??= compileExpr(this.ast.args[i]!, this.scope, this.cx));
  }

  all(from = 0): Value[] {
    return this.ast.args.slice(from).map((_, i) => this.arg(from + i));
  }

  as(i: number, type: SqlType): string {
    return coerce(this.arg(i), type, this.cx.formats).sql;
  }

  text(i: number): string {
    return this.as(i, types.text());
  }

  integer(i: number): string {
    return `CAST(${this.as(i, types.fixed(18))} AS BIGINT)`;
  }

  number(i: number): Value {
    return numeric(this.arg(i), this.cx);
  }

  json(i: number): string {
    return toJson(this.arg(i), this.cx.formats);
  }

  /** A date part: `DAY`, `'day'`. */
  word(i: number): string {
    const e: Expr | undefined = this.ast.args[i];
    if (e?.k === 'column' && e.name.length === 1) return e.name[0]!.toUpperCase();
    if (e?.k === 'string') return e.value.toUpperCase();
    throw invalidValue(`[date part] of ${this.ast.name}`);
  }

  /** A constant text argument: a format, a zone. */
  constant(i: number): string {
    const { literal } = this.arg(i);
    if (literal === undefined) throw invalidValue(`[argument ${i + 1}] of ${this.ast.name}: it must be a constant`);
    return literal;
  }

  constantInteger(i: number): number {
    const text = this.arg(i).number ?? this.arg(i).literal;
    if (text === undefined || !/^-?\d+$/.test(text))
      throw invalidValue(`[argument ${i + 1}] of ${this.ast.name}: it must be a constant`);
    return Number(text);
  }

  nullable(): boolean {
    return this.all().some((v) => v.nullable);
  }

  over(): string {
    return overSql(this.ast, this.scope, this.cx);
  }

  refuse(): never {
    throw badArguments(
      this.ast.name,
      this.all()
        .map((v) => typeName(v.type))
        .join(', '),
    );
  }
}

export const FUNCTIONS = new Map<string, Definition>();

/** Registers a function under its name and its synonyms. */
export function define(names: string, kind: Definition['kind'], compile: (call: Call) => Value): void {
  for (const name of names.split(' ')) FUNCTIONS.set(name, { kind, compile });
}
