/** What a part of the benchmark is: a name on the command line, and lines of measures. */
import type { Context } from './context.ts';

export type Value = number | string | null;
/** The column's heading gives the unit. */
export type Line = { name: string; values: Record<string, Value> };

export type Part = {
  name: string;
  /** What is measured, in a sentence. */
  what: string;
  run(context: Context): Promise<Line[]>;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
