/** One run of chaos: faults all the time while the writers commit, then calm, until all is published; then the oracle. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../local/demo/random.ts';
import { startStack, type Stack } from '../../local/demo/stack.ts';
import { isPublished, type SourceView } from '../../local/demo/state.ts';
import { writeConfig } from '../../local/demo/deploy.ts';
import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { replay, resnapshot } from '../../lambdas/protocol/operate.ts';
import type { Checkpoints } from '../../lambdas/protocol/ports/checkpoints.ts';
import { Account } from './account.ts';
import { startCluster } from './brokers.ts';
import { chaoticDeliveries } from './deliveries.ts';
import { Chaos } from './faults.ts';
import { keepLog } from './logs.ts';
import { checkpointsOf, fill, judge, smallSources, type Subject } from './world.ts';

export type ChaosOptions = {
  windows: number;
  seed: number;
  broker: 'local' | 'apache';
  /** Of each kind of fault, and of the other counts in proportion. */
  goal: number;
  progress: (what: string) => void;
};

export type ChaosResult = {
  windows: number;
  transactions: number;
  records: number;
  unknownCommitted: number;
  unknownNotCommitted: number;
  rollForwards: number;
  replays: number;
  zombiesFenced: number;
  fencings: number;
  reopens: number;
  /** Partitions that an operator had to let go on: a refused sign-in stops one by design. */
  resumes: number;
  layouts: number;
  pauses: number;
  /** Asked for by an operator. */
  replaysAsked: number;
  snapshotsAsked: number;
  warm: number;
  cold: number;
  commits: number;
  missing: number;
  duplicated: number;
  reordered: number;
  mismatched: number;
  seconds: number;
  faults: Record<string, number>;
  /** What did not come often enough. */
  short: string[];
};

const SOURCES = [1, 1, 2, 1, 3, 1, 1, 2, 1, 1, 1, 1, 2, 1];
const MAX_PARTITIONS = 4;
const ROWS = 60;
const MINUTE_MS = 5_000;
const COMMIT_EVERY_MS = 5_000;
const FAULT_EVERY_MS = 100;
/** Planners at a time: of those that scan the same changes one wins, and the others' work is for nothing. */
const MAX_PLANNERS = 3;
const TELL_EVERY_MS = 5_000;
/** A look reads the whole log of every source. */
const LOOK_EVERY_MS = 2_000;
/** Without a step forward for so long nothing will come any more. */
const STALLED_MS = 120_000;
const LAYOUT_EVERY_MS = 6_000;
const REPLAYED_WINDOWS = 6;
const PAUSE_EVERY_MS = 7_000;
const ASK_EVERY_MS = 2_000;
/** Oracles at a time. */
const JUDGES = 2;

