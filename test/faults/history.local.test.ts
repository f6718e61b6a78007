/** Columns that change as consumers can bear, ends of windows, and how a source begins, over real parts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { threeRows } from './history.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

const withRows = (source?: Partial<ResolvedSource>) => threeRows(stands, source);

async function schemaTopic(): Promise<{ name: string; partitions: number }> {
  const name = `${stands.kafka.app}.schemas-${Date.now()}`;
  await stands.kafka.createTopic(name, 2);
  return { name, partitions: 2 };
}

type SchemaRecord = { window: number; before: { name: string }[] | null; after: { name: string }[] };

async function schemas({ name }: { name: string }) {
  const records = await readCommitted(stands.kafka.target.brokers, name);
  return records.map(({ value }) => {
    const { window, before, after } = JSON.parse(value!) as SchemaRecord;
    const names = (columns: { name: string }[] | null) => columns?.map((column) => column.name).join(' ') ?? null;
    return { window, before: names(before), after: names(after) };
  });
}

test('columns added, widened, made nullable and reordered flow on, and are told before their window', async () => {
  const topic = await schemaTopic();
  const pipeline = await withRows({ schemaTopic: topic });
  const { tableName: table } = pipeline;
  await pipeline.run(2);
  await stands.sql(
    `UPDATE ${table} SET NAME = 'uno' WHERE ID = 1`,
    // Inside the window that is read next.
    `ALTER TABLE ${table} ADD COLUMN NOTE VARCHAR`,
    `UPDATE ${table} SET NOTE = 'new' WHERE ID = 2`,
  );
  await pipeline.run(2);
  await stands.sql(
    `ALTER TABLE ${table} ALTER COLUMN AMOUNT SET DATA TYPE NUMBER(12,2)`,
    `ALTER TABLE ${table} ALTER COLUMN NAME DROP NOT NULL`,
    `UPDATE ${table} SET AMOUNT = 9999999999.5, NAME = NULL WHERE ID = 3`,
  );
  await pipeline.run(2);
  // A column that goes and comes again is the last one.
  await stands.sql(
    `ALTER TABLE ${table} DROP COLUMN AMOUNT`,
    `ALTER TABLE ${table} ADD COLUMN AMOUNT NUMBER(12,2)`,
    `UPDATE ${table} SET AMOUNT = 10 * ID`,
  );
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  expect(await pipeline.folded()).toEqual({
    '{"ID":1}': { ID: 1, NAME: 'uno', AMOUNT: 10, NOTE: null },
    '{"ID":2}': { ID: 2, NAME: 'two', AMOUNT: 20, NOTE: 'new' },
    '{"ID":3}': { ID: 3, NAME: null, AMOUNT: 30, NOTE: null },
  });
  const [first, added, widened, reordered] = await schemas(topic);
  expect(first).toEqual({ window: 2, before: null, after: 'ID NAME AMOUNT' });
  expect(added).toMatchObject({ before: 'ID NAME AMOUNT', after: 'ID NAME AMOUNT NOTE' });
  expect(widened).toMatchObject({ before: 'ID NAME AMOUNT NOTE', after: 'ID NAME AMOUNT NOTE' });
  expect(reordered).toMatchObject({ before: 'ID NAME AMOUNT NOTE', after: 'ID NAME NOTE AMOUNT' });
  const windows = (await pipeline.published()).map(({ window }) => window);
  for (const told of [first, added, widened]) expect(windows).toContain(told!.window);
});

test('the end of each window is told by every partition with rows in it, once, with its rows', async () => {
  const topic = { name: `${stands.kafka.app}.progress`, partitions: 2 };
  await stands.kafka.createTopic(topic.name, topic.partitions);
  const pipeline = await withRows({ progressTopic: topic });
  await pipeline.run(2);
  await stands.sql(`UPDATE ${pipeline.tableName} SET AMOUNT = AMOUNT + 1`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  const ends = (await readCommitted(stands.kafka.target.brokers, topic.name)).map(
    ({ value }) => JSON.parse(value!) as Record<string, unknown>,
  );
  const windows = await pipeline.store.windows(pipeline.source.name, 1, 9);
  const told = windows.flatMap(({ number, kind, from, to, ranges, totalRows }) =>
    ranges.map(({ partition, rows }) => ({
      type: 'END',
      window: number,
      kind,
      from,
      to,
      partition,
      rows,
      partitions: ranges.map((range) => range.partition),
      total_rows: totalRows,
    })),
  );
  expect(told.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['snapshot', 'changes']));
  expect(ends).toHaveLength(told.length);
  for (const end of told) expect(ends).toContainEqual(expect.objectContaining(end));
  // They say nothing of what a consumer has not got.
  const published = (await pipeline.published()).filter(({ op }) => op !== 'tombstone');
  expect(ends.reduce((rows, end) => rows + Number(end['rows']), 0)).toBe(3 + 2 * 3);
  expect(published).toHaveLength(3 + 3);
});

test('snapshot: never, from now on and from a time; only; first and last are marked', async () => {
  const since = await withRows();
  // The rows are older; the change after it is what it begins with.
  since.source.snapshot = { mode: 'never', from: new Date(stands.now()).toISOString() };
  await stands.sql(`UPDATE ${since.tableName} SET AMOUNT = 8 WHERE ID = 2`);
  const [never, only] = await Promise.all([
    withRows({ snapshot: { mode: 'never', from: null } }),
    withRows({ snapshot: { mode: 'only', from: null }, partitions: 1, topicPartitions: 3 }),
  ]);
  const all = [never, since, only];
  const step = async () => {
    for (const pipeline of all) for (const called of await pipeline.tick()) await pipeline.publish(called);
    await stands.passMinutes(1);
  };
  await step();
  await step();
  for (const { tableName } of all) await stands.sql(`UPDATE ${tableName} SET AMOUNT = 9 WHERE ID = 1`);
  await stands.passMinutes(1);
  await step();
  await step();
  const ops = async (pipeline: Pipeline) =>
    (await pipeline.published())
      .map(({ op }) => op)
      .sort()
      .join('');
  expect([await ops(since), await ops(never), await ops(only)]).toEqual(['uu', 'u', 'rrr']);
  const records = await readCommitted(stands.kafka.target.brokers, only.source.topic);
  const marks = records
    .map(({ value }) => (JSON.parse(value!) as { source: { row: number; snapshot: string } }).source)
    .sort((a, b) => a.row - b.row)
    .map(({ snapshot }) => snapshot);
  expect(marks).toEqual(['first', 'true', 'last']);
});
