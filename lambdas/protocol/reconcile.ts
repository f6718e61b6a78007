/**
 * What a new owner makes of Kafka's marker and the partition item: Kafka is the truth, DynamoDB the cache.
 *
 * Pure. Called after every InitProducerId (so nothing of an earlier owner is undecided any more) and followed by exactly
 * one conditional write; nothing is sent before that.
 */
import type { ErrorCode } from '../errors.ts';
import type { DeadRows, Marker } from './ports/kafka.ts';
import type { PartitionItem } from './ports/state.ts';
import { comparePositions, formatPosition, maxPosition } from './position.ts';
import type { Window } from './window.ts';

type Stop = Extract<ErrorCode, 'STATE_DISAGREES' | 'KAFKA_LOST_DATA' | 'TOPIC_LOST_DATA' | 'MARKER_EXPIRED'>;

export type Reconciled =
  | { position: PartitionItem['position']; marked: PartitionItem['marked']; dead?: DeadRows }
  | { stop: Stop; message: string };

export type ReconcileInput = {
  /** As this epoch last read or wrote it. */
  item: PartitionItem;
  marker: Marker | null;
  /** Where the topicPartition of `marker.sent` ends; null: not known. */
  end: number | null;
  incarnation: string;
  /** Looks a window of the log up; undefined when the log has none of that number. */
  windowOf: (number: number) => Window | undefined;
  now: number;
  offsetsRetentionMs: number;
};

export function reconcile(input: ReconcileInput): Reconciled {
  const { item, marker } = input;
  if (marker === null) return reconcileMissing(input);
  // At-least-once went on without markers: what was committed before that says nothing any more.
  if (item.marked === null && comparePositions(marker.position, item.position) <= 0) {
    return { position: item.position, marked: null };
  }
  const foreign = disagreement(marker, input);
  if (foreign !== null) return { stop: 'STATE_DISAGREES', message: foreign };

  const order = comparePositions(marker.position, item.marked?.position ?? null);
  if (order < 0) {
    return {
      stop: 'KAFKA_LOST_DATA',
      message: `The marker in Kafka (${formatPosition(marker.position)}) is behind what Kafka had committed (${formatPosition(item.marked!.position)}).`,
    };
  }
  const { sent } = marker;
  if (sent !== null && input.end !== null && input.end <= sent.offset) {
    return {
      stop: 'TOPIC_LOST_DATA',
      message: `Topic ${sent.topic}, partition ${sent.topicPartition}, ends at offset ${input.end}, but a committed transaction has a record at ${sent.offset}.`,
    };
  }
  return {
    position: maxPosition(item.position, marker.position),
    marked: { position: marker.position, at: marker.at },
    // Behind the item's position the item knows more.
    ...(marker.dead && comparePositions(marker.position, item.position) > 0 && { dead: marker.dead }),
  };
}

/**
 * A marker expires `offsetsRetentionMs` after its commit. Missing is fine when nothing is known to be committed, or when it
 * was so long ago that it must have expired; but an old `open` may hide a commit that expired unseen.
 */
function reconcileMissing({ item, now, offsetsRetentionMs }: ReconcileInput): Reconciled {
  const markedExpired = item.marked === null || now - item.marked.at > offsetsRetentionMs;
  const openIsYoung = item.open === null || now - item.open < offsetsRetentionMs / 2;
  if (markedExpired && openIsYoung) return { position: item.position, marked: null };
  return {
    stop: 'MARKER_EXPIRED',
    message: markedExpired
      ? 'Kafka has no marker, and a transaction that was undecided when its owner vanished may have been committed and expired since.'
      : `Kafka has no marker, but ${formatPosition(item.marked!.position)} was committed within offsets.retention.minutes.`,
  };
}

function disagreement(marker: Marker, { item, incarnation, windowOf }: ReconcileInput): string | null {
  if (marker.incarnation !== incarnation) {
    return `The marker in Kafka belongs to another life of this source (${marker.incarnation}, ours is ${incarnation}): a second deployment, or a table that was made anew.`;
  }
  if (item.marked !== null && comparePositions(marker.position, item.marked.position) === 0) return null;
  if (comparePositions(marker.position, item.marked?.position ?? null) < 0) return null;
  const window = windowOf(marker.position.window);
  if (window === undefined) {
    return `The marker in Kafka names window ${marker.position.window}, which the log does not have: the table was restored.`;
  }
  if (window.digest !== marker.digest) {
    return `The marker in Kafka names a window ${marker.position.window} other than the log's: the table was restored.`;
  }
  return null;
}
