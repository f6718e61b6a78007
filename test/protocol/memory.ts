/**
 * The protocol's ports in memory: a Kafka with epochs, markers and visible records, a checkpoint table, Snowflake results.
 * As strict as the real ones where the protocol leans on them; each call can be made to fail, before or after it took effect.
 */
import { SnowmeltError } from '../../lambdas/errors.ts';
import type { Checkpoints } from '../../lambdas/protocol/ports/checkpoints.ts';
import type { Events, Telemetry } from '../../lambdas/protocol/ports/effects.ts';
import type { Inspection, Kafka, KafkaProducer, Marker, OpenRequest } from '../../lambdas/protocol/ports/kafka.ts';
import type { Encoders } from '../../lambdas/protocol/ports/records.ts';
import type {
  ObjectFacts,
  Reading,
  RowBatch,
  ScanRequest,
  ScanStatus,
  Snowflake,
} from '../../lambdas/protocol/ports/snowflake.ts';
import type {
  AuditEntry,
  Lease,
  Meta,
  PartitionItem,
  SourceState,
  Told,
  WindowRequest,
} from '../../lambdas/protocol/ports/state.ts';
import { comparePositions, type Position } from '../../lambdas/protocol/position.ts';
import type { Column, Layout, Range, Rerun, Window } from '../../lambdas/protocol/window.ts';

/** Called before and after each port call; throwing makes the call fail, after it took effect when `when` is 'after'. */
export type Fault = (call: string, when: 'before' | 'after') => void;
const calm: Fault = () => undefined;

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

/** Time by hand. */
export class TestClock {
  time = Date.parse('2026-01-01T00:00:00.000Z');
  remaining = 900_000;
  now = () => this.time;
  remainingMs = () => this.remaining;
  pause = async (ms: number) => {
    this.time += ms;
    this.remaining -= ms;
  };
}

type StatementText = [
  kind: string,
  from: string | null,
  to: string,
  results: readonly [string, string] | null,
  keys: string | null,
  where: string | null,
];

export class MemorySnowflake implements Snowflake {
  readonly results = new Map<string, Row[]>();
  facts: ObjectFacts = {
    createdOn: 'created-1',
    tracking: true,
    retentionMs: 86_400_000,
    columns: [{ name: 'ID', type: 'NUMBER', precision: 10, scale: 0, nullable: false }],
  };
  /** Rows a scan of (kind, from, to) finds; the bucket stands in the last cell. */
  scan: (kind: string, from: string | null, to: string) => Row[] = () => [];
  reading: Reading | Error = { now: 0, token: null };
  statements: string[] = [];
  gates = 0;
  batchRows = 3;
  fault: Fault = calm;
  #queries = 0;

