/** What a topic's log holds, batch by batch, for whoever looks into a defect: whose, of which epoch, and how it was decided. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { HEADER_BYTES, readHeader } from '../../local/kafka/record-batch.ts';
import { KafkaConnection, readMetadata } from '../../local/kafka/requests.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const READ_COMMITTED = 1;
/** Of a marker, a batch of one record: after its length, attributes, two deltas, the key's length and version. */
const MARKER_TYPE_AT = HEADER_BYTES + 5 + 2;

/** One line for each batch up to the last stable offset, and for each transaction that the broker calls aborted. */
export async function keepLog(brokers: readonly string[], topic: string, file: string): Promise<void> {
  const out = createWriteStream(file);
  using any = await KafkaConnection.open(brokers[0]!);
  const view = await readMetadata(any, topic);
  for (const [partition, leader] of view.leaders) {
    using connection = await KafkaConnection.open(view.brokers.get(leader)!);
    for (let offset = 0n, end = 1n; offset < end;) {
      const fetched = await fetch(connection, topic, partition, offset);
      for (const line of fetched.lines) out.write(`${JSON.stringify({ partition, ...line })}\n`);
      if (fetched.next === offset) break;
      ({ next: offset, stable: end } = fetched);
    }
  }
  out.end();
  await finished(out);
}

type Fetched = { lines: object[]; next: bigint; stable: bigint };

async function fetch(connection: KafkaConnection, topic: string, partition: number, from: bigint): Promise<Fetched> {
  const reply = await connection.request(1, 4, (writer) => {
    writer.int32(-1).int32(100).int32(0).int32(MAX_BYTES).int8(READ_COMMITTED);
    writer.array([topic], (name) =>
      writer.string(name).array([partition], (one) => writer.int32(one).int64(from).int32(MAX_BYTES)),
    );
  });
  reply.int32();
  const [fetched] = reply.array(() => {
    reply.string();
    return reply.array((): Fetched => {
      reply.int32();
      const code = reply.int16();
      if (code !== 0) throw new Error(`Fetch of ${topic}-${partition}: ${code}`);
      reply.int64();
      const stable = reply.int64();
      const aborted = reply.array(() => ({ aborted: Number(reply.int64()), first: Number(reply.int64()) }));
      const batches = linesOf(reply.bytes(), from);
      return { lines: [...aborted, ...batches.lines], next: batches.next, stable };
    })[0]!;
  });
  return fetched!;
}

function linesOf(bytes: Buffer, from: bigint): Pick<Fetched, 'lines' | 'next'> {
  const lines: object[] = [];
  let next = from;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    const { control, records, producerId, epoch, firstSequence, maxTimestamp } = readHeader(batch);
    const first = batch.readBigInt64BE(0);
    const what = control ? (batch.readInt16BE(MARKER_TYPE_AT) === 1 ? 'commit' : 'abort') : `${records} records`;
    const time = new Date(maxTimestamp).toISOString();
    lines.push({ offset: Number(first), what, producerId, epoch, firstSequence, time });
    next = first + BigInt(batch.readInt32BE(23)) + 1n;
    at = end;
  }
  return { lines, next };
}
