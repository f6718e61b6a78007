/**
 * One invocation of publish: one partition of one source, from its position to the head of the log, each batch of rows in
 * a Kafka transaction together with the position it leads to.
 *
 * Exactly once rests on: windows never change, positions only grow, the marker is committed with the records. Lease and
 * epoch save work and decide who stops. No error code proves who fenced whom: every error after a transaction began has
 * one path, a new producer, marker, reconcile; only the epoch condition ends an invocation for good.
 */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import { tellDead } from './commits.ts';
import { newlyDead } from './dead-letters.ts';
import { heldBy, checkPartitions, newestLayout, nextWindowFor, partitionsToCall, windowOf } from './past.ts';
import type { Rate } from './pace.ts';
import type { Budget, Checkpoints } from './ports/checkpoints.ts';
import type { Clock, Events, Telemetry } from './ports/effects.ts';
import type { Delivery, Kafka, KafkaProducer } from './ports/kafka.ts';
import type { Encoders } from './ports/records.ts';
import type { Snowflake } from './ports/snowflake.ts';
import type { Lease, PartitionItem, SourceState } from './ports/state.ts';
import { comparePositions, formatPosition } from './position.ts';
import { publishWindow } from './publish-window.ts';
import { reconcile, type Reconciled } from './reconcile.ts';
import { checkTopic } from './topic-safety.ts';
import { rangeOf, type Layout, type Window } from './window.ts';

export type PublishPorts = {
  snowflake: Snowflake;
  kafka: Kafka;
  encoders: Encoders;
  checkpoints: Checkpoints;
  events: Events;
  telemetry: Telemetry;
  clock: Clock;
  budget?: Budget;
  /** Makes the source's topic, unless it is there; absent: topics must exist. */
  makeTopic?: (topic: string, partitions: number) => Promise<void>;
};

export type PublishSettings = {
  delivery: Delivery;
  leaseMs: number;
  transactionTimeoutMs: number;
  maxTransactionRows: number;
  offsetsRetentionMs: number;
  topicChecks: 'strict' | 'report';
  /** Topic that each partition's END of a window goes to; null: none. */
  progressTopic: { name: string; partitions: number } | null;
  /** Topic that rows go to which can't be sent; none: they stop the partition. */
  deadLetterTopic?: { name: string; partitions: number } | null;
  /** No transaction is opened when less than this is left of the invocation. */
  reserveMs: number;
  /** At most this many partitions of the source are published at the same time. */
  publishers?: number;
  /** Snapshots and repairs are sent no faster. */
  maxRate?: Rate;
};

/** What one invocation knows and holds. `lease.item` is the partition item as this epoch last read or wrote it. */
export type Run = {
  readonly source: string;
  readonly partition: number;
  readonly ports: PublishPorts;
  readonly settings: PublishSettings;
  lease: Lease;
  /** The source's life; known after the first open. */
  incarnation: string;
  /** Reconciled, and not failed since. */
  producer: KafkaProducer | null;
  /** Whether this invocation has reconciled at all. */
  reconciled: boolean;
  /** A transaction was begun whose outcome is not known. */
  undecided: boolean;
  /** As many others publish as may at once: this one left before it did anything. */
  crowded: boolean;
  /** Opens of Kafka so far, and of these the ones after an error. */
  opens: number;
  reopens: number;
  /** What `producer` was opened for: a topic and its partition count. */
  target: string;
  progressed: boolean;
  rows: number;
  records: number;
  transactions: number;
  /** Position and hash of the row before it, from the last marker: what a reader that goes on must find. */
  last: { position: string; hash: string } | null;
};

export type PublishResult = {
  outcome: 'done' | 'busy' | 'stopped' | 'fenced' | 'failed';
  rows: number;
  records: number;
  transactions: number;
  opens: number;
};

/** Thrown when the epoch is another's: nothing of ours may be written any more. */
export class FencedError extends Error {}

const MAX_REOPENS = 3;
const FAILURES_TO_STOP = 3;
/** Passing trouble and fencing: never a reason to stop for an operator, however often. */
const PASSING_CODES = new Set<string>([
  'KAFKA_UNREACHABLE',
  'KAFKA_FENCED',
  'SNOWFLAKE_UNREACHABLE',
  'STORE_UNREACHABLE',
  'REGISTRY_UNREACHABLE',
]);

