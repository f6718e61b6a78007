/** Foreign load: what the cores did that was not ours, so that a busy machine can't pass for a slow product. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { MEASURED_CORE, pinned } from './processes.ts';

/** Of /proc: hundredths of a second. */
const TICKS = 100;

/** Cores that others kept busy, on the measured core and on the rest together; null where the system does not tell. */
export type ForeignLoad = { measured: number; others: number } | null;

type Reading = { at: number; busy: number[]; ours: Map<number, number> };

/** Starts to look; the answer of the returned function is about the time between, of which `cpuMs` were the measured process's. */
export function watchLoad(): (cpuMs: number) => ForeignLoad {
  const before = read();
  return (cpuMs) => {
    const after = read();
    if (before === null || after === null || !pinned) return null;
    const seconds = (after.at - before.at) / 1000;
    const busy = after.busy.map((ticks, core) => (ticks - before.busy[core]!) / TICKS / seconds);
    let ours = 0;
    for (const [id, ticks] of after.ours) ours += ticks - (before.ours.get(id) ?? 0);
    const measured = busy[MEASURED_CORE]! - cpuMs / 1000 / seconds;
    const others = busy.reduce((sum, one) => sum + one, 0) - busy[MEASURED_CORE]! - ours / TICKS / seconds;
    return { measured: Math.max(0, measured), others: Math.max(0, others) };
  };
}

function read(): Reading | null {
  try {
    const lines = readFileSync('/proc/stat', 'utf8')
      .split('\n')
      .filter((line) => /^cpu\d/.test(line));
    const busy = lines.map((line) => {
      const [user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).slice(1).map(Number);
      return user! + nice! + system! + irq! + softirq! + steal!;
    });
    return { at: performance.now(), busy, ours: ourTicks() };
  } catch {
    return null;
  }
}

/** CPU of this process and of all below it that are not on the measured core. */
function ourTicks(): Map<number, number> {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      parents.set(Number(name), fields[1]!);
      if (fields[36] !== MEASURED_CORE) ticks.set(Number(name), fields[11]! + fields[12]!);
    } catch {
      // Ended meanwhile.
    }
  }
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === process.pid) return true;
    return false;
  };
  return new Map([...ticks].filter(([pid]) => isOurs(pid)));
}
