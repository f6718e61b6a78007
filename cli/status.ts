/** `status`: every source and partition, from the checkpoint table alone. */
import { InvalidArgumentError, type Command } from 'commander';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import type { Checkpoints } from '../lambdas/protocol/ports.ts';
import { findSource } from '../lambdas/settings.ts';
import { answering, configOf, deploymentCommand, type Answer, type Common } from './common.ts';
import { look, sourceStatus, type Look, type SourceStatus } from './source-status.ts';
import { renderSource } from './status-view.ts';

type Options = Common & { watch?: number | true };

/** Between the two looks that a rate needs. */
const APART_MS = 1_000;
const WATCH_SECONDS = 5;
/** Sources looked at side by side. */
const AT_ONCE = 32;
/** Nothing to do about these. */
const WELL = new Set<SourceStatus['verdict']>(['fine', 'paused']);

export function statusCommand(): Command {
  return deploymentCommand('status', 'state, watermark, lag, position, speed and last error of each partition')
    .argument('[source...]', 'these only')
    .option('--watch [seconds]', 'go on until Ctrl-C', secondsOf)
    .action(async (names: string[], options: Options) => {
      const seconds = options.watch === true ? WATCH_SECONDS : options.watch;
      let before = new Map<string, Look>();
      do {
        await answering(options, async () => {
          const config = configOf(options);
          const sources = names.length === 0 ? config.sources : names.map((name) => findSource(config, name));
          const checkpoints = createCheckpoints(config);
          if (before.size === 0) {
            before = await looks(checkpoints, sources, before);
            await pause(APART_MS);
          }
          const now = await looks(checkpoints, sources, before);
          const answer = answerOf(config, sources, now, before);
          before = now;
          return answer;
        });
        if (seconds !== undefined) await pause(seconds * 1000);
      } while (seconds !== undefined);
    });
}

async function looks(
  checkpoints: Checkpoints,
  sources: readonly ResolvedSource[],
  before: ReadonlyMap<string, Look>,
): Promise<Map<string, Look>> {
  const found = new Map<string, Look>();
  const left = [...sources];
  const next = async (): Promise<void> => {
    for (let source = left.shift(); source !== undefined; source = left.shift()) {
      found.set(source.name, await look(checkpoints, source.name, before.get(source.name) ?? null));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return found;
}

function answerOf(
  config: ResolvedConfig,
  sources: readonly ResolvedSource[],
  now: ReadonlyMap<string, Look>,
  before: ReadonlyMap<string, Look>,
): Answer {
  const all = sources.map((source) => sourceStatus(source, now.get(source.name)!, before.get(source.name) ?? null));
  const width = Math.min(process.stdout.columns ?? 80, 120);
  const unwell = all.filter(({ verdict }) => !WELL.has(verdict)).length;
  const lines = all.flatMap((status) => [...renderSource(status, width), '']);
  lines.push(unwell === 0 ? `${all.length} sources, all well` : `${unwell} of ${all.length} sources need a look`);
  return { text: lines.join('\n'), json: { app: config.app, sources: all }, found: unwell > 0 };
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (seconds >= 1) return seconds;
  throw new InvalidArgumentError('A number of seconds, 1 or more.');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
