/** The window that the planner would have written for a dataset. */
import type { Column, Range, Window } from '../lambdas/protocol/window.ts';
import type { Dataset } from './dataset.ts';
import { queryIdOf } from './query-ids.ts';
import { tables, type TableName } from './tables.ts';

export function rangesOf(rows: number, partitions: number): Range[] {
  const start = (partition: number) => Math.floor((rows * partition) / partitions);
  return Array.from({ length: partitions }, (_, partition) => ({
    partition,
    start: start(partition),
    rows: start(partition + 1) - start(partition),
    hash: '0',
  }));
}

/** A snapshot of a table that had no rows. */
export function emptyWindow(): Omit<Window, 'digest'> {
  return windowOf({ table: 'flights', rows: 0 }, 0, rangesOf(0, 1));
}

function columnsOf(table: TableName): Column[] {
  return tables[table].columns.map(({ name, type, precision, scale, nullable }) => ({
    name,
    type,
    precision,
    scale,
    nullable,
  }));
}

export function windowOf(
  dataset: Pick<Dataset, 'table' | 'rows'>,
  index: number,
  ranges: Range[],
): Omit<Window, 'digest'> {
  const now = new Date().toISOString();
  return {
    number: 1,
    kind: 'snapshot',
    layout: 1,
    createdOn: now,
    from: null,
    to: now,
    covered: null,
    columns: columnsOf(dataset.table),
    statement: 'SELECT',
    queryId: queryIdOf(index),
    queriedAt: now,
    request: null,
    totalRows: dataset.rows,
    ranges,
    void: false,
  };
}
