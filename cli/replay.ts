/** `replay`: sends again, as a window at the head of the log that comes in order after all that was sent. */
import { Option, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { SnowmeltError } from '../lambdas/errors.ts';
import type { Keys } from '../lambdas/operate/keys.ts';
import type { Window } from '../lambdas/protocol/window.ts';
import {
  answering,
  caller,
  configOf,
  confirm,
  deploymentCommand,
  sourceNamed,
  withReason,
  type Answer,
  type Common,
} from './common.ts';
import { count } from './format.ts';
import { readKeys } from './key-file.ts';

type Options = Common & {
  reason: string;
  from?: string;
  snapshot?: boolean;
  where?: string;
  keys?: string;
  yes?: boolean;
};

/** Windows of the log that are counted to say how much a replay is. */
const COUNTED = 10_000;

export function replayCommand(): Command {
  return withReason(deploymentCommand('replay', 'sends again, as it is now, what consumers have lost'))
    .argument('<source>')
    .addOption(
      new Option('--from <time|window>', 'every key that changed since: 2026-01-31T12:00:00Z, or a number').conflicts([
        'snapshot',
        'where',
        'keys',
      ]),
    )
    .addOption(new Option('--snapshot', 'the whole table').conflicts('keys'))
    .option('--where <condition>', 'with --snapshot: of the table only rows for which this SQL condition holds')
    .addOption(
      new Option(
        '--keys <file>',
        'listed keys: JSON lines, or CSV with a header; - is stdin. What the table does not have is sent as a delete',
      ).conflicts('where'),
    )
    .option('-y, --yes', 'do not ask')
    .action((source: string, options: Options) => answering(options, () => replay(source, options)));
}

type Asked =
  | { command: 'resnapshot' }
  | { command: 'replay'; since: string | number }
  | { command: 'keys'; keys: Keys }
  | { command: 'where'; where: string };

async function replay(name: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  const source = await sourceNamed(config, name);
  const asked = askedFor(source, options);
  await confirm(`${await extent(config, source, asked)} Send it?`, options.yes);
  const event = { ...asked, source: name, who: await caller(config), reason: options.reason };
  const request = await invokeOperate(config, event);
  return {
    text: `Asked for. The next ticks of plan append the window; \`npx snowmelt status\` shows it.`,
    json: { source: name, request },
  };
}

function askedFor(source: ResolvedSource, { from, snapshot, where, keys }: Options): Asked {
  if (keys !== undefined) return { command: 'keys', keys: readKeys(keys, source.key) };
  if (from !== undefined) return { command: 'replay', since: /^\d+$/.test(from) ? Number(from) : from };
  if (snapshot === true) return where === undefined ? { command: 'resnapshot' } : { command: 'where', where };
  throw new SnowmeltError(
    'OPERATION_REFUSED',
    'Say what to send again: --from <time|window>, --snapshot (of it --where <condition>) or --keys <file>.',
  );
}

/** What will be sent, as far as the log tells. */
async function extent(config: ResolvedConfig, { name, topic }: ResolvedSource, asked: Asked): Promise<string> {
  if (asked.command === 'keys')
    return `${name}: ${count(asked.keys.rows.length)} keys go to ${topic} as the table has them, as deletes where it has not.`;
  const checkpoints = createCheckpoints(config);
  const head = (await checkpoints.headNumber(name)) ?? 0;
  const windows = await checkpoints.windows(name, Math.max(1, head - COUNTED + 1), head);
  if (asked.command !== 'replay') {
    const last = windows.findLast(({ kind }) => kind === 'snapshot');
    const rows = last === undefined ? '' : `, which had ${count(last.totalRows)} rows at ${last.to}`;
    const what = asked.command === 'where' ? `what \`${asked.where}\` holds for in the table` : 'the whole table';
    return `${name}: ${what}${rows}, goes to ${topic} again.`;
  }
  const { since } = asked;
  const after = (window: Window) => (typeof since === 'number' ? window.number >= since : window.to > since);
  const counted = windows.filter((window) => after(window) && window.kind === 'changes');
  const rows = counted.reduce((sum, { totalRows }) => sum + totalRows, 0);
  return `${name}: the keys of ${counted.length} windows, at most ${count(rows)} rows, go to ${topic} again as they are now.`;
}
