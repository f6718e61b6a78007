/** The log of windows and its layouts: written once, whole; only `void` and a re-run's query id ever change. */
import { SnowmeltError } from '../errors.ts';
import type { Layout, Rerun, Window } from '../protocol/window.ts';
import { queryIdIs, requireAll, rerunIs } from './conditions.ts';
import { assign } from './expressions.ts';
import {
  flag,
  json,
  keys,
  layoutItem,
  readLayout,
  readWindow,
  text,
  windowItem,
  windowKey,
  windowNumber,
} from './items.ts';
import type { Item, Key, Table } from './table.ts';

const LAST = 'window#~';

/** Windows numbered `from` to `to`, ascending. */
export async function readWindows(table: Table, source: string, from: number, to?: number): Promise<Window[]> {
  // DynamoDB refuses a range that ends before it begins.
  if (to !== undefined && to < from) return [];
  const range = { from: windowKey(from), to: to === undefined ? LAST : windowKey(to) };
  const items = await table.query(keys.meta(source).pk, range);
  return items.map(readWindow);
}

export async function readLayouts(table: Table, source: string): Promise<Map<number, Layout>> {
  const items = await table.query(keys.meta(source).pk, { from: 'layout#', to: 'layout#~' });
  return new Map(items.map(readLayout).map((layout) => [layout.number, layout]));
}

/** 0 for an empty log. */
export async function headNumber(table: Table, source: string): Promise<number> {
  const options = { from: 'window#', to: LAST, reverse: true, limit: 1, attributes: ['sk'] };
  const [head] = await table.query(keys.meta(source).pk, options);
  return head === undefined ? 0 : windowNumber(head);
}

export async function putWindow(table: Table, source: string, window: Window): Promise<boolean> {
  return putOnce(table, keys.window(source, window.number), windowItem(window), readWindow);
}

export async function putLayout(table: Table, source: string, layout: Layout): Promise<boolean> {
  return putOnce(table, keys.layout(source, layout.number), layoutItem(layout), readLayout);
}

/** True when the item stands as written, by this call or by its own repetition; false when another stands there. */
async function putOnce(table: Table, key: Key, item: Item, check: (item: Item) => unknown): Promise<boolean> {
  if (await table.putNew(key, item)) return true;
  const standing = await table.get(key);
  if (standing === null) throw new SnowmeltError('LOG_GAP', `${key.pk} ${key.sk} was there and is gone.`);
  check(standing);
  return Object.keys(item).every((name) => JSON.stringify(standing[name]) === JSON.stringify(item[name]));
}

export async function noteRerun(
  table: Table,
  source: string,
  window: number,
  previous: Rerun | null,
  next: Rerun | null,
): Promise<Rerun | null> {
  const key = keys.window(source, window);
  const update = assign({ rerun: next === null ? null : json(next) });
  if ((await table.update(key, update, requireAll(rerunIs(previous)))) !== null) return next;
  return (await mustRead(table, key)).rerun ?? null;
}

export async function requery(
  table: Table,
  source: string,
  window: number,
  previous: string,
  queryId: string,
  queriedAt: string,
): Promise<boolean> {
  const key = keys.window(source, window);
  const update = assign({ queryId: text(queryId), queriedAt: text(queriedAt), rerun: null });
  if ((await table.update(key, update, requireAll(queryIdIs(previous)))) !== null) return true;
  return (await mustRead(table, key)).queryId === queryId;
}

export async function voidWindow(table: Table, source: string, window: number): Promise<void> {
  const key = keys.window(source, window);
  if ((await table.update(key, assign({ void: flag(true) }), requireAll())) === null) await mustRead(table, key);
}

async function mustRead(table: Table, key: Key): Promise<Window> {
  const item = await table.get(key);
  if (item === null) throw new SnowmeltError('LOG_GAP', `${key.pk} ${key.sk} is missing.`);
  return readWindow(item);
}

/**
 * Deletes windows below `below` whose `to` is before `olderThan`, oldest first, at most `limit`; never the head, and never
 * one above a window that stays, so that what is left has no gap.
 */
export async function prune(
  table: Table,
  source: string,
  below: number,
  olderThan: string,
  limit: number,
): Promise<number> {
  const end = Math.min(below, await headNumber(table, source)) - 1;
  if (end < 1 || limit < 1) return 0;
  const options = { from: windowKey(0), to: windowKey(end), limit, attributes: ['sk', 'to'] };
  const candidates = await table.query(keys.meta(source).pk, options);
  let deleted = 0;
  for (const item of candidates) {
    if ((item['to']?.S ?? '') >= olderThan) break;
    await table.delete(keys.window(source, windowNumber(item)));
    deleted++;
  }
  return deleted;
}
