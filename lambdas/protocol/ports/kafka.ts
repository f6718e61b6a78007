/** What the protocol asks of Kafka. */
import type { Position } from '../position.ts';
import type { PlainRecord, RecordHeaders } from './records.ts';

/** The position committed inside the Kafka transaction, as a consumer-group offset with this metadata. */
export type Marker = {
  position: Position;
  incarnation: string;
  /** Digest of the window that `position` is in. */
  digest: string;
  /** `to` of that window. */
  to: string;
  /** Hash of the row before the position: a reader that goes on proves with it that it has the same result. */
  last: string;
  /** Time of the commit, ms since epoch. */
  at: number;
  /** The last record that the brokers acknowledged before the commit; null where a marker was committed alone. */
  sent: Sent | null;
  /** Of the window that `position` is in; null or absent: none of its rows up to there is a dead letter. */
  dead?: DeadRows | null;
};

/** Rows of a window that went to the dead letters, up to some position: how many, and the number of the last one. */
export type DeadRows = { window: number; rows: number; last: number };

/** Offset of a record in its topicPartition. */
export type Sent = { topic: string; topicPartition: number; offset: number };

export type TopicFacts = {
  minInsyncReplicas: number | null;
  replication: number;
  uncleanElection: boolean | null;
  compacted: boolean | null;
};

export type OpenRequest = {
  source: string;
  partition: number;
  topic: string;
  /** What records are partitioned by: the count of the window's own layout. */
  topicPartitions: number;
  /** The count that the topic must have: that of the newest layout; greater when a topic grew since the window's. */
  newestTopicPartitions: number;
  /** Smallest partition count of the control topic (P). */
  partitions: number;
  /**
   * With `at-least-once` nothing on the wire is transactional: an idempotent producer without a transactional id, no control
   * topic, no marker; `commit` resolves when all that was appended is acknowledged.
   */
  delivery: Delivery;
  /** The topic that `tell` is for; none is absent or null. */
  progress?: { topic: string; topicPartitions: number } | null;
  /** The topic that `bury` is for; none is absent or null. */
  deadLetters?: { topic: string; topicPartitions: number } | null;
  /** Doesn't read the marker (an operator signs it anew): `commit` may then commit a marker alone, without a record. */
  adopt?: boolean;
};

export type Delivery = 'exactly-once' | 'at-least-once';

/** What an operator is shown where Kafka and the store disagree; read without InitProducerId, so nobody is fenced. */
export type Inspection = {
  clusterId: string;
  /** null: the topic does not exist. */
  topicPartitions: number | null;
  /** Where the topicPartitions end; the timestamp is that of the last batch, null when there is none or it may not be read. */
  ends: { topicPartition: number; endOffset: string; lastTimestamp: number | null }[];
  /** null: the control topic does not exist. */
  controlPartitions: number | null;
  /** Of each source partition; null when Kafka has none. */
  markers: ({ marker: Marker } | { unreadable: string } | null)[];
};

/**
 * A producer after InitProducerId: whatever an earlier owner had open is decided. One object serves one epoch: after any
 * error it is closed and a new one opened. It batches per topicPartition, one outstanding send each.
 */
