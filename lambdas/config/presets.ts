/**
 * Snowflake's own logs as query sources: data, not code. All are read in mode `timestamp`. Latencies are those of Snowflake's
 * documentation, which calls them approximate; `lag` is twice that, or as much as rows are known to change afterwards.
 */

export type Preset = {
  /** What is read; a view of the database SNOWFLAKE. */
  from: string;
  /** Columns beside the view's own: name and SQL expression. */
  adds?: Readonly<Record<string, string>>;
  /** The natural key. */
  key: readonly string[];
  cursor: string;
  /** As documented; null where nothing is. */
  latency: string | null;
  lag: string;
  /** What a consumer should know. */
  note: string;
};

const usage = (view: string) => `SNOWFLAKE.ACCOUNT_USAGE.${view}`;

/** Event tables have no key: what is in the event is one. */
const eventParts = 'TIMESTAMP, RECORD_TYPE, TRACE, RESOURCE_ATTRIBUTES, SCOPE, RECORD, RECORD_ATTRIBUTES, VALUE'.split(
  ', ',
);

export const PRESETS = {
  'query-history': {
    from: usage('QUERY_HISTORY'),
    key: ['QUERY_ID'],
    cursor: 'END_TIME',
    latency: '45m',
    lag: '90m',
    note: 'Completed queries. A long one comes when it has ended, so its START_TIME may be old.',
  },
  'login-history': {
    from: usage('LOGIN_HISTORY'),
    key: ['EVENT_ID'],
    cursor: 'EVENT_TIMESTAMP',
    latency: '2h',
    lag: '4h',
    note: 'Only ever added to.',
  },
  'access-history': {
    from: usage('ACCESS_HISTORY'),
    key: ['QUERY_ID'],
    cursor: 'QUERY_START_TIME',
    latency: '3h',
    lag: '54h',
    note: 'Enterprise Edition. There is only the start to go by: the lag covers queries of up to two days.',
  },
  'copy-history': {
    from: usage('COPY_HISTORY'),
    key: ['TABLE_ID', 'STAGE_LOCATION', 'FILE_NAME', 'LAST_LOAD_TIME', 'PIPE_NAME'],
    cursor: 'LAST_LOAD_TIME',
    latency: '2d',
    lag: '4d',
    note: 'COPY INTO and Snowpipe. Two hours as a rule, two days for tables with few loads. A file loaded again is another row.',
  },
  'load-history': {
    from: usage('LOAD_HISTORY'),
    key: ['TABLE_ID', 'FILE_NAME', 'LAST_LOAD_TIME'],
    cursor: 'LAST_LOAD_TIME',
    latency: '2d',
    lag: '4d',
    note: 'COPY INTO only. 90 minutes as a rule, two days for tables with few loads.',
  },
  'pipe-usage-history': {
    from: usage('PIPE_USAGE_HISTORY'),
    key: ['PIPE_ID', 'START_TIME'],
    cursor: 'START_TIME',
    latency: '3h',
    lag: '24h',
    note: 'Hourly sums, which may be corrected. PIPE_ID is NULL for work that no pipe of yours did.',
  },
  'snowpipe-streaming-clients': {
    from: usage('SNOWPIPE_STREAMING_CLIENT_HISTORY'),
    key: ['CLIENT_NAME', 'SNOWFLAKE_PROVIDED_ID', 'EVENT_TIMESTAMP'],
    cursor: 'EVENT_TIMESTAMP',
    latency: '2h',
    lag: '4h',
    note: 'Classic Snowpipe Streaming.',
  },
  'snowpipe-streaming-migrations': {
    from: usage('SNOWPIPE_STREAMING_FILE_MIGRATION_HISTORY'),
    key: ['TABLE_ID', 'START_TIME'],
    cursor: 'START_TIME',
    latency: '12h',
    lag: '24h',
    note: 'Sums over stretches of time, which may be corrected.',
  },
  'snowpipe-streaming-channels': {
    from: usage('SNOWPIPE_STREAMING_CHANNEL_HISTORY'),
    key: ['CHANNEL_ID', 'CREATED_ON'],
    cursor: 'CREATED_ON',
    latency: null,
    lag: '24h',
    note: 'No latency is documented.',
  },
  'task-history': {
    from: usage('TASK_HISTORY'),
    key: ['DATABASE_NAME', 'SCHEMA_NAME', 'NAME', 'GRAPH_RUN_GROUP_ID', 'ATTEMPT_NUMBER', 'SCHEDULED_TIME'],
    cursor: 'COMPLETED_TIME',
    latency: '45m',
    lag: '90m',
    note: 'Completed runs. QUERY_ID is NULL for a run that was skipped, so it is no key.',
  },
  'warehouse-metering-history': {
    from: usage('WAREHOUSE_METERING_HISTORY'),
    key: ['WAREHOUSE_ID', 'START_TIME'],
    cursor: 'START_TIME',
    latency: '6h',
    lag: '24h',
    note: 'Hourly sums that grow after the hour: the last record of a key counts.',
  },
  'replication-refresh-history': {
    from: usage('REPLICATION_GROUP_REFRESH_HISTORY'),
    key: ['REPLICATION_GROUP_ID', 'JOB_UUID', 'START_TIME'],
    cursor: 'END_TIME',
    latency: '3h',
    lag: '6h',
    note: 'A refresh in progress has no END_TIME: it comes, and comes again when it has ended.',
  },
  'replication-usage-history': {
    from: usage('REPLICATION_GROUP_USAGE_HISTORY'),
    key: ['REPLICATION_GROUP_ID', 'START_TIME'],
    cursor: 'END_TIME',
    latency: '3h',
    lag: '24h',
    note: 'Sums over stretches of time, which may be corrected.',
  },
  'event-table': {
    from: 'SNOWFLAKE.TELEMETRY.EVENTS',
    adds: { EVENT_ID: `SHA2(TO_JSON(ARRAY_CONSTRUCT(${eventParts.join(', ')})), 256)` },
    key: ['EVENT_ID'],
    cursor: 'TIMESTAMP',
    latency: null,
    lag: '1h',
    note: 'The default event table. Its time is that of the event, and no latency is documented: choose `lag` by how late yours arrive. EVENT_ID is made of the event; equal events share it.',
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const presetNames = Object.keys(PRESETS) as [PresetName, ...PresetName[]];

export function preset(name: PresetName): Preset {
  return PRESETS[name];
}

export function presetQuery({ from, adds }: Preset): string {
  const added = Object.entries(adds ?? {}).map(([name, expression]) => `, ${expression} AS ${name}`);
  return `SELECT *${added.join('')} FROM ${from}`;
}
