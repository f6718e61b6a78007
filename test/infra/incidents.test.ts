/**
 * Incidents replayed minute by minute: the protocol runs on in-memory ports, tells what it does through the real telemetry, and
 * the alarms of the template are evaluated on the metrics in its log. What heals by itself wakes nobody; what does not wakes
 * somebody once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { root, synthesize } from '../../infra/synthesize.ts';
import { createTelemetry } from '../../lambdas/aws/telemetry.ts';
import { loadForStack, readConfigFile } from '../../lambdas/config/load.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { parseEmf } from '../../local/aws/emf.ts';
import { MINUTE, source, world } from '../protocol/world.ts';
import { emptyBundles } from './configs.ts';
import { dimensionsOf, Evaluator } from './evaluate.ts';

const dist = mkdtempSync(join(tmpdir(), 'snowmelt-incidents-'));
emptyBundles(dist);
afterAll(() => rmSync(dist, { recursive: true }));
const path = 'config/example.yaml';
const template = synthesize(loadForStack(readConfigFile(join(root, path)), { path, deployment: 1 }), dist);
const idOf = (type: string, name: RegExp) =>
  Object.keys(template.Resources).find((id) => template.Resources[id]!.Type === type && name.test(id))!;
const PLAN = idOf('AWS::Lambda::Function', /^Plan/);
const PLAN_FAILURES = idOf('AWS::SQS::Queue', /^PlanFailures/);

let printed: string[] = [];
beforeEach(() => {
  // Powertools then prints through the console that a test can listen to.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  for (const level of ['log', 'info', 'error', 'warn'] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void printed.push(String(line)));
  }
  source.freshnessMs = 15 * MINUTE;
});
afterEach(() => {
  source.freshnessMs = null;
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

type Day = ReturnType<typeof startDay>;
/** What of a minute does not happen. */
type Lack = { ticks?: 'none' | 'throttled' | SnowmeltError; writes?: false };

function startDay() {
  const telemetry = createTelemetry('shop', 'test');
  const w = world(telemetry);
  const evaluator = new Evaluator(template);
  let minute = 0;
  let keys = 0;
  const pages: { minute: number; because: string[] }[] = [];
  const tickets = new Set<string>();
  let paging = false;
  const aws = (namespace: string, name: string, dimension: string, id: string) =>
    evaluator.add({
      namespace,
      name,
      minute,
      values: [1],
      dimensions: dimensionsOf([{ Name: dimension, Value: { Ref: id } }]),
    });

  /** As the handler does it: what ends an invocation goes to the failure queue. */
  const invoke = async (lack: Lack['ticks'], work: () => Promise<void>) => {
    if (lack === 'none') return;
    if (lack === 'throttled') {
      aws('AWS/Lambda', 'Throttles', 'FunctionName', PLAN);
      aws('AWS/SQS', 'NumberOfMessagesSent', 'QueueName', PLAN_FAILURES);
      return;
    }
    try {
      if (lack !== undefined) throw lack;
      await work();
    } catch (error) {
      telemetry.error(error as Error);
      aws('AWS/SQS', 'NumberOfMessagesSent', 'QueueName', PLAN_FAILURES);
    }
    telemetry.flush();
  };

  const pass = async (minutes: number, lack: Lack = {}) => {
    for (let i = 0; i < minutes; i++, minute++) {
      if (lack.writes !== false)
        w.table.commits.push({ at: w.clock.time - 1, key: String(keys++ % 40), value: `v${keys}` });
      printed = [];
      await invoke(lack.ticks, () => w.tick());
      await invoke(lack.ticks, async () => {
        await w.finish();
        telemetry.total('Ticks', 1);
        const { budget } = w.planPorts;
        if (budget !== undefined) telemetry.total('BudgetPercent', 100 * (await budget.spent(w.clock.time)));
      });
      for (let calls = w.events.calls.splice(0); calls.length > 0; calls = w.events.calls.splice(0)) {
        if (lack.ticks === 'throttled') break;
        for (const { partition } of calls) await w.publishOnce(partition);
        telemetry.flush();
        if (calls.length > 20) throw new Error('events without end');
      }
      for (const line of printed) {
        for (const { namespace, name, values, dimensions } of parseEmf(line) ?? []) {
          const named = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
          evaluator.add({ namespace, name, values, minute, dimensions: dimensionsOf(named) });
        }
      }
      const alarms = evaluator.inAlarm(minute).map((id) => id.replace(/(Alarm)?[0-9A-F]{8}$/, ''));
      if (alarms.includes('Pager') && !paging) pages.push({ minute, because: alarms.filter((id) => id !== 'Pager') });
      paging = alarms.includes('Pager');
      for (const id of alarms) if (id !== 'Pager') tickets.add(id);
      w.clock.time += MINUTE;
    }
  };
  return { w, pass, pages, tickets, minute: () => minute };
}

