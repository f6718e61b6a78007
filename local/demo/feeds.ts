/**
 * What is written for the sources to read: one feed for each table or view, whatever number of sources reads it. A source's
 * own table, one that a stream is on, and one that a query reads whole, is a table of flights; one that a query reads by a
 * cursor a table of events; a view of the database SNOWFLAKE gets rows of its own columns.
 */
import { join } from 'node:path';
import { stagingOf } from '../../lambdas/config/grants.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import { quotedTable } from './config.ts';
import { flightColumns, type DemoColumn } from './flights.ts';
import { describedColumn, eventColumns, EventTraffic, LogTraffic } from './logs.ts';
import { signIn, type Session } from './snowflake.ts';
import { WRITER, type Stack } from './stack.ts';
import { createSchemas, fillTable, grantRights, type FilledTable } from './table.ts';
import { transactions, Writer } from './writer.ts';

/** Snowflake's own database: its rights are granted as a whole. */
const ACCOUNT_USAGE = 'SNOWFLAKE';

type Named = ResolvedSource['object'];

export type Feed = Omit<FilledTable, 'loadedAt'> & {
  kind: 'flights' | 'events' | 'log';
  columns: readonly DemoColumn[];
};

/** `rows`: flights, shared out among the sources. */
type Options = { rows: number; seed: number; maxRows: number };

/** The feeds of all sources, by the name of the source. @throws for a query that the demo has nothing to feed */
export async function openFeeds(
  stack: Pick<Stack, 'config' | 'snowflake' | 'folder'>,
  options: Options,
  progress: (what: string) => void,
): Promise<Map<string, Feed>> {
  await makeStaging(stack);
  const { sources } = stack.config;
  const rows = Math.ceil(options.rows / sources.length);
  const byObject = new Map<string, Feed>();
  const bySource = new Map<string, Feed>();
  for (const source of sources) {
    const object = readBy(source);
    const name = quotedTable({ object });
    let feed = byObject.get(name);
    if (feed === undefined) {
      feed = await openFeed(stack, source, object, { ...options, rows, seed: options.seed + byObject.size });
      byObject.set(name, feed);
      progress(`${name.replaceAll('"', '')}: ${feed.rows.toLocaleString('en-US')} rows loaded`);
    }
    if (source.stream?.managed === false) await makeStream(feed.session, source, name);
    bySource.set(source.name, feed);
  }
  const queried = sources.filter(({ query, stream }) => query !== undefined || stream?.managed === false).map(readBy);
  await grantRights(
    stack,
    sources,
    queried.filter(({ database }) => database !== ACCOUNT_USAGE),
  );
  return bySource;
}

/** Where copies of queries and stages of streams go. */
async function makeStaging({ config, snowflake }: Pick<Stack, 'config' | 'snowflake'>): Promise<void> {
  const session = await signIn({ url: snowflake!.url, account: config.snowflake.account, ...WRITER });
  for (const source of config.sources) {
    const staging = stagingOf(source);
    if (staging !== null) await createSchemas(session, staging);
  }
  await session.close();
}

/** The table or view behind a source. A stream that is there is on the table whose name its own begins with. */
function readBy({ name, query, stream, object }: ResolvedSource): Named {
  if (stream?.managed === false) {
    const [, table] = /^([A-Z_]+)_[A-Z]+$/.exec(object.name) ?? [];
    if (table === undefined) throw new Error(`source ${name}: the demo makes streams named TABLE_WORD, on TABLE`);
    return { ...object, name: table };
  }
  if (query === undefined) return object;
  const found = /^SELECT \*.* FROM ([A-Z_]+)\.([A-Z_]+)\.([A-Z_]+)$/.exec(query.text.trim());
  if (found === null) {
    throw new Error(`source ${name}: the demo can only fill what is read by \`SELECT * FROM DATABASE.SCHEMA.TABLE\``);
  }
  return { database: found[1]!, schema: found[2]!, name: found[3]! };
}

async function openFeed(
  stack: Pick<Stack, 'config' | 'snowflake' | 'folder'>,
  source: ResolvedSource,
  object: Named,
  options: Options,
): Promise<Feed> {
  const ledger = `ledger-${object.database}.${object.schema}.${object.name}.ndjson`;
  const { query, key } = source;
  if (query === undefined || query.mode === 'bulk') {
    const filled = await fillTable(stack, { object }, { ...options, ledger });
    return { kind: 'flights', columns: flightColumns, ...filled };
  }
  const { url, control } = stack.snowflake!;
  const session = await signIn({ url, account: stack.config.snowflake.account, ...WRITER });
  const path = join(stack.folder, ledger);
  const table = quotedTable({ object });
  if (object.database === ACCOUNT_USAGE) {
    const columns = await columnsOf(session, table);
    const traffic = new LogTraffic(columns, [...key, query.cursor!], options.seed, options.maxRows);
    const load = async ([select]: readonly string[]) =>
      BigInt((await control.load(`${object.database}.${object.schema}.${object.name}`, select!)).commitTime);
    return opened('log', columns, new Writer(load, traffic, path), session);
  }
  await createSchemas(session, object);
  const definitions = eventColumns.map(({ name, sqlType }) => `"${name}" ${sqlType}`);
  await session.execute(`CREATE TABLE ${table} (${definitions.join(', ')})`);
  const traffic = new EventTraffic(table, options.seed, options.maxRows);
  return opened('events', eventColumns, new Writer(transactions(session, table), traffic, path), session);
}

/** It shows the rows that there are before their changes, so that the topic is whole. */
async function makeStream(session: Session, { object, information }: ResolvedSource, table: string): Promise<void> {
  const appendOnly = information === 'APPEND_ONLY' ? 'APPEND_ONLY = TRUE ' : '';
  await session.execute(
    `CREATE STREAM ${quotedTable({ object })} ON TABLE ${table} ${appendOnly}SHOW_INITIAL_ROWS = TRUE`,
  );
}

/** Whether a stream has what was not consumed. @param stream fully qualified and quoted. */
export async function hasData(session: Session, stream: string): Promise<boolean> {
  const name = stream.replaceAll("'", "''");
  const [row] = await session.execute(`SELECT TO_VARCHAR(SYSTEM$STREAM_HAS_DATA('${name}')) AS "HAS"`);
  return row!['HAS'] === 'true';
}

function opened(kind: Feed['kind'], columns: readonly DemoColumn[], writer: Writer, session: Session): Feed {
  const close = async () => {
    await writer.stop();
    await writer.ledger.close();
    await session.close();
  };
  return { kind, columns, writer, session, rows: 0, close };
}

async function columnsOf(session: Session, table: string): Promise<DemoColumn[]> {
  const rows = await session.execute(`DESCRIBE TABLE ${table}`);
  return rows.map((row) => describedColumn(String(row['name']), String(row['type'])));
}
