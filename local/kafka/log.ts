/** The log of one topic partition: batches in order, the transactions open on it, and those that were aborted. */
import type { BatchStore, StoredBatch } from './batch-store.ts';
import { storedLength } from './batch-store.ts';
import { CODE } from './codes.ts';
import { ProducerStates } from './producer-state.ts';
import type { BatchHeader } from './record-batch.ts';
import { markerBatch, placeBatch, readHeader } from './record-batch.ts';

type Entry = { base: number; last: number; maxTimestamp: number; batch: StoredBatch };

export type AbortedTransaction = { producerId: number; firstOffset: number; lastOffset: number };
export type Appended = { code: number; baseOffset: number };
export type ReadResult = { batches: Buffer[]; bytes: number; aborted: AbortedTransaction[] };

export class PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly #store: BatchStore;
  readonly #producers = new ProducerStates();
  readonly #open = new Map<number, number>();
  readonly #aborted: AbortedTransaction[] = [];
  readonly #listeners = new Set<() => void>();
  #entries: Entry[] = [];
  #start = 0;
  #next = 0;

  constructor(topic: string, partition: number, store: BatchStore) {
    this.topic = topic;
    this.partition = partition;
    this.#store = store;
  }

  get startOffset(): number {
    return this.#start;
  }

  /** The offset of the next record; with one node also the high watermark. */
  get nextOffset(): number {
    return this.#next;
  }

  /** Readers of committed records stop here: at the first record of the oldest open transaction. */
  get lastStableOffset(): number {
    let first = this.#next;
    for (const offset of this.#open.values()) first = Math.min(first, offset);
    return first;
  }

  hasOpenTransaction(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  /** Appends a batch that `checkBatch` accepted, unless its sequence numbers refuse it or tell that it is here already. */
  append(batch: Buffer): Appended {
    const header = readHeader(batch);
    if (header.producerId < 0) return { code: CODE.NONE, baseOffset: this.#write(batch, header) };
    const check = this.#producers.check(header);
    if (check.kind === 'refused') return { code: check.code, baseOffset: -1 };
    if (check.kind === 'duplicate') return { code: CODE.NONE, baseOffset: check.baseOffset };
    const baseOffset = this.#next;
    if (header.transactional && !this.#open.has(header.producerId)) this.#open.set(header.producerId, baseOffset);
    this.#producers.appended(header, baseOffset);
    this.#write(batch, header);
    return { code: CODE.NONE, baseOffset };
  }

  /** Ends the producer's transaction on this partition. The marker takes an offset of its own. */
  endTransaction(producerId: number, epoch: number, commit: boolean, timestamp: number): void {
    const firstOffset = this.#open.get(producerId);
    const lastOffset = this.#next;
    if (firstOffset !== undefined && !commit) this.#aborted.push({ producerId, firstOffset, lastOffset });
    this.#open.delete(producerId);
    this.#producers.markerWritten(producerId, epoch);
    const batch = markerBatch(producerId, epoch, commit, timestamp);
    this.#write(batch, readHeader(batch));
  }

  /** Whole batches from the one that holds `from`, at most `maxBytes` but for the first. */
  read(from: number, maxBytes: number, committedOnly: boolean): ReadResult {
    const limit = committedOnly ? this.lastStableOffset : this.#next;
    const batches: Buffer[] = [];
    let bytes = 0;
    let end = from;
    for (let i = this.#indexOf(from); i < this.#entries.length; i += 1) {
      const entry = this.#entries[i]!;
      const length = storedLength(entry.batch);
      if (entry.base >= limit || (bytes > 0 && bytes + length > maxBytes)) break;
      batches.push(this.#store.get(entry.batch));
      bytes += length;
      end = entry.last + 1;
    }
    const aborted = committedOnly ? this.#aborted.filter((t) => t.lastOffset >= from && t.firstOffset < end) : [];
    return { batches, bytes, aborted };
  }

  /** The first batch whose newest record is not older than `timestamp`. */
  offsetAt(timestamp: number): { offset: number; timestamp: number } | null {
    const entry = this.#entries.find((e) => e.maxTimestamp >= timestamp);
    return entry === undefined ? null : { offset: entry.base, timestamp: entry.maxTimestamp };
  }

  /** Removes whole batches below `offset` and moves the start there. Returns the new start, or null if out of range. */
  deleteBefore(offset: number): number | null {
    const target = offset === -1 ? this.#next : offset;
    if (target > this.#next || target < 0) return null;
    if (target > this.#start) {
      this.#start = target;
      const kept = this.#indexOf(target);
      for (const entry of this.#entries.slice(0, kept)) this.#store.drop(entry.batch);
      this.#entries = this.#entries.slice(kept);
    }
    return this.#start;
  }

  /** Drops all batches, for a topic that is deleted; waiting readers look again. */
  dispose(): void {
    for (const entry of this.#entries) this.#store.drop(entry.batch);
    this.#entries = [];
    this.#notify();
  }

  /** Calls `listener` on every append until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #write(batch: Buffer, header: BatchHeader): number {
    const base = this.#next;
    placeBatch(batch, base);
    const stored = this.#store.put(`${this.topic}-${String(this.partition)}`, batch);
    this.#next = base + header.records;
    this.#entries.push({ base, last: this.#next - 1, maxTimestamp: header.maxTimestamp, batch: stored });
    this.#notify();
    return base;
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Index of the batch that holds the offset, or of the next one. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.last < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
