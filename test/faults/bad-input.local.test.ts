/**
 * What people get wrong, one at a time, over real parts: one clear error, state as it was, and either the next tick goes on
 * once it is mended, or the partition waits for an operator because trying again can't help.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { ERRORS, type ErrorCode } from '../../lambdas/errors.ts';
import { commitOffset } from '../kafka/consumer.ts';
import type { Pipeline } from './pipeline.ts';
import { Stands, type Overrides } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
});
afterAll(() => stands.stop());

/** A pipeline whose table has three rows and is tracked. */
async function withTable(overrides: Overrides = {}): Promise<Pipeline> {
  const pipeline = await stands.pipeline(overrides);
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

/** The last error: its code, and that it says something of the given texts. */
function expectError(pipeline: Pipeline, code: ErrorCode, ...says: string[]): void {
  const error = pipeline.telemetry.errors.at(-1) as (Error & { code: string; action: string }) | undefined;
  expect(error?.code).toBe(code);
  for (const text of says) expect(error?.message).toContain(text);
  expect(error?.action).toBe(ERRORS[code].action);
}

async function expectPublished(pipeline: Pipeline): Promise<void> {
  await pipeline.run(4);
  const ids = (await pipeline.published()).map(({ key }) => (key as { ID: string }).ID);
  expect(ids.sort()).toEqual(['1', '2', '3']);
}

test('missing table: nothing is stored; it is taken up once it exists', async () => {
  const pipeline = await stands.pipeline();
  await pipeline.tick();
  expectError(pipeline, 'OBJECT_MISSING', pipeline.source.object.name);
  expect(await pipeline.state()).toBeNull();
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1), (2), (3)`,
  );
  await expectPublished(pipeline);
});

test('change tracking off', async () => {
  const pipeline = await stands.pipeline();
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL)`,
    `INSERT INTO ${pipeline.tableName} VALUES (1), (2), (3)`,
  );
  await pipeline.tick();
  expectError(pipeline, 'TRACKING_OFF', 'SET CHANGE_TRACKING = TRUE');
  expect(await pipeline.state()).toBeNull();
  await stands.sql(`ALTER TABLE ${pipeline.tableName} SET CHANGE_TRACKING = TRUE`);
  await expectPublished(pipeline);
});

test('no privilege: the error says what gives it; with what is rendered for the setup all is published', async () => {
  const pipeline = await withTable({ snowflake: { role: 'READER' } });
  const grants = snowflakeGrants(pipeline.config);
  const select = grants.find((statement) => statement.startsWith('GRANT SELECT'))!;
  await stands.sql('CREATE ROLE READER', ...grants.filter((statement) => statement !== select));
  await pipeline.run(2);
  expectError(pipeline, 'OBJECT_MISSING', select);
  expect((await pipeline.state())?.head ?? null).toBeNull();
  await stands.sql(select);
  await expectPublished(pipeline);
});

test('a key column that is not there', async () => {
  const pipeline = await withTable({ source: { key: ['ORDER_ID'] } });
  await pipeline.tick();
  expectError(pipeline, 'KEY_INVALID', 'ORDER_ID', 'ID, NAME');
  expect(await pipeline.state()).toBeNull();
});

test('a key that is not unique: needs an operator, nothing of it visible, no value told', async () => {
  const pipeline = await withTable({ source: { key: ['NAME'], partitions: 1 } });
  await stands.sql(`INSERT INTO ${pipeline.tableName} VALUES (4, 'secret-name'), (5, 'secret-name')`);
  await pipeline.run(4);
  expectError(pipeline, 'DUPLICATE_KEY');
  expect(pipeline.telemetry.errors.map((error) => error.message).join()).not.toContain('secret-name');
  expect(await pipeline.partition(0)).toMatchObject({ state: 'needs-operator', position: null });
  expect(await pipeline.published()).toEqual([]);
});

test('unreachable broker: state as it was, however often; the next tick goes on', async () => {
  const pipeline = await withTable({ source: { partitions: 1 } });
  const brokers = pipeline.config.kafka.brokers.splice(0);
  pipeline.config.kafka.brokers.push('127.0.0.1:1');
  await pipeline.run(5);
  expectError(pipeline, 'KAFKA_UNREACHABLE');
  expect(await pipeline.partition(0)).toMatchObject({ state: 'active', position: null, open: null });
  pipeline.config.kafka.brokers.splice(0, 1, ...brokers);
  await expectPublished(pipeline);
});

