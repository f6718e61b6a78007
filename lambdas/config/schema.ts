/**
 * The configuration file as users write it. One schema: it validates, gives defaults, and is the source of
 * `config/schema.json` (editors) and of the settings' descriptions. Keys that it does not know are refused.
 */
import { z } from 'zod';
import {
  arn,
  broker,
  column,
  columnKey,
  duration,
  every,
  expression,
  glob,
  instant,
  lag,
  name,
  registryUrl,
  schemaName,
  schemaTables,
  secret,
  select,
  table,
  topicName,
  topicTemplate,
  url,
  whole,
} from './fields.ts';
import { captureProblems } from './captures.ts';
import { presetNames } from './presets.ts';
import { WAREHOUSE_SIZES } from './resolved.ts';

export const recordFormats = ['json', 'json-with-schema', 'avro', 'protobuf'] as const;
export const envelopes = ['debezium', 'flat'] as const;
export const changeKinds = ['default', 'append-only'] as const;
export const queryModes = ['bulk', 'incrementing', 'timestamp'] as const;
export const badRows = ['stop', 'dead-letter'] as const;

const recordFormat = z.enum(recordFormats);

const format = z.strictObject({
  type: recordFormat
    .optional()
    .describe(
      'How values are encoded (docs/types.md). json-with-schema: as JsonConverter with schemas.enable has it. avro and protobuf need a registry. Default json.',
    ),
  key: recordFormat.optional().describe('How keys are encoded. Default: as values are.'),
  envelope: z
    .enum(envelopes)
    .optional()
    .describe('debezium: before, after, op, source, ts_ms. flat: the row with metadata fields. Default debezium.'),
  tombstones: z
    .boolean()
    .optional()
    .describe(
      'Whether a delete is followed by a record without value, for compacted topics. Default true, with at-least-once false.',
    ),
});

const compression = z.enum(['none', 'gzip', 'zstd']);
const maxBatch = whole(16_384, 10_485_760);
const maxTransaction = whole(1, 10_000_000);

const mask = z.union(
  [
    z.enum(['redact', 'hash', 'last-4']),
    z.strictObject({ truncate: whole(0, 10_000).describe('How many characters stay.') }),
  ],
  { error: 'must be redact, hash, last-4 or { truncate: <characters> }' },
);

/** What becomes of columns and rows, in Snowflake. */
const shape = {
  columns: z
    .strictObject({
      include: z.array(column).min(1).optional().describe('Only these columns, in this order.'),
      exclude: z.array(column).min(1).optional().describe('All columns but these.'),
      add: z
        .record(columnKey, expression)
        .optional()
        .describe(
          'Columns by an SQL expression over the row; text, or the type that it ends with (`...::NUMBER(12, 2)`).',
        ),
    })
    .optional()
    .describe('Which columns leave Snowflake. Key columns must be among them. Default: all.'),
  where: expression.optional().describe('SQL condition over the row: only rows that meet it leave Snowflake.'),
  mask: z
    .record(columnKey, mask)
    .optional()
    .describe(
      'Columns whose value never leaves Snowflake: redact (`***`), hash (SHA-256 with snowflake.maskSalt), last-4, or { truncate: n }. A key column can only be hashed.',
    ),
  headers: z
    .record(
      z.string().min(1).max(200),
      z.union([z.string().max(10_000), z.strictObject({ column: column.describe('Its text as the record has it.') })], {
        error: 'must be a text or { column: <name> }',
      }),
    )
    .refine((headers) => Object.keys(headers).length <= 30, { error: 'has more than 30 headers' })
    .optional()
    .describe('Headers of every record: a text, or { column: NAME } for the text of a column that leaves Snowflake.'),
  skip: z
    .array(z.enum(['create', 'update', 'delete']))
    .min(1)
    .optional()
    .describe('Kinds of changes that are not published. Snapshots are not touched.'),
};

