/**
 * What must be in the topic of a query: each window tells how the query's result differs from the one of the window before.
 * When a window's statement ran nobody says; it was after the window's end, and what the records of all windows so far fold
 * to is what the ledger's table was then. That moment is looked for; where there is none the window is a defect, and its end
 * is taken instead.
 */
import type { Image } from '../../local/demo/flights.ts';
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import { EventStore, type KeyEvent, type Keys } from './events.ts';
import type { Table } from './expect.ts';
import { identity } from './record.ts';
import { hash, hashOfImage, NONE, promised } from './values.ts';
import { nanoseconds, type Bounds } from './windows.ts';

/** What the records say, window by window, in the order of arrival; without tombstones, which name no window. */
export type Arrived = Map<number, (KeyEvent & { key: number })[]>;

type State = { row: number; key: number; hash: number };
type Entry = { at: bigint; changes: State[] };

export class QueryExpected {
  readonly events = new EventStore();
  readonly #table: Table;
  readonly #keys: Keys;
  readonly #loaded: State[] = [];
  readonly #entries: Entry[] = [];
  #live = new Live();
  /** Windows that tell of no state that the table was in after their end. */
  readonly unmatched: number[] = [];

  constructor(table: Table, keys: Keys) {
    this.#table = table;
    this.#keys = keys;
  }

  load(images: readonly Image[]): void {
    for (const image of images) this.#loaded.push(this.#state(this.#loaded.length, image));
  }

  note({ at, changes }: LedgerEntry): void {
    this.#entries.push({ at: BigInt(at), changes: changes.map(({ row, image }) => this.#state(row, image)) });
  }

  /** `bulk`: changes and deletes are told as such; else a row that is new or other than before is a create. */
  run(windows: readonly Bounds[], arrived: Arrived, bulk: boolean, tombstones: boolean): void {
    const cuts = this.#cuts(windows, arrived);
    this.#live = new Live();
    this.#live.apply(this.#loaded);
    const told = new Map<number, number>();
    let done = 0;
    windows.forEach(({ kind }, i) => {
      const touched = new Set<number>(i === 0 ? this.#loaded.map(({ key }) => key) : []);
      for (; done < cuts[i]!; done++)
        for (const key of this.#live.apply(this.#entries[done]!.changes)) touched.add(key);
      for (const key of touched) {
        const before = told.get(key) ?? NONE;
        const after = this.#live.hashOf(key);
        if (before === after) continue;
        if (after !== NONE) {
          told.set(key, after);
          const op = kind === 'snapshot' ? 'r' : bulk && before !== NONE ? 'u' : 'c';
          this.events.add(key, op, op === 'u' ? before : NONE, after);
        } else if (bulk) {
          told.delete(key);
          this.events.add(key, 'd', before, NONE);
          if (tombstones) this.events.add(key, 'tombstone');
        }
      }
    });
    for (; done < this.#entries.length; done++) this.#live.apply(this.#entries[done]!.changes);
  }

  final(): Map<number, number> {
    return this.#live.table();
  }

  /** How many of the ledger's entries each window's statement saw. */
  #cuts(windows: readonly Bounds[], arrived: Arrived): number[] {
    const live = new Live();
    live.apply(this.#loaded);
    const sums = [live.sum, ...this.#entries.map(({ changes }) => (live.apply(changes), live.sum))];
    const topic = new Live();
    let cut = 0;
    return windows.map(({ number, to }) => {
      const end = nanoseconds(to);
      for (const { key, after } of arrived.get(number) ?? []) topic.set(key, after);
      while (cut < this.#entries.length && this.#entries[cut]!.at <= end) cut++;
      const found = sums.indexOf(topic.sum, cut);
      if (found >= 0) cut = found;
      else this.unmatched.push(number);
      return cut;
    });
  }

  #state(row: number, image: Image | null): State {
    if (image === null) return { row, key: -1, hash: NONE };
    const { columns, key, added = [] } = this.#table;
    const of = hashOfImage(image, columns);
    const at = (name: string) => columns.findIndex((column) => column.name === name);
    const text =
      added.length > 0
        ? identity(of)
        : JSON.stringify(key.map((name) => promised(image[at(name)]!, columns[at(name)]!)));
    return { row, key: this.#keys.numberOf(text), hash: of };
  }
}

/** A table by its key, and a sum that tells two of its states apart. */
class Live {
  readonly #hashes = new Map<number, number>();
  readonly #rows = new Map<number, number>();
  readonly #owners = new Map<number, number>();
  sum = 0n;

  /** Answers the keys concerned. */
  apply(changes: readonly State[]): number[] {
    const keys: number[] = [];
    for (const { row, key, hash: image } of changes) {
      const old = this.#rows.get(row);
      if (old !== undefined && this.#owners.get(old) === row) {
        this.set(old, NONE);
        keys.push(old);
      }
      if (image === NONE) {
        this.#rows.delete(row);
        continue;
      }
      this.#rows.set(row, key);
      this.#owners.set(key, row);
      this.set(key, image);
      keys.push(key);
    }
    return keys;
  }

  set(key: number, image: number): void {
    const old = this.#hashes.get(key);
    if (old !== undefined) this.sum -= weight(key, old);
    if (image === NONE) this.#hashes.delete(key);
    else {
      this.#hashes.set(key, image);
      this.sum += weight(key, image);
    }
  }

  hashOf(key: number): number {
    return this.#hashes.get(key) ?? NONE;
  }

  table(): Map<number, number> {
    return this.#hashes;
  }
}

function weight(key: number, image: number): bigint {
  return BigInt(hash(`${key} ${image}`));
}
