/**
 * Leaders and coordinators that move between and inside transactions. The rule for everything that fails is the
 * protocol's: drop the producer, open another, read the marker, go on after it. Then all is there, once.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaProducer } from '../../lambdas/protocol/ports/kafka.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import { onApacheKafka } from '../apache-kafka/target.ts';
import { append, Fixture, markerAt, type Source } from './fixture.ts';

const WINDOWS = 6;
const ROWS = 30;

describe.skipIf(onApacheKafka)('three nodes', () => {
  let fixture: Fixture;
  let local: LocalBroker;
  beforeAll(async () => {
    fixture = await Fixture.start({ listeners: 3 });
    local = fixture.target.local!;
  });
  afterEach(() => fixture.closeAll());
  afterAll(() => fixture.stop());

  test('a move between transactions is followed by the same producer', async () => {
    const source = await fixture.source(3);
    const producer = await source.open();
    for (let window = 1; window <= WINDOWS; window++) {
      await moveAll(local, source, (window % 3) + 1);
      fill(producer, window);
      await producer.commit(markerAt(window, ROWS));
    }
    expect(await source.values()).toEqual(expected());
    expect((await source.open()).marker?.position).toMatchObject({ window: WINDOWS, row: ROWS });
  });

  test.each(['AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'])(
    'moves while %s is on its way leave everything there once',
    async (api) => {
      const source = await fixture.source(3);
      await publishAll(source, api, (node) => moveAll(local, source, node));
      expect(await source.values()).toEqual(expected());
    },
  );

  test.each(['Produce', 'EndTxn'])('a node away from %s on leaves everything there once', async (api) => {
    const source = await fixture.source(3);
    await publishAll(
      source,
      api,
      (node) => local.takeDown(node),
      (node) => local.bringUp(node),
    );
    expect(await source.values()).toEqual(expected());
  });

  /** Publishes all windows as the protocol does; `before` runs with each node in turn while the first such request of a transaction is held. */
  async function publishAll(
    source: Source,
    api: string,
    before: (node: number) => Promise<void>,
    after: (node: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    let producer = await source.open();
    let acted = 0;
    for (let window = 1; window <= WINDOWS;) {
      const node = (acted % 3) + 1;
      const acting: Promise<void>[] = [];
      const remove = fixture.proxy.onRequest((request) => {
        if (acting.length > 0 || !source.is(request, api)) return undefined;
        acted++;
        const until = before(node);
        acting.push(until);
        return { until };
      });
      fill(producer, window);
      const committed = await producer.commit(markerAt(window, ROWS)).then(
        () => true,
        () => false,
      );
      remove();
      await Promise.all(acting);
      await after(node);
      if (committed) {
        window++;
        continue;
      }
      await producer.close();
      producer = await source.open();
      window = (producer.marker === null ? 0 : Number(producer.marker.position.window)) + 1;
    }
    expect(acted).toBeGreaterThanOrEqual(WINDOWS);
  }
});

function fill(producer: KafkaProducer, window: number): void {
  for (let row = 0; row < ROWS; row++) append(producer, `key${row}`, valueOf(window, row));
}

function valueOf(window: number, row: number): string {
  return `${String(window).padStart(3, '0')}-${String(row).padStart(3, '0')}`;
}

function expected(): string[] {
  return Array.from({ length: WINDOWS }, (_, i) =>
    Array.from({ length: ROWS }, (__, row) => valueOf(i + 1, row)),
  ).flat();
}

async function moveAll(local: LocalBroker, source: Source, node: number): Promise<void> {
  for (const partition of [0, 1, 2]) await local.moveLeader(source.topic, partition, ((node + partition) % 3) + 1);
  await local.moveCoordinator('transaction', `${source.group}:0`, node);
  await local.moveCoordinator('group', source.group, (node % 3) + 1);
}
