/**
 * What people are told of a source: what somebody did to it, and what became of it by itself. Nobody tells while they act: it
 * follows, on each tick, from what stands in the table, so that a pause needs the table alone and nothing is forgotten that was done.
 *
 *   noticed    written down with ids and numbers, by one of several planners    `meta.told.pending`
 *   sent       in order; by whoever finds it there
 *   sent all   taken out
 *
 * Whoever dies in between is succeeded by the next tick: told at least once, the same each time.
 */
import { randomUUID } from 'node:crypto';
import { schemaChanges } from './evolution.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock, Notices } from './ports/effects.ts';
import type { AuditEntry, News, Notice, SourceState, StoredError, Told } from './ports/state.ts';
import { beginsAnew, type Window } from './window.ts';

export type NoticePorts = { checkpoints: Checkpoints; clock: Clock; notices?: Notices };

/** Clocks of people's machines may be off by so much. */
const SLACK_MS = 86_400_000;
/** Written down at once at most: `meta` is one item. The rest comes with the next tick. */
const AT_ONCE = 20;
const MAX_TEXT = 1_000;

/** Tells what is new. @throws EVENTS_UNREACHABLE, STORE_UNREACHABLE: the next tick goes on */
export async function tellNews(ports: NoticePorts, source: string, state: SourceState): Promise<void> {
  const { notices, checkpoints, clock } = ports;
  if (notices === undefined) return;
  const now = clock.now();
  const known = state.meta.told ?? null;
  let told = known ?? (await fromNowOn(checkpoints, source, state, now));
  if (told.pending.length === 0) {
    const next = withNews(told, state, {
      windows: await windowsSince(checkpoints, source, state, told),
      entries: await checkpoints.audits(source, told.changes.at - SLACK_MS),
      now,
    });
    if (next.pending.length === 0 && JSON.stringify(next) === JSON.stringify(known)) return;
    // Another planner wrote something else down: that is told first.
    if (!(await checkpoints.noteTold(source, known, next))) return;
    told = next;
  }
  if (told.pending.length === 0) return;
  await notices.tell(source, told.pending);
  await checkpoints.noteTold(source, told, { ...told, pending: [] });
}

/** Of a source that begins: all of it is told. */
export function nothingTold(incarnation: string, now: number): Told {
  const changes = { at: now, keys: [] };
  return { number: 0, incarnation, written: 0, finished: 0, changes, lostAfter: null, pending: [] };
}

/** Of one that is there already: what was before is no news. */
async function fromNowOn(
  checkpoints: Checkpoints,
  source: string,
  { meta, head }: SourceState,
  now: number,
): Promise<Told> {
  const before = await checkpoints.audits(source, now - SLACK_MS);
  return {
    ...nothingTold(meta.incarnation, now),
    written: head?.number ?? 0,
    finished: meta.finishedThrough,
    changes: { at: now, keys: before.map(({ key }) => key) },
  };
}

/** Windows that there may be news of, and the one before them, as far as they are kept. */
async function windowsSince(
  checkpoints: Checkpoints,
  source: string,
  { meta, head }: SourceState,
  { written, finished }: Told,
): Promise<Window[]> {
  if (head === null || (written >= head.number && finished >= meta.finishedThrough)) return [];
  return checkpoints.windows(source, Math.min(written, finished + 1), head.number);
}

const clip = (text: string) => text.slice(0, MAX_TEXT);

type Found = { windows: Window[]; entries: { key: string; entry: AuditEntry }[]; now: number };

