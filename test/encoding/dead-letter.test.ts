/** What a dead letter holds: the row as it was read, as far as there is room, whatever is wrong with it. */
import { expect, test } from 'vitest';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { Pairing } from '../../lambdas/protocol/pairing.ts';
import type { BadRow } from '../../lambdas/protocol/ports/records.ts';
import { batchOf, column, layout, now, to, windowOf, type Cell } from './records.ts';

const columns = [column('ID', 'NUMBER', 9), column('NAME', 'VARCHAR'), column('PAID', 'BOOLEAN')];
const window = windowOf(columns);
const source = {
  name: 'flights',
  format: { type: 'json', key: 'json', envelope: 'debezium', tombstones: true },
} as ResolvedSource;
const encoders = createEncoders({ app: 'demo' } as ResolvedConfig, source, { now: () => now });
const ROOM = 10_000;

function badRow(before: Cell[] | null, after: Cell[] | null, escape?: (value: string) => string): BadRow {
  const batch = (cells: Cell[] | null) => (cells === null ? null : batchOf([cells], escape));
  const rows = { before: batch(before), beforeRow: 0, after: batch(after), afterRow: 0 };
  return { code: 'RESULT_MALFORMED', message: 'why', op: 'u', ...rows, row: 5 };
}

function letter(bad: BadRow, room = ROOM) {
  const { key, value } = encoders.deadLetter(window, { ...layout, key: ['ID'] }, 1, bad, room);
  const parsed = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  return { bytes: key.length + value.length, key: parsed(key), value: parsed(value) };
}

test('tells why, where it was read, and the row as text', () => {
  const { key, value } = letter(badRow(['1', null, 'true'], ['1', 'say "ho"\n', 'perhaps']));
  expect(key).toEqual({ app: 'demo', source: 'flights', window: 7, partition: 1, row: 5 });
  expect(value).toEqual({
    type: 'DEAD_LETTER',
    app: 'demo',
    source: 'flights',
    topic: 'flights',
    window: 7,
    kind: 'changes',
    from: '2026-01-01T00:00:00.000Z',
    to,
    partition: 1,
    row: 5,
    op: 'u',
    reason: 'RESULT_MALFORMED',
    message: 'why',
    key: { ID: '1' },
    before: { ID: '1', NAME: null, PAID: 'true' },
    after: { ID: '1', NAME: 'say "ho"\n', PAID: 'perhaps' },
    truncated: false,
    ts_ms: now,
  });
});

test('a delete has the key that it had; half a character and an escape that there is not are no obstacle', () => {
  expect(letter(badRow(['2', 'two', 'x'], null)).value).toMatchObject({ key: { ID: '2' }, after: null });
  expect(letter(badRow(null, ['1', '\ud83d', 'x'])).value).toMatchObject({ after: { NAME: '\ud83d' } });
  const raw = (value: string) => `"${value}"`;
  expect(letter(badRow(null, ['1', '\\q', 'x'], raw)).value).toMatchObject({ after: { NAME: '\\q' } });
});

test('what is too large is left out, the images first, and the letter always fits', () => {
  const long = 'x'.repeat(1_000);
  const whole = letter(badRow(null, ['1', long, 'x']));
  expect(letter(badRow(null, ['1', long, 'x']), whole.bytes).value).toEqual(whole.value);
  const images = letter(badRow(null, ['1', long, 'x']), whole.bytes - 1);
  expect(images.value).toMatchObject({ key: { ID: '1' }, before: null, after: null, truncated: true });
  expect(images.bytes).toBeLessThan(600);
  const key = letter(badRow(null, [long, null, 'x']), 800);
  expect(key.value).toMatchObject({ key: null, after: null, truncated: true, reason: 'RESULT_MALFORMED' });
  expect(key.bytes).toBeLessThan(600);
});

test('a cell that JSON can not carry makes one of its row, and the rows beside it records', async () => {
  const encoder = await encoders.forWindow(window, { ...layout, key: ['ID'] }, 1);
  const bad: string[] = [];
  const sent: string[] = [];
  const pairing = new Pairing('append', encoder, 7, columns.length + 4, 0, null, ({ code, row }) => {
    bad.push(`${row} ${code}`);
    return true;
  });
  const sink = {
    append: (bytes: Uint8Array, start: number, end: number) => {
      sent.push(Buffer.from(bytes.subarray(start, end)).toString());
      return true;
    },
    ready: () => Promise.resolve(),
  };
  const rows = [
    ['1', 'a', 'true'],
    ['2', 'b', 'perhaps'],
    ['x', 'c', 'true'],
    ['4', 'd', 'false'],
  ];
  await pairing.take(batchOf(rows), 0, sink);
  expect(sent).toEqual(['{"ID":1}', '{"ID":4}']);
  expect(bad).toEqual(['2 RESULT_MALFORMED', '3 RESULT_MALFORMED']);
});
