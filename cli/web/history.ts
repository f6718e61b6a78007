/** What was seen of a source lately: the plots' points and the strip's windows. A page that is opened begins with it. */
import type { SourceStatus } from '../source-status.ts';
import type { WindowStatus } from '../windows-status.ts';

export type Point = { at: number; freshnessMs: number | null; rowsPerSecond: number | null };
export type Seen = { points: Point[]; windows: WindowStatus[] };

const MAX_POINTS = 300;
/** Unfinished ones are kept however many there are. */
const MAX_WINDOWS = 64;

export class History {
  readonly #points: Point[] = [];
  readonly #windows = new Map<number, WindowStatus>();

  get all(): Seen {
    return { points: this.#points, windows: [...this.#windows.values()] };
  }

  /** Answers what is new. */
  add({ health, head, partitions, windows }: SourceStatus, at: number): Seen {
    const rates = partitions.flatMap(({ rowsPerSecond }) => rowsPerSecond ?? []);
    const rowsPerSecond = rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0);
    const point = { at, freshnessMs: health?.freshnessMs ?? null, rowsPerSecond };
    this.#points.push(point);
    if (this.#points.length > MAX_POINTS) this.#points.shift();

    const known = new Set(windows.map(({ number }) => number));
    const gone = [...this.#windows.values()].filter((one) => !known.has(one.number) && !isDone(one));
    const changed = [...gone.map(finished), ...windows];
    for (const window of changed) this.#windows.set(window.number, window);
    for (const [number, window] of this.#windows) {
      // The log of a source that was deleted begins at 1 again.
      const surplus = this.#windows.size > MAX_WINDOWS && isDone(window);
      if (number > head || surplus) this.#windows.delete(number);
    }
    return { points: [point], windows: changed };
  }
}

function isDone({ slices }: WindowStatus): boolean {
  return slices.every(({ state }) => state === 'done');
}

/** A window that the state has no longer. */
function finished(window: WindowStatus): WindowStatus {
  return { ...window, slices: window.slices.map((slice) => ({ ...slice, done: slice.rows, state: 'done' })) };
}
