/**
 * What others make of our records: Kafka Connect on Apache Kafka reads a topic, Debezium's ExtractNewRecordState unwraps it,
 * Debezium's JDBC sink writes it into PostgreSQL, and the table there is the one in Snowflake (the stand-in), deletes
 * included. Once as JSON with a schema block through JsonConverter, once as Avro through Apicurio's converter in Confluent's
 * mode. Needs Java 17 and Maven on Linux x64.
 *
 *   node test/connect/main.ts
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { RecordFormat } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { missingPrerequisite, startApacheKafka } from '../apache-kafka/start.ts';
import type { Pipeline } from '../faults/pipeline.ts';
import { Postgres } from './postgres.ts';

const root = path.join(import.meta.dirname, '../..');
const DEBEZIUM = '3.2.0.Final';
const jars = path.join(root, '.cache/kafka-connect', DEBEZIUM);
const WAIT_MS = 180_000;

const missing = missingPrerequisite();
if (missing !== null) throw new Error(missing);
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('Kafka Connect is left out: its PostgreSQL is for Linux x64');
  process.exit();
}
if (!fs.existsSync(jars)) download();

const kafka = await startApacheKafka({ nodes: 1 });
// The pipeline takes its brokers from here when it is loaded.
process.env['KAFKA_BROKERS'] = kafka.brokers.join(',');
const { Stands } = await import('../faults/pipeline.ts');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'connect-'));
const binaries = fs.readdirSync(jars).find((name) => name.startsWith('embedded-postgres-binaries'))!;
const [stands, registry, postgres] = await Promise.all([
  Stands.start(),
  ConfluentStandIn.start(),
  Postgres.start(path.join(jars, binaries)),
]);
const ran: ChildProcess[] = [];
// However this ends, no JVM outlives it.
process.on('exit', () => ran.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1));
try {
  for (const format of ['json-with-schema', 'avro'] as const) {
    const pipeline = await published(format);
    const worker = connect(format, pipeline.source.topic);
    ran.push(worker);
    const want = expected();
    const got = await sunk(format, want, worker);
    if (got !== want) throw new Error(`${format}: the sink's table is\n${got}\ninstead of\n${want}`);
    console.log(`${format}: PostgreSQL has the table, ${want.split('\n').length} rows, deletes included`);
    worker.kill('SIGKILL');
  }
} finally {
  await Promise.allSettled([stands.stop(), registry.close(), postgres.stop(), kafka.stop()]);
  fs.rmSync(dir, { recursive: true, force: true });
}
process.exit();

/** A table with changes of every kind, published. */
async function published(format: RecordFormat): Promise<Pipeline> {
  const pipeline = await stands.pipeline({
    source: { partitions: 2, format: { type: format, key: format, envelope: 'debezium', tombstones: true } },
    registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  });
  const table = pipeline.tableName;
  await stands.sql(
    `CREATE TABLE ${table} (ID NUMBER(38,0) NOT NULL, N NUMBER(9,0), D NUMBER(30,3), F FLOAT, B BOOLEAN, T VARCHAR, DAY DATE,
      CLOCK TIME(9), AT6 TIMESTAMP_NTZ(6), AT9 TIMESTAMP_NTZ(9), Z TIMESTAMP_TZ(9)) CHANGE_TRACKING = TRUE`,
    ...[...Array(60).keys()].map((id) => `INSERT INTO ${table} VALUES ${row(id, 'first')}`),
  );
  await stands.passMinutes(1);
  await pipeline.run(4);
  await stands.sql(
    `DELETE FROM ${table} WHERE ID < 20`,
    `UPDATE ${table} SET T = 'second', D = -D WHERE ID >= 40`,
    `INSERT INTO ${table} VALUES ${row(100, 'last')}`,
    `INSERT INTO ${table} (ID) VALUES (101)`,
  );
  await stands.passMinutes(1);
  await pipeline.run(3);
  return pipeline;
}

function row(id: number, text: string): string {
  return (
    `(${id}, ${id}, 123456789012345678901.${String(id).padStart(3, '0')}, 0.5, TRUE, '${text}', '2024-02-29', ` +
    `'23:59:59.123456', '9999-12-31 23:59:59.999999', '2026-01-31 00:00:00.123456', '2026-01-31 00:00:00.123456 +05:30')`
  );
}

