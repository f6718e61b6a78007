/** SHOW and DESCRIBE: the columns an account answers, no warehouse. */
import { missingTable } from '../errors.ts';
import type { Scope, Statement } from '../parse/ast.ts';
import { smallResult, STATEMENT_TYPE, type SmallColumn, type SmallRow } from '../results.ts';
import type { DatabaseEntry, Schema } from '../storage/catalog.ts';
import { isTracked, qualifiedName, type Column, type Table } from '../storage/table.ts';
import { fixed, resultColumn, text, timestamp, typeName, type SqlType } from '../types.ts';
import type { Prepared, Run } from './run.ts';
import { STREAM_COLUMNS, streamRow } from './streams.ts';

const TIME = timestamp('timestamp_ltz', 3);
const T = text();
/** More than so many are left out, without a word. */
const MOST_ROWS = 10_000;
type Listing = { columns: SmallColumn[]; rows: () => SmallRow[] };

export function prepareShow(statement: Extract<Statement, { k: 'show' | 'describe' }>, run: Run): Prepared {
  const listing = statement.k === 'describe' ? describe(statement, run) : show(statement, run);
  return {
    needsWarehouse: false,
    statementTypeId: STATEMENT_TYPE.select,
    readOnly: true,
    columns: () => listing.columns.map(([name, type]) => resultColumn(name, type, true)),
    execute: async () =>
      smallResult(
        run.core,
        run.queryId,
        run.host.owner,
        listing.columns,
        listing.rows().slice(0, MOST_ROWS),
        STATEMENT_TYPE.select,
      ),
  };
}

const columns = (names: string, others: Record<string, SqlType> = {}): SmallColumn[] =>
  names.split(' ').map((name) => [name, others[name] ?? T]);

const streamColumns = (): SmallColumn[] => columns(STREAM_COLUMNS, { created_on: TIME, stale_after: TIME });

function describe({ what, name }: Extract<Statement, { k: 'describe' }>, run: Run): Listing {
  if (what === 'STREAM') {
    const stream = run.core.catalog.stream(name, run.host);
    return { columns: streamColumns(), rows: () => [streamRow(stream, run.cx.now)] };
  }
  const table = run.core.catalog.table(name, run.host);
  run.named.add(qualifiedName(table));
  return {
    columns: columns(
      'name type kind null? default primary_key unique_key check expression comment policy_name privacy_domain schema_evolution_record',
    ).map(([n, t]) => [
      n === 'primary_key' || n === 'unique_key'
        ? n.replace('_', ' ')
        : n.replace('policy_name', 'policy name').replace('privacy_domain', 'privacy domain'),
      t,
    ]),
    rows: () =>
      table.columns.map((c) => [
        c.name,
        typeName(c.type),
        'COLUMN',
        c.notNull ? 'N' : 'Y',
        defaultText(c),
        c.primaryKey ? 'Y' : 'N',
        'N',
        null,
        null,
        c.comment,
        null,
        null,
        null,
      ]),
  };
}

const defaultText = (c: Column): string | null =>
  c.identity ? `IDENTITY START ${c.identity.next} INCREMENT ${c.identity.step} NOORDER` : c.defaultText;

/** LIKE of SHOW: case does not matter; `_` and `%` are wild unless a backslash stands before them. */
export function likeTest(pattern: string | null): (name: string) => boolean {
  if (pattern === null) return () => true;
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    let c = pattern[i]!;
    if (c === '\\' && i + 1 < pattern.length) c = pattern[++i]!;
    else if (c === '%' || c === '_') {
      source += c === '%' ? '[^]*' : '[^]';
      continue;
    }
    source += c.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }
  const regex = new RegExp(`^${source}$`, 'i');
  return (name) => regex.test(name);
}

function show(statement: Extract<Statement, { k: 'show' }>, run: Run): Listing {
  const matches = likeTest(statement.like);
  switch (statement.what) {
    case 'TABLES':
      return showTables(schemasIn(statement.in, run), matches, statement.history, run);
    case 'VIEWS':
      return showViews(schemasIn(statement.in, run), matches, run);
    case 'STREAMS':
      return {
        columns: streamColumns(),
        rows: () =>
          schemasIn(statement.in, run).flatMap(({ schema }) =>
            byName(schema.streams.values())
              .filter(({ name }) => matches(name))
              .map((stream) => streamRow(stream, run.cx.now)),
          ),
      };
    case 'PRIMARY KEYS':
      return showPrimaryKeys(tablesIn(statement.in, run), run);
    case 'COLUMNS':
      return showColumns(tablesIn(statement.in, run), matches);
    case 'SCHEMAS':
      return showSchemas(databasesIn(statement.in, run), matches);
    case 'DATABASES':
      return showDatabases([...run.core.catalog.databases.values()], matches, run);
    case 'WAREHOUSES':
      return showWarehouses(matches, run);
  }
}

