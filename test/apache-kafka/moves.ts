/** Moves of leaders and coordinators on Apache Kafka, by the admin requests that its own tools use. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CoordinatorKind } from '../../local/kafka/api.ts';
import { KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';

const MOVED_MS = 30_000;
const POLL_MS = 20;
/** The reassignment has yet to be seen by the controller, or the replica to be in sync. */
const NOT_YET = new Set([80, 83, 84, 85]);

/**
 * Puts `node` first among the replicas of the partition, makes it the leader, and waits until the node says so itself.
 * `address` is the node's.
 */
export async function moveLeader(address: string, topic: string, partition: number, node: number): Promise<void> {
  using connection = await KafkaConnection.open(address, { clientId: 'moves' });
  const before = (await readMetadata(connection, topic)).replicas.get(partition);
  if (before === undefined) throw new Error(`no partition ${String(partition)} of ${topic}`);
  const after = [node, ...before.filter((id) => id !== node)].slice(0, before.length);
  await reassign(connection, topic, partition, after);
  const deadline = Date.now() + MOVED_MS;
  while ((await readMetadata(connection, topic)).leaders.get(partition) !== node) {
    if (Date.now() > deadline) throw new Error(`${topic}/${String(partition)} did not move to node ${String(node)}`);
    const code = await electPreferred(connection, topic, partition);
    if (code !== 0 && !NOT_YET.has(code)) throw new Error(`no election of ${topic}: code ${String(code)}`);
    await sleep(POLL_MS);
  }
}

/** Moves the internal topic's partition that holds the group, or the transactional id. */
export async function moveCoordinator(
  address: string,
  kind: CoordinatorKind,
  key: string,
  node: number,
): Promise<void> {
  const topic = kind === 'group' ? '__consumer_offsets' : '__transaction_state';
  using connection = await KafkaConnection.open(address, { clientId: 'moves' });
  const { leaders } = await readMetadata(connection, topic);
  await moveLeader(address, topic, Math.abs(javaHash(key)) % leaders.size, node);
}

/** Java's `String.hashCode`. */
function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}

/** AlterPartitionReassignments v0. */
async function reassign(
  connection: KafkaConnection,
  topic: string,
  partition: number,
  replicas: readonly number[],
): Promise<void> {
  const reply = await connection.request(
    45,
    0,
    (writer) => {
      writer.int32(MOVED_MS).compactArray([topic], (name) => {
        writer.compactString(name).compactArray([partition], (id) => {
          writer.int32(id).compactArray(replicas, (replica) => writer.int32(replica));
          writer.tags();
        });
        writer.tags();
      });
      writer.tags();
    },
    { flexible: true },
  );
  reply.int32();
  let code = reply.int16();
  reply.compactNullableString();
  reply.compactNullableArray(() => {
    reply.compactString();
    reply.compactNullableArray(() => {
      reply.int32();
      code ||= reply.int16();
      reply.compactNullableString();
      reply.tags();
    });
    reply.tags();
  });
  if (code !== 0) throw new Error(`no reassignment of ${topic}: code ${String(code)}`);
}

/** ElectLeaders v1, of the preferred replica. Returns the partition's code. */
async function electPreferred(connection: KafkaConnection, topic: string, partition: number): Promise<number> {
  const reply = await connection.request(43, 1, (writer) => {
    writer.int8(0).array([topic], (name) => writer.string(name).array([partition], (id) => writer.int32(id)));
    writer.int32(MOVED_MS);
  });
  reply.int32();
  let code = reply.int16();
  reply.array(() => {
    reply.string();
    reply.array(() => {
      reply.int32();
      code ||= reply.int16();
      reply.nullableString();
    });
  });
  return code;
}
