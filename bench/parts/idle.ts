import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import { demoConfig } from '../../local/demo/config.ts';
import { signIn } from '../../local/demo/snowflake.ts';
import { startStack, WRITER, type Stack } from '../../local/demo/stack.ts';
import type { Source } from '../../local/aws/lambda/notices.ts';
import { startBroker, type LocalBroker } from '../../local/kafka/client.ts';
import type { Context } from '../context.ts';
import type { Line, Part } from '../part.ts';

const MINUTES = 10;
/** A minute of the scheduler, after which an idle warehouse sleeps, too: long enough for all that twenty changes set off. */
const MINUTE_MS = 20_000;
const CHANGED = 20;
const PATIENCE_MS = 600_000;

function yaml(sources: number): string {
  const source = (n: number) =>
    `  s${n}: { table: IDLE.PUBLIC.T${n}, key: [ID], topic: { name: idle.s${n}, partitions: 1 } }`;
  return [
    'app: idle',
    'snowflake: { account: stand-in, user: SNOWMELT, warehouse: WH, auth: { method: token, secret: snowflake } }',
    'kafka: { brokers: ["stand-in:9092"], tls: false, topicChecks: report }',
    'clocks: { safetyLag: 1s, margin: 100ms }',
    `limits: { maxSnapshots: ${sources} }`,
    'sources:',
    ...Array.from({ length: sources }, (_, n) => source(n)),
  ].join('\n');
}

/** Everything that is counted, at one moment. */
type Counts = {
  statements: number;
  withWarehouse: number;
  logins: number;
  resumes: number;
  invocations: number;
  writes: number;
  connections: number;
};

class Idle {
  readonly #stack: Stack;
  readonly #broker: LocalBroker;
  readonly #sources: number;
  #writes = 0;

  constructor(stack: Stack, broker: LocalBroker, sources: number) {
    this.#stack = stack;
    this.#broker = broker;
    this.#sources = sources;
    stack.intercept(({ service, operation }) => {
      if (service === 'dynamodb' && /^(Put|Update|Delete)/.test(operation)) this.#writes++;
      return undefined;
    });
  }

  async counts(): Promise<Counts> {
    const stats = await this.#stack.snowflake!.control.stats();
    const { connections } = await this.#broker.stats();
    return {
      statements: stats.all.statements,
      withWarehouse: stats.all.withWarehouse,
      logins: stats.logins,
      resumes: stats.warehouses['WH']?.resumes ?? 0,
      invocations: this.#stack.aws.counters.invocations,
      writes: this.#writes,
      connections,
    };
  }

  /** Runs the schedules until each of the first sources has published this many rows. */
  async untilPublished(sources: number, windows: number): Promise<void> {
    const { config, aws } = this.#stack;
    const store = createCheckpoints({ table: { ...config.table, endpoint: aws.dynamodbUrl, region: 'us-east-1' } });
    const deadline = Date.now() + PATIENCE_MS;
    this.#stack.aws.startSchedules();
    for (let next = 0; next < sources;) {
      const state = await store.look(`s${next}`);
      const head = state?.head?.number ?? 0;
      const done = state?.partitions[0]?.position?.window ?? 0;
      if (head >= windows && done === head) next++;
      else if (Date.now() > deadline) throw new Error(`source s${next} is at window ${done} of ${head}`);
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
    this.#stack.aws.stopSchedules();
    await this.#quiet();
  }

  /** Ten minutes of the schedules: each minute a tick that looks at the sources, and one for unfinished work. */
  async tenMinutes(): Promise<void> {
    const { aws } = this.#stack;
    const ticks = Promise.withResolvers<void>();
    let left = 2 * MINUTES;
    const count = ({ source }: { source: string }) => {
      if (source === 'schedule' && --left === 0) ticks.resolve();
    };
    aws.notices.on('start', count);
    aws.startSchedules();
    await ticks.promise;
    aws.stopSchedules();
    aws.notices.off('start', count);
    await this.#quiet();
  }

  /** What was begun has ended. */
  async #quiet(): Promise<void> {
    while (this.#stack.aws.children().some(({ invocation }) => invocation !== null))
      await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async sql(statements: string[]): Promise<void> {
    const url = this.#stack.snowflake!.url;
    const session = await signIn({ url, account: this.#stack.config.snowflake.account, ...WRITER });
    for (const statement of statements) await session.execute(statement);
    await session.close();
  }

  async createTables(): Promise<void> {
    const tables = Array.from({ length: this.#sources }, (_, n) => [
      `CREATE TABLE IDLE.PUBLIC.T${n} (ID NUMBER(38,0) NOT NULL, PRIMARY KEY (ID)) CHANGE_TRACKING = TRUE`,
      `INSERT INTO IDLE.PUBLIC.T${n} VALUES (1)`,
    ]);
    await this.sql(['CREATE DATABASE IF NOT EXISTS IDLE', ...tables.flat()]);
  }
}

function line(name: string, before: Counts, after: Counts): Line {
  const difference = (key: keyof Counts) => after[key] - before[key];
  const values = {
    statements: difference('statements'),
    'with a warehouse': difference('withWarehouse'),
    'warehouse resumes': difference('resumes'),
    'sign-ins': difference('logins'),
    invocations: difference('invocations'),
    'DynamoDB writes': difference('writes'),
    'Kafka connections': difference('connections'),
  };
  return { name, values };
}

/** What nothing costs. */
export const idle: Part = {
  name: 'idle',
  what: '200 sources whose tables do not change, for ten minutes of their schedules (simulated), then 20 of them changed at once; on the stand-ins, all counted where it arrives',
  async run(context: Context) {
    const sources = context.args.rows < 100_000 ? CHANGED : 200;
    const demo = demoConfig(yaml(sources), 'bench', null);
    const broker = await startBroker();
    const kafka = async () => ({ brokers: broker.brokers, stop: () => broker.stop() });
    // Until all have begun a tick takes longer than this minute; planners that look at the same sources would only be in each
    // other's way.
    let begun = false;
    let planners = () => 0;
    const aws = {
      deliveries: (from: Source) => (from === 'schedule' && !begun && planners() > 0 ? [] : [0]),
      concurrency: 4,
    };
    const stack = await startStack(
      demo,
      { broker: 'embedded', seed: 1 },
      { watchWire: false, minuteMs: MINUTE_MS, kafka, aws },
    );
    planners = () =>
      stack.aws.children().filter(({ function: name, invocation }) => name.endsWith('-plan') && invocation !== null)
        .length;
    try {
      const run = new Idle(stack, broker, sources);
      context.say(`making ${sources} tables and publishing their snapshots`);
      await run.createTables();
      await run.untilPublished(sources, 1);
      begun = true;
      const quiet = await run.counts();
      await run.tenMinutes();
      const after = await run.counts();
      await run.sql(Array.from({ length: CHANGED }, (_, n) => `INSERT INTO IDLE.PUBLIC.T${n} VALUES (2)`));
      const changed = await run.counts();
      await run.untilPublished(CHANGED, 2);
      const published = await run.counts();
      return [
        line(`${sources} sources, ${MINUTES} minutes, nothing changed`, quiet, after),
        line(`${CHANGED} of them changed, until published`, changed, published),
      ];
    } finally {
      await stack.close();
    }
  },
};
