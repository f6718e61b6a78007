/**
 * What a partition remembers of each producer: its epoch and its last five batches. That is all that makes a
 * retried batch land once, and it has Apache Kafka's edges: a batch with the same sequence numbers as one of the
 * last five is a duplicate whatever is in it, also after an abort of the same epoch.
 */
import { CODE } from './codes.ts';
import type { BatchHeader } from './record-batch.ts';

const REMEMBERED_BATCHES = 5;
const MAX_SEQUENCE = 0x7fffffff;

type Batch = { first: number; last: number; baseOffset: number };
type Producer = { epoch: number; batches: Batch[] };

export type SequenceCheck =
  { kind: 'next' } | { kind: 'duplicate'; baseOffset: number } | { kind: 'refused'; code: number };

export class ProducerStates {
  readonly #producers = new Map<number, Producer>();

  /** Judges a batch of an idempotent producer; `appended` follows when it is the next one. */
  check(header: BatchHeader): SequenceCheck {
    const producer = this.#producers.get(header.producerId);
    if (producer === undefined) return { kind: 'next' };
    if (header.epoch < producer.epoch) return { kind: 'refused', code: CODE.INVALID_PRODUCER_EPOCH };
    if (header.epoch > producer.epoch) return this.#expect(header.firstSequence === 0);
    const last = lastSequence(header);
    const same = producer.batches.find((batch) => batch.first === header.firstSequence && batch.last === last);
    if (same !== undefined) return { kind: 'duplicate', baseOffset: same.baseOffset };
    const previous = producer.batches.at(-1)?.last ?? -1;
    return this.#expect(header.firstSequence === (previous === MAX_SEQUENCE ? 0 : previous + 1));
  }

  appended(header: BatchHeader, baseOffset: number): void {
    const producer = this.#at(header.producerId, header.epoch);
    producer.batches.push({ first: header.firstSequence, last: lastSequence(header), baseOffset });
    if (producer.batches.length > REMEMBERED_BATCHES) producer.batches.shift();
  }

  /** A marker with a newer epoch (an abort that fenced the producer) forgets the batches of the older one. */
  markerWritten(producerId: number, epoch: number): void {
    this.#at(producerId, epoch);
  }

  #at(producerId: number, epoch: number): Producer {
    let producer = this.#producers.get(producerId);
    if (producer === undefined || producer.epoch < epoch) {
      producer = { epoch, batches: [] };
      this.#producers.set(producerId, producer);
    }
    return producer;
  }

  #expect(inSequence: boolean): SequenceCheck {
    return inSequence ? { kind: 'next' } : { kind: 'refused', code: CODE.OUT_OF_ORDER_SEQUENCE_NUMBER };
  }
}

/** Sequence numbers go back to 0 after 2^31 - 1. */
function lastSequence(header: BatchHeader): number {
  const last = header.firstSequence + header.records - 1;
  return last > MAX_SEQUENCE ? last - MAX_SEQUENCE - 1 : last;
}
