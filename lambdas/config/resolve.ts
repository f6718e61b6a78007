/** Applies defaults: a source's own setting, else `defaults`, else the built-in one. */
import { controlTopicOf } from './checks.ts';
import { intervalOf } from './schedule.ts';
import type { ResolvedConfig, ResolvedSource } from './resolved.ts';
import type { Config, SourceConfig } from './schema.ts';

export function resolve(config: Config, deployment: number): ResolvedConfig {
  const { app, snowflake, kafka, clocks, limits, state, aws } = config;
  return {
    app,
    deployment,
    table: { name: state.table ?? `snowmelt-${app}`, endpoint: state.endpoint ?? null, region: state.region ?? null },
    snowflake: {
      account: snowflake.account,
      accessUrl: snowflake.accessUrl ?? null,
      user: snowflake.user,
      role: snowflake.role ?? null,
      warehouse: snowflake.warehouse,
      reader: snowflake.reader,
      auth: snowflake.auth,
    },
    kafka: {
      brokers: kafka.brokers,
      tls: kafka.tls,
      ca: kafka.ca ?? null,
      auth:
        kafka.auth.method === 'none' || kafka.auth.method === 'iam'
          ? { method: kafka.auth.method }
          : { method: kafka.auth.method, secret: kafka.auth.secret! },
      controlTopic: controlTopicOf(config)!,
      offsetsRetentionMs: kafka.offsetsRetention,
      transactionTimeoutMs: kafka.transactionTimeout,
      requestTimeoutMs: kafka.requestTimeout,
      compression: kafka.compression,
      maxBatchBytes: kafka.maxBatch,
      topicChecks: kafka.topicChecks,
    },
    clocks: {
      safetyLagMs: clocks.safetyLag,
      marginMs: clocks.margin,
      leaseMs: clocks.lease,
      recountAfterMs: clocks.recountAfter,
    },
    limits: {
      maxWindowMs: limits.maxWindow,
      maxOpenWindows: limits.maxOpenWindows,
      maxSnapshots: limits.maxSnapshots,
      maxTransactionRows: limits.maxTransaction,
    },
    aws: { endpoint: aws.endpoint ?? null, bus: `snowmelt-${app}` },
    sources: Object.entries(config.sources).map(([name, source]) => resolveSource(name, source, config.defaults)),
  };
}

function resolveSource(name: string, source: SourceConfig, defaults: Config['defaults']): ResolvedSource {
  const changes = source.changes ?? defaults.changes ?? 'default';
  const format = { ...defaults.format, ...source.format };
  const delivery = source.delivery ?? defaults.delivery ?? 'exactly-once';
  const every = source.every ?? defaults.every ?? 'rate(1 minute)';
  return {
    name,
    object: source.table,
    information: changes === 'default' ? 'DEFAULT' : 'APPEND_ONLY',
    key: source.key,
    topic: source.topic.name,
    topicPartitions: source.topic.partitions,
    partitions: source.partitions ?? defaults.partitions ?? 1,
    delivery,
    every,
    freshnessMs: source.freshness ?? defaults.freshness ?? usualFreshness(every),
    memory: source.memory ?? defaults.memory ?? null,
    paused: source.paused ?? defaults.paused ?? false,
    format: {
      type: format.type ?? 'json',
      envelope: format.envelope ?? 'debezium',
      tombstones: format.tombstones ?? delivery === 'exactly-once',
    },
  };
}

const USUAL_FRESHNESS_MS = 15 * 60_000;

/** Nobody knows the longest pause of a cron(...). */
function usualFreshness(every: string): number | null {
  const interval = intervalOf(every);
  return interval === null ? null : Math.max(USUAL_FRESHNESS_MS, 3 * interval);
}
