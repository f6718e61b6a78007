/** What a source is shaped into, through snowflake-sdk and the stand-ins to the records of the topic. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHash } from 'node:crypto';
import type { ResolvedShape, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { readCommitted } from '../kafka/consumer.ts';
import type { Pipeline } from './pipeline.ts';
import { SALT, Stands } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

const none: ResolvedShape = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

async function people(
  shape: Partial<ResolvedShape>,
  key = ['ID'],
  source: Partial<ResolvedSource> = {},
): Promise<Pipeline> {
  const pipeline = await stands.pipeline({ source: { key, shape: { ...none, ...shape }, ...source } });
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(9,0) NOT NULL, EMAIL VARCHAR, CARD VARCHAR, AGE NUMBER(3,0),
     SECRET VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'ann@x.org', '4000123412341234', 31, 's3cret'), (2, NULL, '12', 17, 's3cret')`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

const hash = (text: string) =>
  createHash('sha256')
    .update(SALT + text)
    .digest('hex');

test('columns left out, computed and masked never leave Snowflake, in images and in keys', async () => {
  const pipeline = await people(
    {
      exclude: ['SECRET'],
      computed: [{ name: 'DOUBLE', sql: 'AGE * 2', type: { name: 'NUMBER', precision: 9, scale: 1 } }],
      masks: [
        { column: 'EMAIL', mask: { kind: 'hash' } },
        { column: 'CARD', mask: { kind: 'last-4' } },
        { column: 'AGE', mask: { kind: 'redact' } },
      ],
    },
    ['ID', 'EMAIL'],
  );
  await stands.sql(`UPDATE ${pipeline.tableName} SET EMAIL = 'bob@x.org' WHERE ID = 2`);
  await pipeline.run(3);
  await stands.sql(
    `UPDATE ${pipeline.tableName} SET CARD = '4000123412345678' WHERE ID = 1`,
    `DELETE FROM ${pipeline.tableName} WHERE ID = 2`,
  );
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  const records = await pipeline.published();
  const ann = { ID: 1, EMAIL: hash('ann@x.org'), CARD: '****1234', AGE: '***', DOUBLE: 62.0 };
  const bob = { ID: 2, EMAIL: hash('bob@x.org'), CARD: '****', AGE: '***', DOUBLE: 34.0 };
  expect(records.filter(({ op }) => op === 'r').map(({ after }) => after)).toEqual(
    expect.arrayContaining([ann, bob]) as unknown,
  );
  const update = records.find(({ op }) => op === 'u');
  expect(update).toMatchObject({ key: { ID: 1, EMAIL: hash('ann@x.org') }, before: ann, after: { CARD: '****5678' } });
  const gone = { key: { ID: 2, EMAIL: hash('bob@x.org') } };
  expect(records.find(({ op }) => op === 'd')).toMatchObject({ ...gone, before: bob });
  expect(records.find(({ op }) => op === 'tombstone')).toMatchObject(gone);
  // Neither value nor salt in any byte of topic, statement or state.
  const topic = (await readCommitted(stands.kafka.target.brokers, pipeline.source.topic))
    .map(({ key, value }) => `${key.toString()}${value?.toString() ?? ''}`)
    .join();
  const state = JSON.stringify([...(await pipeline.store.windows(pipeline.source.name, 1, 99))]);
  for (const text of [topic, state]) {
    for (const secret of ['ann@', 'bob@', '40001234', 's3cret', SALT]) expect(text).not.toContain(secret);
  }
});

test('a filter: rows that leave it are deleted, rows that enter it created', async () => {
  const pipeline = await people({ where: 'AGE >= 18', include: ['ID', 'AGE'] });
  await pipeline.run(3);
  expect(await pipeline.folded()).toEqual({ '{"ID":1}': { ID: 1, AGE: 31 } });
  await stands.sql(`UPDATE ${pipeline.tableName} SET AGE = 49 - AGE`); // 18 and 32
  await pipeline.run(3);
  expect(await pipeline.folded()).toEqual({ '{"ID":1}': { ID: 1, AGE: 18 }, '{"ID":2}': { ID: 2, AGE: 32 } });
  await stands.sql(`UPDATE ${pipeline.tableName} SET AGE = 1 WHERE ID = 1`);
  await pipeline.run(3);
  expect(await pipeline.folded()).toEqual({ '{"ID":2}': { ID: 2, AGE: 32 } });
  expect((await pipeline.published()).map(({ op }) => op).sort()).toEqual(['c', 'd', 'r', 'tombstone', 'u']);
  expect(pipeline.codes).toEqual([]);
});

test('skipped kinds of changes; headers, constant and of columns; writing as this source wants it', async () => {
  const headers = [
    { name: 'from', value: 'shop' },
    { name: 'card', column: 'CARD' },
    { name: 'mail', column: 'EMAIL' },
  ];
  const masks = [{ column: 'CARD', mask: { kind: 'last-4' as const } }];
  const write = { compression: 'zstd' as const, maxTransactionRows: 1 };
  const pipeline = await people({ masks, skip: ['create', 'update'] }, ['ID'], { headers, write });
  await pipeline.run(3);
  await stands.sql(
    `DELETE FROM ${pipeline.tableName} WHERE ID = 1`,
    `UPDATE ${pipeline.tableName} SET AGE = 0 WHERE ID = 2`,
    `INSERT INTO ${pipeline.tableName} VALUES (3, NULL, NULL, 3, NULL)`,
  );
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  const records = await readCommitted(stands.kafka.target.brokers, pipeline.source.topic);
  const ann = { from: 'shop', card: '****1234', mail: 'ann@x.org' };
  const seen = records.map(({ key, headers }) => `${key} ${JSON.stringify(headers)}`);
  // Read, deleted, and the tombstone.
  const expected = [...[1, 2, 3].map(() => `{"ID":1} ${JSON.stringify(ann)}`)];
  expect(seen.sort()).toEqual([...expected, `{"ID":2} ${JSON.stringify({ ...ann, card: '****', mail: null })}`]);
});

test('a name that the table lacks stops the source until it is mended', async () => {
  const pipeline = await people({ masks: [{ column: 'EMIAL', mask: { kind: 'redact' } }] });
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['COLUMN_MISSING']);
  expect(await pipeline.state()).toBeNull();
});
