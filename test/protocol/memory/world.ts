/**
 * Planner and publishers over ports in memory. Checkpoints are the product's own (lambdas/checkpoints) on a table in memory;
 * whoever imports this must have put dynamodb.ts in the place of the AWS SDK's client.
 */
import { createCheckpoints } from '../../../lambdas/checkpoints/store.ts';
import type { SourcePlan } from '../../../lambdas/protocol/begin.ts';
import { windowDigest } from '../../../lambdas/protocol/digest.ts';
import { finish, plan, type PlanPorts, type PlanTickSettings } from '../../../lambdas/protocol/plan.ts';
import type { Checkpoints } from '../../../lambdas/protocol/ports/checkpoints.ts';
import type { Clock, Events, Notices, Telemetry } from '../../../lambdas/protocol/ports/effects.ts';
import type { Delivery, Kafka } from '../../../lambdas/protocol/ports/kafka.ts';
import type { Snowflake } from '../../../lambdas/protocol/ports/snowflake.ts';
import type { Notice } from '../../../lambdas/protocol/ports/state.ts';
import { publish, type PublishPorts, type PublishSettings } from '../../../lambdas/protocol/publish.ts';
import type { Window } from '../../../lambdas/protocol/window.ts';
import { SnowmeltError } from '../../../lambdas/errors.ts';
import { Broker } from './broker.ts';
import { MemoryTable, useTable } from './dynamodb.ts';
import { guard } from './guard.ts';
import { MemoryKafka } from './kafka.ts';
import { Ledger, type ScanText } from './ledger.ts';
import { textEncoders } from './records.ts';
import { MemorySnowflake } from './snowflake.ts';
import { Wire, type Worker } from './wire.ts';

export const MINUTE = 60_000;
export const DAY = 1_440 * MINUTE;
const START = Date.parse('2026-01-01T00:00:00.000Z');
/** A tick of the schedule, and a little more than a lease: who died is succeeded on the next one. */
export const TICK = MINUTE + 1_000;

/** Mulberry32: the seed decides the run. */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let worlds = 0;

