/**
 * Incidents, replayed minute by minute: the protocol runs on in-memory ports and tells what it does through the real
 * telemetry; what AWS counts (throttles, messages in the failure queues) is added. The alarms of any template can then be
 * asked what they make of it.
 */
import type { Template } from '../../infra/synthesize.ts';
import { createTelemetry } from '../../lambdas/aws/telemetry.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { parseEmf } from '../../local/aws/emf.ts';
import { UNFIT } from '../protocol/ports/encoders.ts';
import { MINUTE, source, world } from '../protocol/world.ts';
import { dimensionsOf, Evaluator } from './evaluate.ts';

/** Why a function does not do its work in a minute. */
type Failure = 'throttled' | SnowmeltError;
/** What of a minute does not happen. */
type Lack = { ticks?: 'none' | Failure; publish?: Failure; writes?: false };
/** Of long incidents: in how many minutes one is played, the others tell what that one told. */
const SLOW = 10;
/** A page is told by the alarms that ring when it begins. */
export type Verdict = { pages: { minute: number; because: string[] }[]; tickets: string[] };

const HOUR = 60;
/** An event that Lambda refuses is tried for as long before it goes to the failure queue. */
const EVENT_AGE = 5;

export type Day = Awaited<ReturnType<typeof startDay>>;

/** `printed` hands over the lines that were printed since it was last called. */
export function startDay(template: Template, printed: () => string[], freshnessMs: number | null) {
  const idOf = (type: string, name: RegExp) =>
    Object.keys(template.Resources).find((id) => template.Resources[id]!.Type === type && name.test(id))!;
  const workers = {
    plan: idOf('AWS::Lambda::Function', /^Plan[0-9A-F]/),
    publish: idOf('AWS::Lambda::Function', /^Publish[0-9A-F]/),
  };
  const queues = {
    plan: idOf('AWS::SQS::Queue', /^PlanFailures/),
    publish: idOf('AWS::SQS::Queue', /^PublishFailures/),
  };
  const telemetry = createTelemetry('shop', 'test');
  const w = world(telemetry);
  source.freshnessMs = freshnessMs;
  const evaluator = new Evaluator();
  const kept = { plan: 0, publish: 0 };
  const late: { minute: number }[] = [];
  let minute = 0;
  let keys = 0;

  const aws = (namespace: string, name: string, dimension: string, id: string, value = 1) =>
    evaluator.add({
      namespace,
      name,
      minute,
      values: [value],
      dimensions: dimensionsOf([{ Name: dimension, Value: { Ref: id } }]),
    });
  const undelivered = (fn: 'plan' | 'publish') => {
    kept[fn]++;
    aws('AWS/SQS', 'NumberOfMessagesSent', 'QueueName', queues[fn]);
  };
  /** As Lambda and the handler do it: what ends an invocation goes to the failure queue. */
  const invoke = async (fn: 'plan' | 'publish', lack: Lack['ticks'], work: () => Promise<unknown>) => {
    if (lack === 'none') return;
    if (lack === 'throttled') {
      aws('AWS/Lambda', 'Throttles', 'FunctionName', workers[fn]);
      if (fn === 'plan') undelivered(fn);
      else late.push({ minute: minute + EVENT_AGE });
      return;
    }
    try {
      if (lack !== undefined) throw lack;
      await work();
    } catch (error) {
      telemetry.error(error as Error);
      undelivered(fn);
    }
    telemetry.flush();
  };
  const publishAll = async (lack: Lack) => {
    for (let calls = w.events.calls.splice(0); calls.length > 0; calls = w.events.calls.splice(0)) {
      if (calls.length > 20) throw new Error('events without end');
      for (const { partition } of calls) await invoke('publish', lack.publish, () => w.publishOnce(partition));
    }
  };

  const pass = async (minutes: number, lack: Lack = {}, step = 1) => {
    for (let i = 0; i < minutes / step; i++) {
      if (lack.writes !== false)
        w.table.commits.push({ at: w.clock.time - 1, key: String(keys++ % 40), value: `v${keys}` });
      await invoke('plan', lack.ticks, () => w.tick());
      await invoke('plan', lack.ticks, async () => {
        await w.finish();
        telemetry.total('Ticks', 1);
        const { budget } = w.planPorts;
        if (budget !== undefined) telemetry.total('BudgetPercent', 100 * (await budget.spent(w.clock.time)));
      });
      await publishAll(lack);
      while (late[0] !== undefined && late[0].minute <= minute) {
        late.shift();
        undelivered('publish');
      }
      for (const fn of ['plan', 'publish'] as const) {
        if (kept[fn] > 0) aws('AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', queues[fn], kept[fn]);
      }
      for (const { namespace, name, values, dimensions } of printed().flatMap((line) => parseEmf(line) ?? [])) {
        const named = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
        const sample = { namespace, name, values, dimensions: dimensionsOf(named) };
        for (let later = 0; later < step; later++) evaluator.add({ ...sample, minute: minute + later });
      }
      minute += step;
      w.clock.time += step * MINUTE;
    }
  };
  return { w, pass, evaluator, minute: () => minute };
}

