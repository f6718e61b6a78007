/** Plan and publish on the in-memory ports, with a table whose ledger is known and a fold of what was published. */
import { expect } from 'vitest';
import { finish, plan, type PlanPorts, type PlanTickSettings } from '../../lambdas/protocol/plan.ts';
import type { SourcePlan } from '../../lambdas/protocol/begin.ts';
import { publish, type PublishPorts, type PublishSettings } from '../../lambdas/protocol/publish.ts';
import type { Telemetry } from '../../lambdas/protocol/ports/effects.ts';
import { recount } from '../../lambdas/protocol/recount.ts';
import { type Row } from './ports/basics.ts';
import { MemoryCheckpoints } from './ports/checkpoints.ts';
import { MemoryEvents, MemoryTelemetry, TestClock } from './ports/effects.ts';
import { textEncoders } from './ports/encoders.ts';
import { MemoryKafka } from './ports/kafka.ts';
import { MemorySnowflake } from './ports/snowflake.ts';

export const MINUTE = 60_000;
export const source: SourcePlan = {
  freshnessMs: null,
  name: 's',
  delivery: 'exactly-once',
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
  delivery: 'exactly-once',
  leaseMs: 60_000,
  transactionTimeoutMs: 60_000,
  progressTopic: null,
  maxTransactionRows: 4,
  offsetsRetentionMs: 7 * 86_400_000,
  topicChecks: 'strict',
  reserveMs: 1_000,
};

/** Mulberry32: the seed decides the run. */
export function random(seed: number): () => number {
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

export function world<T extends Telemetry = MemoryTelemetry>(own?: T) {
  const clock = new TestClock();
  const table = new Table();
  const snowflake = new MemorySnowflake();
  snowflake.scan = (kind, from, to) => table.scan(kind, from, to);
  snowflake.facts.columns = [{ name: 'V', type: 'VARCHAR', precision: null, scale: null, nullable: true }];
  const [kafka, checkpoints, events] = [new MemoryKafka(), new MemoryCheckpoints(), new MemoryEvents()];
  const telemetry = (own ?? new MemoryTelemetry()) as T;
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
    recount: () => recount(planPorts, { afterMs: 10 * MINUTE, reserveMs: 1_000 }, [source]),
    publishSettings,
    planSettings,
    planPorts,
    publishPorts,
  };
}
export type World = ReturnType<typeof world<MemoryTelemetry>>;

/** Folds the visible log by key, checking that each record's `before` is the key's previous `after`: nothing missing, twice or out of order. */
export function fold(w: World): Map<string, string> {
  const state = new Map<string, string>();
  const windows = w.checkpoints.sources.get('s')!.windows;
  const repaired = (value: string) => windows.get(Number(value.split('|')[3]!.split(':')[0]))?.kind === 'repair';
  for (const { key, value } of w.kafka.log) {
    if (value === null) {
      expect(state.has(key)).toBe(false);
      continue;
    }
    const [op, before, after] = value.split('|') as [string, string, string];
    if (op === 't') {
      state.clear();
      continue;
    }
    const repeats = op === 'r' || repaired(value);
    expect({ key, op, before }).toEqual({
      key,
      op: op === 'r' ? 'r' : after === '' ? 'd' : before === '' ? 'c' : 'u',
      before: repeats ? before : (state.get(key) ?? ''),
    });
    if (after === '') state.delete(key);
    else state.set(key, after);
  }
  return state;
}

/** Calls whatever was asked for until nothing is left. */
export async function drain(w: Pick<World, 'events' | 'publishOnce'>): Promise<void> {
  for (let round = 0; round < 50 && w.events.calls.length > 0; round++) {
    for (const { partition } of w.events.calls.splice(0)) await w.publishOnce(partition);
  }
}
