/** How a source's state comes to be: meta, then partition items, then a layout that names them. */
import { randomUUID } from 'node:crypto';
import { SnowmeltError } from '../errors.ts';
import type { CopyPlan } from './copy.ts';
import { nothingTold } from './notices.ts';
import type { Notices } from './ports/effects.ts';
import type { Delivery } from './ports/kafka.ts';
import type { SourceState } from './ports/state.ts';
import type { SnapshotPlan } from './next-window.ts';
import { newestLayout } from './past.ts';
import { checkFacts, type ScanPorts } from './scan.ts';
import { describe } from './stream.ts';
import type { Layout } from './window.ts';

/** A configured source, as far as the planner needs it. */
export type SourcePlan = {
  name: string;
  delivery: Delivery;
  snapshot?: SnapshotPlan;
  /** Where snapshots of a large table are copied first; absent: none is. */
  copy?: CopyPlan;
  onHistoryLost?: 'stop' | 'resnapshot';
  /** Whether changes of the columns that consumers may stumble over pass. */
  schemaChanges?: 'compatible' | 'any';
  /** Is told of every change of the columns. */
  schemaTopic?: { name: string; partitions: number } | null;
  /** Objective of freshness; null: none. */
  freshnessMs: number | null;
  /** How often it is looked at within a tick; absent: once. */
  pollMs?: number;
  /** At most this many of its partitions are published at the same time. */
  publishers?: number;
  /** Told of, but neither read nor published. */
  paused?: boolean;
  /** Its table is not there any more: what was read of it is published, and that is all. */
  gone?: boolean;
} & Omit<Layout, 'number'>;

/** Nothing is written before the object is known to be readable: a wrong name leaves no state. */
export async function begin(ports: ScanPorts & { notices?: Notices }, source: SourcePlan): Promise<SourceState> {
  const facts = await describe(ports.snowflake, source, null);
  checkFacts(ports.snowflake, layoutOf(source, 1), facts);
  const incarnation = randomUUID();
  await ports.checkpoints.create(source.name, {
    incarnation,
    clusterId: null,
    sightings: [],
    scan: null,
    request: null,
    finishedThrough: 0,
    recountedThrough: 0,
    paused: false,
    retentionMs: facts.retentionMs,
    caughtUpAt: null,
    lastError: null,
    ...(ports.notices && { told: nothingTold(incarnation, ports.clock.now()) }),
  });
  const state = await ports.checkpoints.look(source.name);
  if (state === null) throw new SnowmeltError('STATE_DISAGREES', `The meta item of source ${source.name} vanished.`);
  return state;
}

/** The layout that the next window is cut by: the newest, or a new one when the configuration differs from it. */
export async function currentLayout(ports: ScanPorts, source: SourcePlan, state: SourceState): Promise<Layout> {
  const newest = newestLayout(state.layouts);
  if (newest !== null && (recut(newest, source).length === 0 || newest.deployment > source.deployment)) return newest;
  const layout = layoutOf(source, (newest?.number ?? 0) + 1);
  await ports.checkpoints.putPartitions(source.name, source.partitions);
  if (await ports.checkpoints.putLayout(source.name, layout)) {
    state.layouts.set(layout.number, layout);
    return layout;
  }
  const again = await ports.checkpoints.look(source.name);
  const theirs = again?.layouts.get(layout.number);
  if (theirs === undefined)
    throw new SnowmeltError('STATE_DISAGREES', `Layout ${layout.number} of ${source.name} vanished.`);
  state.layouts.set(theirs.number, theirs);
  return theirs;
}

/** The source's layout as it is configured. */
export function layoutOf(source: SourcePlan, number: number): Layout {
  const { deployment, partitions, object, information, key, keyFormat, topic, topicPartitions } = source;
  const { query, stream, shape } = source;
  return {
    ...{ number, deployment, partitions, object, information, key, topic, topicPartitions },
    ...(keyFormat && { keyFormat }),
    ...(query && { query }),
    ...(stream && { stream }),
    ...(shape && { shape }),
  };
}

const CUT = [
  'partitions',
  'object',
  'information',
  'key',
  'keyFormat',
  'topic',
  'topicPartitions',
  'query',
  'stream',
  'shape',
] as const satisfies (keyof Layout)[];

/** In what the source is cut otherwise than by the layout; in nothing: the layout goes on. */
export function recut(layout: Layout, source: Omit<Layout, 'number'>): (typeof CUT)[number][] {
  const noted = CUT.filter((field) => field !== 'keyFormat' || layout.keyFormat !== undefined);
  return noted.filter((field) => JSON.stringify(layout[field] ?? null) !== JSON.stringify(source[field] ?? null));
}
