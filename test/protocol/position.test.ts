import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  comparePositions,
  formatPosition,
  maxPosition,
  parsePosition,
  position,
} from '../../lambdas/protocol/position.ts';

const positions = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }))
  .map(([window, row]) => position(window, row));

test('the text form round-trips and keeps the order', () => {
  fc.assert(
    fc.property(positions, positions, (a, b) => {
      expect(parsePosition(formatPosition(a))).toEqual(a);
      const order = BigInt(formatPosition(a)) - BigInt(formatPosition(b));
      expect(Math.sign(comparePositions(a, b))).toBe(Math.sign(Number(order)));
      expect(maxPosition(a, b)).toEqual(order >= 0n ? a : b);
    }),
  );
});

test('none is below everything', () => {
  expect(comparePositions(null, position(1, 1))).toBeLessThan(0);
  expect(comparePositions(position(1, 1), null)).toBeGreaterThan(0);
  expect(comparePositions(null, null)).toBe(0);
  expect(maxPosition(null, position(3, 2))).toEqual({ window: 3, row: 2 });
});

test.each([
  [0, 1],
  [1, 0],
  [2 ** 31, 1],
  [1, 2 ** 32],
  [1.5, 1],
])('(%d, %d) is no position', (window, row) => {
  expect(() => position(window, row)).toThrow(RangeError);
});

test.each(['', '-1', '0', 'abc', '4294967296', '99999999999999999999'])('%j is no position text', (text) => {
  expect(() => parsePosition(text)).toThrow(RangeError);
});
