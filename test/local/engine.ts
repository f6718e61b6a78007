/** A session on an engine in memory, for the engine's own tests. */
import { createEngine, type EngineOptions } from '../../local/snowflake/engine/engine.ts';
import {
  SqlError,
  type Binding,
  type Engine,
  type EngineResult,
  type EngineSession,
} from '../../local/snowflake/contract.ts';

export type Cell = string | null;

export class Client {
  readonly engine: Engine;
  readonly session: EngineSession;
  lastId = '';
  static #ids = 0;

  constructor(engine: Engine, session: EngineSession) {
    this.engine = engine;
    this.session = session;
  }

  async result(sql: string, bindings?: Record<string, Binding>): Promise<EngineResult> {
    this.lastId = `01b00000-0000-0000-0000-${String(++Client.#ids).padStart(12, '0')}`;
    return this.session.execute(sql, { queryId: this.lastId, ...(bindings ? { bindings } : {}) });
  }

  /** Rows as they go over the wire. */
  async rows(sql: string, bindings?: Record<string, Binding>): Promise<Cell[][]> {
    const result = await this.result(sql, bindings);
    const text = Buffer.from(await result.chunk(0, result.rowCount)).toString();
    return JSON.parse(`[${text}]`) as Cell[][];
  }

  async cell(sql: string, bindings?: Record<string, Binding>): Promise<Cell | undefined> {
    return (await this.rows(sql, bindings))[0]?.[0];
  }

  async run(...statements: string[]): Promise<void> {
    for (const sql of statements) await this.result(sql);
  }

  async error(
    sql: string,
    bindings?: Record<string, Binding>,
  ): Promise<{ code: string; state: string; message: string }> {
    try {
      await this.result(sql, bindings);
    } catch (error) {
      if (error instanceof SqlError)
        return { code: error.code, state: error.sqlState, message: error.message.replace(/\s+/g, ' ') };
      throw error;
    }
    throw new Error(`no error: ${sql}`);
  }

  /** A literal of a time strictly after all commits so far and not after any later one. */
  async instant(): Promise<string> {
    const before = await this.#milliseconds();
    let now = before;
    while (now <= before + 1n) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      now = await this.#milliseconds();
    }
    const text = new Date(Number(now - 1n)).toISOString().replace('T', ' ').replace('Z', '');
    return `'${text} +00:00'::TIMESTAMP_TZ`;
  }

  async #milliseconds(): Promise<bigint> {
    return BigInt((await this.cell("SELECT DATE_PART('epoch_millisecond', CURRENT_TIMESTAMP())"))!);
  }
}

/** An engine with database DB, schema PUBLIC in use. */
export async function openClient(options: EngineOptions = {}): Promise<Client> {
  const engine = await createEngine({ memoryLimit: '1GB', threads: 2, ...options });
  const client = await openSession(engine);
  await client.run('CREATE DATABASE DB');
  return client;
}

export async function openSession(engine: Engine, user = 'TESTER', role = 'R'): Promise<Client> {
  const session = await engine.openSession({
    user,
    account: 'LOCAL',
    database: 'DB',
    schema: 'PUBLIC',
    warehouse: 'WH',
    role,
  });
  return new Client(engine, session);
}
