/** Apache Kafka for tests: from Maven Central, on Java 17, one or three nodes on free ports of 127.0.0.1. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CoordinatorKind } from '../../local/kafka/api.ts';
import { Keeper } from './keeper-handle.ts';
import type { Jvm } from './node.ts';
import { moveCoordinator, moveLeader } from './moves.ts';

const KAFKA_VERSION = '4.4.0';
const JAVA_VERSION = 17;
const root = fileURLToPath(new URL('../..', import.meta.url));
const jars = path.join(root, '.cache', 'apache-kafka', KAFKA_VERSION);

export type ApacheNode = {
  readonly id: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGKILL. */
  kill(): void;
  /** SIGSTOP: its connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts a killed node again on its data; resolves when it serves. */
  start(): Promise<void>;
};

export type ApacheKafka = {
  /** `host:port` of each node. */
  brokers: string[];
  /** The same for `users`, who sign in with SASL/PLAIN, their name as the password. */
  signedIn: string[];
  nodes: ApacheNode[];
  /** Makes a node the leader of a partition; resolves when it is. May reject while another node is down or frozen. */
  moveLeader(topic: string, partition: number, node: number): Promise<void>;
  /** The same for what coordinates a group or a transactional id. */
  moveCoordinator(kind: CoordinatorKind, key: string, node: number): Promise<void>;
  stop(): Promise<void>;
};

/** Why Apache Kafka can't be started here, or null if it can. */
export function missingPrerequisite(): string | null {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(java.stderr ?? '')?.[1];
  if (version === undefined)
    return `Java is missing: Apache Kafka needs Java ${String(JAVA_VERSION)} or newer on the PATH`;
  if (Number(version) < JAVA_VERSION)
    return `Java ${version} is too old: Apache Kafka needs ${String(JAVA_VERSION)} or newer`;
  if (!fs.existsSync(jars) && spawnSync('mvn', ['-v']).status !== 0) {
    return 'Maven is missing: it downloads Apache Kafka (43 MiB, once), put mvn on the PATH';
  }
  return null;
}

/** Downloads the jars unless they are there. Throws with Maven's output if that fails. */
export function download(): void {
  if (fs.existsSync(jars)) return;
  const staging = `${jars}.part-${String(process.pid)}`;
  const pom = path.join(root, 'test', 'apache-kafka', 'pom.xml');
  const properties = [`-Dkafka.version=${KAFKA_VERSION}`, `-Djars=${staging}`];
  const maven = spawnSync('mvn', ['-q', '-B', '-f', pom, ...properties, 'dependency:copy-dependencies'], {
    encoding: 'utf8',
  });
  if (maven.status !== 0) throw new Error(`Maven could not download Apache Kafka:\n${maven.stdout}${maven.stderr}`);
  if (fs.existsSync(jars)) fs.rmSync(staging, { recursive: true });
  else fs.renameSync(staging, jars);
}

/** The jars of Apache Kafka, once they were downloaded. */
export function classPath(): string {
  return path.join(jars, '*');
}

export type ApacheOptions = {
  nodes?: number;
  /** Server properties. */
  overrides?: Record<string, string>;
  /** Who may sign in and do what ACLs allow; whoever does not sign in may do anything. */
  users?: string[];
  /** `server`: with the memory and the compiler that brokers run with, for what measures speed. */
  jvm?: Jvm;
};

/** Starts a cluster that ends with `stop()` or with this process, however that ends. */
export async function startApacheKafka({
  nodes = 1,
  overrides = {},
  users = [],
  jvm = 'quick',
}: ApacheOptions = {}): Promise<ApacheKafka> {
  const missing = missingPrerequisite();
  if (missing !== null) throw new Error(missing);
  download();
  const keeper = await Keeper.start({ nodes, jars, overrides, users, jvm });
  const handles = keeper.nodes.map(({ id, address }) => nodeHandle(keeper, id, address));
  return {
    brokers: handles.map((node) => node.address),
    signedIn: keeper.nodes.map((node) => node.signedIn),
    nodes: handles,
    moveLeader: (topic, partition, node) => moveLeader(keeper.node(node).address, topic, partition, node),
    moveCoordinator: (kind, key, node) => moveCoordinator(keeper.node(node).address, kind, key, node),
    stop: () => keeper.stop(),
  };
}

function nodeHandle(keeper: Keeper, id: number, address: string): ApacheNode {
  const signal = (name: NodeJS.Signals): void => void process.kill(keeper.node(id).pid, name);
  return {
    id,
    address,
    get pid() {
      return keeper.node(id).pid;
    },
    kill: () => signal('SIGKILL'),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    start: () => keeper.startNode(id),
  };
}
