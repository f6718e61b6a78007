/**
 * Where Kafka and the checkpoint table tell different stories: what each knows, and the ways out. Each way leaves a state
 * from which the ordinary rules go on; none publishes a row.
 *
 * Each partition is taken from whoever has it (epoch + 1), and its producer opened before its marker is signed anew, so that
 * what another worker or deployment still sends is fenced in Kafka and refused by the table.
 */
import { randomUUID } from 'node:crypto';
import type { SourcePlan } from './begin.ts';
import { truncation } from './history.ts';
import { mustLook, refused } from './operate.ts';
import { newestLayout, windowOf } from './past.ts';
import { newestTopicPartitions } from './publish.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock } from './ports/effects.ts';
import type { Inspection, Kafka, Marker } from './ports/kafka.ts';
import type { Lease, PartitionItem, SourceState } from './ports/state.ts';
import { comparePositions, maxPosition, type Position } from './position.ts';
import { reconcile, type Reconciled } from './reconcile.ts';
import { readsTable, type Layout, type Window } from './window.ts';

export type RecoverPorts = { checkpoints: Checkpoints; kafka: Kafka; clock: Clock };
export type RecoverSettings = { leaseMs: number; offsetsRetentionMs: number };

/**
 * store: the marker is gone, the table is right. marker: Kafka went back to an older marker; what changed since is sent again.
 * anew: a new life: consumers are told to forget all, then a snapshot.
 */
export type Way = 'store' | 'marker' | 'anew';

export type PartitionFindings = {
  partition: number;
  state: PartitionItem['state'];
  lastError: PartitionItem['lastError'];
  position: Position | null;
  marked: Position | null;
  /** Since when something may be undecided (ms). */
  open: number | null;
  /** The marker's position; text where it can't be read; null where Kafka has none. */
  marker: Position | string | null;
  /** What an invocation would make of it. */
  verdict: 'agrees' | Extract<Reconciled, { stop: unknown }>['stop'];
  message: string | null;
};

export type Findings = {
  source: string;
  incarnation: string;
  clusterId: { table: string | null; kafka: string };
  topic: { name: string; partitions: number | null; configured: number; ends: Inspection['ends'] };
  controlPartitions: number | null;
  log: { head: number; to: string | null; finishedThrough: number; gap: number | null };
  partitions: PartitionFindings[];
  /** Ways that fit what was found; empty where everything agrees. */
  ways: Way[];
};

export async function inspect(ports: RecoverPorts, settings: RecoverSettings, source: SourcePlan): Promise<Findings> {
  const state = await mustLook(ports.checkpoints, source.name, true);
  const partitions = state.partitions.length;
  const seen = await ports.kafka.inspect({ source: source.name, partitions, topic: source.topic });
  const findings = state.partitions.map((item) => judge(ports, settings, state, item, seen, source.topic));
  const { meta, head, gap = null } = state;
  return {
    source: source.name,
    incarnation: meta.incarnation,
    clusterId: { table: meta.clusterId, kafka: seen.clusterId },
    topic: {
      name: source.topic,
      partitions: seen.topicPartitions,
      configured: source.topicPartitions,
      ends: seen.ends,
    },
    controlPartitions: seen.controlPartitions,
    log: { head: head?.number ?? 0, to: head?.to ?? null, finishedThrough: meta.finishedThrough, gap },
    partitions: findings,
    ways: waysFor(findings, gap !== null || (meta.clusterId !== null && meta.clusterId !== seen.clusterId)),
  };
}

function judge(
  ports: RecoverPorts,
  settings: RecoverSettings,
  state: SourceState,
  item: PartitionItem,
  { markers, ends }: Inspection,
  topic: string,
): PartitionFindings {
  const seen = markers[item.partition]!;
  const { partition, position, open, lastError } = item;
  const known = { partition, state: item.state, lastError, position, marked: item.marked?.position ?? null, open };
  if (seen !== null && 'unreadable' in seen) {
    return { ...known, marker: seen.unreadable, verdict: 'STATE_DISAGREES', message: seen.unreadable };
  }
  const marker = seen?.marker ?? null;
  const sent = marker?.sent?.topic === topic ? marker.sent : null;
  const end = ends.find(({ topicPartition }) => topicPartition === sent?.topicPartition)?.endOffset;
  const decision = reconcile({
    item,
    marker,
    end: end === undefined ? null : Number(end),
    incarnation: state.meta.incarnation,
    windowOf: (number) => windowOf(state, number),
    now: ports.clock.now(),
    offsetsRetentionMs: settings.offsetsRetentionMs,
  });
  const at = marker?.position ?? null;
  if ('stop' in decision) return { ...known, marker: at, verdict: decision.stop, message: decision.message };
  return { ...known, marker: at, verdict: 'agrees', message: null };
}

/** The gentlest first. `broken`: a window of the log is missing, or the cluster is another one. */
function waysFor(findings: PartitionFindings[], broken: boolean): Way[] {
  const wrong = findings.filter(({ verdict }) => verdict !== 'agrees');
  if (broken) return ['anew'];
  if (wrong.length === 0) return [];
  const all = (test: (found: PartitionFindings) => boolean) => wrong.every(test);
  if (all(({ verdict, open }) => verdict === 'MARKER_EXPIRED' && open === null)) return ['store', 'anew'];
  if (all(({ verdict }) => verdict === 'KAFKA_LOST_DATA')) return ['marker', 'anew'];
  return ['anew'];
}

