import type { OpenRequest } from '../../lambdas/protocol/ports/kafka.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pairing, type Bury, type PairingMode } from '../../lambdas/protocol/pairing.ts';
import type { KafkaProducer } from '../../lambdas/protocol/ports/kafka.ts';
import { batchOf, type Row } from './ports/basics.ts';
import { textEncoders, UNFIT } from './ports/encoders.ts';
import { MemoryKafka } from './ports/kafka.ts';
import { layout, windowOf } from './fixtures.ts';

const request: OpenRequest = {
  source: 's',
  partition: 0,
  topic: 't',
  topicPartitions: 3,
  newestTopicPartitions: 3,
  partitions: 1,
  delivery: 'exactly-once',
};

const window = windowOf(1, [1], {
  columns: [{ name: 'V', type: 'VARCHAR', precision: null, scale: null, nullable: true }],
});
const width = 5;
const row = (key: string, action: 'DELETE' | 'INSERT', value = key): Row => [value, key, action, null, '0'];

/** Publishes the rows in batches of the given size and answers the visible records, with `done` and `last` after each batch. */
async function pump(rows: Row[], size: number, mode: PairingMode = 'net', bury: Bury | null = null) {
  const kafka = new MemoryKafka();
  const producer = await kafka.open(request);
  const encoder = await textEncoders.forWindow(window, layout, 0);
  const pairing = new Pairing(mode, encoder, window.number, width, 0, null, bury);
  const cuts: { done: number; last: string | null; records: number }[] = [];
  for (let at = 0; at < rows.length; at += size) {
    await pairing.take(batchOf(rows.slice(at, at + size), width), 0, producer);
    cuts.push({ done: pairing.done, last: pairing.last, records: pairing.records });
  }
  pairing.finish(producer);
  cuts.push({ done: pairing.done, last: pairing.last, records: pairing.records });
  const marker = { position: { window: 1, row: 1 }, incarnation: '', digest: '', to: '', last: '', at: 0 };
  if (producer.pending > 0) await producer.commit(marker);
  return {
    records: kafka.log.map(({ key, value }) => `${key}:${value?.split('|').slice(0, 3).join('|') ?? 'tombstone'}`),
    cuts,
  };
}

describe('net changes', () => {
  test('a lone INSERT is a create, a lone DELETE a delete with its tombstone, both an update', async () => {
    const rows = [
      row('a', 'INSERT'),
      row('b', 'DELETE'),
      row('c', 'DELETE', 'old'),
      row('c', 'INSERT', 'new'),
      row('d', 'DELETE'),
    ];
    for (const size of [1, 2, 3, 9]) {
      const { records } = await pump(rows, size);
      expect(records).toEqual(['a:c||a', 'b:d|b|', 'b:tombstone', 'c:u|old|new', 'd:d|d|', 'd:tombstone']);
    }
  });
  test.each([
    [[row('a', 'INSERT'), row('a', 'INSERT')]],
    [[row('a', 'DELETE'), row('a', 'DELETE')]],
    [[row('a', 'DELETE'), row('a', 'INSERT'), row('a', 'INSERT')]],
  ])('a second row of a kind is DUPLICATE_KEY in any batch size', async (rows) => {
    for (const size of [1, 2, 3]) await expect(pump(rows, size)).rejects.toMatchObject({ code: 'DUPLICATE_KEY' });
  });
  test('a cut never parts a key, and going on from any cut gives the same records', async () => {
    const histories = fc.array(fc.constantFrom('c', 'd', 'u'), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 7 }), async (ops, size) => {
        const rows = ops.flatMap((op, i) => {
          const key = String(i).padStart(3, '0');
          return [...(op === 'c' ? [] : [row(key, 'DELETE')]), ...(op === 'd' ? [] : [row(key, 'INSERT')])];
        });
        const whole = await pump(rows, 100);
        const { records, cuts } = await pump(rows, size);
        expect(records).toEqual(whole.records);
        expect(cuts.at(-1)).toMatchObject({ done: rows.length, last: whole.cuts.at(-1)!.last });
        for (const cut of cuts) {
          const rest = await pump(rows.slice(cut.done), size);
          expect([...records.slice(0, cut.records), ...rest.records]).toEqual(records);
          if (cut.done > 0) {
            const proof = new Pairing(
              'net',
              await textEncoders.forWindow(window, layout, 0),
              window.number,
              width,
              cut.done,
            );
            expect(proof.resumeAfter(batchOf([rows[cut.done - 1]!], width))).toBe(cut.last);
          }
        }
      }),
    );
  });
});

