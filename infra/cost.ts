/**
 * What a month of a configuration costs, by part, beside the same load on MSK Connect with a JDBC connector and on a poller that asks
 * the warehouse each minute. An estimate from list prices and stated assumptions, no more. No CDK: told by `npm run cost` and
 * `npx snowmelt init`.
 */
import { connectionWarnings, publishersAtOnce } from './quotas.ts';
import type { Infrastructure } from '../lambdas/config/load.ts';
import { mostSources } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig, SharedSettings } from '../lambdas/config/resolved.ts';
import { intervalOf } from '../lambdas/config/schedule.ts';

/** US dollars, list prices of us-east-1 and of Snowflake's Enterprise edition, as known in November 2026. Check yours. */
export const PRICES = {
  scheduleMillion: 1,
  schedulesFree: 14e6,
  invocationMillion: 0.2,
  gbSecondArm: 0.0000133334,
  eventMillion: 1,
  writeMillion: 0.625,
  readMillion: 0.125,
  logGb: 0.5,
  metric: 0.3,
  alarm: 0.1,
  dashboard: 3,
  natHour: 0.045,
  natGb: 0.045,
  endpointHour: 0.01,
  connectMcuHour: 0.11,
  creditXsHour: 3,
};

/** How long the warehouse reads one window, minutes of a day in which a source has changed, rows a day of all sources. */
export type Load = { windowSeconds: number; changedMinutes: number; rows: number };
/** What is assumed where nobody says more. */
export const USUAL: Load = { windowSeconds: 5, changedMinutes: 240, rows: 1_000_000 };
export type Line = { part: string; dollars: number };

const DAYS = 30;
const MONTH_MINUTES = DAYS * 1440;
const HOURS = DAYS * 24;
const MINUTE_MS = 60_000;
const PLAN_GB = 1;
const PUBLISH_GB = 1769 / 1024;
/** A tick waits for the gate and writes little; seconds. */
const IDLE_TICK_S = 1;
const ROWS_A_SECOND = 50_000;
const ROW_BYTES = 500;
const LINE_BYTES = 400;
const RESUME_S = 60;
/** Gauges and counters that a source has in an ordinary hour. */
const METRICS_A_SOURCE = 9;
const METRICS_IN_ALL = 16;
const ALARMS = 13;

/** Of a pattern as many sources as it may have. */
export function monthly(config: ResolvedConfig, inVpc: boolean, endpoints: boolean, load: Load): Line[] {
  const sources = mostSources(config);
  const ticksOf = (every: string) => MONTH_MINUTES / ((intervalOf(every) ?? 5 * MINUTE_MS) / MINUTE_MS);
  const schedules = [...new Set(sources.map(({ every }) => every))];
  const ticks = schedules.reduce((sum, every) => sum + ticksOf(every), MONTH_MINUTES + HOURS);
  const changed = load.changedMinutes / 1440;
  const windowsOf = (source: SharedSettings) => (MONTH_MINUTES / minutesOf(source)) * changed;
  const windows = sources.reduce((sum, source) => sum + windowsOf(source), 0);
  const calls = sources.reduce((sum, source) => sum + windowsOf(source) * source.partitions, 0);
  const looks = sources.reduce((sum, source) => sum + MONTH_MINUTES / minutesOf(source) + MONTH_MINUTES, 0);
  // Who is polled within the minute has a plan that runs all the time.
  const polled = sources.some(({ pollMs }) => pollMs !== undefined) ? MONTH_MINUTES * 60 : 0;
  const planSeconds = ticks * IDLE_TICK_S + Math.max(polled, warehouseSeconds(config, load));
  const publishSeconds = calls * 2 + (load.rows * DAYS) / ROWS_A_SECOND;
  const gb = (load.rows * DAYS * ROW_BYTES) / 1e9;
  const million = (count: number, price: number) => (count / 1e6) * price;
  const p = PRICES;
  const hour = p.creditXsHour * (config.budget?.creditsPerHour ?? 1);
  const network = endpoints ? 3 * 2 * p.endpointHour * HOURS : inVpc ? 2 * p.natHour * HOURS + gb * p.natGb : 0;
  return [
    { part: 'schedules', dollars: million(Math.max(0, ticks - p.schedulesFree), p.scheduleMillion) },
    {
      part: 'invocations, events',
      dollars: million(ticks + calls, p.invocationMillion) + million(calls, p.eventMillion),
    },
    { part: 'GB-seconds', dollars: (planSeconds * PLAN_GB + publishSeconds * PUBLISH_GB) * p.gbSecondArm },
    {
      part: 'DynamoDB',
      dollars: million(windows * 6 + calls * 5, p.writeMillion) + million(looks * 4 + calls * 6, p.readMillion),
    },
    { part: 'logs', dollars: ((looks + calls * 4 + windows * 3) * LINE_BYTES * p.logGb) / 1e9 },
    {
      part: 'metrics, alarms, dashboard',
      dollars: (sources.length * METRICS_A_SOURCE + METRICS_IN_ALL) * p.metric + ALARMS * p.alarm + p.dashboard,
    },
    { part: 'network', dollars: network },
    { part: 'Snowflake, changes', dollars: (warehouseSeconds(config, load) / 3600) * hour },
    // Twice a day at a retention of one day, all quiet sources in one resume.
    { part: 'Snowflake, idle', dollars: ((2 * DAYS * (RESUME_S + sources.length)) / 3600) * hour },
  ];
}

