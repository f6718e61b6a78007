/** The small statements. None but `rangesStatement` needs a warehouse. */
import type { Watched } from '../../protocol/ports/snowflake.ts';
import type { ObjectName } from '../../protocol/window.ts';
import { identifier, literal, pattern, qualified } from './literals.ts';

export type SchemaName = Omit<ObjectName, 'name'>;

/** What results, times and timeouts depend on is pinned, whatever account, user or role say. */
export function pinStatement(tag: string): string {
  const settings = {
    TIMEZONE: literal('UTC'),
    QUERY_TAG: literal(tag),
    STATEMENT_TIMEOUT_IN_SECONDS: 3600,
    AUTOCOMMIT: 'TRUE',
    // A scan goes on after the invocation that submitted it has ended.
    ABORT_DETACHED_QUERY: 'FALSE',
    CLIENT_RESULT_CHUNK_SIZE: 16,
    USE_CACHED_RESULT: 'FALSE',
    // An account may set these otherwise; then quoted names would lose their case, and results their tail.
    QUOTED_IDENTIFIERS_IGNORE_CASE: 'FALSE',
    ROWS_PER_RESULTSET: 0,
  };
  return `ALTER SESSION SET ${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')}`;
}

/**
 * Server time and the token of each object, for a stream whether it has rows: columns now, t0, t1, ... Of all that is pinned
 * it depends on one thing, whether quoted names keep their case, and its own lower-case names show that.
 */
export function gateStatement(objects: readonly Watched[]): string {
  const tokens = objects.map((object, index) => {
    const name = literal(qualified(object));
    const token = object.isStream
      ? `TO_VARCHAR(SYSTEM$STREAM_HAS_DATA(${name}))`
      : `SYSTEM$LAST_CHANGE_COMMIT_TIME(${name})`;
    return `${token} AS "t${index}"`;
  });
  const now = `TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3') AS "now"`;
  return `SELECT ${[now, ...tokens].join(', ')}`;
}

/** Its pattern ignores case: more than the one table may come. */
export function showStatement(object: ObjectName): string {
  return `SHOW TABLES LIKE ${pattern(object.name)} IN SCHEMA ${schemaOf(object)}`;
}

/** The same with those that were dropped, as far as they can come back. */
export function showHistoryStatement(object: ObjectName): string {
  return `SHOW TABLES HISTORY LIKE ${pattern(object.name)} IN SCHEMA ${schemaOf(object)}`;
}

export function showDatabaseStatement(database: string): string {
  return `SHOW DATABASES LIKE ${pattern(database)}`;
}

export function showWarehouseStatement(name: string): string {
  return `SHOW WAREHOUSES LIKE ${pattern(name)}`;
}

/** All that the role sees; at most 10,000. */
export function showTablesStatement(where: SchemaName): string {
  return `SHOW TABLES IN SCHEMA ${schemaOf(where)}`;
}

/** A row for each column of a primary key; at most 10,000. */
export function showKeysStatement(where: SchemaName): string {
  return `SHOW PRIMARY KEYS IN SCHEMA ${schemaOf(where)}`;
}

/** As `showStatement`. */
export function showViewStatement(view: ObjectName): string {
  return `SHOW VIEWS LIKE ${pattern(view.name)} IN SCHEMA ${schemaOf(view)}`;
}

/** Tables whose name begins so. */
export function showPrefixStatement(where: SchemaName, prefix: string): string {
  return `SHOW TABLES LIKE ${pattern(prefix).slice(0, -1)}%' IN SCHEMA ${schemaOf(where)}`;
}

/** As `showStatement`. */
export function showStreamStatement(stream: ObjectName): string {
  return `SHOW STREAMS LIKE ${pattern(stream.name)} IN SCHEMA ${schemaOf(stream)}`;
}

/** Streams whose name begins so. */
export function showStreamPrefixStatement(where: SchemaName, prefix: string): string {
  return `SHOW STREAMS LIKE ${pattern(prefix).slice(0, -1)}%' IN SCHEMA ${schemaOf(where)}`;
}

export function dropStatement(table: ObjectName): string {
  return `DROP TABLE IF EXISTS ${qualified(table)}`;
}

function schemaOf({ database, schema }: SchemaName): string {
  return `${identifier(database)}.${identifier(schema)}`;
}

export function describeStatement(object: ObjectName): string {
  return `DESCRIBE TABLE ${qualified(object)}`;
}

/** Rows and hash per bucket of a persisted result. `queryId` was checked. */
export function rangesStatement(queryId: string): string {
  return (
    `SELECT "B", TO_VARCHAR(COUNT(*)) AS "N", TO_VARCHAR(HASH_AGG(*)) AS "H" ` +
    `FROM TABLE(RESULT_SCAN(${literal(queryId)})) GROUP BY "B" ORDER BY TO_NUMBER("B")`
  );
}
