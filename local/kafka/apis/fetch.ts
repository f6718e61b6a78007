import { defineApi, firstCode, flatPartitions, partitionCodes } from '../api.ts';
import type { Caller, PerTopic } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';
import type { AbortedTransaction, PartitionLog } from '../log.ts';

type Question = {
  maxWaitMs: number;
  minBytes: number;
  maxBytes: number;
  committedOnly: boolean;
  topics: PerTopic<{ partition: number; from: number; maxBytes: number }>[];
};

type Fetched = {
  partition: number;
  code: number;
  highWatermark: number;
  lastStableOffset: number;
  startOffset: number;
  /** Null when the reader takes uncommitted records. */
  aborted: AbortedTransaction[] | null;
  batches: Buffer[];
};

type Answer = PerTopic<Fetched>[];

/** No fetch sessions: every request names what it wants, as kafkajs does. */
export const fetch = defineApi<Question, Answer>({
  key: 1,
  name: 'Fetch',
  versions: [4, 11],
  read: (reader, version) => {
    reader.int32();
    const maxWaitMs = reader.int32();
    const minBytes = reader.int32();
    const maxBytes = reader.int32();
    const committedOnly = reader.int8() === 1;
    if (version >= 7) {
      reader.int32();
      reader.int32();
    }
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => {
        const partition = reader.int32();
        if (version >= 9) reader.int32();
        const from = Number(reader.int64());
        if (version >= 5) reader.int64();
        return { partition, from, maxBytes: reader.int32() };
      }),
    }));
    return { maxWaitMs, minBytes, maxBytes, committedOnly, topics };
  },
  facts: ({ topics }) => ({ topicPartitions: flatPartitions(topics) }),
  answer: async (question, broker, caller) => {
    const first = gather(broker, question, caller);
    if (first.enough || question.maxWaitMs <= 0) return first.answer;
    await moreBytes(broker, question, caller);
    return gather(broker, question, caller).answer;
  },
  fail: ({ topics }, code) =>
    topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => failed(partition, code)),
    })),
  code: (answer) => firstCode(partitionCodes(answer)),
  write: (writer, answer, version) => {
    writer.int32(0);
    if (version >= 7) writer.int16(CODE.NONE).int32(0);
    writer.array(answer, ({ topic, partitions }) => {
      writer.string(topic).array(partitions, (fetched) => {
        writer
          .int32(fetched.partition)
          .int16(fetched.code)
          .int64(fetched.highWatermark)
          .int64(fetched.lastStableOffset);
        if (version >= 5) writer.int64(fetched.startOffset);
        writer.array(fetched.aborted, (t) => writer.int64(t.producerId).int64(t.firstOffset));
        if (version >= 11) writer.int32(-1);
        writer.int32(fetched.batches.reduce((sum, batch) => sum + batch.length, 0));
        for (const batch of fetched.batches) writer.reference(batch);
      });
    });
  },
});

function gather(broker: Broker, question: Question, caller: Caller): { answer: Answer; enough: boolean } {
  let bytes = 0;
  let hasError = false;
  const answer = question.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((wanted): Fetched => {
      const log = broker.topics.log(topic, wanted.partition);
      if (log === undefined) {
        hasError = true;
        return failed(wanted.partition, CODE.UNKNOWN_TOPIC_OR_PARTITION);
      }
      if (!broker.nodes.leads(caller.node, topic, wanted.partition)) {
        hasError = true;
        return failed(wanted.partition, CODE.NOT_LEADER_OR_FOLLOWER);
      }
      if (wanted.from < log.startOffset || wanted.from > log.nextOffset) {
        hasError = true;
        return { ...failed(wanted.partition, CODE.OFFSET_OUT_OF_RANGE), startOffset: log.startOffset };
      }
      const room = Math.min(wanted.maxBytes, question.maxBytes - bytes);
      const read =
        room > 0 ? log.read(wanted.from, room, question.committedOnly) : { batches: [], bytes: 0, aborted: [] };
      bytes += read.bytes;
      return fetchedFrom(log, read.batches, question.committedOnly ? read.aborted : null);
    }),
  }));
  return { answer, enough: hasError || bytes >= question.minBytes };
}

/** Settles when there may be enough to read, at the request's time limit, or when the client is gone. */
function moreBytes(broker: Broker, question: Question, caller: Caller): Promise<void> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const settle = (): void => {
      clearTimeout(timer);
      caller.closed.removeEventListener('abort', settle);
      for (const stop of stops) stop();
      resolve();
    };
    const timer = setTimeout(settle, question.maxWaitMs);
    caller.closed.addEventListener('abort', settle);
    for (const { topic, partitions } of question.topics) {
      for (const { partition } of partitions) {
        const stop = broker.topics.log(topic, partition)?.onAppend(() => {
          if (gather(broker, question, caller).enough) settle();
        });
        if (stop !== undefined) stops.push(stop);
      }
    }
  });
}

function fetchedFrom(log: PartitionLog, batches: Buffer[], aborted: AbortedTransaction[] | null): Fetched {
  return {
    partition: log.partition,
    code: CODE.NONE,
    highWatermark: log.nextOffset,
    lastStableOffset: log.lastStableOffset,
    startOffset: log.startOffset,
    aborted,
    batches,
  };
}

function failed(partition: number, code: number): Fetched {
  return { partition, code, highWatermark: -1, lastStableOffset: -1, startOffset: -1, aborted: null, batches: [] };
}
