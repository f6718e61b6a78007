/**
 * A transaction's writes, apart from the tables until it commits: per table the new versions and the rows that end.
 * Reads of the own session lay them over the committed rows; a rollback drops them; a commit moves them in, all with the
 * one time it is given then.
 */
import type { Connection } from './duckdb.ts';
import type { Stream, StreamRead } from './stream.ts';
import { columnIds, currentSql, currentTable, historyTable, type Table, type Unseen } from './table.ts';

export class Overlay {
  readonly table: Table;
  readonly fresh: string;
  readonly ended: string;
  /** Columns at the time of the first write; DDL of another session may have added some since. */
  readonly columns: string;

  constructor(table: Table, id: number) {
    this.table = table;
    this.fresh = `tx.x${id}`;
    this.ended = `tx.y${id}`;
    this.columns = columnIds(table);
  }

  async create(c: Connection): Promise<void> {
    await c.run(
      `CREATE TABLE ${this.fresh} AS SELECT ${this.columns}, __rid, __b FROM ${currentTable(this.table)} LIMIT 0;
       CREATE TABLE ${this.ended} (__rid BIGINT);`,
    );
  }

  async drop(c: Connection): Promise<void> {
    await c.run(`DROP TABLE IF EXISTS ${this.fresh}; DROP TABLE IF EXISTS ${this.ended};`);
  }

  /** Moves the writes into the table at a commit time. Answers the number of versions written and ended. */
  async apply(c: Connection, time: bigint): Promise<{ written: number; ended: number }> {
    const ended = await c.count(`SELECT count(*) FROM ${this.ended}`);
    const written = await c.count(`SELECT count(*) FROM ${this.fresh}`);
    const [current, past] = [currentTable(this.table), historyTable(this.table)];
    if (ended > 0) {
      const theirs = `__rid IN (SELECT __rid FROM ${this.ended})`;
      const all = columnIds(this.table);
      await c.run(
        `INSERT INTO ${past} (${all}, __rid, __vf, __b, __vt) SELECT ${all}, __rid, __vf, __b, ${time} FROM ${current} WHERE ${theirs}`,
      );
      await c.run(`DELETE FROM ${current} WHERE ${theirs}`);
    }
    if (written > 0)
      await c.run(
        `INSERT INTO ${current} (${this.columns}, __rid, __vf, __b) SELECT ${this.columns}, __rid, ${time}, __b FROM ${this.fresh}`,
      );
    return { written, ended };
  }
}

export class Transaction {
  readonly id: number;
  readonly overlays = new Map<Table, Overlay>();
  /** Tables and streams that it holds. */
  readonly locks = new Set<object>();
  /** What its statements have read of streams: each shows the same until the transaction ends. */
  readonly reads = new Map<Stream, StreamRead>();
  /** Streams that move on when it commits. */
  readonly consumed = new Set<Stream>();
  /** Statements whose AT(STATEMENT) means this transaction's commit. */
  readonly statements: string[] = [];
  /** Begun by BEGIN or by AUTOCOMMIT = FALSE, and so ended by COMMIT or ROLLBACK only. */
  readonly explicit: boolean;
  /** Streams are read up to here: no commit ever gets the time of it, and later ones come after it. */
  readonly start: bigint;

  constructor(id: number, explicit: boolean, start: bigint) {
    this.id = id;
    this.explicit = explicit;
    this.start = start;
  }
}

/** Rows of a table as its own session sees them: columns, `__rid`, `__b`, `__own` (written in this transaction). */
export function visibleSql(table: Table, overlay: Overlay | undefined, unseen: Unseen): string {
  const committed = currentSql(table, unseen);
  const list = `${columnIds(table)}, __rid`;
  if (!overlay) return `SELECT ${list}, FALSE AS __b, FALSE AS __own FROM (${committed})`;
  return `SELECT ${list}, FALSE AS __b, FALSE AS __own FROM (${committed}) ANTI JOIN ${overlay.ended} USING (__rid)
    UNION ALL BY NAME SELECT ${overlay.columns}, __rid, __b, TRUE AS __own FROM ${overlay.fresh}`;
}
