/**
 * What differs is mended, and what is listed is sent: `verify --repair` and `replay` by keys or a condition, over real parts, with
 * a key of two columns whose names need quotes. The commands run as a person runs them; other formats by the same function.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EXIT } from '../../cli/common.ts';
import { invokeOperate } from '../../lambdas/aws/invoke.ts';
import type { ErrorCode } from '../../lambdas/errors.ts';
import type { RecordFormat } from '../../lambdas/config/resolved.ts';
import type { Verified } from '../../lambdas/operate/verify.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { Stands, type Pipeline } from '../faults/pipeline.ts';
import { readCommitted, type Record } from '../kafka/consumer.ts';
import { startOperate } from './operate-endpoint.ts';
import { configFor, LocalDeployment } from './snowmelt.ts';

let stands: Stands;
let registry: ConfluentStandIn;
let deployment: LocalDeployment;
let operate: Awaited<ReturnType<typeof startOperate>>;
const logged: string[] = [];
beforeAll(async () => {
  deployment = new LocalDeployment();
  [stands, registry] = await Promise.all([Stands.start(), ConfluentStandIn.start()]);
  operate = await startOperate(() => deployment.path);
  // Where the function's log goes.
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => logged.push(String(text)) > 0);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await Promise.all([operate.close(), stands.stop(), registry.close()]);
  deployment.remove();
});

/** Days of keys that go and come; they may be seen nowhere but in the topic. */
const SECRET_DAYS = /2031-12-2\d/;

