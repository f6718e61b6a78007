/**
 * Crash-point enumeration: requests of planner and publishers, each with each fault, in each mode. Whatever happens: nothing
 * missing, twice, out of order or different, nobody stops or calls an operator, and all is published in the end. One JSON line tells the result.
 *
 *   npm run crashpoints:memory -- [--all] [--seeds n] [--mode 'net changes' --mode truncate]
 *
 * The first request of each kind that a kind of worker makes; with --all every single one; with --seeds that many orders of
 * requests and sizes of batches.
 */
import { parseArgs } from 'node:util';
import './memory/hooks.ts';
import type { Call } from './memory/wire.ts';

const { unknownMethods } = await import('./memory/guard.ts');
const { faultsFor, live, MODES } = await import('./memory/modes.ts');

export type Failure = { mode: string; seed: number; at: number; call: string; fault: string; found: object };
export type Result = { runs: number; modes: number; kinds: string[]; unknown: string[]; failures: Failure[] };

const options = {
  all: { type: 'boolean', default: false },
  seeds: { type: 'string', default: '1' },
  mode: { type: 'string', multiple: true, default: Object.keys(MODES) },
} as const;
const { values } = parseArgs({ options });
const kinds = new Set<string>();
const failures: Failure[] = [];
let runs = 0;
const kindOf = (call: Call) => `${call.worker.kind} ${call.name}`;

const modes = values.mode;
for (const mode of modes) {
  const life = MODES[mode];
  if (life === undefined) throw new Error(`no mode '${mode}'; there are: ${Object.keys(MODES).join(', ')}`);
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    const calm = await live(life, seed);
    const note = (at: number, call: string, fault: string, { defects, standstill, world }: typeof calm) => {
      runs++;
      // What heals by itself wakes nobody.
      const alarms = world.errors.filter(({ retry }) => retry === 'operator').map(({ code }) => code);
      if (standstill === null && alarms.length === 0 && Object.values(defects).every((count) => count === 0)) return;
      failures.push({ mode, seed, at, call, fault, found: { ...defects, standstill, alarms } });
    };
    note(-1, 'none', 'none', calm);
    const first = new Set<string>();
    for (const [at, call] of calm.calls.entries()) {
      // How a source begins is the first mode's.
      if (at < calm.setUp || (!values.all && first.has(kindOf(call)))) continue;
      first.add(kindOf(call));
      for (const fault of faultsFor(call)) note(at, kindOf(call), fault, await live(life, seed, at, fault));
    }
    for (const kind of first) kinds.add(kind);
  }
}

const result: Result = {
  runs,
  modes: modes.length,
  kinds: [...kinds].sort(),
  unknown: [...unknownMethods],
  failures: failures.slice(0, 20),
};
console.log(JSON.stringify(result));
// Workers that died wait for replies for ever.
process.exit(failures.length + result.unknown.length === 0 ? 0 : 1);
