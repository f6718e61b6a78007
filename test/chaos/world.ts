/** Several small sources on one stack whose clocks run fast, each with a table, a writer and a ledger of its own. */
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { demoConfig, type DemoConfig } from '../../local/demo/config.ts';
import { askOracle } from '../../local/demo/oracle.ts';
import type { Stack } from '../../local/demo/stack.ts';
import { StateReader } from '../../local/demo/state.ts';
import { fillTable, grantRights, type FilledTable } from '../../local/demo/table.ts';
import type { Verdict } from '../oracle/check.ts';

export type SourceShape = { partitions: number; topicPartitions: number; every: string };

/** Windows as narrow as the stand-in allows, and a backlog that is not merged. */
const FAST = { safetyLagMs: 250, marginMs: 100, leaseMs: 2_500, recountAfterMs: 900_000 };
const LIMITS = { maxWindowMs: 300, maxSnapshots: 1_000 };

/** A configuration of sources `s0`, `s1` ... on tables DEMO.PUBLIC.T0, T1 ... */
export function smallSources(shapes: readonly SourceShape[]): DemoConfig {
  const sources = shapes.map(
    ({ partitions, topicPartitions, every }, i) =>
      `  s${i}: { table: DEMO.PUBLIC.T${i}, key: [ID], topic: { name: demo.t${i}, partitions: ${topicPartitions} }, partitions: ${partitions}, every: ${every} }`,
  );
  const text = `app: chaos
snowflake: { account: stand-in, user: SNOWMELT, warehouse: LOCAL, auth: { method: key-pair, secret: local/snowflake } }
kafka: { brokers: ['stand-in:9092'], tls: false, transactionTimeout: 10s, requestTimeout: 1500ms, topicChecks: report }
sources:
${sources.join('\n')}
`;
  const demo = demoConfig(text, 'the test', null);
  const config: ResolvedConfig = {
    ...demo.config,
    clocks: { ...demo.config.clocks, ...FAST },
    limits: { ...demo.config.limits, ...LIMITS },
  };
  return { ...demo, config };
}

export type Subject = {
  source: ResolvedSource;
  table: FilledTable;
  reader: StateReader;
};

/** Where onlookers read the checkpoints: nothing on that way is intercepted. */
export function checkpointsOf(stack: Stack): ResolvedConfig['table'] {
  return { ...stack.config.table, endpoint: stack.aws.dynamodbUrl };
}

export async function fill(stack: Stack, source: ResolvedSource, rows: number, seed: number): Promise<Subject> {
  const ledger = `ledger-${source.name}.ndjson`;
  const table = await fillTable(stack, source, { rows, seed, maxRows: 4, ledger });
  await grantRights(stack, [source]);
  return { source, table, reader: new StateReader(checkpointsOf(stack), source.name) };
}

/** The four defects of one source, and its records. */
export function judge(stack: Stack, { source, table }: Subject, report: (what: string) => void): Promise<Verdict> {
  return askOracle(
    {
      brokers: stack.brokers,
      topic: source.topic,
      key: source.key,
      tombstones: source.format.tombstones,
      checkpoints: checkpointsOf(stack),
      source: source.name,
      rows: table.rows,
      ledger: table.writer.ledger.path,
      lastCommit: String(table.writer.lastCommit),
    },
    (what) => report(`${source.name}: ${what}`),
  );
}
