/** What the handlers make of the resolved configuration: the protocol's settings, and a source as the planner sees it. */
import type { ResolvedConfig, ResolvedSource } from './config/resolved.ts';
import type { SourcePlan } from './protocol/begin.ts';
import type { PlanTickSettings } from './protocol/plan.ts';
import type { PublishSettings } from './protocol/publish.ts';
import type { RecountSettings } from './protocol/recount.ts';

/** Commit, checkpoint and release must fit into what is kept back of an invocation. */
const RESERVE_MS = 15_000;
/** Finished windows are kept a week: what an operator looks back at. */
const KEEP_WINDOWS_MS = 7 * 86_400_000;

export function planSettings(config: ResolvedConfig): PlanTickSettings {
  const { clocks, limits } = config;
  return {
    safetyLagMs: clocks.safetyLagMs,
    marginMs: clocks.marginMs,
    maxWindowMs: limits.maxWindowMs,
    maxOpenWindows: limits.maxOpenWindows,
    maxSnapshots: limits.maxSnapshots,
    keepWindowsMs: KEEP_WINDOWS_MS,
    reserveMs: RESERVE_MS,
  };
}

export function publishSettings(config: ResolvedConfig, source: ResolvedSource): PublishSettings {
  return {
    delivery: source.delivery,
    leaseMs: config.clocks.leaseMs,
    transactionTimeoutMs: config.kafka.transactionTimeoutMs,
    maxTransactionRows: source.write?.maxTransactionRows ?? config.limits.maxTransactionRows,
    offsetsRetentionMs: config.kafka.offsetsRetentionMs,
    topicChecks: config.kafka.topicChecks,
    progressTopic: source.progressTopic ?? null,
    deadLetterTopic: source.deadLetterTopic ?? null,
    reserveMs: RESERVE_MS,
    ...(source.publishers !== undefined && { publishers: source.publishers }),
    ...(source.maxRate !== undefined && { maxRate: source.maxRate }),
  };
}

export function sourcePlan(config: ResolvedConfig, source: ResolvedSource): SourcePlan {
  const { name, delivery, partitions, object, information, key, topic, topicPartitions, query, shape = null } = source;
  const {
    copy,
    maxRate,
    stream,
    snapshot,
    onHistoryLost,
    schemaChanges,
    schemaTopic,
    freshnessMs,
    pollMs,
    publishers,
    paused,
  } = source;
  const { deployment } = config;
  return {
    ...{ name, delivery, deployment, partitions, object, information, key, topic, topicPartitions, shape, freshnessMs },
    keyFormat: source.format.key,
    ...(query && { query }),
    ...(pollMs !== undefined && { pollMs }),
    ...(publishers !== undefined && { publishers }),
    ...(paused && { paused }),
    ...(stream && { stream }),
    ...(snapshot && { snapshot }),
    ...(copy && { copy: { ...copy, ...(maxRate && { maxRate }) } }),
    ...(onHistoryLost && { onHistoryLost }),
    ...(schemaChanges && { schemaChanges }),
    ...(schemaTopic && { schemaTopic }),
  };
}

/** The configuration as Kafka's client is to have it for one source. */
export function writeConfig(config: ResolvedConfig, source: ResolvedSource): ResolvedConfig {
  const { compression, maxBatchBytes } = { ...config.kafka, ...source.write };
  return { ...config, kafka: { ...config.kafka, compression, maxBatchBytes } };
}

export function recountSettings(config: ResolvedConfig): RecountSettings {
  return { afterMs: config.clocks.recountAfterMs, reserveMs: RESERVE_MS };
}
