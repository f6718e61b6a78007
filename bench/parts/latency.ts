import { demoConfig } from '../../local/demo/config.ts';
import { signIn } from '../../local/demo/snowflake.ts';
import { startStack, WRITER } from '../../local/demo/stack.ts';
import type { Context } from '../context.ts';
import { followTopic } from '../consumer.ts';
import type { Line, Part } from '../part.ts';

/** The margin must be below the lag. */
const cases = [
  { lagSeconds: 5, marginSeconds: 1, everyMs: 1_000 },
  { lagSeconds: 5, marginSeconds: 1, everyMs: 10_000 },
  { lagSeconds: 30, marginSeconds: 5, everyMs: 1_000 },
  { lagSeconds: 30, marginSeconds: 5, everyMs: 10_000 },
] as const;
type Case = (typeof cases)[number];

/** Commits for each run of the other parts. */
const COMMITS = 12;
/** No divisor of a tick: commits come at all times between two. */
const BETWEEN_MS = 700;
const PATIENCE_MS = 180_000;

function yaml({ lagSeconds, marginSeconds }: Case): string {
  return `
app: latency
snowflake: { account: stand-in, user: SNOWMELT, warehouse: WH, auth: { method: token, secret: snowflake } }
kafka: { brokers: ["stand-in:9092"], tls: false, topicChecks: report }
clocks: { safetyLag: ${lagSeconds}s, margin: ${marginSeconds}s }
sources:
  one: { table: LATE.PUBLIC.T, key: [ID], topic: { name: latency.one, partitions: 1 } }
`;
}

/** Milliseconds from the writer's commit to the consumer, for each commit. */
async function latencies(context: Context, one: Case): Promise<number[]> {
  const { brokers } = await context.kafka();
  const demo = demoConfig(yaml(one), 'bench', null);
  const kafka = async () => ({ brokers, stop: () => Promise.resolve() });
  const aws = { doubled: 0 };
  const options = { watchWire: false, minuteMs: one.everyMs, kafka, aws };
  const { topic } = demo.config.sources[0]!;
  for (const name of [topic, demo.config.kafka.controlTopic]) await context.deleteIfThere(name);
  const stack = await startStack(demo, { broker: 'embedded', seed: 1 }, options);
  try {
    const account = stack.config.snowflake.account;
    const session = await signIn({ url: stack.snowflake!.url, account, ...WRITER });
    await session.execute('CREATE DATABASE IF NOT EXISTS LATE');
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
  what: 'from the commit of an INSERT to a read_committed consumer, one row a commit; real clocks, the scheduler ticks as often as the line says (EventBridge Scheduler: once a minute at most)',
  async run(context) {
    const lines: Line[] = [];
    for (const one of cases) {
      const { lagSeconds, marginSeconds, everyMs } = one;
      context.say(`latency, safetyLag ${lagSeconds} s, a tick each ${everyMs / 1000} s`);
      const sorted = (await latencies(context, one)).toSorted((a, b) => a - b);
      const seconds = (share: number) => Number((percentile(sorted, share) / 1000).toFixed(1));
      lines.push({
        name: `changes, safetyLag ${lagSeconds} s, margin ${marginSeconds} s, a tick each ${everyMs / 1000} s`,
        values: { 'p50 s': seconds(0.5), 'p95 s': seconds(0.95), 'p99 s': seconds(0.99), commits: sorted.length },
      });
    }
    return lines;
  },
};
