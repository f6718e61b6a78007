/** Starts the nodes of an Apache Kafka cluster (KRaft) as children of this process and waits until they are ready. */
import fs from 'node:fs';
import path from 'node:path';
import { format } from './format.ts';
import type { Storage } from './format.ts';
import { freePorts } from './free-ports.ts';
import { KafkaNode, type Jvm } from './node.ts';
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
  /** Who may sign in; none: everybody may do anything. */
  users: string[];
  jvm: Jvm;
};

/** The nodes, ready. They end with this process. Rejects when one ends before it is ready; nothing is left running then. */
export async function startCluster(options: ClusterOptions): Promise<KafkaNode[]> {
  const free = await freePorts(3 * options.nodes);
  const ports = Array.from({ length: options.nodes }, (_, i) => ({
    plain: free[3 * i]!,
    controller: free[3 * i + 1]!,
    signedIn: free[3 * i + 2]!,
  }));
  const first = writeProperties(options, 1, ports);
  const others = ports.slice(1).map((_, i) => writeProperties(options, i + 2, ports));
  await format(options.jars, ports, [first, ...others]);

  const nodes = [first, ...others].map(({ file }, i) => {
    const { plain, signedIn } = ports[i]!;
    const addresses = { address: `127.0.0.1:${String(plain)}`, signedIn: `127.0.0.1:${String(signedIn)}` };
    return new KafkaNode(i + 1, addresses, options.jars, file, options.jvm);
  });
  const kill = (): void => {
    for (const node of nodes) node.kill();
  };
  // First of all listeners: the folder of the nodes is removed only after them.
  process.prependListener('exit', kill);
  try {
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.untilReady(options.nodes)));
  } catch (error) {
    kill();
    throw error;
  }
  return nodes;
}

function writeProperties(options: ClusterOptions, id: number, ports: readonly NodePorts[]): Storage {
  const file = path.join(options.dir, `node${String(id)}.properties`);
  const data = path.join(options.dir, `data${String(id)}`);
  const properties = Object.entries({ ...serverProperties(id, ports, data, options.users), ...options.overrides });
  fs.writeFileSync(file, properties.map(([key, value]) => `${key}=${value}\n`).join(''));
  return { file, data };
}