export interface KafkaProducer {
  readonly clusterId: string;
  /** The committed marker of this partition; null when Kafka has none, and when it was not read. */
  readonly marker: Marker | null;
  /** Where the topicPartition that `marker.sent` names ends now; null when that is of another topic, or not known. */
  readonly end: number | null;
  /**
   * Adds a record: key and value are slices of `bytes`; `valueStart` -1 is a tombstone. The topicPartition is murmur2 of
   * the key modulo the layout's count. Copies at once. Returns false when the caller must await `ready()` before the next one.
   * With at-least-once the record carries `window:row` in the header `snowmelt.position`, besides `headers`.
   * @throws RECORD_TOO_LARGE, with nothing added, for one that the topic does not take even alone in a batch, compressed
   */
  append(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers?: RecordHeaders | null,
  ): boolean;
  /** As `append`, but to each topicPartition: a record that concerns every key. */
  broadcast(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    window: number,
    row: number,
    headers?: RecordHeaders | null,
  ): void;
  /** Adds a record for the topic of progress to the transaction. */
  tell(record: PlainRecord, window: number, row: number): void;
  /** Adds a record for the topic of dead letters to the transaction; as `append` does. */
  bury(record: PlainRecord, window: number, row: number): boolean;
  /** Bytes that key and value of such a record may have together; 0 without the topic. */
  readonly letterBytes: number;
  /** Resolves when there is room; rejects with the first error of a send. */
  ready(): Promise<void>;
  /** Records appended and not committed. */
  readonly pending: number;
  /** When the open transaction began (ms), or null. */
  readonly transactionSince: number | null;
  /**
   * Sends what is left, then the marker, then commits; with at-least-once only the first. Any rejection is an unknown outcome.
   * What is appended meanwhile is not part of it and is kept back until it has ended. One at a time.
   */
  commit(marker: Omit<Marker, 'sent'>): Promise<void>;
  /** Drops it: never aborts, never waits long. */
  close(): Promise<void>;
}

export interface Kafka {
  /**
   * Compares Metadata with the request (TOPIC_DIFFERS: another count than the newest, or fewer than the window's), sends
   * InitProducerId (waiting for an earlier transaction to be decided), then reads the marker of this partition alone with require_stable,
   * then the end of the topicPartition that it names. Throws KAFKA_UNREACHABLE,
   * KAFKA_UNAUTHORIZED, KAFKA_FAILED, STATE_DISAGREES (a marker that is not ours to read).
   */
  open(request: OpenRequest): Promise<KafkaProducer>;
  /** Settings that exactly once rests on; null where the broker hides one. */
  facts(topic: string): Promise<{ topic: TopicFacts; offsetsRetentionMs: number | null }>;
  /** `partitions`: source partitions whose markers are read, with require_stable; foreign ones are told, never thrown. */
  inspect(request: { source: string; partitions: number; topic: string }): Promise<Inspection>;
  close(): Promise<void>;
}

/** Of a topic that is made. `retentionMs` null: as the brokers say. */
export type TopicSettings = { replication: number; minInsync: number; retentionMs: number | null; compact: boolean };

/** Apart from `Kafka`: only sources of a pattern need it, and the right to. */
export interface TopicMaker {
  /** Resolves when it is there, made now or before. Throws TOPIC_DIFFERS where the brokers won't; KAFKA_UNAUTHORIZED. */
  makeTopic(topic: string, partitions: number, settings: TopicSettings): Promise<void>;
}

/** A record as it lies in a topic, valid until its visitor is done; a start of -1: no key, no value. */
export type TopicRecord = {
  topicPartition: number;
  offset: number;
  bytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
};

/** A promise, which is waited for, only where there is something to wait for. */
export type RecordVisitor = (record: TopicRecord) => Promise<void> | undefined;

/** Offsets [begin, end) of a topicPartition; `begin` is above 0 where retention has deleted. */
export type TopicExtent = { topicPartition: number; begin: number; end: number };

/** `only`: this one record. `deadline`: wall clock, ms. */
export type RecordsRequest = {
  topic: string;
  only?: { topicPartition: number; offset: number };
  deadline: number;
};

/** Reads what is published. Apart from `Kafka`: no publisher needs it, nor the right to. */
export interface TopicReader {
  /**
   * Shows every record from the topic's beginning to where it ended when it was asked, each topicPartition in its order, as
   * read_committed; a transaction that is open there is waited for. Throws TOPIC_DIFFERS, KAFKA_UNAUTHORIZED, KAFKA_FAILED.
   */
  records(request: RecordsRequest, visit: RecordVisitor): Promise<TopicExtent[]>;
}
