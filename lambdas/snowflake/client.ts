/** The Snowflake port: sessions, gate, scans and the reader put together. Sole owner of snowflake-sdk. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { Snowflake } from '../protocol/ports.ts';
import { readGate } from './gate.ts';
import { HttpClient } from './http.ts';
import { describeObject } from './object.ts';
import type { RowReader } from './parts.ts';
import { Reader } from './reader.ts';
import { Results } from './result.ts';
import { scanRanges, scanStatus } from './scan.ts';
import type { Credentials } from './sdk.ts';
import { SdkReader } from './sdk-reader.ts';
import { Sessions } from './sessions.ts';
import { cellsOf, isSalted } from './sql/cells.ts';
import { scanStatement } from './sql/scan.ts';

/** Statements that need no warehouse answer within seconds. */
const smallMs = 60_000;

/** Nothing is sent before the first call. Credentials and the salt of hashes are kept in memory only. */
export function createSnowflake(config: ResolvedConfig, credentials: Credentials, salt?: string | null): Snowflake {
  const sessions = new Sessions(config, credentials);
  const http = new HttpClient();
  // Longer than Snowflake holds an answer back.
  const results = new Results(sessions, http, { answerMs: 70_000, stallMs: 20_000, totalMs: 120_000 });
  const reader: RowReader =
    config.snowflake.reader === 'sdk' ? new SdkReader(sessions, results, http) : new Reader(results, http);

  return {
    gate: (objects) =>
      objects.length === 0
        ? Promise.resolve([])
        : sessions.inFresh((session) => readGate((statement) => session.query(statement, smallMs), objects)),
    describe: (object) =>
      sessions.inSession((session) => describeObject((statement) => session.query(statement, smallMs), object)),
    columns: (layout, table) => cellsOf(layout, table).map(({ column }) => column),
    statement: scanStatement,
    submit: (statement, tag) => {
      const binds = isSalted(statement) ? [saltOf(salt)] : [];
      return sessions.inSession((session) => session.submit(statement, tag, smallMs, binds));
    },
    status: (queryId, waitMs) => scanStatus(sessions, results, queryId, waitMs),
    ranges: (queryId) => scanRanges(sessions, results, queryId),
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

function saltOf(salt: string | null | undefined): string {
  if (salt) return salt;
  throw new SnowmeltError('SECRET_UNREADABLE', 'A column is masked by its hash, but no salt is configured any more.');
}
