/** What a measured process tells of itself: one line of JSON at its end. */

export type Measured = {
  rows: number;
  bytes: number;
  wallMs: number;
  cpuMs: number;
  /** Of the whole process, from its start. */
  totalCpuMs: number;
  rssMb: number;
  stallMs: number;
};

const TICK_MS = 5;

/** The longest time that a timer had to wait, also the one that is still waiting when it is asked for. */
export class StallMeter {
  #last = performance.now();
  #longest = 0;

  constructor() {
    setInterval(() => this.#tick(), TICK_MS).unref();
  }

  longestMs(): number {
    this.#tick();
    return this.#longest;
  }

  reset(): void {
    this.#last = performance.now();
    this.#longest = 0;
  }

  #tick(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last - TICK_MS);
    this.#last = now;
  }
}

/** Runs the work, prints what it took, and ends the process. */
export async function measure(work: () => Promise<{ rows: number; bytes: number }>): Promise<void> {
  const stalls = new StallMeter();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const { rows, bytes } = await work();
  const wallMs = performance.now() - began;
  const cpuMs = milliseconds(process.cpuUsage(cpu));
  const totalCpuMs = milliseconds(process.cpuUsage());
  const rssMb = process.resourceUsage().maxRSS / 1024;
  const measured: Measured = { rows, bytes, wallMs, cpuMs, totalCpuMs, rssMb, stallMs: stalls.longestMs() };
  console.log(JSON.stringify(measured));
  process.exit();
}

export function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}
