/** What both readers share: a result's parts, and batches cut out of a part that was found right. */
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import { malformed } from './reading.ts';
import type { Part } from './reading.ts';
import type { Result } from './result.ts';

/** Rows [start, end) of a persisted result; the `Snowflake` port's contract. */
export interface RowReader {
  /** @throws RESULT_MALFORMED, RESULT_EXPIRED, SNOWFLAKE_UNREACHABLE, SNOWFLAKE_LOGIN */
  read(queryId: string, start: number, end: number, width: number): AsyncIterable<RowBatch>;
}

const batchRows = 4096;
const batchBytes = 1024 * 1024;

/** The parts with rows in [start, end), in order. @throws RESULT_MALFORMED for a result of another shape. */
export function partsWith(result: Result, queryId: string, start: number, end: number, width: number): Part[] {
  if (result.width !== width) throw malformed(queryId, `it has ${result.width} columns, not ${width}`);
  if (end > result.totalRows) throw malformed(queryId, `it has ${result.totalRows} rows, not ${end} or more`);
  return partsOf(result).filter((part) => part.rows > 0 && part.start < end && part.start + part.rows > start);
}

/** The inline rows (index -1) and the chunks. */
function partsOf(result: Result): Part[] {
  const parts: Part[] = [{ index: -1, start: 0, rows: result.inlineRows, bytes: result.inline.length }];
  let start = result.inlineRows;
  result.chunks.forEach((chunk, index) => {
    parts.push({ index, start, rows: chunk.rows, bytes: chunk.bytes });
    start += chunk.rows;
  });
  return parts;
}

/** The rows of a part that lie in [start, end), as views of its text and cells: at most 4,096 rows and about 1 MB each. */
export function* batches(
  bytes: Uint8Array,
  cells: Int32Array,
  width: number,
  part: Part,
  start: number,
  end: number,
): Iterable<RowBatch> {
  const first = Math.max(0, start - part.start);
  const last = Math.min(part.rows, end - part.start);
  const fitting = Math.floor((batchBytes * part.rows) / Math.max(1, bytes.length));
  const step = Math.min(batchRows, Math.max(1, fitting));
  for (let row = first; row < last; row += step) {
    const rows = Math.min(step, last - row);
    yield { bytes, offsets: cells.subarray(2 * row * width, 2 * (row + rows) * width), rows, width };
  }
}
