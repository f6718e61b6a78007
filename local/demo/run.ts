/** `--until-idle`: one run without a person, checked by the oracle. */
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { Arguments } from './arguments.ts';
import { Killer, type KillCounts, type KillTargets, type Worker } from './kills.ts';
import { readDemoConfig } from './config.ts';
import { askOracle } from './oracle.ts';
import { MINUTE_MS, startStack, type Stack } from './stack.ts';
import { isIdle, isPublished, StateReader, type SourceView } from './state.ts';
import { fillTable, type FilledTable } from './table.ts';

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
  idleWarehouseStatements: number;
  peakRssMb: number;
  seconds: number;
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

const COMMIT_EVERY_MS = 150;
const MAX_ROWS_PER_STATEMENT = 60;
const LOOK_EVERY_MS = 250;
/** Without a step forward for so long the run has failed. */
const STALLED_MS = 120_000;

export type RunOptions = Pick<Arguments, 'rows' | 'seed' | 'config' | 'partitions' | 'broker' | 'killEveryMs'> & {
  goals: Goals;
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
  const [judged] = demo.config.sources;
  if (judged?.information !== 'DEFAULT' || judged.format.envelope !== 'debezium') {
    throw new Error(
      '--until-idle judges the first source by before and after: it must be `changes: default`, `debezium`',
    );
  }
  progress('building the functions, starting the stand-ins');
  const stack = await startStack(demo, options, { watchWire: true });
  const closing: (() => unknown)[] = [() => stack.close()];
  const keep = () => {
    stack.keep();
    progress(`the ledger and the functions' log are kept in ${stack.folder}`);
  };
  try {
    const source = stack.config.sources[0]!;
    progress(`loading ${options.rows} flights`);
    const table = await fillTable(stack, source, { ...options, maxRows: MAX_ROWS_PER_STATEMENT });
    closing.push(() => table.close());
    const killer = new Killer(killTargets(stack), options.seed);
    closing.push(() => killer.close());
    const memory = watchMemory(stack);
    closing.push(() => memory.stop());
    const run = new Run(stack, source, table, killer, options);
    closing.push(() => run.reader.close());

    stack.aws.startSchedules();
    if (options.killEveryMs !== null) killer.start(options.killEveryMs);
    closing.push(() => killer.stop());
    await run.write();
    await killer.stop();
    await run.untilPublished();
    const idle = await run.beIdle();
    await table.writer.commit();
    await run.untilPublished();
    stack.aws.stopSchedules();

    progress('checking the topic');
    const verdict = await run.check();
    const stats = await stack.snowflake!.control.stats();
    const { records, missing, duplicated, reordered, mismatched } = verdict;
    const result: Result = {
      rows: table.rows,
      changes: table.writer.totals.changes,
      windows: run.changesWindows(await run.reader.read()),
      transactions: killer.transactions,
      records,
      missing,
      duplicated,
      reordered,
      mismatched,
      ...killer.counts,
      warehouseResumes: stats.warehouses[stack.config.snowflake.warehouse]?.resumes ?? 0,
      idleWarehouseStatements: idle,
      peakRssMb: memory.peakMb(),
      seconds: Math.round((performance.now() - began) / 100) / 10,
    };
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

export function isClean({ missing, duplicated, reordered, mismatched }: Result): boolean {
  return missing + duplicated + reordered + mismatched === 0;
}

class Run {
  readonly reader: StateReader;
  readonly #stack: Stack;
  readonly #source: ResolvedSource;
  readonly #table: FilledTable;
  readonly #killer: Killer;
  readonly #options: RunOptions;

  constructor(stack: Stack, source: ResolvedSource, table: FilledTable, killer: Killer, options: RunOptions) {
    this.reader = new StateReader(stack.config.table, source.name);
    this.#stack = stack;
    this.#source = source;
    this.#table = table;
    this.#killer = killer;
    this.#options = options;
  }

  /** Lets the writer write until all goals are met. */
  async write(): Promise<void> {
    const { writer } = this.#table;
    let failure: Error | null = null;
    writer.start(COMMIT_EVERY_MS, (error) => (failure = error));
    await this.#until('the writer has done its part', (view) => {
      if (failure !== null) throw failure;
      return this.#goalsMet(view);
    });
    await writer.stop();
  }

  #goalsMet(view: SourceView): boolean {
    const { windows, operations, kills } = this.#options.goals;
    const { inserts, updates, deletes, rekeys } = this.#table.writer.totals;
    const killed = (Object.keys(kills) as (keyof KillCounts)[]).every(
      (name) => this.#killer.counts[name] >= kills[name],
    );
    return (
      this.changesWindows(view) >= windows &&
      Math.min(inserts, updates, deletes, rekeys) >= operations &&
      (this.#options.killEveryMs === null || killed)
    );
  }

  changesWindows(view: SourceView): number {
    return view.windows.filter(({ kind }) => kind === 'changes').length;
  }

  untilPublished(): Promise<void> {
    return this.#until('all is published', (view) => isPublished(view, this.#table.writer.lastCommit));
  }

  /** Ticks with a gate statement each, and nothing to do. Returns how many statements needed a warehouse meanwhile. */
  async beIdle(): Promise<number> {
    const { control } = this.#stack.snowflake!;
    await this.#until('the source is idle', (view) => isIdle(view, this.#table.writer.lastCommit));
    const before = await control.stats();
    let after = await control.position();
    let tickAt = 0;
    for (let ticks = 0; ticks < this.#options.goals.idleTicks;) {
      const gate = await control.waitFor(
        ({ phase, sql }) => phase === 'answered' && (sql?.includes('SYSTEM$LAST_CHANGE_COMMIT_TIME') ?? false),
        { after, timeoutMs: STALLED_MS },
      );
      after = gate.seq;
      // Some ticks are delivered twice.
      if (gate.atMs - tickAt < MINUTE_MS / 2) continue;
      tickAt = gate.atMs;
      ticks++;
      this.#options.progress(`idle tick ${ticks} of ${this.#options.goals.idleTicks}`);
    }
    return (await control.stats()).all.withWarehouse - before.all.withWarehouse;
  }

  check() {
    const { config, brokers } = this.#stack;
    const { name, topic, key, format } = this.#source;
    return askOracle(
      {
        brokers,
        topic,
        key,
        tombstones: format.tombstones,
        checkpoints: config.table,
        source: name,
        rows: this.#table.rows,
        ledger: this.#table.writer.ledger.path,
        lastCommit: String(this.#table.writer.lastCommit),
      },
      this.#options.progress,
    );
  }

  /** @throws when nothing moves any more. */
  async #until(what: string, done: (view: SourceView) => boolean): Promise<void> {
    let seen = '';
    let since = performance.now();
    let told = 0;
    for (;;) {
      const view = await this.reader.read();
      if (done(view)) return this.#options.progress(what);
      const now = performance.now();
      const state = JSON.stringify([view.windows.length, view.partitions, this.#table.writer.totals]);
      if (state !== seen) since = now;
      seen = state;
      const stopped = view.partitions.find(({ state }) => state !== 'active');
      if (stopped !== undefined)
        throw new Error(`partition ${stopped.partition} needs an operator: ${stopped.lastError}`);
      if (now - since > STALLED_MS) throw new Error(`nothing has moved for ${STALLED_MS / 1000} s; still not: ${what}`);
      if (now - told > 5_000) {
        this.#options.progress(this.#summary(view));
        told = now;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #summary(view: SourceView): string {
    const { totals } = this.#table.writer;
    const kills = this.#options.killEveryMs === null ? '' : `, ${JSON.stringify(this.#killer.counts)}`;
    const errors = view.partitions.flatMap(({ partition, lastError }) =>
      lastError === null ? [] : [`${partition}: ${lastError}`],
    );
    const error = view.lastError ?? errors[0];
    return (
      `${view.windows.length} windows, ${this.#killer.transactions} transactions, ` +
      `${totals.commits} commits, ${totals.changes} changes${kills}${error === undefined ? '' : `; last error: ${error}`}`
    );
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
