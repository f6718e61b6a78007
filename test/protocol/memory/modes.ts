/** What a source lives through: a few minutes of commits and changes, whatever fails meanwhile. */
import { check, type Defects, standstill } from './oracle.ts';
import { checkNotices } from './heard.ts';
import { OVERSIZE, UNFIT } from './records.ts';
import { type Call, FAULTS, type Fault } from './wire.ts';
import { random, World } from './world.ts';

/** What is there before the first window, and minutes after it in order; each is done before its tick. */
export type Mode = { prepare: (world: World) => void; minutes: ((world: World) => void | Promise<void>)[] };

const quiet = () => undefined;
const insert = (world: World, from: number, to: number) => {
  for (let key = from; key < to; key++) world.commit(key);
};
const two = (world: World) => insert(world, 0, 2);

/** Updates, a delete and a create, over both partitions. */
function change(world: World): void {
  const keys = world.ledger.state(Infinity);
  for (const key of [0, 1, 2, 3]) world.commit(key, key === 2 && keys.has('k2'));
}

/** Another table of the same name, with rows of its own. */
function replace(world: World): void {
  world.snowflake.facts = { ...world.snowflake.facts, createdOn: 'created-2' };
  insert(world, 0, 6);
}

/** What operate does for a person. */
async function ask(
  world: World,
  kind: 'snapshot' | 'repair',
  since: ((world: World) => string | Promise<string>) | null = null,
  voids: number | null = null,
): Promise<void> {
  const request = { id: 'asked', kind, since: since === null ? null : await since(world), results: null, voids };
  await world.checkpoints.request('s', request);
}

/** A repair of keys, one of which the table does not have. */
async function repair(world: World): Promise<void> {
  const { number: layout } = [...(await world.checkpoints.look('s'))!.layouts.values()].at(-1)!;
  const queryId = await world.snowflake.submitKeys([['k0'], ['k1'], ['k9']]);
  await world.checkpoints.request('s', {
    id: 'keys',
    kind: 'repair',
    since: null,
    results: null,
    voids: null,
    keys: { queryId, layout },
  });
}

/** Where the first window ends. */
const firstEnd = async (world: World) => (await world.checkpoints.windows('s', 1, 1))[0]!.to;

/** Some rows are bad from the beginning. */
function hasDeadLetters(world: World): void {
  world.publishSettings.deadLetterTopic = { name: 'letters', partitions: 1 };
  insert(world, 0, 4);
  world.commit(4, false, UNFIT);
  world.commit(5, false, OVERSIZE);
}

/** Bad rows come, are changed to good ones and to other bad ones, and go. */
function badMinutes(): Mode['minutes'] {
  return [
    (world) => {
      change(world);
      world.commit(1, false, UNFIT);
      world.commit(6, false, OVERSIZE);
    },
    (world) => {
      insert(world, 0, 6);
      world.commit(6, true);
      world.commit(7, false, UNFIT);
    },
    (world) => insert(world, 1, 6),
    // What waits is sent again, as far as it can be by now.
    (world) => ask(world, 'repair', firstEnd),
    change,
  ];
}

