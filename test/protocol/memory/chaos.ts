/**
 * Half an hour of a source by one seed: faults at any request, workers side by side, called too often, too late or not at
 * all, frozen for minutes; and one upheaval. Then everything works again, and the oracle looks.
 */
import { check, type Defects, standstill } from './oracle.ts';
import { type Call, type Fault, FAULTS, type Worker } from './wire.ts';
import { comparePositions } from '../../../lambdas/protocol/position.ts';
import { DAY, random, World } from './world.ts';

/** What happens to a source beside faults. */
export const UPHEAVALS = ['nothing', 'void', 'layout', 'truncate', 'expiry', 'data loss'] as const;
/** The source reads a query, and a new snapshot is asked for. */
export const QUERIES = ['bulk query', 'incrementing query'] as const;
/** The source reads a stream: one that is there, cut otherwise half way; or a managed one, whose table is replaced. */
export const STREAMS = ['stream', 'managed stream'] as const;
/** Snapshots are read from a copy, and one is not published before its result is gone. */
export const COPIES = ['copied snapshot'] as const;
export type Upheaval =
  (typeof UPHEAVALS)[number] | (typeof QUERIES)[number] | (typeof STREAMS)[number] | (typeof COPIES)[number];
/** Stops that tell the truth: what is missing then is not missing in silence. */
const TOLD = ['MARKER_EXPIRED', 'KAFKA_LOST_DATA'];
/** What faults alone may stop a partition with; an operator resumes it. */
const PASSING = ['UNEXPECTED', 'KAFKA_FAILED'];
/** In each life one kind of request meets faults much more often. */
const FOCUS = [
  'EndTxn',
  'InitProducerId',
  'commit: UpdateItem',
  'release',
  'acquire',
  'Produce',
  'submit',
  'read',
  'putWindow',
  'none',
];

export type Chaos = { upheaval: Upheaval; defects: Defects; standstill: string | null; windows: number; told: boolean };

export async function chaos(seed: number, upheavals: readonly Upheaval[] = UPHEAVALS): Promise<Chaos> {
  const world = new World();
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const upheaval = upheavals[seed % upheavals.length]!;
  let rate = [0, 0.004, 0.02, 0.05][below(4)]!;
  const focus = FOCUS[below(FOCUS.length)]!;
  /** Requests that fail in one way for now. */
  let storm: ((call: Call) => Fault | null) | null = null;
  world.wire.judge = (call) => {
    const sure = storm?.(call) ?? null;
    if (sure !== null) return sure;
    return next() < (call.name.includes(focus) ? rate * 8 : rate) ? FAULTS[below(FAULTS.length)]! : null;
  };
  world.wire.pick = (n) => (n === 1 ? 0 : below(n));
  world.wire.delay = () => 1 + below(30);
  world.table.stale = () => next() < 0.5;
  world.snowflake.skew = () => below(4_500);
  world.snowflake.slow = () => below(2);
  world.snowflake.batchRows = 1 + below(5);
  world.source.partitions = 1 + below(3);
  world.planSettings.keepWindowsMs = below(2) * 300_000;
  world.planSettings.maxOpenWindows = 8;
  if (upheaval === 'bulk query' || upheaval === 'incrementing query') {
    readQuery(world, upheaval === 'bulk query' ? 'bulk' : 'incrementing', below(2) === 0);
  }
  if (upheaval === 'copied snapshot')
    world.source.copy = { staging: { database: 'DB', schema: 'STAGING' }, always: true };
  if (upheaval === 'stream' || upheaval === 'managed stream') readStream(world, upheaval === 'managed stream');
  const deletions = upheaval !== 'void' && upheaval !== 'incrementing query';
  const write = (times: number) => {
    for (let i = 0; i < times; i++) {
      const key = below(8);
      // Writers commit between ticks, too.
      world.ledger.commit(
        world.clock.time + below(50_000),
        `k${key}`,
        deletions && world.ledger.state(Infinity).has(`k${key}`) && next() < 0.3,
      );
    }
  };

  write(6);
  const frozen: { worker: Worker; until: number }[] = [];
  const late: number[] = [];
  let lagging = -1;
  const at = 5 + below(6);
  // A loss is seen by whoever opens next: somebody has to.
  const lastWrite = upheaval === 'data loss' ? 14 : 6 + below(9);
  let told = false;
  const stopped = new Set<string>();
  for (let minute = 0; minute < 18; minute++) {
    if (minute % 3 === 0) lagging = below(4) - 1;
    if (minute < lastWrite && next() < 0.7) write(1 + below(4));
    // Somebody commits and is not heard of any more; whoever comes after does not reach Kafka; then nobody comes for long.
    if (upheaval === 'expiry' && minute === at - 2) storm = unheard(below(2) === 0 ? 'crash' : 'reply lost');
    if (upheaval === 'expiry' && minute === at - 1) storm = unreachable;
    // A commit is on its way for minutes, while its window is voided and others go on.
    if (upheaval === 'void' && minute === at - 1) storm = unheard('frozen before', false);
    if (minute === at) {
      storm = null;
      // An operator's command may fail as well.
      await strike(world, upheaval, below).catch(() => undefined);
    }
    if (upheaval === 'copied snapshot' && minute === at) storm = unreachable;
    if (upheaval === 'copied snapshot' && minute === at + 1) {
      storm = null;
      world.clock.time += DAY + 3_600_000;
    }
    const workers: Worker[] = [world.spawnPlan()];
    if (next() < 0.3) workers.push(world.spawnPlan());
    await settle();
    workers.push(world.spawnFinish());
    for (let round = 0; round < 3; round++) {
      for (const partition of world.called.splice(0).concat(round === 0 ? late.splice(0) : [])) {
        if (partition === lagging || next() < 0.1) continue;
        if (next() < 0.2) late.push(partition);
        for (let twice = next() < 0.2 ? 2 : 1; twice > 0; twice--) workers.push(world.spawnPublish(partition));
      }
      await settle();
    }
    async function settle() {
      await world.wire.run();
      for (const worker of workers.splice(0)) {
        if (worker.state === 'frozen') frozen.push({ worker, until: minute + below(4) });
      }
    }
    for (const { worker } of frozen.filter(({ until }) => until <= minute))
      if (worker.state === 'frozen') worker.state = 'running';
    await world.wire.run();
    told ||= await resume(world, stopped);
    // With nothing else going on, ticks look again when what the one before saw is just within the window.
    world.clock.time += upheaval === 'nothing' ? 30_000 + below(5_000) : 20_000 + below(50_000);
  }
  rate = 0;
  for (const { worker } of frozen) if (worker.state === 'frozen') worker.state = 'running';
  await world.wire.run();
  world.wire.arriveAll();
  let stands: string | null = null;
  for (let ticks = 0; ticks < 12; ticks++) {
    await world.tick();
    told ||= await resume(world, stopped);
    stands = await standstill(world).catch((error: unknown) => String(error));
    if (ticks > 4 && (stands === null || told)) break;
  }
  const defects = check(world);
  // Whoever stopped and said so has not published the rest.
  if (told) Object.assign(defects, { missing: 0, mismatched: 0 });
  return {
    upheaval,
    defects,
    standstill: told ? null : (stands ?? [...stopped].map((code) => `stopped: ${code}`)[0] ?? null),
    windows: world.table.windows.size,
    told,
  };
}

