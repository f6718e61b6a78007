/**
 * The marker: the position that a transaction committed, as an offset of the source's group with JSON as its metadata.
 *
 * It is read only after InitProducerId, which decides an earlier owner's transaction, with `require_stable` (brokers before
 * 4.0 make a decided offset visible a moment later) and for the own partition alone: an answer for the whole topic waits for
 * every other partition's open transaction.
 */
import { SnowmeltError } from '../errors.ts';
import { formatPosition, parsePosition, type Position } from '../protocol/position.ts';
import type { DeadRows, Marker, Sent } from '../protocol/ports/kafka.ts';
import type { Coordinator } from './coordinator.ts';
import { BrokerError, CODE } from './failures.ts';
import type { Names } from './names.ts';
import { errorCodeOf } from './coordinator.ts';

const VERSION = 1;
/** Brokers count UTF-16 units (offset.metadata.max.bytes, whatever its name says). */
const MAX_LENGTH = 4096;

/** The marker as offset and metadata. @throws RangeError when it does not fit */
export function formatMarker(marker: Marker): { offset: string; metadata: string } {
  const { position, incarnation, digest, to, last, at, sent, dead } = marker;
  const metadata = JSON.stringify({
    ...{ v: VERSION, incarnation, window: position.window, digest, to, last, at },
    ...(sent !== null && { sent: [sent.topic, sent.topicPartition, sent.offset] }),
    ...(dead && { dead: [dead.rows, dead.last] }),
  });
  if (metadata.length > MAX_LENGTH) throw new RangeError(`marker of ${metadata.length} characters`);
  return { offset: formatPosition(position), metadata };
}

/** @throws STATE_DISAGREES for what `formatMarker` did not write, STATE_TOO_NEW for what a newer release wrote */
export function parseMarker(offset: string, metadata: string): Marker {
  const fields = fieldsOf(metadata);
  if (typeof fields.v === 'number' && fields.v > VERSION) {
    throw new SnowmeltError('STATE_TOO_NEW', `the marker in Kafka has version ${fields.v}, known is ${VERSION}`);
  }
  const position = positionOf(offset);
  const { v, window, incarnation, digest, to, last, at } = fields;
  if (
    v !== VERSION ||
    position === null ||
    window !== position.window ||
    typeof incarnation !== 'string' ||
    typeof digest !== 'string' ||
    typeof to !== 'string' ||
    typeof last !== 'string' ||
    typeof at !== 'number'
  ) {
    throw new SnowmeltError('STATE_DISAGREES', `the offset ${offset} of the group in Kafka is no marker of Snowmelt`);
  }
  const dead = deadOf(position.window, fields.dead);
  return { position, incarnation, digest, to, last, at, sent: sentOf(fields.sent), ...(dead !== null && { dead }) };
}

/** The committed marker of one source partition; null when Kafka has none (also when it expired). */
export async function readMarker(
  groupCoordinator: Coordinator,
  names: Names,
  deadline: number,
): Promise<Marker | null> {
  const { group, controlTopic, partition } = names;
  try {
    const args = { groupId: group, topic: controlTopic, partition };
    const reply = await groupCoordinator.ask('OffsetFetch', args, errorCodeOf, {
      deadline,
      waitFor: [CODE.unstableOffsets, CODE.unknownTopic],
      repeatable: true,
    });
    return reply.offset === -1n ? null : parseMarker(reply.offset.toString(), reply.metadata);
  } catch (error) {
    if (error instanceof BrokerError && error.brokerCode === CODE.groupIdNotFound) return null;
    throw error;
  }
}

/** null too for what a release before this field wrote. */
function sentOf(value: unknown): Sent | null {
  const [topic, topicPartition, offset] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof topic !== 'string' || typeof topicPartition !== 'number' || typeof offset !== 'number') return null;
  return { topic, topicPartition, offset };
}

function deadOf(window: number, value: unknown): DeadRows | null {
  const [rows, last] = Array.isArray(value) ? (value as unknown[]) : [];
  return typeof rows === 'number' && typeof last === 'number' ? { window, rows, last } : null;
}

function positionOf(offset: string): Position | null {
  try {
    return parsePosition(offset);
  } catch {
    return null;
  }
}

function fieldsOf(metadata: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(metadata);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
