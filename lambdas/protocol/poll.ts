/**
 * A tick that goes on looking: sources that set `pollEvery` are planned again each time it is over, until the next tick of their
 * schedule does so itself. Each time is a tick like any other. Only the last one waits for its scans as long as the
 * invocation lasts; the others leave a scan that outlasts them to the next.
 */
import type { SourcePlan } from './begin.ts';
import { plan, type PlanPorts, type PlanTickSettings } from './plan.ts';

/** `tickMs`: when the schedule ticks next; sources that are looked at once a tick don't wait for the others. */
export async function planUntil(
  ports: PlanPorts,
  settings: PlanTickSettings,
  due: SourcePlan[],
  all: SourcePlan[],
  tickMs: number,
): Promise<void> {
  const [once, often] = [
    due.filter(({ pollMs }) => pollMs === undefined),
    due.filter(({ pollMs }) => pollMs !== undefined),
  ];
  const work = [
    ...(once.length > 0 ? [plan(ports, settings, once, all)] : []),
    ...(often.length > 0 ? [poll(ports, settings, often, all, tickMs)] : []),
  ];
  // One that fails leaves the other to its end; whoever called closes the sessions of both.
  for (const ended of await Promise.allSettled(work)) if (ended.status === 'rejected') throw ended.reason as Error;
}

async function poll(
  ports: PlanPorts,
  settings: PlanTickSettings,
  sources: SourcePlan[],
  all: SourcePlan[],
  tickMs: number,
): Promise<void> {
  const { clock } = ports;
  const began = clock.now();
  const next = new Map<SourcePlan, number>();
  for (let due = sources; ;) {
    const passed = clock.now() - began;
    for (const source of due) next.set(source, timeAfter(passed, source.pollMs!, tickMs));
    const soonest = Math.min(...next.values());
    const until = began + soonest;
    const last = soonest >= tickMs || until > clock.now() + clock.remainingMs() - settings.reserveMs;
    await plan(last ? ports : { ...ports, clock: endingAt(clock, until, settings.reserveMs) }, settings, due, all);
    if (last) return;
    await clock.pause(Math.max(0, until - clock.now()));
    due = sources.filter((source) => next.get(source)! <= soonest);
  }
}

/** The next multiple of `every`; one that comes just before the tick is left to that. */
function timeAfter(passed: number, every: number, tickMs: number): number {
  const at = (Math.floor(passed / every) + 1) * every;
  return at + every / 2 > tickMs ? tickMs : at;
}

/** A clock by which what is waited for has ended at that time. */
function endingAt(clock: PlanPorts['clock'], end: number, reserveMs: number): PlanPorts['clock'] {
  return {
    now: () => clock.now(),
    remainingMs: () => Math.min(clock.remainingMs(), end - clock.now() + reserveMs),
    pause: (ms) => clock.pause(ms),
  };
}
