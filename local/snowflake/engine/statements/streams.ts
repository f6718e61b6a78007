/** CREATE, DROP and SHOW of streams. */
import { changeTrackingMissing, existsAlready } from '../errors.ts';
import type { Statement } from '../parse/ast.ts';
import { isStale, staleAfter, type Stream } from '../storage/stream.ts';
import { isTracked, qualifiedName } from '../storage/table.ts';
import { checkTime, timeOf } from './points.ts';
import type { SmallRow } from '../results.ts';
import type { Run } from './run.ts';

/** The table is tracked from then on, also when the point that was asked for turns out to be before that. */
export async function createStream(statement: Extract<Statement, { k: 'createStream' }>, run: Run): Promise<string> {
  const { core, host, cx } = run;
  const { catalog } = core;
  const { head, at, mode, initial, comment } = statement;
  const full = catalog.resolve(statement.name, host);
  const schema = catalog.schema([full.database, full.schema], host);
  const table = catalog.writable(statement.on, host);
  run.named.add(qualifiedName(table));
  if (schema.streams.has(full.name) && head.ifNotExists) return `${full.name} already exists, statement succeeded.`;
  if (schema.tables.has(full.name) || (schema.streams.has(full.name) && !head.orReplace))
    throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  await core.commitLock.hold(async () => {
    if (!isTracked(table)) table.tracking.push({ on: core.clock.commitTime(), off: null });
    const createdOn = core.clock.commitTime();
    let offset = createdOn;
    if (at !== null) {
      offset = timeOf(at, table, core, cx);
      checkTime(offset, table, core, createdOn);
      if (!table.tracking.some(({ on, off }) => on <= offset && off === null)) throw changeTrackingMissing(table.name);
    }
    schema.streams.set(full.name, {
      ...full,
      createdOn,
      owner: host.role ?? '',
      comment,
      table,
      mode,
      offset,
      initial,
    });
  });
  return `Stream ${full.name} successfully created.`;
}

export async function dropStream(statement: Extract<Statement, { k: 'drop' }>, { core, host }: Run): Promise<string> {
  const { catalog } = core;
  const name = statement.name.at(-1)!;
  if (statement.ifExists && catalog.findStream(statement.name, host) === null)
    return `Drop statement executed successfully (${name} already dropped).`;
  const { database, schema } = catalog.stream(statement.name, host);
  await core.commitLock.hold(async () => void catalog.schema([database, schema], host).streams.delete(name));
  return `${name} successfully dropped.`;
}

export const STREAM_COLUMNS =
  'created_on name database_name schema_name owner comment table_name source_type base_tables type stale mode stale_after invalid_reason owner_role_type';

export function streamRow(stream: Stream, now: bigint): SmallRow {
  const { table } = stream;
  return [
    String(stream.createdOn),
    stream.name,
    stream.database,
    stream.schema,
    'LOCAL',
    stream.comment,
    qualifiedName(table),
    'Table',
    qualifiedName(table),
    'DELTA',
    String(isStale(stream, now)),
    stream.mode,
    String(staleAfter(stream)),
    table.droppedOn === null ? 'N/A' : 'Base table dropped',
    'ROLE',
  ];
}
