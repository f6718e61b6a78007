/** `pause` and `resume`: the checkpoint table alone is needed, so they work when all else is down. */
import type { Command } from 'commander';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import { pause, resume } from '../lambdas/protocol/operate.ts';
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

type Options = Common & { reason: string };

export function pauseCommand(): Command {
  const command = deploymentCommand('pause', 'opens no windows of a source and publishes nothing until it is resumed');
  return withReason(command.argument('<source>')).action((source: string, options: Options) =>
    answering(options, () => change('pause', source, options)),
  );
}

export function resumeCommand(): Command {
  const text = 'ends a pause, and lets partitions that wait for an operator go on; mend the cause first';
  return withReason(deploymentCommand('resume', text).argument('<source>')).action((source: string, options: Options) =>
    answering(options, () => change('resume', source, options)),
  );
}

async function change(what: 'pause' | 'resume', source: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  await sourceNamed(config, source);
  const checkpoints = createCheckpoints(config);
  const before = await checkpoints.look(source, true);
  await (what === 'pause' ? pause : resume)(checkpoints, source);
  const waiting = (before?.partitions ?? []).filter(({ state }) => state === 'needs-operator');
  const resumed =
    what === 'pause' ? [] : waiting.map(({ partition, lastError }) => ({ partition, lastError: lastError?.code }));
  await checkpoints.audit(source, {
    who: await caller(config),
    what,
    why: options.reason,
    before: JSON.stringify({ paused: before?.meta.paused, waiting: waiting.map(({ partition }) => partition) }),
    after: what === 'pause' ? 'paused' : 'active',
    at: Date.now(),
  });
  const paused = what === 'pause';
  const wasPaused = before?.meta.paused === true;
  return { text: told(source, paused, wasPaused, resumed), json: { source, paused, wasPaused, resumed } };
}

function told(
  source: string,
  paused: boolean,
  wasPaused: boolean,
  resumed: { partition: number; lastError: string | undefined }[],
): string {
  if (paused) {
    const first = wasPaused ? `${source} was paused already.` : `${source} is paused.`;
    return `${first} What runs now ends within its invocation; Time Travel goes on running out.`;
  }
  const lines = resumed.map(({ partition, lastError }) => `partition ${partition}: active (was ${lastError ?? '?'})`);
  if (wasPaused) lines.unshift(`${source} is not paused any more.`);
  return lines.length === 0 ? `${source} was not paused, and no partition of it was waiting.` : lines.join('\n');
}
