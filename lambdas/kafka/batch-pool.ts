/** The buffers of one producer: made as needed, used again, their sum bounded whatever the number of topicPartitions. */
import { RecordBatch, type RecordKind } from './record-batch.ts';

/** Bytes of records in memory, waiting and on their way, before the caller must wait. */
const LIMIT = 20 * 1024 * 1024;
const SMALLEST_BATCH = 4 * 1024;

export class BatchPool {
  /** Bytes of an ordinary batch: small enough that every topicPartition can fill one while another is on its way. */
  readonly capacity: number;
  readonly #headroom: number;
  readonly #kind: RecordKind;
  readonly #free: RecordBatch[] = [];
  #inUse = 0;

  constructor(maxBatchBytes: number, topicPartitions: number, headroom: number, kind: RecordKind) {
    const share = Math.floor(LIMIT / (2 * topicPartitions));
    this.capacity = Math.min(maxBatchBytes, Math.max(SMALLEST_BATCH, share));
    this.#headroom = headroom;
    this.#kind = kind;
  }

  /** Whether another batch may be begun. */
  get hasRoom(): boolean {
    return this.#inUse < LIMIT;
  }

  /** An empty batch of at least `capacity` bytes; a larger one than usual is for one large record. */
  take(capacity: number): RecordBatch {
    const usual = capacity <= this.capacity;
    const batch =
      (usual && this.#free.pop()) || new RecordBatch(usual ? this.capacity : capacity, this.#headroom, this.#kind);
    this.#inUse += batch.bytes.length;
    return batch;
  }

  /** Takes a batch back once nothing reads its bytes any more. */
  give(batch: RecordBatch): void {
    this.#inUse -= batch.bytes.length;
    if (batch.bytes.length !== this.#headroom + this.capacity) return;
    batch.clear();
    this.#free.push(batch);
  }
}
