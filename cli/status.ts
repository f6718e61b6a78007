/** `status`: every source and partition, from the checkpoint table alone. */
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { findSource } from '../lambdas/settings.ts';
import { answering, configOf, deploymentCommand, placeOf, type Answer, type Common } from './common.ts';
import { Onlooker } from './onlooker.ts';
import type { SourceStatus } from './source-status.ts';
import { renderSource } from './status-view.ts';
import { servePage, type StatusPage } from './web/server.ts';

type Options = Common & { watch?: number | true; web?: true; port?: number };

/** Between the two looks that a rate needs. */
const APART_MS = 1_000;
const WATCH_SECONDS = 5;
const PAGE_SECONDS = 2;
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
      let onlooker: Onlooker | null = null;
      do {
        await answering(options, async () => {
          const config = configOf(options);
          if (onlooker === null) {
            onlooker = new Onlooker(createCheckpoints(config), chosen(config, names));
            await onlooker.look();
            await pause(APART_MS);
          }
          return answerOf(config.app, await onlooker.look());
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
  const onlooker = new Onlooker(createCheckpoints(config), chosen(config, names));
  const page = await servePage({ app: config.app, place: placeOf(options), port: options.port ?? 0 });
  void feed(page, onlooker);
  return { text: `The page is at ${page.url}; end with Ctrl-C.`, json: { url: page.url } };
}

/** Looks while somebody does; soon again after a first look, which tells no speed. */
async function feed(page: StatusPage, onlooker: Onlooker): Promise<never> {
  for (let first = true; ;) {
    if (!page.watched) {
      onlooker.forget();
      first = true;
      await pause(APART_MS);
      continue;
    }
    try {
      page.show(await onlooker.look(), Date.now());
    } catch (error) {
      page.fail(error);
    }
    await pause(first ? APART_MS : PAGE_SECONDS * 1000);
    first = false;
  }
}

function answerOf(app: string, all: readonly SourceStatus[]): Answer {
  const width = Math.min(process.stdout.columns ?? 80, 120);
  const unwell = all.filter(({ verdict }) => !WELL.has(verdict)).length;
  const lines = all.flatMap((status) => [...renderSource(status, width), '']);
  lines.push(unwell === 0 ? `${all.length} sources, all well` : `${unwell} of ${all.length} sources need a look`);
  return { text: lines.join('\n'), json: { app, sources: all }, found: unwell > 0 };
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
