/**
 * Windows of query sources. A query can't be run again later and give the same, so its rows are copied first, into a table
 * that is made once under a name of its own and never changed. The window is what the copy has that the copy of the window
 * before has not (for `bulk` also what is gone): text over two tables that stay, so it can be read again at any time.
 *
 * A planner that dies leaves a copy that no window names. Copies are dropped by one rule: the number in the name is not above
 * the head's, so whatever stands in the log under that number is final, and neither the head nor an unfinished window names it.
 */
import { randomBytes } from 'node:crypto';
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import type { Candidate } from './next-window.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Telemetry } from './ports/effects.ts';
import type { Since, Snowflake, StageRequest } from './ports/snowflake.ts';
import type { PendingScan, SourceState } from './ports/state.ts';
import { submitted, worked, type WarehousePorts } from './warehouse.ts';
import type { Column, Layout, ObjectName, QueryCut, Window } from './window.ts';

type StagePorts = { snowflake: Snowflake; checkpoints: Checkpoints } & WarehousePorts;

const CURSOR_TYPES: Record<QueryCut['mode'], readonly string[]> = {
  bulk: [],
  incrementing: ['NUMBER'],
  timestamp: ['DATE', 'TIMESTAMP_NTZ', 'TIMESTAMP_LTZ', 'TIMESTAMP_TZ'],
};

/** @throws QUERY_INVALID when the cursor is no column, or one of a type that does not grow. */
export function checkCursor({ query }: Layout, columns: readonly Column[]): void {
  if (query === undefined || query.cursor === null) return;
  const column = columns.find(({ name }) => name === query.cursor);
  const wanted = CURSOR_TYPES[query.mode].join(', ');
  if (column === undefined) {
    const has = columns.map(({ name }) => name).join(', ');
    throw new SnowmeltError('QUERY_INVALID', `The query gives no column ${query.cursor} to go by; it gives ${has}.`);
  }
  if (CURSOR_TYPES[query.mode].includes(column.type)) return;
  throw new SnowmeltError(
    'QUERY_INVALID',
    `Cursor ${query.cursor} has type ${column.type}; mode ${query.mode} goes by ${wanted}.`,
  );
}

/** What is to be submitted first for a candidate: the copy's text, or the window's where there is a copy already. */
export function stageFor(
  snowflake: Snowflake,
  source: string,
  state: SourceState,
  candidate: Candidate,
  columns: Column[],
): Pick<PendingScan, 'statement' | 'columns'> & { staged: NonNullable<PendingScan['staged']> } {
  const { layout, kind, number, request } = candidate;
  if (kind === 'repair') {
    throw new SnowmeltError('OPERATION_REFUSED', `${source} reads a query; its changes can't be replayed.`);
  }
  const { head } = state;
  if (request !== null && head?.staged !== undefined && isBulk(layout) && isBulk(state.layouts.get(head.layout))) {
    // The state as of the head is what its copy holds; a newer one would hide what went meanwhile.
    const { table } = head.staged;
    const read = { layout, columns: head.columns, from: candidate.from, to: candidate.to };
    const statement = snowflake.statement({ kind, ...read, staged: { table, base: null } });
    return { statement, columns: head.columns, staged: { table, base: null, since: null, cursor: null, made: true } };
  }
  const { database, schema } = layout.object;
  const table = { database, schema, name: copyName(state.meta.incarnation, number) };
  const base = kind === 'changes' ? baseFor(state, layout, columns) : null;
  const since = kind === 'changes' ? sinceOf(state, layout, columns) : null;
  const statement = snowflake.stage({ table, layout, since, comment: `snowmelt ${source}, window ${number}` });
  return { statement, columns, staged: { table, base, since, cursor: null, made: false } };
}

/** The copy is there: it is measured, and the window's own text submitted. @throws DUPLICATE_KEY, OBJECT_MISSING */
export async function readCopy(
  ports: StagePorts,
  source: string,
  state: SourceState,
  layout: Layout,
  scan: PendingScan,
): Promise<PendingScan> {
  const { snowflake, checkpoints, clock } = ports;
  const { table, base, since } = scan.staged!;
  const { columns } = await snowflake.describe(table);
  const request: StageRequest = { table, layout, since, comment: '' };
  const began = clock.now();
  submitted(ports, source);
  const { rows, keys, cursor } = await snowflake.measure(request, columns, scan.to);
  await worked(ports, source, began);
  if (keys !== null && keys < rows) {
    throw new SnowmeltError(
      'DUPLICATE_KEY',
      `The query of ${source} gives ${rows} rows, but only ${keys} different keys (${layout.key.join(', ')}).`,
    );
  }
  const statement = snowflake.statement({
    kind: scan.kind,
    layout,
    columns,
    from: scan.from,
    to: scan.to,
    staged: { table, base: base === null ? null : { table: base, columns: state.head!.columns } },
  });
  const queryId = await snowflake.submit(statement, `${source}/${scan.number}`);
  submitted(ports, source);
  const submittedAt = clock.now();
  const staged = { table, base, since, cursor, made: true };
  const read = { ...scan, columns, statement, queryId, submittedAt, staged };
  await checkpoints.updateMeta(source, { scan: read });
  return read;
}

