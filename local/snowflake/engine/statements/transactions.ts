/** BEGIN, COMMIT, ROLLBACK, and the frame every write runs in. */
import { SqlError } from '../../contract.ts';
import { smallResult, STATEMENT_TYPE } from '../results.ts';
import type { Connection } from '../storage/duckdb.ts';
import { advance, moved } from '../storage/stream.ts';
import type { Table } from '../storage/table.ts';
import { Overlay, Transaction } from '../storage/transaction.ts';
import { resultColumn, text } from '../types.ts';
import type { Host, Prepared, Run } from './run.ts';

export function statusPrepared(
  run: Run,
  work: () => Promise<string>,
  statementTypeId: number,
  needsWarehouse = false,
): Prepared {
  return {
    needsWarehouse,
    statementTypeId,
    readOnly: false,
    columns: () => [resultColumn('status', text(), true)],
    execute: async () => {
      const status = await work();
      return smallResult(run.core, run.queryId, run.host.owner, [['status', text()]], [[status]], statementTypeId);
    },
  };
}

export function prepareTransaction(kind: 'begin' | 'commit' | 'rollback', run: Run): Prepared {
  const { host } = run;
  return statusPrepared(
    run,
    async () => {
      if (kind === 'begin') host.transaction ??= begin(host, true);
      else if (kind === 'commit') await commitOpen(host);
      else await rollback(host);
      return 'Statement executed successfully.';
    },
    STATEMENT_TYPE.transaction,
  );
}

/** A stream is read up to a time that no commit has, so that none is ever on both sides. */
function begin({ core }: Host, explicit: boolean): Transaction {
  return new Transaction(core.fresh(), explicit, core.clock.commitTime());
}

/** What a DML read of streams is consumed when its transaction commits; until then nobody else consumes them. */
export async function consume(run: Run, tx: Transaction): Promise<void> {
  for (const [stream, read] of run.streams) {
    if (!tx.locks.has(stream)) {
      await run.core.lockOf(stream).acquire(run.signal);
      tx.locks.add(stream);
    }
    if (moved(stream, read)) {
      tx.reads.delete(stream);
      throw new StreamMoved();
    }
    tx.reads.set(stream, read);
    tx.consumed.add(stream);
  }
}

/** Another transaction consumed the stream after the statement was compiled: it is compiled again. */
export class StreamMoved extends Error {}

/** Commits the session's open transaction, if there is one. */
export async function commitOpen(host: Host): Promise<void> {
  const { transaction } = host;
  if (!transaction) return;
  host.transaction = null;
  await commit(host, transaction);
}

export async function rollback(host: Host): Promise<void> {
  const { transaction } = host;
  if (!transaction) return;
  host.transaction = null;
  await discard(host, transaction);
}

/** One commit time for all rows of the transaction, taken now, not when its statements ran. */
async function commit(host: Host, tx: Transaction): Promise<void> {
  const { core } = host;
  try {
    const overlays = [...tx.overlays.values()];
    let time = core.clock.now();
    if (overlays.length > 0) {
      const committed = await core.commit(host.id, (at) =>
        core.db.with((c) =>
          c.transaction(async () => {
            const moved: { table: Table; written: number; ended: number }[] = [];
            for (const overlay of overlays) moved.push({ table: overlay.table, ...(await overlay.apply(c, at)) });
            return moved;
          }),
        ),
      );
      time = committed.time;
      for (const { table, written, ended } of committed.done) {
        table.rows += written - ended;
        if (written + ended > 0 || core.assumptions.get('token-of-empty-dml') === 'moves') {
          table.commits.push(time);
          if (table.commits.length > 1000) table.commits.splice(0, 500);
        }
      }
    }
    for (const stream of tx.consumed) advance(stream, tx.reads.get(stream)!);
    for (const id of tx.statements) core.statements.set(id, { kind: 'dml', commit: time });
  } finally {
    await discard(host, tx);
  }
}

export async function discard(host: Host, tx: Transaction): Promise<void> {
  await host.core.db.with(async (c) => {
    for (const overlay of tx.overlays.values()) await overlay.drop(c);
  });
  tx.overlays.clear();
  for (const object of tx.locks) host.core.lockOf(object).release();
  tx.locks.clear();
}

/**
 * Runs a DML statement against the transaction's own writes: as a whole or not at all, then committed at once unless a
 * transaction is open. UPDATE, DELETE, MERGE and TRUNCATE hold the table until their transaction ends; INSERT does not.
 */
export async function write<T>(
  run: Run,
  table: Table,
  exclusive: boolean,
  work: (c: Connection, overlay: Overlay) => Promise<T>,
): Promise<T> {
  const { host, core } = run;
  if (!host.transaction && !host.autocommit()) host.transaction = begin(host, true);
  const tx = host.transaction ?? begin(host, false);
  try {
    if (exclusive && !tx.locks.has(table)) {
      await core.lockOf(table).acquire(run.signal);
      tx.locks.add(table);
    }
    await consume(run, tx);
    if (table.droppedOn !== null)
      throw new SqlError(
        '002003',
        '42S02',
        `SQL compilation error:\nObject '${table.name}' does not exist or not authorized.`,
      );
    for (const name of run.scanned) core.countScan(name);
    if (run.readsAt !== null) await core.settled(run.readsAt);
    const done = await core.db.with(
      (c) =>
        c.transaction(async () => {
          let overlay = tx.overlays.get(table);
          if (overlay) return work(c, overlay);
          overlay = new Overlay(table, core.fresh());
          await overlay.create(c);
          const result = await work(c, overlay);
          tx.overlays.set(table, overlay);
          return result;
        }),
      run.signal,
    );
    tx.statements.push(run.queryId);
    core.statements.set(run.queryId, { kind: 'dml', commit: null });
    if (!tx.explicit) await commit(host, tx);
    return done;
  } catch (error) {
    if (!tx.explicit) await discard(host, tx);
    throw error;
  }
}
