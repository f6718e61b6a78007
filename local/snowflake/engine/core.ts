/** What all sessions of an engine share: tables, clock, commits in flight, statements and results by id. */
import { Assumptions } from '../assumptions.ts';
import type { EngineFaults } from '../contract.ts';
import { Catalog } from './storage/catalog.ts';
import { Clock } from './storage/clock.ts';
import { Database } from './storage/duckdb.ts';
import { Grants } from './storage/grants.ts';
import { Lock } from './storage/locks.ts';
import type { Table, Unseen } from './storage/table.ts';
import type { StoredResult } from './results.ts';

export type EngineOptions = {
  /** DuckDB's, e.g. `6GB`. */
  memoryLimit?: string;
  threads?: number;
  /** Order of rows that SQL leaves open: random, a seed for a fixed disorder, or as stored. */
  shuffle?: 'random' | 'stored' | number;
};

/** What AT(STATEMENT => id) may mean. */
export type LoggedStatement =
  { kind: 'dml'; commit: bigint | null } | { kind: 'ddl' } | { kind: 'other'; start: bigint };

export class Core {
  readonly faults: EngineFaults = { clockSkewMs: 0, visibilityDelayMs: 0 };
  readonly assumptions = new Assumptions();
  readonly scans = new Map<string, number>();
  readonly catalog = new Catalog();
  readonly grants = new Grants();
  /** AUTO_SUSPEND of warehouses where it was set, in seconds; null: never. What is told, not what is accounted for. */
  readonly autoSuspend = new Map<string, number | null>();
  readonly statements = new Map<string, LoggedStatement>();
  readonly results = new Map<string, StoredResult>();
  readonly locks = new Map<object, Lock>();
  /** Held while a commit moves rows, and while DDL changes a table. */
  readonly commitLock = new Lock();
  readonly db: Database;
  readonly clock: Clock;
  readonly shuffle: EngineOptions['shuffle'];
  #numbers = 0;
  #inFlight: { time: bigint; done: Promise<void> } | null = null;
  #hidden: { time: bigint; by: number; until: number }[] = [];

  private constructor(db: Database, shuffle: EngineOptions['shuffle']) {
    this.db = db;
    this.shuffle = shuffle;
    this.clock = new Clock(this.faults, () =>
      this.assumptions.get('commit-resolution') === 'ms' ? 1_000_000n : 1000n,
    );
  }

  static async open(options: EngineOptions): Promise<Core> {
    const db = await Database.open({ memoryLimit: options.memoryLimit ?? '6GB', threads: options.threads ?? 2 });
    return new Core(db, options.shuffle ?? 'random');
  }

  /** A number never given before: table ids, names of scratch tables. */
  fresh(): number {
    return ++this.#numbers;
  }

  /** Of a table or a stream. */
  lockOf(object: object): Lock {
    let lock = this.locks.get(object);
    if (!lock) this.locks.set(object, (lock = new Lock()));
    return lock;
  }

  /** Takes the next commit time and does the commit under it; whoever reads at or after that time waits for it. */
  async commit<T>(by: number, work: (time: bigint) => Promise<T>): Promise<{ time: bigint; done: T }> {
    return this.commitLock.hold(async () => {
      const time = this.clock.commitTime();
      const doing = work(time);
      const flight = { time, done: doing.then(() => undefined).catch(() => undefined) };
      this.#inFlight = flight;
      try {
        const done = await doing;
        const delay = this.faults.visibilityDelayMs;
        if (delay > 0) this.#hidden.push({ time, by, until: Date.now() + delay });
        return { time, done };
      } finally {
        if (this.#inFlight === flight) this.#inFlight = null;
      }
    });
  }

  /** Waits until every commit at or before a time can be read. */
  async settled(time: bigint): Promise<void> {
    while (this.#inFlight && this.#inFlight.time <= time) await this.#inFlight.done;
  }

  /** Commits of others that a session can't see yet. */
  unseenBy(session: number): Unseen {
    if (this.#hidden.length === 0) return [];
    const now = Date.now();
    this.#hidden = this.#hidden.filter((h) => h.until > now);
    return this.#hidden.filter((h) => h.by !== session).map((h) => h.time);
  }

  /** Commits that moved a table's token, seen by a session. */
  lastCommit(t: Table, session: number): bigint | null {
    const unseen = this.unseenBy(session);
    return t.commits.findLast((c) => !unseen.includes(c)) ?? null;
  }

  countScan(table: string): void {
    this.scans.set(table, (this.scans.get(table) ?? 0) + 1);
  }
}
