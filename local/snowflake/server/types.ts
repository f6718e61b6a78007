/** What the control plane says and takes: `/control/...` on the stand-in's own address, JSON both ways. */

export type StatementCount = { statements: number; withWarehouse: number; withoutWarehouse: number; failed: number };

export type WarehouseStats = {
  state: 'STARTED' | 'SUSPENDED';
  resumes: number;
  /** Accounting seconds, 60 at least for every resume. */
  secondsAwake: number;
};

/** `GET /control/stats`. Counters since the start or the last reset. */
export type SnowflakeStats = {
  all: StatementCount;
  byKind: Record<string, StatementCount>;
  /** By QUERY_TAG; the empty tag is ''. */
  byTag: Record<string, StatementCount>;
  warehouses: Record<string, WarehouseStats>;
  resumes: number;
  secondsAwake: number;
  /** Scans of a base table's rows or history, by `DB.SCHEMA.TABLE`. */
  scans: Record<string, number>;
  logins: number;
  loginsRefused: number;
  renewals: number;
  /** Requests answered from the first execution of their requestId. */
  duplicateRequests: number;
  describeOnly: number;
  chunksServed: number;
  /** Chunks that had to be produced and compressed, not taken from the cache. */
  chunksProduced: number;
  chunkBytes: number;
  resultsKept: number;
  requests: Record<string, number>;
};

/** What may happen to a chunk. */
export const chunkFaultNames = [
  'chunk-expired',
  'chunk-unavailable',
  'chunk-short',
  'chunk-empty',
  'chunk-bad-json',
  'chunk-not-array',
  'chunk-number-cells',
  'chunk-truncated',
  'chunk-cut',
  'chunk-stalled',
] as const;

export const faultNames = [
  // Statements: `error` with any code, and the three of a window that can't be read.
  'error',
  'history-lost',
  'tracking-missing',
  'future-data',
  /** Runs `ms` later, while the client polls. */
  'slow-query',
  /** Waits until the rule is removed; for tests that need a running statement. */
  'hold-query',
  /** The connection ends before the statement is taken. */
  'cut-before',
  /** The statement is taken and runs, its first answer is lost. */
  'cut-after',
  ...chunkFaultNames,
  // Sessions and the service. With `path` they hit any request of that path.
  'session-expired',
  'session-gone',
  'master-expired',
  'login-refused',
  'slow-login',
  'unavailable',
] as const;

export type FaultName = (typeof faultNames)[number];

/** `POST /control/faults`. A rule without matchers hits the next request its fault applies to. */
export type FaultRule = {
  fault: FaultName;
  /** Regular expression over the statement's text (flags i, s). */
  sql?: string;
  /** SELECT, INSERT, SHOW, ... */
  kind?: string;
  /** Regular expression over the request's path. */
  path?: string;
  /** Index of the chunk, from 0. */
  chunk?: number;
  /** Hits before the rule is spent; absent: 1; null: for ever. */
  times?: number | null;
  /** Matches to let pass first. */
  skip?: number;
  /** Milliseconds, for the slow ones and for how long `chunk-stalled` keeps the connection (absent: until it is closed). */
  ms?: number;
  /** For `error` and `login-refused`. */
  code?: string;
  sqlState?: string;
  message?: string;
};

export type FaultState = FaultRule & { id: number; hits: number };

/** `GET /control/events?after=<seq>&wait=<ms>`: requests seen, oldest first. */
export type SeenRequest = {
  seq: number;
  atMs: number;
  method: string;
  path: string;
  /** login, query, result, monitoring, abort, heartbeat, renew, close, telemetry, chunk, other */
  endpoint: string;
  /** `received` when it came in, `answered` when its answer was sent or the connection ended. */
  phase: 'received' | 'answered';
  user?: string;
  sessionId?: number;
  requestId?: string;
  queryId?: string;
  sql?: string;
  kind?: string;
  tag?: string;
  chunk?: number;
  /** HTTP status and Snowflake code of the answer. */
  status?: number;
  code?: string;
  faults: FaultName[];
};

/** `POST /control/engine`: switches of the engine; absent ones stay. */
export type EngineSwitches = { clockSkewMs?: number; visibilityDelayMs?: number };
