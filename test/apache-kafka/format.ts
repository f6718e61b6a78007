/** The storage of a new cluster. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { QUICK_JVM } from './node.ts';
import type { NodePorts } from './properties.ts';

export type Storage = { file: string; data: string };

/**
 * Formats one folder with Kafka's own tool and copies it for the other nodes: one JVM instead of one a node. The folders
 * differ by the two ids in `meta.properties` alone.
 */
export async function format(
  jars: string,
  ports: readonly NodePorts[],
  storages: readonly [Storage, ...Storage[]],
): Promise<void> {
  const directoryIds = ports.map(() => kafkaUuid());
  const voters = ports.map((p, i) => `${String(i + 1)}@127.0.0.1:${String(p.controller)}:${directoryIds[i]!}`);
  const [first, ...others] = storages;
  const args = ['format', '-t', kafkaUuid(), '-c', first.file, '--initial-controllers', voters.join(',')];
  await java(['-Xmx128m', ...QUICK_JVM, '-cp', path.join(jars, '*'), 'kafka.tools.StorageTool', ...args]);
  for (const [i, { data }] of others.entries()) {
    fs.cpSync(first.data, data, { recursive: true });
    const meta = path.join(data, 'meta.properties');
    const text = fs
      .readFileSync(meta, 'utf8')
      .replace(/^node\.id=.*$/m, `node.id=${String(i + 2)}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${directoryIds[i + 1]!}`);
    fs.writeFileSync(meta, text);
  }
}

async function java(args: readonly string[]): Promise<void> {
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`formatting the storage failed:\n${output}`);
}

/** 22 characters of base64url; a leading dash would read as an option. */
function kafkaUuid(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}
