/** `replay`: sends again, as a window at the head of the log that comes in order after all that was sent. */
import { Option, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { SnowmeltError } from '../lambdas/errors.ts';
import { createMembers } from '../lambdas/checkpoints/members.ts';
import { findSource } from '../lambdas/sources.ts';
import type { Window } from '../lambdas/protocol/window.ts';
import {
  answering,
  caller,
  configOf,
  confirm,
  deploymentCommand,
  withReason,
  type Answer,
  type Common,
} from './common.ts';
import { count } from './format.ts';

type Options = Common & { reason: string; from?: string; snapshot?: boolean; yes?: boolean };

/** Windows of the log that are counted to say how much a replay is. */
const COUNTED = 10_000;

export function replayCommand(): Command {
  return withReason(deploymentCommand('replay', 'sends again, as it is now, what consumers have lost'))
    .argument('<source>')
    .addOption(
      new Option('--from <time|window>', 'every key that changed since: 2026-01-31T12:00:00Z, or a number').conflicts(
        'snapshot',
      ),
    )
    .option('--snapshot', 'the whole table')
    .option('-y, --yes', 'do not ask')
    .action((source: string, options: Options) => answering(options, () => replay(source, options)));
}

async function replay(name: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  const source = await findSource(config, createMembers(config), name);
  if (options.from === undefined && options.snapshot !== true)
    throw new SnowmeltError('OPERATION_REFUSED', 'Say what to send again: --from <time|window> or --snapshot.');
  const since = options.from !== undefined && /^\d+$/.test(options.from) ? Number(options.from) : options.from;
  await confirm(`${await extent(config, source, since)} Send it?`, options.yes);
  const asked = since === undefined ? { command: 'resnapshot' } : { command: 'replay', since };
  const event = { ...asked, source: name, who: await caller(config), reason: options.reason };
  const request = await invokeOperate(config, event);
  return {
    text: `Asked for. The next ticks of plan append the window; \`npx snowmelt status\` shows it.`,
    json: { source: name, request },
  };
}

/** What will be sent, as far as the log tells. */
async function extent(
  config: ResolvedConfig,
  { name, topic }: ResolvedSource,
  since: string | number | undefined,
): Promise<string> {
  const checkpoints = createCheckpoints(config);
  const head = (await checkpoints.headNumber(name)) ?? 0;
  const windows = await checkpoints.windows(name, Math.max(1, head - COUNTED + 1), head);
  if (since === undefined) {
    const last = windows.findLast(({ kind }) => kind === 'snapshot');
    const rows = last === undefined ? '' : `, which had ${count(last.totalRows)} rows at ${last.to}`;
    return `${name}: the whole table${rows}, goes to ${topic} again.`;
  }
  const after = (window: Window) => (typeof since === 'number' ? window.number >= since : window.to > since);
  const counted = windows.filter((window) => after(window) && window.kind === 'changes');
  const rows = counted.reduce((sum, { totalRows }) => sum + totalRows, 0);
  return `${name}: the keys of ${counted.length} windows, at most ${count(rows)} rows, go to ${topic} again as they are now.`;
}
