/**
 * A source at rest: the items of its table and the markers as a release wrote them, and what the table in Snowflake and the
 * topic were like then. Whoever imports this must have put memory/dynamodb.ts in the place of the AWS SDK's client.
 */
import type { SourcePlan } from '../../lambdas/protocol/begin.ts';
import { formatMarker, parseMarker } from '../../lambdas/kafka/marker.ts';
import type { ObjectFacts } from '../../lambdas/protocol/ports/snowflake.ts';
import type { MemoryRecord } from '../protocol/memory/broker.ts';
import { PutItemCommand } from '../protocol/memory/dynamodb.ts';
import type { Item } from '../protocol/memory/expressions.ts';
import { DAY, World } from '../protocol/memory/world.ts';

export type Frozen = {
  clock: number;
  source: SourcePlan;
  facts: ObjectFacts;
  commits: { at: number; key: string; deletion: boolean }[];
  /** Statements, in the order of their query ids. */
  submitted: string[];
  items: Item[];
  /** By source partition, as Kafka has them. */
  markers: { partition: number; offset: string; metadata: string }[];
  /** What consumers have seen. */
  seen: MemoryRecord[];
};

export function freeze(world: World): Frozen {
  const { clock, source, ledger, snowflake, table, broker } = world;
  const markers = Array.from({ length: source.partitions }, (_, partition) => {
    const marker = broker.committed(`${source.name}/${partition}`);
    return marker === null ? [] : [{ partition, ...formatMarker(marker) }];
  });
  return {
    clock: clock.time,
    source,
    facts: snowflake.facts,
    commits: ledger.commits.map(({ at, key, value }) => ({ at, key, deletion: value === null })),
    submitted: snowflake.submitted,
    items: table.all().toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    markers: markers.flat(),
    seen: broker.visible().map(({ topic, topicPartition, key, value }) => ({ topic, topicPartition, key, value })),
  };
}

export async function thaw(frozen: Frozen): Promise<World> {
  const world = new World();
  world.clock.time = frozen.clock;
  // Nothing that the oracle looks for is deleted.
  world.planSettings.keepWindowsMs = 30 * DAY;
  Object.assign(world.source, frozen.source);
  world.snowflake.facts = frozen.facts;
  for (const { at, key, deletion } of frozen.commits) world.ledger.commit(at, key, deletion);
  for (const statement of frozen.submitted) await world.snowflake.submit(statement);
  for (const Item of frozen.items) world.table.perform(new PutItemCommand({ Item }));
  for (const { partition, offset, metadata } of frozen.markers) {
    const id = `${frozen.source.name}/${partition}`;
    const epoch = world.broker.initProducerId(id) as number;
    world.broker.addPartitions(id, epoch, []);
    world.broker.addOffsets(id, epoch);
    world.broker.txnOffsetCommit(id, epoch, parseMarker(offset, metadata));
    world.broker.endTxn(id, epoch);
  }
  return world;
}

/** `source#s window#000000000001` */
export function keyOf(item: Item): string {
  return `${item['pk']!.S} ${item['sk']!.S}`;
}

/** `window`, `partition`, `budget`, ... */
export function kindOf(item: Item): string {
  return item['sk']!.S!.split('#')[0]!;
}
