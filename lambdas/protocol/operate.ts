/**
 * What an operator may ask for. Nothing is published here: a pause, a resume, or one window that the planner appends at the
 * head, so that it comes in order after all that is published already.
 */
import { randomUUID } from 'node:crypto';
import { SnowmeltError } from '../errors.ts';
import { hasDeadLetters } from './dead-letters.ts';
import { finishedThrough } from './past.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { SourceState, WindowRequest } from './ports/state.ts';
import { LAST_ROW, type Position } from './position.ts';
import { beginsAnew, readsTable, type Window } from './window.ts';

export async function pause(checkpoints: Checkpoints, source: string): Promise<void> {
  await mustLook(checkpoints, source, true);
  await checkpoints.updateMeta(source, { paused: true });
}

/** Takes a source out of a pause and its partitions out of needs-operator. */
export async function resume(checkpoints: Checkpoints, source: string): Promise<void> {
  await mustLook(checkpoints, source);
  await checkpoints.resume(source);
}

/** Sends again, as it is now, every key that changed after `since` (ISO time with three decimals, or a window's number). */
export async function replay(checkpoints: Checkpoints, source: string, since: string | number): Promise<WindowRequest> {
  const state = await mustLook(checkpoints, source);
  const bound = typeof since === 'string' ? timeOf(since) : await startOf(checkpoints, source, since);
  const head = state.head;
  refuseStream(source, head);
  if (head !== null && !readsTable(head)) throw refused(`${source} reads a query; ask for a new snapshot.`);
  if (head === null || bound >= head.to) {
    throw refused(
      `Nothing was published after ${bound}; the newest window of ${source} ends ${head?.to ?? 'nowhere'}.`,
    );
  }
  return ask(checkpoints, source, { kind: 'repair', since: bound, voids: null });
}

/** Sends the whole table again, as of the newest window. */
export async function resnapshot(checkpoints: Checkpoints, source: string): Promise<WindowRequest> {
  const state = await mustLook(checkpoints, source);
  refuseStream(source, state.head);
  if (state.head === null) throw refused(`${source} has not begun: its first window is a snapshot anyway.`);
  return ask(checkpoints, source, { kind: 'snapshot', since: null, voids: null });
}

/** Sends the table's rows again for which a condition holds, as they are at the head; says nothing of the others. */
export async function resend(checkpoints: Checkpoints, source: string, where: string): Promise<WindowRequest> {
  mustReadRows(source, await mustLook(checkpoints, source));
  return ask(checkpoints, source, { kind: 'repair', since: null, where, voids: null });
}

/**
 * Sends listed keys again as they are at the head; one that the table does not have is a delete. Right whatever the topic has of
 * them by then. `keys`: their result in Snowflake, and the layout whose key they are.
 */
export async function repairKeys(
  checkpoints: Checkpoints,
  source: string,
  keys: NonNullable<WindowRequest['keys']>,
): Promise<WindowRequest> {
  const state = await mustLook(checkpoints, source);
  mustReadRows(source, state);
  if (!state.layouts.has(keys.layout)) throw refused(`${source} has no layout ${keys.layout}.`);
  return ask(checkpoints, source, { kind: 'repair', since: null, keys, voids: null });
}

/** @throws OPERATION_REFUSED where there is no table to read rows of, AT the end of the head */
export function mustReadRows(source: string, { head }: SourceState): Window {
  refuseStream(source, head);
  if (head !== null && !readsTable(head)) throw refused(`${source} reads a query; ask for a new snapshot.`);
  if (head === null || beginsAnew(head)) throw refused(`${source} begins anew: its next window is a snapshot anyway.`);
  return head;
}

