/**
 * Warehouse accounting: per second while awake, at least 60 s per resume, asleep after AUTO_SUSPEND without work.
 * Times are accounting seconds, which run `scale` times as fast as the clock and can be pushed forward.
 */
import type { WarehouseStats } from './types.ts';

const minimumSeconds = 60;

type Meter = { resumes: number; billed: number; awakeSince: number | null; idleSince: number; busy: number };

export class Warehouses {
  readonly #autoSuspend: number;
  readonly #scale: number;
  readonly #start = performance.now();
  #pushed = 0;
  #meters = new Map<string, Meter>();

  constructor(autoSuspendSeconds: number, scale: number) {
    this.#autoSuspend = autoSuspendSeconds;
    this.#scale = scale;
  }

  /** A statement begins on a warehouse, resuming it if it sleeps; call the answer when the statement ends. */
  use(name: string): () => void {
    const meter = this.#meters.get(name) ?? { resumes: 0, billed: 0, awakeSince: null, idleSince: 0, busy: 0 };
    this.#meters.set(name, meter);
    this.#settle(meter);
    if (meter.awakeSince === null) {
      meter.awakeSince = this.now();
      meter.resumes++;
    }
    meter.busy++;
    return () => {
      meter.busy--;
      meter.idleSince = this.now();
    };
  }

  /** Accounting seconds since the start. */
  now(): number {
    return ((performance.now() - this.#start) / 1000) * this.#scale + this.#pushed;
  }

  push(seconds: number): void {
    this.#pushed += seconds;
  }

  stats(): Record<string, WarehouseStats> {
    const stats: Record<string, WarehouseStats> = {};
    for (const [name, meter] of this.#meters) {
      this.#settle(meter);
      const running = meter.awakeSince === null ? 0 : Math.max(minimumSeconds, this.now() - meter.awakeSince);
      stats[name] = {
        state: meter.awakeSince === null ? 'SUSPENDED' : 'STARTED',
        resumes: meter.resumes,
        secondsAwake: meter.billed + running,
      };
    }
    return stats;
  }

  /** Forgets what was counted; a warehouse that is awake stays so, counted from now as awake without a resume. */
  reset(): void {
    for (const [name, meter] of this.#meters) {
      this.#settle(meter);
      if (meter.awakeSince === null) this.#meters.delete(name);
      else Object.assign(meter, { resumes: 0, billed: 0, awakeSince: this.now() });
    }
  }

  #settle(meter: Meter): void {
    const asleepAt = meter.idleSince + this.#autoSuspend;
    if (meter.awakeSince === null || meter.busy > 0 || this.#autoSuspend === 0 || asleepAt > this.now()) return;
    meter.billed += Math.max(minimumSeconds, asleepAt - meter.awakeSince);
    meter.awakeSince = null;
  }
}
