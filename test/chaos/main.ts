/** `npm run chaos`: everything fails, all the time, and nothing is lost, doubled or out of order. */
import { Command, CommanderError, Option } from 'commander';
import { runChaos, type ChaosResult } from './run.ts';

// kafkajs sets timers of negative length (its issue 1751), which mean nothing.
process.removeAllListeners('warning').on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

/** Faults of each kind in a whole run. */
const WHOLE = { windows: 2_000, goal: 100 };

const command = new Command('npm run chaos --')
  .description('Faults of every kind while writers commit; then the oracle compares the topics with the ledgers.')
  .option('--windows <n>', 'windows of changes to write', Number, 200)
  .option('--seed <n>', 'seed of the traffic and of the faults', Number, 1)
  .addOption(new Option('--broker <which>', 'three nodes of it').choices(['local', 'apache']).default('local'))
  .option('--strict', `also fail when a kind of fault came too seldom (always from ${WHOLE.windows} windows on)`)
  .option('--json', 'print the result as one line of JSON');

try {
  command.exitOverride().parse();
  const options = command.opts<{
    windows: number;
    seed: number;
    broker: 'local' | 'apache';
    strict?: boolean;
    json?: boolean;
  }>();
  const { windows, seed, broker, strict = windows >= WHOLE.windows, json = false } = options;
  const goal = Math.max(1, Math.floor((WHOLE.goal * windows) / WHOLE.windows));
  const began = performance.now();
  const progress = (what: string): void =>
    void process.stderr.write(`${String(Math.round((performance.now() - began) / 1000)).padStart(4)} s  ${what}\n`);
  const result = await runChaos({ windows, seed, broker, goal, progress });
  if (json) process.stdout.write(`${JSON.stringify({ broker, seed, ...result })}\n`);
  else print(result);
  const { missing, duplicated, reordered, mismatched } = result;
  const failed = missing + duplicated + reordered + mismatched > 0 || (strict && result.short.length > 0);
  process.exitCode = failed ? 1 : 0;
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}

function print(result: ChaosResult): void {
  const { faults, short, ...rest } = result;
  for (const [name, value] of Object.entries(rest)) console.log(`${name.padEnd(36)} ${value.toLocaleString('en-US')}`);
  console.log('\nfaults');
  for (const [name, value] of Object.entries(faults)) console.log(`  ${name.padEnd(34)} ${value}`);
  if (short.length > 0) console.log(`\ntoo seldom: ${short.join(', ')}`);
}
