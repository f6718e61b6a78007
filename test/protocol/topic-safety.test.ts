import { expect, test } from 'vitest';
import { checkTopic, weaknesses } from '../../lambdas/protocol/topic-safety.ts';
import { MemoryTelemetry } from './ports/effects.ts';
import { MemoryKafka } from './ports/kafka.ts';

const DAY = 86_400_000;
const safe = { minInsyncReplicas: 2, replication: 3, uncleanElection: false, compacted: false };

test('settings of an MSK default are safe, hidden ones are taken on trust', () => {
  expect(weaknesses({ topic: safe, offsetsRetentionMs: 7 * DAY }, 7 * DAY)).toEqual([]);
  const hidden = { minInsyncReplicas: null, replication: 3, uncleanElection: null, compacted: null };
  expect(weaknesses({ topic: hidden, offsetsRetentionMs: null }, 7 * DAY)).toEqual([]);
});

test.each([
  [{ ...safe, replication: 1 }, 7 * DAY, 'replica'],
  [{ ...safe, minInsyncReplicas: 1 }, 7 * DAY, 'min.insync.replicas'],
  [{ ...safe, uncleanElection: true }, 7 * DAY, 'unclean'],
  [safe, DAY, 'offsets.retention.minutes'],
])('a weak setting is named', (topic, offsetsRetentionMs, name) => {
  const found = weaknesses({ topic, offsetsRetentionMs }, 7 * DAY);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(name);
});

test('strict checks refuse at every open until it is mended, then look once a day', async () => {
  const kafka = new MemoryKafka();
  const telemetry = new MemoryTelemetry();
  let looks = 0;
  let replication = 1;
  kafka.facts = async () => {
    looks++;
    return { topic: { ...safe, replication }, offsetsRetentionMs: null };
  };
  const check = (now: number, topicChecks: 'strict' | 'report' = 'strict') =>
    checkTopic(
      { kafka, telemetry },
      { delivery: 'exactly-once', topicChecks, offsetsRetentionMs: DAY },
      's',
      'weak-topic',
      now,
    );
  await expect(check(0)).rejects.toMatchObject({ code: 'TOPIC_UNSAFE' });
  await expect(check(1)).rejects.toMatchObject({ code: 'TOPIC_UNSAFE' });
  replication = 3;
  await check(2);
  await check(3);
  expect(looks).toBe(3);
  replication = 1;
  await check(DAY + 2, 'report');
  expect(looks).toBe(4);
  expect(telemetry.messages).toEqual([expect.stringContaining('weak-topic')]);
});

test('at-least-once refuses a compacted topic, which might keep the older of two copies', async () => {
  const kafka = new MemoryKafka();
  kafka.facts = async () => ({ topic: { ...safe, compacted: true }, offsetsRetentionMs: null });
  const check = (delivery: 'exactly-once' | 'at-least-once') =>
    checkTopic(
      { kafka, telemetry: new MemoryTelemetry() },
      { delivery, topicChecks: 'report', offsetsRetentionMs: DAY },
      's',
      'compacted',
      0,
    );
  await expect(check('at-least-once')).rejects.toMatchObject({ code: 'TOPIC_UNSAFE' });
  await check('exactly-once');
});
