/**
 * Rows of one window that can't be sent, with `onBadRow: dead-letter`: each is told to a topic of its own, in the transaction
 * that its record would have been in. How many they are is committed with the position, so that whoever goes on counts on.
 */
import type { Bury } from './pairing.ts';
import type { DeadRows } from './ports/kafka.ts';
import type { BadRow } from './ports/records.ts';
import type { PartitionItem } from './ports/state.ts';
import { comparePositions } from './position.ts';
import type { Run } from './publish.ts';
import type { Layout, Window } from './window.ts';

export class DeadLetters {
  readonly #run: Run;
  readonly #window: Window;
  readonly #layout: Layout;
  /** Up to the last row that was appended or buried. */
  rows: DeadRows | null;

  constructor(run: Run, window: Window, layout: Layout) {
    this.#run = run;
    this.#window = window;
    this.#layout = layout;
    this.rows = deadOf(run.lease.item, window.number);
  }

  /** null: a bad row stops the partition. */
  get bury(): Bury | null {
    return this.#run.settings.deadLetterTopic ? (bad) => this.#take(bad) : null;
  }

  #take(bad: BadRow): boolean {
    const { ports, partition, producer } = this.#run;
    const { number } = this.#window;
    const letter = ports.encoders.deadLetter(this.#window, this.#layout, partition, bad, producer!.letterBytes);
    this.rows = { window: number, rows: (this.rows?.rows ?? 0) + 1, last: bad.row };
    return producer!.bury(letter, number, bad.row);
  }
}

/** Dead letters of a window, up to where the partition is. */
function deadOf({ dead }: PartitionItem, window: number): DeadRows | null {
  return dead?.window === window ? dead : null;
}

/** How many came between two states of a partition. */
export function newlyDead(before: PartitionItem, after: PartitionItem): number {
  if (!after.dead) return 0;
  return after.dead.rows - (deadOf(before, after.dead.window)?.rows ?? 0);
}

/** Whether a partition has dead letters that nobody has dealt with. */
export function hasDeadLetters({ dead, dealtWith }: PartitionItem): boolean {
  return !!dead && comparePositions({ window: dead.window, row: dead.last }, dealtWith ?? null) > 0;
}