  async gate(objects: Layout['object'][][]): Promise<(Reading | Error)[]> {
    this.fault('gate', 'before');
    this.gates++;
    return objects.map(() => this.reading);
  }
  async describe(): Promise<ObjectFacts> {
    this.fault('describe', 'before');
    return structuredClone(this.facts);
  }
  columns(_layout: Layout, table: Column[]): Column[] {
    return table;
  }
  statement({ kind, from, to, results = null, keys = null, where = null }: ScanRequest): string {
    return JSON.stringify([kind, from, to, results, keys, where] satisfies StatementText);
  }
  async submitKeys(keys: readonly (readonly string[])[]): Promise<string> {
    const queryId = `query-${++this.#queries}`;
    this.results.set(
      queryId,
      keys.map(([key]) => [key!]),
    );
    return queryId;
  }
  async compile(): Promise<void> {}
  stage(): string {
    throw new Error('no query source here');
  }
  async measure(): Promise<never> {
    throw new Error('no query source here');
  }
  async stages(): Promise<string[]> {
    return [];
  }
  async drop(): Promise<void> {}
  async describeStream(): Promise<never> {
    throw new Error('no stream source here');
  }
  async describeStage(): Promise<never> {
    throw new Error('no stream source here');
  }
  async prepareStage(): Promise<void> {}
  consumption(): string {
    throw new Error('no stream source here');
  }
  async ledger(): Promise<null> {
    return null;
  }
  async streams(): Promise<string[]> {
    return [];
  }
  async dropStream(): Promise<void> {}
  async submit(statement: string): Promise<string> {
    this.fault('submit', 'before');
    this.statements.push(statement);
    const [kind, from, to, results, keys, where] = JSON.parse(statement) as StatementText;
    const queryId = `query-${++this.#queries}`;
    const found =
      results !== null
        ? this.#late(results, to)
        : keys !== null
          ? this.#keyed(keys, to)
          : where !== null
            ? this.scan('snapshot', null, to).filter((row) => this.where(row))
            : this.scan(kind, from, to);
    const rows = found.toSorted((a, b) => Number(a.at(-1)) - Number(b.at(-1)));
    this.results.set(queryId, rows);
    this.fault('submit', 'after');
    return queryId;
  }
  /** Rows for which an operator's condition holds. */
  where: (row: Row) => boolean = () => true;
  /** Listed keys as they are at `to`; of one that is gone nothing but itself is known. */
  #keyed(queryId: string, to: string): Row[] {
    const listed = this.results.get(queryId);
    if (listed === undefined) throw new SnowmeltError('RESULT_EXPIRED', queryId);
    const rows = new Map(this.scan('snapshot', null, to).map((row) => [row.at(-4)!, row]));
    return [...new Set(listed.map(([key]) => key!))]
      .sort()
      .map((key) => rows.get(key) ?? [null, key, 'DELETE KEY', null, String(Number(key) % 2)]);
  }
  /** Keys in which two results of one window differ, as they are at `to`. */
  #late(results: readonly [string, string], to: string): Row[] {
    const [was, is] = results.map((queryId) => this.results.get(queryId)!) as [Row[], Row[]];
    const texts = [
      new Set(was.map((row) => JSON.stringify(row))),
      new Set(is.map((row) => JSON.stringify(row))),
    ] as const;
    const keyOf = (row: Row) => row.at(-4)!;
    const differs = [
      ...was.filter((row) => !texts[1].has(JSON.stringify(row))),
      ...is.filter((row) => !texts[0].has(JSON.stringify(row))),
    ];
    const keys = new Map(differs.map((row) => [keyOf(row), row]));
    const now = new Map(this.scan('snapshot', null, to).map((row) => [keyOf(row), row]));
    return [...keys]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, row]) => {
        const gone = [...row];
        gone[gone.length - 3] = 'DELETE';
        return now.get(key) ?? gone;
      });
  }
  async status(queryId: string, _waitMs = 0): Promise<ScanStatus> {
    this.fault('status', 'before');
    return this.results.has(queryId) ? { state: 'done' } : { state: 'gone' };
  }
  async ranges(queryId: string) {
    const rows = this.results.get(queryId)!;
    const ranges: Range[] = [];
    rows.forEach((row, start) => {
      const partition = Number(row.at(-1));
      const last = ranges.at(-1);
      if (last?.partition === partition) last.rows++;
      else ranges.push({ partition, start, rows: 1, hash: '' });
    });
    for (const range of ranges) {
      range.hash = JSON.stringify(rows.slice(range.start, range.start + range.rows)).length.toString();
    }
    return { totalRows: rows.length, ranges };
  }
  async abort() {}
  async *read(queryId: string, start: number, end: number, width: number): AsyncGenerator<RowBatch> {
    for (let at = start; at < end; at += this.batchRows) {
      this.fault('read', 'before');
      yield batchOf(this.results.get(queryId)!.slice(at, Math.min(end, at + this.batchRows)), width);
    }
  }
  async close() {}
}

export type Published = { partition: number; key: string; value: string | null; committed: boolean };

/** Kafka: per source partition an epoch (the last InitProducerId wins), a marker, and the visible log. */
export class MemoryKafka implements Kafka {
  readonly log: { key: string; value: string | null; topic: string }[] = [];
  readonly lanes = new Map<string, { epoch: number; marker: Marker | null }>();
  clusterId = 'cluster-1';
  fault: Fault = calm;
  roomFor = 5;

