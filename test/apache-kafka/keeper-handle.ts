/** Starts main.ts, the process that owns the nodes, and talks to it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ClusterOptions } from './cluster.ts';
import type { KeeperLine, NodeFacts } from './main.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export class Keeper {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #nodes: Map<number, NodeFacts>;
  readonly #starting = new Map<number, PromiseWithResolvers<void>>();

  private constructor(child: ChildProcess, exited: Promise<unknown>, nodes: readonly NodeFacts[]) {
    this.#child = child;
    this.#exited = exited;
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
  }

  /** Resolves when all nodes are ready. */
  static async start(options: Omit<ClusterOptions, 'dir'>): Promise<Keeper> {
    const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const lines = createInterface(child.stdout);
    const first = await Promise.race([once(lines, 'line'), exited.then(() => null)]);
    if (first === null) throw new Error('Apache Kafka ended before it was ready');
    const ready = JSON.parse(String(first[0])) as { ready: NodeFacts[] };
    const keeper = new Keeper(child, exited, ready.ready);
    lines.on('line', (line) => keeper.#heard(JSON.parse(line) as KeeperLine));
    void exited.then(() => keeper.#ended());
    return keeper;
  }

  get nodes(): NodeFacts[] {
    return [...this.#nodes.values()];
  }

  node(id: number): NodeFacts {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${String(id)}`);
    return node;
  }

  /** Kills the node unless that is done, starts it, and waits until it is ready. */
  startNode(id: number): Promise<void> {
    const before = this.#starting.get(id);
    if (before !== undefined) return before.promise;
    const starting = Promise.withResolvers<void>();
    this.#starting.set(id, starting);
    this.#child.stdin?.write(`${String(id)}\n`);
    return starting.promise;
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }

  #heard(line: KeeperLine): void {
    if ('started' in line) {
      this.#nodes.set(line.started.id, line.started);
      this.#take(line.started.id)?.resolve();
    } else if ('failed' in line) {
      this.#take(line.failed)?.reject(new Error(line.why));
    }
  }

  #ended(): void {
    for (const id of [...this.#starting.keys()]) this.#take(id)?.reject(new Error('the cluster was stopped'));
  }

  #take(id: number): PromiseWithResolvers<void> | undefined {
    const starting = this.#starting.get(id);
    this.#starting.delete(id);
    return starting;
  }
}
