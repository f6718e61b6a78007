/** What bounds a source, over real parts: its rate, how many publish at once, the day's budget. All is published once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stands, type Overrides, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

const ROWS = 16;

async function withRows(overrides: Overrides): Promise<Pipeline> {
  const pipeline = await stands.pipeline(overrides);
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES ${Array.from({ length: ROWS }, (_, i) => `(${i}, 'n${i}')`).join(', ')}`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

const namesOf = async (pipeline: Pipeline) =>
  Object.values(await pipeline.folded())
    .map((row) => (row as { NAME: string }).NAME)
    .sort();
const names = Array.from({ length: ROWS }, (_, i) => `n${i}`).sort();

test.each<NonNullable<Overrides['source']>>([
  { maxRate: { unit: 'rows', perSecond: 1 } },
  { maxRate: { unit: 'bytes', perSecond: 40 }, delivery: 'at-least-once' },
])('a snapshot waits between its transactions: %j', async (source) => {
  const tombstones = { type: 'json', key: 'json', envelope: 'debezium', tombstones: false } as const;
  const pipeline = await withRows({ source: { ...source, format: tombstones } });
  await pipeline.run(4);
  expect(pipeline.codes).toEqual([]);
  // Sixteen seconds at least for each, and the last portion is not waited for.
  expect(pipeline.paused).toBeGreaterThan(10_000);
  expect((await pipeline.published()).length).toBe(ROWS);
  expect(await namesOf(pipeline)).toEqual(names);
});

test('one publisher at a time: the tick calls one partition, and that one the next', async () => {
  const pipeline = await withRows({ source: { publishers: 1 } });
  const called: number[][] = [];
  for (let tick = 0; tick < 6; tick++) {
    const partitions = await pipeline.tick();
    called.push(partitions);
    for (const partition of partitions) await pipeline.publish(partition);
    await stands.passMinutes(1);
  }
  expect(called.every((partitions) => partitions.length <= 1)).toBe(true);
  expect(pipeline.codes).toEqual([]);
  expect((await pipeline.published()).length).toBe(ROWS);
});

test("the day's budget: what is read is published, nothing more is read until there is more of it", async () => {
  const pipeline = await withRows({});
  pipeline.config.budget = { creditsPerDay: 0.01, creditsPerHour: 1, idleMs: 60_000 };
  await pipeline.run(4);
  expect(await namesOf(pipeline)).toEqual(names);
  const before = await pipeline.state();
  await stands.sql(`UPDATE ${pipeline.tableName} SET NAME = 'x' WHERE ID < 3`);
  await pipeline.run(4);
  const after = await pipeline.state();
  expect(after!.head!.number).toBe(before!.head!.number);
  expect(after!.meta).toMatchObject({ scan: null, lastError: null, paused: false });
  expect(after!.partitions).toEqual(before!.partitions);
  pipeline.config.budget = { creditsPerDay: 100, creditsPerHour: 1, idleMs: 60_000 };
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  expect((await namesOf(pipeline)).filter((name) => name === 'x')).toHaveLength(3);
});
