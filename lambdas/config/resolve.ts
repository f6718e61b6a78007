/** Applies defaults: a source's own setting, else `defaults`, else the built-in one. */
import { copyOf, keyOf, queryOf, ROW_ID, streamOf } from './captures.ts';
import { controlTopicOf, POLLED } from './checks.ts';
import { deadLettersOf } from './dead-letters.ts';
import { typeOf } from './expressions.ts';
import { parseIdentifier } from './identifiers.ts';
import { topicPrefix } from './patterns.ts';
import { intervalOf } from './schedule.ts';
import {
  WAREHOUSE_SIZES,
  type ResolvedConfig,
  type ResolvedPattern,
  type ResolvedShape,
  type ResolvedSource,
} from './resolved.ts';
import type { Config, PatternConfig, SourceConfig } from './schema.ts';

export function resolve(config: Config, deployment: number): ResolvedConfig {
  const { app, snowflake, kafka, clocks, limits, state, aws } = config;
  const patterns = Object.entries(config.patterns);
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
      ...(snowflake.maskSalt !== undefined && { maskSalt: snowflake.maskSalt }),
      auth:
        snowflake.auth.method === 'workload-identity'
          ? { method: snowflake.auth.method }
          : { method: snowflake.auth.method, secret: snowflake.auth.secret! },
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
    ...(config.budget !== undefined && { budget: resolveBudget(config.budget) }),
    registry: resolveRegistry(config.registry),
    aws: {
      endpoint: aws.endpoint ?? null,
      bus: `snowmelt-${app}`,
      ...(aws.notifications !== undefined && { notifications: true }),
    },
    sources: Object.entries(config.sources).map(([name, source]) => resolveSource(name, source, config)),
    ...(patterns.length > 0 && { patterns: patterns.map(([name, pattern]) => resolvePattern(name, pattern, config)) }),
  };
}

function resolveBudget({ creditsPerDay, size, autoSuspend }: NonNullable<Config['budget']>) {
  return { creditsPerDay, creditsPerHour: 2 ** WAREHOUSE_SIZES.indexOf(size), idleMs: autoSuspend };
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

function resolveSource(name: string, source: SourceConfig, { defaults, snowflake }: Config): ResolvedSource {
  const changes = source.changes ?? defaults.changes ?? 'default';
  const query = queryOf(source);
  const stream = streamOf(source, snowflake);
  // Of a bulk query it is known what is gone; the others only ever add.
  const deletes = query === null ? changes === 'default' : query.mode === 'bulk';
  const format = { ...defaults.format, ...source.format };
  const write = resolveWrite({ ...defaults.write, ...source.write });
  const shape = resolveShape(source);
  const delivery = source.delivery ?? defaults.delivery ?? 'exactly-once';
  const copy = copyOf({ snapshotCopy: defaults.snapshotCopy, ...source }, snowflake);
  const progressTopic = source.progressTopic ?? defaults.progressTopic;
  const deadLetterTopic = deadLettersOf(source, defaults);
  const every = source.every ?? defaults.every ?? 'rate(1 minute)';
  return {
    name,
    object: stream?.object ?? source.table ?? { ...snowflake.staging!, name },
    ...(query !== null && { query }),
    ...(stream !== null && { stream: stream.stream }),
    information: deletes ? 'DEFAULT' : 'APPEND_ONLY',
    key: keyOf(source),
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
      key: format.key ?? format.type ?? 'json',
      envelope: format.envelope ?? 'debezium',
      tombstones: format.tombstones ?? delivery === 'exactly-once',
    },
    ...pacing({ ...defaults, ...source }, every),
    ...(shape !== null && { shape }),
    ...evolution({ ...defaults, ...source }, source.stream),
    ...(copy !== null && { copy }),
    ...(progressTopic !== undefined && { progressTopic }),
    ...(deadLetterTopic !== null && { deadLetterTopic }),
    ...(source.headers !== undefined && {
      headers: Object.entries(source.headers).map(([header, is]) =>
        typeof is === 'string' ? { name: header, value: is } : { name: header, column: is.column },
      ),
    }),
    ...(write !== null && { write }),
  };
}

