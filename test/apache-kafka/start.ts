/** Apache Kafka for tests: from Maven Central, on Java 17, one or three nodes on free ports of 127.0.0.1. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const KAFKA_VERSION = '4.4.0';
const JAVA_VERSION = 17;
const root = fileURLToPath(new URL('../..', import.meta.url));
const jars = path.join(root, '.cache', 'apache-kafka', KAFKA_VERSION);
const keeper = fileURLToPath(new URL('./main.ts', import.meta.url));

export type ApacheKafka = {
  /** `host:port` of each node. */
  brokers: string[];
  /** Process ids of the nodes, for signals. */
  pids: number[];
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

/** Starts a cluster that ends with `stop()` or with this process, however that ends. `overrides` are server properties. */
export async function startApacheKafka({ nodes = 1, overrides = {} } = {}): Promise<ApacheKafka> {
  const missing = missingPrerequisite();
  if (missing !== null) throw new Error(missing);
  download();
  const child = spawn(process.execPath, [keeper, JSON.stringify({ nodes, jars, overrides })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface(child.stdout), 'line'), exited.then(() => null)]);
  if (first === null) throw new Error('Apache Kafka ended before it was ready');
  const { brokers, pids } = JSON.parse(String(first[0])) as { brokers: string[]; pids: number[] };
  return {
    brokers,
    pids,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