const perSource = {
  changes: z
    .enum(changeKinds)
    .optional()
    .describe('default: inserts, updates and deletes. append-only: inserts alone, cheaper. Default default.'),
  partitions: whole(1, 1000)
    .optional()
    .describe('Slices of the keys that are published side by side, each by its own invocation. Default 1.'),
  delivery: z
    .enum(['exactly-once', 'at-least-once'])
    .optional()
    .describe(
      'at-least-once: for clusters without transactions; a record may come again, and tells by `snowmelt.position`. Default exactly-once.',
    ),
  every: every.optional().describe('How often the source is looked at: 1m, rate(5 minutes), cron(...). Default 1m.'),
  freshness: duration('2m', '365d')
    .optional()
    .describe(
      'How old what consumers see may become before somebody is paged. Default 15m, or three times a longer `every`; with cron(...) only where it is set.',
    ),
  memory: whole(512, 10_240)
    .optional()
    .describe(
      'Megabytes of the function that publishes it; they buy CPU, too. Each size is a function of its own. Default 1769.',
    ),
  pollEvery: duration('1s', '30s')
    .optional()
    .describe(
      'Looks for changes this often within the minute, for sources with `every: 1m` (others are not touched by it): plan then runs all the time. What is published is still at least clocks.safetyLag old. Default: once a tick.',
    ),
  timeout: duration('1m', '15m')
    .optional()
    .describe(
      'How long one invocation publishes before it hands over to another. Default: 15m, as long as Lambda lets it.',
    ),
  publishers: whole(1, 1000)
    .optional()
    .describe('Of its partitions at most this many are published at the same time. Default: all.'),
  maxRate: z
    .union([z.strictObject({ rows: whole(1, 1e9) }), z.strictObject({ bytes: whole(1_000, 1e10) })], {
      error: 'must be { rows: <a second> } or { bytes: <a second> }',
    })
    .optional()
    .describe(
      'How much of a snapshot, or of a repair, is sent a second, all partitions together: { rows: n } or { bytes: n }, as read from Snowflake. Changes are not held back. Default: no limit.',
    ),
  paused: z
    .boolean()
    .optional()
    .describe(
      'Neither read nor published as long as it is true; what is left of its history is told of. Default false.',
    ),
  format: format.optional(),
  snapshot: z
    .union([z.enum(['initial', 'never', 'only']), z.strictObject({ mode: z.literal('never'), from: instant })], {
      error: 'must be initial, never, only or { mode: never, from: <time> }',
    })
    .optional()
    .describe(
      'initial: all rows first, then changes. never: changes alone, from now on or from a time within the retention. only: all rows, once. Default initial.',
    ),
  snapshotCopy: z
    .enum(['large', 'always', 'never'])
    .optional()
    .describe(
      "Whether a table is first copied, sorted, into snowflake.staging, and its snapshot read from there: that outlives the 24 hours of a result and the table's retention, and needs CREATE TABLE there. large: one of over 100 million rows or 50 GB, or that may take a quarter of its retention to publish, where there is a snowflake.staging. Default large.",
    ),
  onHistoryLost: z
    .enum(['stop', 'resnapshot'])
    .optional()
    .describe(
      'When the table was replaced, or changes can not be read any more. stop: until an operator says what to do. resnapshot: consumers are told to forget everything (op t), then all rows come again; once per retention at most. Default stop.',
    ),
  schemaChanges: z
    .enum(['compatible', 'any'])
    .optional()
    .describe(
      'compatible: a column that was dropped, renamed or given another type stops the source. any: only a key column does. Default compatible.',
    ),
  schemaTopic: z
    .strictObject({ name: topicName, partitions: whole(1, 10_000) })
    .optional()
    .describe('Topic that is told of the columns of a source, and of every change of them before it is published.'),
  progressTopic: z
    .strictObject({ name: topicName, partitions: whole(1, 10_000) })
    .optional()
    .describe(
      'Topic that is told the end of each window, by each partition with rows in it: bounds and counts, in the transaction of its last rows.',
    ),
  onBadRow: z
    .enum(badRows)
    .optional()
    .describe(
      'A row that can not be sent: too large for the topic, or with a value that its format can not carry. stop: its partition waits for an operator. dead-letter: it goes to `deadLetterTopic`, and the others go on. Default stop.',
    ),
  deadLetterTopic: z
    .strictObject({ name: topicName, partitions: whole(1, 10_000) })
    .optional()
    .describe(
      'With `onBadRow: dead-letter`: topic that is told of rows that can not be sent, each in the transaction that it would have been in. Sources may share it, those of a pattern do. Default `<topic>.deadletters`, with one partition; a pattern has none.',
    ),
  write: z
    .strictObject({
      compression: compression.optional().describe('Default: kafka.compression.'),
      maxBatch: maxBatch.optional().describe('Default: kafka.maxBatch.'),
      maxTransaction: maxTransaction.optional().describe('Default: limits.maxTransaction.'),
    })
    .optional()
    .describe('How records are written.'),
};

