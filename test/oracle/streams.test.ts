import { describe, expect, test } from 'vitest';
import { at, sent, tombstone, verdictOn, world, type World } from './fixtures.ts';

const clean = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0 };
const row = (ID: string, DELAY: number | null) => ({ ID, DELAY });

/**
 * The second window ends at 20 s and was consumed between 14 and 15 s: row 4 is still away in it and comes back in the third,
 * which was consumed between 22 and 23 s. Then nothing is read any more.
 */
function stream(): World {
  const { topic, ...rest } = world();
  const was = topic.slice(0, 4);
  const changed = [
    sent('1', 'u', row('1', 10), row('1', 11), 2),
    sent('4', 'u', row('4', 40), row('4', 41), 2),
    sent('2', 'd', row('2', null), null, 2),
    tombstone('2'),
    sent('1', 'u', row('1', 11), row('1', 12), 3),
    sent('4', 'u', row('4', 41), row('4', 40), 3),
    sent('3', 'd', row('3', 30), null, 4),
    tombstone('3'),
    sent('13', 'c', null, row('13', 30), 4),
    sent('5', 'c', null, row('5', 50), 4),
  ];
  const last = { ...rest.windows[2]!, number: 4, from: rest.windows[2]!.to, to: '2026-01-01T00:00:40.000Z' };
  return { ...rest, windows: [...rest.windows, last], topic: [...was, ...changed] };
}

/** One of its owner's: the rows that there were come as creates. */
function ofItsOwner(): World {
  const { windows, topic, ...rest } = stream();
  const [first, ...others] = windows;
  const creates = topic.map((each) => ({ ...each, value: each.value?.replace('"op":"r"', '"op":"c"') ?? null }));
  return {
    ...rest,
    windows: [{ ...first!, kind: 'changes', from: '2026-01-01T00:00:09.000Z' }, ...others],
    topic: creates,
  };
}

async function defects(plant: (topic: World['topic']) => unknown): Promise<object> {
  const planted = stream();
  plant(planted.topic);
  const { records: _, deletes: __, ...found } = await verdictOn(planted, { stream: true });
  return found;
}

describe('a stream', () => {
  test('tells what was consumed, whatever was committed between that and the end of its window', async () => {
    expect(await verdictOn(stream(), { stream: true })).toEqual({ ...clean, records: 14, deletes: 2 });
    expect(await verdictOn(stream())).not.toMatchObject(clean);
  });
  test('may tell all as changes', async () => {
    expect(await verdictOn(ofItsOwner(), { stream: true })).toEqual({ ...clean, records: 14, deletes: 2 });
    expect((await verdictOn(ofItsOwner())).missing).toBeGreaterThan(0);
  });
  test('of inserts tells each as it was', async () => {
    const { topic, ...rest } = ofItsOwner();
    const ledger = [...rest.ledger, { at: at(26), changes: [{ row: 4, image: null }] }];
    const creates = [...topic.slice(0, 4), sent('5', 'c', null, row('5', 50), 4)];
    const appended = { ...rest, ledger, topic: creates };
    const options = { kind: 'append-only', stream: true } as const;
    expect(await verdictOn(appended, options)).toEqual({ ...clean, records: 5, deletes: 0 });
    creates.pop();
    expect(await verdictOn(appended, options)).toMatchObject({ ...clean, missing: 1 });
  });
  test('a row replaced by its equal is where it was consumed', async () => {
    const replaced = stream();
    replaced.ledger.splice(3, 0, {
      at: at(14),
      changes: [
        { row: 0, image: null },
        { row: 6, image: ['1', '11'] },
      ],
    });
    replaced.ledger.splice(5, 1);
    replaced.topic.splice(8, 1);
    expect(await verdictOn(replaced, { stream: true })).toMatchObject(clean);
  });
  test.each([
    ['before', true],
    ['after', false],
  ])('what was consumed %s a row was replaced by its equal, the next window tells', async (_, isBefore) => {
    const replaced = stream();
    for (const { changes } of replaced.ledger) for (const change of changes) if (change.row === 2) change.row = 6;
    const changes = [
      { row: 2, image: null },
      { row: 6, image: ['3', '30'] },
    ];
    replaced.ledger.unshift({ at: at(9), changes });
    if (isBefore) replaced.topic.splice(4, 0, sent('3', 'u', row('3', 30), row('3', 30), 2));
    expect(await verdictOn(replaced, { stream: true })).toMatchObject(clean);
  });
  test.each<[string, (topic: World['topic']) => unknown, object]>([
    ['a delete is missing', (topic) => topic.splice(6, 2), { missing: 2 }],
    ['one comes twice', (topic) => topic.push(topic[13]!), { duplicated: 1 }],
    ['an after is wrong', (topic) => (topic[13] = sent('5', 'c', null, row('5', 51), 4)), { mismatched: 1 }],
    [
      'one is in the window after its own',
      (topic) => topic.splice(4, 1, sent('1', 'u', row('1', 10), row('1', 11), 3)),
      { mismatched: 2 },
    ],
  ])('%s', async (_, plant, found) => {
    expect(await defects(plant)).toEqual({ ...clean, ...found });
  });
});
