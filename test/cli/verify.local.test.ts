/**
 * `verify` and `preview` over real parts: a right topic is found right, planted records are found, and nothing is changed. One
 * topic for all tests, which go on from each other.
 */
import { readFileSync } from 'node:fs';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tellPreview } from '../../cli/preview.ts';
import { tellVerified } from '../../cli/verify.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { readersOf } from '../../lambdas/encoding/read-back.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { preview, type Preview } from '../../lambdas/operate/preview.ts';
import { verify, type Verified, type VerifyOptions, type VerifyPorts } from '../../lambdas/operate/verify.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { SALT, Stands, type Pipeline } from '../faults/pipeline.ts';
import { readCommitted } from '../kafka/consumer.ts';

let stands: Stands;
let orders: Pipeline;
beforeAll(async () => {
  stands = await Stands.start();
  orders = await stands.pipeline({ kafka: { compression: 'zstd' } });
  const rows = Array.from({ length: 200 }, (_, id) => `(${id}, 'order ${id}')`);
  await stands.sql(
    `CREATE TABLE ${orders.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${orders.tableName} VALUES ${rows.join(', ')}`,
  );
  await stands.passMinutes(1);
  await orders.run(4);
  await stands.sql(
    `UPDATE ${orders.tableName} SET NAME = 'changed' WHERE ID < 10`,
    `DELETE FROM ${orders.tableName} WHERE ID >= 190`,
  );
  await stands.passMinutes(1);
  await orders.run(2);
  expect(orders.codes).toEqual([]);
});
afterAll(() => stands.stop());

const clock = {
  now: () => Date.now(),
  remainingMs: () => 600_000,
  pause: () => Promise.resolve(),
};

async function verified(
  pipeline: Pipeline,
  options: Partial<VerifyOptions> = {},
  source = pipeline.source,
): Promise<Verified> {
  const { config, store: checkpoints, telemetry } = pipeline;
  const snowflake = createSnowflake(config, { token: 'snowmelt' }, SALT);
  const kafka = createKafka(config, stands.kafka.target.product?.login ?? null);
  try {
    const encoders = createEncoders(config, pipeline.source);
    const readers: VerifyPorts['readers'] = (columns, key) => readersOf(config, pipeline.source, columns, key, null);
    const ports = { checkpoints, snowflake, kafka, encoders, readers, clock, telemetry };
    return await verify(ports, source, { window: null, showKeys: false, ...options });
  } finally {
    await Promise.all([snowflake.close(), kafka.close()]);
  }
}

async function previewed(pipeline: Pipeline, showValues = false): Promise<Preview> {
  const { config, source, store: checkpoints, telemetry } = pipeline;
  const snowflake = createSnowflake(config, { token: 'snowmelt' }, SALT);
  try {
    const ports = { checkpoints, snowflake, encoders: createEncoders(config, source), clock, telemetry };
    const { safetyLagMs } = config.clocks;
    return await preview(ports, source, sourcePlan(config, source), { showValues, safetyLagMs });
  } finally {
    await snowflake.close();
  }
}

/** Text as it stands in the documentation: there with other names and times. */
function expectInDocs(text: string): void {
  const timeless = (some: string) =>
    some
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T')
      .replaceAll(/@\d+/g, '@N')
      .replaceAll(/[\d,]+ bytes/g, 'N bytes');
  const named = text.replaceAll(orders.source.topic, 'shop.orders').replaceAll(orders.source.name, 'orders');
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  expect(timeless(docs)).toContain(timeless(named));
}

const none = { count: 0, first: [] };
const right = { missing: none, extra: none, altered: none, foreign: none };

test('a right topic is the table, now and as of an earlier window', async () => {
  const found = await verified(orders);
  expect(found).toMatchObject({ ...right, rows: 190, keys: 190, cutOff: false });
  expect(tellVerified(found)).toMatch(
    /^s\S+, window 2, .*\ntable {2}190 rows\ntopic {2}190 keys in 230 records of .*\nThe topic is the table\.$/,
  );
  expect(await verified(orders, { window: 1 })).toMatchObject({ ...right, rows: 200, keys: 200, window: 1 });
  await expect(verified(orders, { window: 3 })).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
});

test('preview counts what the next window then publishes, shows values where it is asked to, and leaves no trace', async () => {
  await stands.sql(
    `INSERT INTO ${orders.tableName} VALUES (300, 'secret 300'), (301, 'secret 301'), (302, 'secret 302')`,
    `UPDATE ${orders.tableName} SET NAME = 'secret' WHERE ID IN (20, 21)`,
    `DELETE FROM ${orders.tableName} WHERE ID = 22`,
  );
  await stands.passMinutes(1);
  const before = await orders.state();
  const offsets = await stands.kafka.admin.fetchTopicOffsets(orders.source.topic);
  const hidden = await previewed(orders);
  const shown = await previewed(orders, true);
  expect(await orders.state()).toEqual(before);
  expect(await stands.kafka.admin.fetchTopicOffsets(orders.source.topic)).toEqual(offsets);

  expect(hidden).toMatchObject({ from: before!.head!.to, rows: 8, looked: 8 });
  expect(hidden.operations).toEqual({ create: 3, update: 2, delete: 1, tombstone: 1 });
  expect(hidden.first).toHaveLength(7);
  expect(JSON.stringify(hidden)).not.toContain('secret');
  expectInDocs(tellPreview(hidden));
  expect(shown.first.filter(({ value }) => value?.includes('secret'))).toHaveLength(5);
  expect(tellPreview(shown)).toContain('"NAME":"secret 301"');

  const had = (await readCommitted(stands.kafka.target.brokers, orders.source.topic)).length;
  await orders.run(2);
  const records = await readCommitted(stands.kafka.target.brokers, orders.source.topic);
  expect(records.length - had).toBe(7);
  expect(await verified(orders)).toMatchObject({ ...right, window: 3, rows: 192, keys: 192 });
  await expect(previewed(orders)).resolves.toMatchObject({ rows: 0, operations: { create: 0, update: 0 }, first: [] });
});

