/** `--until-idle`: one run without a person, every source checked by the oracle. */
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { Arguments } from './arguments.ts';
import { readDemoConfig } from './config.ts';
import { hasData, openFeeds, type Feed } from './feeds.ts';
import { captureOf, ENOUGH_RECORDS, judge, shortcoming, type SourceResult } from './judge.ts';
import { Killer, type KillCounts, type KillTargets, type Worker } from './kills.ts';
import { paceOf, startStack, type Pace, type Stack } from './stack.ts';
import { isIdle, isPublished, StateReader, type SourceView } from './state.ts';

export type Result = {
  rows: number;
  changes: number;
  windows: number;
  transactions: number;
  records: number;
  missing: number;
  duplicated: number;
  reordered: number;
  mismatched: number;
  kills: number;
  killsInTransaction: number;
  killsBeforeStore: number;
  warehouseResumes: number;
  /** null: a source among them is read at each tick, whether anything changed or not. */
  idleWarehouseStatements: number | null;
  peakRssMb: number;
  seconds: number;
  sources: SourceResult[];
  /** Sources of which too little came to prove anything. */
  unproven: string[];
};

/** What must have happened before the writer stops. */
export type Goals = {
  windows: number;
  /** Each of inserts, updates, deletes, re-keys. */
  operations: number;
  idleTicks: number;
  kills: KillCounts;
};

export const goals: Goals = {
  windows: 10,
  operations: 1_000,
  idleTicks: 10,
  kills: { kills: 50, killsInTransaction: 20, killsBeforeStore: 5 },
};

/** Of each of several sources. */
export const manyGoals: Goals = { ...goals, windows: 3, operations: 200 };

const COMMIT_EVERY_MS = 150;
/** Each of the writers of several sources. */
const MANY_COMMIT_EVERY_MS = 2_000;
/** Sources that are judged at the same time. */
const JUDGES = 2;
const MAX_ROWS_PER_STATEMENT = 60;
const LOOK_EVERY_MS = 250;
/** Each look costs two reads a source, of what the functions write to. */
const LOOK_EVERY_MS_A_SOURCE = 100;
/** Without a step forward for so long the run has failed. */
const STALLED_MS = 120_000;

export type RunOptions = Pick<Arguments, 'rows' | 'seed' | 'config' | 'partitions' | 'broker' | 'killEveryMs'> & {
  /** Absent: the usual ones. */
  goals?: Goals;
  progress: (what: string) => void;
  /** Called after the check, with everything still up. */
  hold?: (stack: Stack, result: Result) => Promise<void>;
};

