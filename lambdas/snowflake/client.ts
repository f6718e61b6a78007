/** The Snowflake port: sessions, gate, scans and the reader put together. Sole owner of snowflake-sdk. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { Account, Catalog, Snowflake } from '../protocol/ports/snowflake.ts';
import { countDuplicates, tableLives, warehouseFacts } from './account.ts';
import { readGates, sparing } from './gate.ts';
import { HttpClient } from './http.ts';
import { describeObject, listKeys, listTables, shareOf, streamNames, tableNames } from './object.ts';
import type { RowReader } from './parts.ts';
import { describeQuery, measureCopy } from './query.ts';
import { Reader } from './reader.ts';
import { Results } from './result.ts';
import { explained, explaining, explainingSchema } from './rights.ts';
import { scanRanges, scanStatus } from './scan.ts';
import type { Credentials } from './sdk.ts';
import { SdkReader } from './sdk-reader.ts';
import { Sessions } from './sessions.ts';
import { cellsOf, isSalted } from './sql/cells.ts';
import { keysStatement } from './sql/keys.ts';
import { stageStatement } from './sql/query.ts';
import { copyStatement, scanStatement } from './sql/scan.ts';
import { dropStatement } from './sql/statements.ts';
import { consumptionStatement, dropStreamStatement, ledgerOf } from './sql/stream.ts';
import { describeStage, describeStream, prepareStage, readLedger } from './stream.ts';

/** Statements that need no warehouse answer within seconds. */
const smallMs = 60_000;
/** A warehouse may have to resume first. */
const measureMs = 600_000;

/**
 * Nothing is sent before the first call. Credentials and the salt of hashes are kept in memory only. `renewed`: what there is
 * to sign in with by the time that the credentials are refused.
 */
export function createSnowflake(
  config: ResolvedConfig,
  credentials: Credentials,
  salt?: string | null,
  renewed?: () => Promise<Credentials>,
): Snowflake & Account & Catalog {
  const sessions = new Sessions(config, credentials, renewed);
  const http = new HttpClient();
  // Longer than Snowflake holds an answer back.
  const results = new Results(sessions, http, { answerMs: 70_000, stallMs: 20_000, totalMs: 120_000 });
  const reader: RowReader =
    config.snowflake.reader === 'sdk' ? new SdkReader(sessions, results, http) : new Reader(results, http);

  const told = <T>(work: Promise<T>) => explaining(config, undefined, work);

  return {
    async gate(watched) {
      if (watched.length === 0) return [];
      const readings = await told(
        sessions.inFresh((session) => {
          const bare = (statement: string) => session.queryBare(statement, smallMs);
          const pinned = (statement: string) => session.query(statement, smallMs);
          return readGates(sparing(bare, pinned), watched);
        }),
      );
      return readings.map((reading) => (reading instanceof Error ? (explained(config, reading) as Error) : reading));
    },
    describe: (object, query) =>
      query === undefined
        ? explaining(
            config,
            object,
            sessions.inSession((session) => describeObject((statement) => session.query(statement, smallMs), object)),
          )
        : told(
            sessions.inSession((session) => describeQuery((statement) => session.describe(statement, smallMs), query)),
          ),
    tables: (where) =>
      explainingSchema(
        config,
        where,
        sessions.inSession((session) => listTables((statement) => session.query(statement, smallMs), where)),
      ),
    primaryKeys: (where) =>
      told(sessions.inSession((session) => listKeys((statement) => session.query(statement, smallMs), where))),
    columns: (layout, table) => cellsOf(layout, table).map(({ column }) => column),
    statement: scanStatement,
    stage: stageStatement,
    copy: copyStatement,
    measure: (request, columns, to) =>
      told(
        sessions.inSession((session) =>
          measureCopy((statement) => session.query(statement, measureMs), request, columns, to),
        ),
      ),
    stages: (where, prefix) =>
      told(
        sessions.inSession((session) => tableNames((statement) => session.query(statement, smallMs), where, prefix)),
      ),
    drop: (table) => sessions.inSession(async (session) => void (await session.query(dropStatement(table), smallMs))),
    describeStream: (layout, stream) =>
      told(
        sessions.inSession((session) => {
          const compile = (statement: string) => session.describe(statement, smallMs);
          return describeStream((statement) => session.query(statement, smallMs), compile, layout, stream);
        }),
      ),
    describeStage: (layout, table) =>
      sessions.inSession((session) => describeStage((statement) => session.query(statement, smallMs), layout, table)),
    // What makes the ledger is a query, too.
    prepareStage: (request) =>
      sessions.inSession((session) => prepareStage((statement) => session.query(statement, measureMs), request)),
    consumption: consumptionStatement,
    ledger: (stream, staging) =>
      sessions.inSession((session) => readLedger((statement) => session.query(statement, measureMs), stream, staging)),
    streams: (where, prefix) =>
      sessions.inSession((session) => streamNames((statement) => session.query(statement, smallMs), where, prefix)),
    dropStream: (stream) =>
      sessions.inSession(async (session) => {
        await session.query(dropStreamStatement(stream), smallMs);
        await session.query(dropStatement(ledgerOf(stream, stream)), smallMs);
      }),
    warehouse: () =>
      told(
        sessions.inSession((session) =>
          warehouseFacts((statement) => session.query(statement, smallMs), config.snowflake.warehouse),
        ),
      ),
    lives: (object) =>
      explaining(
        config,
        object,
        sessions.inSession((session) => tableLives((statement) => session.query(statement, smallMs), object)),
      ),
    shareOf: (database) =>
      told(sessions.inSession((session) => shareOf((statement) => session.query(statement, smallMs), database))),
    duplicates: (layout, columns) =>
      told(
        sessions.inSession((session) =>
          countDuplicates((statement) => session.query(statement, measureMs), layout, columns),
        ),
      ),
    submit: (statement, tag) =>
      told(sessions.inSession((session) => session.submit(statement, tag, smallMs, bindsOf(statement, salt)))),
    submitKeys: (keys, tag) => {
      const statement = keysStatement(keys[0]?.length ?? 0);
      return told(sessions.inSession((session) => session.submit(statement, tag, smallMs, [JSON.stringify(keys)])));
    },
    async compile(statement) {
      await told(sessions.inSession((session) => session.describe(statement, smallMs, bindsOf(statement, salt))));
    },
    async status(queryId, waitMs) {
      const status = await scanStatus(sessions, results, queryId, waitMs);
      return status.state === 'failed'
        ? { ...status, error: explained(config, status.error) as SnowmeltError }
        : status;
    },
    ranges: (queryId) => told(scanRanges(sessions, results, queryId)),
    async abort(queryId) {
      await results.abort(queryId);
      sessions.finished(queryId);
    },
    read: (queryId, start, end, width) => reader.read(queryId, start, end, width),
    async close() {
      http.close();
      await sessions.close();
    },
  };
}

function bindsOf(statement: string, salt: string | null | undefined): string[] {
  if (!isSalted(statement)) return [];
  if (salt) return [salt];
  throw new SnowmeltError('SECRET_UNREADABLE', 'A column is masked by its hash, but no salt is configured any more.');
}
