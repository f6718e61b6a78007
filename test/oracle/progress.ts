/**
 * The topic of progress against the window log: each partition with rows in a window tells its end once, with its bounds and
 * counts. What the log says of rows is believed here; that they came is judged elsewhere.
 */
import { noDefects, type Defects } from './compare.ts';
import type { TopicRecord } from './topic.ts';
import type { Bounds } from './windows.ts';

type End = { source: string; window: number; partition: number; from: string | null; to: string; rows: number };

/** `records` may be of other sources, too. */
export function checkProgress(
  source: string,
  windows: readonly Bounds[],
  records: readonly TopicRecord[],
  explain: (what: string) => void,
): Defects {
  const defects = noDefects();
  const expected = new Map<string, string>();
  for (const { number, from, to, rows } of windows) {
    for (const [partition, count] of rows ?? []) expected.set(`${number}/${partition}`, `${from} ${to} ${count}`);
  }
  const seen = new Set<string>();
  const newest = new Map<number, number>();
  for (const { value } of records) {
    const end = JSON.parse(String(value)) as End;
    if (end.source !== source) continue;
    const id = `${end.window}/${end.partition}`;
    const before = newest.get(end.partition) ?? 0;
    if (seen.has(id)) defects.duplicated++;
    else if (expected.get(id) !== `${end.from} ${end.to} ${end.rows}`) defects.mismatched++;
    else if (before > end.window) defects.reordered++;
    seen.add(id);
    newest.set(end.partition, Math.max(before, end.window));
  }
  for (const id of expected.keys()) {
    if (seen.has(id)) continue;
    defects.missing++;
    explain(`no END of ${id}`);
  }
  return defects;
}
