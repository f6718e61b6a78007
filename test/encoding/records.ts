/** Windows, batches and readable records for tests of encoders. */
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import type { Op, RecordEncoder } from '../../lambdas/protocol/ports/records.ts';
import type { RowBatch } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Column, Layout, Window } from '../../lambdas/protocol/window.ts';

export type Cell = string | null;
export const now = 1_767_312_000_000;
export const to = '2026-01-01T00:05:00.000Z';

export const layout: Layout = {
  number: 1,
  deployment: 1,
  partitions: 2,
  object: { database: 'DB', schema: 'PUBLIC', name: 'FLIGHTS' },
  information: 'DEFAULT',
  key: ['ID'],
  topic: 'flights',
  topicPartitions: 6,
};

export function column(name: string, type: string, precision: number | null = null): Column {
  return { name, type, precision, scale: null, nullable: true };
}

export function windowOf(columns: Column[], change: Partial<Window> = {}): Window {
  return {
    number: 7,
    kind: 'changes',
    layout: 1,
    createdOn: '',
    from: '2026-01-01T00:00:00.000Z',
    to,
    covered: null,
    columns,
    statement: '',
    queryId: '',
    queriedAt: to,
    request: null,
    totalRows: 0,
    ranges: [],
    digest: '',
    void: false,
    ...change,
  };
}

export function encoderFor(
  columns: Column[],
  options: {
    key?: string[];
    envelope?: 'debezium' | 'flat';
    window?: Partial<Window>;
    tombstones?: boolean;
    keyFormat?: Layout['keyFormat'];
  } = {},
): Promise<RecordEncoder> {
  const { key = [columns[0]!.name], envelope = 'debezium', tombstones = true, keyFormat } = options;
  const source = { name: 'flights', format: { type: 'json', key: 'json', envelope, tombstones } } as ResolvedSource;
  const config = { app: 'demo' } as ResolvedConfig;
  return createEncoders(config, source, { now: () => now }).forWindow(
    windowOf(columns, options.window),
    { ...layout, key, ...(keyFormat && { keyFormat }) },
    1,
  );
}

/** Rows as the reader gives them, after some bytes that belong to nobody; the four extra cells are added. */
export function batchOf(
  rows: readonly (readonly Cell[])[],
  escape: (value: string) => string = JSON.stringify,
): RowBatch {
  const width = (rows[0]?.length ?? 0) + 4;
  const offsets = new Int32Array(2 * rows.length * width);
  const pieces = [Buffer.from('garbage"')];
  let length = pieces[0]!.length;
  let at = 0;
  for (const cell of rows.flatMap((row) => [...row, '["k"]', 'INSERT', null, '0'])) {
    const inside = cell === null ? null : Buffer.from(escape(cell).slice(1, -1));
    offsets[at++] = inside === null ? -1 : length;
    length += inside?.length ?? 0;
    offsets[at++] = inside === null ? -1 : length;
    if (inside !== null) pieces.push(inside, Buffer.from('"'));
    if (inside !== null) length++;
  }
  return { bytes: Buffer.concat(pieces), offsets, rows: rows.length, width };
}

/** Key and value of the record that `encode` makes, as text. */
export function encoded(
  encoder: RecordEncoder,
  op: Op,
  before: readonly Cell[] | null,
  after: readonly Cell[] | null,
  row = 1,
): { key: string; value: string } {
  const batch = (cells: readonly Cell[] | null) => (cells === null ? null : batchOf([cells]));
  encoder.encode(op, batch(before), 0, batch(after), 0, row);
  return recordOf(encoder);
}

export function recordOf(encoder: RecordEncoder): { key: string; value: string } {
  const text = (start: number, end: number) => Buffer.from(encoder.bytes.subarray(start, end)).toString();
  return { key: text(encoder.keyStart, encoder.keyEnd), value: text(encoder.valueStart, encoder.valueEnd) };
}
