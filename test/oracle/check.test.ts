import { describe, expect, test } from 'vitest';
import { at, bound, sent, tombstone, verdictOn, world, type World } from './fixtures.ts';

const clean = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0 };

/** The verdict after one change to a right world. */
async function after(plant: (world: World) => void): Promise<object> {
  const planted = world();
  plant(planted);
  const { records: _, deletes: __, ...defects } = await verdictOn(planted);
  return defects;
}

const swap = <T>(list: T[], a: number, b: number) => ([list[a], list[b]] = [list[b]!, list[a]!]);
const edit = (from: string, to: string) => (world: World) => {
  const at = world.topic.findIndex((record) => record.value?.includes(from));
  expect(at).toBeGreaterThanOrEqual(0);
  world.topic[at] = { ...world.topic[at]!, value: world.topic[at]!.value!.replace(from, to) };
};

test('a right topic has no defect', async () => {
  const explained: string[] = [];
  expect(await verdictOn(world(), { explained })).toEqual({ ...clean, records: 12, deletes: 2 });
  expect(explained).toEqual([]);
});

test('the order between keys does not matter', async () => {
  expect(await after(({ topic }) => swap(topic, 4, 5))).toEqual(clean);
});

describe('records', () => {
  test('a missing one', async () => {
    expect(await after(({ topic }) => topic.splice(10, 1))).toEqual({ ...clean, missing: 1 });
  });
  test('a missing snapshot row', async () => {
    expect(await after(({ topic }) => topic.splice(3, 1))).toEqual({ ...clean, missing: 1 });
  });
  test('a missing tombstone', async () => {
    expect(await after(({ topic }) => topic.splice(6, 1))).toEqual({ ...clean, missing: 1 });
  });
  test('a key of which nothing came', async () => {
    expect(await after((world) => (world.topic = world.topic.filter(({ key }) => key !== '{"ID":"2"}')))).toEqual({
      ...clean,
      missing: 3,
    });
  });
  test('one twice', async () => {
    expect(await after(({ topic }) => topic.splice(8, 0, topic[7]!))).toEqual({ ...clean, duplicated: 1 });
  });
  test('a window twice', async () => {
    expect(await after(({ topic }) => topic.push(...topic.slice(7)))).toEqual({ ...clean, duplicated: 5 });
  });
  test('one twice and another missing', async () => {
    const plant = ({ topic }: World) => {
      topic.splice(11, 1);
      topic.splice(8, 0, topic[7]!);
    };
    expect(await after(plant)).toEqual({ ...clean, missing: 1, duplicated: 1 });
  });
  test('two of one key in the wrong order', async () => {
    expect(await after(({ topic }) => swap(topic, 4, 7))).toEqual({ ...clean, reordered: 1 });
  });
  test('a tombstone before its delete', async () => {
    expect(await after(({ topic }) => swap(topic, 8, 9))).toEqual({ ...clean, reordered: 1 });
  });
  test('a key in two topic partitions', async () => {
    expect(await after(({ topic }) => (topic[7] = { ...topic[7]!, topicPartition: 0 }))).toEqual({
      ...clean,
      reordered: 1,
    });
  });
  test('a tombstone too many', async () => {
    expect(await after(({ topic }) => topic.splice(7, 0, tombstone('2')))).toEqual({ ...clean, duplicated: 1 });
  });
  test('a tombstone of a key that was never deleted', async () => {
    expect(await after(({ topic }) => topic.push(tombstone('5')))).toEqual({ ...clean, mismatched: 1 });
  });
  test('tombstones where none are promised', async () => {
    const { records: _, deletes: __, ...defects } = await verdictOn(world(), { tombstones: false });
    expect(defects).toEqual({ ...clean, mismatched: 2 });
  });
  test('a wrong before', async () => {
    expect(await after(edit('"before":{"ID":"1","DELAY":11}', '"before":{"ID":"1","DELAY":10}'))).toEqual({
      ...clean,
      mismatched: 1,
    });
  });
  test('a before that is left out', async () => {
    expect(await after(edit('"before":{"ID":"1","DELAY":11}', '"before":null'))).toEqual({ ...clean, mismatched: 1 });
  });
  test('a wrong after', async () => {
    expect(await after(edit('"after":{"ID":"5","DELAY":50}', '"after":{"ID":"5","DELAY":51}'))).toEqual({
      ...clean,
      mismatched: 1,
    });
  });
  test('a wrong after of a snapshot row', async () => {
    expect(await after(edit('"after":{"ID":"4","DELAY":40}', '"after":{"ID":"4","DELAY":"40"}'))).toEqual({
      ...clean,
      mismatched: 1,
    });
  });
  test('a field too many', async () => {
    expect(await after(edit('"DELAY":50', '"DELAY":50,"EXTRA":1'))).toEqual({ ...clean, mismatched: 1 });
  });
  test('a wrong op', async () => {
    expect(await after(edit('"op":"c"', '"op":"u"'))).toEqual({ ...clean, mismatched: 1 });
  });
  test('a value that is no JSON', async () => {
    expect(await after(({ topic }) => (topic[4]!.value = '{'))).toEqual({ ...clean, mismatched: 1 });
  });
  test('a wrong key', async () => {
    expect(await after(({ topic }) => (topic[11]!.key = '{"ID":5}'))).toEqual({ ...clean, missing: 1, mismatched: 1 });
  });
  test('a change that was no change', async () => {
    const image = { ID: '4', DELAY: 40 };
    expect(await after(({ topic }) => topic.push(sent('4', 'u', image, image)))).toEqual({ ...clean, mismatched: 1 });
  });
  test('the intermediate state of a window', async () => {
    const plant = ({ topic }: World) =>
      topic.splice(
        6,
        0,
        sent('4', 'u', { ID: '4', DELAY: 40 }, { ID: '4', DELAY: 41 }),
        sent('4', 'u', { ID: '4', DELAY: 41 }, { ID: '4', DELAY: 40 }),
      );
    expect(await after(plant)).toEqual({ ...clean, mismatched: 2 });
  });
  test('the first defects are explained, with the key', async () => {
    const planted = world();
    planted.topic.splice(10, 1);
    const explained: string[] = [];
    await verdictOn(planted, { explained });
    expect(explained).toEqual([expect.stringContaining('["13"]')]);
  });
});

