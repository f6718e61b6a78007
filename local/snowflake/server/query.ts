/** One statement's record, from its request to the end of its result's life. */
import { randomBytes } from 'node:crypto';
import type { Binding, EngineResult, SqlError } from '../contract.ts';
import type { Layout } from './layout.ts';
import type { Session } from './sessions.ts';
import type { SeenRequest } from './types.ts';

export type QueryStatus = 'RUNNING' | 'SUCCESS' | 'FAILED_WITH_ERROR' | 'FAILED_WITH_INCIDENT';

/** The part of a query-request body that is understood. */
export type QueryRequest = {
  sqlText: string;
  bindings?: Record<string, Binding>;
  parameters?: Record<string, string | number | boolean>;
  asyncExec?: boolean;
  describeOnly?: boolean;
};

/** Session facts as they stood when the statement ended; a response repeats them however late it is asked for. */
export type Closing = {
  parameters: { name: string; value: string | number | boolean }[];
  database: string | null;
  schema: string | null;
  warehouse: string | null;
  role: string | null;
};

export type Finished = { result: EngineResult; layout: Layout; closing: Closing };

export type Query = {
  readonly id: string;
  readonly requestId: string;
  readonly session: Session;
  readonly request: QueryRequest;
  readonly kind: string;
  readonly tag: string;
  readonly seen: SeenRequest;
  readonly startedAt: number;
  readonly abort: AbortController;
  /** Headers the chunks of this result are to be asked for with, as S3's customer-key encryption wants them. */
  readonly chunkHeaders: Record<string, string>;
  status: QueryStatus;
  endedAt: number | null;
  finished: Finished | null;
  error: SqlError | null;
  /** Settles, never rejects, when the statement has ended. */
  done: Promise<void>;
  /** Requests waiting for the end; a statement without any may be aborted as detached. */
  waiters: number;
  detached: NodeJS.Timeout | null;
};

/** An id in the form of Snowflake's: a UUID that starts with 01. */
export function newQueryId(): string {
  const hex = `01${randomBytes(15).toString('hex')}`;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function newChunkHeaders(): Record<string, string> {
  return {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': randomBytes(32).toString('base64'),
  };
}
