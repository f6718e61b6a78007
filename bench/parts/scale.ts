import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../infra/synthesize.ts';
import { demoConfig } from '../../local/demo/config.ts';
import { bundle, functionEntries } from '../../scripts/bundle.ts';
import { readTopic, SnapshotCheck } from '../consumer.ts';
import { TOKEN } from '../drivers.ts';
import type { Context } from '../context.ts';
import type { Line, Part } from '../part.ts';
import { round } from '../run.ts';
import { tables } from '../tables.ts';

const PARTITIONS = [1, 4, 16, 64] as const;
const SOURCES = [10, 200, 2_000] as const;
const TOPIC_PARTITIONS = 6;

/** All partitions of one source, one invocation after the other on the one core. */
async function partitioned(context: Context, partitions: number): Promise<Line> {
  const [kafka, deployment] = await Promise.all([context.kafka(), context.deployment()]);
  const set = await context.served('flights');
  const asked = await requests(set.address);
  const options = { dataset: set, index: set.index, partitions, topicPartitions: TOPIC_PARTITIONS };
  const source = await deployment.source(options);
  await kafka.createTopic(source.topic, TOPIC_PARTITIONS);
  let [wallMs, cpuMs] = [0, 0];
  for (let partition = 0; partition < partitions; partition++) {
    await deployment.ready(source, partition);
    const run = await deployment.publish(source, partition);
    wallMs += run.wallMs;
    cpuMs += run.cpuMs;
  }
  const starts = source.ranges.map(({ start }) => start);
  const check = new SnapshotCheck(set.rows, tables.flights.columns[0]!.name, starts);
  await readTopic(kafka.brokers[0]!, source.topic, TOPIC_PARTITIONS, check.onRecord);
  await kafka.deleteTopic(source.topic);
  if (check.rows !== set.rows || check.checksum !== set.checksum) throw new Error('not the rows that were read');
  const now = await requests(set.address);
  const values = {
    'rows/s': Math.round((set.rows / wallMs) * 1000),
    'CPU s/M rows': round((cpuMs * 1000) / set.rows, 2),
    'chunks downloaded': now.chunks - asked.chunks,
    'statements (scans)': now.statements - asked.statements,
  };
  return { name: `${partitions} partitions, ${set.rows} rows`, values };
}

type Requests = { chunks: number; statements: number; gates: number };

async function requests(address: string): Promise<Requests> {
  return (await (await fetch(`${address}/asked`)).json()) as Requests;
}

/** A tick of plan over all of them, none of which has changed. */
async function ticked(context: Context, sources: number): Promise<Line['values']> {
  const [{ address }, deployment] = await Promise.all([context.served('flights'), context.deployment()]);
  await deployment.quietSources(sources, TOKEN);
  const asked = await requests(address);
  const { wallMs, cpuMs, rssMb } = await deployment.tick();
  const now = await requests(address);
  if (now.statements > asked.statements) throw new Error('a quiet source was scanned');
  return {
    'tick s': round(wallMs / 1000, 2),
    'tick CPU s': round(cpuMs / 1000, 2),
    'tick RSS MB': Math.round(rssMb),
    // One tick before it, which finds a process that has just begun.
    'gate statements': (now.gates - asked.gates) / 2,
  };
}

/** Configuration to template. */
function synthesized(sources: number, dist: string): Line {
  const list = Array.from(
    { length: sources },
    (_, n) => `  s${n}: { table: BENCH.PUBLIC.T${n}, key: [ID], topic: { name: bench.s${n}, partitions: 6 } }`,
  );
  const yaml = [
    'app: bench',
    'snowflake: { account: stand-in, user: SNOWMELT, warehouse: WH, auth: { method: token, secret: snowflake } }',
    'kafka: { brokers: ["stand-in:9092"], tls: false }',
    'sources:',
    ...list,
  ].join('\n');
  const began = performance.now();
  const demo = demoConfig(yaml, 'bench', null);
  const template = synthesize(demo, dist, join(dist, `cdk.out-${sources}`));
  const took = performance.now() - began;
  const layer = join(dist, 'config', demo.config.app, 'snowmelt', 'config.json');
  const file = join(dist, `template-${sources}.json`);
  writeFileSync(file, JSON.stringify(template));
  const values = {
    'synth s': round(took / 1000, 1),
    'template KB': Math.round(statSync(file).size / 1024),
    'configuration KB': Math.round(statSync(layer).size / 1024),
  };
  return { name: `${sources} sources, one configuration`, values };
}

/** More partitions of a source, more sources of a deployment. */
export const scale: Part = {
  name: 'scale',
  what: 'one source in 1 to 64 partitions, published one after the other on the one core (what a partition costs; side by side each has a core of its own), and deployments of 10 to 2,000 sources: from YAML to the template, and a tick of plan in which nothing has changed (the table beside it is dynalite, on another core)',
  async run(context) {
    const lines: Line[] = [];
    for (const partitions of PARTITIONS) {
      context.say(`scale, ${partitions} partitions`);
      lines.push(await partitioned(context, partitions));
    }
    const dist = mkdtempSync(join(tmpdir(), 'snowmelt-scale-'));
    try {
      await bundle(functionEntries(), dist);
      for (const sources of SOURCES) {
        context.say(`scale, ${sources} sources`);
        const line = synthesized(sources, dist);
        lines.push({ ...line, values: { ...line.values, ...(await ticked(context, sources)) } });
      }
    } finally {
      rmSync(dist, { recursive: true });
    }
    return lines;
  },
};
