/** What can be set on the broker; the names follow Apache Kafka's properties, times are in milliseconds. */
export type BrokerOptions = {
  /** 0 takes a free port. */
  port: number;
  /** Nodes that clients see, each with a listener of its own; `port` is the first one's. */
  listeners: number;
  /** Random unless given: two brokers are two clusters. */
  clusterId: string;
  /** Topics made at the start. */
  topics: TopicSpec[];
  autoCreateTopics: boolean;
  numPartitions: number;
  /** The greatest factor a topic may ask for. The replicas are told, not kept. */
  maxReplicationFactor: number;
  maxMessageBytes: number;
  messageTimestampAfterMaxMs: number;
  offsetMetadataMaxChars: number;
  offsetsRetentionMs: number;
  offsetsRetentionCheckIntervalMs: number;
  transactionMaxTimeoutMs: number;
  transactionScanIntervalMs: number;
  transactionalIdExpirationMs: number;
  /** How long the markers of a transaction take after the reply to EndTxn; until then the coordinator answers 51. */
  markerDelayMs: number;
  groupInitialRebalanceDelayMs: number;
  /** Batches beyond this many bytes go to files. */
  memoryLimitBytes: number;
  /** Where those files go; a new temporary folder unless given. */
  logDir: string | null;
  /** SASL/PLAIN users and passwords; null takes every connection. */
  users: Record<string, string> | null;
  /** Values that Describe Configs of the broker answers with, over those that follow from the other options. */
  brokerConfigs: Record<string, string>;
};

export type TopicSpec = {
  name: string;
  partitions?: number;
  replicationFactor?: number;
  configs?: Record<string, string>;
};

const DAY = 24 * 60 * 60 * 1000;

/** Apache Kafka's defaults, but for topics, which are not made by asking for them. */
export function withDefaults(options: Partial<BrokerOptions>): BrokerOptions {
  return {
    port: 0,
    listeners: 1,
    clusterId: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url'),
    topics: [],
    autoCreateTopics: false,
    numPartitions: 1,
    maxReplicationFactor: 3,
    maxMessageBytes: 1_048_588,
    messageTimestampAfterMaxMs: 60 * 60 * 1000,
    offsetMetadataMaxChars: 4096,
    offsetsRetentionMs: 7 * DAY,
    offsetsRetentionCheckIntervalMs: 10 * 60 * 1000,
    transactionMaxTimeoutMs: 15 * 60 * 1000,
    transactionScanIntervalMs: 10_000,
    transactionalIdExpirationMs: 7 * DAY,
    markerDelayMs: 2,
    groupInitialRebalanceDelayMs: 0,
    memoryLimitBytes: 1024 * 1024 * 1024,
    logDir: null,
    users: null,
    brokerConfigs: {},
    ...options,
  };
}