export async function publish(
  ports: PublishPorts,
  settings: PublishSettings,
  source: string,
  partition: number,
  owner: string,
): Promise<PublishResult> {
  const acquired = await ports.checkpoints.acquire(source, partition, owner, ports.clock.now(), settings.leaseMs);
  if (!('lease' in acquired)) {
    const outcome = 'busy' in acquired ? 'busy' : 'stopped';
    return { outcome, rows: 0, records: 0, transactions: 0, opens: 0 };
  }
  const run: Run = {
    source,
    partition,
    ports,
    settings,
    lease: acquired.lease,
    incarnation: '',
    producer: null,
    reconciled: false,
    undecided: false,
    crowded: false,
    opens: 0,
    reopens: 0,
    target: '',
    progressed: false,
    rows: 0,
    records: 0,
    transactions: 0,
    last: null,
  };
  let failure: SnowmeltError | null = null;
  try {
    await work(run);
  } catch (error) {
    if (error instanceof FencedError) return result(run, 'fenced');
    failure = asSnowmeltError(error);
  } finally {
    await run.producer?.close();
  }
  if (!(await release(run, failure))) return result(run, 'fenced');
  if (run.crowded) return result(run, 'busy');
  if (failure === null) await callAgain(run);
  return result(run, failure === null ? 'done' : 'failed');
}

/** Until the time runs short or nothing is left: the next window with rows for me. */
async function work(run: Run): Promise<void> {
  const { ports, settings } = run;
  while (ports.clock.remainingMs() > settings.reserveMs) {
    const state = await look(run);
    const window = nextWindowFor(state, run.lease.item);
    if (state.meta.paused) return;
    if (run.opens === 0 && isCrowded(run, state)) return void (run.crowded = true);
    if (window === null && (run.lease.item.open === null || run.reconciled || !marks(run))) return;
    if (window !== null && heldBy(state, window) !== null) return;
    try {
      if (run.producer === null) {
        await open(run, state, window);
        continue; // the position may have moved
      }
      if (window === null) return;
      if (!window.void && targetOf(state, window).name !== run.target) {
        await run.producer.close();
        run.producer = null;
        continue; // opened again for the window's own topic and partition count
      }
      if (window.void) await passVoid(run, window);
      else await publishWindow(run, state, window);
    } catch (error) {
      await reopenAfter(run, error);
    }
  }
}

/**
 * Whether as many others hold a lease as may at once. Looked at with our own in hand: of several who start side by side the
 * last one to get its lease sees all the others, so never more than that go on.
 */
function isCrowded({ partition, ports, settings }: Run, state: SourceState): boolean {
  const now = ports.clock.now();
  const others = state.partitions.filter((item) => item.partition !== partition && item.leaseUntil > now);
  return others.length >= (settings.publishers ?? Infinity);
}

/** State as it is now, with our own item as this epoch left it: a write of its own whose reply was lost counts. */
async function look(run: Run): Promise<SourceState> {
  const state = await run.ports.checkpoints.look(run.source);
  if (state === null) {
    throw new SnowmeltError('STATE_DISAGREES', `Source ${run.source} has a partition item but no meta item.`);
  }
  checkPartitions(run.source, state);
  return {
    ...state,
    partitions: state.partitions.map((item) =>
      item.partition === run.partition ? newest(run.lease.item, item) : item,
    ),
  };
}

function newest(known: PartitionItem, stored: PartitionItem): PartitionItem {
  const ours = stored.epoch === known.epoch && comparePositions(stored.position, known.position) >= 0;
  return ours ? stored : known;
}