/** Pure: what is to be told next, and what is known to have been told then. */
export function withNews(told: Told, state: SourceState, { windows, entries, now }: Found): Told {
  const { meta } = state;
  const pending: Notice[] = [];
  const isFull = () => pending.length >= AT_ONCE;
  const add = (news: News, at = now) => {
    const number = told.number + pending.length + 1;
    pending.push({ id: randomUUID(), number, at: new Date(at).toISOString(), ...news });
  };
  // A new life, which somebody asked for: what was left over counts as finished, and was not published by all.
  const anew = meta.incarnation !== told.incarnation;
  let { written, lostAfter } = told;
  let finished = anew ? meta.finishedThrough : told.finished;

  const { keys, at } = changesOf(told, entries, now, isFull, add);
  const lose = (after: number, window: number | null, message: string) => {
    if (lostAfter !== null) return;
    lostAfter = after;
    add({ type: 'history-lost', window, message: clip(message) });
  };
  const lost = lostError(state);
  if (lost !== null) lose(meta.finishedThrough, null, lost.message);
  for (const [i, window] of windows.entries()) {
    if (isFull()) break;
    if (window.number <= written) continue;
    written = window.number;
    const before = windows[i - 1];
    if (window.kind === 'truncate' && anew) add({ type: 'began-anew', window: written });
    else if (window.kind === 'truncate') lose(written - 1, written, 'It began anew by itself: a truncate, a snapshot.');
    else if (before !== undefined) addColumns(add, before, window);
    addRows(add, window, 'begun');
  }
  for (const window of windows) {
    if (isFull()) break;
    if (window.number <= finished || window.number > Math.min(meta.finishedThrough, written)) continue;
    finished = window.number;
    if (window.void) add({ type: 'given-up', window: window.number, kind: window.kind });
    else addRows(add, window, 'done');
  }
  if (lostAfter !== null && isHealed(state, lostAfter) && !isFull()) {
    add({ type: 'history-healed', window: meta.finishedThrough });
    lostAfter = null;
  }
  // What the rest of the windows mean goes by the old life, too.
  const incarnation = written < (windows.at(-1)?.number ?? 0) ? told.incarnation : meta.incarnation;
  const number = told.number + pending.length;
  return { number, incarnation, written, finished, changes: { at, keys }, lostAfter, pending };
}

/** What people did and nobody was told of; the time of the last look moves only when something was told. */
function changesOf(
  { changes }: Told,
  entries: Found['entries'],
  now: number,
  isFull: () => boolean,
  add: (news: News, at: number) => void,
): Told['changes'] {
  const told = new Set(changes.keys);
  let news = 0;
  for (const { key, entry } of entries) {
    if (told.has(key) || isFull()) continue;
    const { who, what, why, before, after, at } = entry;
    const said = { who: clip(who), what: clip(what), why: clip(why), before: clip(before), after: clip(after) };
    add({ type: 'changed', ...said }, at);
    told.add(key);
    news++;
  }
  if (news === 0) return changes;
  // Those that the next look does not find any more need no memory.
  const oldest = `audit#${new Date(now - SLACK_MS).toISOString()}`;
  return { at: isFull() ? changes.at : now, keys: [...told].filter((key) => isFull() || key >= oldest) };
}

function addRows(add: (news: News) => void, window: Window, how: 'begun' | 'done'): void {
  const { kind, number, totalRows: rows, request } = window;
  if (kind === 'snapshot' || kind === 'repair') add({ type: `${kind}-${how}`, window: number, rows, request });
}

function addColumns(add: (news: News) => void, before: Window, window: Window): void {
  // Nothing was known of the columns when a new life began.
  if (before.columns.length === 0) return;
  const changes = schemaChanges(before.columns, window.columns);
  if (changes.length === 0) return;
  const texts = changes.map(({ column, text }) => `${column}: ${text}`.slice(0, MAX_TEXT / 10));
  const compatible = changes.every((change) => change.compatible);
  add({ type: 'schema-changed', window: window.number, changes: texts.slice(0, AT_ONCE), compatible });
}

/** How the source, or a partition of it, says that its history is gone. */
function lostError({ meta, partitions }: SourceState): StoredError | null {
  const stopped = partitions.filter(({ state }) => state === 'needs-operator').map(({ lastError }) => lastError);
  return [meta.lastError, ...stopped].find((error) => error?.code === 'HISTORY_LOST') ?? null;
}

/** Nothing fails, nobody waits, and what makes up for the loss is published. */
function isHealed({ meta, head, windows, partitions }: SourceState, lostAfter: number): boolean {
  const makesUp = windows.some(({ kind }) => kind === 'truncate' || kind === 'snapshot');
  const waits = meta.lastError !== null || partitions.some(({ state }) => state === 'needs-operator');
  return !waits && !makesUp && !beginsAnew(head) && meta.finishedThrough > lostAfter;
}
