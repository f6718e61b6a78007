/** `deadletters`: rows that could not be sent, why, and what becomes of them. They are read inside the brokers' network. */
import { Argument, InvalidArgumentError, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { SnowmeltError } from '../lambdas/errors.ts';
import type { DeadLetters, Letter } from '../lambdas/operate/dead-letters.ts';
import type { Position } from '../lambdas/protocol/position.ts';
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
import { count, several } from './format.ts';

type What = 'list' | 'show' | 'replay' | 'drop';
type Options = Common & { all?: boolean; showValues?: boolean; through?: number; reason?: string; yes?: boolean };

const WHAT =
  'list: which, and why. show: one of them. replay: has what they are of sent again, as it is now. drop: says that they are dealt with';

export function deadlettersCommand(): Command {
  const command = deploymentCommand('deadletters', 'rows of a source that could not be sent (`onBadRow: dead-letter`)');
  return command
    .argument('<source>')
    .addArgument(
      new Argument('[what]', WHAT).choices(['list', 'show', 'replay', 'drop'] satisfies What[]).default('list'),
    )
    .argument('[letter]', 'show: as list has it, window:partition:row')
    .option('--all', 'list: those that are dealt with, too')
    .option('--show-values', 'show keys and rows, not only a part of the hash of the key')
    .option('--through <window>', 'drop: only those of windows up to this one', numberOf)
    .option('--reason <text>', 'why; needed by replay and drop, and kept with the state')
    .option('-y, --yes', 'replay: do not ask')
    .action((source: string, what: What, letter: string | undefined, options: Options) => {
      if (what === 'show' && letter === undefined) command.error('error: show needs a letter, window:partition:row');
      if (what !== 'show' && letter !== undefined) command.error(`error: ${what} takes no letter`);
      const changes = what === 'drop' || what === 'replay';
      if (changes && options.reason === undefined) command.error(`error: ${what} needs --reason`);
      return answering(options, () => {
        if (what === 'drop') return drop(source, options);
        return what === 'replay' ? replay(source, options) : read(source, letter ?? null, options);
      });
    });
}

async function read(source: string, id: string | null, options: Options): Promise<Answer> {
  const { all = false, showValues = false } = options;
  const found = (await operate(source, options, { command: 'deadletters', id, all, showValues })) as DeadLetters;
  if (id === null) return { text: tellLetters(found), json: found, found: found.waiting > 0 };
  const [letter] = found.first;
  if (letter === undefined) throw new SnowmeltError('UNEXPECTED', 'no letter came');
  return { text: tellLetter(letter), json: letter };
}

async function replay(source: string, options: Options): Promise<Answer> {
  const looked = { command: 'deadletters', id: null, all: false, showValues: false };
  const { waiting, since, keys, topic } = (await operate(source, options, looked)) as DeadLetters;
  const changed = since === null ? 'the whole table goes' : `every key that changed since ${since} goes`;
  const extent = keys === null ? changed : `${several(keys, 'key')} ${keys === 1 ? 'goes' : 'go'}`;
  if (waiting > 0)
    await confirm(`${source}: ${several(waiting, 'dead letter')} in ${topic}; ${extent} again. Send it?`, options.yes);
  const request = await operate(source, options, { command: 'replay-deadletters' });
  return {
    text: 'Asked for, and they are dealt with. The next ticks of plan append the window; what still can not be sent is a new letter.',
    json: { source, request },
  };
}

async function drop(source: string, options: Options): Promise<Answer> {
  const asked = { command: 'drop-deadletters', through: options.through ?? null };
  const dropped = (await operate(source, options, asked)) as { partition: number; dealtWith: Position }[];
  const lines = dropped.map(
    ({ partition, dealtWith: { window } }) => `partition ${partition}: dealt with up to window ${window}`,
  );
  return { text: lines.join('\n'), json: { source, dropped } };
}

async function operate(source: string, options: Options, asked: object): Promise<unknown> {
  const config = configOf(options);
  await sourceNamed(config, source);
  return invokeOperate(config, { ...asked, source, who: await caller(config), reason: options.reason ?? '' });
}

const LEFT_OUT = 'left out, too large';

export function tellLetters({
  source,
  topic,
  waiting,
  dealtWith,
  reasons,
  windows,
  first,
  cutOff,
}: DeadLetters): string {
  const listed = Object.values(reasons).reduce((sum, number) => sum + number, 0);
  return [
    `${source}: ${several(waiting, 'dead letter')} ${waiting === 1 ? 'waits' : 'wait'}, ${count(dealtWith)} dealt with, in ${topic}`,
    ...(cutOff ? ['The beginning of the topic is deleted.'] : []),
    ...Object.entries(reasons).map(([reason, number]) => `${count(number).padStart(7)}  ${reason}`),
    ...(windows === null ? [] : [`windows ${windows.join(' to ')}; window:partition:row, op, why, key, where:`]),
    ...first.map(({ id, op, reason, keyId, at }) => `  ${[id, op, reason, keyId ?? '-', at].join('  ')}`),
    ...(listed > first.length ? ['  ... and more'] : []),
  ].join('\n');
}

export function tellLetter(letter: Letter): string {
  const { id, values, keyId, at, kind, from, to, op, reason, message, truncated, sentAt, dealtWith } = letter;
  const facts: Record<string, string | null> = {
    why: `${reason}: ${message}`,
    op,
    window: `${kind}, ${from ?? 'the beginning'} to ${to}`,
    key: keyId === null ? LEFT_OUT : values === undefined ? keyId : JSON.stringify(values.key),
    row: truncated ? LEFT_OUT : null,
    before: values === undefined || truncated ? null : JSON.stringify(values.before),
    after: values === undefined || truncated ? null : JSON.stringify(values.after),
    where: `${at}, sent ${sentAt}`,
    state: dealtWith ? 'dealt with' : 'waits',
  };
  const lines = Object.entries(facts).filter(([, fact]) => fact !== null);
  return [id, ...lines.map(([name, fact]) => `  ${name.padEnd(6)}  ${fact}`)].join('\n');
}

function numberOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Not a window: a number from 1 on.');
}
