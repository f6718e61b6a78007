/**
 * Snapshots of large tables. A result lives 24 hours and a table's history as long as its retention, so a snapshot that takes
 * longer to publish is read from a copy: sorted as the window has its rows, made in one scan and never changed. The window is
 * text over that copy, which a second scan reads, and any later one where the first one's result is gone.
 *
 * Where copies are is noted before one is made, so that what a planner left behind is dropped, too.
 */
import { checkUnchanged, type ScanPorts } from './scan.ts';
import type { Candidate } from './next-window.ts';
import type { Telemetry } from './ports/effects.ts';
import type { ObjectFacts, Snowflake } from './ports/snowflake.ts';
import type { PendingScan, SourceState } from './ports/state.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import { copyName, dropCopies } from './stage.ts';
import { submitted } from './warehouse.ts';
import type { Layout } from './window.ts';

/** `always`: of every snapshot, not of large ones alone. */
export type CopyPlan = {
  staging: { database: string; schema: string };
  always: boolean;
  maxRate?: { unit: 'rows' | 'bytes'; perSecond: number };
};

const LARGE_ROWS = 100_000_000;
const LARGE_BYTES = 50 * 2 ** 30;
/** What is surely published, far from its brokers and with small batches. */
const SLOW_ROWS = 20_000;
/** Of the retention: the rest is for whatever holds a source up. */
const SHARE = 1 / 4;

/** Whether the candidate's rows are to be copied first. */
export function wantsCopy(plan: CopyPlan | undefined, { kind, layout }: Candidate, facts: ObjectFacts): boolean {
  if (plan === undefined || kind !== 'snapshot' || layout.query !== undefined || layout.stream !== undefined)
    return false;
  return plan.always || isLarge(facts, plan.maxRate);
}

/** Whether publishing all of it may take longer than its result or its history is kept. */
export function isLarge({ rows = 0, bytes = 0, retentionMs }: ObjectFacts, maxRate: CopyPlan['maxRate']): boolean {
  if (rows > LARGE_ROWS || bytes > LARGE_BYTES) return true;
  const { unit, perSecond } = maxRate ?? { unit: 'rows', perSecond: SLOW_ROWS };
  // What is read is more than what is stored, compressed: it takes at least so long.
  const seconds = (unit === 'rows' ? rows : bytes) / perSecond;
  return 1_000 * seconds > SHARE * retentionMs;
}

/** What is submitted first: the copy's text. */
export async function copyFor(
  { snowflake, checkpoints }: ScanPorts,
  source: string,
  state: SourceState,
  { layout, number, to }: Candidate,
  { columns }: ObjectFacts,
  { staging }: CopyPlan,
): Promise<Pick<PendingScan, 'statement' | 'columns' | 'staged'>> {
  const table = { ...staging, name: copyName(state.meta.incarnation, number) };
  const statement = snowflake.copy({ table, layout, columns, to, comment: `snowmelt ${source}, window ${number}` });
  await checkpoints.updateMeta(source, { copies: staging });
  const staged = { table, base: null, cursor: null, since: null, snapshot: true, made: false } as const;
  return { statement, columns, staged };
}

/** The copy is there, of the table that was meant: the window's own text is submitted. @throws OBJECT_CHANGED */
export async function readSnapshotCopy(
  ports: ScanPorts,
  source: string,
  layout: Layout,
  scan: PendingScan,
): Promise<PendingScan> {
  const { snowflake, checkpoints, clock } = ports;
  await checkUnchanged(snowflake, layout, scan);
  const { kind, columns, from, to } = scan;
  const { table } = scan.staged!;
  const statement = snowflake.statement({ kind, layout, columns, from, to, staged: { table, base: null } });
  const queryId = await snowflake.submit(statement, `${source}/${scan.number}`);
  submitted(ports, source);
  const read = { ...scan, statement, queryId, submittedAt: clock.now(), staged: { ...scan.staged!, made: true } };
  await checkpoints.updateMeta(source, { scan: read });
  return read;
}

/** Drops a table's copies that no unfinished window is read from. */
export async function dropSnapshotCopies(
  ports: { snowflake: Snowflake; checkpoints: Checkpoints; telemetry: Telemetry },
  source: string,
  { head, windows, meta }: SourceState,
): Promise<void> {
  if (head === null || !meta.copies) return;
  const needed = windows.flatMap(({ staged }) => staged?.table ?? []);
  const { copies: where, incarnation } = meta;
  const left = await dropCopies(ports, source, { where, incarnation, through: head.number, needed });
  if (left === 0 && meta.scan === null) await ports.checkpoints.updateMeta(source, { copies: null });
}
