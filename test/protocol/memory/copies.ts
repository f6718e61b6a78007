/** Staged copies of a query over the ledger: every row's value has a number, which is its cursor. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { Since } from '../../../lambdas/protocol/ports/snowflake.ts';
import type { Layout, QueryCut } from '../../../lambdas/protocol/window.ts';
import { bucketOf, type Ledger, type Row } from './ledger.ts';

/** Makes a copy of the rows whose cursor is not below `floor`; of a table, of what it has at a time. */
export type StageText = { kind: 'stage'; table: string; floor: number | null; at?: string };
/** Reads what a copy has that its base has not; `bulk` also what is gone. */
export type StagedText = {
  kind: 'staged';
  mode: QueryCut['mode'];
  partitions: number;
  table: string;
  base: string | null;
};

export const cursorOf = (value: string): number => Number(value.slice(1));

export function floorOf({ query }: Layout, since: Since | null): number | null {
  if (since === null) return null;
  return Math.max(Number(since.cursor.value) - query!.lag, Number(since.cursor.floor ?? 0));
}

export class Copies {
  readonly #ledger: Ledger;
  /** Key and value; what was dropped is kept for the oracle. */
  readonly #copies = new Map<string, [key: string, value: string][]>();
  readonly #dropped = new Set<string>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  make({ table, floor, at }: StageText, now: number): Row[] {
    if (this.#copies.has(table)) throw new SnowmeltError('SNOWFLAKE_STATEMENT', `${table} exists`);
    const rows = [...this.#ledger.state(at === undefined ? now : Date.parse(at))].filter(
      ([, value]) => floor === null || cursorOf(value) >= floor,
    );
    this.#copies.set(table, rows);
    return [];
  }

  names(): string[] {
    return [...this.#copies.keys()].filter((name) => !this.#dropped.has(name));
  }

  drop(name: string): void {
    this.#dropped.add(name);
  }

  /** @throws OBJECT_MISSING */
  of(name: string): [key: string, value: string][] {
    const rows = this.#copies.get(name);
    if (rows === undefined || this.#dropped.has(name)) throw new SnowmeltError('OBJECT_MISSING', name);
    return rows;
  }

  /** As a window's statement reads them; throws where a copy it names was dropped. */
  rows(text: StagedText): Row[] {
    const rows = this.of(text.table);
    return this.#differences(text, rows, text.base === null ? null : this.of(text.base));
  }

  /** As they were, whatever was dropped since. */
  rowsEver(text: StagedText): Row[] {
    return this.#differences(
      text,
      this.#copies.get(text.table)!,
      text.base === null ? null : this.#copies.get(text.base)!,
    );
  }

  #differences({ mode, partitions }: StagedText, rows: [string, string][], base: [string, string][] | null): Row[] {
    const was = new Map(base);
    const is = new Map(rows);
    const row = (action: string, [key, value]: [string, string]): Row => {
      return [key, value, key, action, null, String(bucketOf(key, partitions))];
    };
    const gone = mode === 'bulk' ? [...was].filter(([key, value]) => is.get(key) !== value) : [];
    const come = rows.filter(([key, value]) => was.get(key) !== value);
    return [...gone.map((each) => row('DELETE', each)), ...come.map((each) => row('INSERT', each))].sort(
      (a, b) =>
        Number(a[5]) - Number(b[5]) ||
        (a[2]! < b[2]! ? -1 : a[2]! > b[2]! ? 1 : 0) ||
        (a[3]! < b[3]! ? -1 : a[3]! > b[3]! ? 1 : 0),
    );
  }
}
