/** The checkpoint table in memory; each call can be made to fail, before or after it took effect. */
import type { Checkpoints } from '../../../lambdas/protocol/ports/checkpoints.ts';
import type {
  AuditEntry,
  Lease,
  Meta,
  PartitionItem,
  SourceState,
  Told,
  WindowRequest,
} from '../../../lambdas/protocol/ports/state.ts';
import { type Position, comparePositions } from '../../../lambdas/protocol/position.ts';
import type { Layout, Rerun, Window } from '../../../lambdas/protocol/window.ts';
import { item } from '../fixtures.ts';
import { type Fault, calm } from './basics.ts';

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
      stored.partitions.set(partition, item(partition, { epoch: 0 }));
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
