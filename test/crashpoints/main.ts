/** `npm run crashpoints`: a fault at each type of request, in each mode; each run ends with the oracle at 0. */
import { Command, CommanderError, Option } from 'commander';
import { ALL, sample } from './points.ts';
import { enumerate, isRight, wordsOf } from './run.ts';

// kafkajs sets timers of negative length (its issue 1751), which mean nothing.
process.removeAllListeners('warning').on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

const command = new Command('npm run crashpoints --')
  .description('Every type of request on the wire x every way to fail; each run is judged by the oracle.')
  .addOption(
    new Option('--broker <which>', 'apache: with DynamoDB Local').choices(['local', 'apache']).default('local'),
  )
  .option('--only <regex>', 'of `<request type>, <mode>`')
  .option('--sample <n>', 'so many of them', Number)
  .option('--seed <n>', 'which of them, and the traffic', Number, 1)
  .option('--json', 'print the result as one line of JSON');

try {
  command.exitOverride().parse();
  const options = command.opts<{
    broker: 'local' | 'apache';
    only?: string;
    sample?: number;
    seed: number;
    json?: boolean;
  }>();
  const only = new RegExp(options.only ?? '', 'i');
  const chosen = ALL.filter(({ type, mode }) => only.test(`${type}, ${mode}`));
  const points = sample(chosen, options.sample ?? chosen.length, options.seed);
  const progress = (what: string): void => void process.stderr.write(`${what}\n`);
  const { broker, seed } = options;
  const { runs, unknownTypes, requests, seconds } = await enumerate({ points, broker, seed, progress });
  const wrong = runs.filter((run) => !isRight(run));
  const summary = {
    broker,
    seed,
    runs: runs.length,
    right: runs.length - wrong.length,
    requests,
    unknownTypes,
    seconds,
  };
  if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, wrong })}\n`);
  else for (const [name, value] of Object.entries(summary)) console.log(`${name.padEnd(16)} ${String(value)}`);
  for (const run of wrong) progress(`WRONG ${wordsOf(run)}`);
  for (const type of unknownTypes) progress(`UNKNOWN request type: ${type}; add it to test/crashpoints/points.ts`);
  process.exitCode = wrong.length === 0 && unknownTypes.length === 0 ? 0 : 1;
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
