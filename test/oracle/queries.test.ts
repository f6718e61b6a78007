import { describe, expect, test } from 'vitest';
import { checkProgress } from './progress.ts';
import { at, bound, sent, tombstone, verdictOn, world, type World } from './fixtures.ts';

const clean = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0 };
const row = (ID: string, DELAY: number | null) => ({ ID, DELAY });

/** Each statement ran some time after its window's end: the first after the change of 12 s, the others after the last. */
function bulk(): World {
  const topic = [
    sent('1', 'r', null, row('1', 11)),
    sent('2', 'r', null, row('2', null)),
    sent('3', 'r', null, row('3', 30)),
    sent('4', 'r', null, row('4', 40)),
    sent('2', 'd', row('2', null), null, 2),
    tombstone('2'),
    sent('1', 'u', row('1', 11), row('1', 12), 3),
    sent('3', 'd', row('3', 30), null, 3),
    tombstone('3'),
    sent('13', 'c', null, row('13', 30), 3),
    sent('5', 'c', null, row('5', 50), 3),
  ];
  return { ...world(), topic };
}

/** Rows that are added, and one that is changed: 5 comes late into a statement that ran at 22 s. */
function log(): World {
  const ledger = [
    { at: at(8), changes: [{ row: 0, image: ['1', '10'] }] },
    { at: at(12), changes: [{ row: 1, image: ['2', null] }] },
    { at: at(15), changes: [{ row: 0, image: ['1', '11'] }] },
    { at: at(22), changes: [{ row: 2, image: ['5', '50'] }] },
    { at: at(24), changes: [{ row: 3, image: ['7', '70'] }] },
  ];
  const topic = [
    sent('1', 'r', null, row('1', 10)),
    sent('2', 'c', null, row('2', null), 2),
    sent('1', 'c', null, row('1', 11), 2),
    sent('5', 'c', null, row('5', 50), 2),
    sent('7', 'c', null, row('7', 70), 3),
  ];
  return { ...world(), loaded: [], ledger, topic };
}

async function defects(kind: 'bulk' | 'log', plant: (topic: World['topic']) => unknown): Promise<object> {
  const planted = kind === 'bulk' ? bulk() : log();
  plant(planted.topic);
  const { records: _, deletes: __, ...found } = await verdictOn(planted, { kind });
  return found;
}

describe('a query read whole', () => {
  test('is what the table was when its statements ran, whenever that was', async () => {
    expect(await verdictOn(bulk(), { kind: 'bulk' })).toEqual({ ...clean, records: 11, deletes: 2 });
  });
  test.each<[string, (topic: World['topic']) => unknown, object]>([
    ['a delete is missing', (topic) => topic.splice(7, 2), { missing: 2 }],
    ['one comes twice', (topic) => topic.push(topic[10]!), { duplicated: 1 }],
    ['a before is wrong', (topic) => (topic[6] = sent('1', 'u', row('1', 10), row('1', 12), 3)), { mismatched: 1 }],
    [
      'what did not differ is told',
      (topic) => topic.push(sent('4', 'u', row('4', 40), row('4', 40), 3)),
      { mismatched: 1 },
    ],
    [
      'a window does not have what was committed before its end',
      (topic) => (topic[4] = sent('2', 'd', row('2', null), null, 3)),
      { mismatched: 1 },
    ],
    [
      'a window tells half of a commit',
      (topic) => (topic[9] = sent('13', 'c', null, row('13', 30), 2)),
      { mismatched: 1 },
    ],
  ])('%s', async (_, plant, found) => {
    expect(await defects('bulk', plant)).toEqual({ ...clean, ...found });
  });
});

describe('a query read by a cursor', () => {
  test('has each row once, and again where it was changed', async () => {
    expect(await verdictOn(log(), { kind: 'log' })).toEqual({ ...clean, records: 5, deletes: 0 });
  });
  test.each<[string, (topic: World['topic']) => unknown, object]>([
    ['a row is missing', (topic) => topic.splice(3, 1), { missing: 1 }],
    ['a change is missing', (topic) => topic.splice(2, 1), { missing: 1 }],
    ['a row comes twice', (topic) => topic.push(topic[4]!), { duplicated: 1 }],
    ['a change comes before its row', (topic) => ([topic[0], topic[2]] = [topic[2]!, topic[0]!]), { reordered: 1 }],
    ['a row is another', (topic) => (topic[4] = sent('7', 'c', null, row('7', 71), 3)), { mismatched: 1 }],
  ])('%s', async (_, plant, found) => {
    expect(await defects('log', plant)).toEqual({ ...clean, ...found });
  });
});

test('append-only: what was inserted, as it was committed, whatever became of it', async () => {
  const planted = world();
  planted.topic = [
    ...planted.topic.slice(0, 4),
    sent('13', 'c', null, row('13', 7), 2),
    sent('5', 'c', null, row('5', 50), 3),
  ];
  // Inserted, re-keyed and deleted within the window; and one that does not outlive its transaction.
  const born = [
    {
      at: at(16),
      changes: [
        { row: 8, image: ['12', '7'] },
        { row: 8, image: ['13', '7'] },
      ],
    },
    {
      at: at(17),
      changes: [
        { row: 8, image: ['14', '7'] },
        { row: 9, image: ['15', '1'] },
        { row: 9, image: null },
      ],
    },
    { at: at(18), changes: [{ row: 8, image: null }] },
  ];
  planted.ledger.splice(4, 0, ...born);
  expect(await verdictOn(planted, { kind: 'append-only' })).toEqual({ ...clean, records: 6, deletes: 0 });
  planted.topic.splice(4, 1);
  expect(await verdictOn(planted, { kind: 'append-only' })).toMatchObject({ ...clean, missing: 1 });
});

test('progress: each end once, with its bounds and its rows', () => {
  const rows = new Map([
    [0, 3],
    [2, 1],
  ]);
  const windows = [{ number: 1, kind: 'snapshot', from: null, to: bound(10), since: null, void: false, rows }];
  const end = (partition: number, count: number, source = 's') => ({
    topicPartition: 0,
    key: null,
    value: Buffer.from(JSON.stringify({ source, window: 1, partition, from: null, to: bound(10), rows: count })),
  });
  const judge = (...ends: ReturnType<typeof end>[]) => checkProgress('s', windows, ends, () => undefined);
  expect(judge(end(0, 3), end(0, 9, 'other'), end(2, 1))).toEqual(clean);
  expect(judge(end(0, 3), end(0, 3))).toEqual({ ...clean, duplicated: 1, missing: 1 });
  expect(judge(end(0, 4), end(2, 1))).toEqual({ ...clean, mismatched: 1 });
});