  lane(source: string, partition: number) {
    const key = `${source}/${partition}`;
    const lane = this.lanes.get(key) ?? { epoch: 0, marker: null };
    this.lanes.set(key, lane);
    return lane;
  }
  async open(request: OpenRequest): Promise<KafkaProducer> {
    this.fault('open', 'before');
    const lane = this.lane(request.source, request.partition);
    const exactlyOnce = request.delivery === 'exactly-once';
    const epoch = exactlyOnce ? ++lane.epoch : lane.epoch;
    this.fault('open', 'after');
    let buffered: { key: string; value: string | null; topic: string }[] = [];
    let failed: Error | null = null;
    const check = () => {
      if (failed !== null) throw failed;
    };
    const { log, fault, roomFor } = this;
    const producer: KafkaProducer = {
      clusterId: this.clusterId,
      marker: exactlyOnce && request.adopt !== true ? lane.marker : null,
      get pending() {
        return buffered.length;
      },
      end: null,
      transactionSince: null,
      append(bytes, keyStart, keyEnd, valueStart, valueEnd) {
        check();
        const text = (a: number, b: number) => Buffer.from(bytes.subarray(a, b)).toString();
        buffered.push({
          topic: request.topic,
          key: text(keyStart, keyEnd),
          value: valueStart < 0 ? null : text(valueStart, valueEnd),
        });
        return buffered.length % roomFor !== 0;
      },
      broadcast(bytes, keyStart, keyEnd, valueStart, valueEnd, window, row) {
        producer.append(bytes, keyStart, keyEnd, valueStart, valueEnd, window, row);
      },
      tell({ key, value }) {
        check();
        const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
        buffered.push({ topic: request.progress!.topic, key: text(key), value: text(value) });
      },
      letterBytes: 1_000,
      bury({ key, value }) {
        check();
        const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
        buffered.push({ topic: request.deadLetters!.topic, key: text(key), value: text(value) });
        return buffered.length % roomFor !== 0;
      },
      async ready() {
        check();
        fault('send', 'before');
      },
      async commit(marker) {
        check();
        try {
          fault('commit', 'before');
          if (exactlyOnce && lane.epoch !== epoch) throw new Error('47 INVALID_PRODUCER_EPOCH');
          log.push(...buffered);
          if (exactlyOnce) lane.marker = { ...structuredClone(marker), sent: null };
          buffered = [];
          fault('commit', 'after');
        } catch (error) {
          failed = error as Error;
          throw error;
        }
      },
      async close() {},
    };
    return producer;
  }
  async inspect(request: { source: string; partitions: number; topic: string }): Promise<Inspection> {
    const markers = Array.from({ length: request.partitions }, (_, partition) => {
      const { marker } = this.lane(request.source, partition);
      return marker === null ? null : { marker };
    });
    return { clusterId: this.clusterId, topicPartitions: 3, ends: [], controlPartitions: request.partitions, markers };
  }
  async facts() {
    return {
      topic: { minInsyncReplicas: 2, replication: 3, uncleanElection: false, compacted: false },
      offsetsRetentionMs: null,
    };
  }
  async close() {}
}

/** A value that no record can carry. */
export const UNFIT = 'unfit';

/** Encodes key cell and op as text: `op|before|after` of the first cell. */
export const textEncoders: Encoders = {
  truncation: (window) => Promise.resolve({ key: Buffer.from('all'), value: Buffer.from(`t|||${window.number}:1`) }),
  schemaChange: (window) => ({ key: Buffer.from('schema'), value: Buffer.from(`schema ${window.number}`) }),
  progress: (window, partition, dead) => ({
    key: Buffer.from('end'),
    value: Buffer.from(`${window.number} ${partition} ${dead}`),
  }),
  deadLetter: (window, _layout, partition, { code, op, row }) => ({
    key: Buffer.from(`${window.number}:${partition}:${row}`),
    value: Buffer.from(`${code} ${op}`),
  }),
  headers: () => null,
  forWindow: async (window) => {
    const width = window.columns.length + 4;
    const cell = (batch: RowBatch | null, row: number, c: number) => {
      if (batch === null) return '';
      const at = 2 * (row * width + c);
      return Buffer.from(batch.bytes.subarray(batch.offsets[at], batch.offsets[at + 1])).toString();
    };
    const encoder = {
      bytes: new Uint8Array(0),
      keyStart: 0,
      keyEnd: 0,
      valueStart: 0,
      valueEnd: 0,
      tombstones: true,
      encode(
        op: string,
        before: RowBatch | null,
        beforeRow: number,
        after: RowBatch | null,
        afterRow: number,
        row: number,
      ) {
        const key = cell(after ?? before, after === null ? beforeRow : afterRow, window.columns.length);
        const images = [cell(before, beforeRow, 0), cell(after, afterRow, 0)];
        if (images.includes(UNFIT)) throw new SnowmeltError('VALUE_UNFIT', 'a value that no record can carry');
        const value = `${op}|${images.join('|')}|${window.number}:${row}`;
        encoder.bytes = Buffer.from(key + value);
        encoder.keyEnd = Buffer.byteLength(key);
        encoder.valueStart = encoder.keyEnd;
        encoder.valueEnd = encoder.bytes.length;
      },
    };
    return encoder;
  },
};

