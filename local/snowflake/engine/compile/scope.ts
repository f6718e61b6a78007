/** What names mean at a place in a query. DuckDB never sees a Snowflake name: columns are resolved here, case and all. */
import { ambiguousColumn, invalidIdentifier } from '../errors.ts';
import type { Name } from '../parse/ast.ts';
import type { SqlType } from '../types.ts';
import type { Value } from './value.ts';

/** `id` is the column's name inside DuckDB. */
export type OutColumn = { name: string; id: string; type: SqlType; nullable: boolean; integer?: boolean };

/** A FROM item: `alias` is its DuckDB alias, `names` what a qualifier may call it, longest first. */
export type Relation = { alias: string; path: Name; columns: OutColumn[]; sequence?: string };

export const columnValue = (relation: Relation, column: OutColumn): Value => ({
  sql: `${relation.alias}.${column.id}`,
  type: column.type,
  nullable: column.nullable,
  ...(column.integer ? { integer: true } : {}),
});

export class Scope {
  readonly relations: Relation[];
  readonly parent: Scope | null;
  /** Columns that JOIN ... USING made one. */
  readonly merged = new Map<string, Value>();
  /** Names of select items; compiled when asked for. */
  readonly aliases = new Map<string, () => Value>();
  /** ORDER BY looks at select items before columns. */
  aliasesFirst = false;

  constructor(relations: Relation[], parent: Scope | null) {
    this.relations = relations;
    this.parent = parent;
  }

  resolve(name: Name): Value {
    const found = this.find(name);
    if (!found) throw invalidIdentifier(name.join('.'));
    return found;
  }

  find(name: Name): Value | null {
    if (name.length === 1) {
      const alias = this.aliases.get(name[0]!);
      const column = this.aliasesFirst && alias ? null : this.#column(name[0]!);
      return column ?? alias?.() ?? this.parent?.find(name) ?? null;
    }
    const column = name[name.length - 1]!;
    for (const relation of this.#named(name.slice(0, -1))) {
      const found = relation.columns.find((c) => c.name === column);
      if (found) return columnValue(relation, found);
    }
    return this.parent?.find(name) ?? null;
  }

  #column(name: string): Value | null {
    const merged = this.merged.get(name);
    if (merged) return merged;
    let found: Value | null = null;
    for (const relation of this.relations) {
      const columns = relation.columns.filter((c) => c.name === name);
      if (columns.length === 0) continue;
      if (found || columns.length > 1) throw ambiguousColumn(name);
      found = columnValue(relation, columns[0]!);
    }
    return found;
  }

  #named(qualifier: Name): Relation[] {
    return this.relations.filter((r) => {
      const tail = r.path.slice(-qualifier.length);
      return tail.length === qualifier.length && tail.every((part, i) => part === qualifier[i]);
    });
  }

  /** Columns of `*` or `t.*`, in order. */
  star(qualifier: Name): { name: string; value: Value }[] {
    const relations = qualifier.length === 0 ? this.relations : this.#named(qualifier);
    if (relations.length === 0) throw invalidIdentifier(`${qualifier.join('.')}.*`);
    const merged = qualifier.length === 0 ? [...this.merged].map(([name, value]) => ({ name, value })) : [];
    const skip = new Set(merged.map((m) => m.name));
    const rest = relations.flatMap((r) =>
      r.columns.filter((c) => !skip.has(c.name)).map((c) => ({ name: c.name, value: columnValue(r, c) })),
    );
    return [...merged, ...rest];
  }

  /** The row counter of a GENERATOR in reach. */
  sequence(): string | null {
    const generator = this.relations.find((r) => r.sequence);
    return generator ? `${generator.alias}.${generator.sequence!}` : (this.parent?.sequence() ?? null);
  }
}
