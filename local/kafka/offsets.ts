/** The offsets of one group: committed ones, and those of transactions that are not decided yet. */
import { parsePartitionKey, partitionKey } from './partition-key.ts';

export type CommittedOffset = { offset: bigint; metadata: string; committedAt: number };
type Stored = CommittedOffset & { order: number };

export class GroupOffsets {
  readonly #committed = new Map<string, Stored>();
  readonly #pending = new Map<number, Map<string, Stored>>();
  #order = 0;

  get isEmpty(): boolean {
    return this.#committed.size === 0 && this.#pending.size === 0;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#committed.get(partitionKey(topic, partition));
  }

  /** True while a transaction has written an offset for the partition and is not decided. */
  isUnstable(topic: string, partition: number): boolean {
    const key = partitionKey(topic, partition);
    for (const offsets of this.#pending.values()) if (offsets.has(key)) return true;
    return false;
  }

  partitions(): { topic: string; partition: number }[] {
    return [...this.#committed.keys()].map(parsePartitionKey);
  }

  commit(topic: string, partition: number, value: CommittedOffset): void {
    this.#committed.set(partitionKey(topic, partition), this.#stamped(value));
  }

  commitInTransaction(producerId: number, topic: string, partition: number, value: CommittedOffset): void {
    let offsets = this.#pending.get(producerId);
    if (offsets === undefined) this.#pending.set(producerId, (offsets = new Map<string, Stored>()));
    offsets.set(partitionKey(topic, partition), this.#stamped(value));
  }

  /** An offset that was written later, outside the transaction, stays. */
  endTransaction(producerId: number, commit: boolean): void {
    const offsets = this.#pending.get(producerId);
    this.#pending.delete(producerId);
    if (offsets === undefined || !commit) return;
    for (const [key, value] of offsets) {
      const current = this.#committed.get(key);
      if (current === undefined || current.order < value.order) this.#committed.set(key, value);
    }
  }

  /** Removes the committed offsets that `when` picks; returns how many. */
  remove(when: (topic: string, partition: number, value: CommittedOffset) => boolean): number {
    let removed = 0;
    for (const [key, value] of this.#committed) {
      const { topic, partition } = parsePartitionKey(key);
      if (!when(topic, partition, value) || this.isUnstable(topic, partition)) continue;
      this.#committed.delete(key);
      removed += 1;
    }
    return removed;
  }

  #stamped(value: CommittedOffset): Stored {
    this.#order += 1;
    return { ...value, order: this.#order };
  }
}
