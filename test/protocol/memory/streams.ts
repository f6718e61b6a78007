/** Streams over the ledger of commits: which of them each has given away, their stages, and the ledger of stages. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { LedgerEntry, StreamRequest } from '../../../lambdas/protocol/ports/snowflake.ts';
import type { Layout } from '../../../lambdas/protocol/window.ts';
import { bucketOf, type Commit, type Ledger, type Row } from './ledger.ts';

/** Fills a stage, if it is its turn. */
export type ConsumeText = {
  kind: 'consume';
  stream: string;
  information: Layout['information'];
  life: string;
  stage: number;
  table: string;
};
/** Reads a stage. */
export type StageRowsText = { kind: 'stage rows'; table: string; partitions: number };

/** `start`: commits whose outcome is shown first, as rows that are there. */
type Stream = { given: Set<Commit>; start: Set<Commit> | null; entry: LedgerEntry | null };

export class Streams {
  readonly #commits: Ledger;
  readonly #streams = new Map<string, Stream>();
  /** Key, value, action, number of the commit; what was dropped is kept for the oracle. */
  readonly #stages = new Map<string, [key: string, value: string, action: string, id: number][]>();
  readonly #dropped = new Set<string>();
  /** A token has shown what was committed up to then: it is there, whatever the clock says. */
  #seen = 0;

  constructor(commits: Ledger) {
    this.#commits = commits;
  }

  see(at: number): void {
    this.#seen = Math.max(this.#seen, at);
  }

  /** One that is there has everything from the first commit on. */
  #stream(name: string): Stream {
    const stream = this.#streams.get(name) ?? { given: new Set(), start: null, entry: null };
    this.#streams.set(name, stream);
    return stream;
  }

  #there(now: number): Commit[] {
    const upTo = Math.max(now, this.#seen);
    return this.#commits.commits.filter(({ at }) => at <= upTo);
  }

  prepare({ layout, turn, initial, table }: StreamRequest, now: number): { began: boolean } {
    const { name } = turn.stream;
    const began = layout.stream!.managed && !this.#streams.has(name);
    if (began) {
      const there = new Set(this.#there(now));
      if (initial) this.#stream(name).start = there;
      else this.#stream(name).given = there;
    }
    this.#stages.set(table.name, []);
    return { began };
  }

  hasRows(name: string, now: number): boolean {
    const { given } = this.#stream(name);
    return this.#there(now).some((commit) => !given.has(commit));
  }

  consume({ stream: name, information, life, stage, table }: ConsumeText, now: number): Row[] {
    const stream = this.#stream(name);
    const { entry } = stream;
    const isTurn = stage === 1 ? entry?.life !== life : entry?.life === life && entry.stage === stage - 1;
    if (!isTurn) return [];
    stream.entry = { life, stage, table, at: new Date(now).toISOString() };
    this.#stages.set(table, this.#take(stream, information, now));
    return [];
  }

  #take(stream: Stream, information: Layout['information'], now: number) {
    const before = stream.given;
    const after = stream.start ?? new Set(this.#there(now));
    const initial = stream.start !== null;
    stream.start = null;
    stream.given = after;
    const all = this.#commits.commits;
    if (information === 'APPEND_ONLY' && !initial) {
      return all.flatMap(({ key, value }, id): [string, string, string, number][] =>
        after.has(all[id]!) && !before.has(all[id]!) && value !== null ? [[key, value, 'INSERT', id]] : [],
      );
    }
    const [was, is] = [before, after].map((set) => stateOf(all.filter((commit) => set.has(commit)))) as [
      Map<string, string>,
      Map<string, string>,
    ];
    return [...new Set([...was.keys(), ...is.keys()])].flatMap((key): [string, string, string, number][] => {
      const [old, now] = [was.get(key), is.get(key)];
      if (old === now) return [];
      return [
        ...(old === undefined ? [] : [[key, old, 'DELETE', 0] as [string, string, string, number]]),
        ...(now === undefined ? [] : [[key, now, 'INSERT', 0] as [string, string, string, number]]),
      ];
    });
  }

  entry(name: string): LedgerEntry | null {
    return this.#streams.get(name)?.entry ?? null;
  }

  names(): string[] {
    return [...this.#stages.keys()].filter((name) => !this.#dropped.has(name));
  }

  streamNames(): string[] {
    return [...this.#streams.keys()];
  }

  dropStage(name: string): void {
    this.#dropped.add(name);
  }

  dropStream(name: string): void {
    this.#streams.delete(name);
  }

  /** As a window's statement reads them. @throws OBJECT_MISSING */
  rows(text: StageRowsText): Row[] {
    if (!this.has(text.table)) throw new SnowmeltError('OBJECT_MISSING', text.table);
    return this.rowsEver(text);
  }

  has(table: string): boolean {
    return this.#stages.has(table) && !this.#dropped.has(table);
  }

  rowsEver({ table, partitions }: StageRowsText): Row[] {
    const rows = this.#stages.get(table)!.map(([key, value, action, id]): Row => {
      return [key, value, key, action, String(id), String(bucketOf(key, partitions))];
    });
    const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    return rows.sort(
      (a, b) =>
        Number(a[5]) - Number(b[5]) || compare(a[2]!, b[2]!) || compare(a[3]!, b[3]!) || Number(a[4]) - Number(b[4]),
    );
  }
}

function stateOf(commits: readonly Commit[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of commits) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
  return state;
}
