/** The command line of `npm start`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { MAX_ROWS } from './flights.ts';

export type Arguments = {
  rows: number;
  seed: number;
  config: string;
  /** null: as the configuration says. */
  partitions: number | null;
  broker: 'embedded' | 'apache';
  untilIdle: boolean;
  json: boolean;
  killEveryMs: number | null;
  hold: boolean;
};

const examples = `
Examples:
  Watch it; end with Ctrl-C:
    npm start
  With all three million flights:
    npm start -- --rows 3000000
  One checked run; the exit code is 1 on any defect:
    npm start -- --until-idle --json
  The same while its processes are killed:
    npm start -- --until-idle --json --rows 1000000 --kill-every 300 --seed 7
  On Apache Kafka itself (needs Java 17 and Maven):
    npm start -- --until-idle --json --broker apache
  Leave the topic open for a client of your own:
    npm start -- --until-idle --hold
  With a Kafka, DynamoDB or Snowflake of your own:
    npm start -- --config my.yaml`;

/** @throws CommanderError for --help and for what can't be understood, already printed. */
export function parseArguments(argv: readonly string[]): Arguments {
  const command = new Command('npm start --')
    .description('Runs the whole pipeline on this machine: Snowflake to Kafka, exactly once.')
    .option('--rows <n>', `flights to load (default: all ${MAX_ROWS}; 100000 with --until-idle)`, whole(1, MAX_ROWS))
    .option('--seed <n>', 'seed of the traffic and of the choice of kills', whole(0, 2 ** 31 - 1), 1)
    .option('--config <file>', 'configuration', 'config/local.yaml')
    .option('--partitions <p>', 'slices of the keys that are published side by side', whole(1, 1000))
    .addOption(new Option('--broker <which>', 'Kafka to run on').choices(['embedded', 'apache']).default('embedded'))
    .option('--until-idle', 'run without a person: write, wait until all is published, check, end')
    .option('--json', 'with --until-idle: print the result as one JSON object')
    .option(
      '--kill-every <ms>',
      'with --until-idle: kill publishing processes, chosen from the wire',
      whole(50, 60_000),
    )
    .option('--hold', 'with --until-idle: keep everything up after the check and print the addresses')
    .addHelpText('after', examples)
    .allowExcessArguments(false)
    .exitOverride();
  command.parse(argv, { from: 'user' });
  const given = command.opts<{
    rows?: number;
    seed: number;
    config: string;
    partitions?: number;
    broker: 'embedded' | 'apache';
    untilIdle?: boolean;
    json?: boolean;
    killEvery?: number;
    hold?: boolean;
  }>();
  const untilIdle = given.untilIdle ?? false;
  for (const [name, needs] of [
    ['json', given.json],
    ['kill-every', given.killEvery],
    ['hold', given.hold],
  ] as const) {
    if (needs !== undefined && !untilIdle) command.error(`error: --${name} needs --until-idle`);
  }
  return {
    rows: given.rows ?? (untilIdle ? 100_000 : MAX_ROWS),
    seed: given.seed,
    config: given.config,
    partitions: given.partitions ?? null,
    broker: given.broker,
    untilIdle,
    json: given.json ?? false,
    killEveryMs: given.killEvery ?? null,
    hold: given.hold ?? false,
  };
}

function whole(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`Must be a whole number from ${low} to ${high}.`);
  };
}
