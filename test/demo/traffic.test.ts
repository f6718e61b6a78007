import { expect, test } from 'vitest';
import { flightColumns, type Image } from '../../local/demo/flights.ts';
import { readFlights } from '../../local/demo/duckdb.ts';
import { Traffic, type Commit, type Row } from '../../local/demo/traffic.ts';

const ID = flightColumns.findIndex((column) => column.name === 'ID');

async function pool(rows: number): Promise<Row[]> {
  const all: Row[] = [];
  for await (const images of readFlights(rows)) for (const image of images) all.push({ row: all.length, image });
  return all;
}

async function commits(seed: number, count: number): Promise<{ start: Row[]; made: Commit[] }> {
  const start = await pool(1000);
  const traffic = new Traffic({
    table: '"T"',
    seed,
    pool: start.map((row) => ({ ...row })),
    firstRow: 1000,
    maxRows: 20,
  });
  return { start, made: Array.from({ length: count }, () => traffic.next()) };
}

test('the same seed makes the same traffic, another seed another', async () => {
  const [one, again, other] = [await commits(7, 200), await commits(7, 200), await commits(8, 200)];
  expect(again.made).toEqual(one.made);
  expect(other.made).not.toEqual(one.made);
});

test('after each commit every key is unique and within NUMBER(38,0)', async () => {
  const { start, made } = await commits(3, 1500);
  const table = new Map<number, Image>(start.map(({ row, image }) => [row, image]));
  for (const { changes } of made) {
    for (const { row, image } of changes) {
      if (image === null) expect(table.delete(row)).toBe(true);
      else table.set(row, image);
    }
    const keys = new Set([...table.values()].map((image) => image[ID]!));
    expect(keys.size).toBe(table.size);
  }
  for (const image of table.values()) expect(image[ID]!.length).toBeLessThanOrEqual(38);
});

test('every operation comes often, and so do wide keys and taken-over keys', async () => {
  const { made } = await commits(5, 600);
  const total = { inserts: 0, updates: 0, deletes: 0, rekeys: 0 };
  for (const { counts } of made)
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += counts[name];
  for (const count of Object.values(total)) expect(count).toBeGreaterThan(1000);
  const images = made.flatMap(({ changes }) => changes.flatMap(({ image }) => image ?? []));
  expect(images.some((cell) => (cell?.length ?? 0) > 30)).toBe(true);
  expect(made.some(({ statements }) => statements.length === 5)).toBe(true);
});
