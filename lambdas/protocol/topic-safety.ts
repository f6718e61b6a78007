/** The topic settings that exactly once rests on, looked at when a topic is first opened on a day. */
import { SnowmeltError } from '../errors.ts';
import type { Telemetry } from './ports/effects.ts';
import type { Delivery, Kafka, TopicFacts } from './ports/kafka.ts';

export type TopicCheckSettings = { delivery: Delivery; topicChecks: 'strict' | 'report'; offsetsRetentionMs: number };

const DAY_MS = 86_400_000;
/** When each topic was last looked at by this execution environment. */
const lookedAt = new Map<string, number>();

/** What is too weak, in words; a setting that the broker hides counts as fine, the configuration vouches for it. */
export function weaknesses(
  facts: { topic: TopicFacts; offsetsRetentionMs: number | null },
  expectedRetentionMs: number,
): string[] {
  const { replication, minInsyncReplicas, uncleanElection } = facts.topic;
  const found: string[] = [];
  if (replication < 2) found.push(`it has ${replication} replica: one lost disk loses what was acknowledged`);
  if (minInsyncReplicas !== null && minInsyncReplicas < 2) {
    found.push(`min.insync.replicas is ${minInsyncReplicas}: a write may be acknowledged by the leader alone`);
  }
  if (uncleanElection === true) found.push('unclean.leader.election.enable is true: acknowledged writes may be lost');
  if (facts.offsetsRetentionMs !== null && facts.offsetsRetentionMs < expectedRetentionMs) {
    const minutes = facts.offsetsRetentionMs / 60_000;
    found.push(`offsets.retention.minutes of the brokers is ${minutes}: kafka.offsetsRetention says more`);
  }
  return found;
}

/** @throws TOPIC_UNSAFE when checks are strict; told otherwise. */
export async function checkTopic(
  ports: { kafka: Kafka; telemetry: Telemetry },
  settings: TopicCheckSettings,
  source: string,
  topic: string,
  now: number,
): Promise<void> {
  if (now - (lookedAt.get(topic) ?? -Infinity) < DAY_MS) return;
  const facts = await ports.kafka.facts(topic);
  // The older of two copies may come last; consumers tell by its position, compaction does not.
  if (settings.delivery === 'at-least-once' && facts.topic.compacted === true) {
    throw new SnowmeltError(
      'TOPIC_UNSAFE',
      `Topic ${topic} is compacted: with at-least-once it may keep an older row.`,
    );
  }
  const found = weaknesses(facts, settings.offsetsRetentionMs);
  if (found.length > 0) {
    const message = `Topic ${topic} is too weak for exactly once: ${found.join('; ')}.`;
    if (settings.topicChecks === 'strict') throw new SnowmeltError('TOPIC_UNSAFE', message);
    ports.telemetry.info(message, { source, code: 'TOPIC_UNSAFE' });
  }
  lookedAt.set(topic, now);
}
