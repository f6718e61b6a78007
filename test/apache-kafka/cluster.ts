/** Starts the nodes of an Apache Kafka cluster (KRaft) as children of this process and waits until they are ready. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCoordinator, KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';
import { freePorts } from './free-ports.ts';
import type { NodePorts } from './properties.ts';
import { serverProperties } from './properties.ts';

export type ClusterOptions = {
  nodes: number;
  /** Folder with the broker's jars. */
  jars: string;
  /** An empty folder for logs, data and settings. */
  dir: string;
  /** Server properties over those of properties.ts. */
  overrides: Record<string, string>;
};

export type Cluster = { brokers: string[]; pids: number[]; stop(): Promise<void> };

/** Three seconds on an idle machine; twenty and more were seen on a busy one. */
const READY_MS = 120_000;
const POLL_MS = 50;

const JVM = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xss512k',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
];

/** The nodes end with this process. Rejects with the end of a node's log when the node ends before it is ready; nothing is left running then. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const ids = Array.from({ length: options.nodes }, (_, i) => i + 1);
  const free = await freePorts(2 * options.nodes);
  const ports = ids.map((_, i): NodePorts => ({ plain: free[2 * i]!, controller: free[2 * i + 1]! }));
  const files = ids.map((id) => writeProperties(options, id, ports));
  await format(options, ports, files);

  const nodes = ids.map((id, i) => startNode(options, id, files[i]!));
  const kill = (): void => {
    for (const node of nodes) node.kill('SIGKILL');
  };
  // First of all listeners: the folder of the nodes is removed only after them.
  process.prependListener('exit', kill);
  const brokers = ports.map((p) => `127.0.0.1:${String(p.plain)}`);
  const deadline = Date.now() + READY_MS;
  try {
    await Promise.all(brokers.map((broker, i) => untilReady(options, i + 1, nodes[i]!, broker, deadline)));
  } catch (error) {
    kill();
    throw error;
  }
  return { brokers, pids: nodes.map((node) => node.pid!), stop: () => stopAll(nodes) };
}

function writeProperties(options: ClusterOptions, id: number, ports: readonly NodePorts[]): string {
  const file = path.join(options.dir, `node${String(id)}.properties`);
  const properties = {
    ...serverProperties(id, ports, path.join(options.dir, `data${String(id)}`)),
    ...options.overrides,
  };
  fs.writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return file;
}

async function format(options: ClusterOptions, ports: readonly NodePorts[], files: readonly string[]): Promise<void> {
  const clusterId = kafkaUuid();
  const voters = ports.map((p, i) => `${String(i + 1)}@127.0.0.1:${String(p.controller)}:${kafkaUuid()}`).join(',');
  await Promise.all(
    files.map(async (file) => {
      const args = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file, '--initial-controllers', voters];
      const child = spawn('java', ['-Xmx128m', ...JVM, '-cp', path.join(options.jars, '*'), ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`formatting the storage failed:\n${output}`);
    }),
  );
}

/** 22 characters of base64url; a leading dash would read as an option. */
function kafkaUuid(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

function startNode(options: ClusterOptions, id: number, file: string): ChildProcess {
  const log = fs.openSync(logFile(options, id), 'a');
  const args = ['-Xms64m', '-Xmx256m', ...JVM, '-cp', path.join(options.jars, '*'), 'kafka.Kafka', file];
  const child = spawn('java', args, { stdio: ['ignore', log, log] });
  fs.closeSync(log);
  return child;
}

function logFile(options: ClusterOptions, id: number): string {
  return path.join(options.dir, `node${String(id)}.log`);
}

/** Ready: the node knows all others and finds both coordinators, which makes their internal topics. */
async function untilReady(
  options: ClusterOptions,
  id: number,
  node: ChildProcess,
  broker: string,
  deadline: number,
): Promise<void> {
  while (!(await isReady(broker, options.nodes))) {
    if (node.exitCode !== null || Date.now() > deadline) {
      const log = fs.readFileSync(logFile(options, id), 'utf8').slice(-3000);
      throw new Error(`node ${String(id)} ${node.exitCode === null ? 'is not ready in time' : 'ended'}:\n${log}`);
    }
    await sleep(POLL_MS);
  }
}

async function isReady(broker: string, nodes: number): Promise<boolean> {
  try {
    using connection = await KafkaConnection.open(broker, { clientId: 'ready', timeoutMs: 2000 });
    if ((await readMetadata(connection, null)).brokers.size < nodes) return false;
    const group = await findCoordinator(connection, 'group', 'ready');
    const transaction = await findCoordinator(connection, 'transaction', 'ready');
    return group.code === 0 && transaction.code === 0;
  } catch {
    return false;
  }
}

async function stopAll(nodes: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      if (node.exitCode !== null || node.signalCode !== null) return;
      const exited = once(node, 'exit');
      node.kill('SIGCONT');
      node.kill('SIGTERM');
      const impatient = setTimeout(() => node.kill('SIGKILL'), 8000);
      await exited;
      clearTimeout(impatient);
    }),
  );
}
