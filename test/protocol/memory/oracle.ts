/**
 * What consumers must have seen: computed from the windows of the log and the ledger, without any code of the product.
 *
 * Each record names its window, row and partition. Against the windows' rows: none missing, none twice, no other content,
 * per key in the order of windows and rows; in place of one that can't be sent, its dead letter. Against the ledger: the last
 * value of each key that is not in a dead letter; append-only, each insert once.
 * At least once: none missing, none of other content, and the greatest (window, row) of each key is the ledger's last value.
 */
import type { Layout, Window } from '../../../lambdas/protocol/window.ts';
import type { MemoryRecord } from './broker.ts';
import type { StagedText } from './copies.ts';
import type { Row, ScanText } from './ledger.ts';
import { OVERSIZE, UNFIT } from './records.ts';
import type { StageRowsText } from './streams.ts';
import type { World } from './world.ts';

export type Defects = { missing: number; duplicated: number; reordered: number; mismatched: number };
export const NO_DEFECTS: Defects = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0 };

/** `dead`: of a dead letter, the key that its row has. */
type Told = { id: string; text: string; dead?: string };
type Expected = Told & { void: boolean };

export function check(world: World, visible: readonly MemoryRecord[] = world.broker.visible()): Defects {
  const defects = { ...NO_DEFECTS };
  const windows = windowsOf(world);
  const expected = new Map<string, Expected>();
  for (const window of windows) {
    const records = recordsOf(world, window);
    for (const record of [...records, ...endsOf(world, window, records)])
      expected.set(record.id, { ...record, void: window.void });
  }

  const loose = world.atLeastOnce;
  const seen = new Map<string, number>();
  const commits = new Map<string, number>();
  const reached = new Map<string, number>();
  const state = new Map<string, string>();
  const values = new Map<string, number>();
  let tombstone: { id: string; key: string } | null = null;
  for (const record of visible) {
    if (loose && record.value === null) continue; // tells nothing that its delete did not
    const [op = '', , after = '', at = ''] = record.value?.split('|') ?? [];
    // A tombstone belongs to the delete of its key before it.
    const ofDelete = record.value === null ? `${tombstone?.key === record.key ? tombstone.id : '?'}!` : at;
    const id = op === 't' ? `${at}@${record.topicPartition}` : ofDelete;
    tombstone = op === 'd' ? { id: at, key: record.key } : tombstone;
    const times = (seen.get(id) ?? 0) + 1;
    seen.set(id, times);
    if (record.commit !== undefined) commits.set(id, record.commit);
    const wanted = expected.get(id);
    if (wanted === undefined || wanted.text !== `${record.topic} ${record.key} ${record.value}`) defects.mismatched++;
    if (times > 1) {
      if (!loose) defects.duplicated++;
      continue;
    }
    const order = orderOf(at);
    if (record.value !== null) {
      const barriers = [reached.get('truncate') ?? 0, reached.get('schema') ?? 0];
      if (after !== '') values.set(after, (values.get(after) ?? 0) + 1);
      if (order < Math.max(reached.get(record.key) ?? 0, ...barriers)) {
        if (loose) continue;
        defects.reordered++;
      }
      reached.set(record.key, Math.max(order, reached.get(record.key) ?? 0));
      // A truncate and a change of the columns count for every key.
      const isBarrier = record.key === 'truncate' || record.key === 'schema';
      if (isBarrier && !loose && Math.max(0, ...reached.values()) > order) defects.reordered++;
      if (isBarrier) {
        if (record.key === 'truncate') {
          for (const key of state.keys()) if (reached.get(key)! < order) state.delete(key);
        }
      } else if (after === '') state.delete(record.key);
      else state.set(record.key, after);
    }
  }
  for (const [id, wanted] of expected)
    if (!wanted.void && !seen.has(id) && !(loose && id.endsWith('!'))) defects.missing++;
  // An end comes with its partition's last rows of the window, or later: never before one of them.
  for (const [id, { text, void: given }] of expected) {
    const end = given || !/ end \d+ e\|/.test(text) ? undefined : commits.get(id);
    const [window, , partition] = id.split(':');
    if (end === undefined) continue;
    for (const [other, commit] of commits) {
      if (other.startsWith(`${window}:`) && other.replace('!', '').endsWith(`:${partition}`) && commit > end)
        defects.reordered++;
    }
  }
  // What a topic lacks of a key by right: its newest row went elsewhere.
  const dead = new Set<string>();
  for (const { id, dead: key, void: given } of expected.values())
    if (key !== undefined && !given && orderOf(id) > (reached.get(key) ?? 0)) dead.add(key);
  compareWithLedger(world, state, values, dead, defects);
  return defects;
}

function orderOf(id: string): number {
  const [window, row] = id.split(':').map(Number) as [number, number];
  return window * 1e6 + row;
}

