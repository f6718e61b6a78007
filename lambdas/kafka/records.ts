/** Reads a topic as a read_committed consumer does, without a group: nothing is committed, nobody is told. */
import { SnowmeltError } from '../errors.ts';
import type { RecordsRequest, RecordVisitor, TopicExtent } from '../protocol/ports/kafka.ts';
import type { Connections } from './connections.ts';
import { atLeader, offsetAt } from './ends.ts';
import { BrokerError, CODE } from './failures.ts';
import { showCommitted } from './fetched.ts';
import { checkTopic, Leaders, readMetadata } from './metadata.ts';
import { call, type Reply } from './requests.ts';

const FETCH_BYTES = 8 * 1024 * 1024;
/** A broker with nothing committed to send holds its answer back for so long. */
const WAIT_MS = 500;
/** How long an unreachable broker is tried again. */
const TRIES_MS = 30_000;
/** Longer than a transaction may be open unless its producer hangs. */
const UNDECIDED_MS = 90_000;

/** The ends are taken before the first record is read. @throws TOPIC_DIFFERS, KAFKA_FAILED, BrokerError */
export async function readRecords(
  connections: Connections,
  { topic, only, deadline }: RecordsRequest,
  visit: RecordVisitor,
): Promise<TopicExtent[]> {
  const found = checkTopic(await readMetadata(connections, [topic], triesUntil(deadline)), topic, { atLeast: 1 });
  const leaders = new Leaders(connections, found);
  const partitions = only ? [only.topicPartition] : found.partitionMetadata.map(({ partitionId }) => partitionId);
  const extents: TopicExtent[] = [];
  for (const topicPartition of partitions.sort((a, b) => a - b)) {
    const [begin, end] = only
      ? [only.offset, only.offset + 1]
      : [
          Number(await offsetAt('begin', connections, leaders, topic, topicPartition, triesUntil(deadline))),
          Number(await offsetAt('end', connections, leaders, topic, topicPartition, triesUntil(deadline))),
        ];
    extents.push({ topicPartition, begin, end });
  }
  for (const extent of extents) await readExtent(connections, leaders, topic, extent, deadline, visit);
  return extents;
}

async function readExtent(
  connections: Connections,
  leaders: Leaders,
  topic: string,
  { topicPartition, begin, end }: TopicExtent,
  deadline: number,
  visit: RecordVisitor,
): Promise<void> {
  const committed: RecordVisitor = (record) => (record.offset < end ? visit(record) : undefined);
  let movedAt = Date.now();
  for (let next = begin; next < end;) {
    const now = Date.now();
    if (now >= deadline) throw tooLong(topic, topicPartition, next, end);
    if (now - movedAt > UNDECIDED_MS) throw undecided(topic, topicPartition, next);
    const reply = await fetchFrom(connections, leaders, topic, topicPartition, next, triesUntil(deadline));
    const reached =
      reply === 'gone'
        ? Number(await offsetAt('begin', connections, leaders, topic, topicPartition, triesUntil(deadline)))
        : await showCommitted(reply, topicPartition, next, committed);
    if (reply === 'gone' && reached <= next) throw shorter(topic, topicPartition, end);
    if (reached > next) movedAt = Date.now();
    next = Math.max(next, reached);
  }
}

/** `gone`: there is nothing at that offset any more; retention has deleted it meanwhile. */
async function fetchFrom(
  connections: Connections,
  leaders: Leaders,
  topic: string,
  partition: number,
  offset: number,
  deadline: number,
): Promise<Reply<'Fetch'> | 'gone'> {
  const args = { topic, partition, offset, maxBytes: FETCH_BYTES, maxWaitMs: WAIT_MS, committed: true };
  return atLeader(connections, leaders, topic, partition, deadline, async (link) => {
    const reply = await call(connections, link, 'Fetch', args);
    if (reply.errorCode === CODE.offsetOutOfRange) return 'gone';
    if (reply.errorCode === 0) return reply;
    throw new BrokerError(reply.errorCode, `Fetch of ${topic}-${partition}`, `READ on topic ${topic}`);
  });
}

function triesUntil(deadline: number): number {
  return Math.min(deadline, Date.now() + TRIES_MS);
}

function tooLong(topic: string, topicPartition: number, next: number, end: number): SnowmeltError {
  const where = `${topic}-${topicPartition} is read up to offset ${next} of ${end}`;
  return new SnowmeltError('OPERATION_REFUSED', `The topic can't be read in one invocation: ${where}.`);
}

function shorter(topic: string, topicPartition: number, end: number): SnowmeltError {
  return new SnowmeltError('KAFKA_FAILED', `${topic}-${topicPartition} ended at offset ${end} and does not any more`);
}

function undecided(topic: string, topicPartition: number, next: number): SnowmeltError {
  const where = `${topic}-${topicPartition} at offset ${next}`;
  return new SnowmeltError(
    'KAFKA_FAILED',
    `A transaction is open for longer than ${UNDECIDED_MS / 1000} s: ${where}; nobody can read what is after it.`,
  );
}
