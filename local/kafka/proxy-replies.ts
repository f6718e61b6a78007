/** What the proxy reads and changes in replies: the first code, and addresses that would lead clients around it. */
import { Reader, Writer } from './wire.ts';

type Rename = (address: string) => Promise<string>;

/** The reply's code, of those there are the first that is not 0; null for types whose codes are not read. */
export function replyCode(frame: Buffer, api: string): number | null {
  const reader = new Reader(frame, 4);
  switch (api) {
    case 'InitProducerId':
    case 'AddOffsetsToTxn':
    case 'EndTxn':
      reader.int32();
      return reader.int16();
    case 'AddPartitionsToTxn':
    case 'TxnOffsetCommit':
      reader.int32();
      return partitionCode(reader, () => undefined);
    case 'Produce':
      // v5-7: base offset, append time, start of the log
      return partitionCode(reader, () => reader.slice(24));
    default:
      return null;
  }
}

function partitionCode(reader: Reader, skipRest: () => unknown): number {
  const codes = reader.array(() => {
    reader.string();
    return reader.array(() => {
      reader.int32();
      const code = reader.int16();
      skipRest();
      return code;
    });
  });
  return codes.flat().find((code) => code !== 0) ?? 0;
}

/** The reply with the addresses of brokers renamed; any other reply as it is. */
export async function rewriteAddresses(frame: Buffer, api: string, version: number, rename: Rename): Promise<Buffer> {
  if (api === 'Metadata') return rewriteMetadata(frame, version, rename);
  if (api === 'FindCoordinator') return rewriteCoordinator(frame, version, rename);
  return frame;
}

/** Metadata v1-8: correlation id, throttle time (v3), then the brokers. */
async function rewriteMetadata(frame: Buffer, version: number, rename: Rename): Promise<Buffer> {
  const reader = new Reader(frame, version >= 3 ? 8 : 4);
  const writer = new Writer().reference(frame.subarray(0, reader.position));
  const brokers = reader.array(() => ({
    id: reader.int32(),
    host: reader.string(),
    port: reader.int32(),
    rack: reader.nullableString(),
  }));
  writer.int32(brokers.length);
  for (const { id, host, port, rack } of brokers) {
    writer.int32(id);
    writeAddress(writer, await rename(`${host}:${String(port)}`));
    writer.string(rack);
  }
  return writer.reference(frame.subarray(reader.position)).toBuffer();
}

/** FindCoordinator v0-2: correlation id, throttle time (v1), code, message (v1), node id, host, port. */
async function rewriteCoordinator(frame: Buffer, version: number, rename: Rename): Promise<Buffer> {
  const reader = new Reader(frame, version >= 1 ? 8 : 4);
  const code = reader.int16();
  if (version >= 1) reader.nullableString();
  reader.int32();
  if (code !== 0) return frame;
  const writer = new Writer().reference(frame.subarray(0, reader.position));
  const address = `${reader.string()}:${String(reader.int32())}`;
  writeAddress(writer, await rename(address));
  return writer.toBuffer();
}

function writeAddress(writer: Writer, address: string): void {
  const colon = address.lastIndexOf(':');
  writer.string(address.slice(0, colon)).int32(Number(address.slice(colon + 1)));
}
