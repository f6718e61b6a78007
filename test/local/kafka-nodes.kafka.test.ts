/** Several nodes of the stand-in: who answers for what, moves, and a node that is away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker } from '../../local/kafka/client.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import { findCoordinator, KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';
import { onApacheKafka } from '../apache-kafka/target.ts';

const NOT_LEADER = 6;
const NOT_COORDINATOR = 16;

describe.skipIf(onApacheKafka)('a stand-in of three nodes', () => {
  let local: LocalBroker;
  beforeAll(async () => {
    local = await startBroker({ listeners: 3, topics: [{ name: 'orders', partitions: 3, replicationFactor: 3 }] });
  });
  afterAll(() => local.stop());

  test('every node tells the same brokers and spreads the leaders over them', async () => {
    for (const broker of local.brokers) {
      using connection = await KafkaConnection.open(broker);
      const view = await readMetadata(connection, 'orders');
      expect([...view.brokers.values()]).toEqual(local.brokers);
      expect(new Set(view.leaders.values())).toEqual(new Set([1, 2, 3]));
      expect(view.replicas.get(0)?.toSorted()).toEqual([1, 2, 3]);
    }
  });

  test('only the leader of a partition answers for it, and after a move only the new one', async () => {
    await local.moveLeader('orders', 0, 1);
    expect(await codesOf(local, (c) => endOffset(c, 'orders', 0))).toEqual([0, NOT_LEADER, NOT_LEADER]);
    await local.moveLeader('orders', 0, 3);
    expect(await codesOf(local, (c) => endOffset(c, 'orders', 0))).toEqual([NOT_LEADER, NOT_LEADER, 0]);
  });

  test('only the coordinator answers for a group or a transactional id, and every node knows it', async () => {
    for (const node of [2, 3]) {
      await local.moveCoordinator('transaction', 'lane', node);
      await local.moveCoordinator('group', 'readers', node);
      for (const broker of local.brokers) {
        using connection = await KafkaConnection.open(broker);
        const address = local.brokers[node - 1];
        expect((await findCoordinator(connection, 'transaction', 'lane')).broker).toBe(address);
        expect((await findCoordinator(connection, 'group', 'readers')).broker).toBe(address);
      }
      const codes = [1, 2, 3].map((id) => (id === node ? 0 : NOT_COORDINATOR));
      expect(await codesOf(local, (c) => initProducerId(c, 'lane'))).toEqual(codes);
      expect(await codesOf(local, (c) => describeGroup(c, 'readers'))).toEqual(codes);
    }
  });

  test('a node that is away refuses connections, others lead in its place, and it is back at its address', async () => {
    await local.moveLeader('orders', 1, 2);
    using open = await KafkaConnection.open(local.brokers[1]!);
    await local.takeDown(2);
    await expect(readMetadata(open, 'orders')).rejects.toThrow('connection closed');
    await expect(KafkaConnection.open(local.brokers[1]!)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    using other = await KafkaConnection.open(local.brokers[0]!);
    const away = await readMetadata(other, 'orders');
    expect([...away.brokers.keys()]).toEqual([1, 3]);
    expect(away.leaders.get(1)).toBe(3);
    await local.bringUp(2);
    expect((await readMetadata(other, 'orders')).leaders.get(1)).toBe(2);
    using again = await KafkaConnection.open(local.brokers[1]!);
    expect(await endOffset(again, 'orders', 1)).toBe(0);
  });

  test('the last node stays up', async () => {
    await local.takeDown(1);
    await local.takeDown(2);
    await expect(local.takeDown(3)).rejects.toThrow('the last node stays up');
    await local.bringUp(1);
    await local.bringUp(2);
  });
});

/** The code each node answers with, node 1 first. */
async function codesOf(local: LocalBroker, ask: (connection: KafkaConnection) => Promise<number>): Promise<number[]> {
  const codes: number[] = [];
  for (const broker of local.brokers) {
    using connection = await KafkaConnection.open(broker);
    codes.push(await ask(connection));
  }
  return codes;
}

/** ListOffsets v1. */
async function endOffset(connection: KafkaConnection, topic: string, partition: number): Promise<number> {
  const reply = await connection.request(2, 1, (writer) => {
    writer.int32(-1).array([topic], (name) => {
      writer.string(name).array([partition], (id) => writer.int32(id).int64(-1));
    });
  });
  reply.int32();
  reply.string();
  reply.int32();
  reply.int32();
  return reply.int16();
}

/** InitProducerId v1. */
async function initProducerId(connection: KafkaConnection, id: string): Promise<number> {
  const reply = await connection.request(22, 1, (writer) => writer.string(id).int32(60_000));
  reply.int32();
  return reply.int16();
}

/** DescribeGroups v0. */
async function describeGroup(connection: KafkaConnection, group: string): Promise<number> {
  const reply = await connection.request(15, 0, (writer) => writer.array([group], (name) => writer.string(name)));
  reply.int32();
  return reply.int16();
}
