/** What bounds a source: its rate, how many publish at once, the day's budget. Each leaves the state as it was. */
import { afterEach, expect, test } from 'vitest';
import { clockOf } from '../../lambdas/invocation.ts';
import { Pace, type Rate } from '../../lambdas/protocol/pace.ts';
import type { Budget } from '../../lambdas/protocol/ports/checkpoints.ts';
import { replay } from '../../lambdas/protocol/operate.ts';
import { batchOf } from './ports/basics.ts';
import { TestClock } from './ports/effects.ts';
import { drain, fold, MINUTE, random, source, world, type World } from './world.ts';

const settings = world().publishSettings;
afterEach(() => {
  delete settings.maxRate;
  delete settings.publishers;
  delete source.publishers;
});

function filled(rows: number): World {
  const w = world();
  for (let key = 0; key < rows; key++)
    w.table.commits.push({ at: w.clock.time - 1, key: String(key), value: `v${key}` });
  return w;
}

async function begun(w: World): Promise<void> {
  await w.tick();
  w.clock.time += MINUTE;
  await w.tick();
  expect(w.checkpoints.sources.get('s')!.windows.size).toBe(1);
}

/** When each transaction was committed and how many records it had. */
function commits(w: World): { at: number; records: number }[] {
  const list: { at: number; records: number }[] = [];
  let before = 0;
  w.kafka.fault = (call, when) => {
    if (call !== 'commit' || when !== 'after') return;
    list.push({ at: w.clock.time, records: w.kafka.log.length - before });
    before = w.kafka.log.length;
  };
  return list;
}

test('a snapshot keeps its rate, each partition half of it; every row comes once', async () => {
  settings.maxRate = { unit: 'rows', perSecond: 10 };
  const w = filled(120);
  await begun(w);
  const sent = commits(w);
  for (const partition of [0, 1]) {
    const began = w.clock.time;
    sent.length = 0;
    await w.publishOnce(partition);
    const records = sent.reduce((sum, each) => sum + each.records, 0);
    expect(records).toBe(60);
    // 5 a second, in portions of a second or two.
    let sofar = 0;
    for (const { at, records: more } of sent) {
      sofar += more;
      expect(sofar).toBeLessThanOrEqual(5 * ((at - began) / 1_000) + 2 * 5 + 3);
    }
    expect(w.clock.time - began).toBeGreaterThan(9_000);
  }
  expect(w.telemetry.errors).toEqual([]);
  expect(fold(w)).toEqual(w.table.state(Infinity));
});

test('changes are not held back, a replay is', async () => {
  settings.maxRate = { unit: 'rows', perSecond: 1_000 };
  const w = filled(20);
  await begun(w);
  await drain(w);
  settings.maxRate = { unit: 'rows', perSecond: 2 };
  for (let key = 0; key < 20; key++) w.table.commits.push({ at: w.clock.time, key: String(key), value: `w${key}` });
  for (let minute = 0; minute < 2; minute++) {
    w.clock.time += MINUTE;
    await w.tick();
  }
  const before = w.clock.time;
  await drain(w);
  expect(w.clock.time).toBe(before);
  await replay(w.checkpoints, 's', new Date(before - 10 * MINUTE).toISOString());
  w.clock.time += MINUTE;
  await w.tick();
  const began = w.clock.time;
  await drain(w);
  expect(w.clock.time - began).toBeGreaterThan(10_000);
  expect(w.telemetry.errors).toEqual([]);
  expect(fold(w)).toEqual(w.table.state(Infinity));
});

test('a slow snapshot keeps its lease, and goes on in another invocation where the first one ended', async () => {
  settings.maxRate = { unit: 'rows', perSecond: 1 };
  const w = filled(120);
  await begun(w);
  let others = 0;
  const pause = w.clock.pause;
  w.clock.pause = async (ms) => {
    await pause(ms);
    const { leaseUntil } = w.checkpoints.sources.get('s')!.partitions.get(0)!;
    if (leaseUntil <= w.clock.time) others++;
  };
  w.clock.remaining = 70_000;
  const first = await w.publishOnce(0);
  expect(first).toMatchObject({ outcome: 'done' });
  expect(first.rows).toBeGreaterThan(20);
  expect(first.rows).toBeLessThan(60);
  w.clock.remaining = 900_000;
  expect((await w.publishOnce(0)).rows).toBe(60 - first.rows);
  expect(others).toBe(0);
  await w.publishOnce(1);
  expect(fold(w)).toEqual(w.table.state(Infinity));
});