/** What the template's alarms do in that day. */
export function judge(template: Template, { evaluator, minute }: Pick<Day, 'evaluator' | 'minute'>): Verdict {
  const pages: Verdict['pages'] = [];
  const tickets = new Set<string>();
  const urgent = new Set<string>();
  const pager = Object.values(template.Resources).find(({ Type }) => Type === 'AWS::CloudWatch::CompositeAlarm');
  const rule = JSON.stringify(pager?.Properties['AlarmRule']);
  for (const id of Object.keys(template.Resources)) if (rule.includes(`"${id}"`)) urgent.add(nameOf(id));
  let paging = false;
  for (let at = 0; at < minute(); at++) {
    const alarms = evaluator.inAlarm(template, at).map(nameOf);
    const rings = alarms.includes('Pager');
    if (rings && !paging) pages.push({ minute: at, because: alarms.filter((id) => urgent.has(id)) });
    paging = rings;
    for (const id of alarms) if (id !== 'Pager' && !urgent.has(id)) tickets.add(id);
  }
  return { pages, tickets: [...tickets].sort() };
}

/** Without what CDK appends to an id. */
export function nameOf(id: string): string {
  return id.replace(/(Alarm)?[0-9A-F]{8}$/, '');
}

export type Incident = {
  name: string;
  /** What has been going on for an hour when it begins; false: nothing, the source is new. */
  ordinary: boolean;
  /** Of the source; null: it has no objective. */
  freshnessMs: number | null;
  /** Answers the minute in which the metric that tells it first could, or nothing: the one in which it began. */
  replay: (day: Day) => Promise<number | void>;
  /** The alarms behind each page, and how many minutes after `replay`'s answer it is there at the latest. */
  pages: string[][];
  within: number;
  tickets: string[];
};

const failing = (code: 'KAFKA_UNREACHABLE' | 'SNOWFLAKE_UNREACHABLE' | 'KAFKA_FAILED') => () => {
  throw new SnowmeltError(code, 'replayed');
};
const calm = () => undefined;
const secret = (name: string) => new SnowmeltError('SECRET_UNREADABLE', `Secret ${name} is not JSON.`);
const ordinary = { ordinary: true, freshnessMs: 15 * MINUTE };
const quiet = { ...ordinary, pages: [], within: 0, tickets: [] };

