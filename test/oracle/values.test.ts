import { describe, expect, test } from 'vitest';
import { readFlights } from '../../local/demo/duckdb.ts';
import { flightColumns, type ColumnKind, type DemoColumn } from '../../local/demo/flights.ts';
import { hashOf, hashOfImage, NONE, promised, promisedImage } from './values.ts';

const column = (kind: ColumnKind, precision = 38): DemoColumn => ({
  name: 'C',
  kind,
  precision,
  sqlType: '',
  source: '',
});

describe('what the documentation promises', () => {
  test.each([
    ['number', 15, '123456789012345', 123456789012345],
    ['number', 16, '1', '1'],
    ['number', 38, '99999999999999999999999999999999999999', '99999999999999999999999999999999999999'],
    ['number', 10, '-12.50', -12.5],
    ['number', 20, '12.5000', '12.5000'],
    ['float', 0, '310.85714285714283', 310.85714285714283],
    ['boolean', 0, 'false', false],
    ['text', 0, '', ''],
    ['date', 0, '2001-07-01', '2001-07-01'],
    ['time', 0, '86399999999999', '23:59:59.999999999'],
    ['timestamp_ntz', 0, '978307260000000007', '2001-01-01T00:01:00.000000007'],
    ['timestamp_ltz', 0, '978307260123456789', '2001-01-01T00:01:00.123456789Z'],
    ['timestamp_tz', 0, '978307260000000001 -450', '2000-12-31T16:31:00.000000001-07:30'],
    ['timestamp_tz', 0, '978307260000000001 0', '2001-01-01T00:01:00.000000001+00:00'],
    ['timestamp_tz', 0, '978307260000000001 345', '2001-01-01T05:46:00.000000001+05:45'],
    ['binary', 0, '00FF10', 'AP8Q'],
    ['variant', 0, '{"a":[1,null]}', '{"a":[1,null]}'],
    ['text', 0, null, null],
  ] as const)('%s(%i) %s', (kind, precision, cell, value) => {
    expect(promised(cell, column(kind, precision))).toEqual(value);
  });
});

test('a VARIANT is compared by what its text says, and is text', () => {
  const table = [column('variant')];
  const hash = hashOfImage(['{"a":1,"b":[1,{"c":2}]}'], table);
  expect(hashOf({ C: '{ "b": [1, {"c": 2}], "a": 1 }' }, table)).toBe(hash);
  expect(hashOf({ C: '{"b":[{"c":2},1],"a":1}' }, table)).not.toBe(hash);
  expect(hashOf({ C: { a: 1, b: [1, { c: 2 }] } }, table)).not.toBe(hash);
});

test('NULL, an empty text and an absent field differ', () => {
  const table = [column('text')];
  const hashes = [hashOf({ C: null }, table), hashOf({ C: '' }, table), hashOf({}, table), hashOf(null, table)];
  expect(new Set(hashes).size).toBe(4);
  expect(hashes[3]).toBe(NONE);
});

test('a flight hashes as its promised record does', async () => {
  for await (const images of readFlights(500)) {
    for (const image of images) {
      const record = JSON.parse(JSON.stringify(promisedImage(image, flightColumns))) as ReturnType<
        typeof promisedImage
      >;
      expect(hashOf(record, flightColumns)).toBe(hashOfImage(image, flightColumns));
    }
    expect(new Set(images.map((image) => hashOfImage(image, flightColumns))).size).toBe(images.length);
  }
});

test('the flights have values and NULLs of every type', async () => {
  const kinds = new Map(flightColumns.map((c) => [c.name, { nulls: 0, values: 0 }]));
  for await (const images of readFlights(1000)) {
    for (const image of images)
      image.forEach((cell, i) => kinds.get(flightColumns[i]!.name)![cell === null ? 'nulls' : 'values']++);
  }
  for (const { values } of kinds.values()) expect(values).toBeGreaterThan(0);
  for (const name of ['DELAY', 'LANDED', 'DETAILS', 'TAG', 'REMARK']) expect(kinds.get(name)!.nulls).toBeGreaterThan(0);
});
