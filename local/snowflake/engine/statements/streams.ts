/** CREATE, DROP and SHOW of streams. */
import { appendOnlyOnDynamic, changeTrackingMissing, existsAlready, missingObject, unsupported } from '../errors.ts';
import { checkTrackable } from '../compile/trackable.ts';
import type { Statement } from '../parse/ast.ts';
import { kindOf } from '../storage/catalog.ts';
import { isStale, staleAfter, type Stream } from '../storage/stream.ts';
import { isTracked, qualifiedName, type Table } from '../storage/table.ts';
import { checkImportedTimeTravel, checkTime, timeOf } from './points.ts';
import type { SmallRow } from '../results.ts';
import type { Run } from './run.ts';
import { basesOf } from './views.ts';

/** The table is tracked from then on, also when the point that was asked for turns out to be before that. */
export async function createStream(statement: Extract<Statement, { k: 'createStream' }>, run: Run): Promise<string> {
  const { core, host, cx } = run;
  const { catalog } = core;
  const { head, at, mode, initial, comment } = statement;
  const full = catalog.resolve(statement.name, host);
  const schema = catalog.schema([full.database, full.schema], host);
  const table = sourceOf(statement, run);
  if (kindOf(table) !== statement.what) throw missingObject(statement.what, qualifiedName(table));
  if ((mode === 'INSERT_ONLY') !== (table.external === true))
    throw unsupported(`stream of mode ${mode} on ${kindOf(table)}`);
  if (table.stage && (mode !== 'DEFAULT' || at !== null || initial))
    throw unsupported('stream on a stage that is not a standard one from now on');
  if (table.dynamic && mode === 'APPEND_ONLY') throw appendOnlyOnDynamic();
  if (table.definition) checkTrackable(table.definition.query, mode === 'APPEND_ONLY');
  const bases = basesOf(table, core);
  const tables = new Set([table, ...bases]);
  if (!table.stage) run.named.add(qualifiedName(table));
  const theirs = [...tables].find((t) => (t.imported || table.imported) && !isTracked(t));
  if (theirs) throw changeTrackingMissing(qualifiedName(table));
  if (at !== null && [...tables].some((t) => t.imported)) checkImportedTimeTravel(core);
  if (schema.streams.has(full.name) && head.ifNotExists) return `${full.name} already exists, statement succeeded.`;
  if (schema.tables.has(full.name) || (schema.streams.has(full.name) && !head.orReplace))
    throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  await core.commitLock.hold(async () => {
    for (const t of tables) if (!isTracked(t)) t.tracking.push({ on: core.clock.commitTime(), off: null });
    const createdOn = core.clock.commitTime();
    let offset = createdOn;
    if (at !== null) {
      offset = timeOf(at, table, core, cx);
      for (const t of bases) checkTime(offset, t, core, createdOn);
      const untracked = [...tables].find((t) => !t.tracking.some(({ on, off }) => on <= offset && off === null));
      if (untracked) throw changeTrackingMissing(untracked.name);
    }
    schema.streams.set(full.name, {
      ...full,
      createdOn,
      owner: host.role ?? '',
      comment,
      table,
      bases,
      mode,
      offset,
      initial,
    });
  });
  return `Stream ${full.name} successfully created.`;
}

/** Whoever owns a table has it tracked by its first stream; what is shared is not ours. */
function sourceOf({ what, on }: Extract<Statement, { k: 'createStream' }>, { core: { catalog }, host }: Run): Table {
  if (what === 'STAGE') return catalog.stage(on, host);
  const table = catalog.table(on, host);
  return what === 'TABLE' && !table.imported ? catalog.alterable(on, host) : table;
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

const SOURCE_TYPES = {
  TABLE: 'Table',
  VIEW: 'View',
  'DYNAMIC TABLE': 'Dynamic Table',
  'EVENT TABLE': 'Event Table',
  'EXTERNAL TABLE': 'External Table',
  STAGE: 'Stage',
};

export function streamRow(stream: Stream, now: bigint): SmallRow {
  const { table, bases } = stream;
  return [
    String(stream.createdOn),
    stream.name,
    stream.database,
    stream.schema,
    'LOCAL',
    stream.comment,
    qualifiedName(table),
    SOURCE_TYPES[kindOf(table)],
    bases.map(qualifiedName).join(', '),
    'DELTA',
    String(isStale(stream, now)),
    stream.mode,
    String(staleAfter(stream)),
    [table, ...bases].every((t) => t.droppedOn === null) ? 'N/A' : 'Base table dropped',
    'ROLE',
  ];
}
