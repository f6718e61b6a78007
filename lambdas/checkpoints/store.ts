/**
 * The checkpoint table as the protocol sees it.
 *
 * Guarantees
 * - Every write is one conditional write to one item; of racing writers one wins, the others learn it.
 * - A position never goes back, an epoch only grows, a window once written keeps its content.
 * - A failed condition is believed only after a consistent read: a repeated request whose first reply was lost
 *   looks like a conflict and is none.
 * - Reads that decide are consistent, and no update makes an item that is missing.
 */
import type { ResolvedConfig } from '../config/resolved.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import { readAudits, writeAudit } from './audit.ts';
import * as leases from './leases.ts';
import { look } from './look.ts';
import { createMeta, noteTold, putRequest, restartMeta, settleRequest, updateMeta } from './source-meta.ts';
import { Table } from './table.ts';
import * as log from './window-log.ts';

export function createCheckpoints(config: Pick<ResolvedConfig, 'table'>): Checkpoints {
  const table = new Table(config.table);
  return {
    look: (source, overGap) => look(table, source, overGap),
    create: (source, meta) => createMeta(table, source, meta),
    updateMeta: (source, change) => updateMeta(table, source, change),
    request: (source, request) => putRequest(table, source, request),
    settle: (source, id) => settleRequest(table, source, id),

    putLayout: (source, layout) => log.putLayout(table, source, layout),
    putWindow: (source, window) => log.putWindow(table, source, window),
    noteRerun: (...args) => log.noteRerun(table, ...args),
    requery: (...args) => log.requery(table, ...args),
    voidWindow: (source, window) => log.voidWindow(table, source, window),
    windows: (source, from, to) => log.readWindows(table, source, from, to),
    restart: async (source, incarnation, clusterId, window) => {
      // Written first: a reader in between finds a gap and stops, never a log that ends in nothing.
      await log.putWindow(table, source, window);
      await restartMeta(table, source, { incarnation, clusterId, finishedThrough: window.number - 1 });
    },
    headNumber: (source) => log.headNumber(table, source),
    prune: (...args) => log.prune(table, ...args),

    putPartitions: (source, partitions) => leases.putPartitions(table, source, partitions),
    partition: (source, partition) => leases.readOne(table, source, partition),
    take: (...args) => leases.take(table, ...args),
    acquire: (...args) => leases.acquire(table, ...args),
    reconcile: (lease, change) => leases.reconcile(table, lease, change),
    commit: (lease, change) => leases.commit(table, lease, change),
    renew: (lease, leaseUntil) => leases.renew(table, lease, leaseUntil),
    release: (lease, change) => leases.release(table, lease, change),

    resume: async (source) => {
      await updateMeta(table, source, { paused: false });
      await leases.resumePartitions(table, source);
    },
    activate: (source, partition) => leases.activate(table, source, partition),
    dealWith: (source, partition, position) => leases.dealWith(table, source, partition, position),
    audit: (source, entry) => writeAudit(table, source, entry),
    audits: (source, since) => readAudits(table, source, since),
    noteTold: (...args) => noteTold(table, ...args),
  };
}
