/** One rule turned off, lives of a source one after the other until something shows; `node child.ts <rule's number> <lives>`. */
import '../protocol/memory/hooks.ts';
import { turnOff } from './edit-hook.ts';
import { RULES } from './rules.ts';

export type Outcome = {
  /** The defects, the standstill, or null: nothing showed. */
  caughtBy: string | null;
  lives: number;
  windows: number;
};

const rule = RULES[Number(process.argv[2])];
turnOff(rule?.edits ?? []);
const { chaos, COPIES, QUERIES, STREAMS, UPHEAVALS } = await import('../protocol/memory/chaos.ts');
const all = rule === undefined ? [...UPHEAVALS, ...QUERIES, ...STREAMS, ...COPIES] : undefined;

const outcome: Outcome = { caughtBy: null, lives: 0, windows: 0 };
for (let seed = 0; seed < Number(process.argv[3]) && outcome.caughtBy === null; seed++) {
  const life = await chaos(seed, rule?.upheavals ?? all);
  outcome.lives++;
  outcome.windows += life.windows;
  const defects = Object.entries(life.defects).filter(([, count]) => count > 0);
  // What never came because nothing moves any more is not lost yet.
  const found = life.standstill === null ? [] : [`standstill: ${life.standstill}`];
  found.push(...defects.map(([name, count]) => `${count} ${name}`));
  if (found.length > 0) outcome.caughtBy = found.join(', ');
}
console.log(JSON.stringify(outcome));
process.exit(0);
