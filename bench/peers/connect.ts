/** Kafka Connect with a JDBC source: a worker on the measured core, asked over REST, its passes timed from outside. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../test/apache-kafka/free-ports.ts';
import { RowCounter } from '../consumer.ts';
import type { Context, Served } from '../context.ts';
import { watchLoad } from '../load.ts';
import { MEASURED_CORE, pinned } from '../processes.ts';
import type { Run } from '../run.ts';
import { QUIET, type Connect } from './tools.ts';

type Plugin = { class: string; version: string };
export type Mode = 'bulk' | 'exactly once';

/** Flags of Kafka's own start scripts (bin/connect-*.sh, kafka-run-class.sh); the last is the driver's, for Arrow on Java 17:
 * https://docs.snowflake.com/en/developer-guide/jdbc/jdbc-using */
const JAVA = [
  ...['-Xms256M', '-Xmx2G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...['-XX:InitiatingHeapOccupancyPercent=35', '-XX:ActiveProcessorCount=1'],
  '--add-opens=java.base/java.nio=ALL-UNNAMED',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
];
const PATIENCE_MS = 180_000;
/** A distributed worker answers so while it joins its group. */
const REBALANCE_MS = 30_000;
/** Of /proc: hundredths of a second. */
const TICK_MS = 10;

/** `source`: which JDBC source it was; `beside`: what was run right after each pass. */
export type Passes = { source: string; runs: Run[]; beside: Run[] };

/** One pass over the set for each of `passes`: the first finds a JVM that has compiled nothing yet. */
export async function passesOf(
  context: Context,
  set: Served,
  connect: Connect,
  mode: Mode,
  passes: number,
  besides: () => Promise<Run>,
): Promise<Passes> {
  const kafka = await context.kafka();
  const worker = await Worker.start(connect, mode, kafka.brokers[0]!);
  const runs: Run[] = [];
  const beside: Run[] = [];
  try {
    const plugin = await worker.jdbcSource();
    for (let pass = 0; pass < passes; pass++) {
      context.say(`Kafka Connect, ${mode}, pass ${pass + 1} of ${passes}`);
      const topic = `bench.connect-${mode === 'bulk' ? 'bulk' : 'once'}-${pass}`;
      await kafka.createTopic(topic, 1);
      const config = {
        ...properties('source'),
        ...properties(mode === 'bulk' ? 'bulk' : 'incrementing'),
        'connector.class': plugin.class,
        'connection.url': `jdbc:snowflake://${set.address}/?account=bench&db=BENCH&schema=PUBLIC&warehouse=WH&disableOCSPChecks=true`,
        query: `SELECT * FROM BENCH.PUBLIC.FLIGHTS /* set ${set.index} */`,
        'topic.prefix': topic,
      };
      runs.push(await onePass(worker, set, kafka.brokers[0]!, topic, config));
      await kafka.deleteTopic(topic);
      beside.push(await besides());
    }
    return { source: `${plugin.class.split('.')[1]} ${plugin.version}`, runs, beside };
  } finally {
    await worker.stop();
  }
}

/** A connector of its own for each pass, in the one JVM. Its clock starts when the statement arrives. */
async function onePass(
  worker: Worker,
  set: Served,
  broker: string,
  topic: string,
  config: Record<string, string>,
): Promise<Run> {
  const counter = new RowCounter(broker, topic);
  const last = async () => ((await (await fetch(`${set.address}/asked`)).json()) as { last: number }).last;
  const before = await last();
  const load = watchLoad();
  const [startCpu, began] = [worker.cpuMs(), Date.now()];
  try {
    await worker.create(topic, config);
    let asked = before;
    for (let looks = 0; asked === before; looks++) {
      // Each look at the connector costs the worker time.
      if (looks % 500 === 499) await worker.mustRun(topic, began);
      await sleep(10);
      asked = await last();
    }
    const cpuMs = worker.cpuMs();
    while (counter.rows < set.rows) {
      if (Date.now() - began > PATIENCE_MS) throw new Error(`${counter.rows} of ${set.rows} rows after minutes`);
      await Promise.race([counter.more(), sleep(1000)]);
    }
    const [ended, endCpu] = [Date.now(), worker.cpuMs()];
    const foreign = load(endCpu - startCpu);
    const taken = { cpuMs: endCpu - cpuMs, rssMb: worker.peakMb(), stallMs: 0, foreign };
    return { rows: set.rows, bytes: counter.bytes, wallMs: ended - asked, ...taken };
  } finally {
    await worker.remove(topic);
    await counter.stop();
  }
}

class Worker {
  readonly #process: ChildProcess;
  readonly #address: string;
  readonly #folder: string;

  private constructor(process: ChildProcess, address: string, folder: string) {
    this.#process = process;
    this.#address = address;
    this.#folder = folder;
  }

  static async start({ classPath, plugins }: Connect, mode: Mode, broker: string): Promise<Worker> {
    const folder = mkdtempSync(join(tmpdir(), 'snowmelt-connect-'));
    const address = `http://127.0.0.1:${(await freePorts(1))[0]}`;
    const config = {
      ...properties('worker'),
      ...(mode === 'bulk' ? { 'offset.storage.file.filename': join(folder, 'offsets') } : properties('exactly-once')),
      'bootstrap.servers': broker,
      'plugin.path': plugins,
      listeners: address,
    };
    const file = join(folder, 'worker.properties');
    writeFileSync(
      file,
      Object.entries(config)
        .map((pair) => `${pair.join('=')}\n`)
        .join(''),
    );
    const main = `org.apache.kafka.connect.cli.Connect${mode === 'bulk' ? 'Standalone' : 'Distributed'}`;
    const java = ['java', ...JAVA, '-cp', classPath, main, file];
    const [program = '', ...args] = pinned ? ['taskset', '-c', String(MEASURED_CORE), ...java] : java;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...QUIET } });
    const worker = new Worker(child, address, folder);
    await worker.#ready().catch(async (error: unknown) => {
      await worker.stop();
      throw error;
    });
    return worker;
  }

  async #ready(): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && this.#process.exitCode === null;) {
      if (
        await this.#ask('GET', '/connectors').then(
          () => true,
          () => false,
        )
      )
        return;
      await sleep(200);
    }
    throw new Error('Kafka Connect did not start');
  }

  /** The class of the plugin that the user gave. */
  async jdbcSource(): Promise<Plugin> {
    const found = (await this.#ask('GET', '/connector-plugins')) as Plugin[];
    const named = found.find((plugin) => plugin.class.endsWith('.JdbcSourceConnector'));
    if (named === undefined) throw new Error('the jar given has no JdbcSourceConnector');
    return named;
  }

  /** @throws Error when the connector refuses its configuration */
  async create(name: string, config: Record<string, string>): Promise<void> {
    for (const end = Date.now() + REBALANCE_MS; ;) {
      try {
        return void (await this.#ask('PUT', `/connectors/${name}/config`, config));
      } catch (error) {
        if (Date.now() > end || !(error as Error).message.includes('rebalance')) throw error;
        await sleep(500);
      }
    }
  }

  async remove(name: string): Promise<void> {
    await this.#ask('DELETE', `/connectors/${name}`).catch(() => undefined);
  }

  /** @throws Error with the trace of a task that failed */
  async mustRun(name: string, since: number): Promise<void> {
    if (this.#process.exitCode !== null || Date.now() - since > PATIENCE_MS) throw new Error('nothing was read');
    const status = (await this.#ask('GET', `/connectors/${name}/status`)) as { tasks: { trace?: string }[] };
    const failed = status.tasks.find(({ trace }) => trace !== undefined);
    if (failed !== undefined) throw new Error(failed.trace!.split('\n')[0]);
  }

  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  peakMb(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    return Number(/VmHWM:\s*(\d+)/.exec(status)![1]) / 1024;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill();
      const killer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(killer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const reply = await fetch(`${this.#address}${path}`, { ...request, signal: AbortSignal.timeout(60_000) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`Kafka Connect: ${text.split('\n')[0]}`);
    return text === '' ? null : JSON.parse(text);
  }
}

/** A file of connect/. */
function properties(name: string): Record<string, string> {
  const lines = readFileSync(join(import.meta.dirname, `connect/${name}.properties`), 'utf8').split('\n');
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/=(.*)/s, 2) as [string, string]),
  );
}
