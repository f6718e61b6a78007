/** Which topic is told of rows that can't be sent. */
import { expect, test } from 'vitest';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import { takenTopics } from '../../lambdas/config/patterns.ts';

const TABLE = { table: 'A.B.C', key: ['ID'] };

function config(sources: Record<string, object>, defaults: object = {}, patterns?: object): string {
  const named = Object.entries(sources).map(([name, settings]) => [
    name,
    { ...TABLE, topic: { name: `t.${name}`, partitions: 1 }, ...settings },
  ]);
  return JSON.stringify({
    app: 'shop',
    snowflake: { account: 'a', user: 'U', warehouse: 'W', auth: { method: 'token', secret: 's' } },
    kafka: { brokers: ['b:9092'] },
    sources: Object.fromEntries(named) as object,
    defaults,
    ...(patterns && { patterns }),
  });
}

const topics = (text: string) => loadConfig(text, { path: 'x' }).sources.map(({ deadLetterTopic }) => deadLetterTopic);
const problems = (text: string) => findProblems(text).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('none unless it is asked for; else one beside the topic, or the one that is named', () => {
  expect(topics(config({ s: {} }))).toEqual([undefined]);
  expect(topics(config({ s: { onBadRow: 'dead-letter' } }))).toEqual([{ name: 't.s.deadletters', partitions: 1 }]);
  const named = { deadLetterTopic: { name: 'all.dead', partitions: 3 } };
  expect(topics(config({ s: { onBadRow: 'dead-letter', ...named } }))).toEqual([named.deadLetterTopic]);
  expect(topics(config({ a: {}, b: { onBadRow: 'stop' } }, { onBadRow: 'dead-letter', ...named }))).toEqual([
    named.deadLetterTopic,
    undefined,
  ]);
});

test('a topic is nobody else\u2019s, and a name is for something', () => {
  const dead = { onBadRow: 'dead-letter' };
  const named = (name: string, partitions = 1) => ({ ...dead, deadLetterTopic: { name, partitions } });
  expect(problems(config({ a: named('t.b'), b: {} }))).toEqual([
    'sources.a.deadLetterTopic.name: `t.b` is already the topic of source b',
  ]);
  expect(problems(config({ a: named('dead', 1), b: named('dead', 2) }))).toEqual([
    'sources.b.deadLetterTopic.partitions: is 1 elsewhere for this topic',
  ]);
  expect(problems(config({ a: dead, b: { topic: { name: 't.a.deadletters', partitions: 1 } } }))).toEqual([
    expect.stringMatching(/^sources\.a\.onBadRow: `t\.a\.deadletters` is already the topic of source b;/),
  ]);
  expect(problems(config({ a: { ...dead, topic: { name: 'x'.repeat(249), partitions: 1 } } }))).toEqual([
    expect.stringMatching(/^sources\.a\.onBadRow: the name of its topic would be too long;/),
  ]);
  expect(problems(config({ a: { deadLetterTopic: { name: 'dead', partitions: 1 } } }))).toEqual([
    expect.stringMatching(/^sources\.a\.deadLetterTopic: needs `onBadRow: dead-letter`/),
  ]);
});

test('sources of a pattern share one that is named, and none of their own topics can be it', () => {
  const pattern = { tables: 'A.B.*', key: ['ID'], topic: { name: 't.b.{table}', partitions: 1 } };
  const dead = { onBadRow: 'dead-letter' };
  for (const [settings, defaults] of [
    [dead, {}],
    [{}, dead],
  ] as const)
    expect(problems(config({ s: { onBadRow: 'stop' } }, defaults, { p: { ...pattern, ...settings } }))).toEqual([
      'patterns.p.onBadRow: needs a `deadLetterTopic`, which all its sources share',
    ]);
  const named = { ...dead, deadLetterTopic: { name: 't.b.dead', partitions: 2 } };
  const loaded = loadConfig(config({ s: {} }, {}, { p: { ...pattern, ...named } }), { path: 'x' });
  expect(loaded.patterns![0]!.source.deadLetterTopic).toEqual(named.deadLetterTopic);
  expect([...takenTopics(loaded).keys()]).toContain('t_b_dead');
});
