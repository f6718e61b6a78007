import type { Meta, PartitionItem, SourceState } from '../../lambdas/protocol/ports/state.ts';
import type { Layout, Window } from '../../lambdas/protocol/window.ts';

export const layout: Layout = {
  number: 1,
  deployment: 1,
  partitions: 2,
  object: { database: 'DB', schema: 'S', name: 'T' },
  information: 'DEFAULT',
  key: ['ID'],
  topic: 't',
  topicPartitions: 3,
};

export function windowOf(number: number, rows: number[], change: Partial<Window> = {}): Window {
  let start = 0;
  const ranges = rows.flatMap((count, partition) => {
    const range = { partition, start, rows: count, hash: `${number}/${partition}` };
    start += count;
    return count > 0 ? [range] : [];
  });
  return {
    number,
    kind: 'changes',
    layout: 1,
    createdOn: 'created-1',
    from: `2026-01-01T00:0${number - 1}:00.000Z`,
    to: `2026-01-01T00:0${number}:00.000Z`,
    covered: `${number}`,
    columns: [],
    statement: '',
    queryId: `q${number}`,
    queriedAt: '2026-01-01T00:00:00.000Z',
    request: null,
    totalRows: start,
    ranges,
    digest: `d${number}`,
    void: false,
    ...change,
  };
}

export function item(partition: number, change: Partial<PartitionItem> = {}): PartitionItem {
  return {
    partition,
    epoch: 1,
    owner: null,
    leaseUntil: 0,
    position: null,
    marked: null,
    open: null,
    state: 'active',
    lastSuccessAt: null,
    lastError: null,
    failures: 0,
    ...change,
  };
}

export function stateOf(windows: Window[], partitions: PartitionItem[], meta: Partial<Meta> = {}): SourceState {
  return {
    meta: {
      incarnation: 'life-1',
      clusterId: null,
      sightings: [],
      scan: null,
      request: null,
      finishedThrough: 0,
      recountedThrough: 0,
      caughtUpAt: null,
      paused: false,
      retentionMs: 86_400_000,
      lastError: null,
      ...meta,
    },
    head: windows.at(-1) ?? null,
    layouts: new Map([
      [1, layout],
      [2, { ...layout, number: 2 }],
    ]),
    windows,
    partitions,
  };
}
