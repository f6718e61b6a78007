/**
 * The runbook at work: a source is driven into a code that needs an operator, the cause is mended, the commands are run as
 * they are printed, and the source goes on: every row is in the topic, as the table has it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EXIT } from '../../cli/common.ts';
import { look, sourceStatus, type Verdict } from '../../cli/source-status.ts';
import { commandFor, ERRORS, type ErrorCode, type ErrorFacts } from '../../lambdas/errors.ts';
import type { Way } from '../../lambdas/protocol/recover.ts';
import { startTable } from '../checkpoints/table.ts';
import { Stands, type Overrides, type Pipeline } from '../faults/pipeline.ts';
import { commitOffset } from '../kafka/consumer.ts';
import { startOperate } from './operate-endpoint.ts';

const program = new URL('../../cli/snowmelt.js', import.meta.url).pathname;
let stands: Stands;
let folder: string;
let operate: Awaited<ReturnType<typeof startOperate>>;
let deployed = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'snowmelt-runbook-'));
  stands = await Stands.start();
  operate = await startOperate(() => deployed);
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await Promise.all([operate.close(), stands.stop()]);
  rmSync(folder, { recursive: true });
});

type Ended = { code: number; stdout: string; stderr: string };
let deployments = 0;

/** Deploys the pipeline's configuration as it is now, where `--local` finds it. */
function deploy({ config, table }: Pipeline): void {
  deployed = join(folder, `config-${++deployments}.json`);
  const { name, proxy } = table;
  const resolved = {
    ...config,
    table: { name, endpoint: proxy.url, region: 'us-east-1' },
    aws: { ...config.aws, endpoint: operate.url },
  };
  writeFileSync(deployed, JSON.stringify(resolved));
  writeFileSync(join(folder, 'snowmelt-local.json'), JSON.stringify({ config: deployed, pid: process.pid }));
}

/** The command as it is printed. */
function ask(command: string): Promise<Ended> {
  const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!).slice(2);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { ...process.env, TMPDIR: folder } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

