/** A run proves something only of sources that had enough to tell. */
import { expect, test } from 'vitest';
import { shortcoming } from '../../local/demo/judge.ts';
import { isClean, type Result } from '../../local/demo/run.ts';
import { shopOf } from '../config/shop.ts';

const from = (settings: object) =>
  shopOf({ s: { key: ['ID'], topic: { name: 't', partitions: 1 }, ...settings } }).sources[0]!;
const query = 'SELECT ID, AT FROM DB.PUBLIC.T';
const defects = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0 };

test.each([
  ['changes', from({ table: 'DB.PUBLIC.T' })],
  ['the whole of a query', from({ query })],
])('%s: a thousand records, deletes among them', (_, source) => {
  expect(shortcoming(source, { ...defects, records: 1_000, deletes: 1 })).toBeNull();
  expect(shortcoming(source, { ...defects, records: 999, deletes: 1 })).toBe('only 999 records came');
  expect(shortcoming(source, { ...defects, records: 1_000, deletes: 0 })).toBe('no delete came');
});

test.each([
  ['append-only', from({ table: 'DB.PUBLIC.T', changes: 'append-only' })],
  ['by a cursor', from({ query, mode: 'timestamp', cursor: 'AT' })],
])('%s: a thousand records, and there are no deletes', (_, source) => {
  expect(shortcoming(source, { ...defects, records: 1_000, deletes: 0 })).toBeNull();
  expect(shortcoming(source, { ...defects, records: 999, deletes: 0 })).toBe('only 999 records came');
});

test('a run fails by a defect of any kind, and by a source that proved nothing', () => {
  const clean = { ...defects, unproven: [] } as unknown as Result;
  expect(isClean(clean)).toBe(true);
  for (const defect of Object.keys(defects)) expect(isClean({ ...clean, [defect]: 1 })).toBe(false);
  expect(isClean({ ...clean, unproven: ['s: only 999 records came'] })).toBe(false);
});
