/**
 * Plan and publish against the in-memory ports, with calls that fail before or after they took effect, workers that vanish
 * at any call, and two workers at once. Whatever happens: each row's record once, in order per key.
 */
import { expect, test } from 'vitest';
import { finish, plan, type PlanPorts, type PlanTickSettings } from '../../lambdas/protocol/plan.ts';
import type { SourcePlan } from '../../lambdas/protocol/begin.ts';
import { publish, type PublishPorts, type PublishSettings } from '../../lambdas/protocol/publish.ts';
import {
  MemoryCheckpoints,
  MemoryEvents,
  MemoryKafka,
  MemorySnowflake,
  MemoryTelemetry,
  TestClock,
  textEncoders,
  type Row,
} from './memory.ts';

const MINUTE = 60_000;
const source: SourcePlan = {
  name: 's',
  deployment: 1,
  partitions: 2,
  object: { database: 'DB', schema: 'S', name: 'T' },
  information: 'DEFAULT',
  key: ['ID'],
  topic: 't',
  topicPartitions: 3,
};
const planSettings: PlanTickSettings = {
  safetyLagMs: 30_000,
  marginMs: 5_000,
  maxWindowMs: 15 * MINUTE,
  maxOpenWindows: 64,
  maxSnapshots: 4,
  keepWindowsMs: 1e12,
  reserveMs: 1_000,
};
const publishSettings: PublishSettings = {
  leaseMs: 60_000,
  transactionTimeoutMs: 60_000,
  maxTransactionRows: 4,
  offsetsRetentionMs: 7 * 86_400_000,
  topicChecks: 'strict',
  reserveMs: 1_000,
};

/** Mulberry32: the seed decides the run. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A table with a ledger: commits of (time, key, value or null). Its scans are what Snowflake's would be. */
class Table {
  readonly commits: { at: number; key: string; value: string | null }[] = [];
  state(at: number): Map<string, string> {
    const state = new Map<string, string>();
    for (const commit of this.commits) {
      if (commit.at > at) break;
      if (commit.value === null) state.delete(commit.key);
      else state.set(commit.key, commit.value);
    }
    return state;
  }
  scan(kind: string, from: string | null, to: string): Row[] {
    const row = (key: string, action: string, value: string): Row => [
      value,
      key,
      action,
      null,
      String(Number(key) % 2),
    ];
    const after = this.state(Date.parse(to));
    if (kind === 'snapshot') return [...after].sort().map(([key, value]) => row(key, 'INSERT', value));
    const before = this.state(Date.parse(from!));
    return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key) => {
      const [was, is] = [before.get(key), after.get(key)];
      if (was === is) return [];
      return [
        ...(was === undefined ? [] : [row(key, 'DELETE', was)]),
        ...(is === undefined ? [] : [row(key, 'INSERT', is)]),
      ];
    });
  }
}

function world() {
  const clock = new TestClock();
  const table = new Table();
  const snowflake = new MemorySnowflake();
  snowflake.scan = (kind, from, to) => table.scan(kind, from, to);
  snowflake.facts.columns = [{ name: 'V', type: 'VARCHAR', precision: null, scale: null, nullable: true }];
  const [kafka, checkpoints, events, telemetry] = [
    new MemoryKafka(),
    new MemoryCheckpoints(),
    new MemoryEvents(),
    new MemoryTelemetry(),
  ];
  const planPorts: PlanPorts = { snowflake, checkpoints, events, telemetry, clock };
  const publishPorts: PublishPorts = { ...planPorts, kafka, encoders: textEncoders };
  source.key = ['V'];
  let workers = 0;
  return {
    clock,
    table,
    snowflake,
    kafka,
    checkpoints,
    events,
    telemetry,
    publishOnce: (partition: number) => publish(publishPorts, publishSettings, 's', partition, `w${++workers}`),
    tick: async () => {
      snowflake.reading = {
        now: clock.time,
        token: String(table.commits.filter((commit) => commit.at <= clock.time).length),
      };
      await plan(planPorts, planSettings, [source], [source]);
    },
    finish: () => finish(planPorts, planSettings, [source]),
  };
}
type World = ReturnType<typeof world>;

/** Folds the visible log by key, checking that each record's `before` is the key's previous `after`: nothing missing, twice or out of order. */
function fold(w: World): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of w.kafka.log) {
    if (value === null) {
      expect(state.has(key)).toBe(false);
      continue;
    }
    const [op, before, after] = value.split('|') as [string, string, string];
    expect({ key, op, before }).toEqual({
      key,
      op: op === 'r' ? 'r' : before === '' ? 'c' : after === '' ? 'd' : 'u',
      before: state.get(key) ?? '',
    });
    if (after === '') state.delete(key);
    else state.set(key, after);
  }
  return state;
}

/** Calls whatever was asked for until nothing is left. */
async function drain(w: World): Promise<void> {
  for (let round = 0; round < 50 && w.events.calls.length > 0; round++) {
    for (const { partition } of w.events.calls.splice(0)) await w.publishOnce(partition);
  }
}

