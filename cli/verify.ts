/** `verify`: holds a topic against its table. Runs inside the network of the brokers; changes nothing. */
import { InvalidArgumentError, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import type { Difference, Verified } from '../lambdas/operate/verify.ts';
import { createMembers } from '../lambdas/checkpoints/members.ts';
import { findSource } from '../lambdas/sources.ts';
import { answering, caller, configOf, deploymentCommand, type Answer, type Common } from './common.ts';
import { count } from './format.ts';

type Options = Common & { window?: number; showKeys?: boolean };

const KINDS = ['missing', 'extra', 'altered', 'foreign'] as const;

export function verifyCommand(): Command {
  const text = 'whether the topic is the table: one scan in the warehouse, and the whole topic is read';
  return deploymentCommand('verify', text)
    .argument('<source>')
    .option('--window <number>', 'as of the end of this window; else of the newest that is wholly published', numberOf)
    .option('--show-keys', 'show the keys that differ, not only a part of their hash')
    .action((source: string, options: Options) => answering(options, () => verify(source, options)));
}

async function verify(source: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  await findSource(config, createMembers(config), source);
  const { window = null, showKeys = false } = options;
  const event = { command: 'verify', source, window, showKeys, who: await caller(config), reason: '' };
  const found = (await invokeOperate(config, event)) as Verified;
  return { text: tellVerified(found), json: found, found: KINDS.some((kind) => found[kind].count > 0) };
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
  ].join('\n');
}

function lineOf(kind: string, { id, key, at }: Difference): string {
  return `  ${kind.padEnd(7)}  ${key ?? id}${at === undefined ? '' : `  ${at}`}`;
}

function numberOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Not a window: a number from 1 on.');
}
