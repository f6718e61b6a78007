/**
 * The DuckDB instance behind the engine: a pool of connections, cancelling, and DuckDB's errors as Snowflake's.
 * A statement has a connection to itself while it runs.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import { SqlError } from '../../contract.ts';
import { MACROS } from '../compile/macros.ts';
import { cancelled } from '../errors.ts';

export type DatabaseOptions = { memoryLimit: string; threads: number };

export class Connection {
  readonly raw: DuckDBConnection;
  constructor(raw: DuckDBConnection) {
    this.raw = raw;
  }

  async run(sql: string): Promise<void> {
    try {
      await this.raw.run(sql);
    } catch (error) {
      throw translate(error);
    }
  }

  async rows(sql: string): Promise<DuckDBValue[][]> {
    try {
      return (await this.raw.runAndReadAll(sql)).getRows();
    } catch (error) {
      throw translate(error);
    }
  }

  /** The first cell of a query that counts. */
  async count(sql: string): Promise<number> {
    return Number((await this.rows(sql))[0]?.[0] ?? 0);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run('BEGIN');
    try {
      const done = await work();
      await this.run('COMMIT');
      return done;
    } catch (error) {
      await this.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

export class Database {
  readonly #instance: DuckDBInstance;
  readonly #spill: string;
  readonly #idle: Connection[] = [];

  private constructor(instance: DuckDBInstance, spill: string) {
    this.#instance = instance;
    this.#spill = spill;
  }

  static async open(options: DatabaseOptions): Promise<Database> {
    const spill = await mkdtemp(join(tmpdir(), 'snowmelt-duckdb-'));
    // The stand-in may end without closing: its parent is gone.
    process.once('exit', () => rmSync(spill, { recursive: true, force: true }));
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit,
      threads: String(options.threads),
      temp_directory: spill,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const database = new Database(instance, spill);
    await database.with(async (c) => {
      await c.run("SET GLOBAL TimeZone = 'UTC'");
      await c.run('CREATE SCHEMA tx; CREATE SCHEMA results;');
      await c.run(MACROS);
    });
    return database;
  }

  /** Runs work on a connection of its own; `signal` interrupts what runs on it. */
  async with<T>(work: (c: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw cancelled();
    const connection = this.#idle.pop() ?? new Connection(await this.#instance.connect());
    const interrupt = (): void => connection.raw.interrupt();
    signal?.addEventListener('abort', interrupt);
    try {
      return await work(connection);
    } finally {
      signal?.removeEventListener('abort', interrupt);
      this.#idle.push(connection);
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#idle) connection.raw.closeSync();
    this.#instance.closeSync();
    await rm(this.#spill, { recursive: true, force: true });
  }
}

const PATTERNS: [RegExp, (m: RegExpExecArray) => SqlError][] = [
  [/^Invalid Input Error: SF\|([^|]*)\|([^|]*)\|([^]*)$/, (m) => new SqlError(m[1]!, m[2]!, m[3]!)],
  [/^INTERRUPT|^Interrupted/, () => cancelled()],
  [
    /Could not convert string ["']([^]*)["'] to (?:DECIMAL|DOUBLE|U?BIGINT|INT|HUGEINT)/,
    (m) => new SqlError('100038', '22018', `Numeric value '${m[1]}' is not recognized`),
  ],
  [
    /(?:Could not cast value|Out of Range|out of range|Overflow|overflow)([^\n]*)/,
    (m) =>
      new SqlError(
        '100046',
        '22003',
        `Number out of representable range: type FIXED[SB16](38,0){nullable}, value${m[1]}`,
      ),
  ],
  [
    /column ["']?[^"'\n]*["']? must appear in the GROUP BY/,
    () => new SqlError('000979', '42601', 'SQL compilation error:\n[expression] is not a valid group by expression'),
  ],
  [
    /date(?: field|\/time field value) out of range|invalid (?:date|timestamp) field format: "([^"]*)"/,
    (m) => new SqlError('100040', '22007', `Date '${m[1] ?? ''}' is not recognized`),
  ],
  [
    /Out of Memory|out of memory/i,
    () => new SqlError('300002', 'XX000', 'Processing aborted by error 300002: out of memory'),
  ],
];

/** An error DuckDB raised while running generated SQL. What no rule knows is an internal error, never a result. */
function translate(error: unknown): Error {
  if (error instanceof SqlError) return error;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, make] of PATTERNS) {
    const m = pattern.exec(message);
    if (m) return make(m);
  }
  return new SqlError('000603', 'XX000', `SQL execution internal error:\n${message.split('\n')[0]}`);
}
