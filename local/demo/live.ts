/** `npm start` for a person: runs until Ctrl-C and shows what happens. */
import { signInLocally } from '../../cli/common.ts';
import { Onlooker } from '../../cli/onlooker.ts';
import { servePage } from '../../cli/web/server.ts';
import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import type { Arguments } from './arguments.ts';
import { readDemoConfig } from './config.ts';
import { openFeeds, type Feed } from './feeds.ts';
import { announce, paceOf, startStack, WRITER, type Stack } from './stack.ts';
import { plainLine, render, summary, type ViewModel } from './view.ts';

const COMMIT_EVERY_MS = 400;
const MAX_ROWS_PER_STATEMENT = 20;
const LOOK_EVERY_MS = 1_000;
const PLAIN_EVERY_MS = 5_000;
const CLOSING_MS = 5_000;

/** Resolves after Ctrl-C (or SIGTERM), when everything is down. */
export async function runLive(args: Arguments, print: (line: string) => void): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const demo = readDemoConfig(args.config, args.partitions);
  print('building the functions, starting the stand-ins');
  const stack = await startStack(demo, args, { watchWire: false, ...paceOf(demo) });
  const closing: (() => unknown)[] = [() => stack.close()];
  try {
    const feeds: Feed[] = [];
    closing.push(() => Promise.all(feeds.map((feed) => feed.close())));
    if (stack.snowflake !== null) {
      print(`loading ${args.rows.toLocaleString('en-US')} flights`);
      feeds.push(...new Set((await openFeeds(stack, { ...args, maxRows: MAX_ROWS_PER_STATEMENT }, print)).values()));
      for (const { writer } of feeds) {
        writer.start(COMMIT_EVERY_MS * feeds.length, (error) => {
          if (!stop.signal.aborted) print(`a writer stopped: ${error.message}`);
        });
      }
    }
    const topics = stack.config.sources.map(({ topic }) => topic);
    print(`Kafka is at ${stack.brokers.join(', ')}, topics ${topics.join(', ')}; end with Ctrl-C`);
    stack.aws.startSchedules();
    announce(stack);
    const page = await servePage({ app: stack.config.app, place: '--local' });
    closing.push(() => page.close());
    print(`as a page: ${page.url}; \`npx snowmelt status --local\` asks it from another terminal`);
    const board = new Board(stack, feeds);
    const screen = process.stdout.isTTY ? new Screen() : null;
    let told = 0;
    let model = await board.look();
    while (!stop.signal.aborted) {
      page.show(model.sources, Date.now());
      if (screen !== null) screen.show(render(model, screen.width));
      else if (performance.now() - told >= PLAIN_EVERY_MS) {
        print(plainLine(model));
        told = performance.now();
      }
      await pause(LOOK_EVERY_MS, stop.signal);
      if (stop.signal.aborted) break;
      model = await board.look().catch((error: unknown) => unlessStopped(error, model, stop.signal));
    }
    stack.aws.stopSchedules();
    for (const line of summary(model)) print(line);
  } finally {
    // Ctrl-C reaches the stand-ins too, so that they may be gone already: nothing waits for them long.
    process.once('SIGINT', () => process.exit(130));
    setTimeout(() => process.exit(), CLOSING_MS).unref();
    for (const close of closing.reverse()) await Promise.resolve(close()).catch(() => undefined);
  }
}

/** A stand-in may hear of Ctrl-C before this process does. */
async function unlessStopped(error: unknown, model: ViewModel, signal: AbortSignal): Promise<ViewModel> {
  await pause(200, signal);
  if (signal.aborted) return model;
  throw error;
}

/** Gathers the numbers. */
class Board {
  readonly #stack: Stack;
  readonly #feeds: readonly Feed[];
  readonly #onlooker: Onlooker;
  readonly #began = performance.now();

  constructor(stack: Stack, feeds: readonly Feed[]) {
    this.#stack = stack;
    this.#feeds = feeds;
    signInLocally(stack.config);
    this.#onlooker = new Onlooker(createCheckpoints(stack.config), () => Promise.resolve(stack.config.sources));
  }

  async look(): Promise<ViewModel> {
    const sources = await this.#onlooker.look();
    const sum = (of: 'commits' | 'changes') => this.#feeds.reduce((total, { writer }) => total + writer.totals[of], 0);
    return {
      seconds: (performance.now() - this.#began) / 1000,
      sources,
      writer: this.#feeds.length === 0 ? null : { commits: sum('commits'), changes: sum('changes') },
      warehouse: await this.#warehouse(),
      invocations: this.#stack.aws.counters.invocations,
    };
  }

  /** Snowmelt's own statements, not the writer's. */
  async #warehouse(): Promise<ViewModel['warehouse']> {
    const stats = await this.#stack.snowflake?.control.stats();
    if (stats === undefined) return null;
    const own = Object.entries(stats.byTag).filter(([tag]) => tag.startsWith('snowmelt/'));
    const sum = (of: 'withWarehouse' | 'withoutWarehouse') => own.reduce((total, [, count]) => total + count[of], 0);
    const resumes = Object.entries(stats.warehouses).reduce(
      (n, [name, of]) => (name === WRITER.warehouse ? n : n + of.resumes),
      0,
    );
    return { resumes, statements: sum('withWarehouse'), gates: sum('withoutWarehouse') };
  }
}

/** Draws over what it drew before, so that what was printed above stays. */
class Screen {
  #height = 0;

  get width(): number {
    return Math.min(process.stdout.columns || 80, 120);
  }

  show(lines: string[]): void {
    const up = this.#height > 0 ? `\x1b[${this.#height}A` : '';
    const shown = lines.slice(0, Math.max(1, (process.stdout.rows || 40) - 1));
    process.stdout.write(`${up}\r\x1b[J${shown.join('\n')}\n`);
    this.#height = shown.length;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
