import type { OpenRequest } from '../../lambdas/protocol/ports.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pairing, type PairingMode } from '../../lambdas/protocol/pairing.ts';
import type { KafkaProducer } from '../../lambdas/protocol/ports.ts';
import { batchOf, MemoryKafka, textEncoders, type Row } from './memory.ts';
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
async function pump(rows: Row[], size: number, mode: PairingMode = 'net') {
  const kafka = new MemoryKafka();
  const producer = await kafka.open(request);
  const pairing = new Pairing(mode, await textEncoders.forWindow(window, layout, 0), window.number, width, 0);
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
