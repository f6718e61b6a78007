/**
 * The program of docs/consumers.md, run as it stands there on Apache Kafka: Quix Streams keeps a sum per region and day over
 * our topic, and ends with what SQL says of the table, updates and deletes included. Needs Java 17, Maven and Python 3.10.
 *
 *   npm run test:quixstreams
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { missingPrerequisite, startApacheKafka } from '../apache-kafka/start.ts';
import { pythonTools } from '../deploy/venv.ts';
import type { Stands } from '../faults/pipeline.ts';
import { readCommitted } from '../kafka/consumer.ts';

const WAIT_MS = 120_000;

const missing = missingPrerequisite();
if (missing !== null) throw new Error(missing);
const python = path.join(pythonTools('consumers', path.join(import.meta.dirname, 'requirements.txt')), 'python');

const kafka = await startApacheKafka({ nodes: 1 });
// The pipeline takes its brokers from here when it is loaded.
process.env['KAFKA_BROKERS'] = kafka.brokers.join(',');
const { Stands: Standing } = await import('../faults/pipeline.ts');
const stands = await Standing.start();
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quixstreams-'));
try {
  const { topic, want } = await published(stands);
  await follow(topic, want);
  console.log(`Quix Streams: ${want.length} regions and days, each as SQL has it, updates and deletes included`);
} finally {
  await Promise.allSettled([stands.stop(), kafka.stop()]);
  fs.rmSync(dir, { recursive: true, force: true });
}
process.exit();

/** A table with changes of every kind, published; `want`: what SQL says of each region and day. */
async function published(stands: Stands): Promise<{ topic: string; want: string[] }> {
  const pipeline = await stands.pipeline({ source: { partitions: 2 } });
  const table = pipeline.tableName;
  await stands.sql(
    `CREATE TABLE ${table} (ID NUMBER(38,0) NOT NULL, REGION VARCHAR, AT TIMESTAMP_NTZ(3), AMOUNT NUMBER(9,0)) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${table} VALUES ${Array.from({ length: 400 }, (_, id) => order(id)).join(', ')}`,
  );
  await stands.passMinutes(1);
  await pipeline.run(4);
  await stands.sql(
    `DELETE FROM ${table} WHERE ID < 100`,
    // Another amount, another region, another day: each takes away there and adds here.
    `UPDATE ${table} SET AMOUNT = AMOUNT + 1000 WHERE ID BETWEEN 100 AND 199`,
    `UPDATE ${table} SET REGION = 'west' WHERE ID BETWEEN 200 AND 249`,
    `UPDATE ${table} SET AT = '2026-03-09 08:00:00' WHERE ID BETWEEN 250 AND 299`,
  );
  await stands.passMinutes(1);
  await pipeline.run(3);
  const query =
    `SELECT REGION || ' ' || TO_VARCHAR(AT, 'YYYY-MM-DD'), COUNT(*), SUM(AMOUNT) FROM ${table} ` +
    'GROUP BY 1 ORDER BY 1';
  return { topic: pipeline.source.topic, want: (await stands.rows(query)).map((row) => row.join(' ')) };
}

/** Runs the program until its sums are these. @throws Error with both where they differ, and what it said */
async function follow(topic: string, want: string[]): Promise<void> {
  const program = path.join(dir, 'revenue.py');
  const said = path.join(dir, 'revenue.log');
  fs.writeFileSync(program, documented());
  const out = `${topic}.revenue`;
  const log = fs.openSync(said, 'w');
  const env = { ...process.env, BROKERS: kafka.brokers.join(','), TOPIC: topic, OUT: out, STATE: dir };
  const child = spawn(python, [program], { cwd: dir, env, stdio: ['ignore', log, log] });
  // However this ends, it does not outlive it.
  process.on('exit', () => child.kill('SIGKILL'));
  const deadline = Date.now() + WAIT_MS;
  for (let got: string[] = []; got.join() !== want.join();) {
    if (Date.now() > deadline || child.exitCode !== null) {
      const tail = fs.readFileSync(said, 'utf8').slice(-4_000);
      throw new Error(`Quix Streams has\n${got.join('\n')}\ninstead of\n${want.join('\n')}\n${tail}`);
    }
    await setTimeout(500);
    got = await sums(kafka.brokers, out);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function order(id: number): string {
  const region = ['north', 'south', 'east'][id % 3];
  return `(${id}, '${region}', '2026-03-0${1 + (id % 7)} ${String(id % 24).padStart(2, '0')}:30:00', ${id * 7})`;
}

/** The last sum of each region and day; those that nothing is left of don't count. */
async function sums(brokers: string[], topic: string): Promise<string[]> {
  // The program makes its topics when it starts.
  const records = await readCommitted(brokers, topic).catch(() => []);
  const last = new Map<string, string | null>();
  for (const { key, value } of records) {
    const { start, orders, revenue } = JSON.parse(value!) as { start: number; orders: number; revenue: number };
    const group = `${key} ${new Date(start).toISOString().slice(0, 10)}`;
    last.set(group, orders === 0 ? null : `${group} ${orders} ${revenue}`);
  }
  return [...last.values()].filter((line) => line !== null).sort();
}

/** The first block of Python in docs/consumers.md. */
function documented(): string {
  const text = fs.readFileSync(path.join(import.meta.dirname, '../../docs/consumers.md'), 'utf8');
  const block = /```python\n(.*?)```/s.exec(text);
  if (block === null) throw new Error('docs/consumers.md has no program');
  return block[1]!;
}
