/**
 * Where Kafka and the table tell different stories, over real parts: it stops before it publishes, and the way that the
 * error names leads to a topic that folds to the table. More of these, with the commands as printed: test/cli/runbook.long.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Window } from '../../lambdas/protocol/window.ts';
import { startTable } from '../checkpoints/table.ts';
import { close, connect, run } from '../local/sdk.ts';
import type { Pipeline } from './pipeline.ts';
import { Stands, type Overrides } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

/** A pipeline with three rows published, and two changes after them. */
async function published(overrides: Overrides = {}): Promise<Pipeline> {
  const pipeline = await stands.pipeline(overrides);
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
  );
  await stands.passMinutes(1);
  await pipeline.run(4);
  await stands.sql(
    `UPDATE ${pipeline.tableName} SET NAME = 'drei' WHERE ID = 3`,
    `DELETE FROM ${pipeline.tableName} WHERE ID = 2`,
  );
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  return pipeline;
}

const row = (id: number, name: string) => [`{"ID":"${id}"}`, expect.objectContaining({ NAME: name })] as const;

/** Changes all three, and expects the topic to fold to the table. */
async function expectGoesOn(pipeline: Pipeline): Promise<void> {
  await stands.sql(
    `UPDATE ${pipeline.tableName} SET NAME = 'uno' WHERE ID = 1`,
    `INSERT INTO ${pipeline.tableName} VALUES (4, 'four')`,
  );
  await stands.passMinutes(1);
  pipeline.telemetry.errors.length = 0;
  await pipeline.run(8);
  expect(pipeline.codes).toEqual([]);
  expect(await pipeline.folded()).toEqual(Object.fromEntries([row(1, 'uno'), row(3, 'drei'), row(4, 'four')]));
}

test('a restored table: STATE_DISAGREES, then a new life', async () => {
  const pipeline = await published();
  const restored = await startTable();
  try {
    // Another table that has the same life up to its first window.
    const state = (await pipeline.state())!;
    const first = (await pipeline.store.windows(pipeline.source.name, 1, 1))[0] as Window;
    await restored.store.create(pipeline.source.name, { ...state.meta, finishedThrough: 0, recountedThrough: 0 });
    await restored.store.putPartitions(pipeline.source.name, 2);
    await restored.store.putLayout(pipeline.source.name, state.layouts.get(1)!);
    await restored.store.putWindow(pipeline.source.name, first);
    const again = await stands.pipeline({ source: { ...pipeline.source }, table: restored });
    Object.assign(again.config, { app: pipeline.config.app });
    const before = (await pipeline.published()).length;
    await again.run(2);
    expect(again.codes).toContain('STATE_DISAGREES');
    expect((await pipeline.published()).length).toBe(before);
    expect((await again.recover()).ways).toEqual(['anew']);
    await again.recover('anew');
    await expectGoesOn(again);
    // The old life has learnt that it is over.
    await stands.sql(`UPDATE ${pipeline.tableName} SET NAME = 'y' WHERE ID IN (1, 3, 4)`);
    await stands.passMinutes(1);
    const after = (await pipeline.published()).length;
    await pipeline.run(2);
    expect(pipeline.codes).toContain('STATE_DISAGREES');
    expect((await pipeline.published()).length).toBe(after);
  } finally {
    await restored.close();
  }
});

test('a second deployment of one configuration: it stops, and the first goes on', async () => {
  const pipeline = await published();
  const other = await startTable();
  try {
    const second = await stands.pipeline({ source: { ...pipeline.source }, table: other });
    await second.run(3);
    expect(second.codes).toContain('STATE_DISAGREES');
    await expectGoesOn(pipeline);
  } finally {
    await other.close();
  }
});

test('late commits: what became visible after its window was read is found and sent', async () => {
  const pipeline = await published();
  const reader = await connect({
    account: 'acct',
    accessUrl: stands.snowflake.url,
    username: 'SNOWMELT',
    password: 'snowmelt',
    warehouse: 'WH',
  });
  try {
    await stands.snowflake.control.engine({ visibilityDelayMs: 4_000 });
    await stands.sql(
      `INSERT INTO ${pipeline.tableName} VALUES (9, 'late')`,
      `DELETE FROM ${pipeline.tableName} WHERE ID = 1`,
    );
    await stands.snowflake.control.engine({ visibilityDelayMs: 0 });
    await stands.sql(`UPDATE ${pipeline.tableName} SET NAME = 'three' WHERE ID = 3`);
    await stands.passMinutes(1);
    await pipeline.run(2);
    expect(Object.keys(await pipeline.folded())).not.toContain('{"ID":"9"}');
    await expect
      .poll(async () => (await run(reader, `SELECT TO_VARCHAR(MAX(ID)) FROM ${pipeline.tableName}`)).rows[0], {
        timeout: 15_000,
      })
      .toEqual(['9']);
    await pipeline.finish();
    await pipeline.recount();
    expect((await pipeline.state())!.meta.request).toMatchObject({ kind: 'repair' });
    await pipeline.run(3);
    expect(pipeline.codes).toEqual([]);
    expect(await pipeline.folded()).toEqual(Object.fromEntries([row(3, 'three'), row(9, 'late')]));
    await pipeline.finish();
    await pipeline.recount();
    expect((await pipeline.state())!.meta.request).toBeNull();
  } finally {
    await close(reader);
  }
});

test('at-least-once, and back: nothing missing, each record says where it is from', async () => {
  const pipeline = await published();
  Object.assign(pipeline.source, { delivery: 'at-least-once' });
  await stands.sql(`UPDATE ${pipeline.tableName} SET NAME = 'x' WHERE ID IN (1, 3)`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  const items = (await pipeline.state())!.partitions.filter(({ position }) => position!.window > 2);
  expect(items.length).toBeGreaterThan(0);
  expect(items.every(({ marked, open }) => marked === null && open === null)).toBe(true);
  Object.assign(pipeline.source, { delivery: 'exactly-once' });
  await stands.sql(`UPDATE ${pipeline.tableName} SET NAME = 'drei' WHERE ID = 3`);
  await expectGoesOn(pipeline);
});

test('late commits of an append-only source: the rows that were missing are sent', async () => {
  const pipeline = await stands.pipeline({ source: { information: 'APPEND_ONLY' } });
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one'), (1, 'one')`, // rows alone, no keys
  );
  await stands.passMinutes(1);
  await pipeline.run(4);
  await stands.snowflake.control.engine({ visibilityDelayMs: 3_000 });
  await stands.sql(`INSERT INTO ${pipeline.tableName} VALUES (8, 'late')`);
  await stands.snowflake.control.engine({ visibilityDelayMs: 0 });
  await stands.sql(`INSERT INTO ${pipeline.tableName} VALUES (2, 'two')`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  const ids = async () => (await pipeline.published()).map(({ key }) => (key as { ID: string }).ID).sort();
  expect(await ids()).toEqual(['1', '1', '2']);
  await expect
    .poll(
      async () => {
        await pipeline.finish();
        await pipeline.store.updateMeta(pipeline.source.name, { recountedThrough: 1 });
        await pipeline.recount();
        return (await pipeline.state())!.meta.request?.kind;
      },
      { timeout: 15_000 },
    )
    .toBe('repair');
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  expect(await ids()).toEqual(['1', '1', '2', '8']);
});
