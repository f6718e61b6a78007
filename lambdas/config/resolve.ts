/** Applies defaults: a source's own setting, else `defaults`, else the built-in one. */
import { controlTopicOf } from './checks.ts';
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
      auth:
        kafka.auth.method === 'none' ? { method: 'none' } : { method: kafka.auth.method, secret: kafka.auth.secret! },
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
    registry: resolveRegistry(config.registry),
    aws: { endpoint: aws.endpoint ?? null, bus: `snowmelt-${app}` },
    sources: Object.entries(config.sources).map(([name, source]) => resolveSource(name, source, config.defaults)),
  };
}

function resolveRegistry(registry: Config['registry']): ResolvedConfig['registry'] {
  if (registry === undefined) return null;
  const { type, subjects, register, url, auth, name, region, endpoint } = registry;
  if (type === 'glue') {
    const where = { name: name ?? 'default-registry', region: region ?? null, endpoint: endpoint ?? null };
    return { type, subjects, register, ...where };
  }
  const signIn =
    auth === undefined || auth.method === 'none'
      ? ({ method: 'none' } as const)
      : { method: auth.method, secret: auth.secret! };
  return { type, subjects, register, url: url!, auth: signIn };
}

function resolveSource(name: string, source: SourceConfig, defaults: Config['defaults']): ResolvedSource {
  const changes = source.changes ?? defaults.changes ?? 'default';
  const format = { ...defaults.format, ...source.format };
  const delivery = source.delivery ?? defaults.delivery ?? 'exactly-once';
  return {
    name,
    object: source.table,
    information: changes === 'default' ? 'DEFAULT' : 'APPEND_ONLY',
    key: source.key,
    topic: source.topic.name,
    topicPartitions: source.topic.partitions,
    partitions: source.partitions ?? defaults.partitions ?? 1,
    delivery,
    every: source.every ?? defaults.every ?? 'rate(1 minute)',
    format: {
      type: format.type ?? 'json',
      key: format.key ?? format.type ?? 'json',
      envelope: format.envelope ?? 'debezium',
      tombstones: format.tombstones ?? delivery === 'exactly-once',
    },
  };
}
