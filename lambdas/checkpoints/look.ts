/** Everything that plan and publish decide on, read consistently, and in an order that never shows half of a step. */
import { SnowmeltError } from '../errors.ts';
import type { SourceState } from '../protocol/ports/state.ts';
import type { Window } from '../protocol/window.ts';
import { readAll } from './leases.ts';
import { readSourceMeta } from './source-meta.ts';
import type { Table } from './table.ts';
import { readLayouts, readWindows } from './window-log.ts';

/**
 * Writers make partition items, then their layout, then windows that name it. Read backwards, each part is found that an
 * already seen one rests on; what came meanwhile is only newer.
 *
 *   written    partition items ---> layout ---> window
 *   read       meta ---> windows ---> layouts ---> partition items
 *
 * null when the source has no `meta` yet. `overGap`: what is left of a log that lacks a window is answered all the same.
 */
export async function look(table: Table, source: string, overGap = false): Promise<SourceState | null> {
  const meta = await readSourceMeta(table, source);
  if (meta === null) return null;
  const { finishedThrough } = meta;
  // The last finished window comes along: it is the head when nothing is open.
  const found = await readWindows(table, source, finishedThrough);
  const windows = found.filter((window) => window.number > finishedThrough);
  const gap = gapIn(windows, found, finishedThrough);
  if (gap !== null) {
    // Windows that were finished and pruned after `meta` was read leave no gap in the log, only in this reading.
    const again = await readSourceMeta(table, source);
    if (again !== null && again.finishedThrough > finishedThrough) return look(table, source, overGap);
    const what = `Source ${source}: window ${gap} is missing after ${finishedThrough} finished ones.`;
    if (!overGap) throw new SnowmeltError('LOG_GAP', what);
  }
  const layouts = await readLayouts(table, source);
  const partitions = await readAll(table, source);
  return { meta, head: found.at(-1) ?? null, layouts, windows, partitions, ...(gap !== null && { gap }) };
}

/** The first number that is missing, or null. */
function gapIn(windows: Window[], found: Window[], finishedThrough: number): number | null {
  if (found.length === 0) return finishedThrough === 0 ? null : finishedThrough;
  const at = windows.findIndex((window, i) => window.number !== finishedThrough + 1 + i);
  return at === -1 ? null : finishedThrough + 1 + at;
}
