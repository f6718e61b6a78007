/** `npm start`: the whole pipeline on this machine. `npm start -- --help` says what can be asked of it. */
import { CommanderError } from 'commander';
import { parseArguments, type Arguments } from './demo/arguments.ts';
import { runLive } from './demo/live.ts';
import { isClean, runUntilIdle, type Result } from './demo/run.ts';
import { announce, type Stack } from './demo/stack.ts';
import { ASSUMPTIONS } from './snowflake/assumptions.ts';

// kafkajs sets timers of negative length (its issue 1751), which mean nothing; any other warning is shown as ever.
process.removeAllListeners('warning').on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(args: Arguments): Promise<number> {
  const first = `The Snowflake stand-in makes ${ASSUMPTIONS.length} assumptions that no real account has confirmed yet (local/snowflake/assumptions.ts).`;
  if (!args.untilIdle) {
    console.log(first);
    await runLive(args, console.log);
    return 0;
  }
  say(first);
  const { rows, seed, config, partitions, broker, killEveryMs } = args;
  const options = { rows, seed, config, partitions, broker, killEveryMs, progress: say };
  const result = await runUntilIdle(args.hold ? { ...options, hold } : options);
  if (!args.hold) print(result, args.json);
  return isClean(result) ? 0 : 1;

  async function hold(stack: Stack, result: Result): Promise<void> {
    print(result, args.json);
    announce(stack);
    say(`Kafka      ${stack.brokers.join(', ')}   topics ${stack.config.sources.map(({ topic }) => topic).join(', ')}`);
    say(`Snowflake  ${stack.snowflake?.url ?? 'the real one'}`);
    say(`AWS        ${stack.aws.url}   (DynamoDB table ${stack.config.table.name})`);
    say('Held until Ctrl-C.');
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  }
}

/** Of several sources a line each, then one of all. */
function print({ sources, unproven, ...result }: Result, asJson: boolean): void {
  const each = sources.length > 1 ? sources : [];
  if (asJson) {
    for (const line of [...each, result]) process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  for (const { source, capture, format, records, missing, duplicated, reordered, mismatched } of each) {
    const defects = `missing ${missing}, duplicated ${duplicated}, reordered ${reordered}, mismatched ${mismatched}`;
    console.log(`${source.padEnd(32)} ${`${capture}, ${format}`.padEnd(44)} ${records} records; ${defects}`);
  }
  for (const why of unproven) console.log(why);
  for (const [name, value] of Object.entries(result))
    console.log(`${name.padEnd(24)} ${value?.toLocaleString('en-US') ?? '-'}`);
}

try {
  process.exitCode = await main(parseArguments(process.argv.slice(2)));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
