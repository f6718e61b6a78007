/**
 * A topic folded by key, as its consumers have it, in 35 bytes a place: hashes of key and row, where the record lies, nothing of
 * what it says. An open hash table over typed arrays, whose places double before three quarters of them are taken.
 */
import { hash } from 'node:crypto';
import { SnowmeltError } from '../errors.ts';

/** Of a place: free, a key that is there, a key that is not there any more. */
const FREE = 0;
const LIVE = 1;
const DEAD = 2;
/** Flags beside it: the table has the key too; a window after the one that is looked at has it. */
const SEEN = 4;
const LATER = 8;
const STATE = 3;

/** Doubled once more, old and new places together would not fit the function's memory. */
export const MOST_KEYS = 6_000_000;
const FIRST_PLACES = 1 << 12;
const ID_BYTES = 6;

/** SHA-256, of which the table keeps 64 bits: among 6 million keys two share them once in a million topics. */
export function digest(text: Uint8Array | string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** What is shown of a key whose own characters are not to be shown: the first of its digest. */
export function idOf(key: Buffer): string {
  return key.toString('hex', 0, ID_BYTES);
}

/** Where a record stands. */
export type Place = { topicPartition: number; offset: number; window: number; row: number };

type Columns = {
  keys: Uint32Array;
  images: Uint32Array;
  windows: Uint32Array;
  rows: Uint32Array;
  offsets: Float64Array;
  partitions: Uint16Array;
  flags: Uint8Array;
};

export class FoldedTopic {
  /** At least once: the greatest position of a key counts. Otherwise the last record of its topicPartition. */
  readonly #byPosition: boolean;
  readonly #most: number;
  #columns = columnsOf(FIRST_PLACES);
  #places = FIRST_PLACES;
  #taken = 0;
  /** Of each topicPartition: the window that emptied it last. */
  readonly #emptied = new Map<number, number>();

  constructor(byPosition: boolean, most = MOST_KEYS) {
    this.#byPosition = byPosition;
    this.#most = most;
  }

  /** A record of a key with its row, null: a delete. @throws OPERATION_REFUSED when there are too many keys */
  put(key: Buffer, image: Buffer | null, place: Place): void {
    const at = this.#take(key);
    const c = this.#columns;
    if ((c.flags[at]! & STATE) !== FREE && this.#isOlder(at, place)) return;
    c.flags[at] = (c.flags[at]! & ~STATE) | (image === null ? DEAD : LIVE);
    if (image !== null) write(c.images, at, image);
    c.windows[at] = place.window;
    c.rows[at] = place.row;
    c.offsets[at] = place.offset;
    c.partitions[at] = place.topicPartition;
  }

  /** The key has a record of a window that is not looked at: a tombstone that follows it belongs to that one. */
  later(key: Buffer): void {
    const at = this.#take(key);
    const { flags } = this.#columns;
    flags[at] = flags[at]! | LATER;
  }

  /** Names no window; it ends what the same topicPartition has. */
  tombstone(key: Buffer, topicPartition: number): void {
    const { flags, partitions } = this.#columns;
    const at = this.#find(key);
    if ((flags[at]! & STATE) !== LIVE || (flags[at]! & LATER) !== 0 || partitions[at] !== topicPartition) return;
    flags[at] = (flags[at]! & ~STATE) | DEAD;
  }

  /** All that the topicPartition has of windows before this one is gone. */
  empty(topicPartition: number, window: number): void {
    this.#emptied.set(topicPartition, Math.max(window, this.#emptied.get(topicPartition) ?? 0));
  }

  /** What the topic has of a row that the table has; a row is asked for once. */
  compare(key: Buffer, image: Buffer): 'same' | 'missing' | 'altered' | 'twice' {
    const { flags, images } = this.#columns;
    const at = this.#find(key);
    if (!this.#isLive(at)) return 'missing';
    if ((flags[at]! & SEEN) !== 0) return 'twice';
    flags[at] = flags[at]! | SEEN;
    return matches(images, at, image) ? 'same' : 'altered';
  }

  /** Where the record lies that counts; null when the topic does not have the key. */
  placeOf(key: Buffer): Place | null {
    const at = this.#find(key);
    return this.#isLive(at) ? this.#placeAt(at) : null;
  }

  /** Keys that the topic has. */
  get keys(): number {
    let live = 0;
    for (let at = 0; at < this.#places; at++) if (this.#isLive(at)) live++;
    return live;
  }

  /** Keys that the topic has and the table was not asked for: of the first `most` the 64 bits that are known, and the place. */
  extra(most: number): { count: number; places: (Place & { key: Buffer })[] } {
    const { flags, keys } = this.#columns;
    const places: (Place & { key: Buffer })[] = [];
    let count = 0;
    for (let at = 0; at < this.#places; at++) {
      if (!this.#isLive(at) || (flags[at]! & SEEN) !== 0) continue;
      count++;
      if (places.length < most) places.push({ ...this.#placeAt(at), key: read(keys, at) });
    }
    return { count, places };
  }

  #isOlder(at: number, { topicPartition, window, row }: Place): boolean {
    const { windows, rows, partitions } = this.#columns;
    if (this.#byPosition) return window < windows[at]! || (window === windows[at]! && row < rows[at]!);
    // A topic that has grown has a key in two topicPartitions, with windows between that tell them apart.
    return topicPartition !== partitions[at]! && window < windows[at]!;
  }

  #isLive(at: number): boolean {
    const { flags, windows, partitions } = this.#columns;
    return (flags[at]! & STATE) === LIVE && windows[at]! >= (this.#emptied.get(partitions[at]!) ?? 0);
  }

  #placeAt(at: number): Place {
    const { windows, rows, offsets, partitions } = this.#columns;
    return { topicPartition: partitions[at]!, offset: offsets[at]!, window: windows[at]!, row: rows[at]! };
  }

  /** The key's place, or the free one that it would have. A taken place has a flag. */
  #find(key: Buffer): number {
    const { keys, flags } = this.#columns;
    let at = key.readUInt32LE(0) & (this.#places - 1);
    while (flags[at] !== 0 && !matches(keys, at, key)) at = (at + 1) & (this.#places - 1);
    return at;
  }

  #take(key: Buffer): number {
    const found = this.#find(key);
    if (this.#columns.flags[found] !== 0) return found;
    if (this.#taken >= this.#most) {
      const most = this.#most.toLocaleString('en-US');
      throw new SnowmeltError(
        'OPERATION_REFUSED',
        `The topic has had more than ${most} keys, more than fit the memory.`,
      );
    }
    if (4 * (this.#taken + 1) > 3 * this.#places) this.#grow();
    this.#taken++;
    const at = this.#find(key);
    write(this.#columns.keys, at, key);
    return at;
  }

  #grow(): void {
    const old = this.#columns;
    const places = this.#places;
    this.#columns = columnsOf(2 * places);
    this.#places = 2 * places;
    const c = this.#columns;
    for (let from = 0; from < places; from++) {
      if (old.flags[from] === 0) continue;
      let at = old.keys[2 * from]! & (this.#places - 1);
      while (c.flags[at] !== 0) at = (at + 1) & (this.#places - 1);
      for (const pair of ['keys', 'images'] as const) {
        c[pair][2 * at] = old[pair][2 * from]!;
        c[pair][2 * at + 1] = old[pair][2 * from + 1]!;
      }
      for (const one of ['windows', 'rows', 'offsets', 'partitions', 'flags'] as const) c[one][at] = old[one][from]!;
    }
  }
}

function columnsOf(places: number): Columns {
  return {
    keys: new Uint32Array(2 * places),
    images: new Uint32Array(2 * places),
    windows: new Uint32Array(places),
    rows: new Uint32Array(places),
    offsets: new Float64Array(places),
    partitions: new Uint16Array(places),
    flags: new Uint8Array(places),
  };
}

/** The first 64 bits of a digest. */
function write(to: Uint32Array, at: number, hashed: Buffer): void {
  to[2 * at] = hashed.readUInt32LE(0);
  to[2 * at + 1] = hashed.readUInt32LE(4);
}

function read(from: Uint32Array, at: number): Buffer {
  const hashed = Buffer.alloc(8);
  hashed.writeUInt32LE(from[2 * at]!, 0);
  hashed.writeUInt32LE(from[2 * at + 1]!, 4);
  return hashed;
}

function matches(of: Uint32Array, at: number, hashed: Buffer): boolean {
  return of[2 * at] === hashed.readUInt32LE(0) && of[2 * at + 1] === hashed.readUInt32LE(4);
}
