/** The way to one topic: a lane to each of its partitions, and what they share. */
import { BatchPool } from './batch-pool.ts';
import { Lane } from './lane.ts';
import type { Leaders } from './metadata.ts';
import { requestHead } from './produce.ts';
import type { RecordKind } from './record-batch.ts';
import { Sender, type SenderParts } from './sender.ts';

export type TopicParts = {
  topicPartitions: number;
  leaders: Leaders;
  /** Of an ordinary batch. */
  maxBatchBytes: number;
  /** The topic's limit of a batch; null: unknown, the brokers refuse what is larger. */
  maxMessageBytes: number | null;
};

export class Outlet {
  readonly topic: string;
  readonly lanes: Lane[];
  readonly pool: BatchPool;
  readonly sender: Sender;
  /** The most bytes that a batch may have. */
  readonly maxBytes: number;

  constructor(
    parts: Omit<SenderParts, 'head' | 'leaders'>,
    clientId: string,
    kind: RecordKind,
    { topicPartitions, leaders, maxBatchBytes, maxMessageBytes }: TopicParts,
  ) {
    const { names, session, requestTimeoutMs } = parts;
    this.maxBytes = maxMessageBytes ?? Infinity;
    const head = requestHead(clientId, session.transactionalId, names.topic, requestTimeoutMs);
    this.topic = names.topic;
    this.sender = new Sender({ ...parts, leaders, head });
    this.pool = new BatchPool(Math.min(maxBatchBytes, this.maxBytes), topicPartitions, head.length, kind);
    this.lanes = Array.from({ length: topicPartitions }, (_, partition) => new Lane(this, partition));
  }
}
