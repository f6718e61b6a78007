/**
 * Rows that can't be sent, through snowflake-sdk and the stand-ins: they stop their source, or go to the dead letters, each once
 * whatever is lost, under the same masks; and the command that looks at them, as docs/operations.md shows it.
 */
import { readFileSync } from 'node:fs';
import { ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ResolvedConfig, ResolvedShape, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { startOperate } from '../cli/operate-endpoint.ts';
import { configFor, LocalDeployment, type Ended } from '../cli/snowmelt.ts';
import { decode } from '../encoding/decode.ts';
import { readCommitted } from '../kafka/consumer.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
let registry: ConfluentStandIn;
let deployment: LocalDeployment;
let operate: Awaited<ReturnType<typeof startOperate>>;
beforeAll(async () => {
  deployment = new LocalDeployment();
  [stands, registry] = await Promise.all([Stands.start(), ConfluentStandIn.start()]);
  operate = await startOperate(() => deployment.path);
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await Promise.all([operate.close(), stands.stop(), registry.close()]);
  deployment.remove();
});

type Letter = {
  window: number;
  row: number;
  op: string;
  reason: string;
  key: Record<string, string> | null;
  before: Record<string, string | null> | null;
  after: Record<string, string | null> | null;
  truncated: boolean;
};

const LIMIT = 5_000;
const shape: ResolvedShape = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

async function pipelineOf(
  source: Partial<ResolvedSource>,
  columns: string,
  more: { registry?: ResolvedConfig['registry'] } = {},
): Promise<Pipeline> {
  const pipeline = await stands.pipeline({ source: { partitions: 1, ...source }, ...more });
  const { topic } = pipeline.source;
  for (const told of [`${topic}.dead`, `${topic}.ends`]) await stands.kafka.createTopic(told, 1);
  await stands.kafka.grant([topic, `${topic}.dead`, `${topic}.ends`]);
  pipeline.source.progressTopic = { name: `${topic}.ends`, partitions: 1 };
  await stands.sql(`CREATE TABLE ${pipeline.tableName} (ID NUMBER(9,0) NOT NULL, ${columns}) CHANGE_TRACKING = TRUE`);
  return pipeline;
}

function withDeadLetters({ source }: Pipeline): void {
  source.deadLetterTopic = { name: `${source.topic}.dead`, partitions: 1 };
}

async function limit(topic: string): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: `${LIMIT}` }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  await stands.kafka.admin.alterConfigs({ validateOnly: false, resources });
}

const read = (topic: string) => readCommitted(stands.kafka.target.brokers, topic);

async function letters({ source }: Pipeline): Promise<Letter[]> {
  return (await read(`${source.topic}.dead`)).map(({ value }) => JSON.parse(value!) as Letter);
}

/** `window: rows, dead letters`. */
async function ends({ source }: Pipeline): Promise<string[]> {
  const records = await read(`${source.topic}.ends`);
  return records.map(({ value }) => {
    const end = JSON.parse(value!) as { window: number; rows: number; dead_letters: number };
    return `${end.window}: ${end.rows}, ${end.dead_letters}`;
  });
}

const idsOf = (records: { op: string; key: unknown }[]) =>
  records.map(({ op, key }) => `${op} ${(key as { ID: number }).ID}`);

/** The command on the pipeline's configuration as it is now. */
function ask(pipeline: Pipeline, ...args: string[]): Promise<Ended> {
  deployment.deploy(configFor(pipeline, operate.url));
  return deployment.run(['deadletters', pipeline.source.name, ...args, '--local']);
}