export const incidents: Incident[] = [
  {
    ...quiet,
    name: 'a day without a change, and the first one after it',
    replay: async (day) => {
      await day.pass(200, { writes: false });
      await day.pass(10);
    },
  },
  {
    ...quiet,
    name: 'a rolling restart of three brokers, two minutes each',
    replay: async (day) => {
      for (let broker = 0; broker < 3; broker++) {
        day.w.kafka.fault = failing('KAFKA_UNREACHABLE');
        await day.pass(2);
        day.w.kafka.fault = calm;
        await day.pass(1);
      }
      await day.pass(10);
    },
  },
  {
    ...quiet,
    name: 'three minutes without Snowflake',
    replay: async (day) => {
      day.w.snowflake.fault = failing('SNOWFLAKE_UNREACHABLE');
      await day.pass(3);
      day.w.snowflake.fault = calm;
      await day.pass(10);
    },
  },
  {
    ...quiet,
    name: 'one throttled minute',
    replay: async (day) => {
      await day.pass(1, { ticks: 'throttled' });
      await day.pass(30);
    },
    tickets: ['Kept'],
  },
  {
    ...ordinary,
    name: 'a dead scheduler',
    replay: (day) => day.pass(40, { ticks: 'none' }),
    pages: [['Ticks']],
    within: 1,
    tickets: [],
  },
  {
    ...ordinary,
    name: 'a wrong secret of Snowflake',
    replay: (day) => day.pass(40, { ticks: secret('snowmelt/snowflake') }),
    pages: [['Ticks']],
    within: 1,
    tickets: ['Kept'],
  },
  {
    ...ordinary,
    name: 'a wrong secret of Kafka',
    replay: (day) => day.pass(40, { publish: secret('AmazonMSK_snowmelt') }),
    pages: [['Undelivered']],
    within: 5,
    tickets: ['Kept'],
  },
  {
    ...ordinary,
    name: 'publish gets no place for half an hour',
    replay: (day) => day.pass(30, { publish: 'throttled' }),
    pages: [['Throttled']],
    within: 5,
    tickets: ['Kept'],
  },
  {
    ...ordinary,
    name: 'a partition that fails every time',
    replay: async (day) => {
      day.w.kafka.fault = failing('KAFKA_FAILED');
      let stopped: number | null = null;
      for (let i = 0; i < 40; i++) {
        await day.pass(1);
        const partitions = [...day.w.checkpoints.sources.get('s')!.partitions.values()];
        if (partitions.some(({ state }) => state === 'needs-operator')) stopped ??= day.minute() - 1;
      }
      if (stopped === null) throw new Error('nothing was stopped');
      return stopped;
    },
    pages: [['NeedsOperator']],
    within: 2,
    tickets: [],
  },
  {
    ...ordinary,
    name: 'a lost history',
    replay: async (day) => {
      day.w.snowflake.facts.createdOn = 'recreated';
      await day.pass(40);
    },
    pages: [['NeedsOperator']],
    within: 2,
    tickets: [],
  },
  {
    ...ordinary,
    name: 'half an hour without Snowflake',
    replay: async (day) => {
      day.w.snowflake.fault = failing('SNOWFLAKE_UNREACHABLE');
      await day.pass(30);
    },
    pages: [['Freshness']],
    within: 17,
    tickets: [],
  },
  {
    ...ordinary,
    name: 'a partition that Kafka does not answer for a day: it makes no progress, and its result and its history run out',
    replay: async (day) => {
      day.w.kafka.fault = failing('KAFKA_UNREACHABLE');
      await day.pass(20);
      await day.pass(20 * HOUR, {}, SLOW);
    },
    pages: [['Stalled']],
    within: 14,
    tickets: ['HistoryShrinks', 'ResultExpires'],
  },
  {
    ...ordinary,
    name: 'a day without Snowflake, of a source without an objective',
    freshnessMs: null,
    replay: async (day) => {
      day.w.snowflake.fault = failing('SNOWFLAKE_UNREACHABLE');
      await day.pass(20 * HOUR, {}, SLOW);
    },
    pages: [['HistoryRunsOut']],
    within: 18 * HOUR + 2 * SLOW,
    tickets: ['HistoryShrinks'],
  },
  {
    ...ordinary,
    name: 'a new source whose table keeps no changes',
    ordinary: false,
    replay: async (day) => {
      day.w.snowflake.facts.tracking = false;
      await day.pass(2 * HOUR);
    },
    pages: [],
    within: 0,
    tickets: ['NotStarted'],
  },
  {
    ...ordinary,
    name: "the day's budget is used up, until there is more: a page once the source is too old for its consumers",
    replay: async (day) => {
      let share = 1;
      day.w.planPorts.budget = { spent: async () => share, used: async () => undefined };
      await day.pass(20);
      share = 0;
      await day.pass(20);
    },
    pages: [['Freshness']],
    within: 17,
    tickets: ['BudgetSpent'],
  },
  {
    ...quiet,
    name: 'a row that no record can carry, of a source with dead letters: somebody has to look, nobody is woken',
    replay: async (day) => {
      day.w.publishSettings.deadLetterTopic = { name: 'dead', partitions: 1 };
      day.w.table.commits.push({ at: day.w.clock.time - 1, key: '41', value: UNFIT });
      await day.pass(20);
      day.w.publishSettings.deadLetterTopic = null;
    },
    tickets: ['DeadLetters'],
  },
  {
    ...quiet,
    name: 'a source that somebody pauses',
    replay: async (day) => {
      day.w.checkpoints.sources.get('s')!.meta.paused = true;
      await day.pass(2 * HOUR);
    },
  },
];