/** Gives an unfinished window up: what it holds is sent as it is now, then it is void and passed. */
export async function voidWindow(checkpoints: Checkpoints, source: string, number: number): Promise<WindowRequest> {
  const state = await mustLook(checkpoints, source);
  const window = state.windows.find((each) => each.number === number);
  if (window === undefined || number <= finishedThrough(state)) {
    const open = state.windows.map((each) => each.number).join(' ') || 'none';
    throw refused(`Window ${number} of ${source} is not unfinished; unfinished are: ${open}.`);
  }
  if (window.kind === 'truncate' || window.kind === 'schema')
    throw refused(`A ${window.kind} window has one row of its own and nothing to read; it can't be given up.`);
  if (window.staged !== undefined && window.kind === 'changes') {
    throw refused(
      `Window ${number} of ${source} is read from a staged copy, which does not change; \`recover --take anew\` begins anew.`,
    );
  }
  const since = (window.kind === 'changes' ? window.from : window.since) ?? null;
  return ask(checkpoints, source, { kind: since === null ? 'snapshot' : 'repair', since, voids: number });
}

/**
 * The dead letters are dealt with: those of windows up to `through`, null: all that there are by now. Answers up to where, by
 * partition. What comes later, of the same window too, is not among them.
 */
export async function dropDeadLetters(
  checkpoints: Checkpoints,
  source: string,
  through: number | null,
): Promise<{ partition: number; dealtWith: Position }[]> {
  const { partitions } = await mustLook(checkpoints, source);
  const letters = partitions.filter(hasDeadLetters);
  if (letters.length === 0) throw refused(`${source} has no dead letters that are not dealt with.`);
  const dropped: { partition: number; dealtWith: Position }[] = [];
  for (const { partition, position } of letters) {
    // No letter is further on than the position that was committed with it.
    if (position === null) continue;
    const dealtWith = through === null || through >= position.window ? position : { window: through, row: LAST_ROW };
    await checkpoints.dealWith(source, partition, dealtWith);
    dropped.push({ partition, dealtWith });
  }
  return dropped;
}

/**
 * Sends again what dead letters are of whose keys can't be listed: every key that changed after `since` (null: all rows), as it
 * is at the head. A row that still can't be sent is a new letter.
 */
export async function replayDeadLetters(
  checkpoints: Checkpoints,
  source: string,
  since: string | null,
): Promise<WindowRequest> {
  const { head, meta } = await mustLook(checkpoints, source);
  const age = since === null || head === null ? 0 : Date.parse(head.to) - Date.parse(since);
  if (age > (meta.retentionMs ?? Infinity))
    throw refused(`Time Travel of ${source} does not reach back to ${since}: ask for a new snapshot, then drop them.`);
  return since === null ? resnapshot(checkpoints, source) : replay(checkpoints, source, since);
}

/** Letters up to these positions, by partition, are dealt with. */
export async function dealWithLetters(
  checkpoints: Checkpoints,
  source: string,
  upTo: ReadonlyMap<number, Position>,
): Promise<void> {
  for (const [partition, position] of upTo) await checkpoints.dealWith(source, partition, position);
}

function refuseStream(source: string, head: Window | null): void {
  if (head?.staged?.stream === undefined) return;
  throw refused(`${source} reads a stream, whose rows can't be asked for again; \`recover --take anew\` begins anew.`);
}

async function ask(
  checkpoints: Checkpoints,
  source: string,
  wish: Omit<WindowRequest, 'id' | 'results'>,
): Promise<WindowRequest> {
  const request: WindowRequest = { id: randomUUID(), results: null, ...wish };
  if (await checkpoints.request(source, request)) return request;
  throw refused(`Another request for ${source} waits for its window; the next ticks of plan serve it.`);
}

export async function mustLook(checkpoints: Checkpoints, source: string, overGap = false): Promise<SourceState> {
  const state = await checkpoints.look(source, overGap);
  if (state === null) throw refused(`${source} has no state yet: nothing was planned for it.`);
  return state;
}

function timeOf(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw refused(`\`${text}\` is not a time; write 2026-01-31T12:00:00Z.`);
  return new Date(time).toISOString();
}

async function startOf(checkpoints: Checkpoints, source: string, number: number): Promise<string> {
  const [window] = await checkpoints.windows(source, number, number);
  if (window !== undefined && window.from !== null) return window.from;
  throw refused(
    window === undefined
      ? `Window ${number} of ${source} is not kept any more; give a time.`
      : `Window ${number} of ${source} is its first snapshot; ask for a new snapshot.`,
  );
}

export function refused(message: string): SnowmeltError {
  return new SnowmeltError('OPERATION_REFUSED', message);
}
