/** What the ports in memory share: rows as batches, and calls that can be made to fail. */
import type { RowBatch } from '../../../lambdas/protocol/ports/snowflake.ts';

/** Called before and after each port call; throwing makes the call fail, after it took effect when `when` is 'after'. */
export type Fault = (call: string, when: 'before' | 'after') => void;
export const calm: Fault = () => undefined;

export type Row = (string | null)[];

export function batchOf(rows: Row[], width: number): RowBatch {
  const offsets = new Int32Array(2 * rows.length * width);
  const parts: Buffer[] = [];
  let size = 0;
  rows.forEach((row, r) => {
    row.forEach((cell, c) => {
      const at = 2 * (r * width + c);
      if (cell === null) {
        offsets[at] = -1;
        offsets[at + 1] = -1;
        return;
      }
      const bytes = Buffer.from(JSON.stringify(cell).slice(1, -1));
      offsets[at] = size;
      size += bytes.length;
      offsets[at + 1] = size;
      parts.push(bytes);
    });
  });
  return { bytes: Buffer.concat(parts), offsets, rows: rows.length, width };
}
