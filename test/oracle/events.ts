/** Sequences of events per key, for millions of keys, in columns of numbers. */
import { NONE } from './values.ts';

/** What a record says of its key. `tombstone`: no value; `other`: nothing that the documentation promises. */
export const OPS = ['tombstone', 'c', 'u', 'd', 'r', 'other'] as const;
export type Op = (typeof OPS)[number];

export type KeyEvent = { op: Op; before: number; after: number };

/** Numbers for keys, shared by what was expected and what came. */
export class Keys {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  get count(): number {
    return this.#texts.length;
  }

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  textOf(number: number): string {
    return this.#texts[number]!;
  }
}

/** Events in arrival order, chained by key. */
export class EventStore {
  #count = 0;
  #op = new Uint8Array(1024);
  #before = new Float64Array(1024);
  #after = new Float64Array(1024);
  #next = new Int32Array(1024);
  #first = new Int32Array(1024).fill(-1);
  #last = new Int32Array(1024).fill(-1);

  get count(): number {
    return this.#count;
  }

  add(key: number, op: Op, before: number = NONE, after: number = NONE): void {
    if (this.#count === this.#op.length) this.#grow();
    if (key >= this.#first.length) this.#growKeys(key);
    const event = this.#count++;
    this.#op[event] = OPS.indexOf(op);
    this.#before[event] = before;
    this.#after[event] = after;
    this.#next[event] = -1;
    const last = this.#last[key]!;
    if (last < 0) this.#first[key] = event;
    else this.#next[last] = event;
    this.#last[key] = event;
  }

  /** A key's events, in order. */
  of(key: number): KeyEvent[] {
    const events: KeyEvent[] = [];
    for (let event = this.#first[key] ?? -1; event >= 0; event = this.#next[event]!) {
      events.push({ op: OPS[this.#op[event]!]!, before: this.#before[event]!, after: this.#after[event]! });
    }
    return events;
  }

  /** Whether the key has the same events in both stores. */
  sameAs(other: EventStore, key: number): boolean {
    let mine = this.#first[key] ?? -1;
    let theirs = other.#first[key] ?? -1;
    while (mine >= 0 && theirs >= 0) {
      const same =
        this.#op[mine] === other.#op[theirs] &&
        this.#before[mine] === other.#before[theirs] &&
        this.#after[mine] === other.#after[theirs];
      if (!same) return false;
      mine = this.#next[mine]!;
      theirs = other.#next[theirs]!;
    }
    return mine < 0 && theirs < 0;
  }

  #grow(): void {
    this.#op = copy(this.#op, new Uint8Array(2 * this.#count));
    this.#before = copy(this.#before, new Float64Array(2 * this.#count));
    this.#after = copy(this.#after, new Float64Array(2 * this.#count));
    this.#next = copy(this.#next, new Int32Array(2 * this.#count));
  }

  #growKeys(key: number): void {
    const length = Math.max(2 * this.#first.length, key + 1);
    this.#first = copy(this.#first, new Int32Array(length).fill(-1));
    this.#last = copy(this.#last, new Int32Array(length).fill(-1));
  }
}

function copy<T extends Uint8Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