test('JSON: rows too large are letters, once, whatever is lost; nothing of what is masked is in any byte', async () => {
  const masks: ResolvedShape['masks'] = [{ column: 'CARD', mask: { kind: 'last-4' } }];
  const pipeline = await pipelineOf(
    { shape: { ...shape, exclude: ['SECRET'], masks }, write: { maxTransactionRows: 2 } },
    'NAME VARCHAR, CARD VARCHAR, SECRET VARCHAR',
  );
  const { tableName, source } = pipeline;
  await limit(source.topic);
  const row = (id: number, length: number) => `(${id}, '${'x'.repeat(length)}', '4000123412341234', 's3cret')`;
  const rows = Array.from({ length: 8 }, (_, at) => row(at + 1, at === 2 || at === 6 ? 6_000 : 20));
  await stands.sql(`INSERT INTO ${tableName} VALUES ${rows.join(', ')}`);
  await stands.passMinutes(1);

  await pipeline.run(2);
  expect(pipeline.codes).toEqual(['RECORD_TOO_LARGE']);
  expect(await pipeline.partition(0)).toMatchObject({ state: 'needs-operator' });
  expect(await letters(pipeline)).toEqual([]);

  // From now on they go elsewhere. One commit never arrives, one does and its answer is lost.
  withDeadLetters(pipeline);
  await pipeline.store.resume(source.name);
  pipeline.telemetry.errors.length = 0;
  const ended = ({ api }: { api: string }) => api === 'EndTxn';
  const lost = stands.kafka.next('onRequest', ended, 'close').then(() => stands.kafka.next('onReply', ended, 'close'));
  await pipeline.run(2);
  await lost;
  expect(pipeline.codes).toEqual([]);
  const published = await pipeline.published();
  expect(idsOf(published).sort()).toEqual(['r 1', 'r 2', 'r 4', 'r 5', 'r 6', 'r 8']);
  const found = await letters(pipeline);
  expect(found.map(({ key, reason, op, truncated }) => [key!['ID'], reason, op, truncated])).toEqual([
    ['3', 'RECORD_TOO_LARGE', 'r', false],
    ['7', 'RECORD_TOO_LARGE', 'r', false],
  ]);
  expect(found[0]!.after).toEqual({ ID: '3', NAME: 'x'.repeat(6_000), CARD: '****1234' });
  expect(await ends(pipeline)).toEqual(['1: 8, 2']);

  // A topic of dead letters that takes no more than the other gets the key alone.
  await limit(`${source.topic}.dead`);
  await stands.sql(
    `UPDATE ${tableName} SET NAME = 'short' WHERE ID = 3`,
    `UPDATE ${tableName} SET NAME = NAME || 'y' WHERE ID = 7`,
    `UPDATE ${tableName} SET NAME = 'new' WHERE ID = 8`,
  );
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  expect(idsOf((await pipeline.published()).filter(({ op }) => op === 'u'))).toEqual(['u 8']);
  const later = (await letters(pipeline)).slice(2);
  expect(later).toMatchObject(
    ['3', '7'].map((ID) => ({ op: 'u', key: { ID }, before: null, after: null, truncated: true })),
  );
  expect(await ends(pipeline)).toEqual(['1: 8, 2', '2: 6, 2']);
  // What the table has now is sent again where it can be; what can not waits anew.
  expect((await ask(pipeline, 'drop', '--through', '1', '--reason', 'known')).code).toBe(0);
  expect((await ask(pipeline, 'replay', '--reason', 'one is shorter now')).stderr).toContain('add --yes');
  const asked = await ask(pipeline, 'replay', '--reason', 'one is shorter now', '--yes', '--json');
  expect(JSON.parse(asked.stdout)).toMatchObject({ request: { kind: 'repair', since: null } });
  await pipeline.run(3);
  expect((await pipeline.folded())['{"ID":3}']).toMatchObject({ NAME: 'short' });
  expect(await letters(pipeline)).toHaveLength(5);
  const left = JSON.parse((await ask(pipeline, 'list', '--json')).stdout) as object;
  expect(left).toMatchObject({ waiting: 1, dealtWith: 4, first: [{ op: 'r', reason: 'RECORD_TOO_LARGE' }] });

  const bytes = (await read(`${source.topic}.dead`)).map(({ key, value }) => key + value!).join();
  for (const secret of ['s3cret', '40001234', 'SECRET']) expect(bytes).not.toContain(secret);
  expect(pipeline.telemetry.messages.join()).not.toContain('xxxx');
});