describe('windows', () => {
  test('a gap', async () => {
    const defects = await after(({ windows }) => (windows[2]!.from = '2026-01-01T00:00:20.001Z'));
    expect(defects).toEqual({ ...clean, missing: 1 });
  });
  test('an overlap', async () => {
    const defects = await after(({ windows }) => (windows[2]!.from = '2026-01-01T00:00:19.999Z'));
    expect(defects).toEqual({ ...clean, duplicated: 1 });
  });
  test('a number that is left out', async () => {
    expect(await after(({ windows }) => (windows[2]!.number = 4))).toEqual({ ...clean, missing: 1 });
  });
  test('no snapshot', async () => {
    expect(await after(({ windows }) => windows.shift())).toMatchObject({ missing: 1 });
  });
  test('the last commit is after the last window', async () => {
    const verdict = await verdictOn(world(), { lastCommit: BigInt(at(30)) + 1n });
    expect(verdict).toMatchObject({ ...clean, missing: 1 });
  });
  test('a bound belongs to the window that ends there', async () => {
    const planted = world();
    // Row 1's second update commits exactly at the end of window 2, so both updates are one record there.
    planted.ledger[4]!.at = at(20);
    planted.topic.splice(7, 1);
    planted.topic[4] = sent('1', 'u', { ID: '1', DELAY: 10 }, { ID: '1', DELAY: 12 });
    expect(await verdictOn(planted)).toMatchObject(clean);
  });
  test('kinds that the oracle knows nothing of are refused', async () => {
    const planted = world();
    planted.windows[2]!.kind = 'truncate';
    await expect(verdictOn(planted)).rejects.toThrow('truncate');
  });

  const again = (kind: string, since: string | null) => ({
    number: 4,
    kind,
    from: bound(30),
    to: bound(30),
    since,
    void: false,
  });
  /** Everything as it is in the end; then what changed since 12 s, two keys of it gone by then. */
  function told() {
    const planted = world();
    planted.windows.push(again('snapshot', null), { ...again('repair', bound(12)), number: 5 });
    const at30 = [sent('1', 'r', null, { ID: '1', DELAY: 12 }), sent('13', 'r', null, { ID: '13', DELAY: 30 })];
    const five = sent('5', 'r', null, { ID: '5', DELAY: 50 });
    planted.topic.push(...structuredClone(at30), sent('4', 'r', null, { ID: '4', DELAY: 40 }), five);
    planted.topic.push(...at30, five);
    for (const [id, delay] of [
      ['2', null],
      ['3', 30],
    ] as const)
      planted.topic.push(sent(id, 'd', { ID: id, DELAY: delay }, null), tombstone(id));
    return planted;
  }
  test('a new snapshot and a repair tell again what is', async () => {
    expect(await verdictOn(told())).toMatchObject(clean);
  });
  test.each([
    ['is left out', (topic: World['topic']) => topic.splice(12, 1), { missing: 1 }],
    ['comes twice', (topic: World['topic']) => topic.push(topic[12]!), { duplicated: 1 }],
    [
      'is of an earlier time',
      (topic: World['topic']) => (topic[12]!.value = topic[0]!.value),
      { duplicated: 1, missing: 1 },
    ],
  ])('what is told again %s', async (_, plant, defects) => {
    const planted = told();
    plant(planted.topic);
    const { records: __, deletes: ___, ...found } = await verdictOn(planted);
    expect(found).toEqual({ ...clean, ...defects });
  });
  test('a repair of nothing, and one that tells another time', async () => {
    const planted = told();
    planted.windows[4]!.since = null;
    await expect(verdictOn(planted)).rejects.toThrow();
    const late = told();
    late.windows[3] = { ...late.windows[3]!, to: bound(31) };
    late.windows[4] = { ...late.windows[4]!, from: bound(31), to: bound(31) };
    expect(await verdictOn(late)).toMatchObject({ missing: 1 });
  });
});

test('a row that takes a deleted key in the same window is an update', async () => {
  const planted = world();
  // Row 5 is inserted with key 2, which is deleted in window 2 by an earlier commit of that window.
  planted.ledger.splice(3, 0, { at: at(14), changes: [{ row: 5, image: ['2', '22'] }] });
  planted.topic.splice(5, 2, sent('2', 'u', { ID: '2', DELAY: null }, { ID: '2', DELAY: 22 }));
  expect(await verdictOn(planted)).toMatchObject(clean);
});

test('a row replaced by its equal is an update with equal images', async () => {
  const planted = world();
  planted.ledger.splice(3, 0, { at: at(14), changes: [{ row: 5, image: ['2', null] }] });
  const image = { ID: '2', DELAY: null };
  planted.topic.splice(5, 2, sent('2', 'u', image, image));
  expect(await verdictOn(planted)).toMatchObject(clean);
});