/** Numbers come out of their order by a few minutes' commits: the lag covers them. */
function readQuery({ source, snowflake }: World, mode: 'bulk' | 'incrementing', gated: boolean): void {
  const bulk = mode === 'bulk';
  const watch = gated ? [source.object] : [];
  source.query = { text: 'SELECT', mode, cursor: bulk ? null : 'V', lag: bulk ? 0 : 20, watch };
  if (bulk) return;
  source.information = 'APPEND_ONLY';
  snowflake.facts.columns[1]!.type = 'NUMBER';
}

function readStream({ source }: World, managed: boolean): void {
  source.stream = { managed, staging: { database: 'DB', schema: 'S' } };
  if (managed) source.onHistoryLost = 'resnapshot';
}

async function strike(world: World, upheaval: Upheaval, below: (n: number) => number): Promise<void> {
  const state = await world.checkpoints.look('s');
  const head = state?.head ?? null;
  if (head === null) return;
  switch (upheaval) {
    case 'nothing':
      return;
    case 'void':
      if (head.kind !== 'changes') return;
      await world.append('snapshot');
      return world.checkpoints.voidWindow('s', head.number);
    case 'managed stream':
      world.snowflake.facts = { ...world.snowflake.facts, createdOn: 'created-2' };
      return;
    case 'stream':
    case 'layout':
      Object.assign(world.source, { partitions: 1 + below(4), topicPartitions: 5, deployment: 2 });
      return;
    case 'bulk query':
    case 'incrementing query':
    case 'copied snapshot': {
      const asked = { id: 'asked', kind: 'snapshot' as const, since: null, results: null, voids: null };
      await world.checkpoints.request('s', asked);
      return;
    }
    case 'truncate':
      await world.append('truncate');
      return;
    case 'expiry':
      world.clock.time += 8 * DAY;
      return;
    case 'data loss': {
      const unlucky = below(world.source.partitions);
      const item = state!.partitions.find(({ partition }) => partition === unlucky);
      // Under an owner that goes on, or before the store knows of the commit, a loss can't be told (docs/design.md, 3.3).
      const committed = world.broker.committed(`s/${unlucky}`)?.position ?? null;
      if (item === undefined || item.owner !== null || committed === null) return;
      if (comparePositions(committed, item.position) > 0) return;
      world.broker.loseLastCommit(`s/${unlucky}`);
      // Each partition gets rows, so that each is opened and sees it.
      for (let key = 0; key < 8; key++) world.ledger.commit(world.clock.time + 1_000, `k${key}`);
      return;
    }
  }
}

/** An operator who resumes what stopped, and notes why if faults do not explain it; true for what stops for good. */
async function resume(world: World, notes: Set<string>): Promise<boolean> {
  const state = await world.checkpoints.look('s').catch(() => null);
  const codes = (state?.partitions ?? [])
    .filter((item) => item.state !== 'active')
    .map((item) => item.lastError?.code ?? '');
  if (codes.some((code) => TOLD.includes(code))) return true;
  for (const code of codes) if (!PASSING.includes(code)) notes.add(code);
  if (codes.length > 0) await world.checkpoints.resume('s');
  return false;
}

const unreachable = (call: Call): Fault | null => (call.name.includes('InitProducerId') ? 'not sent' : null);
const unheard = (fault: Fault, thenUnreachable = true) => {
  let over = false;
  return (call: Call): Fault | null => {
    if (over) return thenUnreachable ? unreachable(call) : null;
    over = call.name.includes('EndTxn');
    return over ? fault : null;
  };
};
