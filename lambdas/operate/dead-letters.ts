/**
 * The dead letters of a source, read from their topic: how many, why, and which of them nobody has dealt with. What they hold
 * is told only where it is asked for.
 */
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import { mustLook, refused, replayDeadLetters } from '../protocol/operate.ts';
import type { Checkpoints, Clock, TopicReader, TopicRecord, WindowRequest } from '../protocol/ports.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import { digest, idOf } from './folded-topic.ts';
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
  first: Letter[];
  /** Retention has deleted the beginning of the topic. */
  cutOff: boolean;
};

const MOST_SHOWN = 100;
/** Later than any bound. */
const NEVER = '9999';

/** @throws OPERATION_REFUSED where the source has no such topic, or no such letter */
export async function deadLetters(
  { checkpoints, kafka, clock }: Ports,
  { app }: Pick<ResolvedConfig, 'app'>,
  source: ResolvedSource,
  { id, all, showValues }: LetterOptions,
): Promise<DeadLetters> {
  const topic = source.deadLetterTopic?.name;
  if (topic === undefined) throw refused(`${source.name} has no dead letters: a row that can't be sent stops it.`);
  const { partitions } = await mustLook(checkpoints, source.name);
  const dealtWith = new Map(partitions.map((item) => [item.partition, item.dealtWith ?? null]));
  const found: DeadLetters = {
    ...{ source: source.name, topic, waiting: 0, dealtWith: 0 },
    ...{ reasons: {}, windows: null, since: NEVER, first: [], cutOff: false },
  };
  // With transactions none comes twice.
  const seen = source.delivery === 'at-least-once' ? new Set<string>() : null;
  const visit = (record: TopicRecord): undefined => {
    const written = readLetter(record);
    if (written?.app !== app || written.source !== source.name) return;
    const letter = letterOf(written, record, topic, dealtWith.get(written.partition) ?? null, showValues);
    if (seen?.has(letter.id) || (id !== null && letter.id !== id)) return;
    seen?.add(letter.id);
    found[letter.dealtWith ? 'dealtWith' : 'waiting']++;
    if (!letter.dealtWith) found.since = earlier(found.since, written.from);
    if (letter.dealtWith && !all && id === null) return;
    found.reasons[letter.reason] = (found.reasons[letter.reason] ?? 0) + 1;
    const [oldest, newest] = found.windows ?? [written.window, written.window];
    found.windows = [Math.min(oldest, written.window), Math.max(newest, written.window)];
    if (found.first.length < MOST_SHOWN) found.first.push(letter);
  };
  const extents = await kafka.records({ topic, deadline: Date.now() + left(clock) }, visit);
  if (id !== null && found.first.length === 0) throw refused(`${topic} has no dead letter ${id} of ${source.name}.`);
  found.first.sort((a, b) => compareIds(a.id, b.id));
  return { ...found, cutOff: extents.some(({ begin }) => begin > 0) };
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

function letterOf(
  written: Written,
  { topicPartition, offset }: TopicRecord,
  topic: string,
  dealtWith: Position | null,
  showValues: boolean,
): Letter {
  const { window, partition, row, kind, from, to, op, reason, message, truncated, key, before, after } = written;
  return {
    ...{ id: `${window}:${partition}:${row}`, kind, from, to, op, reason, message, truncated },
    keyId: key === null ? null : idOf(digest(JSON.stringify(key))),
    at: `${topic}-${topicPartition}@${offset}`,
    sentAt: new Date(written.ts_ms).toISOString(),
    dealtWith: comparePositions({ window, row }, dealtWith) <= 0,
    ...(showValues && { values: { key, before, after } }),
  };
}

function earlier(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return null;
  return a < b ? a : b;
}

/** Has the table's rows sent again that wait. @throws OPERATION_REFUSED */
export async function replayLetters(
  ports: Ports,
  config: Pick<ResolvedConfig, 'app'>,
  source: ResolvedSource,
): Promise<WindowRequest> {
  const { waiting, since } = await deadLetters(ports, config, source, { id: null, all: false, showValues: false });
  if (waiting === 0) throw refused(`No dead letter of ${source.name} waits.`);
  return replayDeadLetters(ports.checkpoints, source.name, since);
}

function compareIds(a: string, b: string): number {
  const [first, second] = [a, b].map((id) => id.split(':').map(Number)) as [number[], number[]];
  return first[0]! - second[0]! || first[1]! - second[1]! || first[2]! - second[2]!;
}