/** Drops the source's copies, of a stream its stages, that nothing needs any more. */
export async function dropUnneeded(
  ports: { snowflake: Snowflake; telemetry: Telemetry },
  source: string,
  { head, windows, meta }: SourceState,
): Promise<void> {
  const where = head?.staged?.table;
  if (head === null || where === undefined) return;
  const needed = neededCopies(head, windows);
  await dropCopies(ports, source, { where, incarnation: meta.incarnation, through: head.number, needed });
}

/**
 * Drops the copies of this life there whose number is not above `through`, but for those that are needed. Answers how many stay;
 * null where that is not known: that it fails costs space, not the tick.
 */
export async function dropCopies(
  { snowflake, telemetry }: { snowflake: Snowflake; telemetry: Telemetry },
  source: string,
  copies: { where: Omit<ObjectName, 'name'>; incarnation: string; through: number; needed: readonly ObjectName[] },
): Promise<number | null> {
  const { where, incarnation, through, needed } = copies;
  const kept = new Set(needed.map(nameOf));
  const prefix = stagePrefix(incarnation);
  let left = 0;
  try {
    for (const name of await snowflake.stages(where, prefix)) {
      const table = { ...where, name };
      const number = Number(/^(\d+)_[0-9A-F]{8}$/.exec(name.slice(prefix.length))?.[1] ?? Infinity);
      if (number <= through && !kept.has(nameOf(table))) await snowflake.drop(table);
      else left++;
    }
    return left;
  } catch (error) {
    const failure = asSnowmeltError(error);
    telemetry.error(failure, { source, code: failure.code });
    return null;
  }
}

function neededCopies(head: Window, unfinished: readonly Window[]): ObjectName[] {
  return [head.staged?.table, ...unfinished.flatMap(({ staged }) => [staged?.table, staged?.base])].filter(
    (table) => table !== undefined && table !== null,
  );
}

/** Belongs to this life of the source alone. */
export function stagePrefix(incarnation: string): string {
  return `SNOWMELT_${incarnation.replaceAll('-', '').toUpperCase()}_`;
}

/** Of a copy or a stage that is made once, whoever else makes one for the same number. */
export function copyName(incarnation: string, number: number): string {
  return `${stagePrefix(incarnation)}${number}_${randomBytes(4).toString('hex').toUpperCase()}`;
}

function nameOf({ database, schema, name }: ObjectName): string {
  return JSON.stringify([database, schema, name]);
}

function isBulk(layout: Layout | undefined): boolean {
  return layout?.query?.mode === 'bulk';
}

/** The copy to compare with: that of the head. None where there is none, or it can't be compared: then all rows are sent. */
function baseFor(state: SourceState, layout: Layout, columns: readonly Column[]): ObjectName | null {
  const { head } = state;
  if (head?.staged === undefined) return null;
  const has = (name: string) => head.columns.find((column) => column.name === name);
  const missing = layout.key.filter((name) => has(name) === undefined);
  const { mode, cursor } = layout.query!;
  if (mode === 'bulk' && missing.length > 0) {
    throw new SnowmeltError(
      'QUERY_CHANGED',
      `Key column ${missing.join(', ')} was not in what the query gave before: which rows are gone can't be told.`,
    );
  }
  const sameCursor = mode === 'bulk' || has(cursor!)?.type === typeOf(columns, cursor!);
  return missing.length === 0 && sameCursor ? head.staged.table : null;
}

/** Where the query goes on; null reads it whole: the first time, and when it goes by another cursor than before. */
function sinceOf(state: SourceState, layout: Layout, columns: readonly Column[]): Since | null {
  const { head } = state;
  const cursor = head?.staged?.cursor ?? null;
  if (head === null || cursor === null || baseFor(state, layout, columns) === null) return null;
  const [now, before] = [layout.query!, state.layouts.get(head.layout)?.query];
  if (now.mode !== before?.mode || now.cursor !== before.cursor) return null;
  const column = columns.find(({ name }) => name === now.cursor)!;
  return { column, cursor, undated: cursor.nulls > 0 ? head.staged!.table : null };
}

function typeOf(columns: readonly Column[], name: string): string | undefined {
  return columns.find((column) => column.name === name)?.type;
}
