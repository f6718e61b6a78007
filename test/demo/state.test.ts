import { expect, test } from 'vitest';
import { isIdle, isPublished, type PartitionView, type SourceView } from '../../local/demo/state.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
const ns = (second: number) => BigInt(Date.parse(at(second))) * 1_000_000n;
const partition = (number: number, window: number, row: number): PartitionView => ({
  partition: number,
  state: 'active',
  window,
  row,
  lastError: null,
});

/** Window 2 has rows for partition 0 alone. */
function source(...partitions: PartitionView[]): SourceView {
  const window = (number: number, rows: [number, number][]) => ({
    number,
    kind: number === 1 ? 'snapshot' : 'changes',
    to: at(number),
    covered: `token ${number}`,
    totalRows: 0,
    rows: new Map(rows),
    stream: null,
  });
  const windows = [window(1, [[0, 10], [1, 5]]), window(2, [[0, 3]]), window(3, [[1, 2]])]; // prettier-ignore
  return {
    windows,
    partitions,
    sighting: { token: 'token 3', at: 0 },
    scanning: false,
    paused: false,
    lastError: null,
  };
}

test('published when everybody is past everything and the last window reaches the last commit', () => {
  const done = source(partition(0, 2, 3), partition(1, 3, 2));
  expect(isPublished(done, ns(3))).toBe(true);
  expect(isPublished(done, ns(3) + 1n)).toBe(false);
  expect(isPublished({ ...done, scanning: true }, ns(3))).toBe(false);
  expect(isPublished(source(partition(0, 2, 2), partition(1, 3, 2)), ns(3))).toBe(false);
  expect(isPublished({ ...done, windows: [] }, 0n)).toBe(false);
});

test('idle when, besides, the newest token is covered', () => {
  const done = source(partition(0, 2, 3), partition(1, 3, 2));
  expect(isIdle(done, ns(3))).toBe(true);
  expect(isIdle({ ...done, sighting: { token: 'token 4', at: 0 } }, ns(3))).toBe(false);
});
