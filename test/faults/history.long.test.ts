/** What becomes of a source whose table loses columns or its history, over real parts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { COLUMNS, threeRows } from './history.ts';
import { Stands } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

const withRows = (source?: Partial<ResolvedSource>) => threeRows(stands, source);

test('columns dropped, renamed or of another type stop the source; it goes on when that is allowed', async () => {
  const pipeline = await withRows();
  const { tableName: table } = pipeline;
  await pipeline.run(2);
  const changes: [string[], string][] = [
    [[`ALTER TABLE ${table} RENAME COLUMN NAME TO TITLE`], 'NAME dropped (or renamed)'],
    [[`ALTER TABLE ${table} DROP COLUMN TITLE`, `ALTER TABLE ${table} ADD COLUMN TITLE DATE`], 'TITLE VARCHAR to DATE'],
    [[`ALTER TABLE ${table} DROP COLUMN TITLE`], 'TITLE dropped (or renamed)'],
  ];
  for (const [i, [alter, says]] of changes.entries()) {
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

test('an edit of `columns` is a word on dropped columns, too, and drains at a barrier', async () => {
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
      await stands.sql(`DROP TABLE ${table}`, `CREATE TABLE ${table} ${COLUMNS}`);
      await stands.sql(`INSERT INTO ${table} VALUES (2, 'zwei', 2), (4, 'vier', 4)`);
    },
  ],
  [
    'swapped',
    async (table) => {
      await stands.sql(
        `CREATE TABLE ${table}_NEW ${COLUMNS}`,
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

test.each(LOSSES)('a table that was %s: resnapshot empties the topic, then tells what there is', async (_, lose) => {
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
});

test('a table that was dropped and undropped goes on as if nothing had been', async () => {
  const pipeline = await withRows({ onHistoryLost: 'resnapshot' });
  await pipeline.run(2);
  await stands.sql(`DROP TABLE ${pipeline.tableName}`);
  await pipeline.run(1);
  await stands.sql(`UNDROP TABLE ${pipeline.tableName}`, `DELETE FROM ${pipeline.tableName} WHERE ID = 1`);
  await pipeline.run(2);
  expect(new Set(pipeline.codes)).toEqual(new Set(['OBJECT_MISSING']));
  expect(Object.keys(await pipeline.folded())).toEqual(['{"ID":2}', '{"ID":3}']);
});

test('without resnapshot a lost history stops the source; with it, once per retention', async () => {
  const pipeline = await withRows();
  await pipeline.run(2);
  const again = async () => {
    await stands.sql(
      `CREATE OR REPLACE TABLE ${pipeline.tableName} ${COLUMNS}`,
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
