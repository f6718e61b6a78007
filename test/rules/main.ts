/**
 * npm run rules: turns each rule of the protocol off, one at a time, and tells what noticed and after how many windows.
 *
 *   npm run rules -- [--json] [--lives n] [--only pattern]
 *
 * Ends with 1 when a rule's absence goes unnoticed that should not, or when a defect shows with every rule in force, which ten
 * times as many lives look for.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Outcome } from './child.ts';
import { RULES } from './rules.ts';

export type Line = { rule: string; caughtBy: string | null; lives: number; windows: number; unnoticed: string | null };

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    lives: { type: 'string', default: '300' },
    only: { type: 'string', default: '' },
  },
});

function run(number: number): Promise<Outcome> {
  const child = fileURLToPath(new URL('child.ts', import.meta.url));
  return new Promise((resolve, reject) => {
    const lives = number === -1 ? 10 * Number(values.lives) : Math.max(Number(values.lives), RULES[number]!.lives ?? 0);
    execFile(process.execPath, [child, String(number), String(lives)], (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Outcome);
      else reject(new Error(stderr));
    });
  });
}

const lines: Line[] = [];
let failed = 0;
/** Two at a time. */
const queue = ['', ...RULES.map(({ rule }) => rule)]
  .map((rule, i) => ({ rule, number: i - 1 }))
  .filter(({ rule }) => new RegExp(values.only).test(rule));
async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { caughtBy, lives, windows } = await run(next.number);
    const unnoticed = RULES[next.number]?.unnoticed ?? null;
    const ok = next.number === -1 ? caughtBy === null : caughtBy !== null || unnoticed !== null;
    if (!ok) failed++;
    const rule = next.rule === '' ? '(every rule in force)' : next.rule;
    lines.push({ rule, caughtBy, lives, windows, unnoticed });
    if (values.json) continue;
    const by = caughtBy ?? (unnoticed === null ? 'nothing' : `nothing, as ${unnoticed}`);
    console.log(`${ok ? 'ok ' : 'BAD'} ${rule}: ${by} after ${windows} windows in ${lives} lives`);
  }
}
await Promise.all([work(), work()]);
if (values.json) console.log(JSON.stringify({ failed, lines }));
process.exit(failed === 0 ? 0 : 1);
