/** Waiting between attempts is ours: kafkajs' steps of 300 ms would cost most of a second per transaction. */

const FIRST_MS = 20;
const LONGEST_MS = 50;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** 20, 24, 28.8 ... ms: short enough that a transaction's end is noticed at once, longer for what lasts. */
export class Attempts {
  readonly #deadline: number;
  readonly #longest: number;
  #wait = FIRST_MS;

  constructor(deadline: number, longest = LONGEST_MS) {
    this.#deadline = deadline;
    this.#longest = longest;
  }

  /** Waits and answers true, or false at once when the time is up. */
  async next(): Promise<boolean> {
    if (Date.now() + this.#wait > this.#deadline) return false;
    await pause(this.#wait);
    this.#wait = Math.min(this.#longest, this.#wait * 1.2);
    return true;
  }
}