test.each<Rate>([
  { unit: 'rows', perSecond: 7 },
  { unit: 'bytes', perSecond: 100 },
])('parts of a batch are the batch, at most about $perSecond $unit each', (rate) => {
  const rows = Array.from({ length: 50 }, (_, i) => [`value ${i}`, i % 7 === 0 ? null : 'x'.repeat(10), `${i}`]);
  const batch = batchOf(rows, 3);
  const pace = new Pace(rate, 1, new TestClock());
  const parts = [...pace.parts(batch)];
  const cellsOf = (part: typeof batch) =>
    Array.from({ length: part.rows * part.width }, (_, cell) => [part.offsets[2 * cell], part.offsets[2 * cell + 1]]);
  expect(parts.flatMap(cellsOf)).toEqual(cellsOf(batch));
  expect(parts.length).toBeGreaterThan(6);
  for (const part of parts.slice(0, -1)) expect(part.rows).toBeLessThanOrEqual(7);
});

test('however they start, no more publish at once than may; all is published', async () => {
  settings.publishers = 1;
  source.publishers = 1;
  const pick = random(5);
  let busy = 0;
  for (let run = 0; run < 20; run++) {
    const w = filled(8);
    await begun(w);
    let [running, most] = [0, 0];
    const open = w.kafka.open.bind(w.kafka);
    w.kafka.open = async (request) => {
      most = Math.max(most, ++running);
      const producer = await open(request);
      const close = producer.close.bind(producer);
      producer.close = async () => {
        running--;
        await close();
      };
      return producer;
    };
    // An event too many, somewhere in between.
    const outcomes = await Promise.all(
      [0, 1].map(async (partition) => {
        for (let turns = partition * Math.floor(pick() * 60); turns > 0; turns--) await Promise.resolve();
        return w.publishOnce((partition + run) % 2);
      }),
    );
    busy += outcomes.filter(({ outcome }) => outcome === 'busy').length;
    for (let round = 0; round < 6; round++) {
      w.clock.time += MINUTE * (1 + pick());
      w.events.calls.length = 0;
      await w.tick();
      expect(new Set(w.events.calls.map(({ partition }) => partition)).size).toBeLessThanOrEqual(1);
      await drain(w);
    }
    expect(most).toBe(1);
    expect(w.telemetry.errors).toEqual([]);
    expect(fold(w)).toEqual(w.table.state(Infinity));
  }
  expect(busy).toBeGreaterThan(5);
});

test('who finds others at work, or a pause, leaves what is known of its failures', async () => {
  settings.publishers = 1;
  const w = filled(8);
  await begun(w);
  const { partitions, meta } = w.checkpoints.sources.get('s')!;
  const failed = { code: 'KAFKA_FAILED', message: '', at: 1 };
  Object.assign(partitions.get(0)!, { failures: 2, lastError: failed });
  Object.assign(partitions.get(1)!, { leaseUntil: w.clock.time + MINUTE, owner: 'another' });
  expect(await w.publishOnce(0)).toMatchObject({ outcome: 'busy', opens: 0 });
  expect(partitions.get(0)).toMatchObject({ failures: 2, lastError: failed, owner: null });
  partitions.get(1)!.leaseUntil = 0;
  meta.paused = true;
  expect(await w.publishOnce(0)).toMatchObject({ outcome: 'done', opens: 0 });
  expect(partitions.get(0)).toMatchObject({ failures: 2, lastError: failed, owner: null });
});

test('a budget that is used up opens nothing and changes nothing; what waits is published; then one window has it all', async () => {
  const w = filled(8);
  let share = 0;
  const used: [number, number][] = [];
  const budget: Budget = { spent: async () => share, used: async (from, to) => void used.push([from, to]) };
  w.planPorts.budget = budget;
  await begun(w);
  expect(used.length).toBeGreaterThan(0);
  share = 1;
  const stored = w.checkpoints.sources.get('s')!;
  const statements = w.snowflake.statements.length;
  for (let minute = 0; minute < 20; minute++) {
    w.table.commits.push({ at: w.clock.time, key: String(minute % 8), value: `w${minute}` });
    w.clock.time += MINUTE;
    await w.tick();
    await w.finish();
    await w.recount();
    await drain(w);
  }
  expect(w.snowflake.statements).toHaveLength(statements);
  expect(stored.windows.size).toBe(1);
  expect(stored.meta).toMatchObject({ finishedThrough: 1, scan: null, lastError: null, paused: false });
  share = 0.99;
  w.clock.time += MINUTE;
  await w.tick();
  await drain(w);
  expect(stored.windows.size).toBe(2);
  expect(stored.windows.get(2)!.from).toBe(stored.windows.get(1)!.to);
  expect(w.telemetry.errors).toEqual([]);
  expect(fold(w)).toEqual(w.table.state(Infinity));
});

test("an invocation ends by its source's timeout, or by Lambda's own where that comes first", () => {
  const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => 300_000 };
  expect(clockOf(context).remainingMs()).toBe(300_000);
  expect(clockOf(context, 900_000).remainingMs()).toBe(300_000);
  expect(clockOf(context, 60_000).remainingMs()).toBeLessThanOrEqual(60_000);
});