/** @throws when it does not come to its end; the state is then in a file that the message names. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const began = performance.now();
  const { seed, progress } = options;
  const demo = smallSources(
    SOURCES.map((partitions, i) => ({ partitions, topicPartitions: 1 + (i % 3), every: 'rate(1 minute)' })),
  );
  const closing: (() => unknown)[] = [];
  try {
    progress('starting brokers and stand-ins');
    const cluster = await startCluster(options.broker, seed);
    closing.push(() => cluster.stop());
    const deliveries = chaoticDeliveries(seed);
    let planners = () => 0;
    const stack = await startStack(
      demo,
      { broker: 'embedded', seed },
      {
        watchWire: true,
        watchSnowflake: true,
        minuteMs: MINUTE_MS,
        replication: 3,
        controlPartitions: MAX_PARTITIONS,
        kafka: () => Promise.resolve({ brokers: cluster.brokers, stop: () => Promise.resolve() }),
        snowflake: { inlineBytes: 600, firstChunkBytes: 1_500, maxChunkBytes: 4_000 },
        aws: {
          deliveries: (from) => (from === 'schedule' && planners() >= MAX_PLANNERS ? [] : deliveries.next()),
          concurrency: 24,
        },
      },
    );
    closing.push(() => stack.close());
    planners = () =>
      stack.aws.children().filter(({ function: name, invocation }) => name.endsWith('-plan') && invocation !== null)
        .length;
    const subjects: Subject[] = [];
    for (const [i, source] of stack.config.sources.entries()) subjects.push(await fill(stack, source, ROWS, seed + i));
    closing.push(() => Promise.all(subjects.map(({ table }) => table.close())));
    closing.push(() => subjects.forEach(({ reader }) => reader.close()));

    const account = new Account();
    stack.aws.notices.on('metric', ({ name, values }) => {
      const sum = values.reduce((a, b) => a + b, 0);
      if (name === 'RollForwards') account.rollForwards += sum;
      if (name === 'Reopens') account.reopens += sum;
    });
    const topics = Object.fromEntries(
      stack.config.sources.map(({ topic, topicPartitions }) => [topic, topicPartitions]),
    );
    const chaos = new Chaos(
      stack,
      account,
      cluster.faults(() => topics),
      options.goal,
      seed,
    );
    closing.push(() => chaos.close());
    const run = new Run(stack, subjects, account, chaos, options);

    stack.aws.startSchedules();
    let failed: Error | null = null;
    for (const { table } of subjects) table.writer.start(COMMIT_EVERY_MS, (error) => (failed = error));
    await run.until('the first snapshots are published', (views) =>
      views.every((view) => view.windows.length > 0 && view.partitions.every(({ window }) => window > 0)),
    );
    chaos.start(FAULT_EVERY_MS, () => run.windows / options.windows);
    await run.until('enough windows and faults', (views) => {
      if (failed !== null) throw failed;
      return run.changing(views);
    });
    for (const { table } of subjects) await table.writer.stop();
    await chaos.stop();
    await run.unpause();
    deliveries.calm();
    progress('calm: what is left must come by itself');
    await run.until('all is published', (views) =>
      views.every((view, i) => isPublished(view, subjects[i]!.table.writer.lastCommit)),
    );
    stack.aws.stopSchedules();

    const defects = { missing: 0, duplicated: 0, reordered: 0, mismatched: 0, records: 0 };
    const left = [...subjects];
    const judgeNext = async (): Promise<void> => {
      for (let subject = left.shift(); subject !== undefined; subject = left.shift()) {
        const verdict = await judge(stack, subject, progress);
        for (const name of Object.keys(defects) as (keyof typeof defects)[]) defects[name] += verdict[name];
        if (verdict.missing + verdict.duplicated + verdict.reordered + verdict.mismatched === 0) continue;
        stack.keep();
        const { name, topic, topicPartitions } = subject.source;
        await keepLog(stack.brokers, topic, topicPartitions, join(stack.folder, `topic-${name}.ndjson`));
      }
    };
    await Promise.all(Array.from({ length: JUDGES }, judgeNext));
    if (defects.missing + defects.duplicated + defects.reordered + defects.mismatched > 0) {
      progress(`ledgers, the functions' log and what is in the topics are kept in ${stack.folder}`);
    }
    const { counters } = stack.aws;
    const faults = Object.fromEntries(Object.entries({ ...account.faults, ...deliveries.counts }).sort());
    const commits = subjects.reduce((sum, { table }) => sum + table.writer.totals.commits, 0);
    return {
      windows: run.windows,
      transactions: account.transactions,
      unknownCommitted: account.unknown.committed,
      unknownNotCommitted: account.unknown.notCommitted,
      rollForwards: account.rollForwards,
      replays: account.replays,
      zombiesFenced: account.zombiesFenced.size,
      fencings: account.fencings,
      reopens: account.reopens,
      resumes: account.resumes,
      layouts: account.layouts,
      pauses: account.pauses,
      replaysAsked: account.replaysAsked,
      snapshotsAsked: account.snapshotsAsked,
      warm: counters.invocations - counters.cold,
      cold: counters.cold,
      commits,
      ...defects,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      faults,
      short: run.short(deliveries.counts),
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

class Run {
  windows = 0;
  readonly #stack: Stack;
  readonly #subjects: Subject[];
  readonly #account: Account;
  readonly #chaos: Chaos;
  readonly #options: ChaosOptions;
  readonly #checkpoints: Checkpoints;
  readonly #random: Random;
  #layoutAt = performance.now();
  #pausedAt = performance.now();
  #askedAt = performance.now();
  #paused: string | null = null;
  #deployment = 1;

  constructor(stack: Stack, subjects: Subject[], account: Account, chaos: Chaos, options: ChaosOptions) {
    this.#stack = stack;
    this.#subjects = subjects;
    this.#account = account;
    this.#chaos = chaos;
    this.#options = options;
    // The stand-ins ask who calls, not whether they may.
    process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
    process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
    this.#checkpoints = createCheckpoints({ ...stack.config, table: { ...checkpointsOf(stack), region: 'us-east-1' } });
    this.#random = new Random(options.seed);
  }

  /** While there are faults: deploys new partition counts now and then; true when all has come often enough. */
  async changing(views: readonly SourceView[]): Promise<boolean> {
    await this.#pause();
    await this.#ask(views);
    if (performance.now() - this.#layoutAt > LAYOUT_EVERY_MS && views.every(({ windows }) => windows.length > 0)) {
      this.#layoutAt = performance.now();
      this.#deploy();
    }
    // Faults that are rare by nature are not waited for longer than half as much again.
    const enough = this.windows >= this.#options.windows;
    return enough && (this.short({}).length === 0 || this.windows >= 1.5 * this.#options.windows);
  }

  /** Counts that were not reached. */
  short(events: Record<string, number>): string[] {
    const { goal } = this.#options;
    const { unknown, zombiesFenced } = this.#account;
    const wanted: [string, number, number][] = [
      ['unknown commits', unknown.committed + unknown.notCommitted, 2 * goal],
      ['unknown commits that had committed', unknown.committed, goal / 2],
      ['unknown commits that had not', unknown.notCommitted, goal / 2],
      ['zombies fenced after they had sent something', zombiesFenced.size, goal / 2],
      ...Object.entries(events).map(([name, count]): [string, number, number] => [name, count, goal]),
    ];
    return [
      ...this.#chaos.behind().map((name) => `${name} ${this.#account.faults[name] ?? 0}`),
      ...wanted.filter(([, has, wants]) => has < Math.floor(wants)).map(([name, has]) => `${name} ${has}`),
    ];
  }

  /** An operator pauses one source after the other, and lets it go on at the next turn. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#pausedAt < PAUSE_EVERY_MS / 2) return;
    this.#pausedAt = performance.now();
    if (this.#paused !== null) return this.unpause();
    const { name } = this.#random.pick(this.#stack.config.sources);
    await this.#checkpoints.updateMeta(name, { paused: true });
    this.#paused = name;
    this.#account.pauses++;
  }

  async unpause(): Promise<void> {
    if (this.#paused !== null) await this.#checkpoints.resume(this.#paused);
    this.#paused = null;
  }

  /** Replays since one of the last windows, and new snapshots. */
  async #ask(views: readonly SourceView[]): Promise<void> {
    if (performance.now() - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = performance.now();
    const at = this.#random.whole(0, views.length - 1);
    const { name } = this.#subjects[at]!.source;
    const head = views[at]!.windows.at(-1)!.number;
    const since = this.#random.whole(Math.max(2, head - REPLAYED_WINDOWS), head);
    const again = this.#random.whole(0, 3) > 0;
    try {
      if (again && head > 1) await replay(this.#checkpoints, name, since);
      else await resnapshot(this.#checkpoints, name);
    } catch (error) {
      // One request at a time; and what a repair's bound is, is not for a replay to begin at.
      if (error instanceof SnowmeltError && error.code === 'OPERATION_REFUSED') return;
      throw error;
    }
    if (again && head > 1) this.#account.replaysAsked++;
    else this.#account.snapshotsAsked++;
  }

  /** One source gets another number of partitions. Processes that run know only the configuration they started with. */
  #deploy(): void {
    const { config, folder } = this.#stack;
    const source = this.#random.pick(config.sources);
    source.partitions = 1 + (source.partitions % MAX_PARTITIONS) * this.#random.whole(0, 1);
    writeConfig({ ...config, deployment: ++this.#deployment }, join(folder, 'config.json'));
    this.#account.layouts++;
  }

  /** @throws when nothing moves any more. */
  async until(what: string, done: (views: SourceView[]) => boolean | Promise<boolean>): Promise<void> {
    let seen = '';
    let since = performance.now();
    let told = 0;
    for (;;) {
      const views = await Promise.all(this.#subjects.map(({ reader }) => reader.read()));
      // All but each source's first.
      this.windows = views.reduce((sum, view) => sum + Math.max(0, view.windows.length - 1), 0);
      for (const [i, view] of views.entries()) await this.#resume(this.#subjects[i]!, view);
      if (await done(views)) return this.#options.progress(what);
      const now = performance.now();
      const state = JSON.stringify(
        views.map((view) => [view.windows.length, view.partitions.map((p) => [p.window, p.row])]),
      );
      if (state !== seen) since = now;
      seen = state;
      if (now - since > STALLED_MS) throw this.#stalled(what, views);
      if (now - told > TELL_EVERY_MS) {
        told = now;
        this.#options.progress(this.#summary(views));
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** What the runbook tells an operator to do once the cause has passed. */
  async #resume({ source }: Subject, view: SourceView): Promise<void> {
    const waiting = view.partitions.filter(({ state }) => state !== 'active');
    if (waiting.length === 0) return;
    for (const { partition, lastError } of waiting)
      this.#stack.log(`chaos: resume ${source.name}/${partition}: ${lastError}`);
    this.#account.resumes += waiting.length;
    await this.#checkpoints.resume(source.name);
  }

  #stalled(what: string, views: SourceView[]): Error {
    this.#stack.keep();
    const file = join(this.#stack.folder, 'state.json');
    writeFileSync(
      file,
      JSON.stringify(
        views.map((view) => ({ ...view, windows: view.windows.slice(-70) })),
        stringify,
        1,
      ),
    );
    return new Error(`nothing has moved for ${STALLED_MS / 1000} s; still not: ${what}. The state is in ${file}`);
  }

  #summary(views: SourceView[]): string {
    const { account, backlog } = { account: this.#account, backlog: views.map((view) => lagOf(view)).join(' ') };
    const faults = Object.values(account.faults).reduce((sum, count) => sum + count, 0);
    const { committed, notCommitted } = account.unknown;
    return (
      `${this.windows} windows, ${account.transactions} transactions, ${faults} faults, unknown ${committed}+${notCommitted}, ` +
      `zombies ${account.zombiesFenced.size}, replays ${account.replays}, rolled forward ${account.rollForwards}, behind by ${backlog}`
    );
  }
}

/** Windows that its slowest partition has not come to. */
function lagOf(view: SourceView): number {
  const head = view.windows.at(-1)?.number ?? 0;
  const behind = view.partitions.map(
    (of) => view.windows.filter(({ number, rows }) => number > of.window && rows.has(of.partition)).length,
  );
  return head === 0 ? 0 : Math.max(0, ...behind);
}

function stringify(_: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
