/**
 * kafkajs 2.2.4 shows records of aborted transactions to read_committed consumers when transactions of several producers
 * overlap in a topic partition: it takes the list of aborted ones for sorted by first offset (brokers send it in the
 * order in which they ended) and enters at most one of them per record. This is its filter, put right.
 */
import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';

export type FetchedMessage = {
  offset: string;
  key: Buffer | null;
  isControlRecord?: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
};
export type Aborted = { producerId: string; firstOffset: string };

/** Key of an abort marker: version 0, type 0. */
const ABORT_MARKER = Buffer.from([0, 0, 0, 0]);

/** The messages without those of aborted transactions, which end at their producers' abort markers. */
export function withoutAborted<M extends FetchedMessage>({
  messages,
  abortedTransactions,
}: {
  messages: M[];
  abortedTransactions?: readonly Aborted[] | null;
}): M[] {
  const byOffset = (a: Aborted, b: Aborted) => Number(BigInt(a.firstOffset) - BigInt(b.firstOffset));
  const coming = [...(abortedTransactions ?? [])].sort(byOffset);
  const inside = new Set<string>();
  return messages.filter((message) => {
    while (coming.length > 0 && BigInt(coming[0]!.firstOffset) <= BigInt(message.offset)) {
      inside.add(String(coming.shift()!.producerId));
    }
    const producer = String(message.batchContext.producerId);
    if (message.isControlRecord === true) {
      if (message.key !== null && ABORT_MARKER.equals(message.key)) inside.delete(producer);
      return true;
    }
    return !(message.batchContext.inTransaction && inside.has(producer));
  });
}

/** kafkajs with this filter in place of its own. */
export function loadKafkaJs(): typeof KafkaJs {
  const require = createRequire(import.meta.url);
  const filter = require.resolve('kafkajs/src/consumer/filterAbortedMessages');
  require(filter);
  require.cache[filter]!.exports = withoutAborted;
  // What had taken the old one takes this one when it is loaded again.
  const users = ['kafkajs/src/consumer/batch', 'kafkajs/src/consumer/consumerGroup', 'kafkajs/src/consumer/index'];
  for (const user of [...users, 'kafkajs/src/index', 'kafkajs']) delete require.cache[require.resolve(user)];
  return require('kafkajs') as typeof KafkaJs;
}