export const MODES: Record<string, Mode> = {
  snapshot: {
    prepare: (world) => insert(world, 0, 14),
    minutes: [],
  },
  'a snapshot is read from a copy': {
    prepare: (world) => {
      world.source.copy = { staging: { database: 'DB', schema: 'STAGING' }, always: true };
      insert(world, 0, 6);
    },
    minutes: [change, (world) => ask(world, 'snapshot'), change],
  },
  'net changes': { prepare: two, minutes: [change, change, quiet, change] },
  'append-only': {
    prepare: (world) => {
      world.source.information = 'APPEND_ONLY';
      two(world);
    },
    minutes: [(world) => [0, 1, 0, 0, 2, 2].forEach((key) => world.commit(key)), (world) => insert(world, 0, 4)],
  },
  'void window': {
    prepare: two,
    minutes: [
      (world) => insert(world, 0, 12),
      quiet,
      async (world) => {
        const window = (await world.checkpoints.look('s'))!.head!;
        if (window.kind !== 'changes') return;
        await world.append('snapshot');
        await world.checkpoints.voidWindow('s', window.number);
      },
      (world) => insert(world, 3, 5),
    ],
  },
  'a new snapshot is asked for': {
    prepare: two,
    minutes: [change, (world) => ask(world, 'snapshot'), change, quiet],
  },
  'a replay is asked for': {
    prepare: two,
    minutes: [change, change, (world) => ask(world, 'repair', firstEnd), change, quiet],
  },
  'listed keys are asked for': {
    prepare: two,
    minutes: [change, repair, change, quiet],
  },
  'a window is given up': {
    prepare: two,
    minutes: [
      change,
      (world) => insert(world, 0, 12),
      async (world) => {
        const window = (await world.checkpoints.look('s'))!.head!;
        if (window.kind === 'changes') await ask(world, 'repair', () => window.from!, window.number);
      },
      (world) => insert(world, 3, 5),
    ],
  },
  'layout change': {
    prepare: two,
    minutes: [
      change,
      quiet,
      (world) => {
        Object.assign(world.source, { partitions: 3, topicPartitions: 5, deployment: 2 });
        insert(world, 0, 6);
      },
      change,
    ],
  },
  truncate: {
    prepare: two,
    minutes: [change, async (world) => void (await world.append('truncate')), quiet, change],
  },
  'bulk query': {
    prepare: (world) => {
      world.source.query = { text: 'SELECT', mode: 'bulk', cursor: null, lag: 0, watch: [] };
      insert(world, 0, 4);
    },
    minutes: [change, (world) => ask(world, 'snapshot'), change],
  },
  'incrementing query': {
    prepare: (world) => {
      world.snowflake.facts.columns[1]!.type = 'NUMBER';
      world.source.information = 'APPEND_ONLY';
      world.source.query = {
        text: 'SELECT',
        mode: 'incrementing',
        cursor: 'V',
        lag: 2,
        watch: [{ database: 'DB', schema: 'S', name: 'T' }],
      };
      insert(world, 0, 4);
    },
    minutes: [(world) => insert(world, 2, 6), (world) => insert(world, 0, 3)],
  },
  'a stream': {
    prepare: (world) => {
      world.source.stream = { managed: false, staging: { database: 'DB', schema: 'S' } };
      insert(world, 0, 4);
    },
    minutes: [change, change, quiet, change],
  },
  'a managed stream, append-only': {
    prepare: (world) => {
      world.source.information = 'APPEND_ONLY';
      world.source.stream = { managed: true, staging: { database: 'DB', schema: 'S' } };
      two(world);
    },
    minutes: [(world) => [3, 1, 3, 0, 2, 2].forEach((key) => world.commit(key)), (world) => insert(world, 0, 4)],
  },
  'a managed stream is lost': {
    prepare: (world) => {
      world.source.onHistoryLost = 'resnapshot';
      world.source.stream = { managed: true, staging: { database: 'DB', schema: 'S' } };
      insert(world, 0, 4);
    },
    minutes: [change, replace, change, change],
  },
  'columns change': {
    prepare: (world) => {
      world.source.schemaTopic = { name: 'schemas', partitions: 2 };
      world.publishSettings.progressTopic = { name: 'progress', partitions: 1 };
      insert(world, 0, 2);
    },
    minutes: [
      change,
      (world) => {
        const { facts } = world.snowflake;
        const columns = facts.columns.map((column) => ({ ...column, nullable: !column.nullable }));
        world.snowflake.facts = { ...facts, columns };
        insert(world, 0, 6);
      },
      change,
    ],
  },
  'history is lost': {
    prepare: (world) => {
      world.source.onHistoryLost = 'resnapshot';
      world.publishSettings.progressTopic = { name: 'progress', partitions: 1 };
      insert(world, 0, 2);
    },
    minutes: [change, replace, change, change, quiet],
  },
  'at least once': {
    prepare: (world) => {
      world.deliver('at-least-once');
      insert(world, 0, 6);
    },
    minutes: [change, async (world) => void (await world.append('truncate')), change],
  },
  'at least once for a while': {
    prepare: two,
    minutes: [
      change,
      (world) => {
        world.deliver('at-least-once');
        insert(world, 0, 6);
      },
      change,
      (world) => {
        world.deliver('exactly-once');
        insert(world, 3, 9);
      },
      change,
    ],
  },
  'people are told': {
    prepare: (world) => {
      world.listen();
      two(world);
    },
    minutes: [
      async (world) => {
        change(world);
        const entry = { who: 'ops', what: 'pause', why: 'why', before: '', after: 'paused', at: world.clock.time };
        await world.checkpoints.audit('s', entry);
      },
      (world) => ask(world, 'snapshot'),
      change,
    ],
  },
  'rows that can not be sent': {
    prepare: (world) => {
      hasDeadLetters(world);
      world.publishSettings.progressTopic = { name: 'progress', partitions: 1 };
    },
    minutes: badMinutes(),
  },
  'rows that can not be sent, at least once': {
    prepare: (world) => {
      world.deliver('at-least-once');
      hasDeadLetters(world);
    },
    minutes: badMinutes(),
  },
  'several partitions': {
    prepare: (world) => {
      world.source.partitions = 4;
      // So that a window takes its partitions several transactions.
      world.publishSettings.maxTransactionRows = 2;
      world.publishSettings.progressTopic = { name: 'progress', partitions: 1 };
      insert(world, 0, 4);
    },
    minutes: [(world) => insert(world, 2, 12), change],
  },
};

export type Run = { defects: Defects; standstill: string | null; calls: Call[]; setUp: number; world: World };

/** Lives through a mode, with at most one fault, at one request; then some quiet minutes, and the oracle. */
export async function live(mode: Mode, seed: number, at = -1, fault: Fault | null = null): Promise<Run> {
  const world = new World();
  const calls: Call[] = [];
  const next = random(seed * 7_919 + at);
  world.wire.judge = (call) => (calls.push(call) - 1 === at ? fault : null);
  world.wire.pick = (n) => (n === 1 ? 0 : Math.floor(next() * n));
  world.wire.delay = () => [1, 2, 4, 9, 30][Math.floor(next() * 5)]!;
  world.snowflake.skew = () => Math.floor(next() * 4_000);
  world.snowflake.slow = () => Math.floor(next() * 2);
  world.snowflake.batchRows = 1 + (seed % 5);
  mode.prepare(world);
  for (let ticks = 0; ticks < 8 && world.table.windows.size === 0; ticks++) await world.tick();
  const setUp = mode.minutes.length === 0 ? 0 : calls.length;
  for (const minute of mode.minutes) {
    await minute(world);
    await world.tick();
  }
  for (let ticks = 0; ticks < 8 && (ticks < 2 || (await standstill(world)) !== null); ticks++) await world.tick();
  // What was finished last is told by the tick after, or by the one after that.
  for (let ticks = 0; ticks < 2 && world.heard !== null; ticks++) await world.tick();
  world.wire.arriveAll();
  const defects = check(world);
  if (world.heard !== null) checkNotices(world, world.heard, defects);
  return { defects, standstill: await standstill(world), calls, setUp, world };
}

/** The faults that mean something for a request. */
export function faultsFor(call: Call): Fault[] {
  return FAULTS.filter((fault) => fault !== 'twice' || call.repeatable);
}
