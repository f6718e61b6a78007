/**
 * What must be in the topic of a stream: each window tells the net changes since what the window before had consumed. Up to
 * which commit a stream was consumed nobody says, only a moment after it, the window's end. So the commits up to that end are
 * looked for whose net changes are what came; a row that was replaced by its equal makes several, of which the next window
 * tells. Where there is none the window is a defect, and its end is taken instead. A stream first shows the rows that there
 * were.
 */
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import type { EventStore, Op } from './events.ts';
import type { Expected, Mark } from './expect.ts';
import type { Arrived } from './queries.ts';
import { hash } from './values.ts';
import { nanoseconds, type Bounds } from './windows.ts';

type Told = { events: { key: number; op: Op; before: number; after: number }[]; sum: bigint; mark: Mark };

export class StreamExpected {
  readonly #expected: Expected;
  /** Windows that tell what no commit up to their end explains. */
  readonly unmatched: number[] = [];

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  get events(): EventStore {
    return this.#expected.events;
  }

  final(): Map<number, number> {
    return this.#expected.final();
  }

  async run(windows: readonly Bounds[], ledger: AsyncIterable<LedgerEntry>, arrived: Arrived): Promise<void> {
    const entries: LedgerEntry[] = [];
    for await (const entry of ledger) entries.push(entry);
    let next = 0;
    let consumed: (Mark | null)[] = [null];
    for (const { number, kind, to } of windows) {
      const came = sumOf(arrived.get(number) ?? []);
      const found: Told[] = [];
      const look = () => {
        const told = consumed.map((since) => this.#told(kind, since));
        const same = told.find(({ sum }) => sum === came);
        if (same !== undefined) found.push(same);
        return told[0]!;
      };
      let atEnd = look();
      for (; next < entries.length && BigInt(entries[next]!.at) <= nanoseconds(to); next++) {
        this.#expected.apply(entries[next]!);
        atEnd = look();
      }
      if (found.length === 0) this.unmatched.push(number);
      const all = found.length === 0 ? [atEnd] : found;
      for (const { key, op, before, after } of all[0]!.events) this.events.add(key, op, before, after);
      consumed = all.map(({ mark }) => mark);
    }
    for (; next < entries.length; next++) this.#expected.apply(entries[next]!);
  }

  /** What a window tells that was consumed up to now. */
  #told(kind: string, since: Mark | null): Told {
    const events: Told['events'] = [];
    const tell = (key: number, op: Op, before: number, after: number) => void events.push({ key, op, before, after });
    if (since === null) this.#expected.tellRows(kind === 'snapshot' ? 'r' : 'c', tell);
    else this.#expected.tellChanges(since, tell);
    return { events, sum: sumOf(events), mark: this.#expected.mark() };
  }
}

/** Tells two sets of records apart, whatever their order. A tombstone does not say which window it is of. */
function sumOf(events: readonly { key: number; op: Op; before: number; after: number }[]): bigint {
  let sum = 0n;
  for (const { key, op, before, after } of events) {
    if (op !== 'tombstone') sum += BigInt(hash(`${key} ${op} ${before} ${after}`));
  }
  return sum;
}
