/** Unzips bodies that are gzip by their first bytes, whatever the headers say. */
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import { release } from './release.ts';
import { MalformedText } from './scanner.ts';

const unzip = promisify(gunzip);
const largestText = 512 * 1024 * 1024;
/** Small enough for the allocator to use again at once; smaller ones cost more turns, larger ones the cache. */
const pieceBytes = 256 * 1024;
/** Chunks of a result are about as large as each other: room for one is room for most. */
const stepBytes = 4 * 1024 * 1024;

/** The text's bytes. Rejects for a stream that is cut short or broken (gzip carries a checksum and a length). */
export async function unpack(body: Buffer): Promise<Buffer> {
  return isGzip(body) ? unzip(body, { maxOutputLength: largestText }) : body;
}

/**
 * One chunk's text, in memory that is used again for the next: fresh buffers of a chunk's size would wait for the garbage
 * collector by the dozen, and the process would grow with the result.
 */
export class TextBuffer {
  #bytes = Buffer.alloc(0);

  /** Valid until the next call. `expected` is the announced size (0: unknown). @throws MalformedText */
  async unpack(body: Buffer, expected: number): Promise<Buffer> {
    if (!isGzip(body)) return body;
    if (expected > this.#bytes.length) this.#grow(expected, 0);
    let length = 0;
    let unfilled: ArrayBuffer | null = null;
    const pieces = createGunzip({ chunkSize: pieceBytes });
    pieces.end(body);
    try {
      for await (const piece of pieces as AsyncIterable<Buffer<ArrayBuffer>>) {
        const end = length + piece.length;
        if (end > largestText) throw new MalformedText('More text than any chunk has', length);
        if (end > this.#bytes.length) this.#grow(end, length);
        piece.copy(this.#bytes, length);
        length = end;
        if (piece.length < piece.buffer.byteLength) unfilled = piece.buffer;
        else release(piece);
      }
      unfilled?.transfer(0);
    } catch (error) {
      if (error instanceof MalformedText) throw error;
      throw new MalformedText(`Not whole gzip (${(error as NodeJS.ErrnoException).code ?? 'error'})`, length);
    }
    return this.#bytes.subarray(0, length);
  }

  #grow(wanted: number, used: number): void {
    const size = stepBytes * Math.ceil(Math.max(wanted, 2 * used) / stepBytes);
    const larger = Buffer.allocUnsafeSlow(Math.min(largestText, size));
    this.#bytes.copy(larger, 0, 0, used);
    release(this.#bytes);
    this.#bytes = larger;
  }
}

function isGzip(body: Buffer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b;
}