/** Takes a way. @throws OPERATION_REFUSED for one that does not fit, before anything is moved. */
export async function recover(
  ports: RecoverPorts,
  settings: RecoverSettings,
  source: SourcePlan,
  way: Way,
): Promise<Findings> {
  const found = await inspect(ports, settings, source);
  // A new life is always possible; the gentler ways only where they are exact.
  if (way !== 'anew' && !found.ways.includes(way)) {
    throw refused(`\`${way}\` does not fit ${source.name}; what fits: ${found.ways.join(', ') || 'nothing is wrong'}.`);
  }
  if (way === 'anew') await beginAnew(ports, settings, source, found);
  else await trust(ports, settings, source, found, way);
  return found;
}

/** The disagreeing partitions go on from the table's position; with `marker`, what Kafka lost is asked for again first. */
async function trust(
  ports: RecoverPorts,
  settings: RecoverSettings,
  source: SourcePlan,
  found: Findings,
  way: 'store' | 'marker',
): Promise<void> {
  const { checkpoints, clock } = ports;
  const wrong = found.partitions.filter(({ verdict }) => verdict !== 'agrees');
  if (way === 'marker') await askForLost(checkpoints, source.name, wrong);
  for (const { partition, marker } of wrong) {
    const lease = await checkpoints.take(source.name, partition, randomUUID(), clock.now(), settings.leaseMs);
    const marked = way === 'marker' ? { position: marker as Position, at: clock.now() } : null;
    await release(ports, settings, lease, { position: lease.item.position, marked });
  }
}

async function askForLost(checkpoints: Checkpoints, source: string, wrong: PartitionFindings[]): Promise<void> {
  const oldest = Math.min(...wrong.map(({ marker }) => (marker as Position).window));
  const [window] = await checkpoints.windows(source, oldest, oldest);
  if (window !== undefined && !readsTable(window)) throw refused(`${source} reads a query: take \`anew\`.`);
  if (window === undefined || window.from === null)
    throw refused(`Window ${oldest}, from which all would be sent again, is not kept: take \`anew\`.`);
  const request = { id: randomUUID(), kind: 'repair' as const, since: window.from, results: null, voids: null };
  if (await checkpoints.request(source, request)) return;
  throw refused(`Another request for ${source} waits for its window; try again after the next tick of plan.`);
}

/**
 * Everything so far counts as finished. Every marker is signed with a new incarnation, so another deployment that still
 * believes in the old one stops; then a `truncate` window above all that the table or Kafka ever knew, and a snapshot after it.
 * Can be repeated when it ends half way.
 */
async function beginAnew(
  ports: RecoverPorts,
  settings: RecoverSettings,
  source: SourcePlan,
  found: Findings,
): Promise<void> {
  const { checkpoints, clock } = ports;
  await checkpoints.updateMeta(source.name, { paused: true });
  const state = await mustLook(checkpoints, source.name, true);
  const layout = newestLayout(state.layouts);
  if (layout === null) throw refused(`${source.name} has not begun: there is nothing to begin anew.`);
  const known = found.partitions.flatMap(({ position, marker }) => [
    position?.window ?? 0,
    marker !== null && typeof marker === 'object' ? marker.window : 0,
  ]);
  const last = Math.max(await checkpoints.headNumber(source.name), ...known);
  const incarnation = randomUUID();
  const now = clock.now();
  const window = truncation(incarnation, last + 1, layout, state.head?.to ?? new Date(now).toISOString(), now, []);
  for (const partition of found.partitions) {
    const lease = await checkpoints.take(source.name, partition.partition, randomUUID(), clock.now(), settings.leaseMs);
    const marked =
      source.delivery === 'exactly-once' && last > 0
        ? await sign(ports, { state, layout, lease, found: partition, next: window, incarnation })
        : null;
    await release(ports, settings, lease, {
      position: maxPosition(lease.item.position, marked?.position ?? null),
      marked,
    });
  }
  await checkpoints.restart(source.name, incarnation, found.clusterId.kafka, window);
  await checkpoints.updateMeta(source.name, { paused: false });
}

/** A transaction of the marker alone, at or above every position known. */
async function sign(
  ports: RecoverPorts,
  of: { state: SourceState; layout: Layout; lease: Lease; found: PartitionFindings; next: Window; incarnation: string },
): Promise<NonNullable<PartitionItem['marked']>> {
  const { state, layout, lease, found, next, incarnation } = of;
  const producer = await ports.kafka.open({
    source: lease.source,
    partition: lease.item.partition,
    topic: layout.topic,
    topicPartitions: layout.topicPartitions,
    newestTopicPartitions: newestTopicPartitions(state, layout),
    partitions: layout.partitions,
    delivery: 'exactly-once',
    adopt: true,
  });
  try {
    const seen = found.marker !== null && typeof found.marker === 'object' ? found.marker : null;
    const known = maxPosition(lease.item.position, seen);
    const floor: Position = { window: next.number - 1, row: 1 };
    const position = comparePositions(known, floor) > 0 ? known! : floor;
    const at = ports.clock.now();
    const marker: Omit<Marker, 'sent'> = { position, incarnation, digest: next.digest, to: next.to, last: '', at };
    await producer.commit(marker);
    return { position, at };
  } finally {
    await producer.close();
  }
}

/** Under the epoch that was taken: the partition is free and active afterwards. */
async function release(
  ports: RecoverPorts,
  settings: RecoverSettings,
  lease: Lease,
  change: Pick<PartitionItem, 'position' | 'marked'>,
): Promise<void> {
  const leaseUntil = ports.clock.now() + settings.leaseMs;
  const mine = await ports.checkpoints.reconcile(lease, { ...change, open: null, leaseUntil });
  if (mine === null)
    throw refused(`Partition ${lease.item.partition} was taken by another command meanwhile; try again.`);
  await ports.checkpoints.release(mine, { closeOpen: true, failed: null, failures: 0, state: 'active' });
}
