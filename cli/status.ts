/** `status`: every source and partition, from the checkpoint table alone. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import type { Checkpoints } from '../lambdas/protocol/ports.ts';
import { findSource } from '../lambdas/settings.ts';
import { answering, configOf, deploymentCommand, placeOf, type Answer, type Common } from './common.ts';
import { look, sourceStatus, type Look, type SourceStatus } from './source-status.ts';
import { renderSource } from './status-view.ts';
import { servePage, type StatusPage } from './web/server.ts';

type Options = Common & { watch?: number | true; web?: true; port?: number };

/** Between the two looks that a rate needs. */
const APART_MS = 1_000;
const WATCH_SECONDS = 5;
const PAGE_SECONDS = 2;
/** Sources looked at side by side. */
const AT_ONCE = 32;
/** Nothing to do about these. */
const WELL = new Set<SourceStatus['verdict']>(['fine', 'paused']);

export function statusCommand(): Command {
  return deploymentCommand('status', 'state, watermark, lag, position, speed and last error of each partition')
    .argument('[source...]', 'these only')
    .option('--watch [seconds]', 'go on until Ctrl-C', secondsOf)
    .addOption(new Option('--web', 'as a page on this machine, until Ctrl-C').conflicts('watch'))
    .addOption(new Option('--port <number>', 'of the page; any free one').argParser(portOf).implies({ web: true }))
    .action(async (names: string[], options: Options) => {
      if (options.web === true) return answering(options, () => openPage(options, names));
      const seconds = options.watch === true ? WATCH_SECONDS : options.watch;
      let before = new Map<string, Look>();
      do {
        await answering(options, async () => {
          const config = configOf(options);
          const sources = chosen(config, names);
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

function chosen(config: ResolvedConfig, names: readonly string[]): readonly ResolvedSource[] {
  return names.length === 0 ? config.sources : names.map((name) => findSource(config, name));
}

/** Answers where the page is; it is served as long as the process lives. */
async function openPage(options: Options, names: readonly string[]): Promise<Answer> {
  const config = configOf(options);
  const sources = chosen(config, names);
  const page = await servePage({ app: config.app, place: placeOf(options), port: options.port ?? 0 });
  void feed(page, createCheckpoints(config), sources);
  return { text: `The page is at ${page.url}; end with Ctrl-C.`, json: { url: page.url } };
}

/** Looks while somebody does. */
async function feed(page: StatusPage, checkpoints: Checkpoints, sources: readonly ResolvedSource[]): Promise<never> {
  let before = new Map<string, Look>();
  for (;;) {
    if (!page.watched) before = new Map();
    else {
      try {
        const now = await looks(checkpoints, sources, before);
        page.show(statuses(sources, now, before), Date.now());
        before = now;
      } catch (error) {
        page.fail(error);
      }
    }
    await pause(before.size === 0 ? APART_MS : PAGE_SECONDS * 1000);
  }
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

function statuses(
  sources: readonly ResolvedSource[],
  now: ReadonlyMap<string, Look>,
  before: ReadonlyMap<string, Look>,
): SourceStatus[] {
  return sources.map((source) => sourceStatus(source, now.get(source.name)!, before.get(source.name) ?? null));
}

function answerOf(
  config: ResolvedConfig,
  sources: readonly ResolvedSource[],
  now: ReadonlyMap<string, Look>,
  before: ReadonlyMap<string, Look>,
): Answer {
  const all = statuses(sources, now, before);
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

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError('A number from 1 to 65535.');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
