/** The enumeration: one stack, a source for each crash point, each judged by the oracle. */
import { startStack, type Stack } from '../../local/demo/stack.ts';
import { readFlights } from '../../local/demo/duckdb.ts';
import { flightColumns, type Image } from '../../local/demo/flights.ts';
import { readLedger } from '../../local/demo/ledger.ts';
import { isPublished } from '../../local/demo/state.ts';
import type { LocalAws } from '../../local/aws/start.ts';
import { createTable } from '../../local/aws/dynamodb.ts';
import { startApacheKafka } from '../apache-kafka/start.ts';
import { startDynamoDbLocal } from '../apache-kafka/dynamodb-local.ts';
import { check, type Verdict } from '../oracle/check.ts';
import { readWindows } from '../oracle/checkpoints.ts';
import { readTopic } from '../oracle/topic.ts';
import { checkpointsOf, fill, smallSources, type Subject } from '../chaos/world.ts';
import { senderOf, watchWire, type Act, type Point, type WireRequest } from '../chaos/wire.ts';
import { POINTS, RARE, type CrashPoint } from './points.ts';

export type CrashRun = CrashPoint & {
  /** What the wire says was done, to which process; null when nobody sent such a request. */
  happened: string | null;
  verdict: Verdict | null;
  error: string | null;
  seconds: number;
};

export type Enumeration = { runs: CrashRun[]; unknownTypes: string[]; requests: number; seconds: number };

export type EnumerationOptions = {
  points: readonly CrashPoint[];
  broker: 'local' | 'apache';
  seed: number;
  progress: (what: string) => void;
};

const ROWS = 24;
const LANES = 3;
const PARTITIONS = 2;
/** A tick that takes longer is left alone: it may be a frozen planner's. */
const TICK_MS = 3_000;
const BETWEEN_TICKS_MS = 150;
/** Others have had the lease and published what there was. */
const FROZEN_AT_MOST_MS = 8_000;
const RUN_MS = 120_000;
const known = new Set<string>(POINTS);

