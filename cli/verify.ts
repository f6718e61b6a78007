/** `verify`: holds a topic against its table. Runs inside the network of the brokers; changes nothing. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { SnowmeltError } from '../lambdas/errors.ts';
import type { Difference, Verified } from '../lambdas/operate/verify.ts';
import {
  answering,
  caller,
  configOf,
  confirm,
  deploymentCommand,
  sourceNamed,
  type Answer,
  type Common,
} from './common.ts';
import { count } from './format.ts';

type Options = Common & { window?: number; showKeys?: boolean; repair?: boolean; reason?: string; yes?: boolean };

const KINDS = ['missing', 'extra', 'altered', 'foreign'] as const;

export function verifyCommand(): Command {
  const text = 'whether the topic is the table: one scan in the warehouse, and the whole topic is read';
  return deploymentCommand('verify', text)
    .argument('<source>')
    .addOption(
      new Option('--window <number>', 'as of the end of this window; else of the newest that is wholly published')
        .argParser(numberOf)
        .conflicts('repair'),
    )
    .option('--show-keys', 'show the keys that differ, not only a part of their hash')
    .option('--repair', 'send the keys that differ as the table has them, as deletes where it has not')
    .option('--reason <text>', 'why; needed by --repair, kept with the state')
    .option('-y, --yes', 'do not ask')
    .action((source: string, options: Options) => answering(options, () => verify(source, options)));
}

async function verify(source: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  const { topic } = await sourceNamed(config, source);
  const { window = null, showKeys = false, repair = false, reason = '' } = options;
  if (repair && reason === '') throw new SnowmeltError('OPERATION_REFUSED', '--repair needs --reason <text>.');
  const who = await caller(config);
  const event = { command: 'verify', source, window, showKeys, repair, who, reason };
  const found = (await invokeOperate(config, event)) as Verified;
  const answer = { text: tellVerified(found), json: found, found: KINDS.some((kind) => found[kind].count > 0) };
  if (!found.repair?.request) return answer;
  if (options.yes !== true) console.error(answer.text);
  const { keys, request } = found.repair;
  await confirm(
    `${count(keys)} keys go to ${topic} as the table has them, as deletes where it has not. Send them?`,
    options.yes,
  );
  const asked = await invokeOperate(config, { command: 'repair', source, keys: request, who, reason });
  const told = `Asked for: a repair of ${count(keys)} keys. Once it is published, verify again.`;
  return { text: options.yes === true ? `${answer.text}\n${told}` : told, json: { ...found, asked }, found: true };
}

export function tellVerified(found: Verified): string {
  const differing = KINDS.filter((kind) => found[kind].count > 0);
  return [
    `${found.source}, window ${found.window}, ${found.to}`,
    `table  ${count(found.rows)} rows`,
    `topic  ${count(found.keys)} keys in ${count(found.records)} records of ${found.topic}`,
    ...(found.cutOff
      ? ['The beginning of the topic is deleted; keys that did not change since count as missing.']
      : []),
    ...(differing.length === 0
      ? ['The topic is the table.']
      : [`They differ: ${differing.map((kind) => `${count(found[kind].count)} ${kind}`).join(', ')}`]),
    ...differing.flatMap((kind) => [
      ...found[kind].first.map((one) => lineOf(kind, one)),
      ...(found[kind].count > found[kind].first.length ? [`  ${kind}  ... and more`] : []),
    ]),
    ...(found.repair === undefined ? [] : tellRepair(found.repair)),
  ].join('\n');
}

function tellRepair({ keys, unfit, tooMany }: NonNullable<Verified['repair']>): string[] {
  return [
    ...(tooMany
      ? [
          `${count(keys)} keys differ, more than one repair takes: \`replay --snapshot\` sends all rows, \`recover --take anew\` begins anew.`,
        ]
      : []),
    ...(unfit > 0 ? [`${count(unfit)} keys are none that the table could have: no repair reaches them.`] : []),
  ];
}

function lineOf(kind: string, { id, key, at }: Difference): string {
  return `  ${kind.padEnd(7)}  ${key ?? id}${at === undefined ? '' : `  ${at}`}`;
}

function numberOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Not a window: a number from 1 on.');
}
