/** What came against what was expected, key by key and in sequence; and what the topic says of itself, with no oracle. */
import type { EventStore, KeyEvent, Keys } from './events.ts';
import { NONE } from './values.ts';

export type Defects = { missing: number; duplicated: number; reordered: number; mismatched: number };

export const noDefects = (): Defects => ({ missing: 0, duplicated: 0, reordered: 0, mismatched: 0 });

/** Called for the first defects found. */
export type Explain = (key: string, what: string, found: Defects) => void;

/** Compares all keys; both stores use the numbers of `keys`. */
export function compare(keys: Keys, expected: EventStore, actual: EventStore, explain: Explain): Defects {
  const total = noDefects();
  for (let key = 0; key < keys.count; key++) {
    if (expected.sameAs(actual, key)) continue;
    const found = classify(expected.of(key), actual.of(key));
    for (const kind of Object.keys(total) as (keyof Defects)[]) total[kind] += found[kind];
    explain(keys.textOf(key), `expected ${words(expected.of(key))}; came ${words(actual.of(key))}`, found);
  }
  return total;
}

/**
 * The longest common subsequence is what is right. Of the rest: on both sides is reordered; came again is duplicated;
 * came but never expected is mismatched, and takes the place of one expected event that did not come; what is left of
 * those is missing.
 */
export function classify(expected: readonly KeyEvent[], actual: readonly KeyEvent[]): Defects {
  const defects = noDefects();
  const wanted = expected.map(token);
  const [restExpected, restActual] = withoutCommon(wanted, actual.map(token));
  const foreign: string[] = [];
  for (const event of restActual) {
    const at = restExpected.indexOf(event);
    if (at >= 0) {
      restExpected.splice(at, 1);
      defects.reordered++;
    } else if (wanted.includes(event)) defects.duplicated++;
    else foreign.push(event);
  }
  defects.mismatched = foreign.length;
  defects.missing = Math.max(0, restExpected.length - foreign.length);
  return defects;
}

/**
 * Without any oracle: a record's `before` is its key's previous `after`; what is told again is what was told, of a key that
 * is gone that it is; a tombstone follows a delete. Returns how many events break that.
 */
export function breaks(events: readonly KeyEvent[]): number {
  let broken = 0;
  let state = NONE;
  let previous: KeyEvent | null = null;
  for (const event of events) {
    if (!follows(event, state, previous)) broken++;
    state = event.after;
    previous = event;
  }
  return broken;
}

function follows({ op, before, after }: KeyEvent, state: number, previous: KeyEvent | null): boolean {
  switch (op) {
    case 'tombstone':
      return previous?.op === 'd';
    case 'c':
      return state === NONE && before === NONE && after !== NONE;
    case 'r':
      return before === NONE && after !== NONE && (state === NONE || after === state);
    case 'u':
      return state !== NONE && before === state && after !== NONE;
    case 'd':
      return after === NONE && before !== NONE && (state === NONE || before === state);
    case 'other':
      return false;
  }
}

/** The key's image after all its events; NONE when it is gone. */
export function fold(events: readonly KeyEvent[]): number {
  return events.at(-1)?.after ?? NONE;
}

function token(event: KeyEvent): string {
  return `${event.op} ${event.before} ${event.after}`;
}

function words(events: readonly KeyEvent[]): string {
  const image = (hash: number) => (hash === NONE ? '-' : hash.toString(36));
  return `[${events.map((e) => (e.op === 'tombstone' ? 'tombstone' : `${e.op} ${image(e.before)}>${image(e.after)}`)).join(', ')}]`;
}

/** What is left of both after their longest common subsequence is taken out. */
function withoutCommon(a: readonly string[], b: readonly string[]): [string[], string[]] {
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const restA: string[] = [];
  const restB: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      i++;
      j++;
    } else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!) restA.push(a[i++]!);
    else restB.push(b[j++]!);
  }
  return [restA.concat(a.slice(i)), restB.concat(b.slice(j))];
}