/** Twenty rows published, and one that was there and is not any more. */
async function published(format: RecordFormat, envelope: 'debezium' | 'flat'): Promise<Pipeline> {
  const pipeline = await stands.pipeline({
    source: { key: ['Day', 'i"d'], format: { type: format, key: format, envelope, tombstones: true } },
    registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  });
  const days = Array.from({ length: 20 }, (_, at) => `('2031-01-${10 + at}', ${at}.5, 'row ${at}', NULL)`);
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} ("Day" DATE NOT NULL, "i""d" NUMBER(10,2) NOT NULL, NAME VARCHAR NOT NULL, ` +
      `SEEN TIMESTAMP_NTZ(6)) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES ${days.join(', ')}, ('2031-12-24', -1, 'gone', '2026-01-01 12:00:00')`,
  );
  await stands.passMinutes(1);
  await pipeline.run(3);
  await stands.sql(`DELETE FROM ${pipeline.tableName} WHERE NAME = 'gone'`);
  await stands.passMinutes(1);
  await pipeline.run(2);
  expect(pipeline.codes).toEqual([]);
  deployment.deploy(functionOf(pipeline));
  return pipeline;
}

/** Where the function is found. */
const functionOf = (pipeline: Pipeline) => configFor(pipeline, operate.url);

const recordsOf = ({ source }: Pipeline) => readCommitted(stands.kafka.target.brokers, source.topic);

/** Of two keys the first is made missing, the second altered; the row that went comes back. Answers the key that is extra. */
async function plant(pipeline: Pipeline): Promise<Buffer> {
  const records = await recordsOf(pipeline);
  const gone = records.findLast(({ value }) => value === null)!.bytes.key;
  const rows = records.filter(({ bytes }) => bytes.value !== null && !bytes.key.equals(gone));
  const extra = records.find(({ bytes }) => bytes.value !== null && bytes.key.equals(gone))!;
  const [missing, altered, other] = rows as [Record, Record, Record];
  const producer = new Kafka({ brokers: stands.kafka.target.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({
    topic: pipeline.source.topic,
    messages: [
      { key: missing.bytes.key, value: null, partition: missing.partition },
      { key: altered.bytes.key, value: other.bytes.value, partition: altered.partition },
      { key: gone, value: extra.bytes.value, partition: extra.partition },
    ],
  });
  await producer.disconnect();
  return gone;
}

/** Neither the table of checkpoints, its audit included, nor a log may know a key. */
async function expectSecret(pipeline: Pipeline): Promise<void> {
  const items = JSON.stringify(await pipeline.table.items());
  expect(items).toContain('audit#');
  expect(logged.join()).toContain('operator command');
  expect(items + logged.join() + JSON.stringify(pipeline.telemetry.errors)).not.toMatch(SECRET_DAYS);
}

const ask = (...args: string[]) => deployment.run([...args, '--local']);

test('planted differences are found and mended by the command, and nobody is asked for what is not confirmed', async () => {
  const pipeline = await published('json', 'debezium');
  const { name } = pipeline.source;
  const extra = await plant(pipeline);

  expect(await ask('verify', name, '--repair', '--yes')).toMatchObject({ code: EXIT.failed });
  const refused = await ask('verify', name, '--repair', '--reason', 'drill');
  expect(refused.code).toBe(EXIT.failed);
  expect(refused.stderr).toContain('1 missing, 1 extra, 1 altered');
  expect(refused.stderr).toMatch(/3 keys go to \S+ as the table has them.*--yes/);
  expect((await pipeline.state())!.meta.request).toBeNull();

  const mended = await ask('verify', name, '--repair', '--reason', 'drill', '--yes', '--json');
  expect(mended.code, mended.stderr).toBe(EXIT.found);
  expect(JSON.parse(mended.stdout)).toMatchObject({ repair: { keys: 3, unfit: 0, tooMany: false } });
  const had = (await recordsOf(pipeline)).length;
  await pipeline.run(3);
  const sent = (await recordsOf(pipeline)).length - had;
  // Two rows, a delete and its tombstone.
  expect(sent).toBe(4);
  const last = (await recordsOf(pipeline)).filter(({ bytes }) => bytes.key.equals(extra)).slice(-2);
  expect(last[0]!.value).toContain('"before":null,"after":null');
  expect(last[1]!.value).toBeNull();
  const right = await ask('verify', name);
  expect(right.stdout).toContain('The topic is the table.');
  expect(right.code).toBe(EXIT.fine);
  await expectSecret(pipeline);
});

test('replay by keys and by a condition: what is listed is sent, what is not there is a delete, what is wrong is refused', async () => {
  const pipeline = await published('json', 'flat');
  const { name } = pipeline.source;
  const file = join(deployment.folder, 'keys.csv');
  writeFileSync(file, `"i""d",DAY\n3.5,2031-01-13\n-01.0,2031-12-24\n7,2031-12-25\n`);
  const reason = ['--reason', 'consumer lost them', '--yes'];
  const asked = await ask('replay', name, '--keys', file, ...reason);
  expect(asked.code, asked.stderr).toBe(EXIT.fine);
  const had = (await recordsOf(pipeline)).length;
  await pipeline.run(3);
  const sent = (await recordsOf(pipeline)).length - had;
  expect(sent).toBe(1 + 2 * 2);
  expect((await pipeline.state())!.head).toMatchObject({ kind: 'repair', totalRows: 3 });
  const deletes = (await recordsOf(pipeline)).filter(({ value }) => value?.includes('"__deleted":true') === true);
  // A place that can't be NULL has an empty value; the key is the key.
  expect(deletes.map(({ value }) => value)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('{"Day":"2031-12-25","i\\"d":7.00,"NAME":"","SEEN":null,') as string,
    ]),
  );

  writeFileSync(file, `{"Day":"2031-01-13","i\\"d":3.5}\n{"Day":"2031-12-26","i\\"d":3.555}\n`);
  const wrong = await ask('replay', name, '--keys', file, ...reason, '--json');
  expect(wrong.code).toBe(EXIT.failed);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    error: { code: 'KEYS_INVALID', message: `Key 2: its i"d is no NUMBER(10, 2).` },
  });

  const condition = `"i""d" >= 10 AND NAME LIKE 'row%'`;
  expect(await ask('replay', name, '--snapshot', '--where', condition, ...reason)).toMatchObject({ code: EXIT.fine });
  await pipeline.run(3);
  expect((await pipeline.state())!.head).toMatchObject({ kind: 'repair', totalRows: 10 });
  expect(await ask('verify', name)).toMatchObject({ code: EXIT.fine });
  // What was asked for is known to the window, and told to nobody: it may have values in it.
  const audits = JSON.stringify(
    (await pipeline.table.items()).filter((item) => JSON.stringify(item).includes('audit#')),
  );
  expect(audits).toContain('consumer lost them');
  expect(audits).not.toContain('row%');
  const bad: [where: string, code: ErrorCode][] = [
    [`NAME IN (SELECT NAME FROM DB.PUBLIC.OTHER)`, 'OPERATION_REFUSED'],
    [`1 = 1) OR (1 = 1`, 'OPERATION_REFUSED'],
    [`NO_COLUMN = 1`, 'SNOWFLAKE_STATEMENT'],
    [`RANDOM() > 0`, 'OPERATION_REFUSED'],
  ];
  for (const [where, code] of bad) {
    const event = { command: 'where', where, source: name, who: 'me', reason: 'drill' };
    await expect(invokeOperate(functionOf(pipeline), event), where).rejects.toMatchObject({ code });
  }
  expect((await pipeline.state())!.meta.request).toBeNull();
  expect(pipeline.codes).toEqual([]);
  await expectSecret(pipeline);
});

test.each([
  ['avro', 'flat'],
  ['protobuf', 'debezium'],
  ['json-with-schema', 'debezium'],
] as const)('the same in %s, %s', async (format, envelope) => {
  const pipeline = await published(format, envelope);
  const config = functionOf(pipeline);
  const about = { source: pipeline.source.name, who: 'me', reason: 'drill' };
  const verify = async (repair: boolean) =>
    (await invokeOperate(config, { command: 'verify', window: null, showKeys: true, repair, ...about })) as Verified;
  expect(await verify(false)).toMatchObject({ rows: 20, keys: 20, missing: { count: 0 }, altered: { count: 0 } });
  await plant(pipeline);
  const found = await verify(true);
  const counts = [found.missing, found.extra, found.altered, found.foreign].map(({ count }) => count);
  expect(counts).toEqual([1, 1, 1, 0]);
  expect(JSON.parse(found.extra.first[0]!.key!)).toMatchObject(
    format === 'json-with-schema' ? { payload: {} } : { Day: '2031-12-24', 'i"d': '-1.00' },
  );
  await invokeOperate(config, { command: 'repair', keys: found.repair!.request, ...about });
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  const right = await verify(true);
  expect([right.missing, right.extra, right.altered, right.foreign].map(({ count }) => count)).toEqual([0, 0, 0, 0]);
  expect(right.repair).toEqual({ keys: 0, unfit: 0, tooMany: false, request: null });
});
