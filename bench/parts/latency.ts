import { demoConfig } from '../../local/demo/config.ts';
import { signIn } from '../../local/demo/snowflake.ts';
import { startStack, WRITER } from '../../local/demo/stack.ts';
import type { Context } from '../context.ts';
import { followTopic } from '../consumer.ts';
import type { Line, Part } from '../part.ts';

/** `lagSeconds`: null where there is none, as for a stream. The margin must be below the lag. */
const cases = [
  { capture: 'changes', lagSeconds: 5, marginSeconds: 1, pollSeconds: 1 },
  { capture: 'changes', lagSeconds: 5, marginSeconds: 1, pollSeconds: 10 },
  { capture: 'changes', lagSeconds: 30, marginSeconds: 5, pollSeconds: 1 },
  { capture: 'changes', lagSeconds: 30, marginSeconds: 5, pollSeconds: 10 },
  { capture: 'stream', lagSeconds: null, marginSeconds: null, pollSeconds: 1 },
  { capture: 'stream', lagSeconds: null, marginSeconds: null, pollSeconds: 10 },
] as const;
type Case = (typeof cases)[number];

/** Commits for each run of the other parts. */
const COMMITS = 12;
/** No divisor of a tick: commits come at all times between two. */
const BETWEEN_MS = 700;
const PATIENCE_MS = 180_000;

function yaml({ capture, lagSeconds, marginSeconds, pollSeconds }: Case): string {
  const from = capture === 'stream' ? 'stream: { managed: true, on: LATE.PUBLIC.T }' : 'table: LATE.PUBLIC.T';
  const clocks = lagSeconds === null ? '' : `clocks: { safetyLag: ${lagSeconds}s, margin: ${marginSeconds}s }`;
  return `
app: latency
snowflake:
  account: stand-in
  user: SNOWMELT
  warehouse: WH
  staging: LATE.STAGING
  auth: { method: token, secret: snowflake }
kafka: { brokers: ["stand-in:9092"], tls: false, topicChecks: report }
${clocks}
sources:
  one: { ${from}, key: [ID], topic: { name: latency.one, partitions: 1 }, every: 1m, pollEvery: ${pollSeconds}s }
`;
}

/** Milliseconds from the writer's commit to the consumer, for each commit. */
async function latencies(context: Context, one: Case): Promise<number[]> {
  const { brokers } = await context.kafka();
  const demo = demoConfig(yaml(one), 'bench', null);
  const kafka = async () => ({ brokers, stop: () => Promise.resolve() });
  const aws = { doubled: 0 };
  const options = { watchWire: false, minuteMs: 60_000, kafka, aws };
  const { topic } = demo.config.sources[0]!;
  for (const name of [topic, demo.config.kafka.controlTopic]) await context.deleteIfThere(name);
  const stack = await startStack(demo, { broker: 'embedded', seed: 1 }, options);
  try {
    const account = stack.config.snowflake.account;
    const session = await signIn({ url: stack.snowflake!.url, account, ...WRITER });
    await session.execute('CREATE DATABASE IF NOT EXISTS LATE');
    await session.execute('CREATE SCHEMA IF NOT EXISTS LATE.STAGING');
    await session.execute(
      'CREATE TABLE LATE.PUBLIC.T (ID NUMBER(38,0) NOT NULL, PRIMARY KEY (ID)) CHANGE_TRACKING = TRUE',
    );
    await session.execute('INSERT INTO LATE.PUBLIC.T VALUES (0)');
    const arrived = new Map<number, number>();
    const count = COMMITS * context.args.runs;
    const all = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const following = followTopic(brokers[0]!, topic, (_, value) => {
      const { after } = JSON.parse(value.toString()) as { after: { ID: string } };
      arrived.set(Number(after.ID), Date.now());
      first.resolve();
      if (arrived.size > count) all.resolve();
    });
    const late = setTimeout(
      () => {
        const error = new Error(`only ${arrived.size} of ${count + 1} rows arrived`);
        first.reject(error);
        all.reject(error);
      },
      PATIENCE_MS + count * BETWEEN_MS,
    );
    stack.aws.startSchedules();
    const committed = new Map<number, number>();
    try {
      await first.promise; // the snapshot is out, all is warm
      for (let n = 1; n <= count; n++) {
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
        await session.execute(`INSERT INTO LATE.PUBLIC.T VALUES (${n})`);
        committed.set(n, Date.now());
      }
      await all.promise;
    } finally {
      clearTimeout(late);
      stack.aws.stopSchedules();
      await following.stop();
      await session.close();
    }
    return [...committed].map(([n, at]) => arrived.get(n)! - at);
  } finally {
    await stack.close();
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** From a commit in Snowflake to a consumer. */
export const latency: Part = {
  name: 'latency',
  what: 'from the commit of an INSERT to a read_committed consumer, one row a commit; real clocks, a tick each minute as EventBridge Scheduler has it, and looks between ticks by `pollEvery`',
  async run(context) {
    const lines: Line[] = [];
    for (const one of cases) {
      const { capture, lagSeconds, marginSeconds, pollSeconds } = one;
      const lag = lagSeconds === null ? '' : `safetyLag ${lagSeconds} s, margin ${marginSeconds} s, `;
      const name = `${capture}, ${lag}pollEvery ${pollSeconds} s`;
      context.say(`latency, ${name}`);
      const sorted = (await latencies(context, one)).toSorted((a, b) => a - b);
      const seconds = (share: number) => Number((percentile(sorted, share) / 1000).toFixed(1));
      const values = { 'p50 s': seconds(0.5), 'p95 s': seconds(0.95), 'p99 s': seconds(0.99), commits: sorted.length };
      lines.push({ name, values });
    }
    return lines;
  },
};
