/** What is written as a marker is read again; what Snowmelt did not write is never taken for one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMarker, parseMarker } from '../../lambdas/kafka/marker.ts';
import { position } from '../../lambdas/protocol/position.ts';
import type { Marker } from '../../lambdas/protocol/ports/kafka.ts';

const text = fc.string({ unit: 'binary', maxLength: 64 });
const markers: fc.Arbitrary<Marker> = fc
  .record({
    position: fc
      .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }))
      .map(([w, r]) => position(w, r)),
    incarnation: text,
    digest: text,
    to: text,
    last: text,
    at: fc.integer({ min: 0, max: 2 ** 45 }),
    sent: fc.option(
      fc.record({
        topic: text,
        topicPartition: fc.nat(),
        offset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      }),
    ),
    dead: fc.option(fc.record({ rows: fc.nat(), last: fc.nat() })),
  })
  .map(({ dead, ...marker }) =>
    dead === null ? marker : { ...marker, dead: { window: marker.position.window, ...dead } },
  );
const sample: Marker = {
  position: position(7, 12),
  incarnation: 'i',
  digest: 'd',
  to: '2026-11-22T00:00:00.000Z',
  last: 'l',
  at: 1,
  sent: { topic: 't', topicPartition: 3, offset: 17 },
};

test('round trip', () => {
  fc.assert(
    fc.property(markers, (marker) => {
      const { offset, metadata } = formatMarker(marker);
      expect(metadata.length).toBeLessThanOrEqual(4096);
      expect(parseMarker(offset, metadata)).toEqual(marker);
    }),
  );
});

test('holds what the design names', () => {
  const { offset, metadata } = formatMarker(sample);
  expect(BigInt(offset)).toBe((7n << 32n) | 12n);
  expect(JSON.parse(metadata)).toEqual({
    v: 1,
    incarnation: 'i',
    window: 7,
    digest: 'd',
    to: sample.to,
    last: 'l',
    at: 1,
    sent: ['t', 3, 17],
  });
});

test('more than the broker takes is refused before it is sent', () => {
  expect(() => formatMarker({ ...sample, last: 'x'.repeat(4096) })).toThrow(RangeError);
});

const ours = formatMarker(sample);
const fields = JSON.parse(ours.metadata) as Record<string, unknown>;
test.each([
  ['an offset alone', ours.offset, ''],
  ['text', ours.offset, 'checkpoint'],
  ['JSON that is no object', ours.offset, '[1]'],
  ['null', ours.offset, 'null'],
  ['another window than the offset', (8n << 32n).toString(), ours.metadata],
  ['an offset that is no position', '42', ours.metadata],
  ['offset 0', '0', ours.metadata],
  ['no digest', ours.offset, JSON.stringify({ ...fields, digest: undefined })],
  ['a window that is no number', ours.offset, JSON.stringify({ ...fields, window: '7' })],
  ['no version', ours.offset, JSON.stringify({ ...fields, v: undefined })],
])('%s is STATE_DISAGREES', (_, offset, metadata) => {
  expect(() => parseMarker(offset, metadata)).toThrow(expect.objectContaining({ code: 'STATE_DISAGREES' }));
});

test('a newer release’s marker is STATE_TOO_NEW', () => {
  const metadata = JSON.stringify({ ...fields, v: 2 });
  expect(() => parseMarker(ours.offset, metadata)).toThrow(expect.objectContaining({ code: 'STATE_TOO_NEW' }));
});
