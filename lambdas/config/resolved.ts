/**
 * The configuration after defaults were applied: what the Lambda layer holds as one JSON file. Durations are ms.
 */
export type ResolvedConfig = {
  /** Names everything: `[a-z][a-z0-9-]{0,39}`. */
  app: string;
  /** Grows with each deployment; an older deployment never writes a layout. */
  deployment: number;
  table: { name: string; endpoint: string | null; region: string | null };
  snowflake: {
    account: string;
    /** For PrivateLink and stand-ins: `https://host[:port]`, no trailing slash. */
    accessUrl: string | null;
    user: string;
    role: string | null;
    warehouse: string;
    /** How rows are read: the chunks of a result by ourselves, or through snowflake-sdk. */
    reader: 'chunks' | 'sdk';
    /** Secret with `salt`, where a column is masked by its hash. */
    maskSalt?: string | null;
    auth: { method: 'key-pair' | 'token'; secret: string } | { method: 'workload-identity' };
  };
  kafka: {
    brokers: string[];
    tls: boolean;
    /** Certificates of a private authority (PEM) that the brokers' are signed by; null: the usual ones. */
    ca: string | null;
    /** Secret with `username` and `password`, with `mtls` of `certificate` and `key`; the others need none. */
    auth: { method: 'none' | 'iam' } | { method: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'mtls'; secret: string };
    controlTopic: string;
    /** What the brokers' offsets.retention.minutes is, where they hide it. */
    offsetsRetentionMs: number;
    transactionTimeoutMs: number;
    requestTimeoutMs: number;
    compression: 'none' | 'gzip' | 'zstd';
    /** Largest record batch in bytes; under the topic's max.message.bytes. */
    maxBatchBytes: number;
    /** Whether topic settings weaker than exactly once needs are refused (`strict`) or only reported. */
    topicChecks: 'strict' | 'report';
  };
  clocks: {
    safetyLagMs: number;
    marginMs: number;
    leaseMs: number;
    /** How old a window is when late commits are looked for. */
    recountAfterMs: number;
  };
  limits: {
    maxWindowMs: number;
    maxOpenWindows: number;
    maxSnapshots: number;
    /** Rows after which a transaction is committed at the next cut. */
    maxTransactionRows: number;
  };
  /** What the warehouse may take a day; absent: no limit. */
  budget?: {
    creditsPerDay: number;
    creditsPerHour: number;
    /** How long it is awake after its last statement. */
    idleMs: number;
  };
  /** Where consumers find schemas; null without one. */
  registry: ResolvedRegistry | null;
  /** Secrets Manager and EventBridge endpoints of a stand-in; null on AWS. `notifications`: whether people are told. */
  aws: { endpoint: string | null; bus: string; notifications?: boolean };
  sources: ResolvedSource[];
  /** Absent: none. */
  patterns?: ResolvedPattern[];
};

/** A preset is a query, too. */
export type ResolvedQuery = {
  text: string;
  mode: 'bulk' | 'incrementing' | 'timestamp';
  cursor: string | null;
  /** ms for `timestamp`, a number for `incrementing`. */
  lag: number;
  watch: { database: string; schema: string; name: string }[];
};

/** `managed`: it is made on the source's `object`; else it is the `object`. */
export type ResolvedStream = {
  managed: boolean;
  /** Where stages, ledger and a managed stream are kept. */
  staging: { database: string; schema: string };
};

