/** Faults that a test places: what happens to the requests that match, before the broker acts or after. */
import { matches } from './request.ts';
import type { RequestMatch, SeenRequest } from './request.ts';

/**
 * - `drop`: nothing more happens; the client waits until its own time-out
 * - `close`: the connection is closed
 * - `hold`: waits until the fault is released, then goes on, also when the client is gone by then
 * - `delayMs`: goes on after that time
 * - `error`: the client is answered with this code
 */
export type FaultAction = 'drop' | 'close' | 'hold' | { delayMs: number } | { error: number };

export type Fault = {
  match: RequestMatch;
  /** `request`: the broker has not acted on it. `reply`: it has, only the answer is still to come. */
  at: 'request' | 'reply';
  action: FaultAction;
  /** Lets so many matching requests pass first. */
  skip?: number;
  /** How many are hit; 1 unless given, 0 for all. */
  times?: number;
};

type Placed = {
  fault: Fault;
  skip: number;
  left: number;
  hits: number;
  released: boolean;
  waiting: Set<() => void>;
  observers: Set<() => void>;
};

export class Faults {
  readonly #placed = new Map<string, Placed>();
  #next = 1;

  add(fault: Fault): string {
    const id = String(this.#next);
    this.#next += 1;
    const times = fault.times ?? 1;
    this.#placed.set(id, {
      fault,
      skip: fault.skip ?? 0,
      left: times === 0 ? Infinity : times,
      hits: 0,
      released: false,
      waiting: new Set(),
      observers: new Set(),
    });
    return id;
  }

  /** The action for this request, from the first fault that takes it, with a promise that `hold` waits for. */
  take(at: Fault['at'], request: SeenRequest): { action: FaultAction; released: Promise<void> } | null {
    for (const placed of this.#placed.values()) {
      if (placed.left <= 0 || placed.fault.at !== at || !matches(placed.fault.match, request)) continue;
      if (placed.skip > 0) {
        placed.skip -= 1;
        continue;
      }
      placed.left -= 1;
      placed.hits += 1;
      for (const observe of [...placed.observers]) observe();
      return { action: placed.fault.action, released: untilReleased(placed) };
    }
    return null;
  }

  /** How many requests the fault has hit; waits until there are `atLeast`, or for `timeoutMs`. */
  async hits(id: string, atLeast: number, timeoutMs: number): Promise<number> {
    const placed = this.#placed.get(id);
    if (placed === undefined) return 0;
    if (placed.hits < atLeast) {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          clearTimeout(timer);
          placed.observers.delete(observe);
          resolve();
        };
        const observe = (): void => {
          if (placed.hits >= atLeast) settle();
        };
        const timer = setTimeout(settle, timeoutMs);
        placed.observers.add(observe);
      });
    }
    return placed.hits;
  }

  /** Lets go what the fault holds, and hits nothing any more. */
  release(id: string): void {
    const placed = this.#placed.get(id);
    if (placed === undefined) return;
    placed.left = 0;
    placed.released = true;
    for (const go of [...placed.waiting]) go();
  }

  clear(): void {
    for (const id of this.#placed.keys()) this.release(id);
  }
}

function untilReleased(placed: Placed): Promise<void> {
  if (placed.fault.action !== 'hold' || placed.released) return Promise.resolve();
  return new Promise((resolve) => {
    const go = (): void => {
      placed.waiting.delete(go);
      resolve();
    };
    placed.waiting.add(go);
  });
}
