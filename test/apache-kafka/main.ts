/**
 * The cluster's keeper: a process that owns the nodes and ends them when its standard input closes, so that no JVM
 * outlives whoever started it, not even after a kill -9. Prints one line of JSON when the cluster is ready.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startCluster } from './cluster.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<ClusterOptions, 'dir'>;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'apache-kafka-'));
let cluster: Cluster | null = null;
let stopping = false;

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await cluster?.stop();
  process.exit(0);
}

process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
process.stdin.on('end', () => void stop()).resume();

cluster = await startCluster({ ...options, dir });
if (stopping) await cluster.stop();
else console.log(JSON.stringify({ ready: true, brokers: cluster.brokers, pids: cluster.pids }));
