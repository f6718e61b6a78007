/**
 * Exactly the rights that are rendered, on Apache Kafka's own authorizer: with all of them everything works, and without any
 * one of them something does not. All other suites run with them, too (fixture.ts).
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { LACKING, loginOf, uniqueName, withAcls } from '../apache-kafka/target.ts';
import { append, Fixture, markerAt, requestFor } from './fixture.ts';

/** Each right on a line of its own. */
const single = (line: string): string[] =>
  [...line.matchAll(/ --operation \w+/g)].map(([operation]) => line.replaceAll(/ --operation \w+/g, '') + operation);
const rightsOf = (user: string, topic: string, fixture: Pick<Fixture, 'app' | 'controlTopic'>) =>
  kafkaAcls(
    {
      app: fixture.app,
      kafka: { controlTopic: fixture.controlTopic },
      sources: [{ topic }],
      patterns: [{ topicPrefix: `${topic}.`, source: {} }],
    },
    `User:${user}`,
  ).flatMap(single);
/** Without what differs between users. */
const shapeOf = (right: string) => right.replace(/^.*?' /, '').replace(/'[^']*' /, '');
const shapes = [...new Set(rightsOf('u', 't', { app: 'a', controlTopic: 'a.control' }).map(shapeOf))];

describe.skipIf(!withAcls)('rights', () => {
  let fixture: Fixture;
  let opened: ReturnType<typeof createKafka>[] = [];
  beforeAll(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    await Promise.all(opened.map((kafka) => kafka.close()));
    opened = [];
  });
  afterAll(() => fixture.stop());

  /** What the user can't do of all that the product does. */
  async function lacks(user: string, topic: string): Promise<string[]> {
    const kafka = createKafka(fixture.config(), loginOf(user));
    opened.push(kafka);
    const found: string[] = [];
    const attempt = async (what: string, work: () => Promise<boolean>) => {
      const done = await work().catch((error: unknown) => {
        if (error instanceof SnowmeltError && error.code === 'KAFKA_UNAUTHORIZED') return false;
        throw error;
      });
      if (!done) found.push(what);
    };
    for (const delivery of ['exactly-once', 'at-least-once'] as const) {
      await attempt(delivery, async () => {
        const producer = await kafka.open({ ...requestFor(topic, topic, 1), delivery });
        append(producer, 'key', 'value');
        await producer.commit(markerAt(1, 1));
        await producer.close();
        return true;
      });
    }
    await attempt('marker', async () => (await kafka.open(requestFor(topic, topic, 1))).marker !== null);
    await attempt('settings', async () => {
      const { topic: settings, offsetsRetentionMs } = await kafka.facts(topic);
      return offsetsRetentionMs !== null && Object.values(settings).every((value) => value !== null);
    });
    await attempt('inspect', async () => {
      const { markers, ends } = await kafka.inspect({ source: topic, partitions: 1, topic });
      return markers[0] !== null && ends.length === 1;
    });
    await attempt('records', async () => {
      await kafka.records({ topic, deadline: Date.now() + 30_000 }, () => undefined);
      return true;
    });
    const made = `${topic}.made`;
    const settings = { replication: 1, minInsync: 1, retentionMs: 86_400_000, compact: false };
    await attempt('make', () => kafka.makeTopic(made, 1, settings).then(() => true));
    if (found.includes('make')) return found;
    await attempt('send to what was made', async () => {
      const producer = await kafka.open({ ...requestFor(topic, made, 1), delivery: 'at-least-once' });
      append(producer, 'key', 'value');
      await producer.commit(markerAt(1, 1));
      await producer.close();
      return true;
    });
    await attempt('settings of it', async () =>
      Object.values((await kafka.facts(made)).topic).every((value) => value !== null),
    );
    await attempt('records of it', () =>
      kafka.records({ topic: made, deadline: Date.now() + 30_000 }, () => undefined).then(() => true),
    );
    return found;
  }

  async function userWith(user: string, rights: (all: string[]) => string[]): Promise<string> {
    const topic = uniqueName('source');
    await fixture.createTopic(topic, 1);
    await fixture.target.grant(rights(rightsOf(user, topic, fixture)));
    return topic;
  }

  test('all of them suffice', async () => {
    const user = LACKING[shapes.length]!;
    expect(await lacks(user, await userWith(user, (all) => all))).toEqual([]);
  });

  test.each(shapes.map((right, i) => ({ right, user: LACKING[i]! })))('without $right', async ({ right, user }) => {
    const topic = await userWith(user, (all) => all.filter((one) => shapeOf(one) !== right));
    expect(await lacks(user, topic)).toEqual(MISSED[right]);
  });
});

/** What does not work without it. */
const MISSED: Record<string, string[]> = {
  '--cluster --operation DescribeConfigs': ['settings'],
  '--topic --operation Read': ['exactly-once', 'marker', 'inspect', 'records'],
  '--topic --operation DescribeConfigs': ['settings'],
  '--topic --operation Write': ['exactly-once', 'at-least-once', 'marker', 'inspect'],
  '--topic --resource-pattern-type prefixed --operation Create': ['make'],
  '--topic --resource-pattern-type prefixed --operation DescribeConfigs': ['settings of it'],
  '--topic --resource-pattern-type prefixed --operation Read': ['records of it'],
  '--topic --resource-pattern-type prefixed --operation Write': ['send to what was made'],
  '--group --resource-pattern-type prefixed --operation Read': ['exactly-once', 'marker', 'inspect'],
  '--transactional-id --resource-pattern-type prefixed --operation Write': ['exactly-once', 'marker', 'inspect'],
};
