/** One node of an Apache Kafka cluster: a JVM that can be killed and started again on the same data. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCoordinator, KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';

/** Three seconds on an idle machine; twenty and more were seen on a busy one. */
const READY_MS = 120_000;
const POLL_MS = 50;

const ANY = [
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
];
/** Starts soon and stays small: for what lives seconds. */
export const QUICK_JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xss512k', ...ANY];
/** What Kafka's own start scripts ask for (bin/kafka-run-class.sh, bin/kafka-server-start.sh). */
const SERVER_JVM = [
  '-server',
  '-Xms1g',
  '-Xmx1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  ...ANY,
];
export type Jvm = 'quick' | 'server';
const JVMS: Record<Jvm, string[]> = { quick: ['-Xms64m', '-Xmx256m', ...QUICK_JVM], server: SERVER_JVM };

export class KafkaNode {
  readonly id: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** The same for those that sign in, where there are users. */
  readonly signedIn: string;
  readonly #command: string[];
  readonly #log: string;
  #child: ChildProcess | null = null;

  /** `file` has the server's properties; the log is written beside it. */
  constructor(
    id: number,
    { address, signedIn }: { address: string; signedIn: string },
    jars: string,
    file: string,
    jvm: Jvm,
  ) {
    this.id = id;
    this.address = address;
    this.signedIn = signedIn;
    this.#command = [...JVMS[jvm], '-cp', path.join(jars, '*'), 'kafka.Kafka', file];
    this.#log = file.replace(/\.properties$/, '.log');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const log = fs.openSync(this.#log, 'a');
    this.#child = spawn('java', this.#command, { stdio: ['ignore', log, log] });
    fs.closeSync(log);
  }

  /** Nothing is asked to end well: the data goes with the cluster, and an orderly end takes seconds. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Waits until the node serves requests, knows as many `brokers` and finds both coordinators (which makes their topics). */
  async untilReady(brokers: number): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (!(await this.#isReady(brokers))) {
      const ended = this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (ended || Date.now() > deadline) {
        const log = fs.readFileSync(this.#log, 'utf8').slice(-3000);
        throw new Error(`node ${String(this.id)} ${ended ? 'ended' : 'is not ready in time'}:\n${log}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #isReady(brokers: number): Promise<boolean> {
    try {
      using connection = await KafkaConnection.open(this.address, { clientId: 'ready', timeoutMs: 2000 });
      const known = (await readMetadata(connection, null)).brokers;
      if (known.size < brokers || !known.has(this.id)) return false;
      const group = await findCoordinator(connection, 'group', 'ready');
      const transaction = await findCoordinator(connection, 'transaction', 'ready');
      return group.code === 0 && transaction.code === 0;
    } catch {
      return false;
    }
  }
}
