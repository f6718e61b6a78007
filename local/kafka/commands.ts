/** What a test can ask of a running broker beside Kafka's protocol: faults, events, expiry, time. One list for both ends. */
import type { CoordinatorKind } from './api.ts';
import type { Broker } from './broker.ts';
import type { EventQuery, Events, RequestEvent } from './events.ts';
import type { Fault } from './faults.ts';
import type { BrokerOptions } from './options.ts';
import type { KafkaServer } from './server.ts';

export type PartitionStats = { topic: string; partition: number; start: number; next: number; lastStable: number };

export type BrokerStats = {
  clusterId: string;
  bytesInMemory: number;
  bytesOnDisk: number;
  connections: number;
  openConnections: number;
  requests: number;
  partitions: PartitionStats[];
  groups: string[];
};

export type Commands = {
  addFault: (fault: Fault) => string;
  releaseFault: (id: string) => null;
  clearFaults: () => null;
  faultHits: (query: { id: string; atLeast: number; timeoutMs: number }) => Promise<number>;
  events: (query: EventQuery) => Promise<RequestEvent[]>;
  lastEvent: () => number;
  /** Offsets of a group as if they had expired; returns how many. */
  expireOffsets: (of: { group: string; topic?: string; partition?: number }) => number;
  /** False if a transaction of it is undecided, or if there is none. */
  expireTransactionalId: (id: string) => boolean;
  /** These return Kafka's codes, 0 if done. */
  deleteGroup: (id: string) => number;
  deleteTopic: (name: string) => number;
  /** Moves the broker's time on and does what has become due. */
  advanceClock: (milliseconds: number) => null;
  /** Who may sign in from now on, with which password; connections that are open go on. null: everybody. */
  setUsers: (users: BrokerOptions['users']) => null;
  closeConnections: () => null;
  /** From then on the node answers for the partition; the others say NOT_LEADER_OR_FOLLOWER. */
  moveLeader: (of: { topic: string; partition: number; node: number }) => null;
  /** From then on the node answers for the group or the transactional id; the others say NOT_COORDINATOR. */
  moveCoordinator: (of: { kind: CoordinatorKind; key: string; node: number }) => null;
  takeDown: (node: number) => Promise<null>;
  bringUp: (node: number) => Promise<null>;
  stats: () => BrokerStats;
};

export type CommandName = keyof Commands;

export function commandsOf(broker: Broker, server: KafkaServer, events: Events): Commands {
  const done = (act: () => void): null => {
    act();
    return null;
  };
  return {
    addFault: (fault) => server.faults.add(fault),
    releaseFault: (id) => done(() => server.faults.release(id)),
    clearFaults: () => done(() => server.faults.clear()),
    faultHits: ({ id, atLeast, timeoutMs }) => server.faults.hits(id, atLeast, timeoutMs),
    events: (query) => events.query(query),
    lastEvent: () => events.last,
    expireOffsets: ({ group, topic, partition }) => broker.groups.removeOffsets(group, topic, partition),
    expireTransactionalId: (id) => broker.transactions.forget(id),
    deleteGroup: (id) => broker.groups.delete(id),
    deleteTopic: (name) => broker.deleteTopic(name),
    advanceClock: (milliseconds) => done(() => broker.advanceClock(milliseconds)),
    setUsers: (users) => done(() => void (broker.options.users = users)),
    closeConnections: () => done(() => server.closeConnections()),
    moveLeader: ({ topic, partition, node }) => done(() => broker.nodes.moveLeader(topic, partition, node)),
    moveCoordinator: ({ kind, key, node }) => done(() => broker.nodes.moveCoordinator(kind, key, node)),
    takeDown: (node) => server.takeDown(node).then(() => null),
    bringUp: (node) => server.bringUp(node).then(() => null),
    stats: () => statsOf(broker, server),
  };
}

function statsOf(broker: Broker, server: KafkaServer): BrokerStats {
  const logs = broker.topics.all().flatMap((topic) => topic.partitions);
  return {
    clusterId: broker.options.clusterId,
    bytesInMemory: broker.sizes.inMemory,
    bytesOnDisk: broker.sizes.onDisk,
    connections: server.counts.connections,
    openConnections: server.counts.open,
    requests: server.counts.requests,
    partitions: logs.map((log) => ({
      topic: log.topic,
      partition: log.partition,
      start: log.startOffset,
      next: log.nextOffset,
      lastStable: log.lastStableOffset,
    })),
    groups: broker.groups.all().map((group) => group.id),
  };
}
