/** Codecs of a record batch's records, run by Node's own zlib off the main thread. */
import { promisify } from 'node:util';
import { gzip, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib';
import type { ResolvedConfig } from '../config/resolved.ts';

export type Codec = {
  /** The codec's number in the batch's attributes. */
  attribute: number;
  compress(records: Uint8Array): Promise<Buffer>;
  /** Holds everything up: for one record, to know whether it may go. */
  compressSync(records: Uint8Array): Buffer;
};

const gzipped = promisify(gzip) as (bytes: Uint8Array, options: { level: number }) => Promise<Buffer>;
const zstandard = promisify(zstdCompress) as (bytes: Uint8Array) => Promise<Buffer>;

const CODECS: Record<ResolvedConfig['kafka']['compression'], Codec | null> = {
  none: null,
  // Level 1 takes about a third of the time of zlib's default.
  gzip: {
    attribute: 1,
    compress: (records) => gzipped(records, { level: 1 }),
    compressSync: (records) => gzipSync(records, { level: 1 }),
  },
  zstd: {
    attribute: 4,
    compress: (records) => zstandard(records),
    compressSync: (records) => zstdCompressSync(records),
  },
};

/** null: records are sent as they are. */
export function codecFor(compression: ResolvedConfig['kafka']['compression']): Codec | null {
  return CODECS[compression];
}