function compareWithLedger(
  world: World,
  state: Map<string, string>,
  values: Map<string, number>,
  dead: ReadonlySet<string>,
  defects: Defects,
): void {
  const last = world.ledger.state(Infinity);
  for (const key of new Set([...state.keys(), ...last.keys()])) {
    const [is, shall] = [state.get(key), last.get(key)];
    if (is === shall || dead.has(key)) continue;
    if (shall !== undefined && !values.has(shall)) defects.missing++;
    else defects.mismatched++;
  }
  // A query polled once a minute sees the last value of a key alone.
  if (world.source.information !== 'APPEND_ONLY' || world.source.query !== undefined) return;
  for (const { value } of world.ledger.commits) {
    const times = values.get(value!) ?? 0;
    if (times === 0) defects.missing++;
    else defects.duplicated += times - 1;
  }
}

export function windowsOf(world: World): Window[] {
  return [...world.table.windows]
    .map(([key, item]) => {
      const body = JSON.parse(item['body']!.S!) as Omit<Window, 'number' | 'void'>;
      return { ...body, number: Number(key.split('#').at(-1)), void: item['void']!.BOOL! };
    })
    .sort((a, b) => a.number - b.number);
}

/** The end of the window, told by each partition that has rows in it. */
function endsOf({ publishSettings }: World, window: Window, records: readonly Told[]): Told[] {
  const topic = publishSettings.progressTopic?.name;
  if (topic === undefined) return [];
  return window.ranges.map(({ partition }) => {
    const id = `${window.number}:9999:${partition}`;
    const letters = records.filter((record) => record.dead !== undefined && record.id.endsWith(`:${partition}`)).length;
    return { id, text: `${topic} end ${partition} e|${letters}||${id}` };
  });
}

/**
 * The records that a window's rows mean: a DELETE and an INSERT of one key, one after the other, are one update; in a repair
 * they are a read of what is there now.
 */
function recordsOf(world: World, window: Window): Told[] {
  const layout = JSON.parse(
    world.table.get(`source#${world.source.name}`, `layout#${window.layout}`)!['body']!.S!,
  ) as Layout;
  if (window.kind === 'truncate') {
    const id = `${window.number}:1:0`;
    const told = { text: `${layout.topic} truncate t|||${id}` };
    return Array.from({ length: layout.topicPartitions }, (_, partition) => ({ ...told, id: `${id}@${partition}` }));
  }
  if (window.kind === 'schema') {
    const id = `${window.number}:1:0`;
    return [{ id, text: `${window.schema!.topic} schema s|||${id}` }];
  }
  const rows = rowsOf(world, JSON.parse(window.statement) as ScanText | StagedText | StageRowsText);
  const pairs = window.kind !== 'snapshot' && layout.information === 'DEFAULT';
  const records: Told[] = [];
  for (const partition of new Set(rows.map((row) => Number(row.at(-1))))) {
    const mine = rows.filter((row) => Number(row.at(-1)) === partition);
    mine.forEach((row, i) => {
      const add = (op: string, before: string, after: string, suffix = '') => {
        const id = `${window.number}:${i + 1}:${partition}`;
        const why = badly([before, after]);
        if (why !== null && suffix === '') {
          const text = `${world.publishSettings.deadLetterTopic?.name} letter ${partition} l|${op} ${why}||${id}`;
          records.push({ id, text, dead: row[2]! });
        }
        if (why !== null) return;
        const value = suffix === '!' ? 'null' : `${op}|${before}|${after}|${id}`;
        records.push({ id: `${id}${suffix}`, text: `${layout.topic} ${row[2]} ${value}` });
      };
      const is = (other: Row | undefined, action: string) => other?.[2] === row[2] && other?.[3] === action;
      if (pairs && row[3]!.startsWith('DELETE')) {
        if (is(mine[i + 1], 'INSERT')) return;
        add('d', row[1]!, '');
        add('d', row[1]!, '', '!');
      } else if (window.kind === 'repair') add('r', '', row[1]!);
      else if (pairs && is(mine[i - 1], 'DELETE')) add('u', mine[i - 1]![1]!, row[1]!);
      else add(window.kind === 'snapshot' ? 'r' : 'c', '', row[1]!);
    });
  }
  return records;
}

/** Why no record can have these images; null: one can. */
function badly(images: string[]): string | null {
  if (images.some((image) => image.endsWith(UNFIT))) return 'VALUE_UNFIT';
  return images.some((image) => image.endsWith(OVERSIZE)) ? 'RECORD_TOO_LARGE' : null;
}

function rowsOf({ snowflake, ledger }: World, text: ScanText | StagedText | StageRowsText): Row[] {
  if (text.kind === 'staged') return snowflake.copies.rowsEver(text as StagedText);
  if (text.kind === 'stage rows') return snowflake.given.rowsEver(text as StageRowsText);
  return ledger.rows(text as ScanText);
}

/** What is not done though nothing fails any more; null: everything is published and nobody waits for an operator. */
export async function standstill(world: World): Promise<string | null> {
  const state = await world.checkpoints.look(world.source.name);
  if (state === null) return 'no state';
  const stopped = state.partitions.find((item) => item.state !== 'active');
  if (stopped !== undefined) return `partition ${stopped.partition} stopped: ${stopped.lastError?.code}`;
  if (state.windows.length > 0) return `window ${state.windows[0]!.number} is not finished`;
  return null;
}
