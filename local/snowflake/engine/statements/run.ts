/** One statement on its way: the session, what it was sent with, and what it finds. */
import type { Binding, EngineResult, ResultColumn } from '../../contract.ts';
import type { CompileContext } from '../compile/context.ts';
import type { Core } from '../core.ts';
import type { Statement } from '../parse/ast.ts';
import type { Transaction } from '../storage/transaction.ts';
import type { Stream, StreamRead } from '../storage/stream.ts';
import type { Unseen } from '../storage/table.ts';
import type { Current } from '../storage/catalog.ts';

/** What statements may ask of their session. */
export type Host = Current & {
  readonly id: number;
  readonly core: Core;
  readonly user: string;
  /** Whose results and statements these are. */
  readonly owner: string;
  readonly parameters: Map<string, string | number | boolean>;
  readonly variables: Map<string, string>;
  warehouse: string | null;
  role: string | null;
  transaction: Transaction | null;
  unseen(): Unseen;
  autocommit(): boolean;
  /** Whether quoted names are folded like others. */
  ignoresCase(): boolean;
  /** -1 is the last query, 1 the first. */
  lastQueryId(back: number): string | null;
  /** CURRENT_ROLE() and its kind; undefined when there is no such function. */
  sessionValue(name: string): string | null | undefined;
  /** Runs a statement of a block, as part of the statement that runs the block. */
  step(statement: Statement, run: Run): Promise<EngineResult>;
};

export type Run = {
  host: Host;
  core: Core;
  queryId: string;
  signal: AbortSignal | undefined;
  bindings: Record<string, Binding>;
  cx: CompileContext;
  /** Tables read, by name, for the count of scans. */
  scanned: Set<string>;
  /** Tables named in any way, by name, for access control. */
  named: Set<string>;
  /** Streams read: a DML consumes them. */
  streams: Map<Stream, StreamRead>;
  /** The latest point in time the statement reads at; null for now. */
  readsAt: bigint | null;
};

/** A statement that was parsed and compiled: what it needs, what it will answer, how to run it. */
export type Prepared = {
  needsWarehouse: boolean;
  statementTypeId: number;
  columns(): ResultColumn[];
  execute(): Promise<EngineResult>;
  /** Reads only: may run beside other statements of its session. */
  readOnly: boolean;
};
