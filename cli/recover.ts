/** `recover` and `void`: where table, marker, log and topic disagree. They run inside the network of the brokers. */
import { Option, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import type { Findings } from '../lambdas/protocol/recover.ts';
import {
  answering,
  caller,
  configOf,
  deploymentCommand,
  sourceNamed,
  withReason,
  type Answer,
  type Common,
} from './common.ts';

type Options = Common & { reason?: string; take?: string };

const WAYS =
  'store: the marker is gone, the table is right. marker: Kafka lost what it had; it is sent again. anew: consumers forget all, then a snapshot';

export function recoverCommand(): Command {
  const command = deploymentCommand(
    'recover',
    'shows what the table, Kafka and the log know of a source, and which ways out fit; takes one',
  );
  return command
    .argument('<source>')
    .addOption(new Option('--take <way>', WAYS).choices(['store', 'marker', 'anew']))
    .option('--reason <text>', 'why; needed with --take, and kept with the state')
    .action((source: string, options: Options) => {
      if (options.take !== undefined && options.reason === undefined) command.error('error: --take needs --reason');
      return answering(options, () => recover(source, options));
    });
}

export function voidCommand(): Command {
  const command = deploymentCommand(
    'void',
    'gives an unfinished window up: what it holds is sent in another way first',
  );
  return withReason(command.argument('<source>').requiredOption('--window <number>', 'the window')).action(
    (source: string, options: Options & { window: string }) =>
      answering(options, async () => {
        const answer = await operate(source, options, { command: 'void', window: Number(options.window) });
        return { text: 'void: done. The next ticks of plan and publish go on from it.', json: answer };
      }),
  );
}

async function recover(source: string, options: Options): Promise<Answer> {
  if (options.take !== undefined) {
    const answer = await operate(source, options, { command: 'recover', take: options.take });
    return { text: 'recover: done. The next ticks of plan and publish go on from it.', json: answer };
  }
  const found = (await operate(source, options, { command: 'inspect' })) as Findings;
  return { text: tell(found), json: found, found: found.ways.length > 0 };
}

async function operate(source: string, options: Options, asked: object): Promise<unknown> {
  const config = configOf(options);
  await sourceNamed(config, source);
  return invokeOperate(config, { ...asked, source, who: await caller(config), reason: options.reason ?? '' });
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
    ...(log.gap === null ? [] : [`window ${log.gap} is missing in the log`]),
    found.ways.length === 0 ? 'Nothing disagrees.' : `Ways out: ${found.ways.join(', ')}`,
  ].join('\n');
}