describe('rows that can not be sent', () => {
  const rows = [
    row('a', 'INSERT', UNFIT),
    row('b', 'DELETE', UNFIT),
    row('c', 'DELETE', UNFIT),
    row('c', 'INSERT', 'new'),
    row('d', 'DELETE', 'old'),
    row('d', 'INSERT', UNFIT),
    row('e', 'INSERT'),
    row('f', 'DELETE', UNFIT),
  ];
  /** As `pump`, and what was buried. */
  async function buried(of: Row[], size: number, mode: PairingMode = 'net') {
    const letters: string[] = [];
    const pumped = await pump(of, size, mode, ({ code, op, before, after, row: number }) => {
      letters.push(`${number} ${op} ${code}${before === null ? '' : ' before'}${after === null ? '' : ' after'}`);
      return true;
    });
    return { ...pumped, letters };
  }

  test('are buried in their place, a delete with its tombstone, an update whole; the others go', async () => {
    for (const size of [1, 2, 3, 9]) {
      const { records, letters, cuts } = await buried(rows, size);
      expect(records).toEqual(['e:c||e']);
      expect(letters).toEqual([
        '1 c VALUE_UNFIT after',
        '2 d VALUE_UNFIT before',
        '4 u VALUE_UNFIT before after',
        '6 u VALUE_UNFIT before after',
        '8 d VALUE_UNFIT before',
      ]);
      expect(cuts.at(-1)!.done).toBe(8);
    }
  });

  test('a repair sends what is there now, whatever was there before', async () => {
    const { records, letters } = await buried(rows, 3, 'repair');
    expect(records).toEqual(['c:r||new', 'e:r||e']);
    expect(letters.map((letter) => letter.slice(0, 3))).toEqual(['1 r', '2 d', '6 r', '8 d']);
  });

  test('without a place for them they are errors; a key that comes twice is one anyway', async () => {
    for (const each of [rows.slice(0, 1), rows.slice(1, 2), rows.slice(2, 4)])
      await expect(pump(each, 1)).rejects.toMatchObject({ code: 'VALUE_UNFIT' });
    await expect(buried([row('b', 'DELETE', UNFIT), row('b', 'DELETE')], 1)).rejects.toMatchObject({
      code: 'DUPLICATE_KEY',
    });
  });

  test('going on from any cut gives the same records and letters', async () => {
    const changes = fc.array(fc.record({ op: fc.constantFrom('c', 'd', 'u'), bad: fc.boolean() }), { maxLength: 20 });
    const withoutNumber = (letters: string[]) => letters.map((letter) => letter.replace(/^\d+ /, ''));
    await fc.assert(
      fc.asyncProperty(changes, fc.integer({ min: 1, max: 6 }), async (list, size) => {
        const all = list.flatMap(({ op, bad }, i) => {
          const key = String(i).padStart(3, '0');
          const value = bad ? UNFIT : key;
          return [
            ...(op === 'c' ? [] : [row(key, 'DELETE', value)]),
            ...(op === 'd' ? [] : [row(key, 'INSERT', value)]),
          ];
        });
        const whole = await buried(all, 100);
        for (const { done, records } of (await buried(all, size)).cuts) {
          const rest = await buried(all.slice(done), size);
          expect([...whole.records.slice(0, records), ...rest.records]).toEqual(whole.records);
          const before = whole.letters.filter((letter) => Number(letter.split(' ')[0]) <= done);
          expect(withoutNumber([...before, ...rest.letters])).toEqual(withoutNumber(whole.letters));
        }
      }),
    );
  });
});

test('a snapshot reads, and refuses a key that comes twice', async () => {
  expect((await pump([row('a', 'INSERT'), row('b', 'INSERT')], 1, 'snapshot')).records).toEqual(['a:r||a', 'b:r||b']);
  await expect(pump([row('a', 'INSERT'), row('a', 'INSERT')], 1, 'snapshot')).rejects.toMatchObject({
    code: 'DUPLICATE_KEY',
  });
});
test('append-only creates, and keys may repeat', async () => {
  expect((await pump([row('a', 'INSERT', '1'), row('a', 'INSERT', '2')], 1, 'append')).records).toEqual([
    'a:c||1',
    'a:c||2',
  ]);
});

test('the producer is told the window and the last row of each record, a tombstone’s too', async () => {
  const kafka = new MemoryKafka();
  const producer = await kafka.open(request);
  const told: [number, number][] = [];
  const spy: KafkaProducer = Object.create(producer, {
    append: {
      value: (...args: Parameters<KafkaProducer['append']>) => {
        told.push([args[5], args[6]]);
        return producer.append(...args);
      },
    },
  }) as KafkaProducer;
  const pairing = new Pairing('net', await textEncoders.forWindow(window, layout, 0), 7, width, 10);
  const rows = [row('a', 'INSERT'), row('b', 'DELETE'), row('c', 'DELETE'), row('c', 'INSERT'), row('d', 'DELETE')];
  await pairing.take(batchOf(rows, width), 0, spy);
  pairing.finish(spy);
  expect(told).toEqual([11, 12, 12, 14, 15, 15].map((last) => [7, last]));
});
