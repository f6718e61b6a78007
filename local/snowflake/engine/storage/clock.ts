/** The server's clock in nanoseconds: system time plus skew for statements, strictly increasing for commits. */
import type { EngineFaults } from '../../contract.ts';

const MICROSECOND = 1000n;

export class Clock {
  readonly #faults: EngineFaults;
  readonly #resolution: () => bigint;
  #last = 0n;

  /** Commit times are multiples of `resolution` nanoseconds. */
  constructor(faults: EngineFaults, resolution: () => bigint) {
    this.#faults = faults;
    this.#resolution = resolution;
  }

  #system(): bigint {
    const us = BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000));
    return us * MICROSECOND + BigInt(Math.round(this.#faults.clockSkewMs * 1000)) * MICROSECOND;
  }

  /** Now; moves inside a transaction and is never before the last commit. */
  now(): bigint {
    const system = this.#system();
    return system > this.#last ? system : this.#last;
  }

  commitTime(): bigint {
    const unit = this.#resolution();
    const system = this.#system();
    const at = (system / unit) * unit;
    this.#last = at > this.#last ? at : this.#last + unit;
    return this.#last;
  }
}