/** What its sources have in common is resolved as that of one of them. */
function resolvePattern(name: string, pattern: PatternConfig, config: Config): ResolvedPattern {
  const { tables, include, exclude, key, topic, maxTables, listEvery, ...settings } = pattern;
  const one = {
    ...settings,
    table: { ...tables, name },
    key: [],
    topic: { name: topic.name, partitions: topic.partitions },
  };
  const { name: _, object: _object, key: _key, topic: _topic, ...shared } = resolveSource(name, one, config);
  const { replication, minInsync, retention, compact } = topic;
  return {
    name,
    schema: tables,
    include: include ?? null,
    exclude: exclude ?? [],
    key: key === 'primary-key' ? null : key,
    topic: topic.name,
    topicPrefix: topicPrefix(topic.name, tables),
    maxTables,
    listMs: listEvery,
    source: { ...shared, makeTopic: { replication, minInsync, retentionMs: retention ?? null, compact } },
  };
}

/** How often it is looked at, and how much of it is done at once. */
function pacing(
  { pollEvery, timeout, publishers, maxRate }: Config['defaults'],
  every: string,
): Pick<ResolvedSource, 'pollMs' | 'timeoutMs' | 'publishers' | 'maxRate'> {
  return {
    ...(pollEvery !== undefined && every === POLLED && { pollMs: pollEvery }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(publishers !== undefined && { publishers }),
    ...(maxRate !== undefined && {
      maxRate:
        'rows' in maxRate
          ? { unit: 'rows' as const, perSecond: maxRate.rows }
          : { unit: 'bytes' as const, perSecond: maxRate.bytes },
    }),
  };
}

type Evolution = Pick<ResolvedSource, 'snapshot' | 'onHistoryLost' | 'schemaChanges' | 'schemaTopic'>;

/** How a source begins, and what becomes of it when its table changes. */
function evolution(settings: Config['defaults'], stream: SourceConfig['stream']): Evolution {
  const { schemaChanges } = settings;
  // What a stream has no use for may stand in the defaults all the same.
  const schemaTopic = stream === undefined ? settings.schemaTopic : undefined;
  const own = stream !== undefined && !('managed' in stream);
  const { snapshot, onHistoryLost } = own ? {} : settings;
  return {
    ...(snapshot !== undefined && {
      snapshot: typeof snapshot === 'string' ? { mode: snapshot, from: null } : snapshot,
    }),
    ...(onHistoryLost !== undefined && { onHistoryLost }),
    ...(schemaChanges !== undefined && { schemaChanges }),
    ...(schemaTopic !== undefined && { schemaTopic }),
  };
}

function resolveWrite(write: NonNullable<SourceConfig['write']>): NonNullable<ResolvedSource['write']> | null {
  const { compression, maxBatch, maxTransaction } = write;
  const resolved = {
    ...(compression !== undefined && { compression }),
    ...(maxBatch !== undefined && { maxBatchBytes: maxBatch }),
    ...(maxTransaction !== undefined && { maxTransactionRows: maxTransaction }),
  };
  return Object.keys(resolved).length === 0 ? null : resolved;
}

/** The file was checked: names parse, and expressions end with a type that there is. */
function resolveShape({ columns, where, mask, skip, stream, key }: SourceConfig): ResolvedShape | null {
  if (columns === undefined && where === undefined && mask === undefined && skip === undefined) return null;
  return {
    include: columns?.include === undefined ? null : [...columns.include, ...(stream && !key ? [ROW_ID] : [])],
    exclude: columns?.exclude ?? [],
    computed: Object.entries(columns?.add ?? {}).map(([name, sql]) => ({
      name: parseIdentifier(name)!,
      sql,
      type: typeOf(sql) as ResolvedShape['computed'][number]['type'],
    })),
    where: where ?? null,
    masks: Object.entries(mask ?? {}).map(([column, how]) => ({
      column: parseIdentifier(column)!,
      mask: typeof how === 'string' ? { kind: how } : { kind: 'truncate', length: how.truncate },
    })),
    skip: skip ?? [],
  };
}

const USUAL_FRESHNESS_MS = 15 * 60_000;

/** Nobody knows the longest pause of a cron(...). */
function usualFreshness(every: string): number | null {
  const interval = intervalOf(every);
  return interval === null ? null : Math.max(USUAL_FRESHNESS_MS, 3 * interval);
}
