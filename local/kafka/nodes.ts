/**
 * The nodes that clients see: one listener each over the same logs and groups. Who leads a partition, or coordinates a
 * group or a transactional id, is only a matter of which of them answers for it.
 */
import type { CoordinatorKind } from './api.ts';
import { partitionKey } from './partition-key.ts';

export type Node = { id: number; host: string; port: number; up: boolean };

export class Nodes {
  readonly all: readonly Node[];
  readonly #placed = new Map<string, number>();
  readonly #moves = new Map<string, number>();
  /** Nodes that went away or came back: each time every leader may be another one. */
  #changes = 0;

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, i) => ({ id: i + 1, host: '127.0.0.1', port: 0, up: true }));
  }

  /** @throws Error if there is no such node */
  get(id: number): Node {
    const node = this.all[id - 1];
    if (node === undefined) throw new Error(`there is no node ${String(id)}`);
    return node;
  }

  /** Those that clients can reach; the first of them is the controller. */
  get up(): Node[] {
    return this.all.filter((node) => node.up);
  }

  leaderOf(topic: string, partition: number): Node {
    return this.#serving(partitionKey(topic, partition), partition);
  }

  leaderEpochOf(topic: string, partition: number): number {
    return this.#changes + (this.#moves.get(partitionKey(topic, partition)) ?? 0);
  }

  leads(id: number, topic: string, partition: number): boolean {
    return this.leaderOf(topic, partition).id === id;
  }

  coordinatorOf(kind: CoordinatorKind, key: string): Node {
    return this.#serving(coordinatorKey(kind, key), key.length);
  }

  moveLeader(topic: string, partition: number, id: number): void {
    this.#move(partitionKey(topic, partition), id);
  }

  moveCoordinator(kind: CoordinatorKind, key: string, id: number): void {
    this.#move(coordinatorKey(kind, key), id);
  }

  setUp(id: number, up: boolean): void {
    const node = this.get(id);
    if (node.up === up) return;
    if (!up && this.up.length === 1) throw new Error('the last node stays up');
    node.up = up;
    this.#changes += 1;
  }

  #move(key: string, id: number): void {
    this.#placed.set(key, this.get(id).id);
    this.#moves.set(key, (this.#moves.get(key) ?? 0) + 1);
  }

  /** The node it was placed on, or the next one that is up. */
  #serving(key: string, otherwise: number): Node {
    const first = (this.#placed.get(key) ?? (otherwise % this.all.length) + 1) - 1;
    return [...this.all.slice(first), ...this.all.slice(0, first)].find((node) => node.up)!;
  }
}

/** No partition's key has a colon before its slash: topics have none. */
function coordinatorKey(kind: CoordinatorKind, key: string): string {
  return `${kind}:${key}`;
}
