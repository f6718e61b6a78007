/**
 * Checks the protocol's models (docs/model) with Spin and prints a line for each run, last `N passed, N failed`.
 *
 *   npm run model [-- --full] [--json] [name...]      a name picks the runs that start with it
 *
 * A run passes when it came out as docs/model/runs.ts says: a model holds; a rule taken out is caught.
 */
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseArgs, promisify } from 'node:util';
import { runs, type Run } from '../docs/model/runs.ts';

type Outcome = { name: string; expect: Run['expect']; rule: string | null; states: number; found: string; ok: boolean };

const run = promisify(execFile);
const MODELS = join(import.meta.dirname, '../docs/model');
/** Steps of the longest path that is followed; a longer one is reported, never cut in silence. */
const DEPTH = 2_000_000;
const PARALLEL = 2;

/** Generates, compiles and runs one verifier in a folder of its own. */
async function check(one: Run): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'snowmelt-model-'));
  try {
    await copyFile(join(MODELS, `${one.model}.pml`), join(folder, 'model.pml'));
    const switches = one.set.map((name) => (name.includes('=') ? `-D${name}` : `-D${name}=1`));
    await run('spin', ['-a', ...switches, 'model.pml'], { cwd: folder });
    await run('gcc', ['-O1', '-w', '-DSAFETY', '-DCOLLAPSE', '-DMEMLIM=6000', '-o', 'pan', 'pan.c'], { cwd: folder });
    const { stdout } = await run(join(folder, 'pan'), [`-m${DEPTH}`], { cwd: folder, maxBuffer: 1 << 24 });
    return judge(one, stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function judge(one: Run, output: string): Outcome {
  const states = Number(/([\d.e+]+) states, stored/.exec(output)?.[1] ?? 0);
  const errors = /errors: (\d+)/.exec(output)?.[1];
  let found = 'no result';
  if (/max search depth too small|out of memory|memory bound/i.test(output)) found = 'search not complete';
  else if (/pan:\d+: invalid end state/.test(output)) found = 'standstill';
  else if (/pan:\d+: assertion violated/.test(output)) found = 'assertion violated';
  else if (errors === '0') found = 'holds';
  const violated = found === 'standstill' || found === 'assertion violated';
  const ok = one.expect === 'holds' ? found === 'holds' : violated;
  return { name: one.name, expect: one.expect, rule: one.rule ?? null, states, found, ok };
}

function line({ name, expect, rule, states, found, ok }: Outcome): string {
  const text = {
    holds: found,
    caught: ok ? `without "${rule}": ${found}` : `without "${rule}": NOT CAUGHT (${found})`,
    known: ok ? `known limit, ${found}: ${rule}` : `expected a violation (${rule}), but: ${found}`,
  }[expect];
  return `${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(26)} ${states.toLocaleString('en').padStart(12)} states  ${text}`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { full: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  for (const tool of ['spin', 'gcc']) {
    if (spawnSync(tool, ['--version']).error === undefined) continue;
    console.error(`npm run model: '${tool}' is missing. Install it: apt-get install spin gcc`);
    return 2;
  }
  const chosen = runs.filter(
    ({ name, full }) =>
      (values.full || full !== true) &&
      (positionals.length === 0 || positionals.some((prefix) => name.startsWith(prefix))),
  );
  const waiting = [...chosen];
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await check(next);
      outcomes.push(outcome);
      if (!values.json) console.log(line(outcome));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const failed = outcomes.filter(({ ok }) => !ok).length;
  if (values.json) console.log(JSON.stringify({ runs: outcomes, passed: outcomes.length - failed, failed }));
  else console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  return failed === 0 && outcomes.length > 0 ? 0 : 1;
}

process.exitCode = await main();