export class World {
  readonly #time = () => this.clock.time;
  readonly wire = new Wire();
  readonly ledger = new Ledger();
  readonly table = new MemoryTable(this.wire);
  readonly clock: Clock & { time: number } = {
    time: START,
    now: () => this.#time(),
    remainingMs: () => 900_000,
    pause: async (ms) => void (this.clock.time += ms),
  };
  readonly planSettings: PlanTickSettings = {
    safetyLagMs: 30_000,
    marginMs: 5_000,
    maxWindowMs: 15 * MINUTE,
    maxOpenWindows: 64,
    maxSnapshots: 4,
    keepWindowsMs: 5 * MINUTE,
    reserveMs: 1_000,
  };
  readonly publishSettings: PublishSettings = {
    delivery: 'exactly-once',
    leaseMs: MINUTE,
    transactionTimeoutMs: MINUTE,
    progressTopic: null,
    maxTransactionRows: 4,
    offsetsRetentionMs: 7 * DAY,
    topicChecks: 'strict',
    reserveMs: 1_000,
  };
  readonly source: SourcePlan = {
    freshnessMs: null,
    name: 's',
    delivery: 'exactly-once',
    deployment: 1,
    partitions: 2,
    object: { database: 'DB', schema: 'S', name: 'T' },
    information: 'DEFAULT',
    key: ['K'],
    // Each world looks at the settings of its topic anew.
    topic: `t${++worlds}`,
    topicPartitions: 3,
  };
  readonly snowflake = new MemorySnowflake(this.wire, this.ledger, this.#time);
  readonly broker = new Broker(this.#time, this.publishSettings.offsetsRetentionMs);
  readonly errors: SnowmeltError[] = [];
  readonly checkpoints: Checkpoints;
  readonly #plan: PlanPorts;
  readonly #publish: PublishPorts;
  /** Whether records may come twice and late: it was so at some time. */
  atLeastOnce = false;
  /** What people heard, each time that they did; null: nobody listens. */
  heard: Notice[] | null = null;
  /** Partitions that were called and not run yet. */
  called: number[] = [];
  #invocations = 0;

  constructor() {
    useTable(this.table);
    const { wire } = this;
    const store = createCheckpoints({ table: { name: 'memory', endpoint: null, region: null } });
    this.checkpoints = guard<Checkpoints>(wire, store, 'checkpoints', {
      look: 'request',
      create: 'request',
      putPartitions: 'request',
      putLayout: 'request',
      putWindow: 'request',
      updateMeta: 'request',
      request: 'request',
      settle: 'request',
      noteRerun: 'request',
      requery: 'request',
      voidWindow: 'request',
      take: 'request',
      windows: 'request',
      restart: 'request',
      acquire: 'request',
      reconcile: 'request',
      commit: 'request',
      renew: 'request',
      release: 'request',
      partition: 'request',
      headNumber: 'request',
      prune: 'request',
      resume: 'request',
      activate: 'request',
      dealWith: 'request',
      audit: 'request',
      audits: 'request',
      noteTold: 'request',
    });
    const snowflake = guard<Snowflake>(wire, this.snowflake, 'snowflake', {
      gate: 'request',
      describe: 'request',
      columns: 'plain',
      statement: 'plain',
      stage: 'plain',
      copy: 'plain',
      measure: 'request',
      stages: 'request',
      drop: 'request',
      describeStream: 'request',
      describeStage: 'request',
      prepareStage: 'request',
      consumption: 'plain',
      ledger: 'request',
      streams: 'request',
      dropStream: 'request',
      submit: 'request',
      submitKeys: 'request',
      compile: 'request',
      status: 'request',
      ranges: 'request',
      abort: 'request',
      read: 'request',
      close: 'request',
    });
    const kafka = guard<Kafka>(wire, new MemoryKafka(wire, this.broker), 'kafka', {
      open: 'request',
      facts: 'request',
      inspect: 'request',
      close: 'request',
    });
    const producers: Kafka = {
      ...{
        facts: (topic) => kafka.facts(topic),
        inspect: (request) => kafka.inspect(request),
        close: () => kafka.close(),
      },
      open: async (request) =>
        guard(wire, await kafka.open(request), 'producer', {
          clusterId: 'plain',
          marker: 'plain',
          end: 'plain',
          append: 'plain',
          broadcast: 'plain',
          tell: 'plain',
          bury: 'plain',
          letterBytes: 'plain',
          ready: 'request',
          pending: 'plain',
          transactionSince: 'plain',
          commit: 'request',
          close: 'request',
        }),
    };
    const call: Events['call'] = (calls) => {
      const effect = () => void this.called.push(...calls.map(({ partition }) => partition));
      return wire.request('call', { effect, lost: (what) => new SnowmeltError('EVENTS_UNREACHABLE', what) });
    };
    const events = guard<Events>(wire, { call }, 'events', { call: 'request' });
    const telemetry: Telemetry = {
      info: () => undefined,
      error: (error) => void this.errors.push(error as SnowmeltError),
      count: () => undefined,
      gauge: () => undefined,
    };
    const { clock, checkpoints } = this;
    this.#plan = { snowflake, checkpoints, events, telemetry, clock };
    this.#publish = { ...this.#plan, kafka: producers, encoders: textEncoders };
  }

  /** Replaces the Kafka port, for rules that live in lambdas/kafka. */
  useKafka(kafka: Kafka): void {
    this.#publish.kafka = kafka;
  }

  /** From now on people are told. */
  listen(): void {
    const heard: Notice[] = [];
    this.heard = heard;
    const tell: Notices['tell'] = (_, notices) => {
      const effect = () => void heard.push(...structuredClone(notices));
      return this.wire.request('tell', { effect, lost: (what) => new SnowmeltError('EVENTS_UNREACHABLE', what) });
    };
    this.#plan.notices = guard<Notices>(this.wire, { tell }, 'notices', { tell: 'request' });
  }

  spawnPlan(): Worker {
    const { source } = this;
    return this.wire.spawn('plan', () => plan(this.#plan, this.planSettings, [source], [source]));
  }

  spawnFinish(): Worker {
    return this.wire.spawn('finish', () => finish(this.#plan, this.planSettings, [this.source]));
  }

  spawnPublish(partition: number): Worker {
    const owner = `w${++this.#invocations}`;
    return this.wire.spawn('publish', () =>
      publish(this.#publish, this.publishSettings, this.source.name, partition, owner),
    );
  }

  /** Runs a worker to its end. One that freezes lets others run a tick, all it calls and what the next one tidies, after its lease, before it goes on. */
  async run(worker: Worker): Promise<void> {
    await this.wire.run();
    if (worker.state !== 'frozen') return;
    this.clock.time += TICK;
    await this.run(this.spawnPlan());
    await this.drain();
    await this.run(this.spawnFinish());
    worker.state = 'running';
    await this.wire.run();
  }

  /** Runs who is called, one after the other, until nobody is. */
  async drain(): Promise<void> {
    for (let rounds = 0; rounds < 60 && this.called.length > 0; rounds++) {
      const [partition] = this.called.splice(0, 1);
      this.called = this.called.filter((other) => other !== partition);
      await this.run(this.spawnPublish(partition!));
    }
  }

  /** One minute of the schedules. */
  async tick(): Promise<void> {
    this.clock.time += TICK;
    await this.run(this.spawnPlan());
    await this.drain();
    await this.run(this.spawnFinish());
    await this.drain();
  }

  deliver(delivery: Delivery): void {
    this.source.delivery = delivery;
    this.publishSettings.delivery = delivery;
    this.atLeastOnce ||= delivery === 'at-least-once';
  }

  /** `ending`: of the value, for one that can't be sent. */
  commit(key: number, deletion = false, ending = ''): void {
    this.ledger.commit(this.clock.time, `k${key}`, deletion, ending);
  }

  /** Appends a window as an operator's command does: at the head, of the state at the head's `to`. */
  async append(kind: 'snapshot' | 'truncate'): Promise<Window> {
    const state = (await this.checkpoints.look(this.source.name))!;
    const head = state.head!;
    const layout = state.layouts.get(head.layout)!;
    const { information, partitions } = layout;
    const statement = this.snowflake.statement({
      kind: kind as 'snapshot',
      layout,
      columns: head.columns,
      from: head.to,
      to: head.to,
    });
    const rows = this.ledger.rows({ kind, information, partitions, from: head.to, to: head.to } satisfies ScanText);
    const queryId = await this.snowflake.submit(statement);
    const window: Omit<Window, 'digest'> = {
      ...head,
      number: head.number + 1,
      kind,
      from: head.to,
      statement,
      queryId,
      queriedAt: new Date(this.clock.time).toISOString(),
      totalRows: rows.length,
      ranges: (await this.snowflake.ranges(queryId)).ranges,
      void: false,
    };
    const whole = { ...window, digest: windowDigest(state.meta.incarnation, window) };
    await this.checkpoints.putWindow(this.source.name, whole);
    return whole;
  }
}
