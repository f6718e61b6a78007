/** What reads records back that this source wrote, to compare them with rows: op, position, and the row in a canonical text. */
import type { RowBatch } from '../protocol/ports/snowflake.ts';

/** `image`: the row as it is now, null where the op has none. */
export type ReadRecord = { op: string; window: number; row: number; image: string | null };

/** Keys of records and of rows, both to be told from others by the same. `encoded`: the row's key as plain JSON. */
export interface KeyReader {
  /** What has to be waited for before this one can be read; undefined: nothing. */
  missing(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined;
  identity(bytes: Uint8Array, start: number, end: number): Uint8Array | string;
  /** The texts of the key's columns; null: it is no key of this source, or one with NULL in it. */
  texts(bytes: Uint8Array, start: number, end: number): string[] | null;
  /** For a person. */
  show(bytes: Uint8Array, start: number, end: number): string;
  identityOfRow(encoded: Uint8Array, batch: RowBatch, row: number): Uint8Array | string;
}

/** Values of records, and rows as they would be in one. */
export interface ValueReader {
  missing(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined;
  /** null: nothing that this source would write. */
  read(bytes: Uint8Array, start: number, end: number): ReadRecord | null;
  /** Of a row of the window whose columns are compared; `encoded`: its record's value as JSON. */
  imageOfRow(encoded: Uint8Array, start: number, end: number, batch: RowBatch, row: number): string;
}

export function record(op: unknown, window: unknown, row: unknown, image: string | null): ReadRecord | null {
  if (typeof op !== 'string' || typeof window !== 'string' || typeof row !== 'string') return null;
  return { op, window: Number(window), row: Number(row), image };
}