/** InitProducerId, marker, reconcile, one conditional write. Nothing was sent before. */
async function open(run: Run, before: SourceState, window: Window | null): Promise<void> {
  const { ports, lease } = run;
  const { progressTopic, deadLetterTopic = null } = run.settings;
  const target = targetOf(before, window ?? before.head);
  run.opens++;
  run.target = target.name;
  // A topic that something was published to is never made anew: that it is gone must be seen.
  if (target.own && before.partitions.every(({ position }) => position === null))
    await ports.makeTopic?.(target.topic, target.newestTopicPartitions);
  await checkTopic(ports, run.settings, run.source, target.topic, ports.clock.now());
  const producer = await ports.kafka.open({
    source: run.source,
    partition: run.partition,
    topic: target.topic,
    topicPartitions: target.topicPartitions,
    newestTopicPartitions: target.newestTopicPartitions,
    partitions: target.partitions,
    delivery: run.settings.delivery,
    progress: progressTopic && { topic: progressTopic.name, topicPartitions: progressTopic.partitions },
    deadLetters: deadLetterTopic && { topic: deadLetterTopic.name, topicPartitions: deadLetterTopic.partitions },
  });
  run.producer = producer;
  // Windows may have been written and published by another owner since `before`: look after InitProducerId.
  const state = await look(run);
  await checkCluster(run, state, producer);
  const decision = decide(run, state, producer);
  if ('stop' in decision)
    throw new SnowmeltError(decision.stop, `Source ${run.source}, partition ${run.partition}: ${decision.message}`);
  const now = ports.clock.now();
  const reconciled = await ports.checkpoints.reconcile(lease, {
    ...decision,
    open: marks(run) ? now : lease.item.open,
    leaseUntil: now + run.settings.leaseMs,
  });
  if (reconciled === null) throw new FencedError();
  if (comparePositions(reconciled.item.position, lease.item.position) > 0) {
    run.progressed = true;
    ports.telemetry.count('RollForwards', 1, { source: run.source, partition: run.partition });
    tellDead(run, newlyDead(lease.item, reconciled.item));
  }
  run.lease = reconciled;
  run.incarnation = state.meta.incarnation;
  run.reconciled = true;
  run.undecided = false;
  run.last =
    producer.marker === null
      ? null
      : { position: formatPosition(producer.marker.position), hash: producer.marker.last };
}

/** Where a window's records go: the topic of its layout, the source's own, or that of schema changes. */
function targetOf(state: SourceState, window: Window | null) {
  const layout = state.layouts.get(window?.layout ?? 1);
  if (layout === undefined) {
    throw new SnowmeltError('STATE_DISAGREES', 'The log names a layout that is not there.');
  }
  const { topic, topicPartitions, partitions } = layout;
  const { schema } = window ?? {};
  if (schema !== undefined) {
    const count = { topicPartitions: schema.topicPartitions, newestTopicPartitions: schema.topicPartitions };
    const name = `schema ${schema.topic} ${schema.topicPartitions}`;
    return { name, own: false, topic: schema.topic, partitions, ...count };
  }
  const count = { topicPartitions, newestTopicPartitions: newestTopicPartitions(state, layout) };
  return { name: `layout ${layout.number}`, own: true, topic, partitions, ...count };
}

/** Exactly once: the marker decides. At least once: the store's position alone; the first commit forgets what was marked. */
function decide(run: Run, state: SourceState, producer: KafkaProducer): Reconciled {
  // The marker may be of a commit whose reply was lost, in a window that is finished and gone from the log since.
  const item = state.partitions.find(({ partition }) => partition === run.partition)!;
  if (!marks(run)) return { position: item.position, marked: item.marked };
  return reconcile({
    item,
    marker: producer.marker,
    end: producer.end,
    incarnation: state.meta.incarnation,
    windowOf: (number) => windowOf(state, number),
    now: run.ports.clock.now(),
    offsetsRetentionMs: run.settings.offsetsRetentionMs,
  });
}

function marks(run: Run): boolean {
  return run.settings.delivery === 'exactly-once';
}

/**
 * The count that the topic must have. A topic that has grown, and a newer layout says so: windows of the old one go on under
 * their own count, so that no key changes its topicPartition before the barrier.
 */
export function newestTopicPartitions(state: SourceState, layout: Layout): number {
  return newestLayout(state.layouts, layout.topic)?.topicPartitions ?? layout.topicPartitions;
}

async function checkCluster(run: Run, state: SourceState, producer: KafkaProducer): Promise<void> {
  let known = state.meta.clusterId;
  known ??= (await run.ports.checkpoints.updateMeta(run.source, { clusterId: producer.clusterId })).clusterId;
  if (known === producer.clusterId) return;
  throw new SnowmeltError(
    'STATE_DISAGREES',
    `Source ${run.source} was published to Kafka cluster ${known ?? '?'}; the brokers now are cluster ${producer.clusterId}.`,
  );
}

