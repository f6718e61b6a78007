/** A schema registry that fails or says no, over real parts: nothing is sent that nobody could read, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
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

/** What a consumer makes of the topic: `op NAME`, sorted; a tombstone is `-`. */
async function consumed(pipeline: Pipeline): Promise<string[]> {
  const records = await readCommitted(stands.kafka.target.brokers, pipeline.source.topic);
  const lines = records.map(({ bytes: { key, value } }) => {
    decode('avro', key, registry);
    if (value === null) return '-';
    const { op, before, after } = decode('avro', value, registry);
    const name = ((after ?? before) as Decoded)['NAME'];
    return `${op as string} ${(name as string | null) ?? 'NULL'}`;
  });
  return lines.sort();
}

test('down, well, incompatible, mended', async () => {
  const pipeline = await stands.pipeline({
    source: { partitions: 1, format: { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } },
    registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  });
  const table = pipeline.tableName;
  await stands.sql(
    `CREATE TABLE ${table} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${table} VALUES (1, 'one'), (2, NULL)`,
  );
  await stands.passMinutes(1);

  // Down: nothing is sent, and no partition is stopped.
  registry.fault = { kind: 'down', times: Infinity };
  await pipeline.run(2);
  expect(pipeline.telemetry.errors.map((error) => (error as { code?: string }).code)).toContain('REGISTRY_UNREACHABLE');
  expect(await pipeline.partition(0)).toMatchObject({ position: null, state: 'active', open: null });
  expect(await consumed(pipeline)).toEqual([]);

  registry.fault = null;
  await pipeline.run(1);
  await stands.sql(`UPDATE ${table} SET NAME = 'uno' WHERE ID = 1`, `DELETE FROM ${table} WHERE ID = 2`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  const before = ['-', 'd NULL', 'r NULL', 'r one', 'u uno'];
  expect(await consumed(pipeline)).toEqual(before);

  // Incompatible: the partition waits for an operator, and nothing of the window is sent.
  registry.fault = { kind: { status: 409, body: { message: 'incompatible' } }, times: Infinity };
  await stands.sql(`ALTER TABLE ${table} ADD COLUMN EXTRA VARCHAR`, `INSERT INTO ${table} VALUES (3, 'three', 'x')`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  const stopped = { state: 'needs-operator', lastError: { code: 'SUBJECT_INCOMPATIBLE' } };
  expect(await pipeline.partition(0)).toMatchObject(stopped);
  expect(await consumed(pipeline)).toEqual(before);

  registry.fault = null;
  await pipeline.store.resume(pipeline.source.name);
  await pipeline.run(1);
  expect(await consumed(pipeline)).toEqual(['-', 'c three', ...before.slice(1)]);
});
