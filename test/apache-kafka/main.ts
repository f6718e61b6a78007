/**
 * The cluster's keeper: a process that owns the nodes and ends them when its standard input closes, so that no JVM
 * outlives whoever started it, not even after a kill -9. Prints one line of JSON when the cluster is ready, then
 * starts the node whose id it reads, and prints another when that node is ready.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { startCluster } from './cluster.ts';
import type { ClusterOptions } from './cluster.ts';
import type { KafkaNode } from './node.ts';

export type NodeFacts = { id: number; address: string; signedIn: string; pid: number };
export type KeeperLine = { ready: NodeFacts[] } | { started: NodeFacts } | { failed: number; why: string };

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<ClusterOptions, 'dir'>;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'apache-kafka-'));
const lines = createInterface(process.stdin);

process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
lines.on('close', () => process.exit(0));

const nodes = await startCluster({ ...options, dir });
print({ ready: nodes.map(factsOf) });
lines.on('line', (line) => void restart(nodes[Number(line) - 1]!));

async function restart(node: KafkaNode): Promise<void> {
  node.kill();
  node.start();
  try {
    await node.untilReady(1);
    print({ started: factsOf(node) });
  } catch (error) {
    print({ failed: node.id, why: error instanceof Error ? error.message : 'failed' });
  }
}

function factsOf({ id, address, signedIn, pid }: KafkaNode): NodeFacts {
  return { id, address, signedIn, pid };
}

function print(line: KeeperLine): void {
  console.log(JSON.stringify(line));
}
