/** Where the bytes of batches are: in memory up to a limit, in one temporary file a partition beyond it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** One batch: its bytes, or where they lie in the file of its partition. */
export type StoredBatch = { bytes: Buffer } | { file: number; at: number; length: number };

export class BatchStore {
  readonly #limit: number;
  readonly #given: string | null;
  #dir: string | null = null;
  readonly #files = new Map<string, { descriptor: number; size: number }>();
  #inMemory = 0;
  #onDisk = 0;

  constructor(limit: number, dir: string | null) {
    this.#limit = limit;
    this.#given = dir;
  }

  get sizes(): { inMemory: number; onDisk: number } {
    return { inMemory: this.#inMemory, onDisk: this.#onDisk };
  }

  /** Keeps the batch; `bytes` must not be changed again. */
  put(partition: string, bytes: Buffer): StoredBatch {
    if (this.#inMemory + bytes.length <= this.#limit) {
      this.#inMemory += bytes.length;
      return { bytes };
    }
    const file = this.#fileOf(partition);
    const at = file.size;
    fs.writeSync(file.descriptor, bytes, 0, bytes.length, at);
    file.size += bytes.length;
    this.#onDisk += bytes.length;
    return { file: file.descriptor, at, length: bytes.length };
  }

  get(batch: StoredBatch): Buffer {
    if ('bytes' in batch) return batch.bytes;
    const bytes = Buffer.allocUnsafe(batch.length);
    fs.readSync(batch.file, bytes, 0, batch.length, batch.at);
    return bytes;
  }

  drop(batch: StoredBatch): void {
    if ('bytes' in batch) this.#inMemory -= batch.bytes.length;
    else this.#onDisk -= batch.length;
  }

  close(): void {
    for (const file of this.#files.values()) fs.closeSync(file.descriptor);
    this.#files.clear();
    if (this.#dir !== null) fs.rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = null;
  }

  #fileOf(partition: string): { descriptor: number; size: number } {
    let file = this.#files.get(partition);
    if (file === undefined) {
      if (this.#dir === null) {
        const parent = this.#given ?? os.tmpdir();
        fs.mkdirSync(parent, { recursive: true });
        this.#dir = fs.mkdtempSync(path.join(parent, 'snowmelt-kafka-'));
      }
      const name = `${String(this.#files.size)}.log`;
      file = { descriptor: fs.openSync(path.join(this.#dir, name), 'w+'), size: 0 };
      this.#files.set(partition, file);
    }
    return file;
  }
}

export function storedLength(batch: StoredBatch): number {
  return 'bytes' in batch ? batch.bytes.length : batch.length;
}
