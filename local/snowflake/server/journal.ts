/** The last requests seen, for tests that wait for one instead of for time. */
import type { SeenRequest } from './types.ts';

const kept = 5_000;

export class Journal {
  readonly #seen: SeenRequest[] = [];
  readonly #waiting = new Set<() => void>();
  #lastSeq = 0;

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Notes a request's phase. The entry is a copy: what is learned later stands in the later phase. */
  note(seen: Omit<SeenRequest, 'seq' | 'atMs'>): void {
    this.#seen.push({ ...seen, faults: [...seen.faults], seq: ++this.#lastSeq, atMs: Date.now() });
    if (this.#seen.length > kept) this.#seen.splice(0, kept / 10);
    for (const wake of this.#waiting) wake();
  }

  /** Entries after `after`; waits up to `waitMs` for the first. */
  async after(after: number, waitMs: number): Promise<SeenRequest[]> {
    if (this.#lastSeq <= after && waitMs > 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        this.#waiting.add(done);
      });
    }
    return this.#seen.filter((entry) => entry.seq > after);
  }
}
