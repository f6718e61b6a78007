/** What is edited under a running source, masks in what a person looks at, and names as people give them, over real parts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { preview } from '../../lambdas/operate/preview.ts';
import { resnapshot } from '../../lambdas/protocol/operate.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { Pipeline, SALT, Stands } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA');
});
afterAll(() => stands.stop());

const shape = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

/** Ticks that nobody publishes, until there is one more window. */
async function planned(pipeline: Pipeline): Promise<number> {
  const head = async () => (await pipeline.state())?.head?.number ?? 0;
  const before = await head();
  for (let tick = 0; tick < 4 && (await head()) === before; tick++) {
    await pipeline.tick();
    await stands.passMinutes(1);
  }
  expect(await head()).toBe(before + 1);
  return before + 1;
}

test('key, filter and masks are edited: what was read before goes out as it was cut, and first', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.EDITED (A NUMBER(9,0) NOT NULL, B NUMBER(9,0) NOT NULL, V VARCHAR, CARD VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO DB.DATA.EDITED VALUES (1, 10, 'one', '4000'), (2, 20, 'two', '5000'), (3, 30, 'three', '6000')`,
  );
  const pipeline = await stands.configured({ table: 'DB.DATA.EDITED', key: ['A'], partitions: 2 });
  await pipeline.run(2);
  await stands.sql(`UPDATE DB.DATA.EDITED SET V = 'uno' WHERE A = 1`, 'DELETE FROM DB.DATA.EDITED WHERE A = 2');
  const before = await planned(pipeline);

  pipeline.source.key = ['A', 'B'];
  const masks = [{ column: 'CARD', mask: { kind: 'truncate' as const, length: 2 } }];
  pipeline.source.shape = { ...shape, where: `V <> 'gone'`, masks };
  await stands.sql(
    `UPDATE DB.DATA.EDITED SET V = 'eins' WHERE A = 1`,
    `UPDATE DB.DATA.EDITED SET V = 'gone' WHERE A = 3`,
    `INSERT INTO DB.DATA.EDITED VALUES (4, 40, 'four', '7000'), (5, 50, 'gone', '8000')`,
  );
  const after = await planned(pipeline);
  for (let round = 0; round < 3; round++) for (const partition of [0, 1]) await pipeline.publish(partition);

  const records = (await pipeline.published()).filter(({ op }) => op !== 'tombstone');
  const of = (window: number) =>
    records
      .filter((record) => record.window === window)
      .map(({ op, key, after: image }) => `${op} ${JSON.stringify(key)} ${Object.values(image ?? {}).join(' ')}`.trim())
      .sort();
  expect(of(before)).toEqual(['d {"A":2}', 'u {"A":1} 1 10 uno 4000']);
  expect(of(after)).toEqual(['c {"A":4,"B":40} 4 40 four 70', 'd {"A":3,"B":30}', 'u {"A":1,"B":10} 1 10 eins 40']);
  await pipeline.finish();
  const state = (await pipeline.state())!;
  expect([...state.layouts.keys()].sort()).toEqual([1, 2]);
  expect(state.windows).toEqual([]);

  await resnapshot(pipeline.store, pipeline.source.name);
  await pipeline.run(2);
  const all = (await pipeline.state())!.head!.number;
  expect(of(all)).toEqual([]);
  const newest = (await pipeline.published())
    .filter(({ window }) => window === all)
    .map(({ key }) => JSON.stringify(key));
  expect(newest.sort()).toEqual(['{"A":1,"B":10}', '{"A":4,"B":40}']);
  expect(pipeline.codes).toEqual([]);
});

test('a masked value is in no preview', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.MASKED (ID NUMBER(9,0) NOT NULL, MAIL VARCHAR, CARD VARCHAR, NAME VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO DB.DATA.MASKED VALUES (1, 'ann@x.org', '4000123412341234', 'Ann')`,
  );
  const pipeline = await stands.configured({ table: 'DB.DATA.MASKED', key: ['ID'] });
  pipeline.source.shape = {
    ...shape,
    masks: [
      { column: 'MAIL', mask: { kind: 'hash' } },
      { column: 'CARD', mask: { kind: 'last-4' } },
      { column: 'NAME', mask: { kind: 'redact' } },
    ],
  };
  await pipeline.run(2);
  await stands.sql(`UPDATE DB.DATA.MASKED SET MAIL = 'bob@x.org', NAME = 'Bob' WHERE ID = 1`);
  await stands.passMinutes(1);
  const { config, source, store: checkpoints, telemetry } = pipeline;
  const snowflake = createSnowflake(config, { token: 'snowmelt' }, SALT);
  const clock = { now: Date.now, remainingMs: () => 600_000, pause: () => Promise.resolve() };
  const ports = { checkpoints, snowflake, encoders: createEncoders(config, source), clock, telemetry };
  const options = { showValues: true, safetyLagMs: config.clocks.safetyLagMs };
  try {
    const text = JSON.stringify(await preview(ports, source, sourcePlan(config, source), options));
    expect(text).toContain('****1234');
    for (const secret of ['ann@', 'bob@', '40001234', 'Ann', 'Bob', SALT]) expect(text).not.toContain(secret);
  } finally {
    await snowflake.close();
  }
});