/** @throws when it can't be run to its end; defects are in the result. */
export async function runUntilIdle(options: RunOptions): Promise<Result> {
  const began = performance.now();
  const { progress } = options;
  const demo = readDemoConfig(options.config, options.partitions);
  if (!demo.standIns.snowflake) {
    throw new Error('--until-idle needs the Snowflake stand-in: of a real table nobody has a ledger to check against');
  }
  progress('building the functions, starting the stand-ins');
  const pace = paceOf(demo);
  const stack = await startStack(demo, options, { watchWire: true, ...pace });
  const closing: (() => unknown)[] = [() => stack.close()];
  const keep = () => {
    stack.keep();
    progress(`the ledgers and the functions' log are kept in ${stack.folder}`);
  };
  try {
    const { sources } = stack.config;
    const feeds = await openFeeds(stack, { ...options, maxRows: MAX_ROWS_PER_STATEMENT }, progress);
    const distinct = [...new Set(feeds.values())];
    closing.push(() => Promise.all(distinct.map((feed) => feed.close())));
    const killer = new Killer(killTargets(stack), options.seed);
    closing.push(() => killer.close());
    const memory = watchMemory(stack);
    closing.push(() => memory.stop());
    const judged = sources.map((source) => new Judged(stack, source, feeds.get(source.name)!));
    closing.push(() => judged.forEach(({ reader }) => reader.close()));
    const run = new Run(stack, judged, killer, { ...options, ...pace });

    stack.aws.startSchedules();
    if (options.killEveryMs !== null) killer.start(options.killEveryMs);
    closing.push(() => killer.stop());
    await run.write(distinct);
    await killer.stop();
    await run.untilPublished();
    // A query that watches no table is run at each tick.
    const idle = sources.every(({ query }) => query === undefined) ? await run.beIdle() : null;
    for (const { writer } of distinct) await writer.commit();
    await run.untilPublished();
    stack.aws.stopSchedules();

    progress('checking the topics');
    const results = await run.check();
    const stats = await stack.snowflake!.control.stats();
    const sum = (of: 'windows' | 'records' | 'missing' | 'duplicated' | 'reordered' | 'mismatched') =>
      results.reduce((total, result) => total + result[of], 0);
    const result: Result = {
      rows: distinct.reduce((total, { rows }) => total + rows, 0),
      changes: distinct.reduce((total, { writer }) => total + writer.totals.changes, 0),
      windows: sum('windows'),
      transactions: killer.transactions,
      records: sum('records'),
      missing: sum('missing'),
      duplicated: sum('duplicated'),
      reordered: sum('reordered'),
      mismatched: sum('mismatched'),
      ...killer.counts,
      warehouseResumes: stats.warehouses[stack.config.snowflake.warehouse]?.resumes ?? 0,
      idleWarehouseStatements: idle,
      peakRssMb: memory.peakMb(),
      seconds: Math.round((performance.now() - began) / 100) / 10,
      sources: results,
      unproven: sources.flatMap((source, i) => {
        const why = shortcoming(source, results[i]!);
        return why === null ? [] : [`${source.name}: ${why}`];
      }),
    };
    for (const why of result.unproven) progress(why);
    if (!isClean(result)) keep();
    await options.hold?.(stack, result);
    return result;
  } catch (error) {
    keep();
    throw error;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

export function isClean({ missing, duplicated, reordered, mismatched, unproven }: Result): boolean {
  return missing + duplicated + reordered + mismatched + unproven.length === 0;
}

/** A source, what is written for it, and how far it is. */
class Judged {
  readonly source: ResolvedSource;
  readonly feed: Feed;
  readonly reader: StateReader;
  readonly #stack: Stack;

  constructor(stack: Stack, source: ResolvedSource, feed: Feed) {
    this.#stack = stack;
    this.source = source;
    this.feed = feed;
    this.reader = new StateReader(stack.config.table, source.name);
  }

  /** Whether enough was written and seen. */
  hasReached({ windows, operations }: Goals, view: SourceView): boolean {
    const { kind, writer, rows } = this.feed;
    const { inserts, updates, deletes, rekeys } = writer.totals;
    const isMixed = kind !== 'flights' || Math.min(inserts, updates, deletes, rekeys) >= operations;
    return isMixed && rows + inserts >= ENOUGH_RECORDS && changesWindows(view) >= windows;
  }

  /** A stream's window ends a moment after what it consumed: it says itself whether there is more. */
  async isPublished(view: SourceView): Promise<boolean> {
    const { writer, session } = this.feed;
    if (!isPublished(view, writer.lastCommit)) return false;
    const stream = view.windows.at(-1)!.stream;
    return stream === null || !(await hasData(session, stream));
  }

  isIdle(view: SourceView): boolean {
    return isIdle(view, this.feed.writer.lastCommit);
  }

  async check(report: (what: string) => void): Promise<SourceResult> {
    const { name, format } = this.source;
    const verdict = await judge(this.#stack, this.source, this.feed, (what) => report(`${name}: ${what}`));
    const envelope = format.envelope === 'flat' ? ', flat' : '';
    const windows = changesWindows(await this.reader.read());
    return { source: name, capture: captureOf(this.source), format: `${format.type}${envelope}`, windows, ...verdict };
  }
}

function changesWindows(view: SourceView): number {
  return view.windows.filter(({ kind }) => kind === 'changes').length;
}

class Run {
  readonly #stack: Stack;
  readonly #judged: readonly Judged[];
  readonly #killer: Killer;
  readonly #options: RunOptions & Pick<Pace, 'minuteMs'>;
  readonly #goals: Goals;

  constructor(stack: Stack, judged: readonly Judged[], killer: Killer, options: RunOptions & Pick<Pace, 'minuteMs'>) {
    this.#stack = stack;
    this.#judged = judged;
    this.#killer = killer;
    this.#options = options;
    this.#goals = options.goals ?? (judged.length > 1 ? manyGoals : goals);
  }

  /** Lets the writers write until all goals are met. */
  async write(feeds: readonly Feed[]): Promise<void> {
    let failure: Error | null = null;
    const everyMs = feeds.length > 1 ? MANY_COMMIT_EVERY_MS : COMMIT_EVERY_MS;
    for (const { writer } of feeds) writer.start(everyMs, (error) => (failure ??= error));
    await this.#until('the writers have done their part', (each, view) => {
      if (failure !== null) throw failure;
      return this.#killedEnough() && each.hasReached(this.#goals, view);
    });
    for (const { writer } of feeds) await writer.stop();
  }

  #killedEnough(): boolean {
    const { kills } = this.#goals;
    const { counts } = this.#killer;
    const names = Object.keys(kills) as (keyof KillCounts)[];
    return this.#options.killEveryMs === null || names.every((name) => counts[name] >= kills[name]);
  }

  untilPublished(): Promise<void> {
    return this.#until('all is published', (each, view) => each.isPublished(view));
  }

  /** Ticks with a gate statement each, and nothing to do. Returns how many statements needed a warehouse meanwhile. */
  async beIdle(): Promise<number> {
    const { control } = this.#stack.snowflake!;
    await this.#until('all is idle', (each, view) => each.isIdle(view));
    const before = await control.stats();
    let after = await control.position();
    let tickAt = 0;
    for (let ticks = 0; ticks < this.#goals.idleTicks;) {
      const gate = await control.waitFor(
        ({ phase, sql }) => phase === 'answered' && (sql?.includes('SYSTEM$LAST_CHANGE_COMMIT_TIME') ?? false),
        { after, timeoutMs: STALLED_MS },
      );
      after = gate.seq;
      // Some ticks are delivered twice.
      if (gate.atMs - tickAt < this.#options.minuteMs / 2) continue;
      tickAt = gate.atMs;
      ticks++;
      this.#options.progress(`idle tick ${ticks} of ${this.#goals.idleTicks}`);
    }
    return (await control.stats()).all.withWarehouse - before.all.withWarehouse;
  }

  /** In the order of the sources. */
  async check(): Promise<SourceResult[]> {
    const results: SourceResult[] = [];
    const waiting = this.#judged.entries();
    const judgeSome = async () => {
      for (const [i, each] of waiting) results[i] = await each.check(this.#options.progress);
    };
    await Promise.all(Array.from({ length: JUDGES }, judgeSome));
    return results;
  }

  /**
   * Waits for each source once, not for all at the same moment: one that is read at each tick is always in the midst of it.
   * @throws when nothing moves any more.
   */
  async #until(what: string, done: (each: Judged, view: SourceView) => boolean | Promise<boolean>): Promise<void> {
    const pause = Math.max(LOOK_EVERY_MS, LOOK_EVERY_MS_A_SOURCE * this.#judged.length);
    let open = this.#judged;
    let seen = '';
    let since = performance.now();
    let told = 0;
    for (;;) {
      const views = await Promise.all(this.#judged.map(({ reader }) => reader.read()));
      const waits = await Promise.all(
        this.#judged.map(async (each, i) => open.includes(each) && !(await done(each, views[i]!))),
      );
      open = this.#judged.filter((_, i) => waits[i]);
      if (open.length === 0) return this.#options.progress(what);
      const now = performance.now();
      const written = this.#judged.map(({ feed }) => feed.writer.totals.commits);
      const state = JSON.stringify([views.map(({ windows, partitions }) => [windows.length, partitions]), written]);
      if (state !== seen) since = now;
      seen = state;
      this.#throwIfStopped(views);
      if (now - since > STALLED_MS) throw new Error(`nothing has moved for ${STALLED_MS / 1000} s; still not: ${what}`);
      if (now - told > 5_000) {
        this.#options.progress(this.#summary(views, open));
        told = now;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #throwIfStopped(views: readonly SourceView[]): void {
    for (const [i, { partitions }] of views.entries()) {
      const stopped = partitions.find(({ state }) => state !== 'active');
      if (stopped === undefined) continue;
      const { name } = this.#judged[i]!.source;
      throw new Error(`${name}, partition ${stopped.partition} needs an operator: ${stopped.lastError}`);
    }
  }

  #summary(views: readonly SourceView[], open: readonly Judged[]): string {
    const totals = [...new Set(this.#judged.map(({ feed }) => feed))].map(({ writer }) => writer.totals);
    const sum = (of: 'commits' | 'changes') => totals.reduce((total, each) => total + each[of], 0);
    const windows = views.reduce((total, view) => total + view.windows.length, 0);
    const kills = this.#options.killEveryMs === null ? '' : `, ${JSON.stringify(this.#killer.counts)}`;
    const errors = views.flatMap(({ lastError, partitions }, i) =>
      [lastError, ...partitions.map((each) => each.lastError)].flatMap((error) =>
        error === null ? [] : [`${this.#judged[i]!.source.name}: ${error}`],
      ),
    );
    const still = this.#judged.length === 1 ? '' : `; not yet: ${open.map(({ source }) => source.name).join(', ')}`;
    const error = errors[0] === undefined ? '' : `; last error: ${errors[0]}`;
    return `${windows} windows, ${this.#killer.transactions} transactions, ${sum('commits')} commits, ${sum('changes')} changes${kills}${still}${error}`;
  }
}

function killTargets(stack: Stack): KillTargets {
  const { aws } = stack;
  /** A process that was killed is still listed for a moment. */
  const killed = new Set<number>();
  const workerOf = (event: unknown): Worker | null => (event as { detail?: Worker }).detail ?? null;
  return {
    proxy: stack.kafkaProxy!,
    intercept: (interceptor) => stack.intercept(interceptor),
    log: (line) => stack.log(line),
    kill: ({ source, partition }: Worker) =>
      aws.signal(({ event, pid }) => {
        const worker = workerOf(event);
        if (killed.has(pid) || worker?.source !== source || worker.partition !== partition) return false;
        killed.add(pid);
        return true;
      }) > 0,
    running: () =>
      aws
        .children()
        .flatMap(({ invocation, pid }) => (killed.has(pid) ? [] : (workerOf(invocation?.event ?? {}) ?? []))),
  };
}

/** Peak resident memory of the processes that publish, read while they live. */
function watchMemory({ aws }: Stack) {
  let peak = 0;
  const publishes = (name: string) => name.endsWith('-publish');
  const look = () => {
    for (const { maxMemoryBytes, function: name } of aws.children()) {
      if (publishes(name)) peak = Math.max(peak, maxMemoryBytes ?? 0);
    }
  };
  const timer = setInterval(look, 500);
  aws.notices.on('end', ({ function: name, maxMemoryBytes }) => {
    if (publishes(name)) peak = Math.max(peak, maxMemoryBytes ?? 0);
  });
  return {
    peakMb: () => {
      look();
      return Math.round(peak / 1024 / 1024);
    },
    stop: () => clearInterval(timer),
  };
}
