/** The compile context of a statement: names and points looked up in the session and the catalog. */
import type { Binding } from '../../contract.ts';
import type { Formats } from '../compile/casts.ts';
import type { CompileContext, Source } from '../compile/context.ts';
import type { OutColumn } from '../compile/scope.ts';
import {
  appendOnlyOnDynamic,
  missingObject,
  notAStream,
  statementNotFound,
  streamNotFound,
  unsupported,
} from '../errors.ts';
import type { Point, TableRef } from '../parse/ast.ts';
import { parseName } from '../parse/cursor.ts';
import { checkReadable, isStale, streamSql, type Stream } from '../storage/stream.ts';
import { atSql, changesSql, METADATA, qualifiedName, type Table, type Unseen } from '../storage/table.ts';
import { visibleSql } from '../storage/transaction.ts';
import * as types from '../types.ts';
import { changesRange, checkImportedTimeTravel, checkTime, evaluatePoints, timeOf } from './points.ts';
import type { Host, Run } from './run.ts';
import { basesOf, viewSource, viewStreamSql } from './views.ts';

export const columnsOf = (t: Table): OutColumn[] =>
  t.columns.map((c) => ({ name: c.name, id: c.id, type: c.type, nullable: !c.notNull }));

export const metadataColumns: OutColumn[] = [
  { name: METADATA[0], id: '__action', type: types.text(6), nullable: true },
  { name: METADATA[1], id: '__update', type: types.BOOLEAN, nullable: true },
  { name: METADATA[2], id: '__row', type: types.text(40), nullable: true },
];

