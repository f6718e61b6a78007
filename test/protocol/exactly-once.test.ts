/**
 * Plan and publish against the in-memory ports, with calls that fail before or after they took effect, workers that vanish
 * at any call, and two workers at once. Whatever happens: each row's record once, in order per key.
 */
import { expect, test } from 'vitest';
import { drain, fold, MINUTE, random, source, world } from './world.ts';

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
