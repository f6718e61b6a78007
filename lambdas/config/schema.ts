/**
 * The configuration file as users write it. One schema: it validates, gives defaults, and is the source of
 * `config/schema.json` (editors) and of the settings' descriptions. Keys that it does not know are refused.
 */
import { z } from 'zod';
import { arn, broker, column, duration, every, name, secret, table, topicName, url, whole } from './fields.ts';

const format = z.strictObject({
  type: z.enum(['json']).optional().describe('How keys and values are encoded. Default json.'),
  envelope: z
    .enum(['debezium', 'flat'])
    .optional()
    .describe('debezium: before, after, op, source, ts_ms. flat: the row with metadata fields. Default debezium.'),
  tombstones: z
    .boolean()
    .optional()
    .describe(
      'Whether a delete is followed by a record without value, for compacted topics. Default true, with at-least-once false.',
    ),
});

const perSource = {
  changes: z
    .enum(['default', 'append-only'])
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
  paused: z.boolean().optional().describe('Neither read nor published as long as it is true. Default false.'),
  format: format.optional(),
};

export const sourceSchema = z.strictObject({
  table: table.describe('The table: DATABASE.SCHEMA.TABLE. Unquoted parts are upper-cased, as in SQL.'),
  key: z.array(column).min(1).describe('Columns that identify a row; together unique and never NULL.'),
  topic: z
    .strictObject({
      name: topicName,
      partitions: whole(1, 10_000).describe(
        'How many partitions the topic has. Compared with the cluster before anything is sent.',
      ),
    })
    .describe('The topic that the source feeds. It must exist.'),
  ...perSource,
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
    auth: z.strictObject({
      method: z.enum(['key-pair', 'token']),
      secret: secret.describe('Name or ARN of the secret that holds the key or the token.'),
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
    compression: z.enum(['none', 'gzip', 'zstd']).default('none'),
    maxBatch: whole(16_384, 10_485_760)
      .default(900_000)
      .describe('Largest record batch in bytes; keep it under max.message.bytes of the topics.'),
    topicChecks: z
      .enum(['strict', 'report'])
      .default('strict')
      .describe('Whether settings too weak for exactly once stop a source (strict) or are only reported.'),
  }),
  sources: z
    .record(name(60), sourceSchema)
    .refine((sources) => Object.keys(sources).length > 0, { error: 'must have at least one source' })
    .describe('What is published, by name. Never rename a source: its state goes by the name.'),
  defaults: z.strictObject(perSource).prefault({}).describe('For every source that does not say otherwise.'),
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
      maxTransaction: whole(1, 10_000_000).default(50_000).describe('Rows after which a transaction is committed.'),
    })
    .prefault({}),
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
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type SourceConfig = z.output<typeof sourceSchema>;