/** An hour of traffic comes before each incident, so that everything is at work. */
async function ordinaryHour(): Promise<Day> {
  const day = startDay();
  await day.pass(60);
  expect(day.pages).toEqual([]);
  expect([...day.tickets]).toEqual([]);
  return day;
}

const failing = (code: 'KAFKA_UNREACHABLE' | 'SNOWFLAKE_UNREACHABLE' | 'KAFKA_FAILED') => () => {
  throw new SnowmeltError(code, 'replayed');
};

test('a day without a change, and the first one after it: 0 pages', async () => {
  const day = await ordinaryHour();
  await day.pass(200, { writes: false });
  await day.pass(10);
  expect(day.pages).toEqual([]);
  expect([...day.tickets]).toEqual([]);
});

test('a rolling restart of three brokers, two minutes each: 0 pages', async () => {
  const day = await ordinaryHour();
  for (let broker = 0; broker < 3; broker++) {
    day.w.kafka.fault = failing('KAFKA_UNREACHABLE');
    await day.pass(2);
    day.w.kafka.fault = () => undefined;
    await day.pass(1);
  }
  await day.pass(10);
  expect(day.pages).toEqual([]);
});

test('three minutes without Snowflake: 0 pages', async () => {
  const day = await ordinaryHour();
  day.w.snowflake.fault = failing('SNOWFLAKE_UNREACHABLE');
  await day.pass(3);
  day.w.snowflake.fault = () => undefined;
  await day.pass(10);
  expect(day.pages).toEqual([]);
});

test('one throttled minute: 0 pages', async () => {
  const day = await ordinaryHour();
  await day.pass(1, { ticks: 'throttled' });
  await day.pass(10);
  expect(day.pages).toEqual([]);
});

test('a dead scheduler: 1 page, within two minutes', async () => {
  const day = await ordinaryHour();
  const since = day.minute();
  await day.pass(40, { ticks: 'none' });
  expect(day.pages).toEqual([{ minute: since + 1, because: ['Ticks'] }]);
});

test('a wrong secret: 1 page, within two minutes', async () => {
  const day = await ordinaryHour();
  const since = day.minute();
  await day.pass(40, { ticks: new SnowmeltError('SECRET_UNREADABLE', 'Secret snowmelt/snowflake is not JSON.') });
  expect(day.pages).toEqual([{ minute: since + 1, because: ['Ticks'] }]);
});

test('a partition that fails every time: 1 page, within two minutes of being stopped', async () => {
  const day = await ordinaryHour();
  day.w.kafka.fault = failing('KAFKA_FAILED');
  let stopped: number | null = null;
  for (let i = 0; i < 40; i++) {
    await day.pass(1);
    const partitions = [...day.w.checkpoints.sources.get('s')!.partitions.values()];
    if (partitions.some(({ state }) => state === 'needs-operator')) stopped ??= day.minute() - 1;
  }
  expect(stopped).not.toBeNull();
  expect(day.pages).toEqual([{ minute: expect.any(Number) as number, because: ['NeedsOperator'] }]);
  expect(day.pages[0]!.minute - stopped!).toBeLessThanOrEqual(2);
});

test('a partition that Kafka does not answer: 1 page, for it makes no progress', async () => {
  const day = await ordinaryHour();
  const since = day.minute();
  day.w.kafka.fault = failing('KAFKA_UNREACHABLE');
  await day.pass(40);
  expect(day.pages.map(({ because }) => because)).toEqual([['Stalled']]);
  expect(day.pages[0]!.minute - since).toBeLessThanOrEqual(14);
});

test('a lost history: 1 page, within two minutes', async () => {
  const day = await ordinaryHour();
  const since = day.minute();
  day.w.snowflake.facts.createdOn = 'recreated';
  await day.pass(40);
  expect(day.pages).toEqual([{ minute: expect.any(Number) as number, because: ['NeedsOperator'] }]);
  expect(day.pages[0]!.minute - since).toBeLessThanOrEqual(2);
});

test("the day's budget is used up: a ticket at once, a page once it is too old for its consumers, none when there is more", async () => {
  const day = await ordinaryHour();
  let share = 1;
  day.w.planPorts.budget = { spent: async () => share, used: async () => undefined };
  const since = day.minute();
  await day.pass(10);
  expect([...day.tickets]).toEqual(['BudgetSpent']);
  expect(day.pages).toEqual([]);
  await day.pass(10);
  expect(day.pages).toEqual([
    { minute: expect.any(Number) as number, because: expect.arrayContaining(['Freshness']) as string[] },
  ]);
  expect(day.pages[0]!.minute - since).toBeGreaterThan(10);
  share = 0;
  await day.pass(20);
  expect(day.pages).toHaveLength(1);
});

test('a source that somebody pauses: 0 pages', async () => {
  const day = await ordinaryHour();
  day.w.checkpoints.sources.get('s')!.meta.paused = true;
  await day.pass(120);
  expect(day.pages).toEqual([]);
});
