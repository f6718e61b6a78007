/**
 * `npm run operate -- <command>`: an operator's commands, run by the operate function inside the network of the brokers. Here
 * nothing is needed but the right to invoke it.
 */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { loadConfig, readConfigFile } from '../lambdas/config/load.ts';
import { asSnowmeltError } from '../lambdas/errors.ts';
import type { OperatorCommand } from '../lambdas/operate/index.ts';
import type { Findings } from '../lambdas/protocol/recover.ts';
import { findSource } from '../lambdas/settings.ts';

type Common = { config: string; source: string; reason: string; json?: boolean };
type Asked = OperatorCommand extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'source' | 'who' | 'reason'>
    : never
  : never;

const program = new Command('npm run operate --').description(
  'Looks at a source, and helps it where it can not help itself. Nothing is published by these: plan and publish do it.',
);

/** A subcommand with what they all take; `asked` makes of its own options what the function is told. */
function command(name: string, description: string, asked: (options: Record<string, string>) => Asked): Command {
  const sub = program
    .command(name)
    .description(description)
    .requiredOption('--config <file>', 'the configuration it was deployed with')
    .requiredOption('--source <name>', 'the source')
    .option('--json', 'print the answer as JSON');
  if (name !== 'inspect') sub.requiredOption('--reason <text>', 'why; kept with the state');
  return sub.action(async (options: Common & Record<string, string>) => run(options, asked(options)));
}

command('inspect', 'what the table, Kafka and the log know of the source, and which ways out fit', () => ({
  command: 'inspect',
}));
command('pause', 'opens no windows and publishes nothing until resumed', () => ({ command: 'pause' }));
command('resume', 'ends a pause, and lets partitions that wait for an operator go on', () => ({ command: 'resume' }));
command('resnapshot', 'sends the whole table again', () => ({ command: 'resnapshot' }));
command('replay', 'sends again, as it is now, every key that changed since', ({ from }) => ({
  command: 'replay',
  since: /^\d+$/.test(from!) ? Number(from) : from!,
})).requiredOption('--from <time|window>', 'a time such as 2026-01-31T12:00:00Z, or the number of a window');
command('void', 'gives an unfinished window up: what it holds is sent in another way first', ({ window }) => ({
  command: 'void',
  window: Number(window),
})).requiredOption('--window <number>', 'the window');
command('recover', 'takes a way out that `inspect` names', ({ take }) => ({
  command: 'recover',
  take: take as 'store' | 'marker' | 'anew',
})).requiredOption(
  '--take <way>',
  'store: the marker is gone, the table is right. marker: Kafka lost what it had; it is sent again. anew: consumers forget all, then a snapshot',
);

program.addHelpText(
  'after',
  `
Examples:
  npm run operate -- inspect --config config/prod.yaml --source orders
  npm run operate -- replay --config config/prod.yaml --source orders --from 2026-01-31T12:00:00Z --reason "consumer lost a day"
  npm run operate -- recover --config config/prod.yaml --source orders --take anew --reason "table restored from backup"`,
);

async function run(options: Common, asked: Asked): Promise<void> {
  try {
    const config = loadConfig(readConfigFile(options.config), { path: options.config });
    findSource(config, options.source);
    const event = { ...asked, source: options.source, who: userInfo().username, reason: options.reason ?? '' };
    const answer = await invokeOperate(config, event);
    if (options.json) console.log(JSON.stringify(answer));
    else if (asked.command === 'inspect') console.log(tell(answer as Findings));
    else console.log(`${asked.command}: done. The next ticks of plan and publish go on from it.`);
  } catch (error) {
    const failure = asSnowmeltError(error);
    console.error(`${failure.code}: ${failure.message}${failure.action === '' ? '' : `\n${failure.action}`}`);
    process.exitCode = 1;
  }
}

function tell(found: Findings): string {
  const place = (position: Findings['partitions'][number]['marker']) =>
    position === null ? 'none' : typeof position === 'string' ? position : `${position.window}:${position.row}`;
  const { topic, log } = found;
  return [
    `${found.source}: log up to window ${log.head} (${log.to ?? 'empty'}), finished through ${log.finishedThrough}`,
    `cluster ${found.clusterId.kafka}${found.clusterId.table === found.clusterId.kafka ? '' : `, the table knows ${found.clusterId.table ?? 'none'}`}`,
    `topic ${topic.name}: ${topic.partitions ?? 'no'} partitions, ${topic.configured} configured`,
    ...found.partitions.map(
      ({ partition, state, position, marked, marker, verdict, message }) =>
        `partition ${partition}: ${state}, at ${place(position)}, marked ${place(marked)}, Kafka ${place(marker)}: ${verdict}${message === null ? '' : `\n  ${message}`}`,
    ),
    found.ways.length === 0 ? 'Nothing disagrees.' : `Ways out: ${found.ways.join(', ')}`,
  ].join('\n');
}

await program.parseAsync();
