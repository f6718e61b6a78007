/** Starts the broker as a child process and gives tests and the demo a handle on it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CoordinatorKind } from './api.ts';
import type { BrokerStats, CommandName, Commands } from './commands.ts';
import type { EventQuery, RequestEvent } from './events.ts';
import type { Fault } from './faults.ts';
import type { BrokerOptions } from './options.ts';
import type { RequestMatch } from './request.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const WAIT_MS = 20_000;

export type PlacedFault = {
  /** Settles once the fault has hit `count` requests; rejects after 20 s. */
  hit(count?: number): Promise<void>;
  /** Lets go what is held; the fault hits nothing any more. */
  release(): Promise<void>;
};

export type LocalBroker = {
  /** `127.0.0.1:port` of the first node, for a client's list of brokers. */
  readonly broker: string;
  /** Of all nodes, node 1 first. */
  readonly brokers: string[];
  /** Where the commands are taken. */
  readonly control: string;
  readonly pid: number;
  fault(fault: Fault): Promise<PlacedFault>;
  clearFaults(): Promise<void>;
  /** The first matching request after an event's sequence number, waited for up to 20 s. */
  waitForRequest(match: RequestMatch, query?: Omit<EventQuery, 'match'>): Promise<RequestEvent>;
  events(query: EventQuery): Promise<RequestEvent[]>;
  lastEvent(): Promise<number>;
  expireOffsets(group: string, topic?: string, partition?: number): Promise<number>;
  expireTransactionalId(id: string): Promise<boolean>;
  deleteGroup(id: string): Promise<number>;
  deleteTopic(name: string): Promise<number>;
  advanceClock(milliseconds: number): Promise<void>;
  setUsers(users: BrokerOptions['users']): Promise<void>;
  closeConnections(): Promise<void>;
  /** Makes another node answer for a partition, or for a group or a transactional id. */
  moveLeader(topic: string, partition: number, node: number): Promise<void>;
  moveCoordinator(kind: CoordinatorKind, key: string, node: number): Promise<void>;
  /** A node's connections are closed and refused until `bringUp`; the next node takes over what it answered for. */
  takeDown(node: number): Promise<void>;
  bringUp(node: number): Promise<void>;
  stats(): Promise<BrokerStats>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Starts a broker on a free port of 127.0.0.1. It ends with `stop()` or with this process, however that ends. */
export async function startBroker(options: Partial<BrokerOptions> = {}): Promise<LocalBroker> {
  const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface(child.stdout), 'line'), exited.then(() => null)]);
  if (first === null) throw new Error('the local Kafka broker ended before it was ready');
  const ready = JSON.parse(String(first[0])) as { brokers: string[]; control: string };

  const call = async <Name extends CommandName>(
    name: Name,
    ...argument: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> => {
    const response = await fetch(`${ready.control}/${name}`, {
      method: 'POST',
      body: JSON.stringify(argument[0] ?? null),
    });
    if (!response.ok) throw new Error(`${name}: ${await response.text()}`);
    return (await response.json()) as Awaited<ReturnType<Commands[Name]>>;
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };

  return {
    broker: ready.brokers[0]!,
    brokers: ready.brokers,
    control: ready.control,
    pid: child.pid!,
    fault: async (fault) => {
      const id = await call('addFault', fault);
      return {
        hit: async (count = 1) => {
          const hits = await call('faultHits', { id, atLeast: count, timeoutMs: WAIT_MS });
          if (hits < count) throw new Error(`the fault hit ${String(hits)} requests, not ${String(count)}`);
        },
        release: async () => void (await call('releaseFault', id)),
      };
    },
    clearFaults: async () => void (await call('clearFaults')),
    waitForRequest: async (match, query = {}) => {
      const [event] = await call('events', { timeoutMs: WAIT_MS, ...query, match });
      if (event === undefined) throw new Error(`no request like ${JSON.stringify(match)} came`);
      return event;
    },
    events: (query) => call('events', query),
    lastEvent: () => call('lastEvent'),
    expireOffsets: (group, topic, partition) =>
      call('expireOffsets', {
        group,
        ...(topic === undefined ? {} : { topic }),
        ...(partition === undefined ? {} : { partition }),
      }),
    expireTransactionalId: (id) => call('expireTransactionalId', id),
    deleteGroup: (id) => call('deleteGroup', id),
    deleteTopic: (name) => call('deleteTopic', name),
    advanceClock: async (milliseconds) => void (await call('advanceClock', milliseconds)),
    setUsers: async (users) => void (await call('setUsers', users)),
    closeConnections: async () => void (await call('closeConnections')),
    moveLeader: async (topic, partition, node) => void (await call('moveLeader', { topic, partition, node })),
    moveCoordinator: async (kind, key, node) => void (await call('moveCoordinator', { kind, key, node })),
    takeDown: async (node) => void (await call('takeDown', node)),
    bringUp: async (node) => void (await call('bringUp', node)),
    stats: () => call('stats'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