const sourceFields = z.strictObject({
  table: table
    .optional()
    .describe(
      'The table: DATABASE.SCHEMA.TABLE. Unquoted parts are upper-cased, as in SQL. Or `query`, `preset` or `stream`.',
    ),
  query: select.optional().describe('One SELECT whose rows are published, instead of a table (docs/captures.md).'),
  preset: z
    .enum(presetNames)
    .optional()
    .describe("One of Snowflake's own logs, instead of a table; the list is in docs/captures.md."),
  stream: z
    .union(
      [
        table,
        z.strictObject({
          managed: z.literal(true),
          on: table.describe('The table that it is made on.'),
        }),
      ],
      { error: 'must be DATABASE.SCHEMA.STREAM, or { managed: true, on: DATABASE.SCHEMA.TABLE }' },
    )
    .optional()
    .describe(
      'A stream, instead of a table: DATABASE.SCHEMA.STREAM, which nobody else may consume; or { managed: true, on: DATABASE.SCHEMA.TABLE } for one that is made in snowflake.staging. `changes` must say what kind of stream it is.',
    ),
  mode: z
    .enum(queryModes)
    .optional()
    .describe(
      'How a query is read. bulk: whole, and what differs from the last time is published, deletes included. incrementing, timestamp: rows from `cursor` on. Default bulk.',
    ),
  cursor: column
    .optional()
    .describe('Column of the query that only grows: a NUMBER for incrementing, a date or time for timestamp.'),
  lag: lag
    .optional()
    .describe(
      'How far below the cursor rows may still appear: a duration for timestamp, a number for incrementing. Default 0.',
    ),
  watch: z
    .array(table)
    .optional()
    .describe('Tables whose changes cause a query to be run. Default none: it is run each time (see `every`).'),
  key: z
    .array(column)
    .min(1)
    .optional()
    .describe(
      'Columns that identify a row; together unique and never NULL. A preset has its own; a stream without goes by METADATA$ROW_ID.',
    ),
  topic: z
    .strictObject({
      name: topicName,
      partitions: whole(1, 10_000).describe(
        'How many partitions the topic has. Compared with the cluster before anything is sent.',
      ),
    })
    .describe('The topic that the source feeds. It must exist.'),
  ...perSource,
  ...shape,
});

export const sourceSchema = sourceFields.superRefine((source, context) => {
  for (const { path, message } of captureProblems(source))
    context.addIssue({ code: 'custom', path: [...path], message, input: source[path[0] as keyof typeof source] });
});

const pattern = z.strictObject({
  tables: schemaTables.describe(
    'DATABASE.SCHEMA.*: the tables of this schema that the role sees, also those that are made later.',
  ),
  include: z
    .array(glob)
    .min(1)
    .optional()
    .describe('Only tables with such a name; `*` stands for anything, `?` for one character. Default: all.'),
  exclude: z.array(glob).min(1).optional().describe('But none with such a name.'),
  key: z
    .union([z.literal('primary-key'), z.array(column).min(1)], { error: 'must be primary-key, or a list of columns' })
    .describe(
      'primary-key: the columns of the PRIMARY KEY of each table, as it is when the table is found. Or columns that every table has; together unique and never NULL.',
    ),
  topic: z
    .strictObject({
      name: topicTemplate.describe(
        'Of the topic of each table: a fixed beginning, then {table}, also {schema} and {database}, in lower case; {TABLE}, {SCHEMA}, {DATABASE}: as Snowflake stores them. A topic keeps the name that it was made with.',
      ),
      partitions: whole(1, 10_000).describe('Of each topic.'),
      replication: whole(1, 10).default(3),
      minInsync: whole(1, 10).default(2).describe('min.insync.replicas of each topic.'),
      retention: duration('1m', '3650d').optional().describe('How long records are kept. Default: as the brokers say.'),
      compact: z.boolean().default(false).describe('Whether of each key only the newest record is kept.'),
    })
    .describe(
      'The topics. Each is made when its table has something to publish; one that exists already is taken as it is.',
    ),
  maxTables: whole(1, 1000)
    .default(100)
    .describe('With more tables than this no new one is taken, and an error tells.'),
  listEvery: duration('1m', '1d')
    .prefault('5m')
    .describe('How often the schema is looked at for tables that came or went; never more often than `every`.'),
  ...perSource,
});

