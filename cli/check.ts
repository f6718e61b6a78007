/** `check`: the file, what an edit of it does, and everything real that it names. All problems at once. */
import { Option, type Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import { createMembers } from '../lambdas/checkpoints/members.ts';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import { formatDuration } from '../lambdas/config/durations.ts';
import { findProblems, readConfigFile } from '../lambdas/config/load.ts';
import { formatPath, type Problem } from '../lambdas/config/problems.ts';
import type { ResolvedConfig, ResolvedPattern, ResolvedSource, SharedSettings } from '../lambdas/config/resolved.ts';
import { asSnowmeltError } from '../lambdas/errors.ts';
import { clockOf } from '../lambdas/invocation.ts';
import type { Report } from '../lambdas/operate/check/index.ts';
import { sourcePlan } from '../lambdas/settings.ts';
import { knownSources } from '../lambdas/sources.ts';
import { answering, configOf, deploymentCommand, pathOf, type Answer, type Common } from './common.ts';
import { editOf } from './edits.ts';

type Options = Common & { offline?: boolean; here?: boolean; deep?: boolean };

/** What an edit does, by source; or why that is not known. */
type Edits = { edits: Record<string, string[]> } | { unknown: string };

export function checkCommand(): Command {
  return deploymentCommand('check', 'the file, what an edit of it does, and all that is wrong with what it names')
    .addOption(
      new Option('--offline', 'the file, and the table if it answers; not Snowflake, Kafka, registry').conflicts(
        'here',
      ),
    )
    .option('--here', 'from this machine with its own rights, not from the operate function: before it is deployed')
    .option('--deep', 'whether keys are unique is asked of large tables, too: a scan of each')
    .action((options: Options) => answering(options, () => check(options)));
}

async function check(options: Options): Promise<Answer> {
  const path = options.local === true ? null : pathOf(options);
  const problems = path === null ? [] : findProblems(readConfigFile(path));
  if (path !== null && problems.length > 0) {
    return { text: renderProblems(path, problems), json: { problems: problems.map(told) }, found: true };
  }
  const config = configOf(options);
  const [edits, report] = await Promise.all([
    editsOf(config),
    options.offline === true ? null : reportOf(config, options),
  ]);
  const failed = report !== null && report.failures.length > 0;
  return {
    text: [`${path ?? 'the local stack'}: no problem`, ...renderSources(config, edits), ...renderReport(report)].join(
      '\n',
    ),
    json: {
      problems: [],
      sources: config.sources,
      ...(config.patterns && { patterns: config.patterns }),
      ...edits,
      ...report,
    },
    found: failed,
  };
}

async function editsOf(config: ResolvedConfig): Promise<Edits> {
  const checkpoints = createCheckpoints(config);
  const edits: Record<string, string[]> = {};
  try {
    for (const { source } of await knownSources(config, createMembers(config))) {
      edits[source.name] = editOf(await checkpoints.look(source.name), sourcePlan(config, source));
    }
    return { edits };
  } catch (error) {
    return { unknown: asSnowmeltError(error).message };
  }
}

async function reportOf(config: ResolvedConfig, { here, deep = false }: Options): Promise<Report> {
  if (here !== true) {
    const { sources, patterns } = config;
    return (await invokeOperate(config, { command: 'check', sources, ...(patterns && { patterns }), deep })) as Report;
  }
  const real = await import('../lambdas/operate/check/index.ts');
  const clock = clockOf({ awsRequestId: 'here', getRemainingTimeInMillis: () => Infinity });
  return real.check(real.partsOf(config, clock), config, deep);
}

function renderProblems(path: string, problems: readonly Problem[]): string {
  const lines = problems.map(({ line, column, path: at, message }) => {
    const place = line === null ? path : `${path}:${line}:${column}`;
    return `  ${place} ${formatPath(at)}: ${message}`;
  });
  return [`${path}: ${lines.length} ${lines.length === 1 ? 'problem' : 'problems'}`, ...lines].join('\n');
}

function told({ path, ...problem }: Problem) {
  return { path: formatPath(path), ...problem };
}

/** Each source in effect: what is not in the file stands with its default. */
function renderSources(config: ResolvedConfig, known: Edits): string[] {
  const lines = config.sources.flatMap((source) => [
    `  ${source.name}: ${effective(config, source)}`,
    ...('edits' in known ? known.edits[source.name]! : []).map((line) => `    ${line}`),
  ]);
  const edits = Object.entries('edits' in known ? known.edits : {});
  for (const pattern of config.patterns ?? []) {
    lines.push(`  ${pattern.name}: ${effectivePattern(config, pattern)}`);
    const its = edits.filter(([name, of]) => name.startsWith(`${pattern.name}.`) && of.length > 0);
    lines.push(...its.flatMap(([name, of]) => of.map((line) => `    ${name}: ${line}`)));
  }
  if ('unknown' in known) lines.push(`What an edit does is not known, the table does not answer: ${known.unknown}`);
  return lines;
}

function effective(config: ResolvedConfig, source: ResolvedSource): string {
  const { object, query, stream, key, topic, topicPartitions } = source;
  const name = `${object.database}.${object.schema}.${object.name}`;
  const from = query !== undefined ? `a ${query.mode} query` : stream !== undefined ? `a stream, ${name}` : name;
  return [
    `${from} -> ${topic} (${topicPartitions})`,
    `key ${key.length === 0 ? 'the row id' : key.join(', ')}`,
    ...shared(config, source),
  ].join(', ');
}

function effectivePattern(config: ResolvedConfig, { schema, key, topic, maxTables, source }: ResolvedPattern): string {
  return [
    `${schema.database}.${schema.schema}.* -> ${topic} (${source.topicPartitions})`,
    `key ${key === null ? 'the primary key' : key.join(', ')}`,
    `at most ${maxTables} tables`,
    ...shared(config, source),
  ].join(', ');
}

/** What sources have of settings, whether by themselves or by their pattern. */
function shared({ limits }: ResolvedConfig, source: SharedSettings): string[] {
  const { partitions, delivery, every, format, freshnessMs } = source;
  return [
    `partitions ${partitions}`,
    delivery,
    every,
    format.key === format.type ? format.type : `${format.key} and ${format.type}`,
    format.envelope,
    ...(freshnessMs === null ? [] : [`freshness ${formatDuration(freshnessMs)}`]),
    `at most ${source.write?.maxTransactionRows ?? limits.maxTransactionRows} rows a transaction`,
    ...(source.paused ? ['paused'] : []),
  ];
}

function renderReport(report: Report | null): string[] {
  if (report === null) return [];
  const { failures, notes } = report;
  const of = (source: string | null) => (source === null ? '' : `${source}: `);
  return [
    ...failures.flatMap(({ source, code, what, fix }) => [
      `${code}: ${of(source)}${what}`,
      ...fix.map((line) => `  ${line}`),
    ]),
    ...notes.flatMap(({ source, what, fix = [] }) => [`note: ${of(source)}${what}`, ...fix.map((line) => `  ${line}`)]),
    failures.length === 0
      ? 'All that it names is as it should be.'
      : `${failures.length} to mend, each with what mends it.`,
  ];
}