type Stored = {
  meta: Meta;
  layouts: Map<number, Layout>;
  windows: Map<number, Window>;
  partitions: Map<number, PartitionItem>;
  audits: { key: string; entry: AuditEntry }[];
};

export class MemoryCheckpoints implements Checkpoints {
  readonly sources = new Map<string, Stored>();
  fault: Fault = calm;

  #source(source: string): Stored {
    const stored = this.sources.get(source);
    if (stored === undefined) throw new Error('no such item');
    return stored;
  }
  async look(source: string): Promise<SourceState | null> {
    this.fault('look', 'before');
    const stored = this.sources.get(source);
    if (stored === undefined) return null;
    const windows = [...stored.windows.values()].sort((a, b) => a.number - b.number);
    return structuredClone({
      meta: stored.meta,
      head: windows.at(-1) ?? null,
      layouts: stored.layouts,
      windows: windows.filter((window) => window.number > stored.meta.finishedThrough),
      partitions: [...stored.partitions.values()],
    });
  }
  async create(source: string, meta: Meta) {
    if (this.sources.has(source)) return;
    this.sources.set(source, {
      meta: structuredClone(meta),
      layouts: new Map(),
      windows: new Map(),
      partitions: new Map(),
      audits: [],
    });
  }
  async putPartitions(source: string, partitions: number) {
    const stored = this.#source(source);
    for (let partition = 0; partition < partitions; partition++) {
      if (stored.partitions.has(partition)) continue;
      stored.partitions.set(partition, {
        partition,
        epoch: 0,
        owner: null,
        leaseUntil: 0,
        position: null,
        marked: null,
        open: null,
        state: 'active',
        lastSuccessAt: null,
        lastError: null,
        failures: 0,
      });
    }
  }
  async putLayout(source: string, layout: Layout) {
    const { layouts } = this.#source(source);
    if (layouts.has(layout.number)) return false;
    layouts.set(layout.number, structuredClone(layout));
    return true;
  }
  async putWindow(source: string, window: Window) {
    this.fault('putWindow', 'before');
    const { windows } = this.#source(source);
    if (windows.has(window.number)) return false;
    windows.set(window.number, structuredClone(window));
    this.fault('putWindow', 'after');
    return true;
  }
  async updateMeta(source: string, change: Partial<Meta>) {
    const { meta } = this.#source(source);
    const { clusterId, finishedThrough, ...rest } = change;
    Object.assign(meta, structuredClone(rest));
    if (clusterId !== undefined) meta.clusterId ??= clusterId;
    if (finishedThrough !== undefined) meta.finishedThrough = Math.max(meta.finishedThrough, finishedThrough);
    return structuredClone(meta);
  }
  async noteRerun(source: string, window: number, previous: Rerun | null, next: Rerun | null) {
    const stored = this.#source(source).windows.get(window)!;
    if (stored.rerun?.queryId !== previous?.queryId) return stored.rerun ?? null;
    if (next === null) delete stored.rerun;
    else stored.rerun = next;
    return next;
  }
  async requery(source: string, window: number, previous: string, queryId: string, queriedAt: string) {
    const stored = this.#source(source).windows.get(window)!;
    if (stored.queryId !== previous) return false;
    Object.assign(stored, { queryId, queriedAt });
    delete stored.rerun;
    return true;
  }
  async voidWindow(source: string, window: number) {
    this.#source(source).windows.get(window)!.void = true;
  }
  async acquire(source: string, partition: number, owner: string, now: number, leaseMs: number) {
    this.fault('acquire', 'before');
    const item = this.#source(source).partitions.get(partition)!;
    if (item.state !== 'active') return { stopped: structuredClone(item) };
    if (item.owner !== null && item.owner !== owner && item.leaseUntil > now) return { busy: structuredClone(item) };
    Object.assign(item, { owner, epoch: item.epoch + 1, leaseUntil: now + leaseMs });
    return { lease: { source, owner, item: structuredClone(item) } };
  }
  #change(
    lease: Lease,
    change: Partial<PartitionItem>,
    allowed: (item: PartitionItem) => boolean = () => true,
  ): Lease | null {
    const item = this.#source(lease.source).partitions.get(lease.item.partition)!;
    if (item.epoch !== lease.item.epoch || !allowed(item)) return null;
    Object.assign(item, structuredClone(change));
    return { ...lease, item: structuredClone(item) };
  }
  async request(source: string, request: WindowRequest) {
    const { meta } = this.#source(source);
    if (meta.request !== null && meta.request.id !== request.id) return false;
    meta.request = structuredClone(request);
    return true;
  }
  async settle(source: string, id: string) {
    this.fault('settle', 'before');
    const { meta } = this.#source(source);
    if (meta.request?.id === id) meta.request = null;
    this.fault('settle', 'after');
  }
  async windows(source: string, from: number, to: number) {
    const { windows } = this.#source(source);
    return structuredClone([...windows.values()].filter(({ number }) => number >= from && number <= to));
  }
  async restart(source: string, incarnation: string, clusterId: string, window: Window) {
    const stored = this.#source(source);
    stored.windows.set(window.number, structuredClone(window));
    const finished = window.number - 1;
    Object.assign(stored.meta, {
      ...{ incarnation, clusterId, finishedThrough: finished, recountedThrough: finished },
      ...{ sightings: [], scan: null, request: null, caughtUpAt: null, lastError: null },
    });
  }
  async take(source: string, partition: number, owner: string, now: number, leaseMs: number) {
    const item = this.#source(source).partitions.get(partition)!;
    Object.assign(item, { owner, epoch: item.epoch + 1, leaseUntil: now + leaseMs });
    return { source, owner, item: structuredClone(item) };
  }
  async reconcile(lease: Lease, change: Parameters<Checkpoints['reconcile']>[1]) {
    this.fault('reconcile', 'before');
    return this.#change(lease, change);
  }
  async commit(lease: Lease, { now, closeOpen, ...change }: Parameters<Checkpoints['commit']>[1]) {
    this.fault('storeCommit', 'before');
    const previous = lease.item.position;
    const result = this.#change(
      lease,
      { ...change, ...(closeOpen ? { open: null } : {}), lastSuccessAt: now, failures: 0 },
      (item) => [previous, change.position].some((position) => comparePositions(item.position, position) === 0),
    );
    this.fault('storeCommit', 'after');
    return result;
  }
  async renew(lease: Lease, leaseUntil: number) {
    return this.#change(lease, { leaseUntil });
  }
  async release(lease: Lease, { closeOpen, failed, failures, state }: Parameters<Checkpoints['release']>[1]) {
    this.fault('release', 'before');
    const released = this.#change(lease, {
      owner: null,
      leaseUntil: 0,
      ...(closeOpen ? { open: null } : {}),
      lastError: failed,
      failures,
      state,
    });
    return released !== null;
  }
  async partition(source: string, partition: number) {
    return structuredClone(this.#source(source).partitions.get(partition) ?? null);
  }
  async headNumber(source: string) {
    return Math.max(0, ...this.#source(source).windows.keys());
  }
  async prune() {
    return 0;
  }
  async resume(source: string) {
    this.#source(source).meta.paused = false;
    for (const item of this.#source(source).partitions.values()) item.state = 'active';
  }
  async activate(source: string, partition: number) {
    this.#source(source).partitions.get(partition)!.state = 'active';
  }
  async audit(source: string, entry: AuditEntry) {
    const { audits } = this.#source(source);
    audits.push({ key: `audit#${new Date(entry.at).toISOString()}#${audits.length}`, entry });
  }
  async audits(source: string, since: number) {
    return structuredClone(this.#source(source).audits.filter(({ entry }) => entry.at >= since));
  }
  async noteTold(source: string, previous: Told | null, next: Told) {
    const { meta } = this.#source(source);
    if (JSON.stringify(meta.told ?? null) !== JSON.stringify(previous)) return false;
    meta.told = structuredClone(next);
    return true;
  }
  async dealWith(source: string, partition: number, position: Position) {
    this.#source(source).partitions.get(partition)!.dealtWith = position;
  }
}

export class MemoryEvents implements Events {
  readonly calls: { source: string; partition: number }[] = [];
  async call(calls: { source: string; partition: number }[]) {
    this.calls.push(...calls);
  }
}

export class MemoryTelemetry implements Telemetry {
  readonly errors: Error[] = [];
  readonly messages: string[] = [];
  /** The last value of each, whatever the source. */
  readonly gauges = new Map<string, number>();
  info(message: string) {
    this.messages.push(message);
  }
  error(error: Error) {
    this.errors.push(error);
  }
  count() {}
  gauge(metric: string, value: number) {
    this.gauges.set(metric, value);
  }
}