const registry = z.strictObject({
  type: z
    .enum(['confluent', 'glue'])
    .describe('confluent: any that speaks its REST API. glue: AWS Glue Schema Registry.'),
  url: registryUrl.optional().describe('Of a confluent registry, such as https://registry.example.com:8081.'),
  auth: z
    .strictObject({
      method: z.enum(['none', 'basic']),
      secret: secret.optional().describe('Name or ARN of the secret with `username` and `password`.'),
    })
    .optional()
    .describe('Of a confluent registry. Default: none. Glue is asked with the role of the function.'),
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_$#.-]{1,255}$/, { error: 'must be 1 to 255 letters, digits, `-`, `_`, `$`, `#` or `.`' })
    .optional()
    .describe('Of a glue registry. Default default-registry.'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-[0-9]$/, { error: 'must be a region, such as `eu-central-1`' })
    .optional()
    .describe('Of a glue registry. Default: the region of the functions.'),
  endpoint: url.optional().describe('Only for a stand-in of Glue.'),
  subjects: z
    .enum(['topic', 'record', 'topic-record'])
    .default('topic')
    .describe(
      'Under which name schemas are registered: `<topic>-key` and `<topic>-value`, the name of the record, or `<topic>-` and that.',
    ),
  register: z
    .boolean()
    .default(true)
    .describe('Whether schemas are registered. false: one that is not there stops its source.'),
});

const vpc = z.strictObject({
  subnets: z
    .array(z.string().regex(/^subnet-[0-9a-f]+$/, { error: 'must be a subnet id, such as `subnet-0a1b2c3d`' }))
    .min(1),
  securityGroups: z
    .array(z.string().regex(/^sg-[0-9a-f]+$/, { error: 'must be a security group id, such as `sg-0a1b2c3d`' }))
    .min(1),
  endpoints: z
    .strictObject({
      vpc: z.string().regex(/^vpc-[0-9a-f]+$/, { error: 'must be a VPC id, such as `vpc-0a1b2c3d`' }),
      routeTables: z
        .array(z.string().regex(/^rtb-[0-9a-f]+$/, { error: 'must be a route table id, such as `rtb-0a1b2c3d`' }))
        .min(1)
        .describe('Those of the subnets.'),
    })
    .optional()
    .describe(
      'For a VPC without NAT: makes its endpoints for DynamoDB, S3, EventBridge, Secrets Manager and STS, with the same subnets and security groups. Those of Snowflake (PrivateLink and its stage) are yours.',
    ),
});

