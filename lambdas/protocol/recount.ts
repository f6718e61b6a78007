/**
 * Late commits: a window is read once more when it is old enough that nothing in it can be in flight any more. Where the
 * rows differ, the planner is asked for a repair of the keys that do. Nothing is published here.
 */
import { SnowmeltError } from '../errors.ts';
import type { SourcePlan } from './begin.ts';
import { columnsFingerprint } from './digest.ts';
import { tellFailure } from './failures.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock } from './ports/effects.ts';
import type { Snowflake } from './ports/snowflake.ts';
import type { SourceState, WindowRequest } from './ports/state.ts';
import { livesOn, outcome } from './result.ts';
import { isSpent, submitted, worked, type WarehousePorts } from './warehouse.ts';
import { readsTable, type Layout, type Window } from './window.ts';

export type RecountPorts = { snowflake: Snowflake; checkpoints: Checkpoints } & WarehousePorts;

export type RecountSettings = {
  /** How long after its end a window is counted again. */
  afterMs: number;
  /** Nothing is begun when less than this is left of the invocation. */
  reserveMs: number;
};

/** Source after source, so that one warehouse resume serves all; a failing one stops only itself. */
export async function recount(ports: RecountPorts, settings: RecountSettings, sources: SourcePlan[]): Promise<void> {
  for (const source of sources) {
    try {
      const state = await ports.checkpoints.look(source.name);
      if (state !== null && !state.meta.paused) await recountSource(ports, settings, source.name, state);
    } catch (error) {
      tellFailure(ports.telemetry, source.name, error);
    }
  }
}

async function recountSource(
  ports: RecountPorts,
  settings: RecountSettings,
  source: string,
  state: SourceState,
): Promise<void> {
  const { recountedThrough, finishedThrough } = state.meta;
  if (recountedThrough >= finishedThrough) return;
  for (const window of await ports.checkpoints.windows(source, recountedThrough + 1, finishedThrough)) {
    if (ports.clock.remainingMs() < settings.reserveMs) return;
    if (countable(window, ports.clock)) {
      if (ports.clock.now() - Date.parse(window.to) < settings.afterMs) return;
      if (await isSpent(ports)) return;
      const again = await readAgain(ports, source, state, window);
      if (again !== null && !(await askForRepair(ports, source, window, again))) return;
    }
    await ports.checkpoints.updateMeta(source, { recountedThrough: window.number });
  }
}

/** The rows as they were published are needed to tell which keys differ, and they are kept for a day. */
function countable(window: Window, clock: Clock): boolean {
  const read = window.kind === 'changes' || window.kind === 'snapshot';
  // A query is not read at a point in time: its lag is what late rows are looked for in.
  return read && readsTable(window) && !window.void && livesOn(window.queriedAt, clock);
}

/** Query id of the window read again where it differs; null where it is the same, or can't be read any more. */
async function readAgain(
  ports: RecountPorts,
  source: string,
  { layouts }: SourceState,
  window: Window,
): Promise<string | null> {
  const statement = await statementOf(ports.snowflake, layouts.get(window.layout)!, window);
  if (statement === null) return null;
  const queryId = await ports.snowflake.submit(statement, `${source}/${window.number}`);
  submitted(ports, source);
  const at = new Date(ports.clock.now()).toISOString();
  const ended = await outcome(ports, source, window, { queryId, at }, () => Promise.resolve());
  await worked(ports, source, Date.parse(at));
  if (ended === null) return null;
  if (ended === 'running') {
    await ports.snowflake.abort(queryId);
    throw new SnowmeltError(
      'SNOWFLAKE_UNREACHABLE',
      `Window ${window.number} could not be counted in this invocation.`,
    );
  }
  if (ended.code === 'WINDOW_CHANGED') return queryId;
  // The table was dropped or altered since, its history is gone: there is nothing to compare with, now or later.
  if (!GONE.has(ended.code)) throw ended;
  ports.telemetry.info('window can not be counted again', { source, window: window.number, code: ended.code });
  return null;
}

/** A copy would give what it has: the table itself is asked, while it has the columns that it had. */
async function statementOf(snowflake: Snowflake, layout: Layout, window: Window): Promise<string | null> {
  if (window.staged === undefined) return window.statement;
  const { columns } = await snowflake.describe(layout.object);
  const same = columnsFingerprint(snowflake.columns(layout, columns)) === columnsFingerprint(window.columns);
  const { from, to } = window;
  return same ? snowflake.statement({ kind: 'snapshot', layout, columns, from, to }) : null;
}

const GONE = new Set<string>(['SNOWFLAKE_STATEMENT', 'HISTORY_LOST', 'OBJECT_MISSING', 'TRACKING_OFF']);

/** False: another request stands, and the window is counted again later. */
async function askForRepair(ports: RecountPorts, source: string, window: Window, queryId: string): Promise<boolean> {
  const request: WindowRequest = {
    id: `recount-${window.number}-${queryId}`,
    kind: 'repair',
    since: window.from,
    results: [window.queryId, queryId],
    voids: null,
  };
  if (!(await ports.checkpoints.request(source, request))) return false;
  ports.telemetry.info('late commits found', { source, window: window.number });
  ports.telemetry.count('LateWindows', 1, { source });
  return true;
}
