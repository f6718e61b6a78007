/**
 * The dead letters of a source, read from their topic: how many, why, and which of them nobody has dealt with. What they hold
 * is told only where it is asked for.
 */
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import { dealWithLetters, mustLook, refused, repairKeys, replayDeadLetters } from '../protocol/operate.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Clock } from '../protocol/ports/effects.ts';
import type { TopicReader, TopicRecord } from '../protocol/ports/kafka.ts';
import type { WindowRequest } from '../protocol/ports/state.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import { digest, idOf } from './folded-topic.ts';
import { MOST_KEY_BYTES, stageKeys, type KeyPorts } from './keys.ts';
import { left } from './scan.ts';

type Ports = { checkpoints: Checkpoints; kafka: TopicReader; clock: Clock };

/** `id`: only this one; `all`: those that are dealt with, too. */
export type LetterOptions = { id: string | null; all: boolean; showValues: boolean };

type Image = Record<string, string | null> | null;

/** What is in the record, as encoding/dead-letter.ts writes it. */
type Written = {
  type: string;
  app: string;
  source: string;
  window: number;
  kind: string;
  from: string | null;
  to: string;
  partition: number;
  row: number;
  op: string;
  reason: string;
  message: string;
  key: Image;
  before: Image;
  after: Image;
  truncated: boolean;
  ts_ms: number;
};

/** `id`: window, source partition and row; `keyId`: the first characters of the key's hash, null where the key is left out. */
export type Letter = Pick<Written, 'kind' | 'from' | 'to' | 'op' | 'reason' | 'message' | 'truncated'> & {
  id: string;
  keyId: string | null;
  /** topicPartition@offset. */
  at: string;
  sentAt: string;
  dealtWith: boolean;
  /** Only where values are asked for. */
  values?: Pick<Written, 'key' | 'before' | 'after'>;
};

export type DeadLetters = {
  source: string;
  topic: string;
  waiting: number;
  dealtWith: number;
  /** Of those that are listed. */
  reasons: Record<string, number>;
  /** The oldest and the newest window of those. */
  windows: [number, number] | null;
  /** After it all that waits has changed; null: its first snapshot is among it. */
  since: string | null;
  /** Different ones that wait; null: not all of them are known, or they are too many to be listed. */
  keys: number | null;
  first: Letter[];
  /** Retention has deleted the beginning of the topic. */
  cutOff: boolean;
};

const MOST_SHOWN = 100;
/** Later than any bound. */
const NEVER = '9999';

/** @throws OPERATION_REFUSED where the source has no such topic, or no such letter */
export async function deadLetters(
  ports: Ports,
  { app }: Pick<ResolvedConfig, 'app'>,
  source: ResolvedSource,
  { id, all, showValues }: LetterOptions,
): Promise<DeadLetters> {
  const found = {
    ...{ source: source.name, waiting: 0, dealtWith: 0, keys: 0 },
    ...{ reasons: {} as Record<string, number>, windows: null as [number, number] | null, first: [] as Letter[] },
    since: NEVER as string | null,
  };
  const keys = new Keys();
  const { topic, cutOff } = await eachLetter(ports, app, source, (written, at, isDealtWith) => {
    const letter = letterOf(written, at, isDealtWith, showValues);
    if (id !== null && letter.id !== id) return;
    found[isDealtWith ? 'dealtWith' : 'waiting']++;
    if (!isDealtWith) {
      found.since = earlier(found.since, written.from);
      keys.add(written.key);
    }
    if (isDealtWith && !all && id === null) return;
    found.reasons[letter.reason] = (found.reasons[letter.reason] ?? 0) + 1;
    const [oldest, newest] = found.windows ?? [written.window, written.window];
    found.windows = [Math.min(oldest, written.window), Math.max(newest, written.window)];
    if (found.first.length < MOST_SHOWN) found.first.push(letter);
  });
  if (id !== null && found.first.length === 0) throw refused(`${topic} has no dead letter ${id} of ${source.name}.`);
  found.first.sort((a, b) => compareIds(a.id, b.id));
  return { ...found, topic, keys: keys.listed()?.rows.length ?? null, cutOff };
}