function formatsOf(host: Host): Formats {
  const text = (name: string, otherwise: string): string => {
    const value = String(host.parameters.get(name) ?? '');
    return value === '' || value.toUpperCase() === 'AUTO' ? otherwise : value;
  };
  const timestamp = text('TIMESTAMP_OUTPUT_FORMAT', 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM');
  return {
    zone: text('TIMEZONE', 'America/Los_Angeles'),
    date: text('DATE_OUTPUT_FORMAT', 'YYYY-MM-DD'),
    time: text('TIME_OUTPUT_FORMAT', 'HH24:MI:SS'),
    timestampNtz: text('TIMESTAMP_NTZ_OUTPUT_FORMAT', 'YYYY-MM-DD HH24:MI:SS.FF3'),
    timestampLtz: text('TIMESTAMP_LTZ_OUTPUT_FORMAT', timestamp),
    timestampTz: text('TIMESTAMP_TZ_OUTPUT_FORMAT', timestamp),
    binary: text('BINARY_OUTPUT_FORMAT', 'HEX').toUpperCase(),
  };
}

/** Sets up a run; points are evaluated here, everything else on demand. */
export async function startRun(
  host: Host,
  statement: unknown,
  options: { queryId: string; bindings: Record<string, Binding>; signal: AbortSignal | undefined },
): Promise<Run> {
  const { core } = host;
  const now = core.clock.now();
  const points = new Map<Point, bigint | string | null>();
  const scanned = new Set<string>();
  const named = new Set<string>();
  const unseen = host.unseen();
  const cx = null as unknown as CompileContext;
  const run: Run = { host, core, ...options, scanned, named, streams: new Map(), readsAt: null, cx };

  const table = (ref: TableRef): Source => {
    if (ref.directory) return directorySource(ref, run, unseen);
    const stream = core.catalog.findStream(ref.name, host);
    if (stream !== null) return streamSource(stream, ref, run, unseen);
    const t = core.catalog.table(ref.name, host);
    if (t.imported && (ref.changes || ref.at)) checkImportedTimeTravel(core);
    if (t.definition) return viewSource(t, ref, run);
    scanned.add(qualifiedName(t));
    named.add(qualifiedName(t));
    const path = [t.database, t.schema, t.name];
    if (t.view && (ref.changes || ref.at)) throw unsupported('time travel of a view of the database SNOWFLAKE');
    if (ref.changes) {
      if (t.external) throw unsupported('CHANGES of an external table');
      if (t.dynamic && ref.changes.information === 'APPEND_ONLY') throw appendOnlyOnDynamic();
      const { from, to } = changesRange(ref.changes, t, core, run.cx, now);
      readAt(run, to);
      const stays = core.assumptions.get('row-id-after-retracking') === 'stay';
      const columns = [...columnsOf(t), ...metadataColumns];
      return { sql: changesSql(t, from, to, ref.changes.information, unseen, stays), columns, path };
    }
    if (ref.at) {
      const at = timeOf(ref.at, t, core, run.cx);
      checkTime(at, t, core, now);
      readAt(run, at);
      return { sql: atSql(t, at, unseen), columns: columnsOf(t), path };
    }
    return { sql: visibleSql(t, host.transaction?.overlays.get(t), unseen), columns: columnsOf(t), path };
  };

  run.cx = {
    formats: formatsOf(host),
    now,
    bindings: options.bindings,
    variables: host.variables,
    points,
    ctes: new Map(),
    hoisted: new Map(),
    touchesData: false,
    shuffle: shuffleKey(run),
    fresh: () => core.fresh(),
    assume: (id) => core.assumptions.get(id),
    table,
    result: (id) => {
      const found = core.results.get(id);
      if (!found || found.owner !== host.owner) throw statementNotFound(id);
      return { sql: found.sql, columns: found.columns, path: [] };
    },
    lastQueryId: (back) => host.lastQueryId(back),
    sessionValue: (name) => host.sessionValue(name),
    lastChange: (name) => {
      const t = core.catalog.table(parseName(name, host.ignoresCase()), host);
      if (t.view) throw unsupported('SYSTEM$LAST_CHANGE_COMMIT_TIME of a view of the database SNOWFLAKE');
      named.add(qualifiedName(t));
      readAt(run, now);
      const last = lastCommit(basesOf(t, core), run);
      if (last !== null) return String(last);
      return core.assumptions.get('token-without-changes') === 'created' ? String(t.createdOn) : null;
    },
    hasData: (name) => {
      const stream = core.catalog.findStream(parseName(name, host.ignoresCase()), host);
      if (stream === null) throw notAStream(name, 'SYSTEM$STREAM_HAS_DATA');
      named.add(nameOf(stream));
      readAt(run, now);
      const last = lastCommit(stream.bases, run);
      return stream.initial || isStale(stream, now) || (last !== null && last > stream.offset);
    },
    streamOffset: (name) => {
      const stream = core.catalog.findStream(parseName(name, host.ignoresCase()), host);
      if (stream === null) throw streamNotFound(name);
      return stream.offset;
    },
  };
  for (const [point, value] of await evaluatePoints(statement, core, run.cx)) points.set(point, value);
  return run;
}

/** Of several tables the newest. */
function lastCommit(tables: readonly Table[], { core, host }: Run): bigint | null {
  const all = tables.map((t) => core.lastCommit(t, host.id)).filter((commit) => commit !== null);
  return all.length === 0 ? null : all.reduce((a, b) => (a > b ? a : b));
}

const nameOf = ({ database, schema, name }: Stream): string => `${database}.${schema}.${name}`;

/**
 * What a stream shows to a statement. Within a transaction it is the same each time, up to its start; commits that the
 * session can't see yet stay in the stream.
 */
function streamSource(stream: Stream, ref: TableRef, run: Run, unseen: Unseen): Source {
  const { core, host } = run;
  const { table } = stream;
  if (ref.at || ref.changes) throw unsupported('time travel of a stream');
  checkReadable(stream, run.cx.now);
  const known = host.transaction?.reads.get(stream) ?? run.streams.get(stream);
  const read = known ?? { offset: stream.offset, initial: stream.initial, to: readTo(stream, run, unseen) };
  host.transaction?.reads.set(stream, read);
  run.streams.set(stream, read);
  readAt(run, read.to);
  run.scanned.add(qualifiedName(table));
  run.named.add(nameOf(stream));
  if (table.stage) mustReadStage(table, run);
  else run.named.add(qualifiedName(table));
  const stays = core.assumptions.get('row-id-after-retracking') === 'stay';
  const columns = [...columnsOf(table), ...metadataColumns];
  const sql = table.definition ? viewStreamSql(stream, read, run) : streamSql(stream, read, unseen, stays);
  return { sql, columns, path: [stream.database, stream.schema, stream.name] };
}

/** What DIRECTORY(@stage) shows. */
function directorySource(ref: TableRef, run: Run, unseen: Unseen): Source {
  const stage = run.core.catalog.stage(ref.name, run.host);
  mustReadStage(stage, run);
  run.scanned.add(qualifiedName(stage));
  const sql = visibleSql(stage, run.host.transaction?.overlays.get(stage), unseen);
  return { sql, columns: columnsOf(stage), path: [stage.database, stage.schema, stage.name] };
}

/** By itself: a table may have the name of a stage. */
export function mustReadStage(stage: Table, { core, host }: Run): void {
  if (!core.grants.reads(host.role ?? '', stage)) throw missingObject('Stage', qualifiedName(stage));
}

function readTo({ bases }: Stream, { core, host }: Run, unseen: Unseen): bigint {
  const start = host.transaction?.start ?? core.clock.commitTime();
  const later = unseen.filter((commit) => bases.some((t) => t.commits.includes(commit)));
  return later.reduce((least, commit) => (commit <= least ? commit - 1n : least), start);
}

export function readAt(run: Run, at: bigint): void {
  if (run.readsAt === null || at > run.readsAt) run.readsAt = at;
}

function shuffleKey(run: Run): CompileContext['shuffle'] {
  const { shuffle } = run.core;
  if (shuffle === 'stored') return null;
  if (shuffle === 'random') return () => 'random()';
  return (columns) => `hash(${shuffle ?? 0}${columns.map((c) => `, ${c.id}`).join('')})`;
}
