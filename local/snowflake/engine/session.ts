/** A session: its settings, its open transaction, and one statement at a time (reads may run beside each other). */
import type { Binding, EngineResult, EngineSession, StatementPlan } from '../contract.ts';
import type { Core, LoggedStatement } from './core.ts';
import type { Statement } from './parse/ast.ts';
import { parseStatement } from './parse/statement.ts';
import { described } from './results.ts';
import { authorize } from './statements/access.ts';
import { startRun } from './statements/context.ts';
import { prepareDdl } from './statements/ddl.ts';
import { prepareDml } from './statements/dml.ts';
import { prepareGrant } from './statements/grant.ts';
import type { Host, Prepared, Run } from './statements/run.ts';
import { prepareSelect } from './statements/select.ts';
import { prepareScript } from './statements/script.ts';
import { prepareSettings } from './statements/settings.ts';
import { prepareShow } from './statements/show.ts';
import { prepareRemove } from './statements/stages.ts';
import { prepareTransaction, rollback, StreamMoved } from './statements/transactions.ts';
import { Lock } from './storage/locks.ts';
import type { Unseen } from './storage/table.ts';
import type { Transaction } from './storage/transaction.ts';

type PrepareOptions = { queryId: string; bindings: Record<string, Binding>; signal: AbortSignal | undefined };
type Init = { user: string; account: string; database?: string; schema?: string; warehouse?: string; role?: string };

export class Session implements EngineSession, Host {
  readonly id: number;
  readonly core: Core;
  readonly user: string;
  readonly owner: string;
  readonly parameters = new Map<string, string | number | boolean>([
    ['TIMEZONE', 'UTC'],
    ['AUTOCOMMIT', true],
    ['TIMESTAMP_TYPE_MAPPING', 'TIMESTAMP_NTZ'],
  ]);
  readonly variables = new Map<string, string>();
  database: string | null;
  schema: string | null;
  warehouse: string | null;
  role: string | null;
  transaction: Transaction | null = null;
  readonly #init: Init;
  readonly #turn = new Lock();
  readonly #queries: string[] = [];

  constructor(core: Core, init: Init) {
    this.core = core;
    this.id = core.fresh();
    this.#init = init;
    this.user = init.user.toUpperCase();
    this.owner = `${init.account}/${init.user}`.toUpperCase();
    this.database = init.database ?? null;
    this.schema = init.schema ?? (init.database === undefined ? null : 'PUBLIC');
    this.warehouse = init.warehouse ?? null;
    this.role = init.role ?? null;
  }

  async plan(sql: string, bindings: Record<string, Binding> = {}): Promise<StatementPlan> {
    const { prepared } = await this.#prepare(sql, { queryId: '', bindings, signal: undefined });
    return { needsWarehouse: prepared.needsWarehouse };
  }

  async execute(
    sql: string,
    options: { queryId: string; bindings?: Record<string, Binding>; describeOnly?: boolean; signal?: AbortSignal },
  ): Promise<EngineResult> {
    const { queryId, bindings = {}, signal } = options;
    const statement = this.#parse(sql, bindings);
    const alone = statement.k !== 'query' || this.transaction !== null;
    if (alone) await this.#turn.acquire(signal);
    try {
      const { run, prepared } = await this.#prepareParsed(statement, { queryId, bindings, signal });
      if (options.describeOnly) return described(prepared.columns(), prepared.statementTypeId);
      this.#queries.push(queryId);
      if (!this.core.statements.has(queryId)) this.#log(queryId, { kind: 'other', start: run.cx.now });
      return await this.#executed(prepared, statement, { queryId, bindings, signal });
    } finally {
      if (alone) this.#turn.release();
    }
  }

  mayUse(warehouse: string): boolean {
    return this.core.grants.holds(this.role ?? '', 'USAGE', 'WAREHOUSE', warehouse.toUpperCase());
  }

