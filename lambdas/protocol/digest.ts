/** Fingerprints that travel: a window's digest in the marker, and the hash of the row before a position. */
import { createHash } from 'node:crypto';
import type { RowBatch } from './ports/snowflake.ts';
import type { Column, Staged, Window } from './window.ts';

function fingerprint(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}

/** Covers what is written with the window and never changes: not its query id, not `void`. */
export function windowDigest(incarnation: string, window: Omit<Window, 'digest'>): string {
  return fingerprint([
    incarnation,
    window.number,
    window.kind,
    window.layout,
    window.createdOn,
    window.from,
    window.to,
    window.covered,
    window.totalRows,
    window.ranges.map((range) => [range.partition, range.start, range.rows, range.hash]),
    ...(window.staged === undefined ? [] : [stagedParts(window.staged)]),
  ]);
}

function stagedParts({ table, base, cursor, stream, snapshot }: Staged): unknown[] {
  const nameOf = (object: Staged['table']) => [object.database, object.schema, object.name];
  return [
    nameOf(table),
    base === null ? null : nameOf(base),
    cursor === null ? null : [cursor.value, cursor.floor, cursor.nulls],
    ...(stream === undefined ? [] : [nameOf(stream.stream), stream.number]),
    ...(snapshot === undefined ? [] : ['snapshot']),
  ];
}

export function columnsFingerprint(columns: readonly Column[]): string {
  return fingerprint(columns.map((c) => [c.name, c.type, c.precision, c.scale, c.nullable]));
}

const decoder = new TextDecoder();

/** Hash of one row by the meaning of its cells, so that both readers and a result run again agree on it. */
export function rowHash(batch: RowBatch, row: number): string {
  const cells: (string | null)[] = [];
  for (let cell = 0; cell < batch.width; cell++) {
    const at = 2 * (row * batch.width + cell);
    const start = batch.offsets[at]!;
    cells.push(
      start < 0
        ? null
        : (JSON.parse(`"${decoder.decode(batch.bytes.subarray(start, batch.offsets[at + 1]))}"`) as string),
    );
  }
  return fingerprint(cells);
}