export async function enumerate(options: EnumerationOptions): Promise<Enumeration> {
  const began = performance.now();
  const { points, seed, progress } = options;
  // A schedule of its own lets each source be ticked alone.
  const demo = smallSources(
    points.map((_, i) => ({ partitions: PARTITIONS, topicPartitions: 2, every: `rate(${i + 2} minutes)` })),
  );
  progress('starting brokers and stand-ins');
  const stack = await startStack(
    demo,
    { broker: 'embedded', seed },
    {
      watchWire: true,
      watchSnowflake: true,
      snowflake: { inlineBytes: 600, firstChunkBytes: 1_500, maxChunkBytes: 4_000 },
      aws: { concurrency: 8, doubled: 0, ...(options.broker === 'apache' && { dynamodb: dynamoDbLocal }) },
      ...(options.broker === 'apache' && { kafka: () => startApacheKafka() }),
    },
  );
  const seenTypes = new Set<string>();
  let requests = 0;
  const unwatch = watchWire(stack, ({ type }, point) => {
    seenTypes.add(type);
    if (point === 'request') requests++;
    return 'pass';
  });
  try {
    const loaded: Image[] = [];
    for await (const images of readFlights(ROWS)) loaded.push(...images);
    const runs: CrashRun[] = [];
    let next = 0;
    const lane = async () => {
      for (let i = next++; i < points.length; i = next++) {
        const run = await new OneRun(stack, points[i]!, i, seed, loaded).run();
        runs.push(run);
        progress(`${runs.length} of ${points.length}: ${wordsOf(run)}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const unknownTypes = [...seenTypes].filter((type) => !known.has(type) && !RARE.has(type)).sort();
    return { runs, unknownTypes, requests, seconds: Math.round((performance.now() - began) / 100) / 10 };
  } finally {
    unwatch();
    await stack.close();
  }
}

export function isRight({ happened, verdict, error }: CrashRun): boolean {
  if (happened === null || verdict === null || error !== null) return false;
  const { missing, duplicated, reordered, mismatched, records } = verdict;
  return missing + duplicated + reordered + mismatched === 0 && records > 0;
}

export function wordsOf(run: CrashRun): string {
  const { type, mode, happened, error, verdict, seconds } = run;
  const end = isRight(run)
    ? 'right'
    : (error ?? (happened === null ? 'the fault did not happen' : JSON.stringify(verdict)));
  return `${type}, ${mode}: ${end} (${seconds} s)`;
}

async function dynamoDbLocal(tables: Parameters<typeof createTable>[1][]) {
  const local = await startDynamoDbLocal();
  for (const table of tables) await createTable(local.endpoint, table);
  return { url: local.endpoint, close: () => local.stop() };
}

class OneRun {
  readonly #stack: Stack;
  readonly #aws: LocalAws;
  readonly #point: CrashPoint;
  readonly #index: number;
  readonly #seed: number;
  readonly #loaded: Image[];
  #happened: string | null = null;
  #frozen: number | null = null;
  #skip: number;

  constructor(stack: Stack, point: CrashPoint, index: number, seed: number, loaded: Image[]) {
    this.#stack = stack;
    this.#aws = stack.aws;
    this.#point = point;
    this.#index = index;
    this.#seed = seed;
    this.#loaded = loaded;
    // What comes once in a source's life is met there; the rest at its first or second time.
    this.#skip = /PutItem (meta|layout|partition)|clusterId|Secret|chunk|DescribeConfigs/.test(point.type)
      ? 0
      : (index + seed) % 2;
  }

  async run(): Promise<CrashRun> {
    const began = performance.now();
    const source = this.#stack.config.sources[this.#index]!;
    const unwatch = watchWire(this.#stack, (request, point) => this.#meet(request, point));
    const done = (verdict: Verdict | null, error: string | null): CrashRun => ({
      ...this.#point,
      happened: this.#happened,
      verdict,
      error,
      seconds: Math.round((performance.now() - began) / 100) / 10,
    });
    let subject: Subject | null = null;
    try {
      subject = await fill(this.#stack, source, ROWS, this.#seed + this.#index);
      await this.#untilPublished(subject, subject.table.loadedAt);
      for (let commits = 0; commits < 4 && (commits < 2 || this.#happened === null); commits++) {
        await subject.table.writer.commit();
        await this.#untilPublished(subject, subject.table.writer.lastCommit);
      }
      this.#thaw();
      await subject.table.writer.commit();
      await this.#untilPublished(subject, subject.table.writer.lastCommit);
      return done(await this.#judge(subject), null);
    } catch (error) {
      return done(null, error instanceof Error ? error.message : String(error));
    } finally {
      this.#thaw();
      unwatch();
      subject?.reader.close();
      await subject?.table.close();
    }
  }

  async #meet(request: WireRequest, point: Point): Promise<Act> {
    const { type, mode } = this.#point;
    if (this.#happened !== null || request.type !== type || point !== (mode === 'not sent' ? 'request' : 'reply'))
      return 'pass';
    const pid = senderOf(this.#stack, request);
    if (pid === null || !this.#isMine(pid) || this.#skip-- > 0) return 'pass';
    this.#happened = `${type} of process ${pid}: ${mode}`;
    this.#stack.log(`crash point: ${this.#happened}`);
    if (mode === 'crash after the reply') this.#aws.signal((invocation) => invocation.pid === pid);
    if (mode !== 'frozen and thawed') return 'close';
    this.#aws.signal((invocation) => invocation.pid === pid, 'SIGSTOP');
    this.#frozen = pid;
    setTimeout(() => this.#thaw(), FROZEN_AT_MOST_MS).unref();
    return 'pass';
  }

  /** Whether the process works for this run's source now. */
  #isMine(pid: number): boolean {
    const event = this.#aws.children().find((child) => child.pid === pid)?.invocation?.event;
    const { every, detail } = (event ?? {}) as { every?: string; detail?: { source: string } };
    const { name, every: mine } = this.#stack.config.sources[this.#index]!;
    return every === mine || detail?.source === name;
  }

  #thaw(): void {
    const pid = this.#frozen;
    this.#frozen = null;
    if (pid !== null) this.#aws.signal((invocation) => invocation.pid === pid, 'SIGCONT');
  }

  async #untilPublished({ source, reader }: Subject, lastCommit: bigint): Promise<void> {
    const deadline = performance.now() + RUN_MS;
    for (;;) {
      // A secret is asked for once in a process's life, and other lanes' ticks make processes, too.
      if (this.#point.type.startsWith('secretsmanager') && this.#happened === null) this.#aws.endIdle();
      await Promise.race([this.#aws.invoke('snowmelt-chaos-plan', { every: source.every }), sleep(TICK_MS)]);
      await sleep(BETWEEN_TICKS_MS);
      const view = await reader.read();
      const stopped = view.partitions.find(({ state }) => state !== 'active');
      if (stopped !== undefined)
        throw new Error(`partition ${stopped.partition} needs an operator: ${stopped.lastError}`);
      if (isPublished(view, lastCommit)) return;
      if (performance.now() > deadline) throw new Error(`not published in ${RUN_MS / 1000} s: ${view.lastError ?? ''}`);
    }
  }

  async #judge({ source, table }: Subject): Promise<Verdict> {
    return check({
      table: { columns: flightColumns, key: source.key },
      tombstones: source.format.tombstones,
      windows: await readWindows(checkpointsOf(this.#stack), source.name),
      loaded: [this.#loaded],
      ledger: readLedger(table.writer.ledger.path),
      lastCommit: table.writer.lastCommit,
      topic: (each) => readTopic(this.#stack.brokers, source.topic, each),
      explain: (what) => this.#stack.log(`oracle, ${source.name}: ${what}`),
    });
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