  async step(statement: Statement, { queryId, signal }: Run): Promise<EngineResult> {
    const options = { queryId: `${queryId}/${this.core.fresh()}`, bindings: {}, signal };
    const { prepared } = await this.#prepareParsed(statement, options);
    return this.#executed(prepared, statement, options);
  }

  /** Runs it, compiled anew as often as a stream it reads was consumed by another session meanwhile. */
  async #executed(prepared: Prepared, statement: Statement, options: PrepareOptions): Promise<EngineResult> {
    for (let next = prepared; ; next = (await this.#prepareParsed(statement, options)).prepared) {
      try {
        return await next.execute();
      } catch (error) {
        if (!(error instanceof StreamMoved)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#turn.hold(() => rollback(this));
  }

  unseen(): Unseen {
    return this.core.unseenBy(this.id);
  }

  autocommit(): boolean {
    const value = this.parameters.get('AUTOCOMMIT') ?? true;
    return value === true || String(value).toLowerCase() === 'true';
  }

  ignoresCase(): boolean {
    return String(this.parameters.get('QUOTED_IDENTIFIERS_IGNORE_CASE') ?? false).toLowerCase() === 'true';
  }

  lastQueryId(back: number): string | null {
    return (back < 0 ? this.#queries.at(back) : this.#queries[back - 1]) ?? null;
  }

  sessionValue(name: string): string | null | undefined {
    switch (name) {
      case 'CURRENT_ROLE':
        return this.role;
      case 'CURRENT_USER':
        return this.user;
      case 'CURRENT_WAREHOUSE':
        return this.warehouse;
      case 'CURRENT_ACCOUNT':
      case 'CURRENT_ACCOUNT_NAME':
        return this.#init.account.toUpperCase();
      case 'CURRENT_DATABASE':
        return this.database;
      case 'CURRENT_SCHEMA':
        return this.schema;
      case 'CURRENT_SESSION':
        return String(this.id);
      case 'CURRENT_REGION':
        return 'LOCAL';
      case 'CURRENT_VERSION':
        return '9.0.0';
      case 'CURRENT_TRANSACTION':
        return this.transaction ? String(this.transaction.id) : null;
    }
    return undefined;
  }

  #log(queryId: string, statement: LoggedStatement): void {
    this.core.statements.set(queryId, statement);
  }

  #parse(sql: string, bindings: Record<string, Binding>): Statement {
    const timestampMapping = String(this.parameters.get('TIMESTAMP_TYPE_MAPPING') ?? 'TIMESTAMP_NTZ').toUpperCase();
    const ignoreCase = this.ignoresCase();
    return parseStatement(sql, { bindings, variables: this.variables, timestampMapping, ignoreCase });
  }

  async #prepare(sql: string, options: PrepareOptions): Promise<{ run: Run; prepared: Prepared }> {
    return this.#prepareParsed(this.#parse(sql, options.bindings), options);
  }

  async #prepareParsed(statement: Statement, options: PrepareOptions): Promise<{ run: Run; prepared: Prepared }> {
    const run = await startRun(this, statement, options);
    const prepared = prepareStatement(statement, run);
    authorize(statement, run);
    return { run, prepared };
  }
}

function prepareStatement(statement: Statement, run: Run): Prepared {
  switch (statement.k) {
    case 'query':
      return prepareSelect(statement.query, run);
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
    case 'truncate':
      return prepareDml(statement, run);
    case 'remove':
      return prepareRemove(statement, run);
    case 'begin':
    case 'commit':
    case 'rollback':
      return prepareTransaction(statement.k, run);
    case 'alterSession':
    case 'use':
    case 'set':
      return prepareSettings(statement, run);
    case 'script':
      return prepareScript(statement, run);
    case 'show':
    case 'describe':
      return prepareShow(statement, run);
    case 'createRole':
    case 'alterWarehouse':
    case 'grant':
      return prepareGrant(statement, run);
    default:
      return prepareDdl(statement, run);
  }
}