test('objects with names that need quotes, or are words of SQL, in several databases', async () => {
  await stands.sql(
    'CREATE DATABASE "My db"',
    'CREATE SCHEMA "My db"."Select"',
    `CREATE TABLE "My db"."Select"."Or""der" ("Id" NUMBER(9,0) NOT NULL, "group" VARCHAR NOT NULL, "from" VARCHAR) CHANGE_TRACKING = TRUE`,
    `CREATE TABLE DB.DATA."TABLE" ("order" NUMBER(9,0) NOT NULL, "WHERE" VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO "My db"."Select"."Or""der" VALUES (1, 'a', 'x'), (1, 'b', 'y'), (2, 'a', NULL)`,
    `INSERT INTO DB.DATA."TABLE" VALUES (1, 'x'), (2, 'y')`,
  );
  const pipelines = [
    await stands.configured({ table: '"My db"."Select"."Or""der"', key: ['"Id"', '"group"'], partitions: 2 }),
    await stands.configured({ table: 'DB.DATA."TABLE"', key: ['"order"'], where: `"WHERE" <> 'hidden'` }),
  ];
  const run = async () => {
    for (const { pipeline, partition } of await Pipeline.tickAll(pipelines)) await pipeline.publish(partition);
    await stands.passMinutes(1);
  };
  await run();
  await run();
  await stands.sql(
    `UPDATE "My db"."Select"."Or""der" SET "from" = 'z' WHERE "Id" = 1 AND "group" = 'b'`,
    `DELETE FROM "My db"."Select"."Or""der" WHERE "Id" = 2`,
    `UPDATE DB.DATA."TABLE" SET "WHERE" = 'hidden' WHERE "order" = 1`,
  );
  for (let tick = 0; tick < 3; tick++) await run();
  const [orders, tables] = pipelines;
  expect(await orders!.folded()).toEqual({
    '{"Id":1,"group":"a"}': { Id: 1, group: 'a', from: 'x' },
    '{"Id":1,"group":"b"}': { Id: 1, group: 'b', from: 'z' },
  });
  expect(await tables!.folded()).toEqual({ '{"order":2}': { order: 2, WHERE: 'y' } });
  for (const { codes } of pipelines) expect(codes).toEqual([]);
});

test('a managed stream without a key: the rows that there are, equal ones too, then every insert, by their row ids', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.KEYLESS (V VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO DB.DATA.KEYLESS VALUES ('same'), ('same'), ('other')`,
  );
  const pipeline = await stands.configured({
    stream: { managed: true, on: 'DB.DATA.KEYLESS' },
    changes: 'append-only',
    partitions: 2,
  });
  await pipeline.run(2);
  await stands.sql(`INSERT INTO DB.DATA.KEYLESS VALUES ('same')`, `DELETE FROM DB.DATA.KEYLESS WHERE V = 'other'`);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  const records = await pipeline.published();
  const told = records.map(({ op, after }) => `${op} ${(after as { V: string }).V}`).sort();
  expect(told).toEqual(['c same', 'r other', 'r same', 'r same']);
  expect(new Set(records.map(({ key }) => JSON.stringify(key))).size).toBe(4);
  expect(records.map(({ key }) => Object.keys(key as object))).toEqual(records.map(() => ['METADATA$ROW_ID']));
});