test('Avro: a value that the schema has no place for stops the source, or is a letter; the command shows and drops it', async () => {
  const avro = { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } as const;
  // Nothing before it: the registry would not let a column become NOT NULL.
  const snapshot = { mode: 'never', from: null } as const;
  const pipeline = await pipelineOf({ format: avro, snapshot }, 'NAME VARCHAR', {
    registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  });
  const { tableName, source } = pipeline;
  const consumed = async () =>
    (await read(source.topic)).map(({ bytes: { key, value } }) => {
      const { ID } = decode('avro', key, registry) as { ID: number };
      return value === null ? `- ${ID}` : `${String(decode('avro', value, registry)['op'])} ${ID}`;
    });
  await stands.sql(`INSERT INTO ${tableName} VALUES (1, 'one'), (2, NULL), (3, NULL)`);
  await stands.passMinutes(1);
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);

  await stands.sql(
    `UPDATE ${tableName} SET NAME = 'zwei' WHERE ID = 2`,
    `DELETE FROM ${tableName} WHERE ID = 3`,
    `INSERT INTO ${tableName} VALUES (4, 'four')`,
    `ALTER TABLE ${tableName} ALTER COLUMN NAME SET NOT NULL`,
  );
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual(['VALUE_UNFIT']);
  expect(await pipeline.partition(0)).toMatchObject({ state: 'needs-operator' });
  expect(await consumed()).toEqual([]);
  expect((await ask(pipeline)).stderr).toContain('OPERATION_REFUSED');

  withDeadLetters(pipeline);
  await pipeline.store.resume(source.name);
  await pipeline.run(2);
  expect(await consumed()).toEqual(['c 4']);
  expect(await letters(pipeline)).toMatchObject([
    { op: 'u', reason: 'VALUE_UNFIT', before: { NAME: null }, after: { NAME: 'zwei' }, key: { ID: '2' } },
    { op: 'd', reason: 'VALUE_UNFIT', before: { NAME: null }, after: null, key: { ID: '3' } },
  ]);

  const listed = await ask(pipeline, 'list');
  expect(listed).toMatchObject({ code: 1, stderr: '' });
  expectInDocs(pipeline, listed.stdout);
  const [, id] = /^ {2}(\d+:0:\d+) {2}u/m.exec(listed.stdout) ?? [];
  const shown = await ask(pipeline, 'show', id!);
  expect(shown.code).toBe(0);
  expect(shown.stdout).not.toContain('zwei');
  expectInDocs(pipeline, shown.stdout);
  expect((await ask(pipeline, 'show', id!, '--show-values')).stdout).toContain('"NAME":"zwei"');
  expect((await ask(pipeline, 'drop')).code).toBe(2);
  const dropped = await ask(pipeline, 'drop', '--reason', 'sent by hand');
  expect(dropped).toMatchObject({ code: 0, stderr: '' });
  expectInDocs(pipeline, dropped.stdout);
  expect((await ask(pipeline, 'list')).code).toBe(0);
  const all = JSON.parse((await ask(pipeline, 'list', '--all', '--json')).stdout) as object;
  expect(all).toMatchObject({ waiting: 0, dealtWith: 2, reasons: { VALUE_UNFIT: 2 } });
});

/** Text as it stands in the documentation: there with other names, numbers and times. */
function expectInDocs({ source }: Pipeline, text: string): void {
  const timeless = (some: string) =>
    some
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T')
      .replaceAll(/@\d+/g, '@N')
      .replaceAll(/\d+:0:\d+/g, 'ID')
      .replaceAll(/window(s?) \d+( to \d+)?/g, 'window$1 N');
  const named = text
    .trimEnd()
    .replaceAll(`${source.topic}.dead`, 'shop.orders.deadletters')
    .replaceAll(source.name, 'orders');
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  expect(timeless(docs)).toContain(timeless(named));
}