/** A void window is passed without sending, after our own reconcile and under our epoch: position moves, `marked` does not. */
async function passVoid(run: Run, window: Window): Promise<void> {
  const rows = rangeOf(window, run.partition)!.rows;
  const now = run.ports.clock.now();
  const lease = await run.ports.checkpoints.commit(run.lease, {
    position: { window: window.number, row: rows },
    marked: run.lease.item.marked,
    leaseUntil: now + run.settings.leaseMs,
    now,
  });
  if (lease === null) throw new FencedError();
  run.lease = lease;
  run.progressed = true;
}

/** The one path of every error that trying again may mend: drop the producer; the loop opens a new one. */
async function reopenAfter(run: Run, error: unknown): Promise<void> {
  if (error instanceof FencedError) throw error;
  const failure = asSnowmeltError(error);
  await run.producer?.close();
  run.producer = null;
  // An error that ends the invocation must be told, also when only its time is up.
  const late = run.ports.clock.remainingMs() <= run.settings.reserveMs;
  if (failure.retry === 'operator' || late || ++run.reopens > MAX_REOPENS) throw failure;
  run.ports.telemetry.info('opening Kafka again', {
    source: run.source,
    partition: run.partition,
    code: failure.code,
    error: failure.message,
    position: text(run),
  });
  run.ports.telemetry.count('Reopens', 1, { source: run.source, partition: run.partition });
}

/**
 * `open` goes only if this invocation reconciled and no outcome is unknown. False: the partition is another's, and so is
 * what this one took for an error (its own item is of an earlier epoch): only an owner tells.
 */
async function release(run: Run, failure: SnowmeltError | null): Promise<boolean> {
  const { ports, lease } = run;
  const before = lease.item;
  const again = failure !== null && before.lastError?.code === failure.code && !run.progressed;
  const counts = failure !== null && !PASSING_CODES.has(failure.code);
  const failures = failure === null ? 0 : (again ? before.failures : 0) + (counts ? 1 : 0);
  const stop = failure !== null && (failure.retry === 'operator' || failures >= FAILURES_TO_STOP);
  const failed = failure === null ? null : { code: failure.code, message: failure.message, at: ports.clock.now() };
  // Who has done nothing, for a pause or because others had the turn, leaves what is known of its failures.
  const idle = failure === null && run.opens === 0;
  let mine = true;
  try {
    mine = await ports.checkpoints.release(lease, {
      closeOpen: marks(run) && run.reconciled && !run.undecided,
      ...(idle ? { failed: before.lastError, failures: before.failures } : { failed, failures }),
      state: stop ? 'needs-operator' : 'active',
    });
  } finally {
    if (failure !== null && mine)
      ports.telemetry.error(failure, {
        source: run.source,
        partition: run.partition,
        code: failure.code,
        position: text(run),
      });
    if (failure !== null && mine) ports.telemetry.count('Errors', 1, { source: run.source, partition: run.partition });
  }
  return mine;
}

/** Long reads outlive a lease: it is renewed under the epoch when half of it is gone. */
export async function renew(run: Run): Promise<void> {
  const now = run.ports.clock.now();
  if (run.lease.item.leaseUntil - now > run.settings.leaseMs / 2) return;
  const lease = await run.ports.checkpoints.renew(run.lease, now + run.settings.leaseMs);
  if (lease === null) throw new FencedError();
  run.lease = lease;
}

/**
 * After the release the head is read once more: rows left, or a window that came meanwhile, get their own event. Where only so
 * many publish at once the place that became free is for who has waited longest.
 */
async function callAgain(run: Run): Promise<void> {
  const { ports, settings } = run;
  const state = await ports.checkpoints.look(run.source);
  if (state === null || state.meta.paused) return;
  if (settings.publishers !== undefined) {
    const partitions = partitionsToCall(state, ports.clock.now(), settings.delivery, settings.publishers);
    if (partitions.length > 0)
      await ports.events.call(partitions.map((partition) => ({ source: run.source, partition })));
    return;
  }
  const item = state.partitions.find((candidate) => candidate.partition === run.partition);
  const window = item === undefined ? null : nextWindowFor(state, item);
  if (window === null || heldBy(state, window) !== null) return;
  await ports.events.call([{ source: run.source, partition: run.partition }]);
}

function text(run: Run): string {
  return run.lease.item.position === null ? 'none' : formatPosition(run.lease.item.position);
}

function result(run: Run, outcome: PublishResult['outcome']): PublishResult {
  const { rows, records, transactions, opens } = run;
  return { outcome, rows, records, transactions, opens };
}
