/** One timed run, and what several of them come to. */
import type { ForeignLoad } from './load.ts';
import { watchLoad } from './load.ts';
import { median, type Line, type Value } from './part.ts';

export type Run = {
  rows: number;
  bytes: number;
  wallMs: number;
  cpuMs: number;
  rssMb: number;
  stallMs: number;
  foreign: ForeignLoad;
};
/** As a process tells of itself; `totalCpuMs` is also of before the clock was started. */
export type Timed = Omit<Run, 'foreign'> & { totalCpuMs?: number };

/** Watches the cores meanwhile. */
export async function timed(work: () => Promise<Timed>): Promise<Run> {
  const load = watchLoad();
  const { totalCpuMs, ...run } = await work();
  return { ...run, foreign: load(totalCpuMs ?? run.cpuMs) };
}

export function rowsPerSecond({ rows, wallMs }: Pick<Run, 'rows' | 'wallMs'>): number {
  return (rows / wallMs) * 1000;
}

/** The median of the runs; `floors` are the runs of the floor that stood right before each. */
export function summary(name: string, runs: readonly Run[], floors: readonly Run[] = []): Line {
  const rates = runs.map(rowsPerSecond);
  const ratios = runs.map((run, at) =>
    floors[at] === undefined ? NaN : rowsPerSecond(run) / rowsPerSecond(floors[at]),
  );
  const foreign = runs.flatMap((run) => (run.foreign === null ? [] : [run.foreign]));
  const values: Record<string, Value> = {
    'rows/s': Math.round(median(rates)),
    'from-to': `${thousands(Math.min(...rates))}-${thousands(Math.max(...rates))} k`,
    'MB/s': round(median(runs.map((run) => run.bytes / run.wallMs / 1000))),
    'CPU s/M rows': round(median(runs.map((run) => (run.cpuMs * 1000) / run.rows)), 2),
    'peak RSS MB': Math.round(Math.max(...runs.map((run) => run.rssMb))),
    'longest stall ms': Math.round(Math.max(...runs.map((run) => run.stallMs))),
    ...(floors.length > 0 ? { 'of floor': `${Math.round(100 * median(ratios))} %` } : {}),
    'B/row': Math.round(runs[0]!.bytes / runs[0]!.rows),
    'foreign load': foreign.length === 0 ? null : `${most(foreign, 'measured')} / ${most(foreign, 'others')}`,
    runs: runs.length,
  };
  return { name, values };
}

function most(loads: readonly NonNullable<ForeignLoad>[], which: 'measured' | 'others'): string {
  return Math.max(...loads.map((load) => load[which])).toFixed(2);
}

export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

function thousands(value: number): string {
  return String(Math.round(value / 1000));
}
