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
    auth: { method: 'key-pair' | 'token'; secret: string };
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
  /** Secrets Manager and EventBridge endpoints of a stand-in; null on AWS. */
  aws: { endpoint: string | null; bus: string };
  sources: ResolvedSource[];
};

export type ResolvedSource = {
  name: string;
  object: { database: string; schema: string; name: string };
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
  format: { type: 'json'; envelope: 'debezium' | 'flat'; tombstones: boolean };
};
