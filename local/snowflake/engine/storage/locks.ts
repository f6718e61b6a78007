/** Exclusive locks that wait in order of asking. */
import { cancelled } from '../errors.ts';

type Waiter = { grant: () => void };

export class Lock {
  #held = false;
  readonly #waiting: Waiter[] = [];

  async acquire(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw cancelled();
    if (!this.#held) {
      this.#held = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { grant: resolve };
      this.#waiting.push(waiter);
      const abort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        reject(cancelled());
      };
      signal?.addEventListener('abort', abort, { once: true });
      waiter.grant = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next.grant();
    else this.#held = false;
  }

  async hold<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}