/** Has the rows sent again that wait: by their keys, or, where those are not all there, whatever has changed since the oldest. */
export async function replayLetters(
  ports: Ports & KeyPorts,
  { app }: Pick<ResolvedConfig, 'app'>,
  source: ResolvedSource,
): Promise<WindowRequest> {
  const keys = new Keys();
  const upTo = new Map<number, Position>();
  let since: string | null = NEVER;
  await eachLetter(ports, app, source, ({ partition, window, row, from, key }, _, isDealtWith) => {
    if (isDealtWith) return;
    since = earlier(since, from);
    keys.add(key);
    const position = { window, row };
    if (comparePositions(position, upTo.get(partition) ?? null) > 0) upTo.set(partition, position);
  });
  if (upTo.size === 0) throw refused(`No dead letter of ${source.name} waits.`);
  const { checkpoints } = ports;
  const listed = keys.listed();
  const request =
    listed === null
      ? await replayDeadLetters(checkpoints, source.name, since)
      : await repairKeys(checkpoints, source.name, await stageKeys(ports, source.name, listed));
  // What came meanwhile still waits.
  await dealWithLetters(checkpoints, source.name, upTo);
  return request;
}

/** Of letters, each once. */
class Keys {
  #columns: string[] | null = null;
  #rows: Map<string, string[]> | null = new Map();
  #bytes = 0;

  add(key: Image): void {
    if (this.#rows === null) return;
    const columns = Object.keys(key ?? {});
    this.#columns ??= columns;
    const row = Object.values(key ?? {});
    const text = JSON.stringify(row);
    if (!this.#rows.has(text)) this.#bytes += text.length;
    // Left out of a letter, of another layout's key, or more than one request takes.
    const unfit = key === null || columns.join() !== this.#columns.join() || 2 * this.#bytes > MOST_KEY_BYTES;
    if (unfit) this.#rows = null;
    else this.#rows.set(text, row as string[]);
  }

  /** null: not all of them can be listed. */
  listed(): { columns: string[]; rows: string[][] } | null {
    return this.#rows && { columns: this.#columns ?? [], rows: [...this.#rows.values()] };
  }
}

/** Each letter of the source once, in the order of the topic's partitions. @throws OPERATION_REFUSED where it has no such topic */
async function eachLetter(
  { checkpoints, kafka, clock }: Ports,
  app: string,
  source: ResolvedSource,
  visit: (written: Written, at: string, isDealtWith: boolean) => void,
): Promise<{ topic: string; cutOff: boolean }> {
  const topic = source.deadLetterTopic?.name;
  if (topic === undefined) throw refused(`${source.name} has no dead letters: a row that can't be sent stops it.`);
  const { partitions } = await mustLook(checkpoints, source.name);
  const dealtWith = new Map(partitions.map((item) => [item.partition, item.dealtWith ?? null]));
  // With transactions none comes twice.
  const seen = source.delivery === 'at-least-once' ? new Set<string>() : null;
  const extents = await kafka.records({ topic, deadline: Date.now() + left(clock) }, (record): undefined => {
    const written = readLetter(record);
    if (written?.app !== app || written.source !== source.name) return;
    const id = letterId(written);
    if (seen?.has(id)) return;
    seen?.add(id);
    const isDealtWith = comparePositions(written, dealtWith.get(written.partition) ?? null) <= 0;
    visit(written, `${topic}-${record.topicPartition}@${record.offset}`, isDealtWith);
  });
  return { topic, cutOff: extents.some(({ begin }) => begin > 0) };
}

function letterId({ window, partition, row }: Written): string {
  return `${window}:${partition}:${row}`;
}

/** null: no dead letter. Others may write to the topic, too. */
function readLetter({ bytes, valueStart, valueEnd }: TopicRecord): Written | null {
  if (valueStart < 0) return null;
  try {
    const value = JSON.parse(Buffer.from(bytes.subarray(valueStart, valueEnd)).toString()) as Partial<Written> | null;
    return value?.type === 'DEAD_LETTER' ? (value as Written) : null;
  } catch {
    return null;
  }
}

function letterOf(written: Written, at: string, dealtWith: boolean, showValues: boolean): Letter {
  const { kind, from, to, op, reason, message, truncated, key, before, after } = written;
  return {
    ...{ id: letterId(written), kind, from, to, op, reason, message, truncated, at, dealtWith },
    keyId: key === null ? null : idOf(digest(JSON.stringify(key))),
    sentAt: new Date(written.ts_ms).toISOString(),
    ...(showValues && { values: { key, before, after } }),
  };
}

function earlier(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return null;
  return a < b ? a : b;
}

function compareIds(a: string, b: string): number {
  const [first, second] = [a, b].map((id) => id.split(':').map(Number)) as [number[], number[]];
  return first[0]! - second[0]! || first[1]! - second[1]! || first[2]! - second[2]!;
}
