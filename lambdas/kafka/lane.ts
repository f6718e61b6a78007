/**
 * The way to one topicPartition: records fill a batch, full batches queue, one at a time is on its way. Two outstanding
 * ones could change places, or one of them be taken for the other and dropped.
 */
import type { Outlet } from './outlet.ts';
import type { RecordBatch } from './record-batch.ts';

export class Lane {
  readonly outlet: Outlet;
  readonly partition: number;
  /** The batch that takes records. */
  filling: RecordBatch | null = null;
  /** Full ones, in order; the first may be on its way. */
  readonly queue: RecordBatch[] = [];
  sending = false;
  /** Of the next transaction, while one is being committed. */
  readonly #held: RecordBatch[] = [];
  #sequence = 0;

  constructor(outlet: Outlet, partition: number) {
    this.outlet = outlet;
    this.partition = partition;
  }

  /** Queues what there is, so that it is sent; `hold`: not before `release`. */
  seal(hold: boolean): void {
    if (this.filling === null) return;
    (hold ? this.#held : this.queue).push(this.filling);
    this.filling = null;
  }

  /** Queues what was held back. */
  release(): void {
    this.queue.push(...this.#held.splice(0));
  }

  /** The sequence of a batch's first record; counts on as brokers do, modulo 2^31. */
  takeSequence(records: number): number {
    const sequence = this.#sequence;
    this.#sequence = (sequence + records) % 2 ** 31;
    return sequence;
  }
}