type Located = { database: DatabaseEntry; schema: Schema };

function databasesIn(scope: Scope, run: Run): DatabaseEntry[] {
  const { catalog } = run.core;
  if (scope?.kind === 'ACCOUNT' || (!scope && run.host.database === null)) return [...catalog.databases.values()];
  const name = scope?.name[0] ?? run.host.database;
  return name === null || name === undefined ? [] : [catalog.database(name)];
}

function schemasIn(scope: Scope, run: Run): Located[] {
  const { catalog } = run.core;
  const one = scope?.kind === 'SCHEMA' || (!scope && run.host.schema !== null);
  if (one) {
    const name = scope && scope.name.length > 0 ? scope.name : [run.host.database!, run.host.schema!];
    const full = catalog.schemaName(name, run.host);
    return [{ database: catalog.database(full.database), schema: catalog.schema(name, run.host) }];
  }
  return databasesIn(scope, run).flatMap((database) =>
    [...database.schemas.values()].map((schema) => ({ database, schema })),
  );
}

function tablesIn(scope: Scope, run: Run): Table[] {
  if (scope?.kind !== 'TABLE') return schemasIn(scope, run).flatMap(({ schema }) => [...schema.tables.values()]);
  const table = run.core.catalog.find(scope.name, run.host);
  if (!table) throw missingTable(scope.name.join('.'));
  return [table];
}

const byName = <X extends { name: string }>(all: Iterable<X>): X[] =>
  [...all].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

const DAY_NS = 86_400_000_000_000n;

/** Those that were altered, and the session's own: a warehouse is there by being named. */
function showWarehouses(matches: (name: string) => boolean, { core, host }: Run): Listing {
  const names = new Set([
    ...core.autoSuspend.keys(),
    ...(host.warehouse === null ? [] : [host.warehouse.toUpperCase()]),
  ]);
  return {
    columns: columns('name state type size auto_suspend auto_resume', { auto_suspend: fixed(38) }),
    rows: () =>
      [...names]
        .filter((name) => matches(name) && core.grants.holds(host.role ?? '', 'USAGE', 'WAREHOUSE', name))
        .sort()
        .map((name) => {
          const seconds = core.autoSuspend.get(name);
          const suspend = seconds === undefined ? '60' : seconds === null ? null : String(seconds);
          return [name, 'STARTED', 'STANDARD', 'X-Small', suspend, 'true'];
        }),
  };
}

function showTables(
  schemas: Located[],
  matches: (name: string) => boolean,
  history: boolean,
  { core, host, cx }: Run,
): Listing {
  const remembered = (t: Table) => (t.droppedOn ?? 0n) + BigInt(t.retentionDays) * DAY_NS > cx.now;
  return {
    columns: columns(
      `created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time ${history ? 'dropped_on ' : ''}automatic_clustering change_tracking search_optimization search_optimization_progress search_optimization_bytes is_external enable_schema_evolution owner_role_type is_event budget is_hybrid is_iceberg is_dynamic is_immutable`,
      { created_on: TIME, dropped_on: TIME, rows: fixed(38), bytes: fixed(38) },
    ),
    rows: () =>
      schemas.flatMap(({ schema }) =>
        byName([...schema.tables.values(), ...(history ? schema.dropped.filter(remembered) : [])])
          .filter((t) => !t.view && !t.definition && matches(t.name) && core.grants.sees(host.role ?? '', t))
          .map((t) => [
            String(t.createdOn),
            t.name,
            t.database,
            t.schema,
            t.transient ? 'TRANSIENT' : 'TABLE',
            t.comment,
            '',
            String(t.rows),
            String(t.rows * 64),
            'LOCAL',
            String(t.retentionDays),
            ...(history ? [t.droppedOn === null ? null : String(t.droppedOn)] : []),
            'OFF',
            isTracked(t) ? 'ON' : 'OFF',
            'OFF',
            null,
            t.external ? 'Y' : null,
            'N',
            'N',
            'ROLE',
            t.event ? 'Y' : 'N',
            null,
            'N',
            'N',
            t.dynamic ? 'Y' : 'N',
            'N',
          ]),
      ),
  };
}

