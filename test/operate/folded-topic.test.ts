import { expect, test } from 'vitest';
import { digest, FoldedTopic } from '../../lambdas/operate/folded-topic.ts';

const key = (name: string | number) => digest(`key ${name}`);
const image = (text: string | number) => digest(`image ${text}`);
const at = (window: number, row = 1, topicPartition = 0) => ({
  topicPartition,
  offset: 100 * window + row,
  window,
  row,
});

test('it grows: every key keeps its row, and what is not asked for is left over', () => {
  const topic = new FoldedTopic(false);
  const count = 20_000;
  for (let i = 0; i < count; i++) topic.put(key(i), image(i), at(1, i + 1, i % 3));
  for (let i = 0; i < count - 2; i++) expect(topic.compare(key(i), image(i))).toBe('same');
  expect(topic.compare(key(0), image(0))).toBe('twice');
  expect(topic.compare(key(count - 2), image('other'))).toBe('altered');
  expect(topic.compare(key(count), image(count))).toBe('missing');
  expect(topic.keys).toBe(count);
  const last = key(count - 1).subarray(0, 8);
  const place = at(1, count, (count - 1) % 3);
  expect(topic.extra(1)).toEqual({ count: 1, places: [{ ...place, key: last }] });
});

test('deletes and tombstones end a key, a later record brings it back', () => {
  const topic = new FoldedTopic(false);
  topic.put(key('a'), image(1), at(1));
  topic.put(key('a'), null, at(2));
  topic.tombstone(key('a'), 0);
  expect(topic.compare(key('a'), image(1))).toBe('missing');
  topic.put(key('a'), image(2), at(3));
  expect(topic.placeOf(key('a'))).toEqual(at(3));
  topic.tombstone(key('a'), 0);
  topic.tombstone(key('b'), 0);
  expect(topic.keys).toBe(0);
});

test('a tombstone after a delete that is not looked at belongs to that one', () => {
  const topic = new FoldedTopic(false);
  topic.put(key('a'), image(1), at(1));
  topic.later(key('a'));
  topic.later(key('b'));
  topic.tombstone(key('a'), 0);
  expect(topic.compare(key('a'), image(1))).toBe('same');
  expect(topic.keys).toBe(1);
});

test('a topic that was emptied has what came after it', () => {
  const topic = new FoldedTopic(false);
  topic.put(key('a'), image(1), at(1, 1, 0));
  topic.put(key('b'), image(1), at(1, 1, 1));
  topic.empty(0, 2);
  topic.empty(1, 2);
  topic.put(key('b'), image(2), at(3, 1, 1));
  expect(topic.compare(key('a'), image(1))).toBe('missing');
  expect(topic.compare(key('b'), image(2))).toBe('same');
});

test('in one topicPartition the last record counts, of two the newer window; at least once the greatest position', () => {
  const exactly = new FoldedTopic(false);
  exactly.put(key('a'), image('old'), at(5, 2, 0));
  exactly.put(key('a'), image('new'), at(5, 1, 0));
  exactly.put(key('a'), image('before it grew'), at(4, 1, 1));
  exactly.tombstone(key('a'), 1);
  expect(exactly.compare(key('a'), image('new'))).toBe('same');

  const atLeast = new FoldedTopic(true);
  atLeast.put(key('a'), image('new'), at(5, 2, 0));
  atLeast.put(key('a'), image('sent again'), at(5, 1, 0));
  expect(atLeast.compare(key('a'), image('new'))).toBe('same');
});

test('more keys than fit are refused', () => {
  const topic = new FoldedTopic(false, 2);
  topic.put(key(1), image(1), at(1));
  topic.put(key(2), image(1), at(1));
  topic.put(key(1), image(2), at(2));
  expect(() => topic.put(key(3), image(1), at(1))).toThrow(/more than 2 keys/);
});