export type ResolvedSource = {
  name: string;
  /** Of a query source: where its staged copies are kept, and the source's name. Of a stream: see ResolvedStream. */
  object: { database: string; schema: string; name: string };
  query?: ResolvedQuery;
  stream?: ResolvedStream;
  information: 'DEFAULT' | 'APPEND_ONLY';
  key: string[];
  topic: string;
  topicPartitions: number;
  partitions: number;
  delivery: 'exactly-once' | 'at-least-once';
  /** EventBridge Scheduler expression: rate(...) or cron(...); sources with the same one share a schedule. */
  every: string;
  /** Objective: what consumers see may become this old; null: none. */
  freshnessMs: number | null;
  /** MB of the function that publishes it; null: the usual size. */
  memory: number | null;
  paused: boolean;
  /** How often it is looked at within a tick; absent: once. */
  pollMs?: number;
  /** How long an invocation of publish works for it; absent: as long as Lambda lets it. */
  timeoutMs?: number;
  /** How many of its partitions are published at the same time; absent: all. */
  publishers?: number;
  /** What is sent a second of a snapshot or repair; absent: no limit. */
  maxRate?: { unit: 'rows' | 'bytes'; perSecond: number };
  format: { type: RecordFormat; key: RecordFormat; envelope: 'debezium' | 'flat'; tombstones: boolean };
  /** What Snowflake makes of columns and rows; absent: all of them as they are. */
  shape?: ResolvedShape;
  /** Absent: initial. */
  snapshot?: { mode: 'initial' | 'never' | 'only'; from: string | null };
  /** Where snapshots are copied first: of large tables, or `always`; absent: none is. */
  copy?: { staging: { database: string; schema: string }; always: boolean };
  /** Absent: stop. */
  onHistoryLost?: 'stop' | 'resnapshot';
  /** Absent: compatible. */
  schemaChanges?: 'compatible' | 'any';
  schemaTopic?: { name: string; partitions: number };
  progressTopic?: { name: string; partitions: number };
  /** Where rows go that can't be sent; absent: they stop their partition. */
  deadLetterTopic?: { name: string; partitions: number };
  /** The topic is made with these; absent: it must exist. */
  makeTopic?: TopicSettings;
  /** Record headers: a constant, or the text of a column. */
  headers?: ({ name: string; value: string } | { name: string; column: string })[];
  /** Where this source differs from `kafka` and `limits`. */
  write?: Partial<Pick<ResolvedConfig['kafka'], 'compression' | 'maxBatchBytes'>> &
    Partial<Pick<ResolvedConfig['limits'], 'maxTransactionRows'>>;
};

/** As `protocol/ports/kafka.ts` has it. */
export type TopicSettings = { replication: number; minInsync: number; retentionMs: number | null; compact: boolean };

/** All tables of a schema, each of them a source `<name>.<table>`. Names as Snowflake stores them. */
export type ResolvedPattern = {
  name: string;
  schema: { database: string; schema: string };
  /** Names with `*` and `?`; null: all. */
  include: string[] | null;
  exclude: string[];
  /** null: the primary key of each. */
  key: string[] | null;
  /** What names of topics are made of, and how all of them begin. */
  topic: string;
  topicPrefix: string;
  maxTables: number;
  listMs: number;
  /** What its sources have in common. */
  source: SharedSettings;
};

export type SharedSettings = Omit<ResolvedSource, 'name' | 'object' | 'key' | 'topic'>;

/** As `protocol/window.ts` has it in a layout. Names as Snowflake stores them. */
export type ResolvedShape = {
  include: string[] | null;
  exclude: string[];
  computed: { name: string; sql: string; type: { name: string; precision: number | null; scale: number | null } }[];
  where: string | null;
  masks: {
    column: string;
    mask: { kind: 'redact' | 'hash' | 'last-4' } | { kind: 'truncate'; length: number };
  }[];
  skip: ('create' | 'update' | 'delete')[];
};

export type RecordFormat = 'json' | 'json-with-schema' | 'avro' | 'protobuf';

/** `register`: whether a schema that is not there is put there, or stops the source. */
export type ResolvedRegistry = { subjects: 'topic' | 'record' | 'topic-record'; register: boolean } & (
  | {
      type: 'confluent';
      /** No slash at the end. */
      url: string;
      auth: { method: 'none' } | { method: 'basic'; secret: string };
    }
  | { type: 'glue'; name: string; region: string | null; endpoint: string | null }
);

/** What a registry is asked with. */
export type Credentials =
  | { username: string; password: string }
  | { accessKeyId: string; secretAccessKey: string; sessionToken: string | null; region: string | null };

/** Each takes twice the credits of the one before; the first takes one an hour. */
export const WAREHOUSE_SIZES = [
  'XSMALL',
  'SMALL',
  'MEDIUM',
  'LARGE',
  'XLARGE',
  'XXLARGE',
  'XXXLARGE',
  'X4LARGE',
  'X5LARGE',
  'X6LARGE',
] as const;
