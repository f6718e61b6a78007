/** What the checkpoint table holds of a source, and of a pattern. No values of rows, but the cursor of a query. */
import type { Position } from '../position.ts';
import type { Column, Layout, Staged, Window } from '../window.ts';
import type { DeadRows } from './kafka.ts';
import type { Since } from './snowflake.ts';

export type StoredError = { code: string; message: string; at: number };

/** `token` was current at server time `at`; stored only when it changed. */
export type Sighting = { token: string | null; at: number; createdOn: string | null };

/**
 * A window that an operator or recount asks for: the planner appends it at the head, read AT the `to` of the window before,
 * so it is in order and exact. One at a time.
 */
export type WindowRequest = {
  id: string;
  kind: 'snapshot' | 'repair';
  /** `repair`: keys that changed after this bound (ISO) are sent again; with `results`, those of this bound hold them. */
  since: string | null;
  /** `repair`: see ScanRequest. */
  results: readonly [string, string] | null;
  /** `repair`: see ScanRequest. The keys' texts are those of this layout; under another one they would mean something else. */
  keys?: { queryId: string; layout: number };
  /** `repair`: see ScanRequest. */
  where?: string;
  /** The window that this one makes up for; void once this one is written. */
  voids: number | null;
};

/** A scan that runs: saves work, decides nothing. */
export type PendingScan = {
  number: number;
  kind: 'snapshot' | 'changes' | 'repair';
  /** Id of the request that it answers, or null. */
  request: string | null;
  layout: number;
  from: string | null;
  to: string;
  /** See Window. */
  since?: string;
  covered: string | null;
  createdOn: string;
  /** The table's. */
  columns: Column[];
  statement: string;
  queryId: string;
  submittedAt: number;
  /** Where a copy is read. `made`: what runs reads it; else it makes it, of a query's rows from `since` on. */
  staged?: Staged & { since: Since | null; made: boolean };
};

export type Meta = {
  incarnation: string;
  clusterId: string | null;
  /** Oldest first. */
  sightings: Sighting[];
  scan: PendingScan | null;
  request: WindowRequest | null;
  finishedThrough: number;
  /** Of a stream source: the newest window whose stage was asked for. It may have been consumed, or not. */
  consuming?: number | null;
  /** Where copies of a table for its snapshots are, until all are dropped. */
  copies?: { database: string; schema: string } | null;
  /** Up to this window late commits were looked for. */
  recountedThrough: number;
  paused: boolean;
  retentionMs: number | null;
  /** When the source last began anew by itself, ms since epoch. */
  truncatedAt?: number | null;
  /** Snowflake's time when last all was published and nothing had changed since; noted every few minutes. */
  caughtUpAt: number | null;
  lastError: StoredError | null;
  /** Absent until people are told of the source for the first time. */
  told?: Told;
};

export type PartitionState = 'active' | 'needs-operator';

/** The partition item as stored. Times are ms since epoch. */
export type PartitionItem = {
  partition: number;
  epoch: number;
  owner: string | null;
  leaseUntil: number;
  position: Position | null;
  marked: { position: Position; at: number } | null;
  /** Since when a producer may have an undecided transaction. */
  open: number | null;
  state: PartitionState;
  lastSuccessAt: number | null;
  lastError: StoredError | null;
  /** Invocations in a row that failed with `lastError.code` at the same position without progress. */
  failures: number;
  /** Of the newest window that has dead letters of this partition; they are counted up to `position`. */
  dead?: DeadRows | null;
  /** Up to here an operator has dealt with the dead letters. */
  dealtWith?: Position | null;
};

/** What a person did: what stood before and after, in few words or as JSON; `at` is their machine's clock. */
export type AuditEntry = { who: string; what: string; why: string; before: string; after: string; at: number };

/** Something that people are told of: names, numbers, codes and reasons; never a row's value. */
export type News =
  | ({ type: 'changed' } & Omit<AuditEntry, 'at'>)
  | {
      type: 'snapshot-begun' | 'snapshot-done' | 'repair-begun' | 'repair-done';
      window: number;
      rows: number;
      /** Id of what an operator or the recount asked for; null: the source's own. */
      request: string | null;
    }
  | { type: 'given-up'; window: number; kind: Window['kind'] }
  | { type: 'schema-changed'; window: number; changes: string[]; compatible: boolean }
  /** `message` says how; `window` is the truncate that consumers get where the source begins anew by itself. */
  | { type: 'history-lost'; window: number | null; message: string }
  | { type: 'history-healed'; window: number }
  /** An operator had it begin anew: the truncate that consumers get. */
  | { type: 'began-anew'; window: number };

/**
 * News as it is sent: with the same id each time. Numbers of a source are dense and grow: they give the order, and tell when
 * one has not come yet.
 */
export type Notice = { id: string; number: number; at: string } & News;

/** What people were told of a source. */
export type Told = {
  /** Number of the newest notice. */
  number: number;
  incarnation: string;
  /** Windows up to these were told of as written, and as published by every partition. */
  written: number;
  finished: number;
  /** When was last looked for what people did, and the entries of about then that were told. */
  changes: { at: number; keys: string[] };
  /** What was finished when the history was lost; null: it is whole. */
  lostAfter: number | null;
  /** Written down and maybe not sent. */
  pending: Notice[];
};

/** Everything plan and publish decide on, read consistently. */
export type SourceState = {
  meta: Meta;
  /** The window with the greatest number, or null. */
  head: Window | null;
  layouts: Map<number, Layout>;
  /** Windows after `meta.finishedThrough`, ascending, dense (LOG_GAP otherwise). */
  windows: Window[];
  partitions: PartitionItem[];
  /** The first window that is missing in the log: nothing is decided on such a state but what an operator wants. */
  gap?: number;
};

/** What an invocation holds after acquire: the item as this epoch last read or wrote it. */
export type Lease = { source: string; owner: string; item: PartitionItem };

export type AcquireResult = { lease: Lease } | { busy: PartitionItem } | { stopped: PartitionItem };

/** A table that a pattern has found: what its source is made of, besides the pattern's own settings. */
export type Member = {
  /** Its name, as Snowflake stores it. */
  table: string;
  createdOn: string;
  /** Where the pattern goes by primary keys; else empty. */
  key: string[];
  /** Stays: topics are made with it. */
  topic: string;
  /** When it was found, ms since epoch. */
  since: number;
  /** Since when the schema is without it, or the pattern; null: it is there. */
  goneAt: number | null;
};

/** A table that fits a pattern and can't be one of its sources. */
export type Refusal = { table: string; code: string; message: string };

/** What the newest look at a pattern's schema found; `deployment`: of who looked. */
export type Listing = {
  at: number;
  deployment: number;
  /** Tables that fit. */
  tables: number;
  refused: Refusal[];
  error: StoredError | null;
};
