/**
 * AWS on one machine, driven by the synthesised template: what `cdk deploy` would create is what runs here. Real Lambda
 * bundles in child processes behind the Runtime API; schedules, an event bus that delivers at least once, secrets, and
 * DynamoDB, all on 127.0.0.1.
 *
 * Calls of a function are allowed by the policies of its role, or refused. Not imitated: networks, alarms, frozen processes between invocations, and the limits of memory.
 */
import { EventEmitter } from 'node:events';
import { Forwarder } from './dynamo-proxy.ts';
import { startDynamoDB } from './dynamodb.ts';
import { startEndpoint } from './endpoint.ts';
import { EventBus } from './event-bus.ts';
import { accessKeyOf, Authority } from './iam/authority.ts';
import { Interceptors, type Interceptor } from './interceptors.ts';
import { LocalFunction } from './lambda/function.ts';
import type { Counters, Invocation, Notices, Outcome, Source } from './lambda/notices.ts';
import { startRuntimeApi } from './lambda/runtime-api.ts';
import { seededRandom } from './random.ts';
import { scaledClock, startTicker } from './schedules/ticker.ts';
import type { Assembly } from './template/assembly.ts';
import { configFile, isTopic, readDeployment, type Deployment, type TableSpec } from './template/resources.ts';

export type AwsOptions = {
  assembly: Assembly;
  /** Text of each secret, by the name or ARN that the configuration gives. */
  secrets?: Record<string, string>;
  /** Set for every function, over the template's; SNOWMELT_CONFIG otherwise points into the config layer. */
  environment?: Record<string, string>;
  /** Length of a schedule's minute. */
  minuteMs?: number;
  /** Probability with which an event or a tick is delivered twice. */
  doubled?: number;
  /** Instead of `doubled`: how an event or a tick is delivered, the delay of each delivery in ms; none: it is lost. */
  deliveries?: (source: Source) => number[];
  seed?: number;
  /** Starts the DynamoDB that the endpoint passes calls on to; absent: dynalite. */
  dynamodb?: (tables: TableSpec[]) => Promise<{ url: string; close(): Promise<void> }>;
  /** Environments of a function at most, where the template reserves none. */
  concurrency?: number;
  idleMs?: number;
  region?: string;
  account?: string;
};

