/**
 * Bounds how fast what is sent all at once, a snapshot or a repair, reaches consumers. Each partition keeps its part of the
 * rate, so that all together keep the whole without knowing of each other. It waits between two transactions until what it sent
 * is paid for; nothing is counted per row.
 */
import type { Clock } from './ports/effects.ts';
import type { RowBatch } from './ports/snowflake.ts';

/** A second, of all partitions of a source together. Bytes are those of the rows as they are read. */
export type Rate = { unit: 'rows' | 'bytes'; perSecond: number };

const SECOND = 1_000;

export class Pace {
  readonly #unit: Rate['unit'];
  /** Units a second. */
  readonly #share: number;
  readonly #clock: Clock;
  /** When all that was sent is paid for. */
  #paidAt = 0;

  /** `workers`: how many keep the rate together. */
  constructor({ unit, perSecond }: Rate, workers: number, clock: Clock) {
    this.#unit = unit;
    this.#share = perSecond / workers;
    this.#clock = clock;
  }

  /** The batch in parts of at most about a second: views, no copies. */
  *parts(batch: RowBatch): Iterable<RowBatch> {
    const each = this.#unit === 'rows' ? 1 : bytesOf(batch) / batch.rows;
    const rows = Math.max(1, Math.floor(this.#share / each));
    for (let start = 0; start < batch.rows; start += rows) {
      const end = Math.min(batch.rows, start + rows);
      const width = 2 * batch.width;
      yield { ...batch, offsets: batch.offsets.subarray(start * width, end * width), rows: end - start };
    }
  }

  sent(part: RowBatch): void {
    const units = this.#unit === 'rows' ? part.rows : bytesOf(part);
    this.#paidAt = Math.max(this.#paidAt, this.#clock.now()) + (units / this.#share) * SECOND;
  }

  /** Ms until all is paid for. */
  get owed(): number {
    return Math.max(0, Math.ceil(this.#paidAt - this.#clock.now()));
  }

  /** More than a second's worth: time to commit and to wait. */
  get isDue(): boolean {
    return this.owed > SECOND;
  }
}

/** From the first cell to the last of the rows; their bytes stand one after the other, with what JSON puts between them. */
function bytesOf({ bytes, offsets, rows, width }: RowBatch): number {
  let first = 0;
  let last = 2 * rows * width - 1;
  while (first < last && offsets[first] === -1) first += 2;
  while (last > first && offsets[last] === -1) last -= 2;
  return Math.max(1, rows === 0 ? 0 : (offsets[last] ?? bytes.length) - (offsets[first] ?? 0));
}
