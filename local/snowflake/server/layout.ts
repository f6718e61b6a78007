/**
 * How a result is cut: first rows inline (about 100 KB), then chunks that grow from a few hundred KB to the limit,
 * each a whole number of rows. Sizes are exact: every row is measured once, no text is kept.
 */
import type { EngineResult } from '../contract.ts';

export type ChunkRange = { start: number; end: number; uncompressedSize: number };

export type Layout = { inlineRows: number; chunks: ChunkRange[] };

export type Limits = { inlineBytes: number; firstChunkBytes: number; maxChunkBytes: number };

/** Rows measured at once: few where the engine can tell sizes, more where each block has to be produced. */
const fewest = 256;
const most = 8192;

export async function layOut(result: EngineResult, limits: Limits): Promise<Layout> {
  const inlineRows = await fitInline(result, limits.inlineBytes);
  const chunks: ChunkRange[] = [];
  let wanted = Math.min(limits.firstChunkBytes, limits.maxChunkBytes);
  let open: ChunkRange | null = null;
  for await (const block of blocks(result, inlineRows, limits.maxChunkBytes)) {
    // Rows are joined by a comma.
    const joined: number = open === null ? 0 : open.uncompressedSize + 1 + block.uncompressedSize;
    if (open !== null && joined <= wanted) {
      open = { start: open.start, end: block.end, uncompressedSize: joined };
      continue;
    }
    if (open !== null) {
      chunks.push(open);
      wanted = Math.min(wanted * 2, limits.maxChunkBytes);
    }
    open = block;
  }
  if (open !== null) chunks.push(open);
  return { inlineRows, chunks };
}

/** Rows from the start whose text fits; 0 when the first alone does not. */
async function fitInline(result: EngineResult, limit: number): Promise<number> {
  let rows = Math.min(result.rowCount, 1024);
  let fitting = 0;
  while (rows > 0) {
    const size = (await result.chunk(0, rows)).byteLength;
    if (size <= limit) {
      fitting = rows;
      const guess = Math.min(result.rowCount, Math.floor((rows * limit * 0.95) / Math.max(size, 1)));
      if (guess <= rows * 1.5) break;
      rows = guess;
    } else {
      if (fitting > 0) break;
      rows = rows === 1 ? 0 : Math.max(1, Math.min(rows - 1, Math.floor((rows * limit * 0.95) / size)));
    }
  }
  return fitting;
}

/** Measured blocks of rows from `from`; one that is over the limit is halved, down to a single row. */
async function* blocks(result: EngineResult, from: number, limit: number): AsyncGenerator<ChunkRange> {
  const rows = result.rowCount - from;
  const wanted = result.sizes === undefined ? Math.min(most, Math.max(fewest, Math.ceil(rows / 256))) : fewest;
  const step = Math.max(1, Math.min(wanted, Math.ceil(rows / 16)));
  const sizes = await result.sizes?.(from, step);
  for (let start = from, i = 0; start < result.rowCount; start += step, i++) {
    const end = Math.min(start + step, result.rowCount);
    yield* halved(result, start, end, sizes?.[i] ?? null, limit);
  }
}

async function* halved(
  result: EngineResult,
  start: number,
  end: number,
  known: number | null,
  limit: number,
): AsyncGenerator<ChunkRange> {
  const uncompressedSize = known ?? (await result.chunk(start, end)).byteLength;
  if (uncompressedSize <= limit || end - start === 1) {
    yield { start, end, uncompressedSize };
    return;
  }
  const middle = (start + end) >> 1;
  yield* halved(result, start, middle, null, limit);
  yield* halved(result, middle, end, null, limit);
}