test('a masked value is in no preview', async () => {
  const masked = await stands.pipeline();
  masked.source.shape = {
    ...{ include: null, exclude: [], computed: [], where: null, skip: [] },
    masks: [
      { column: 'MAIL', mask: { kind: 'hash' } },
      { column: 'CARD', mask: { kind: 'last-4' } },
      { column: 'NAME', mask: { kind: 'redact' } },
    ],
  };
  await stands.sql(
    `CREATE TABLE ${masked.tableName} (ID NUMBER(9,0) NOT NULL, MAIL VARCHAR, CARD VARCHAR, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${masked.tableName} VALUES (1, 'ann@x.org', '4000123412341234', 'Ann')`,
  );
  await stands.passMinutes(1);
  await masked.run(2);
  await stands.sql(`UPDATE ${masked.tableName} SET MAIL = 'bob@x.org', NAME = 'Bob' WHERE ID = 1`);
  await stands.passMinutes(1);
  const text = JSON.stringify(await previewed(masked, true));
  expect(text).toContain('****1234');
  for (const secret of ['ann@', 'bob@', '40001234', 'Ann', 'Bob', SALT]) expect(text).not.toContain(secret);
});

describe('planted', () => {
  const client = () => new Kafka({ brokers: stands.kafka.target.brokers, logLevel: logLevel.NOTHING });
  const keyOf = (id: number) => `{"ID":"${id}"}`;
  type Planted = { key: string; value: string | null; partition: number };

  /** The record of a key, with its partition. */
  async function recordOf(id: number): Promise<{ key: string; value: string; partition: number }> {
    const records = await readCommitted(stands.kafka.target.brokers, orders.source.topic);
    const { key, value, partition } = records.findLast((record) => record.key === keyOf(id))!;
    return { key, value: value!, partition };
  }

  async function plant(...records: Planted[]): Promise<void> {
    const producer = client().producer();
    await producer.connect();
    await producer.send({ topic: orders.source.topic, messages: records, compression: CompressionTypes.GZIP });
    await producer.disconnect();
  }

  test('records of a transaction that is open are waited for, and not counted when it is aborted', async () => {
    const { key, value, partition } = await recordOf(30);
    const producer = client().producer({ transactionalId: 'other', idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({
      topic: orders.source.topic,
      messages: [{ key, value: value.replace('order', 'x'), partition }],
    });
    const fetching = stands.kafka.next('onRequest', ({ api }) => api === 'Fetch', 'pass');
    const found = verified(orders);
    await fetching;
    await transaction.abort();
    await producer.disconnect();
    expect(await found).toMatchObject(right);
  });

  test('a missing, an extra, an altered and a foreign record are found, by hash or by key', async () => {
    const [missing, altered] = [await recordOf(40), await recordOf(41)];
    const extra = { key: keyOf(999), value: altered.value.replaceAll('41', '999'), partition: 2 };
    await plant(
      { ...missing, value: null },
      { ...altered, value: altered.value.replace('order 41', 'order 42') },
      extra,
      { key: 'junk', value: 'no JSON', partition: 0 },
    );
    const found = await verified(orders, { showKeys: true });
    const keysOf = (kind: 'missing' | 'extra' | 'altered' | 'foreign') => [
      found[kind].count,
      ...found[kind].first.map(({ key }) => key),
    ];
    expect(keysOf('missing')).toEqual([1, missing.key]);
    expect(keysOf('extra')).toEqual([1, extra.key]);
    expect(keysOf('altered')).toEqual([1, altered.key]);
    expect(keysOf('foreign')).toEqual([1, 'junk']);
    expect(found).toMatchObject({ rows: 192, keys: 192 });
    const [at] = found.extra.first;
    expect(at!.at).toMatch(new RegExp(`^${orders.source.topic}-2@\\d+$`));

    const hidden = await verified(orders);
    const ids = (result: Verified) =>
      [result.missing, result.extra, result.altered].flatMap(({ first }) => first.map(({ id }) => id));
    expect(ids(hidden)).toEqual(ids(found));
    expectInDocs(tellVerified(hidden));
    for (const shown of ['ID', 'junk', 'order']) expect(JSON.stringify(hidden)).not.toContain(shown);
  });
});

test.each<[string, Partial<ResolvedSource>]>([
  ['append-only', { information: 'APPEND_ONLY' }],
  ['no key', { key: [] }],
  ['without a snapshot', { snapshot: { mode: 'never', from: null } }],
  ['reads a stream', { stream: { managed: true, staging: { database: 'DB', schema: 'S' } } }],
])('what is no image of its table is refused: %s', async (reason, change) => {
  const message = expect.stringContaining(reason) as string;
  const unfit = { ...orders.source, ...change };
  await expect(verified(orders, {}, unfit)).rejects.toMatchObject({ code: 'OPERATION_REFUSED', message });
});
