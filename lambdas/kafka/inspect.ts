/** What an operator is shown of one source: the end of its topic and its markers, read without fencing anybody. */
import { SnowmeltError } from '../errors.ts';
import type { Inspection, Marker } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import type { Link } from './link.ts';
import { Coordinator } from './coordinator.ts';
import { offsetAt } from './ends.ts';
import { BrokerError, CODE } from './failures.ts';
import { maxTimestampOf } from './fetched.ts';
import { readMarker } from './marker.ts';
import { Leaders, readMetadata } from './metadata.ts';
import { type Names, namesFor } from './names.ts';
import { call, type Reply, type TopicMetadata } from './requests.ts';

/** How long a marker whose transaction is being decided is waited for. */
const UNDECIDED_MS = 5_000;

export async function inspect(
  connections: Connections,
  app: string,
  request: { source: string; partitions: number; topic: string },
  controlTopic: string,
  deadline: number,
): Promise<Inspection> {
  const { source, partitions, topic } = request;
  const metadata = await readMetadata(connections, [topic, controlTopic], deadline);
  if (metadata.clusterId === null) throw new SnowmeltError('KAFKA_FAILED', 'the cluster does not tell its id');
  const data = existing(metadata, topic);
  const controlPartitions = existing(metadata, controlTopic)?.partitionMetadata.length ?? null;
  const namesOf = (partition: number): Names => namesFor(app, source, partition, topic, controlTopic);
  const groups = new Coordinator(connections, 'group', namesOf(0));
  const markersOf = Array.from({ length: partitions }, (_, partition) =>
    // A partition that the control topic lacks has no marker; asked for, it would only be waited for.
    partition < (controlPartitions ?? 0) ? markerOf(groups, namesOf(partition)) : Promise.resolve(null),
  );
  // Awaited together: one that fails while the other is awaited alone would be a rejection that nobody handles.
  const [markers, ends] = await Promise.all([
    Promise.all(markersOf),
    data === null ? [] : endsOf(connections, data, deadline),
  ]);
  return {
    clusterId: metadata.clusterId,
    topicPartitions: data === null ? null : data.partitionMetadata.length,
    ends,
    controlPartitions,
    markers,
  };
}

/** The topic's metadata; null when it does not exist. */
function existing(metadata: Reply<'Metadata'>, topic: string): TopicMetadata | null {
  const found = metadata.topicMetadata.find((candidate) => candidate.topic === topic);
  if (found === undefined || found.topicErrorCode === CODE.unknownTopic) return null;
  if (found.topicErrorCode === 0) return found;
  throw new BrokerError(found.topicErrorCode, `Metadata of topic ${topic}`, `DESCRIBE on topic ${topic}`);
}

async function markerOf(
  groups: Coordinator,
  names: Names,
): Promise<{ marker: Marker } | { unreadable: string } | null> {
  try {
    const marker = await readMarker(groups, names, Date.now() + UNDECIDED_MS);
    return marker === null ? null : { marker };
  } catch (error) {
    if (error instanceof SnowmeltError) return { unreadable: error.message };
    if (error instanceof BrokerError && error.brokerCode === CODE.unstableOffsets) {
      return { unreadable: 'a transaction with a marker is not decided yet' };
    }
    throw error;
  }
}

async function endsOf(connections: Connections, topic: TopicMetadata, deadline: number): Promise<Inspection['ends']> {
  const leaders = new Leaders(connections, topic);
  const partitions = topic.partitionMetadata.map(({ partitionId }) => partitionId).sort((a, b) => a - b);
  return Promise.all(
    partitions.map(async (topicPartition) => {
      const endOffset = await offsetAt('end', connections, leaders, topic.topic, topicPartition, deadline);
      // Found just now: its end was asked for there.
      const link = await connections.at(connections.addressOf(leaders.of(topicPartition)!)!);
      const lastTimestamp = await lastTimestampOf(connections, link, topic.topic, topicPartition, endOffset);
      return { topicPartition, endOffset: `${endOffset}`, lastTimestamp };
    }),
  );
}

/** Of the batch that ends the log; null where it is gone, or may not be read: publishing needs no right to. */
async function lastTimestampOf(
  connections: Connections,
  link: Link,
  topic: string,
  partition: number,
  end: bigint,
): Promise<number | null> {
  if (end === 0n) return null;
  const last = { topic, partition, offset: Number(end) - 1, maxBytes: 1, maxWaitMs: 0, committed: false };
  const { batches } = await call(connections, link, 'Fetch', last);
  return maxTimestampOf(batches);
}