function showViews(schemas: Located[], matches: (name: string) => boolean, { core, host }: Run): Listing {
  return {
    columns: columns(
      'created_on name reserved database_name schema_name owner comment text is_secure is_materialized owner_role_type change_tracking',
      { created_on: TIME },
    ),
    rows: () =>
      schemas.flatMap(({ schema }) =>
        byName(schema.tables.values())
          .filter((t) => t.definition && matches(t.name) && core.grants.sees(host.role ?? '', t))
          .map((t) => [
            String(t.createdOn),
            t.name,
            '',
            t.database,
            t.schema,
            'LOCAL',
            t.comment,
            `CREATE VIEW ${t.name} AS ${t.definition!.text}`,
            'false',
            'false',
            'ROLE',
            isTracked(t) ? 'ON' : 'OFF',
          ]),
      ),
  };
}

/** One row a column of a key, in the key's order. Constraints of standard tables are not enforced. */
function showPrimaryKeys(tables: Table[], { core, host }: Run): Listing {
  return {
    columns: columns(
      'created_on database_name schema_name table_name column_name key_sequence constraint_name rely comment',
      { created_on: TIME, key_sequence: fixed(38) },
    ),
    rows: () =>
      byName(tables)
        .filter((t) => !t.view && core.grants.sees(host.role ?? '', t))
        .flatMap((t) =>
          t.columns
            .filter((c) => c.primaryKey > 0)
            .sort((a, b) => a.primaryKey - b.primaryKey)
            .map((c) => [
              String(t.createdOn),
              t.database,
              t.schema,
              t.name,
              c.name,
              String(c.primaryKey),
              `SYS_CONSTRAINT_${t.id}`,
              'false',
              null,
            ]),
        ),
  };
}

function showColumns(tables: Table[], matches: (name: string) => boolean): Listing {
  return {
    columns: columns(
      'table_name schema_name column_name data_type null? default kind expression comment database_name autoincrement schema_evolution_record',
    ),
    rows: () =>
      tables.flatMap((t) =>
        t.columns
          .filter((c) => matches(c.name))
          .map((c) => [
            t.name,
            t.schema,
            c.name,
            jsonType(c.type, !c.notNull),
            c.notNull ? 'NOT_NULL' : 'true',
            c.defaultText ?? '',
            'COLUMN',
            '',
            c.comment ?? '',
            t.database,
            '',
            null,
          ]),
      ),
  };
}

/** SHOW COLUMNS words types as JSON. */
function jsonType(t: SqlType, nullable: boolean): string {
  const type = t.kind.toUpperCase();
  switch (t.kind) {
    case 'fixed':
      return JSON.stringify({ type, precision: t.precision, scale: t.scale, nullable });
    case 'text':
      return JSON.stringify({
        type,
        length: t.length,
        byteLength: Math.min(t.length * 4, 16_777_216),
        nullable,
        fixed: false,
      });
    case 'binary':
      return JSON.stringify({ type, length: t.length, byteLength: t.length, nullable, fixed: true });
    case 'time':
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return JSON.stringify({ type, precision: 0, scale: t.scale, nullable });
    default:
      return JSON.stringify({ type, nullable });
  }
}

function showSchemas(databases: DatabaseEntry[], matches: (name: string) => boolean): Listing {
  return {
    columns: columns(
      'created_on name is_default is_current database_name owner comment options retention_time owner_role_type',
      {
        created_on: TIME,
      },
    ),
    rows: () =>
      databases.flatMap((d) =>
        byName(d.schemas.values())
          .filter((s) => matches(s.name))
          .map((s) => [
            String(s.createdOn),
            s.name,
            'N',
            'N',
            d.name,
            'LOCAL',
            '',
            '',
            String(s.retentionDays ?? d.retentionDays ?? 1),
            'ROLE',
          ]),
      ),
  };
}

function showDatabases(databases: DatabaseEntry[], matches: (name: string) => boolean, { core, host }: Run): Listing {
  return {
    columns: columns('created_on name is_default is_current origin owner comment options retention_time kind', {
      created_on: TIME,
    }),
    rows: () =>
      byName(databases)
        .filter((d) => matches(d.name) && core.grants.enters(host.role ?? '', d.name))
        .map((d) => [
          String(d.createdOn),
          d.name,
          'N',
          'N',
          d.origin ?? '',
          'LOCAL',
          '',
          '',
          String(d.retentionDays ?? 1),
          d.origin === undefined ? 'STANDARD' : 'IMPORTED DATABASE',
        ]),
  };
}
