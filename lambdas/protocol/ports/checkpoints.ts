/** What the protocol asks of the checkpoint table. */
import type { Position } from '../position.ts';
import type { Layout, Rerun, Window } from '../window.ts';
import type { DeadRows } from './kafka.ts';
import type {
  AcquireResult,
  AuditEntry,
  Lease,
  Listing,
  Member,
  Meta,
  PartitionItem,
  PartitionState,
  SourceState,
  StoredError,
  Told,
  WindowRequest,
} from './state.ts';

/**
 * The checkpoint table. Single-item conditional writes only; every read that decides is consistent; every update requires
 * that its item exists. A condition that failed is re-read before it is believed (DynamoDB's own retry may have done it).
 * All methods throw STORE_UNREACHABLE when DynamoDB does not answer, STATE_TOO_NEW for items of a newer release.
 */
export interface Checkpoints {
  /** null when the source has no `meta` yet. `overGap`: an operator's, answers `gap` instead of throwing LOG_GAP. */
  look(source: string, overGap?: boolean): Promise<SourceState | null>;
  /** Puts `meta` if absent; an existing one wins. */
  create(source: string, meta: Meta): Promise<void>;
  /** Puts items 0..partitions-1 if absent, no position. Before a layout is written. */
  putPartitions(source: string, partitions: number): Promise<void>;
  /** Write-once. False: another deployment wrote that number. */
  putLayout(source: string, layout: Layout): Promise<boolean>;
  /** Write-once. False: another planner's window stands there and is as good. */
  putWindow(source: string, window: Window): Promise<boolean>;
  /** Attribute by attribute; `finishedThrough` only grows; `clusterId` is set only while it is null (answers the one that stands). */
  updateMeta(
    source: string,
    change: Partial<
      Pick<
        Meta,
        | 'sightings'
        | 'scan'
        | 'finishedThrough'
        | 'consuming'
        | 'copies'
        | 'recountedThrough'
        | 'paused'
        | 'retentionMs'
        | 'truncatedAt'
        | 'caughtUpAt'
        | 'lastError'
        | 'clusterId'
      >
    >,
  ): Promise<Meta>;
  /** Puts a request if there is none. False: another one stands. */
  request(source: string, request: WindowRequest): Promise<boolean>;
  /** Takes the request out if it is still this one. */
  settle(source: string, id: string): Promise<void>;
  /**
   * Notes a query that runs the window again, or forgets it (null), on condition that `previous` is what is noted. Answers
   * what is noted afterwards.
   */
  noteRerun(source: string, window: number, previous: Rerun | null, next: Rerun | null): Promise<Rerun | null>;
  /** The query id of a window that was run again (its note goes), on condition that it still has `previous`. */
  requery(source: string, window: number, previous: string, queryId: string, queriedAt: string): Promise<boolean>;
  voidWindow(source: string, window: number): Promise<void>;

  /** One conditional write: lease free, expired or already `owner`'s (own retry); state active. epoch + 1. */
  acquire(source: string, partition: number, owner: string, now: number, leaseMs: number): Promise<AcquireResult>;
  /**
   * The one write after the marker was read, on condition that the epoch is mine: position, marked, open, lease.
   * Answers the lease as it stands now, or null: the epoch is another's.
   */
  reconcile(
    lease: Lease,
    change: {
      position: Position | null;
      marked: PartitionItem['marked'];
      open: number | null;
      leaseUntil: number;
      /** Absent: as it stands. */
      dead?: DeadRows;
    },
  ): Promise<Lease | null>;
  /** If the epoch is mine and the position is the previous or already this one. Also resets failures, sets lastSuccessAt. */
  commit(
    lease: Lease,
    change: {
      position: Position;
      marked: PartitionItem['marked'];
      leaseUntil: number;
      now: number;
      /** Removes `open`: at-least-once leaves nothing undecided. */
      closeOpen?: boolean;
      /** Absent: as it stands. */
      dead?: DeadRows;
    },
  ): Promise<Lease | null>;
  /** Prolongs the lease if the epoch is mine; null when it is another's. Long reads come without a commit for a while. */
  renew(lease: Lease, leaseUntil: number): Promise<Lease | null>;
  /** Ends the lease if the epoch is mine, else answers false; `closeOpen` removes `open`; `failed` records an error and counts it. */
  release(
    lease: Lease,
    change: { closeOpen: boolean; failed: StoredError | null; failures: number; state: PartitionState },
  ): Promise<boolean>;
  /** An operator's: whoever has the lease and whatever the state. epoch + 1, so that nobody else writes any more. */
  take(source: string, partition: number, owner: string, now: number, leaseMs: number): Promise<Lease>;
  /** One partition item, read consistently; null when it is missing. */
  partition(source: string, partition: number): Promise<PartitionItem | null>;
  /** Windows `from` to `to`, as far as they are still kept, read consistently. */
  windows(source: string, from: number, to: number): Promise<Window[]>;
  /**
   * An operator's new life for a source whose log and Kafka don't belong together: everything up to `window` minus one counts
   * as finished, and the log goes on with `window`. Can be repeated.
   */
  restart(source: string, incarnation: string, clusterId: string, window: Window): Promise<void>;
  /** The number of the head, read consistently; 0 for an empty log. */
  headNumber(source: string): Promise<number>;
  /** Deletes windows below `below` that are older than `olderThan` (ISO, their `to`), at most `limit`; never the head. */
  prune(source: string, below: number, olderThan: string, limit: number): Promise<number>;
  /** Operator's: clears needs-operator of a source's partitions, or sets paused. */
  resume(source: string): Promise<void>;
  /** Clears needs-operator of one partition. */
  activate(source: string, partition: number): Promise<void>;
  audit(source: string, entry: AuditEntry): Promise<void>;
  /** Entries since then (ms), by their keys; read consistently. */
  audits(source: string, since: number): Promise<{ key: string; entry: AuditEntry }[]>;
  /** Notes what people were told, on condition that `previous` is what is noted. False: another planner noted something else. */
  noteTold(source: string, previous: Told | null, next: Told): Promise<boolean>;
  /** Operator's: the dead letters up to `position` are dealt with. It only grows. */
  dealWith(source: string, partition: number, position: Position): Promise<void>;
}

/** What the warehouse may cost a day. */
export interface Budget {
  /** How much of the day's credits is used; 1 is all of them. */
  spent(now: number): Promise<number>;
  /** The warehouse worked for us between these times. What is told twice counts once. */
  used(from: number, to: number): Promise<void>;
}

/** The members of patterns, an item each. Nothing here is of a source's own state, which goes by its name alone. */
export interface Members {
  /** In the order in which they were found. */
  all(pattern: string): Promise<Member[]>;
  /** null: the pattern has not found it. */
  one(pattern: string, table: string): Promise<Member | null>;
  /** Puts it if it is still as `before` (null: not there). False: another planner was first. */
  put(pattern: string, member: Member, before: Member | null): Promise<boolean>;
  remove(pattern: string, table: string): Promise<void>;
  listing(pattern: string): Promise<Listing | null>;
  note(pattern: string, listing: Listing): Promise<void>;
}