test.each([
  ['missing topic', { source: { topic: 'no-such-topic', partitions: 1 } }],
  ['another partition count', { source: { topicPartitions: 7, partitions: 1 } }],
  ['no control topic', { source: { partitions: 1 }, kafka: { controlTopic: 'no-such-control' } }],
  ['control topic too small', { source: { partitions: 5 } }],
])('%s: needs an operator, nothing is sent', async (_, overrides: Overrides) => {
  const pipeline = await withTable(overrides);
  await pipeline.run(4);
  expectError(pipeline, 'TOPIC_DIFFERS');
  const items = (await pipeline.state())!.partitions;
  expect(items.filter(({ state }) => state === 'needs-operator').length).toBeGreaterThan(0);
  expect(items.every(({ position }) => position === null)).toBe(true);
});

test('wrong token', async () => {
  const pipeline = await withTable({ token: 'stolen' });
  expect(await pipeline.tick()).toEqual([]);
  expectError(pipeline, 'SNOWFLAKE_LOGIN');
  expect(pipeline.telemetry.errors.map((error) => error.message).join()).not.toContain('stolen');
  expect(await pipeline.state()).toBeNull();
});

test("someone else's marker: stops before anything is sent", async () => {
  const pipeline = await withTable({ source: { partitions: 1 } });
  await commitOffset(stands.kafka.target.brokers, {
    group: `snowmelt:${stands.kafka.app}:${pipeline.source.name}`,
    topic: stands.kafka.controlTopic,
    partition: 0,
    offset: String((2n << 32n) | 5n),
    metadata: JSON.stringify({ v: 1, incarnation: 'other', window: 2, digest: 'd', to: '', last: 'x', at: 1 }),
  });
  await pipeline.run(4);
  expectError(pipeline, 'STATE_DISAGREES', 'another life');
  expect(await pipeline.partition(0)).toMatchObject({ state: 'needs-operator', position: null, marked: null });
  expect(await pipeline.published()).toEqual([]);
});

test('recreated table: history is lost, the source stops and keeps what it has', async () => {
  const pipeline = await withTable();
  await expectPublished(pipeline);
  const head = (await pipeline.state())!.head!.number;
  await stands.sql(
    `CREATE OR REPLACE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (9, 'nine')`,
  );
  await stands.passMinutes(1);
  await pipeline.run(4);
  expectError(pipeline, 'HISTORY_LOST', 'created');
  const state = (await pipeline.state())!;
  expect(state.head!.number).toBe(head);
  expect(state.meta.lastError).toMatchObject({ code: 'HISTORY_LOST' });
});

test('snapshot, then inserts, updates, deletes and a re-key arrive once, with before and after', async () => {
  const pipeline = await withTable();
  await expectPublished(pipeline);
  await stands.sql(
    `INSERT INTO ${pipeline.tableName} VALUES (4, 'four')`,
    `UPDATE ${pipeline.tableName} SET NAME = 'zwei' WHERE ID = 2`,
    `DELETE FROM ${pipeline.tableName} WHERE ID = 3`,
    `UPDATE ${pipeline.tableName} SET ID = 10 WHERE ID = 1`,
  );
  await stands.passMinutes(1);
  await pipeline.run(3);
  const records = (await pipeline.published()).filter(({ op }) => op !== 'r');
  const of = (id: string) => records.filter(({ key }) => (key as { ID: string }).ID === id);
  expect(of('4')).toMatchObject([{ op: 'c', before: null, after: { ID: '4', NAME: 'four' } }]);
  expect(of('2')).toMatchObject([{ op: 'u', before: { NAME: 'two' }, after: { NAME: 'zwei' } }]);
  expect(of('3')).toMatchObject([{ op: 'd', before: { NAME: 'three' }, after: null }, { op: 'tombstone' }]);
  expect(of('1')).toMatchObject([{ op: 'd', before: { NAME: 'one' } }, { op: 'tombstone' }]);
  expect(of('10')).toMatchObject([{ op: 'c', after: { ID: '10', NAME: 'one' } }]);
  expect(pipeline.codes).toEqual([]);
});

test('append-only: inserts as they were inserted', async () => {
  const pipeline = await withTable({ source: { information: 'APPEND_ONLY' } });
  await expectPublished(pipeline);
  await stands.sql(
    `INSERT INTO ${pipeline.tableName} VALUES (4, 'four')`,
    `UPDATE ${pipeline.tableName} SET NAME = 'vier' WHERE ID = 4`,
    `DELETE FROM ${pipeline.tableName} WHERE ID = 1`,
  );
  await stands.passMinutes(1);
  await pipeline.run(3);
  const records = (await pipeline.published()).filter(({ op }) => op !== 'r');
  expect(records).toMatchObject([{ op: 'c', key: { ID: '4' }, after: { NAME: 'four' } }]);
});
