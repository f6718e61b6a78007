/** RowBatches from and to plain values, for tests. */
import type { RowBatch } from '../../lambdas/protocol/ports/snowflake.ts';

export type Cell = string | null;

/** The cells of a batch as JavaScript values. */
export function cellsOf({ bytes, offsets, rows, width }: RowBatch): Cell[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, cell) => {
      const at = 2 * (row * width + cell);
      const start = offsets[at]!;
      if (start < 0) return null;
      return JSON.parse(`"${Buffer.from(bytes.subarray(start, offsets[at + 1])).toString()}"`) as string;
    }),
  );
}

/** Rows as the text of a chunk. */
export function chunkText(rows: readonly (readonly unknown[])[]): string {
  return rows.map((row) => JSON.stringify(row)).join(',');
}

export async function collect(batches: AsyncIterable<RowBatch>): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of batches) rows.push(...cellsOf(batch));
  return rows;
}
