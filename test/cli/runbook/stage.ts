/**
 * One stack for the runbook's tests: sources on stand-ins, the commands as they are printed, and the functions' own handlers.
 *
 * `npx cdk deploy` is not run. What it brings is: an edited configuration lies where functions and commands load it, and
 * both are started anew with it.
 */
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { expect } from 'vitest';
import { look, sourceStatus, type Verdict } from '../../../cli/source-status.ts';
import type { ResolvedConfig } from '../../../lambdas/config/resolved.ts';
import { handler as plan } from '../../../lambdas/plan/index.ts';
import { handler as publish, type PublishEvent } from '../../../lambdas/publish/index.ts';
import { ConfluentStandIn } from '../../../local/registry/confluent.ts';
import { startTable, type TestTable } from '../../checkpoints/table.ts';
import { decode } from '../../encoding/decode.ts';
import { Stands, type Overrides, type Pipeline } from '../../faults/pipeline.ts';
import { startOperate } from '../operate-endpoint.ts';
import { configFor, LocalDeployment, type Ended } from '../snowmelt.ts';

const CONTEXT = { awsRequestId: 'request', getRemainingTimeInMillis: () => 60_000 };
process.env['AWS_REGION'] ??= 'us-east-1';
process.env['POWERTOOLS_LOG_LEVEL'] = 'SILENT';
process.env['POWERTOOLS_METRICS_DISABLED'] = 'true';

export class Stage {
  readonly stands: Stands;
  readonly registry: ConfluentStandIn;
  readonly #local = new LocalDeployment();
  readonly #closing: (() => Promise<unknown>)[] = [];
  /** Events that the planner put on the bus. */
  readonly #called: PublishEvent['detail'][] = [];
  #endpoint = '';

  private constructor(stands: Stands, registry: ConfluentStandIn) {
    this.stands = stands;
    this.registry = registry;
  }

  static async start(): Promise<Stage> {
    const [stands, registry] = await Promise.all([Stands.start(), ConfluentStandIn.start()]);
    const stage = new Stage(stands, registry);
    const services = await startOperate(
      () => stage.#local.path,
      (operation, input) => stage.#answer(operation, input),
    );
    stage.#endpoint = services.url;
    stage.#closing.push(
      () => services.close(),
      () => registry.close(),
      () => stands.stop(),
    );
    return stage;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
    this.#local.remove();
  }

  #answer(operation: string, input: Record<string, unknown>): object {
    if (operation === 'GetSecretValue') return { SecretString: JSON.stringify({ token: 'snowmelt' }) };
    const entries = input['Entries'] as { Detail: string }[];
    this.#called.push(...entries.map(({ Detail }) => JSON.parse(Detail) as PublishEvent['detail']));
    return { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: 'e' })) };
  }

  /** Deploys the pipeline's configuration as it is now; `change` makes another one of it. */
  deploy(pipeline: Pipeline, change: (config: ResolvedConfig) => object = (same) => same): void {
    this.#local.deploy(change(configFor(pipeline, this.#endpoint)));
  }

  /** Runs the command as it is printed. */
  ask(command: string): Promise<Ended> {
    const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!).slice(2);
    return this.#local.run(args);
  }

  /** A tick by the functions' handlers, as they were deployed last. */
  async tick({ source }: Pipeline): Promise<void> {
    process.env['SNOWMELT_CONFIG'] = this.#local.path;
    await plan({ every: source.every }, CONTEXT);
    for (let next = this.#called.shift(); next !== undefined; next = this.#called.shift()) {
      await publish({ detail: next }, CONTEXT);
    }
    await this.stands.passMinutes(1);
  }

  /** An event that reaches the function as it was deployed last. */
  async event(detail: PublishEvent['detail']): Promise<void> {
    process.env['SNOWMELT_CONFIG'] = this.#local.path;
    await publish({ detail }, CONTEXT);
  }

  /** A table of checkpoints of its own, for who changes its items. */
  async table(): Promise<TestTable> {
    const table = await startTable();
    this.#closing.push(() => table.close());
    return table;
  }

  /** What makes a source write Avro. */
  avro(register = true): Overrides {
    const { url } = this.registry;
    return {
      source: { format: { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } },
      registry: { type: 'confluent', url, auth: { method: 'none' }, subjects: 'topic', register },
    };
  }

  /** A source with three rows in its table; `columns` come after its key. */
  async made(overrides: Overrides = {}, columns = 'NAME VARCHAR'): Promise<Pipeline> {
    const pipeline = await this.stands.pipeline(overrides);
    if (overrides.registry) pipeline.decode = (bytes) => decode('avro', bytes, this.registry);
    await this.change(
      pipeline,
      `CREATE TABLE $T (ID NUMBER(9,0) NOT NULL, ${columns}) CHANGE_TRACKING = TRUE`,
      `INSERT INTO $T (ID, NAME) VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
    );
    return pipeline;
  }

  /** These rows are in its topic. */
  async published(overrides: Overrides = {}, columns?: string): Promise<Pipeline> {
    const pipeline = await this.made(overrides, columns);
    await pipeline.run(3);
    expect(pipeline.codes).toEqual([]);
    return pipeline;
  }

  /** Statements on the pipeline's table `$T`, a minute before the next tick. */
  async change(pipeline: Pipeline, ...statements: string[]): Promise<void> {
    await this.stands.sql(...statements.map((statement) => statement.replace('$T', pipeline.tableName)));
    await this.stands.passMinutes(1);
  }

  /** What they change is read into a window of its own, which waits to be published. */
  async waiting(pipeline: Pipeline, ...statements: string[]): Promise<void> {
    const before = (await pipeline.state())!.head!.number;
    await this.change(pipeline, ...statements);
    await pipeline.tick();
    await this.stands.passMinutes(1);
    await pipeline.tick();
    expect((await pipeline.state())!.head!.number).toBe(before + 1);
  }

  async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: this.stands.kafka.target.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Rows of the table, by key. */
  rows({ tableName }: Pipeline) {
    return this.stands.rows(`SELECT TO_VARCHAR(ID), NAME FROM ${tableName} ORDER BY ID`);
  }

  /** The topic folded is the table. */
  async expectSame(pipeline: Pipeline): Promise<void> {
    const folded = Object.values(await pipeline.folded()) as { ID: number; NAME: string }[];
    expect(folded.map(({ ID, NAME }) => [String(ID), NAME]).sort()).toEqual(await this.rows(pipeline));
  }
}

/** What `status` says of it. */
export async function verdictOf({ source, store }: Pipeline): Promise<Verdict> {
  return sourceStatus(source, await look(store, source.name, null), null).verdict;
}

/** What the alarm NeedsOperator goes by. */
export async function needsOperator(pipeline: Pipeline): Promise<number> {
  await pipeline.finish();
  return pipeline.telemetry.gauges.get('NeedsOperator') ?? 0;
}