/** How often a source is looked at. */
function minutesOf({ every, pollMs }: SharedSettings): number {
  return (pollMs ?? intervalOf(every) ?? 5 * MINUTE_MS) / MINUTE_MS;
}

/** Sources that changed are read back to back in one resume, and a resume is billed for a minute at least. */
function warehouseSeconds(config: ResolvedConfig, { windowSeconds, changedMinutes }: Load): number {
  const sources = mostSources(config);
  const quickest = Math.min(...sources.map(minutesOf));
  const resumes = (DAYS * changedMinutes) / quickest;
  return resumes * Math.min(quickest * 60, Math.max(RESUME_S, sources.length * windowSeconds + RESUME_S));
}

export function others(config: ResolvedConfig, load: Load): Line[] {
  const sources = mostSources(config);
  const p = PRICES;
  const workers = Math.max(1, Math.ceil(sources.length / 20));
  const awake = (minutes: number) => ((DAYS * minutes) / 60) * p.creditXsHour;
  return [
    { part: 'MSK Connect and JDBC, polling each minute', dollars: workers * p.connectMcuHour * HOURS + awake(1440) },
    { part: 'a Lambda that asks the warehouse each minute', dollars: million1(sources.length) + awake(1440) },
    {
      part: 'the same, only while something changes',
      dollars: million1(sources.length) + awake(Math.min(1440, load.changedMinutes + 2)),
    },
  ];
}

function million1(sources: number): number {
  return MONTH_MINUTES * sources * (PRICES.invocationMillion / 1e6 + 2 * PUBLISH_GB * PRICES.gbSecondArm);
}

/** What the warehouse takes of it, in credits. */
export function creditsOf(lines: readonly Line[]): number {
  return total(lines.filter(({ part }) => part.startsWith('Snowflake'))) / PRICES.creditXsHour;
}

export function total(lines: readonly Line[]): number {
  return lines.reduce((all, { dollars }) => all + dollars, 0);
}

/** All of it as text. */
export function tellCost(config: ResolvedConfig, infrastructure: Infrastructure, load: Load): string[] {
  const { vpc } = infrastructure;
  const lines = monthly(config, vpc !== undefined, vpc?.endpoints !== undefined, load);
  const told = ({ part, dollars }: Line) => `${part.padEnd(48)} $ ${dollars.toFixed(2).padStart(10)}`;
  const { budget } = config;
  const most = config.patterns === undefined ? '' : ', of patterns as many as `maxTables` lets';
  const dearest = budget === undefined ? 0 : DAYS * budget.creditsPerDay * PRICES.creditXsHour;
  return [
    `A month of ${config.app}: ${mostSources(config).length} sources${most}, ${JSON.stringify(load)}`,
    ...lines.map(told),
    told({ part: 'in all', dollars: total(lines) }),
    '',
    'The same load, Kafka and network apart:',
    ...others(config, load).map(told),
    ...(budget === undefined
      ? []
      : ['', `Budget: ${budget.creditsPerDay} credits a day, $ ${dearest.toFixed(2)} a month at most`]),
    '',
    `Connections: up to ${publishersAtOnce(config, infrastructure)} invocations of publish at once, each with a connection to every broker it needs`,
    ...connectionWarnings(config, infrastructure).map((warning) => `Warning: ${warning}`),
  ];
}
