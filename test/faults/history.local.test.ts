/**
 * What becomes of a source when its table's columns change or its history is lost, over real parts. The default suite takes
 * one of each kind; `npm run test:shapes` takes all.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { readCommitted } from '../kafka/consumer.ts';
import type { Pipeline } from './pipeline.ts';
import { Stands } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

const ALL = process.env['SHAPES'] === 'all';
const CREATE = '(ID NUMBER(9,0) NOT NULL, NAME VARCHAR, AMOUNT NUMBER(10,2)) CHANGE_TRACKING = TRUE';

async function withRows(source: Partial<ResolvedSource> = {}): Promise<Pipeline> {
  const pipeline = await stands.pipeline({ source });
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} ${CREATE}`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

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
    `UPDATE ${table} SET AMOUNT = 9999999999.5 WHERE ID = 3`,
  );
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  expect(await pipeline.folded()).toEqual({
    '{"ID":1}': { ID: 1, NAME: 'uno', AMOUNT: 1, NOTE: null },
    '{"ID":2}': { ID: 2, NAME: 'two', AMOUNT: 2, NOTE: 'new' },
    '{"ID":3}': { ID: 3, NAME: 'three', AMOUNT: 9999999999.5, NOTE: null },
  });
  const [first, added, widened] = await schemas(topic);
  expect(first).toEqual({ window: 2, before: null, after: 'ID NAME AMOUNT' });
  expect(added).toMatchObject({ before: 'ID NAME AMOUNT', after: 'ID NAME AMOUNT NOTE' });
  expect(widened).toMatchObject({ before: 'ID NAME AMOUNT NOTE', after: 'ID NAME AMOUNT NOTE' });
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

test('columns dropped, renamed or of another type stop the source; it goes on when that is allowed', async () => {
  const pipeline = await withRows();
  const { tableName: table } = pipeline;
  await pipeline.run(2);
  const changes: [string[], string][] = [
    [[`ALTER TABLE ${table} RENAME COLUMN NAME TO TITLE`], 'NAME dropped (or renamed)'],
    [[`ALTER TABLE ${table} DROP COLUMN TITLE`, `ALTER TABLE ${table} ADD COLUMN TITLE DATE`], 'TITLE VARCHAR to DATE'],
    [[`ALTER TABLE ${table} DROP COLUMN TITLE`], 'TITLE dropped (or renamed)'],
  ];
  for (const [i, [alter, says]] of changes.slice(0, ALL ? 3 : 1).entries()) {
    await stands.sql(...alter, `UPDATE ${table} SET AMOUNT = ${10 + i} WHERE ID = 1`);
    await pipeline.run(1); // sees that something changed
    const { head } = (await pipeline.state())!;
    pipeline.source.schemaChanges = 'compatible';
    await pipeline.tick();
    expect(pipeline.codes.at(-1)).toBe('SCHEMA_INCOMPATIBLE');
    expect(pipeline.telemetry.errors.at(-1)!.message).toContain(says);
    expect((await pipeline.state())!.head!.number).toBe(head!.number);
    pipeline.source.schemaChanges = 'any';
    await pipeline.run(1);
    expect(await pipeline.folded()).toMatchObject({ '{"ID":1}': { AMOUNT: 10 + i } });
  }
});

test.runIf(ALL)('an edit of `columns` is a word on dropped columns, too, and drains at a barrier', async () => {
  const pipeline = await withRows();
  await pipeline.run(2);
  await stands.sql(
    `ALTER TABLE ${pipeline.tableName} DROP COLUMN NAME`,
    `UPDATE ${pipeline.tableName} SET AMOUNT = 7 WHERE ID = 1`,
  );
  await pipeline.run(2);
  expect(pipeline.codes.at(-1)).toBe('SCHEMA_INCOMPATIBLE');
  const shape = { exclude: [], computed: [], where: null, masks: [], skip: [] };
  pipeline.source.shape = { ...shape, include: ['ID', 'AMOUNT'] };
  await pipeline.run(2);
  expect((await pipeline.published()).filter(({ op }) => op === 'u')).toEqual([
    expect.objectContaining({ before: { ID: 1, AMOUNT: 1 }, after: { ID: 1, AMOUNT: 7 } }),
  ]);
  expect((await pipeline.state())!.head!.layout).toBe(2);
});

const LOSSES: [string, (table: string) => Promise<void>][] = [
  [
    'dropped and made again',
    async (table) => {
      await stands.sql(`DROP TABLE ${table}`, `CREATE TABLE ${table} ${CREATE}`);
      await stands.sql(`INSERT INTO ${table} VALUES (2, 'zwei', 2), (4, 'vier', 4)`);
    },
  ],
  [
    'swapped',
    async (table) => {
      await stands.sql(
        `CREATE TABLE ${table}_NEW ${CREATE}`,
        `INSERT INTO ${table}_NEW VALUES (2, 'zwei', 2), (4, 'vier', 4)`,
      );
      await stands.sql(`ALTER TABLE ${table} SWAP WITH ${table}_NEW`);
    },
  ],
  [
    'without tracking for a while',
    async (table) => {
      await stands.sql(`ALTER TABLE ${table} SET CHANGE_TRACKING = FALSE`);
      await stands.sql(`DELETE FROM ${table}`, `INSERT INTO ${table} VALUES (2, 'zwei', 2), (4, 'vier', 4)`);
      await stands.sql(`ALTER TABLE ${table} SET CHANGE_TRACKING = TRUE`);
    },
  ],
  [
    'not read within its retention',
    async (table) => {
      await stands.sql(`DELETE FROM ${table}`, `INSERT INTO ${table} VALUES (2, 'zwei', 2), (4, 'vier', 4)`);
      await stands.passMinutes(1);
      await stands.snowflake.control.expireHistory(table, stands.now() - 30_000);
    },
  ],
];

test.each(ALL ? LOSSES : LOSSES.slice(0, 1))(
  'a table that was %s: resnapshot empties the topic, then tells what there is',
  async (_, lose) => {
    const pipeline = await withRows({ onHistoryLost: 'resnapshot' });
    await pipeline.run(2);
    await lose(pipeline.tableName);
    await stands.passMinutes(1);
    await pipeline.run(4);
    expect(pipeline.codes).toEqual([]);
    expect(pipeline.telemetry.messages.filter((message) => message.includes('begins anew'))).toHaveLength(1);
    expect(await pipeline.folded()).toEqual({
      '{"ID":2}': { ID: 2, NAME: 'zwei', AMOUNT: 2 },
      '{"ID":4}': { ID: 4, NAME: 'vier', AMOUNT: 4 },
    });
    // Changes go on after it.
    await stands.sql(`DELETE FROM ${pipeline.tableName} WHERE ID = 2`);
    await pipeline.run(2);
    expect(Object.keys(await pipeline.folded())).toEqual(['{"ID":4}']);
  },
);

test.runIf(ALL)('a table that was dropped and undropped goes on as if nothing had been', async () => {
  const pipeline = await withRows({ onHistoryLost: 'resnapshot' });
  await pipeline.run(2);
  await stands.sql(`DROP TABLE ${pipeline.tableName}`);
  await pipeline.run(1);
  await stands.sql(`UNDROP TABLE ${pipeline.tableName}`, `DELETE FROM ${pipeline.tableName} WHERE ID = 1`);
  await pipeline.run(2);
  expect(new Set(pipeline.codes)).toEqual(new Set(['OBJECT_MISSING']));
  expect(Object.keys(await pipeline.folded())).toEqual(['{"ID":2}', '{"ID":3}']);
});

test.runIf(ALL)('without resnapshot a lost history stops the source; with it, once per retention', async () => {
  const pipeline = await withRows();
  await pipeline.run(2);
  const again = async () => {
    await stands.sql(
      `CREATE OR REPLACE TABLE ${pipeline.tableName} ${CREATE}`,
      `INSERT INTO ${pipeline.tableName} VALUES (9, 'nine', 9)`,
    );
    await pipeline.run(2);
  };
  await again();
  expect(pipeline.codes.at(-1)).toBe('HISTORY_LOST');
  expect((await pipeline.state())!.head!.kind).toBe('snapshot');
  pipeline.source.onHistoryLost = 'resnapshot';
  await pipeline.run(3);
  expect(Object.keys(await pipeline.folded())).toEqual(['{"ID":9}']);
  const { head } = (await pipeline.state())!;
  await again();
  expect(pipeline.telemetry.errors.at(-1)!.message).toContain('the next time in');
  expect((await pipeline.state())!.head!.number).toBe(head!.number);
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
