/** What compiling a statement needs to know of its session and of the tables, and what it finds out on the way. */
import type { Binding } from '../../contract.ts';
import type { Expr, Point, TableRef } from '../parse/ast.ts';
import type { Formats } from './casts.ts';
import type { OutColumn } from './scope.ts';
import type { Value } from './value.ts';

export type Source = { sql: string; columns: OutColumn[]; path: string[] };

export type CompileContext = {
  readonly formats: Formats;
  /** Start of the statement, nanoseconds: CURRENT_TIMESTAMP stands still inside one, and moves between them. */
  readonly now: bigint;
  readonly bindings: Record<string, Binding>;
  readonly variables: ReadonlyMap<string, string>;
  /** Values of AT, BEFORE and END, evaluated before compiling. */
  readonly points: ReadonlyMap<Point, bigint | string | null>;
  readonly ctes: Map<string, { sql: string; columns: OutColumn[] }>;
  /** Set when rows of a table, a result or a generator are read. */
  touchesData: boolean;
  /** Appended to ORDER BY so that what SQL leaves open is really left open; null keeps DuckDB's order. */
  readonly shuffle: ((columns: OutColumn[]) => string) | null;
  /** Calls of random functions that a query computed once per row. */
  readonly hoisted: Map<Expr, Value>;
  /** Every FROM item has a hidden column `__rid` that tells its rows apart, and so has what is compiled. */
  readonly rowIds?: boolean;
  fresh(): number;
  /** The answer to an assumption. */
  assume(id: string): string;
  table(ref: TableRef): Source;
  result(queryId: string): Source;
  lastQueryId(back: number): string | null;
  /** CURRENT_ROLE() and its kind; undefined when there is no such function. */
  sessionValue(name: string): string | null | undefined;
  /** Token of SYSTEM$LAST_CHANGE_COMMIT_TIME. */
  lastChange(table: string): string | null;
  /** SYSTEM$STREAM_HAS_DATA. */
  hasData(stream: string): boolean;
  /** What AT(STREAM => ...) means. */
  streamOffset(stream: string): bigint;
};

/** Every AT, BEFORE and END in a statement, wherever it stands. */
export function pointsIn(
  node: unknown,
  found: { point: Point; changes: boolean }[] = [],
): { point: Point; changes: boolean }[] {
  if (Array.isArray(node)) for (const item of node) pointsIn(item, found);
  else if (node && typeof node === 'object') {
    const item = node as { k?: string; at?: Point | null; changes?: { at: Point; end: Point | null } | null };
    if (item.k === 'table' || item.k === 'cloneTable' || item.k === 'createStream') {
      if (item.at) found.push({ point: item.at, changes: item.k === 'createStream' });
      if (item.changes) {
        found.push({ point: item.changes.at, changes: true });
        if (item.changes.end) found.push({ point: item.changes.end, changes: true });
      }
    } else for (const child of Object.values(node)) pointsIn(child, found);
  }
  return found;
}
