/** Unzips bodies that are gzip by their first bytes, whatever the headers say. */
import { promisify } from 'node:util';
import { constants, gunzip } from 'node:zlib';

const unzip = promisify(gunzip);
const largestText = 512 * 1024 * 1024;

/**
 * The text's bytes. `expected` is the announced size (0: unknown): when it is right the text lands in one buffer, without
 * being copied together. Rejects for a stream that is cut short or broken (gzip carries a checksum and a length).
 */
export async function unpack(body: Buffer, expected: number): Promise<Buffer> {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  const guess = expected > 0 ? Math.min(expected + 64, largestText) : body.length * 4;
  return unzip(body, {
    chunkSize: Math.max(guess, constants.Z_MIN_CHUNK),
    maxOutputLength: largestText,
  });
}
