/**
 * The seam inside the Snowflake stand-in: the wire server (sessions, requests, results, faults) on one side,
 * the SQL engine (versioned tables on DuckDB, CHANGES, time travel) on the other.
 */

import type { Assumptions } from './assumptions.ts';

/** A column of a result as the driver sees it (`rowtype`). */
export type ResultColumn = {
  name: string;
  /** Wire type in lower case: fixed, real, text, boolean, date, time, timestamp_ntz, timestamp_ltz, timestamp_tz, variant, object, array, binary. */
  type: string;
  nullable: boolean;
  precision: number | null;
  scale: number | null;
  length: number | null;
  byteLength: number | null;
};

/** A finished statement's result. Rows are in result order and stay readable, unchanged, until `drop`. */
export type EngineResult = {
  columns: ResultColumn[];
  rowCount: number;
  /** 4096 SELECT, 0x3100 insert, 0x3200 update, 0x3300 delete, 0x3400 merge, >= 0x6000 DDL. */
  statementTypeId: number;
  /**
   * Rows [start, end) as the text of a chunk: `["a","b"],["c",null]` (JSON rows joined by commas, no outer brackets), UTF-8.
   * Cells are wire-format strings or null.
   */
  chunk(start: number, end: number): Promise<Uint8Array>;
  /**
   * Optional, for large results: byte lengths of the texts that `chunk` gives for the consecutive blocks of `step` rows
   * from row `from` on (the last may be shorter). Without it the server measures by calling `chunk`.
   */
  sizes?(from: number, step: number): Promise<number[]>;
  drop(): Promise<void>;
};

export type Binding = { type: string; value: string | null | (string | null)[] };

/** What a statement needs, known after parsing and before running. */
export type StatementPlan = { needsWarehouse: boolean };

export type EngineSession = {
  /** Session state that the login and USE / ALTER SESSION set. */
  readonly parameters: Map<string, string | number | boolean>;
  database: string | null;
  schema: string | null;
  warehouse: string | null;
  role: string | null;
  /** Whether the role may have statements run by the warehouse; absent: any. */
  mayUse?(warehouse: string): boolean;
  /** Parses and checks one statement; throws SqlError (compilation errors included) without running anything. */
  plan(sql: string, bindings?: Record<string, Binding>): Promise<StatementPlan>;
  /**
   * Runs one statement. `queryId` names its result for RESULT_SCAN, AT(STATEMENT) and LAST_QUERY_ID.
   * `describeOnly` answers columns without running. Aborts by `signal` (error 000604).
   */
  execute(
    sql: string,
    options: { queryId: string; bindings?: Record<string, Binding>; describeOnly?: boolean; signal?: AbortSignal },
  ): Promise<EngineResult>;
  /** Rolls back an open transaction. */
  close(): Promise<void>;
};

/** Engine-side switches; the server's faults are its own. */
export type EngineFaults = {
  /** Server clock = system clock + this. */
  clockSkewMs: number;
  /** A commit becomes visible to other sessions only this long after its commit time. */
  visibilityDelayMs: number;
};

export type Engine = {
  readonly faults: EngineFaults;
  /** Answers to what nobody knows of Snowflake, switchable while running. */
  readonly assumptions: Assumptions;
  openSession(init: {
    user: string;
    account: string;
    database?: string;
    schema?: string;
    warehouse?: string;
    role?: string;
  }): Promise<EngineSession>;
  /** Whether the user may take the role; absent: any. */
  mayTake?(user: string, role: string): boolean;
  /** Bulk-loads a SELECT of DuckDB SQL (e.g. over read_parquet) into an existing table as one commit; answers rows and commit time in ns. */
  load(table: string, duckdbSelect: string): Promise<{ rows: number; commitTime: string }>;
  /** Lets history older than `at` (ms) fall out of Time Travel for the table, as if retention had passed. */
  expireHistory(table: string, atMs: number): Promise<void>;
  /** Table scans so far by table name: a scan of a base table's rows or history, not of a persisted result. */
  readonly scans: Map<string, number>;
  close(): Promise<void>;
};

/** A Snowflake error: six-digit code, SQL state, Snowflake's own message text. */
export class SqlError extends Error {
  readonly code: string;
  readonly sqlState: string;
  constructor(code: string, sqlState: string, message: string) {
    super(message);
    this.name = 'SqlError';
    this.code = code;
    this.sqlState = sqlState;
  }
}
