/** `status`: every source and partition, from the checkpoint table alone. */
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { several } from './format.ts';
import { createMembers } from '../lambdas/checkpoints/members.ts';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { findSource, knownSources } from '../lambdas/sources.ts';
import { answering, configOf, deploymentCommand, placeOf, type Answer, type Common } from './common.ts';
import { Onlooker } from './onlooker.ts';
import { isUnwell, patternStatuses, renderPattern, type PatternStatus } from './pattern-status.ts';
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
    .argument('[source...]', 'these only; of a pattern all')
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
            onlooker = new Onlooker(createCheckpoints(config), () => chosen(config, names));
            await onlooker.look();
            await pause(APART_MS);
          }
          const patterns = names.length > 0 ? [] : await patternStatuses(config, createMembers(config));
          return answerOf(config.app, await onlooker.look(), patterns);
        });
        if (seconds !== undefined) await pause(seconds * 1000);
      } while (seconds !== undefined);
    });
}

async function chosen(config: ResolvedConfig, names: readonly string[]): Promise<readonly ResolvedSource[]> {
  const members = createMembers(config);
  const known = (await knownSources(config, members)).flatMap(({ source, gone }) => (gone ? [] : [source]));
  if (names.length === 0) return known;
  const isPattern = (name: string) => config.patterns?.some((pattern) => pattern.name === name) ?? false;
  const named = names.map(async (name) =>
    isPattern(name)
      ? known.filter((source) => source.name.startsWith(`${name}.`))
      : [await findSource(config, members, name)],
  );
  return (await Promise.all(named)).flat();
}

/** Answers where the page is; it is served as long as the process lives. */
async function openPage(options: Options, names: readonly string[]): Promise<Answer> {
  const config = configOf(options);
  const onlooker = new Onlooker(createCheckpoints(config), () => chosen(config, names));
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

function answerOf(app: string, all: readonly SourceStatus[], patterns: readonly PatternStatus[]): Answer {
  const width = Math.min(process.stdout.columns ?? 80, 120);
  const unwell = all.filter(({ verdict }) => !WELL.has(verdict)).length;
  const lines = all.flatMap((status) => [...renderSource(status, width), '']);
  lines.push(...patterns.flatMap((pattern) => [...renderPattern(pattern, width), '']));
  lines.push(
    unwell === 0 ? `${several(all.length, 'source')}, all well` : `${unwell} of ${all.length} sources need a look`,
  );
  const json = { app, sources: all, ...(patterns.length > 0 && { patterns }) };
  return { text: lines.join('\n'), json, found: unwell > 0 || patterns.some(isUnwell) };
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