async function made(overrides: Overrides = {}, columns = 'NAME VARCHAR'): Promise<Pipeline> {
  const pipeline = await stands.pipeline(overrides);
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, ${columns}) CHANGE_TRACKING = TRUE`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
  );
  await stands.passMinutes(1);
  return pipeline;
}

/** Three rows published. */
async function published(overrides: Overrides = {}, columns?: string): Promise<Pipeline> {
  const pipeline = await made(overrides, columns);
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  return pipeline;
}

async function change(pipeline: Pipeline, ...statements: string[]): Promise<void> {
  await stands.sql(...statements.map((statement) => statement.replace('$T', pipeline.tableName)));
  await stands.passMinutes(1);
}

async function withAdmin(work: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ brokers: stands.kafka.target.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

const groupOf = (pipeline: Pipeline) => `snowmelt:${pipeline.config.app}:${pipeline.source.name}`;

type Case = {
  code: ErrorCode;
  what: string;
  /** Answers the pipeline once a tick or two will show the code. */
  drive: () => Promise<Pipeline>;
  /** What `recover` offers; where it does, nothing was published since the cause. */
  ways?: Way[];
  /** The cause, and what `npx cdk deploy` brings. */
  mend?: (pipeline: Pipeline) => Promise<unknown> | void;
};

const cases: Case[] = [
  {
    code: 'TOPIC_DIFFERS',
    what: 'the topic has grown',
    drive: async () => {
      const pipeline = await published();
      await stands.kafka.grow(pipeline.source.topic, 5);
      await change(pipeline, `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`);
      return pipeline;
    },
    mend: (pipeline) => {
      Object.assign(pipeline.source, { topicPartitions: 5 });
      Object.assign(pipeline.config, { deployment: pipeline.config.deployment + 1 });
    },
  },
  {
    code: 'DUPLICATE_KEY',
    what: 'two rows have one key',
    drive: async () => {
      const pipeline = await published();
      await change(pipeline, `INSERT INTO $T VALUES (4, 'four'), (4, 'vier')`);
      return pipeline;
    },
    mend: (pipeline) => change(pipeline, `DELETE FROM $T WHERE NAME = 'vier'`),
  },
  {
    code: 'HISTORY_LOST',
    what: 'the table was made anew',
    drive: async () => {
      const pipeline = await published();
      await change(
        pipeline,
        'CREATE OR REPLACE TABLE $T (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE',
        `INSERT INTO $T VALUES (9, 'nine')`,
      );
      return pipeline;
    },
  },
  {
    code: 'MARKER_EXPIRED',
    what: 'the group of the markers was deleted',
    ways: ['store', 'anew'],
    drive: async () => {
      const pipeline = await published();
      await withAdmin((admin) => admin.deleteGroups([groupOf(pipeline)]));
      await change(pipeline, `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`);
      return pipeline;
    },
  },
  {
    code: 'TOPIC_LOST_DATA',
    what: 'the topic was deleted and made anew',
    ways: ['anew'],
    drive: async () => {
      const pipeline = await published();
      const { topic, topicPartitions } = pipeline.source;
      await withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: [topic] });
        await admin.createTopics({ topics: [{ topic, numPartitions: topicPartitions }], waitForLeaders: true });
      });
      await change(pipeline, `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`);
      return pipeline;
    },
  },
  {
    code: 'STATE_DISAGREES',
    what: 'the checkpoint table was restored to its first window',
    ways: ['anew'],
    drive: async () => {
      const pipeline = await published();
      await change(pipeline, `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`);
      await pipeline.run(2);
      const restored = await startTable();
      closing.push(() => restored.close());
      const state = (await pipeline.state())!;
      const [first] = await pipeline.store.windows(pipeline.source.name, 1, 1);
      await restored.store.create(pipeline.source.name, { ...state.meta, finishedThrough: 0, recountedThrough: 0 });
      await restored.store.putPartitions(pipeline.source.name, 2);
      await restored.store.putLayout(pipeline.source.name, state.layouts.get(1)!);
      await restored.store.putWindow(pipeline.source.name, first!);
      const again = await stands.pipeline({ source: { ...pipeline.source }, table: restored });
      Object.assign(again.config, { app: pipeline.config.app });
      return again;
    },
  },
  {
    code: 'KAFKA_LOST_DATA',
    what: 'the cluster went back to an older marker',
    ways: ['marker', 'anew'],
    drive: async () => {
      const pipeline = await published({ source: { partitions: 1 } });
      await change(pipeline, `UPDATE $T SET NAME = 'w' WHERE ID = 2`);
      await pipeline.run(2);
      const marker = await markerOf(pipeline);
      await change(pipeline, `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`);
      await pipeline.run(2);
      await commitOffset(stands.kafka.target.brokers, marker);
      await change(pipeline, `UPDATE $T SET NAME = 'y' WHERE ID = 2`);
      return pipeline;
    },
  },
];

const closing: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

/** The marker of partition 0 as it stands, to be put back. */
async function markerOf(pipeline: Pipeline) {
  const group = groupOf(pipeline);
  const { controlTopic } = stands.kafka;
  let found: { offset: string; metadata: string } | undefined;
  await withAdmin(async (admin) => {
    const offsets = await admin.fetchOffsets({ groupId: group, topics: [controlTopic] });
    const at = offsets[0]!.partitions.find(({ partition }) => partition === 0)!;
    found = { offset: at.offset, metadata: at.metadata ?? '' };
  });
  return { group, topic: controlTopic, partition: 0, ...found! };
}

/** What `status` says of it. */
async function verdictOf({ source, store }: Pipeline): Promise<Verdict> {
  return sourceStatus(source, await look(store, source.name, null), null).verdict;
}

test.each(cases)('$code: $what', { timeout: 60_000 }, async ({ code, drive, ways, mend }) => {
  const pipeline = await drive();
  const before = (await pipeline.published()).length;
  await pipeline.run(2);
  expect(pipeline.codes).toContain(code);
  if (ways !== undefined) {
    expect((await pipeline.published()).length).toBe(before);
    expect((await pipeline.recover()).ways).toEqual(ways);
  }
  deploy(pipeline);
  expect(await verdictOf(pipeline)).toBe('needs-operator');

  await mend?.(pipeline);
  deploy(pipeline);
  await pipeline.run(2); // nobody is quicker than two ticks
  const { run } = ERRORS[code] as Extract<ErrorFacts, { retry: 'operator' }>;
  const window = (await pipeline.state())!.windows[0]?.number ?? 0;
  for (const each of run) {
    const command = commandFor(each, { source: pipeline.source.name, where: '--local', env: 'none', window });
    const { stderr, code: exit } = await ask(command);
    expect({ command, stderr }).toEqual({ command, stderr: '' });
    expect([EXIT.fine, EXIT.found]).toContain(exit);
    // Looking changes nothing.
    if (command.includes('--reason')) await pipeline.run(3);
  }
  pipeline.telemetry.errors.length = 0;
  await change(pipeline, `INSERT INTO $T VALUES (7, 'seven')`);
  await pipeline.run(4);
  expect(pipeline.codes).toEqual([]);
  expect(await verdictOf(pipeline)).toBe('fine');
  const rows = await stands.rows(`SELECT TO_VARCHAR(ID), NAME FROM ${pipeline.tableName} ORDER BY ID`);
  const folded = Object.values(await pipeline.folded()) as { ID: string; NAME: string }[];
  expect(folded.map(({ ID, NAME }) => [String(ID), NAME]).sort()).toEqual(rows);
});
