/** What a topic's log holds, batch by batch, for whoever looks into a defect: whose, of which epoch, and how it was decided. */
import { writeFileSync } from 'node:fs';
import { HEADER_BYTES, readHeader } from '../../local/kafka/record-batch.ts';
import { RawCluster } from '../local/kafka-raw.ts';

/** Of a marker, a batch of one record: after its length, attributes, two deltas, the key's length and version. */
const MARKER_TYPE_AT = HEADER_BYTES + 5 + 2;

/** One line for each batch up to the last stable offset, and for each transaction that the broker calls aborted. */
export async function keepLog(
  brokers: readonly string[],
  topic: string,
  partitions: number,
  file: string,
): Promise<void> {
  const cluster = new RawCluster(brokers);
  const lines: object[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (let from = 0, end = 1; from < end;) {
      const { code, lastStable, aborted, bytes } = await cluster.fetch(topic, partition, { from });
      if (code !== 0) throw new Error(`Fetch of ${topic}-${partition}: ${code}`);
      const batches = batchesOf(bytes);
      lines.push(
        ...[...aborted.map((each) => ({ aborted: each })), ...batches].map((line) => ({ partition, ...line })),
      );
      [from, end] = [batches.at(-1)?.next ?? lastStable, lastStable];
    }
  }
  await cluster.close();
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** `next`: the offset after it. */
type KeptBatch = ReturnType<typeof readHeader> & { offset: number; next: number; what: 'commit' | 'abort' | 'records' };

function batchesOf(bytes: Buffer): KeptBatch[] {
  const batches: KeptBatch[] = [];
  for (let at = 0, end = 0; at + HEADER_BYTES <= bytes.length; at = end) {
    end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    const header = readHeader(batch);
    const offset = Number(batch.readBigInt64BE(0));
    const what = !header.control ? 'records' : batch.readInt16BE(MARKER_TYPE_AT) === 1 ? 'commit' : 'abort';
    batches.push({ offset, next: offset + batch.readInt32BE(23) + 1, what, ...header });
  }
  return batches;
}
