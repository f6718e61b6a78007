import { expect, test } from 'vitest';
import { reconcile, type ReconcileInput } from '../../lambdas/protocol/reconcile.ts';
import type { Marker } from '../../lambdas/protocol/ports/kafka.ts';
import { item, windowOf } from './fixtures.ts';

const DAY = 86_400_000;
const now = 100 * DAY;
const windows = new Map([1, 2, 3].map((number) => [number, windowOf(number, [9])]));
const marker = (window: number, row: number, change: Partial<Marker> = {}): Marker => ({
  position: { window, row },
  incarnation: 'life-1',
  digest: `d${window}`,
  to: '',
  last: 'x',
  at: now - DAY,
  sent: { topic: 't', topicPartition: 0, offset: 41 },
  ...change,
});
const decide = (change: Partial<ReconcileInput>) =>
  reconcile({
    item: item(0),
    marker: null,
    end: null,
    incarnation: 'life-1',
    windowOf: (number) => windows.get(number),
    now,
    offsetsRetentionMs: 7 * DAY,
    ...change,
  });
const at = (window: number, row: number, ago = DAY) => ({ position: { window, row }, at: now - ago });

test('a marker ahead wins', () => {
  const decision = decide({
    item: item(0, { position: { window: 1, row: 3 }, marked: at(1, 3) }),
    marker: marker(2, 4),
  });
  expect(decision).toEqual({ position: { window: 2, row: 4 }, marked: at(2, 4) });
});
test('dead letters are counted as the marker has them where it is ahead, else as the item has them', () => {
  const dead = { window: 2, rows: 3, last: 4 };
  const ahead = {
    item: item(0, { position: { window: 1, row: 3 }, marked: at(1, 3) }),
    marker: marker(2, 4, { dead }),
  };
  expect(decide(ahead)).toMatchObject({ dead });
  expect(decide({ ...ahead, item: item(0, { position: { window: 3, row: 9 }, marked: at(2, 4) }) })).not.toHaveProperty(
    'dead',
  );
});
test('a position past void windows stays ahead of the marker', () => {
  const decision = decide({
    item: item(0, { position: { window: 3, row: 9 }, marked: at(2, 9) }),
    marker: marker(2, 9),
  });
  expect(decision).toEqual({ position: { window: 3, row: 9 }, marked: at(2, 9) });
});
test('the known marker needs no window: it may be deleted by now', () => {
  const same = decide({
    item: item(0, { position: { window: 2, row: 9 }, marked: at(2, 9) }),
    marker: marker(2, 9),
    windowOf: () => undefined,
  });
  expect(same).toMatchObject({ position: { window: 2, row: 9 } });
});
test('a marker behind what Kafka had acknowledged is a loss', () => {
  expect(decide({ item: item(0, { marked: at(2, 9) }), marker: marker(2, 8) })).toMatchObject({
    stop: 'KAFKA_LOST_DATA',
  });
});
test.each([
  [41, { stop: 'TOPIC_LOST_DATA' }],
  [0, { stop: 'TOPIC_LOST_DATA' }],
  [42, { position: { window: 2, row: 4 } }],
  [null, { position: { window: 2, row: 4 } }],
])('a topic that ends at %s, with a committed record at 41', (end, expected) => {
  expect(decide({ marker: marker(2, 4), end })).toMatchObject(expected);
});
test.each([
  ['of another life', marker(2, 4, { incarnation: 'life-0' })],
  ['of an unknown window', marker(9, 1)],
  ['of another window of that number', marker(2, 4, { digest: 'other' })],
])('a marker %s stops', (_, foreign) => {
  expect(decide({ marker: foreign })).toMatchObject({ stop: 'STATE_DISAGREES' });
});
test.each([
  ['nothing was ever committed', item(0), true],
  ['nothing was committed and a young transaction is open', item(0, { open: now - DAY }), true],
  ['an old open transaction may have committed and expired', item(0, { open: now - 4 * DAY }), false],
  ['the commit is so old that its marker must have expired', item(0, { marked: at(2, 9, 8 * DAY) }), true],
  ['a young commit lost its marker', item(0, { marked: at(2, 9) }), false],
  ['a young commit lost its marker under a young open', item(0, { marked: at(2, 9), open: now - DAY }), false],
  ['an old commit, but an old open', item(0, { marked: at(2, 9, 8 * DAY), open: now - 4 * DAY }), false],
])('marker missing: %s', (_, stored, goesOn) => {
  const decision = decide({ item: stored });
  if (goesOn) expect(decision).toEqual({ position: stored.position, marked: null });
  else expect(decision).toMatchObject({ stop: 'MARKER_EXPIRED' });
});