export type LocalAws = {
  /** Endpoint of all services. */
  url: string;
  /** DynamoDB itself, for onlookers: nothing is intercepted there. */
  dynamodbUrl: string;
  deployment: Deployment;
  notices: EventEmitter<Notices>;
  counters: Readonly<Counters>;
  /** Actions by function: those that its role allows, and those that it was seen to need. */
  rights: { allowed: Map<string, Set<string>>; seen: ReadonlyMap<string, ReadonlySet<string>> };
  /** Starts the schedules. */
  startSchedules: () => void;
  stopSchedules: () => void;
  /** Function by logical id, name or ARN. */
  invoke: (name: string, event: unknown) => Promise<Outcome>;
  /** Adds a fault or an observer to calls; answers a function that takes it out. */
  intercept: (interceptor: Interceptor) => () => void;
  /** Sends a signal to the process of each running invocation that matches; answers how many. SIGKILL is a crash. */
  signal: (matches: (invocation: Invocation) => boolean, signal?: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => number;
  children: () => Child[];
  /** Ends the processes that idle: each function's next invocation is a cold one. */
  endIdle: () => void;
  close: () => Promise<void>;
};

export type Child = {
  function: string;
  pid: number;
  invocation: Invocation | null;
  /** Peak resident memory; null where the system does not tell. */
  maxMemoryBytes: number | null;
};

/** Longest pause before the second delivery of a doubled event. */
const DOUBLED_WITHIN_MS = 500;

export async function startAws(options: AwsOptions): Promise<LocalAws> {
  const { region = 'us-east-1', account = '000000000000', minuteMs = 60_000, doubled = 0 } = options;
  const { concurrency = 8, idleMs = 300_000 } = options;
  const deployment = readDeployment(options.assembly, { region, account });
  const notices = new EventEmitter<Notices>();
  const counters = { invocations: 0, cold: 0, errors: 0, timeouts: 0, kills: 0, doubled: 0, undelivered: 0 };
  const random = seededRandom(options.seed ?? 1);
  const interceptors = new Interceptors();
  const authority = new Authority(deployment.functions, deployment);
  const functions: LocalFunction[] = [];
  const repetitions = new Set<NodeJS.Timeout>();

  const deliveries =
    options.deliveries ??
    (() => {
      if (random() >= doubled) return [0];
      counters.doubled++;
      return [0, Math.max(1, random() * DOUBLED_WITHIN_MS)];
    });
  const functionOf = (name: string) =>
    functions.find(({ spec }) => spec.id === name || spec.name === name || spec.arn === name);
  const deliver = (target: string, event: unknown, source: Source) => {
    for (const delay of deliveries(source)) {
      if (delay === 0) {
        void functionOf(target)!.invokeLater(event, source);
        continue;
      }
      const timer = setTimeout(() => {
        repetitions.delete(timer);
        void functionOf(target)!.invokeLater(event, source);
      }, delay);
      repetitions.add(timer);
    }
  };

  const dynamodb = await (options.dynamodb ?? startDynamoDB)(deployment.tables);
  const runtimeApi = await startRuntimeApi();
  const forwarder = new Forwarder(dynamodb.url);
  const endpoint = await startEndpoint({
    dynamodb: forwarder,
    bus: new EventBus(deployment, (arn, event) => {
      if (isTopic(arn)) notices.emit('message', { topic: arn, message: event });
      else deliver(arn, event, 'event');
    }),
    secrets: new Map(Object.entries(options.secrets ?? {})),
    functionOf,
    interceptors,
    authority,
  });
  for (const spec of deployment.functions) {
    const config = configFile(spec);
    const environment = {
      ...spec.environment,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyOf(spec),
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL: endpoint.url,
      ...(config !== null && { SNOWMELT_CONFIG: config }),
      ...options.environment,
    };
    const own = { environment, concurrency, idleMs, minuteMs };
    functions.push(new LocalFunction(spec, runtimeApi, own, notices, counters));
  }

  const environments = () => functions.flatMap((one) => one.environments());
  let tickers: (() => void)[] = [];
  const stopSchedules = () => {
    for (const stop of tickers) stop();
    tickers = [];
  };
  return {
    url: endpoint.url,
    dynamodbUrl: dynamodb.url,
    deployment,
    notices,
    counters,
    rights: { allowed: authority.allowed(), seen: authority.seen },
    startSchedules: () => {
      stopSchedules();
      const clock = scaledClock(minuteMs);
      tickers = deployment.schedules.map(({ expression, timezone, input, target }) =>
        startTicker(expression, timezone, clock, (scheduled) => {
          const text = input.replaceAll('<aws.scheduler.scheduled-time>', scheduled.toISOString());
          deliver(target, JSON.parse(text), 'schedule');
        }),
      );
    },
    stopSchedules,
    invoke: (name, event) => {
      const target = functionOf(name);
      if (target === undefined) throw new Error(`the template has no function ${name}`);
      return target.invoke(event, 'direct');
    },
    intercept: (interceptor) => interceptors.add(interceptor),
    signal: (matches, signal = 'SIGKILL') => {
      const hit = environments().filter(({ invocation }) => invocation !== null && matches(invocation));
      for (const { environment } of hit) environment.signal(signal);
      return hit.length;
    },
    children: () =>
      environments().map(({ environment, invocation }) => ({
        function: environment.spec.name,
        pid: environment.pid,
        invocation,
        maxMemoryBytes: environment.maxMemoryBytes(),
      })),
    endIdle: () => {
      for (const one of functions) one.endIdle();
    },
    close: async () => {
      stopSchedules();
      for (const timer of repetitions) clearTimeout(timer);
      await Promise.all(functions.map((one) => one.close()));
      await Promise.all([endpoint.close(), runtimeApi.close(), dynamodb.close()]);
      forwarder.close();
    },
  };
}
