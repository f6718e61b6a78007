/** `pollEvery`: a tick that goes on looking until the next one comes. */
import { afterEach, expect, test } from 'vitest';
import type { SourcePlan } from '../../lambdas/protocol/begin.ts';
import { planUntil } from '../../lambdas/protocol/poll.ts';
import { drain, fold, MINUTE, source, world } from './world.ts';

const SECOND = 1_000;

afterEach(() => {
  delete source.pollMs;
});

/** A world whose gate tells what is committed by then, and when it was asked. */
function polled() {
  const w = world();
  const began = w.clock.time;
  const asked: number[] = [];
  const gate = w.snowflake.gate.bind(w.snowflake);
  w.snowflake.gate = (objects) => {
    asked.push((w.clock.time - began) / SECOND);
    const token = String(w.table.commits.filter(({ at }) => at <= w.clock.time).length);
    w.snowflake.reading = { now: w.clock.time, token };
    return gate(objects);
  };
  const tick = (due: SourcePlan[]) => planUntil(w.planPorts, w.planSettings, due, due, MINUTE);
  return { w, asked, tick };
}

test('each time its interval is over, the last time not just before the next tick', async () => {
  source.pollMs = 25 * SECOND;
  const { w, asked, tick } = polled();
  await tick([source]);
  // Twice as long as there is no T0: the token is read after the object.
  expect([...new Set(asked)]).toEqual([0, 25]);
  source.pollMs = 20 * SECOND;
  await tick([source]);
  expect([...new Set(asked)]).toEqual([0, 25, 45, 65]);
  expect(w.telemetry.errors).toEqual([]);
});

test('sources that do not ask for it are looked at once', async () => {
  const { asked, tick } = polled();
  await tick([source]);
  expect([...new Set(asked)]).toEqual([0]);
});

test('a change is read by the first look that may, and everything is published once', async () => {
  source.pollMs = 10 * SECOND;
  const { w, tick } = polled();
  const pause = w.clock.pause;
  w.clock.pause = async (ms) => {
    await drain(w);
    await pause(ms);
  };
  for (let i = 0; i < 6; i++) w.table.commits.push({ at: w.clock.time - 1, key: String(i), value: `v${i}` });
  for (let minute = 0; minute < 6; minute++) {
    for (const second of [3, 14, 41])
      w.table.commits.push({ at: w.clock.time + second * SECOND, key: String(minute), value: `${minute} ${second}` });
    const end = w.clock.time + MINUTE;
    await tick([source]);
    expect(w.clock.time).toBeLessThan(end);
    w.clock.time = end;
    await drain(w);
  }
  w.clock.time += MINUTE;
  await tick([source]);
  await drain(w);
  expect(w.telemetry.errors).toEqual([]);
  expect(fold(w)).toEqual(w.table.state(Infinity));
  // More windows than ticks.
  expect(await w.checkpoints.headNumber('s')).toBeGreaterThan(10);
});

test('a scan that outlasts the interval does not hold up the next look, and is submitted once', async () => {
  source.pollMs = 10 * SECOND;
  const { w, asked, tick } = polled();
  w.table.commits.push({ at: w.clock.time - 1, key: '1', value: 'a' });
  const began = w.clock.time;
  const endsAt = began + 150 * SECOND;
  w.snowflake.status = async (_queryId, waitMs = 0) => {
    if (w.clock.time >= endsAt) return { state: 'done' };
    w.clock.time += Math.max(1, waitMs);
    return { state: 'running' };
  };
  await tick([source]);
  w.clock.time = began + MINUTE;
  await tick([source]);
  expect(w.snowflake.statements).toHaveLength(1);
  expect(new Set(asked.map(Math.round)).size).toBeGreaterThan(10);
  expect(w.checkpoints.sources.get('s')!.windows.size).toBe(0);
  w.clock.time = endsAt;
  await tick([source]);
  expect(w.snowflake.statements).toHaveLength(1);
  expect(w.checkpoints.sources.get('s')!.windows.size).toBe(1);
  expect(w.telemetry.errors).toEqual([]);
});

test('it ends with the invocation', async () => {
  source.pollMs = 20 * SECOND;
  const { w, asked, tick } = polled();
  w.clock.remaining = 25 * SECOND;
  await tick([source]);
  expect([...new Set(asked)]).toEqual([0, 20]);
});