/** What PostgreSQL should say of the rows. */
function expected(): string {
  const ids = [...Array(60).keys()].filter((id) => id >= 20);
  const lines = ids.map((id) => line(id, id >= 40 ? '-' : '', id >= 40 ? 'second' : 'first'));
  return [...lines, line(100, '', 'last'), '101|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL'].join('\n');
}

function line(id: number, sign: string, text: string): string {
  const times =
    '2024-02-29|23:59:59.123456|9999-12-31 23:59:59.999999|2026-01-31 00:00:00.123456+00|2026-01-30 18:30:00.123456+00';
  return `${id}|${id}|${sign}123456789012345678901.${String(id).padStart(3, '0')}|0.5|true|${text}|${times}`;
}

/** The sink's table once it is as wanted, or as it is when time is up. */
async function sunk(format: RecordFormat, want: string, worker: ChildProcess): Promise<string> {
  const columns = ['ID', 'N', 'D', 'F', 'B', 'T', 'DAY', 'CLOCK', 'AT6', 'AT9', 'Z'];
  const text = columns.map((name) => `COALESCE("${name}"::text, 'NULL')`).join(" || '|' || ");
  const query = `SELECT ${text} FROM "${tableOf(format)}" ORDER BY "ID"`;
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const { stdout, stderr } = spawnSync(
      'java',
      ['-cp', path.join(jars, '*'), 'test/connect/Query.java', postgres.url, query],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    const got = stdout.trim();
    if (got === want) return got;
    if (worker.exitCode !== null) throw new Error(`Kafka Connect ended: ${log(format)}`);
    if (Date.now() > deadline) return got === '' ? `${stderr}\n${log(format)}` : got;
    await setTimeout(1_000);
  }
}

function tableOf(format: RecordFormat): string {
  return `sunk_${format.replaceAll('-', '_')}`;
}

function log(format: RecordFormat): string {
  return fs.readFileSync(path.join(dir, `${format}.log`), 'utf8').slice(-6_000);
}

function connect(format: RecordFormat, topic: string): ChildProcess {
  const converters: Record<string, string> =
    format === 'avro'
      ? converter('io.apicurio.registry.utils.converter.AvroConverter', {
          'apicurio.registry.url': `${registry.url}/apis/registry/v2`,
          'apicurio.registry.as-confluent': 'true',
          'apicurio.registry.use-id': 'contentId',
        })
      : converter('org.apache.kafka.connect.json.JsonConverter', { 'schemas.enable': 'true' });
  const worker = properties(`${format}-worker`, {
    'bootstrap.servers': kafka.brokers.join(','),
    'offset.storage.file.filename': path.join(dir, `${format}.offsets`),
    listeners: 'http://127.0.0.1:0',
    'plugin.discovery': 'service_load',
    'consumer.auto.offset.reset': 'earliest',
    'consumer.isolation.level': 'read_committed',
    ...converters,
  });
  const sink = properties(`${format}-sink`, {
    name: `sink-${format}`,
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': '1',
    topics: topic,
    transforms: 'unwrap',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    'connection.url': postgres.url,
    'connection.username': 'postgres',
    'connection.password': 'none',
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'basic',
    'quote.identifiers': 'true',
    'collection.name.format': tableOf(format),
  });
  const out = fs.openSync(path.join(dir, `${format}.log`), 'w');
  return spawn(
    'java',
    ['-Xmx512m', '-cp', path.join(jars, '*'), 'org.apache.kafka.connect.cli.ConnectStandalone', worker, sink],
    {
      stdio: ['ignore', out, out],
    },
  );
}

function converter(type: string, settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    ['key', 'value'].flatMap((part) => [
      [`${part}.converter`, type],
      ...Object.entries(settings).map(([name, value]) => [`${part}.converter.${name}`, value]),
    ]),
  ) as Record<string, string>;
}

function properties(name: string, settings: Record<string, string>): string {
  const file = path.join(dir, `${name}.properties`);
  fs.writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return file;
}

function download(): void {
  const staging = `${jars}.part-${process.pid}`;
  const args = ['-q', '-B', '-f', 'test/connect/pom.xml', `-Djars=${staging}`, 'dependency:copy-dependencies'];
  const { status, stdout } = spawnSync('mvn', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`mvn could not download Kafka Connect:\n${stdout}`);
  fs.renameSync(staging, jars);
}