test('snapshot, hand-over and changes without faults: as many transactions as needed, one scan a window', async () => {
  const w = world();
  for (let key = 0; key < 20; key++) w.table.commits.push({ at: w.clock.time - 1, key: String(key), value: `v${key}` });
  for (let tick = 0; tick < 14; tick++) {
    if (tick < 12 && tick % 3 === 1)
      w.table.commits.push({ at: w.clock.time + 7, key: String(tick), value: `t${tick}` });
    if (tick === 4) w.table.commits.push({ at: w.clock.time + 9, key: '3', value: null });
    await w.tick();
    await drain(w);
    w.clock.time += MINUTE;
  }
  expect(fold(w)).toEqual(w.table.state(Infinity));
  const windows = await w.checkpoints.headNumber('s');
  expect(w.snowflake.statements).toHaveLength(windows);
  expect(w.telemetry.errors).toEqual([]);
});

test('a layout with another topic: each window goes to its own topic, in order per key', async () => {
  const w = world();
  for (let key = 0; key < 9; key++) w.table.commits.push({ at: w.clock.time - 1, key: String(key), value: `v${key}` });
  const change = { ...source };
  for (let tick = 0; tick < 12; tick++) {
    if (tick === 4) Object.assign(source, { topic: 't2', topicPartitions: 5, deployment: 2 });
    // Nobody publishes until windows of both layouts wait, so that one invocation meets both.
    w.table.commits.push({ at: w.clock.time + 7, key: String(tick % 9), value: `t${tick}` });
    await w.tick();
    if (tick > 6) await drain(w);
    w.clock.time += 20 * MINUTE;
  }
  for (let tick = 0; tick < 3; tick++) {
    await w.tick();
    await drain(w);
    w.clock.time += 20 * MINUTE;
  }
  Object.assign(source, change);
  expect(w.telemetry.errors).toEqual([]);
  expect(fold(w)).toEqual(w.table.state(Infinity));
  const windows = new Map<number, Set<string>>();
  for (const { value, topic } of w.kafka.log) {
    if (value === null) continue;
    const number = Number(value.split('|')[3]!.split(':')[0]);
    windows.set(number, (windows.get(number) ?? new Set()).add(topic));
  }
  const stored = w.checkpoints.sources.get('s')!;
  for (const [number, topics] of windows) {
    expect([...topics]).toEqual([stored.layouts.get(stored.windows.get(number)!.layout)!.topic]);
  }
  expect(new Set([...windows.values()].flatMap((topics) => [...topics]))).toEqual(new Set(['t', 't2']));
});

test('an error in the last seconds of an invocation is told and kept', async () => {
  const w = world();
  w.table.commits.push({ at: w.clock.time - 1, key: '1', value: 'a' });
  for (let tick = 0; tick < 3; tick++) {
    await w.tick();
    w.clock.time += MINUTE;
  }
  w.kafka.fault = (call, when) => {
    if (call !== 'commit' || when !== 'before') return;
    w.clock.remaining = 500;
    throw new Error('late');
  };
  expect(await w.publishOnce(1)).toMatchObject({ outcome: 'failed' });
  const item = (await w.checkpoints.partition('s', 1))!;
  expect(item).toMatchObject({ lastError: { code: 'UNEXPECTED' }, position: null });
  expect(item.open).not.toBeNull();
});

test('a quiet source scans nothing', async () => {
  const w = world();
  w.table.commits.push({ at: w.clock.time - 1, key: '1', value: 'a' });
  for (let tick = 0; tick < 30; tick++) {
    await w.tick();
    await w.finish();
    await drain(w);
    w.clock.time += MINUTE;
  }
  expect(w.snowflake.statements).toHaveLength(1);
  // One gate a tick, and one more on each tick before T0.
  expect(w.snowflake.gates).toBe(32);
});

test.each(Array.from({ length: 150 }, (_, seed) => seed))('faults everywhere, seed %i', async (seed) => {
  const w = world();
  const next = random(seed);
  let rate = 0.06;
  const fault = (call: string, when: 'before' | 'after') => {
    if (next() < rate) throw new Error(`fault ${when} ${call}`);
  };
  w.snowflake.fault = fault;
  w.kafka.fault = fault;
  w.checkpoints.fault = fault;
  w.snowflake.batchRows = 1 + Math.floor(next() * 5);
  let value = 0;
  const commit = () => {
    const key = String(Math.floor(next() * 25));
    const gone = w.table.state(Infinity).has(key) && next() < 0.3;
    w.table.commits.push({ at: w.clock.time + Math.floor(next() * 1_000), key, value: gone ? null : `v${++value}` });
    w.table.commits.sort((a, b) => a.at - b.at);
  };
  for (let i = 0; i < 15; i++) commit();
  for (let tick = 0; tick < 30; tick++) {
    if (tick > 20) rate = 0;
    if (tick < 18) for (let i = next() * 6; i > 1; i--) commit();
    const swallow = () => undefined;
    await w.tick().catch(swallow);
    await w.finish().catch(swallow);
    // Two invocations of a partition at once, doubled and forgotten events.
    const calls = w.events.calls.splice(0).filter(() => next() > 0.1 || rate === 0);
    const work = calls.flatMap(({ partition }) => (next() < 0.3 ? [partition, partition] : [partition]));
    await Promise.all(work.map((partition) => w.publishOnce(partition).catch(swallow)));
    w.clock.time += MINUTE;
    if (tick === 22) await w.checkpoints.resume('s');
  }
  for (let tick = 0; tick < 5; tick++) {
    await w.tick();
    await drain(w);
    w.clock.time += MINUTE;
  }
  expect(Object.fromEntries(fold(w))).toEqual(Object.fromEntries(w.table.state(Infinity)));
});
