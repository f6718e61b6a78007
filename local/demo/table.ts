/** Makes and fills the demo's table, and sets a writer on it. */
import { join } from 'node:path';
import { readGrants, snowflakeGrants } from '../../lambdas/config/grants.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { quotedTable } from './config.ts';
import { readFlights } from './duckdb.ts';
import { createTable, loadSelect } from './flights.ts';
import { Random } from './random.ts';
import { signIn, type Session } from './snowflake.ts';
import { roleOf, WRITER, type Stack } from './stack.ts';
import { Traffic, type Row } from './traffic.ts';
import { transactions, Writer } from './writer.ts';

export type FilledTable = {
  writer: Writer;
  /** The writer's. */
  session: Session;
  rows: number;
  loadedAt: bigint;
  close(): Promise<void>;
};

/** Loaded rows that the writer may touch. */
const POOL = 20_000;

export async function fillTable(
  stack: Pick<Stack, 'config' | 'snowflake' | 'folder'>,
  source: Pick<ResolvedSource, 'object'>,
  options: { rows: number; seed: number; maxRows: number; ledger?: string },
): Promise<FilledTable> {
  const snowflake = stack.snowflake!;
  const session = await signIn({ url: snowflake.url, account: stack.config.snowflake.account, ...WRITER });
  const table = quotedTable(source);
  const { database, schema, name } = source.object;
  await createSchemas(session, source.object);
  await session.execute(createTable(table));
  const loaded = await snowflake.control.load(`${database}.${schema}.${name}`, loadSelect(options.rows));
  const traffic = new Traffic({
    table,
    seed: options.seed,
    pool: await choosePool(options.rows, options.seed),
    firstRow: options.rows,
    maxRows: options.maxRows,
  });
  const writer = new Writer(
    transactions(session, table),
    traffic,
    join(stack.folder, options.ledger ?? 'ledger.ndjson'),
  );
  const close = async () => {
    await writer.stop();
    await writer.ledger.close();
    await session.close();
  };
  return { writer, session, rows: loaded.rows, loadedAt: BigInt(loaded.commitTime), close };
}

/** The schema that the table is in, and its database. */
export async function createSchemas(session: Session, where: { database: string; schema: string }): Promise<void> {
  await session.execute(`CREATE DATABASE IF NOT EXISTS "${where.database}"`);
  await session.execute(`CREATE SCHEMA IF NOT EXISTS "${where.database}"."${where.schema}"`);
}

/**
 * The product's role may do what is printed for the setup, and nothing else. All that is granted on must be there.
 * `alsoRead`: what queries read, which only their author knows.
 */
export async function grantRights(
  { config, snowflake }: Pick<Stack, 'config' | 'snowflake'>,
  sources: ResolvedSource[],
  alsoRead: readonly ResolvedSource['object'][] = [],
): Promise<void> {
  const session = await signIn({ url: snowflake!.url, account: config.snowflake.account, ...WRITER });
  const settings = { ...config.snowflake, role: roleOf(config.snowflake) };
  const grants = snowflakeGrants({ snowflake: settings, sources });
  await session.execute(`CREATE ROLE IF NOT EXISTS ${settings.role}`);
  for (const object of alsoRead) grants.push(...readGrants(settings, object));
  for (const statement of new Set(grants)) await session.execute(statement);
  await session.close();
}

/** Rows from all over the table: every so many, from a random start. */
async function choosePool(rows: number, seed: number): Promise<Row[]> {
  const step = Math.max(1, Math.floor(rows / POOL));
  const start = new Random(seed).whole(0, step - 1);
  const pool: Row[] = [];
  for await (const images of readFlights(rows, `n % ${step} = ${start}`)) {
    for (const image of images) pool.push({ row: start + pool.length * step, image });
  }
  return pool;
}
