/** Keeps changing the table, one commit after the other, and writes each into the ledger with its commit time. */
import { LedgerFile } from './ledger.ts';
import type { Session } from './snowflake.ts';
import type { Counts, Traffic } from './traffic.ts';

export type WriterTotals = Counts & { commits: number; changes: number };

export class Writer {
  readonly totals: WriterTotals = { inserts: 0, updates: 0, deletes: 0, rekeys: 0, commits: 0, changes: 0 };
  readonly ledger: LedgerFile;
  readonly #session: Session;
  readonly #table: string;
  readonly #traffic: Traffic;
  #lastCommit = 0n;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  /** @param table fully qualified and quoted. */
  constructor(session: Session, table: string, traffic: Traffic, ledgerPath: string) {
    this.#session = session;
    this.#table = table;
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
    const one = statements.length === 1;
    if (!one) await this.#session.execute('BEGIN');
    for (const statement of statements) await this.#session.execute(statement);
    if (!one) await this.#session.execute('COMMIT');
    this.#lastCommit = await this.#commitTime();
    await this.ledger.add({ at: String(this.#lastCommit), changes });
    for (const name of Object.keys(counts) as (keyof Counts)[]) this.totals[name] += counts[name];
    this.totals.commits++;
    this.totals.changes += changes.length;
  }

  /** Nobody else writes into the table, so its last change is this writer's. */
  async #commitTime(): Promise<bigint> {
    const name = this.#table.replaceAll("'", "''");
    const [row] = await this.#session.execute(`SELECT TO_VARCHAR(SYSTEM$LAST_CHANGE_COMMIT_TIME('${name}')) AS "AT"`);
    return BigInt(String(row!['AT']));
  }
}
