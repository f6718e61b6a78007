/** A topic partition as a map key. */
export type TopicPartition = { topic: string; partition: number };

export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${String(partition)}`;
}

/** A topic's name holds no slash. */
export function parsePartitionKey(key: string): TopicPartition {
  const slash = key.lastIndexOf('/');
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) };
}
