/**
 * What must be in the topic: each window's net delta, from the ledger alone.
 *
 * Snowflake's net delta is by row: DELETE with the image at `from`, INSERT with the image at `to`, neither where both are
 * equal. Snowmelt's records are by key: a DELETE and an INSERT of one key are an update, so a re-keyed row is a delete of
 * the old key and a create of the new. A snapshot tells every key as it is; a repair those that changed since its bound, a
 * delete with the image of then. Append-only, a window has what was inserted in it, as it was when that was committed.
 */
import type { DemoColumn, Image } from '../../local/demo/flights.ts';
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import { EventStore, type Keys, type Op } from './events.ts';
import { hashOfImage, NONE, promised } from './values.ts';
import { nanoseconds, type Bounds } from './windows.ts';

export type Table = {
  columns: readonly DemoColumn[];
  /** Names of the key's columns. */
  key: readonly string[];
  /** Columns of records that the ledger does not know; among them the key. A row is then known by all of its own. */
  added?: readonly string[];
};

/** What a source promises beside the table. */
export type Promises = { tombstones: boolean; appendOnly?: boolean; flat?: boolean };

const ABSENT = -1;

/** A row's number of key and hash of image. */
type State = { key: number; hash: number };
type Touched = Map<number, State>;

/** Takes what is told of a key. */
export type Tell = (key: number, op: Op, before: number, after: number) => void;

/** A point between two entries of the ledger: how many changes and inserts there were before it. */
export type Mark = { changes: number; inserts: number };

export class Expected {
  readonly events = new EventStore();
  readonly keys: Keys;
  readonly #table: Table;
  readonly #promise: Promises;
  readonly #keyAt: number[];
  /** By row: number of its key (ABSENT: no such row now) and hash of its image. */
  #rowKey = new Int32Array(1024).fill(ABSENT);
  #rowHash = new Float64Array(1024).fill(NONE);
  #rows = 0;
  /** What rows were before each change: commit time, row, state. */
  readonly #undo: { at: bigint; row: number; was: State }[] = [];
  /** Rows that were inserted, as they were committed. */
  readonly #born: State[] = [];

  constructor(table: Table, keys: Keys, promise: Promises) {
    this.#table = table;
    this.keys = keys;
    this.#promise = promise;
    this.#keyAt = table.key.map((name) => table.columns.findIndex((column) => column.name === name));
  }

  /** Rows as they were loaded, before anything in the ledger. */
  load(images: readonly Image[]): void {
    for (const image of images) this.#set(this.#rows, image);
  }

