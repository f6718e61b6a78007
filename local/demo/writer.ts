/** Keeps changing a table, one commit after the other, and writes each into the ledger with its commit time. */
import { LedgerFile } from './ledger.ts';
import type { Session } from './snowflake.ts';
import type { Commit, Counts } from './traffic.ts';

/** What is committed next. */
export type Traffic = { next(): Commit };

/** Commits, and answers the commit time in nanoseconds since 1970. */
export type Store = (statements: readonly string[]) => Promise<bigint>;

export type WriterTotals = Counts & { commits: number; changes: number };

export class Writer {
  readonly totals: WriterTotals = { inserts: 0, updates: 0, deletes: 0, rekeys: 0, commits: 0, changes: 0 };
  readonly ledger: LedgerFile;
  readonly #store: Store;
  readonly #traffic: Traffic;
  #lastCommit = 0n;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(store: Store, traffic: Traffic, ledgerPath: string) {
    this.#store = store;
    this.#traffic = traffic;
    this.ledger = new LedgerFile(ledgerPath);
  }

  /** Commit time of the last commit, nanoseconds since 1970; 0 before the first. */
  get lastCommit(): bigint {
    return this.#lastCommit;
  }

  /** Commits every `everyMs` until `stop`. `failed` is told once, and nothing is committed after that. */
  start(everyMs: number, failed: (error: Error) => void): void {
    this.#stopping = false;
    this.#running = (async () => {
      while (!this.#stopping) {
        const began = performance.now();
        await this.commit();
        const left = everyMs - (performance.now() - began);
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
      }
    })().catch((error: unknown) => failed(error instanceof Error ? error : new Error(String(error))));
  }

  /** Resolves after the commit that is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async commit(): Promise<void> {
    const { statements, changes, counts } = this.#traffic.next();
    this.#lastCommit = await this.#store(statements);
    await this.ledger.add({ at: String(this.#lastCommit), changes });
    for (const name of Object.keys(counts) as (keyof Counts)[]) this.totals[name] += counts[name];
    this.totals.commits++;
    this.totals.changes += changes.length;
  }
}

/**
 * SQL, as one transaction. Nobody else writes into the table, so its last change is this one.
 * @param table fully qualified and quoted.
 */
export function transactions(session: Session, table: string): Store {
  const name = table.replaceAll("'", "''");
  return async (statements) => {
    const one = statements.length === 1;
    if (!one) await session.execute('BEGIN');
    for (const statement of statements) await session.execute(statement);
    if (!one) await session.execute('COMMIT');
    const [row] = await session.execute(`SELECT TO_VARCHAR(SYSTEM$LAST_CHANGE_COMMIT_TIME('${name}')) AS "AT"`);
    return BigInt(String(row!['AT']));
  };
}
