/** A schema registry that fails or says no, over real parts: nothing is sent that nobody could read, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordFormat } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { decode, type Decoded } from '../encoding/decode.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
let registry: ConfluentStandIn;
beforeAll(async () => {
  [stands, registry] = await Promise.all([Stands.start(), ConfluentStandIn.start()]);
});
afterAll(async () => {
  await Promise.all([stands.stop(), registry.close()]);
});

async function withTable(type: RecordFormat): Promise<Pipeline> {
  const pipeline = await stands.pipeline({
    source: { partitions: 1, format: { type, key: type, envelope: 'debezium', tombstones: true } },
    registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  });
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one'), (2, NULL)`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

/** What a consumer makes of the topic: `op NAME`, sorted; a tombstone is `-`. */
async function consumed(pipeline: Pipeline, format: RecordFormat): Promise<string[]> {
  const records = await readCommitted(stands.kafka.target.brokers, pipeline.source.topic);
  const lines = records.map(({ bytes: { key, value } }) => {
    decode(format, key, registry);
    if (value === null) return '-';
    const { op, before, after } = decode(format, value, registry);
    const name = ((after ?? before) as Decoded)['NAME'];
    return `${op as string} ${(name as string | null | undefined) ?? 'NULL'}`;
  });
  return lines.sort();
}

test('down: nothing is sent, no partition is stopped; well again: everything is there', async () => {
  const pipeline = await withTable('avro');
  registry.fault = { kind: 'down', times: Infinity };
  await pipeline.run(3);
  expect(pipeline.telemetry.errors.map((error) => (error as { code?: string }).code)).toContain('REGISTRY_UNREACHABLE');
  expect(await pipeline.partition(0)).toMatchObject({ position: null, state: 'active', open: null });
  expect(await consumed(pipeline, 'avro')).toEqual([]);

  registry.fault = null;
  await pipeline.run(2);
  await stands.sql(
    `UPDATE ${pipeline.tableName} SET NAME = 'uno' WHERE ID = 1`,
    `DELETE FROM ${pipeline.tableName} WHERE ID = 2`,
  );
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(await consumed(pipeline, 'avro')).toEqual(['-', 'd NULL', 'r NULL', 'r one', 'u uno']);
});

test('incompatible: the partition waits for an operator, with nothing of the window sent', async () => {
  const pipeline = await withTable('protobuf');
  await pipeline.run(3);
  expect(await consumed(pipeline, 'protobuf')).toEqual(['r NULL', 'r one']);
  registry.fault = {
    kind: { status: 409, body: { message: 'incompatible' } },
    times: Infinity,
    only: ({ method }) => method === 'POST',
  };
  await stands.sql(
    `ALTER TABLE ${pipeline.tableName} ADD COLUMN EXTRA VARCHAR`,
    `INSERT INTO ${pipeline.tableName} VALUES (3, 'three', 'x')`,
  );
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(await pipeline.partition(0)).toMatchObject({
    state: 'needs-operator',
    lastError: { code: 'SCHEMA_INCOMPATIBLE' },
  });
  expect(await consumed(pipeline, 'protobuf')).toEqual(['r NULL', 'r one']);

  registry.fault = null;
  await pipeline.store.resume(pipeline.source.name);
  await pipeline.run(2);
  expect(await consumed(pipeline, 'protobuf')).toEqual(['c three', 'r NULL', 'r one']);
});