  /** Runs through the windows; `ledger` is in commit order. Changes after the last window only count for the final table. */
  async run(windows: readonly Bounds[], ledger: AsyncIterable<LedgerEntry>): Promise<void> {
    const tell: Tell = (key, op, before, after) => this.events.add(key, op, before, after);
    let open = 0;
    let closed = this.mark();
    const close = () => {
      const { kind, from, since } = windows[open++]!;
      if (kind === 'snapshot') this.tellRows('r', tell);
      else if (this.#promise.appendOnly === true) this.tellChanges(closed, tell);
      else if (kind === 'repair') this.#repair(this.#markAt(since!), tell);
      else this.tellChanges(this.#markAt(from!), tell);
      closed = this.mark();
    };
    for await (const entry of ledger) {
      while (open < windows.length && nanoseconds(windows[open]!.to) < BigInt(entry.at)) close();
      this.apply(entry);
    }
    while (open < windows.length) close();
  }

  /** One commit. */
  apply(entry: LedgerEntry): void {
    const at = BigInt(entry.at);
    const fresh = this.#promise.appendOnly === true ? this.#unknown(entry) : [];
    for (const { row, image } of entry.changes) {
      this.#undo.push({ at, row, was: { key: this.#rowKey[row] ?? ABSENT, hash: this.#rowHash[row] ?? NONE } });
      this.#set(row, image);
    }
    for (const row of fresh) {
      if (this.#rowKey[row] !== ABSENT) this.#born.push({ key: this.#rowKey[row]!, hash: this.#rowHash[row]! });
    }
  }

  /** Where it is now. */
  mark(): Mark {
    return { changes: this.#undo.length, inserts: this.#born.length };
  }

  /** Every row as it is. */
  tellRows(op: 'r' | 'c', tell: Tell): void {
    for (let row = 0; row < this.#rows; row++) {
      if (this.#rowKey[row] !== ABSENT) tell(this.#rowKey[row]!, op, NONE, this.#rowHash[row]!);
    }
  }

  /** The net changes since a mark; append-only, what was inserted. */
  tellChanges(since: Mark, tell: Tell): void {
    if (this.#promise.appendOnly === true) {
      for (let i = since.inserts; i < this.#born.length; i++) tell(this.#born[i]!.key, 'c', NONE, this.#born[i]!.hash);
      return;
    }
    for (const [key, { before, after }] of this.#delta(this.#touchedSince(since))) {
      if (after === NONE) this.#delete(key, before, tell);
      else tell(key, before === NONE ? 'c' : 'u', this.#promise.flat === true ? NONE : before, after);
    }
  }

  /** Hash of each key's image in the final table. */
  final(): Map<number, number> {
    const table = new Map<number, number>();
    for (let row = 0; row < this.#rows; row++) {
      if (this.#rowKey[row] !== ABSENT) table.set(this.#rowKey[row]!, this.#rowHash[row]!);
    }
    return table;
  }

  /** Rows that an entry inserts: a row that was deleted never comes back, but as another. */
  #unknown({ changes }: LedgerEntry): Set<number> {
    return new Set(changes.map(({ row }) => row).filter((row) => (this.#rowKey[row] ?? ABSENT) === ABSENT));
  }

  #markAt(bound: string): Mark {
    const from = nanoseconds(bound);
    let changes = this.#undo.length;
    while (changes > 0 && this.#undo[changes - 1]!.at > from) changes--;
    return { changes, inserts: 0 };
  }

  /** What rows that changed since were at the mark. */
  #touchedSince({ changes }: Mark): Touched {
    const touched: Touched = new Map();
    for (let i = this.#undo.length - 1; i >= changes; i--) touched.set(this.#undo[i]!.row, this.#undo[i]!.was);
    return touched;
  }

  #repair(since: Mark, tell: Tell): void {
    for (const [key, { before, after }] of this.#delta(this.#touchedSince(since))) {
      if (after === NONE) this.#delete(key, before, tell);
      else tell(key, 'r', NONE, after);
    }
  }

  #delete(key: number, before: number, tell: Tell): void {
    tell(key, 'd', before, NONE);
    if (this.#promise.tombstones) tell(key, 'tombstone', NONE, NONE);
  }

  /** By key, where anything changed. */
  #delta(touched: Touched): Map<number, { before: number; after: number }> {
    const delta = new Map<number, { before: number; after: number }>();
    const of = (key: number) => {
      const known = delta.get(key);
      if (known !== undefined) return known;
      const fresh = { before: NONE, after: NONE };
      delta.set(key, fresh);
      return fresh;
    };
    for (const [row, from] of touched) {
      const key = this.#rowKey[row]!;
      const image = this.#rowHash[row]!;
      if (key === from.key && image === from.hash) continue;
      if (from.key !== ABSENT) once(of(from.key), 'before', from.hash);
      if (key !== ABSENT) once(of(key), 'after', image);
    }
    return delta;
  }

  #set(row: number, image: Image | null): void {
    if (row >= this.#rowKey.length) this.#grow(row);
    this.#rows = Math.max(this.#rows, row + 1);
    this.#rowKey[row] = image === null ? ABSENT : this.keys.numberOf(this.#keyText(image));
    this.#rowHash[row] = image === null ? NONE : hashOfImage(image, this.#table.columns);
  }

  #keyText(image: Image): string {
    return JSON.stringify(this.#keyAt.map((i) => promised(image[i]!, this.#table.columns[i]!)));
  }

  #grow(row: number): void {
    const length = Math.max(2 * this.#rowKey.length, row + 1);
    const keys = new Int32Array(length).fill(ABSENT);
    keys.set(this.#rowKey);
    this.#rowKey = keys;
    const hashes = new Float64Array(length).fill(NONE);
    hashes.set(this.#rowHash);
    this.#rowHash = hashes;
  }
}

/** The ledger of a table whose key is unique never has two. */
function once(delta: { before: number; after: number }, which: 'before' | 'after', hash: number): void {
  if (delta[which] !== NONE) throw new Error('the ledger has two rows with one key');
  delta[which] = hash;
}
