/** docs/migrate.md, from Kafka Connect's JDBC source, over real parts: no gap, no flood, one topic all along. */
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replay } from '../../lambdas/protocol/operate.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { Stands } from './pipeline.ts';

let stands: Stands;
let producer: Producer;
beforeAll(async () => {
  stands = await Stands.start();
  const kafka = new Kafka({ brokers: stands.kafka.target.brokers, logLevel: logLevel.NOTHING });
  producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
});
afterAll(async () => {
  await producer.disconnect();
  await stands.stop();
});

/** As the JDBC source does it, mode incrementing: rows above the offset that it keeps, in order. */
class Connector {
  offset = 0;
  readonly #table: string;
  readonly #topic: string;

  constructor(table: string, topic: string) {
    this.#table = table;
    this.#topic = topic;
  }

  async poll(): Promise<void> {
    const rows = await stands.rows(`SELECT ID, NAME FROM ${this.#table} WHERE ID > ${this.offset} ORDER BY ID`);
    const messages = rows.map(([id, name]) => ({
      key: JSON.stringify({ ID: Number(id) }),
      value: JSON.stringify({ ID: Number(id), NAME: name }),
    }));
    await producer.send({ topic: this.#topic, messages });
    this.offset = Number(rows.at(-1)![0]);
  }
}

test('JDBC source, incrementing: changes from a time before its last poll on, then a replay since it stopped', async () => {
  const pipeline = await stands.pipeline({
    source: { partitions: 1, format: { type: 'json', key: 'json', envelope: 'flat', tombstones: true } },
  });
  const { tableName: table, source } = pipeline;
  const insert = (...ids: number[]) =>
    stands.sql(`INSERT INTO ${table} VALUES ${ids.map((id) => `(${id}, 'row ${id}')`).join(', ')}`);
  await stands.sql(`CREATE TABLE ${table} (ID NUMBER(9,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE`);
  const connector = new Connector(table, source.topic);
  await insert(...Array.from({ length: 50 }, (_, i) => i + 1));
  await connector.poll();
  await stands.passMinutes(10);
  const from = new Date(stands.now()).toISOString();
  await stands.passMinutes(1);
  // A number that is committed out of order is never seen by the connector; neither are updates and deletes.
  await insert(52, 53);
  await connector.poll();
  await insert(51);
  await stands.sql(`UPDATE ${table} SET NAME = 'new' WHERE ID = 2`, `DELETE FROM ${table} WHERE ID = 3`);
  await insert(54);
  await connector.poll();
  await stands.passMinutes(1);
  const stopped = new Date(stands.now()).toISOString();
  await stands.passMinutes(1);
  // Published by the connector, and gone before our first window is read: a net change of nothing.
  await stands.sql(`DELETE FROM ${table} WHERE ID = 53`);
  await insert(55);
  await stands.passMinutes(1);

  source.snapshot = { mode: 'never', from };
  await pipeline.run(3);
  expect(await ours()).toEqual(['c 51', 'c 52', 'c 54', 'c 55', 'd 3', 'u 2']);
  await replay(pipeline.store, source.name, stopped);
  await pipeline.run(2);
  // Of the rows before `from` only what changed since; of those after it all; what changed since the stop twice.
  expect(await ours()).toEqual(['c 51', 'c 52', 'c 54', 'c 55', 'd 3', 'd 53', 'r 55', 'u 2']);
  await stands.sql(`UPDATE ${table} SET NAME = 'newer' WHERE ID = 2`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);

  const rows = await stands.rows(`SELECT ID, NAME FROM ${table}`);
  const inSnowflake = rows.map(([id, name]) => [JSON.stringify({ ID: Number(id) }), name] as const);
  expect(fold(await records())).toEqual(new Map(inSnowflake));

  function records() {
    return readCommitted(stands.kafka.target.brokers, source.topic);
  }

  /** `op id` of what Snowmelt sent, tombstones apart. */
  async function ours(): Promise<string[]> {
    const sent = (await records()).flatMap(({ value }) => (value === null ? [] : [JSON.parse(value) as Flat]));
    return sent.flatMap(({ ID, __op }) => (__op === undefined ? [] : [`${__op} ${ID}`])).sort();
  }
});

type Flat = { ID: number; NAME: string; __op?: string };

/** What a consumer has that knows rows and tombstones alone, as it did before. */
function fold(records: { key: string; value: string | null }[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) state.delete(key);
    else state.set(key, (JSON.parse(value) as Flat).NAME);
  }
  return state;
}