export const configSchema = z.strictObject({
  app: name(40).describe('Names everything that belongs to this deployment. Never change it: the state goes by it.'),
  snowflake: z.strictObject({
    account: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.(?!snowflakecomputing)[A-Za-z0-9_-]+)*$/, {
        error: 'must be the account identifier alone, such as `myorg-myaccount`, without .snowflakecomputing.com',
      })
      .describe('Account identifier, such as myorg-myaccount.'),
    accessUrl: url.optional().describe('Only for PrivateLink: the address to use instead of the public one.'),
    user: z.string().min(1),
    role: z.string().min(1).optional().describe('Default: the default role of the user.'),
    warehouse: z.string().min(1).describe('Resumed only when a source changed.'),
    staging: schemaName
      .optional()
      .describe(
        'Schema in which copies of query results, and what streams had, are kept until they are published: DATABASE.SCHEMA.',
      ),
    throughVpc: z
      .boolean()
      .optional()
      .describe(
        'Whether plan and recount ask Snowflake from inside the VPC, too: for a network policy with fixed addresses. Default: with accessUrl.',
      ),
    reader: z
      .enum(['chunks', 'sdk'])
      .default('chunks')
      .describe('How rows are read. sdk: through snowflake-sdk, slower; for when the fast way, chunks, fails.'),
    maskSalt: secret
      .optional()
      .describe('Name or ARN of the secret whose field `salt` goes into hashes (`mask`). It stands in no statement.'),
    auth: z
      .strictObject({
        method: z
          .enum(['key-pair', 'token', 'workload-identity'])
          .describe(
            'workload-identity: without a secret, as the role `snowmelt-<app>-snowflake` that the stack makes (docs/deploy.md).',
          ),
        secret: secret.optional().describe('Name or ARN of the secret that holds the key or the token.'),
      })
      .refine(({ method, secret }) => method === 'workload-identity' || secret !== undefined, {
        path: ['secret'],
        error: 'is required for this method',
      })
      .refine(({ method, secret }) => method !== 'workload-identity' || secret === undefined, {
        path: ['secret'],
        error: 'is not used with workload-identity; remove it or choose another method',
      }),
  }),
  kafka: z.strictObject({
    brokers: z.array(broker).min(1).describe('Bootstrap brokers, host:port.'),
    tls: z.boolean().default(true),
    ca: z
      .string()
      .regex(/^\s*-----BEGIN CERTIFICATE-----/, { error: 'must be certificates in PEM (-----BEGIN CERTIFICATE-----)' })
      .optional()
      .describe("Certificates (PEM) of a private authority that signed the brokers'. Default: the public ones."),
    auth: z
      .strictObject({
        method: z
          .enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512', 'iam', 'mtls'])
          .describe("iam: MSK's, with the role of the functions (needs aws.cluster). mtls: a client certificate."),
        secret: secret
          .optional()
          .describe(
            'Name or ARN of the secret with `username` and `password`; mtls: with `certificate` and `key` (PEM).',
          ),
      })
      .refine(({ method, secret }) => method === 'none' || method === 'iam' || secret !== undefined, {
        path: ['secret'],
        error: 'is required for this method',
      })
      .refine(({ method, secret }) => (method !== 'none' && method !== 'iam') || secret === undefined, {
        path: ['secret'],
        error: 'is not used without sign-in or with iam; remove it or choose another method',
      })
      .prefault({ method: 'none' }),
    controlTopic: topicName
      .optional()
      .describe('Topic whose partitions the committed positions go by. Default `<app>.control`.'),
    offsetsRetention: duration('1h', '3650d')
      .prefault('7d')
      .describe('offsets.retention.minutes of the brokers, where they hide it.'),
    transactionTimeout: duration('4s', '15m')
      .prefault('60s')
      .describe('After this long the broker aborts a transaction. A transaction is committed after a quarter of it.'),
    requestTimeout: duration('1s', '5m').prefault('30s'),
    compression: compression.default('none'),
    maxBatch: maxBatch
      .default(900_000)
      .describe('Largest record batch in bytes; keep it under max.message.bytes of the topics.'),
    topicChecks: z
      .enum(['strict', 'report'])
      .default('strict')
      .describe('Whether settings too weak for exactly once stop a source (strict) or are only reported.'),
  }),
  sources: z
    .record(name(60), sourceSchema)
    .default({})
    .describe('What is published, by name. Never rename a source: its state goes by the name.'),
  patterns: z
    .record(name(40), pattern)
    .default({})
    .describe(
      'All tables of a schema, by name: each is a source `<name>.<table>` (docs/captures.md). Never rename a pattern: the state goes by the name.',
    ),
  defaults: z.strictObject(perSource).prefault({}).describe('For every source that does not say otherwise.'),
  registry: registry.optional().describe('Schema registry, for avro and protobuf.'),
  clocks: z
    .strictObject({
      safetyLag: duration('1s', '1h')
        .prefault('30s')
        .describe("How far behind Snowflake's clock a window ends, so that commits in flight are not missed."),
      margin: duration('100ms', '10m')
        .prefault('5s')
        .describe('How much older than a window a sighting of its changes must be.'),
      lease: duration('1s', '15m').prefault('60s').describe('How long a partition is held by an invocation that died.'),
      recountAfter: duration('1s', '20h')
        .prefault('15m')
        .describe('How old a window is when it is read once more, to find commits that became visible late.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxWindow: duration('1m', '1d')
        .prefault('15m')
        .describe('With two windows unpublished, the next waits until it is this wide.'),
      maxOpenWindows: whole(2, 10_000).default(64),
      maxSnapshots: whole(1, 1000)
        .default(4)
        .describe('Sources whose first snapshot may be unfinished at the same time.'),
      maxTransaction: maxTransaction.default(50_000).describe('Rows after which a transaction is committed.'),
    })
    .prefault({}),
  budget: z
    .strictObject({
      creditsPerDay: z
        .number()
        .positive()
        .max(1e6)
        .describe('Once it is used up no window is opened until the day (UTC) is over, and an alarm tells.'),
      size: z
        .enum(WAREHOUSE_SIZES)
        .default('XSMALL')
        .describe('Of snowflake.warehouse: XSMALL takes a credit an hour, each size twice as much as the one before.'),
      autoSuspend: duration('1s', '1d')
        .prefault('60s')
        .describe('AUTO_SUSPEND of the warehouse: it is counted as awake that long after its last statement.'),
    })
    .optional()
    .describe('What the warehouse may cost a day, counted by the time it was awake for Snowmelt. Default: no limit.'),
  state: z
    .strictObject({
      table: z
        .string()
        .regex(/^[a-zA-Z0-9_.-]{3,255}$/, { error: 'must be 3 to 255 letters, digits, `_`, `.` or `-`' })
        .optional()
        .describe('Name of the DynamoDB table. Default `snowmelt-<app>`.'),
      endpoint: url.optional().describe('Only for a stand-in.'),
      region: z.string().min(1).optional().describe('Default: the region of the functions.'),
    })
    .prefault({}),
  aws: z
    .strictObject({
      endpoint: url.optional().describe('Only for a stand-in.'),
      vpc: vpc.optional().describe('Existing subnets and security groups that the functions run in.'),
      key: arn('kms', 'key/[A-Za-z0-9-]+', 'a KMS key')
        .optional()
        .describe(
          'Your own key for table, queues and logs. Default: keys of AWS. Its policy must let CloudWatch Logs use it.',
        ),
      cluster: arn('kafka', 'cluster/[A-Za-z0-9_-]+/[A-Za-z0-9-]+', 'an MSK cluster')
        .optional()
        .describe('The MSK cluster: needed to make topics, and to sign in with IAM.'),
      topics: z
        .strictObject({
          replication: whole(1, 10).default(3),
          minInsync: whole(1, 10).default(2).describe('min.insync.replicas of the topics.'),
        })
        .optional()
        .describe(
          'Makes the topics of the sources and the control topic, and keeps them when the stack goes. Leave it out where they exist.',
        ),
      publishers: whole(0, 10_000)
        .optional()
        .describe(
          'Invocations of publish at the same time (reserved concurrency); 0 stops all publishing. Default: no limit.',
        ),
      alarms: z
        .strictObject({
          page: arn('sns', '[A-Za-z0-9_.-]+', 'an SNS topic').optional().describe('Told when somebody must look now.'),
          ticket: arn('sns', '[A-Za-z0-9_.-]+', 'an SNS topic')
            .optional()
            .describe('Told when somebody must look within the day.'),
        })
        .prefault({})
        .describe('SNS topics that the alarms go to.'),
      notifications: arn('sns', '[A-Za-z0-9_-]+', 'an SNS topic, and no FIFO one')
        .optional()
        .describe(
          'SNS topic that is told what people do to sources, and of snapshots, repairs, schema changes, lost and healed history. Default: nobody is told.',
        ),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type SourceConfig = z.output<typeof sourceFields>;
export type PatternConfig = z.output<typeof pattern>;
