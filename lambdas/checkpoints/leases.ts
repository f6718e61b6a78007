/** The partition item: lease, epoch and position. One conditional write each; conditions.ts says why each is safe. */
import { SnowmeltError } from '../errors.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { AcquireResult, Lease, PartitionItem } from '../protocol/ports/state.ts';
import { comparePositions, formatPosition, maxPosition, type Position } from '../protocol/position.ts';
import {
  dealtWithNotBeyond,
  epochIsMine,
  leaseIsFree,
  leaseIsMine,
  needsOperator,
  positionIs,
  positionNotBeyond,
  requireAll,
} from './conditions.ts';
import { assign } from './expressions.ts';
import {
  deadValue,
  json,
  keys,
  markedValue,
  newPartitionItem,
  number,
  positionValue,
  readPartition,
  text,
} from './items.ts';
import type { Table } from './table.ts';

type ReconcileChange = Parameters<Checkpoints['reconcile']>[1];
type CommitChange = Parameters<Checkpoints['commit']>[1];
type ReleaseChange = Parameters<Checkpoints['release']>[1];

/** Puts are made this many at a time. */
const WIDTH = 16;

export async function readOne(table: Table, source: string, partition: number): Promise<PartitionItem | null> {
  const item = await table.get(keys.partition(source, partition));
  return item === null ? null : readPartition(item);
}

export async function readAll(table: Table, source: string): Promise<PartitionItem[]> {
  const items = await table.query(keys.meta(source).pk, { from: 'partition#', to: 'partition#~' });
  return items.map(readPartition);
}

export async function putPartitions(table: Table, source: string, partitions: number): Promise<void> {
  for (let start = 0; start < partitions; start += WIDTH) {
    const count = Math.min(WIDTH, partitions - start);
    const puts = Array.from({ length: count }, (_, i) =>
      table.putNew(keys.partition(source, start + i), newPartitionItem()),
    );
    await Promise.all(puts);
  }
}

export async function acquire(
  table: Table,
  source: string,
  partition: number,
  owner: string,
  now: number,
  leaseMs: number,
): Promise<AcquireResult> {
  const attributes = { owner: text(owner), leaseUntil: number(now + leaseMs) };
  const update = assign(attributes, ['#epoch = #epoch + :one'], { ':one': number(1) });
  const item = await table.update(keys.partition(source, partition), update, requireAll(leaseIsFree(owner, now)));
  if (item !== null) return { lease: { source, owner, item: readPartition(item) } };
  const standing = await mustRead(table, source, partition);
  return standing.state === 'active' ? { busy: standing } : { stopped: standing };
}

/** Takes the partition from whoever has it; nothing that another epoch still sends is written any more. */
export async function take(
  table: Table,
  source: string,
  partition: number,
  owner: string,
  now: number,
  leaseMs: number,
): Promise<Lease> {
  const attributes = { owner: text(owner), leaseUntil: number(now + leaseMs) };
  const update = assign(attributes, ['#epoch = #epoch + :one'], { ':one': number(1) });
  const item = await table.update(keys.partition(source, partition), update, requireAll());
  const standing = item === null ? await mustRead(table, source, partition) : readPartition(item);
  return { source, owner, item: standing };
}

export async function reconcile(table: Table, lease: Lease, change: ReconcileChange): Promise<Lease | null> {
  const { source, item } = lease;
  const attempt = (position: ReconcileChange['position']) =>
    table.update(
      keys.partition(source, item.partition),
      assign({
        ...(position !== null && { position: positionValue(position) }),
        marked: change.marked === null ? null : markedValue(change.marked),
        open: change.open === null ? null : number(change.open),
        leaseUntil: number(change.leaseUntil),
        // Counted up to the position that is asked for, not up to one further on.
        ...(change.dead && position === change.position && { dead: deadValue(change.dead) }),
      }),
      requireAll(leaseIsMine(item.epoch, lease.owner), positionNotBeyond(position)),
    );
  const written = await attempt(change.position);
  if (written !== null) return { ...lease, item: readPartition(written) };
  const standing = await mustRead(table, source, item.partition);
  if (!isMine(lease, standing)) return null;
  // The epoch is mine, so what moved the position further is a write of mine whose reply was lost: it counts.
  const again = await attempt(maxPosition(change.position, standing.position));
  return again === null ? null : { ...lease, item: readPartition(again) };
}

export async function commit(table: Table, lease: Lease, change: CommitChange): Promise<Lease | null> {
  const { source, item } = lease;
  const written = await table.update(
    keys.partition(source, item.partition),
    assign({
      position: positionValue(change.position),
      marked: change.marked === null ? null : markedValue(change.marked),
      leaseUntil: number(change.leaseUntil),
      lastSuccessAt: number(change.now),
      failures: number(0),
      ...(change.closeOpen === true && { open: null }),
      ...(change.dead && { dead: deadValue(change.dead) }),
    }),
    requireAll(leaseIsMine(item.epoch, lease.owner), positionIs(item.position, change.position)),
  );
  if (written !== null) return { ...lease, item: readPartition(written) };
  const standing = await mustRead(table, source, item.partition);
  if (!isMine(lease, standing)) return null;
  if (comparePositions(standing.position, change.position) === 0) return { ...lease, item: standing };
  // Only an earlier write of this very invocation, given up and applied later, can have done it: reconcile again.
  const where = standing.position === null ? 'none' : formatPosition(standing.position);
  const what = `Source ${source}, partition ${item.partition}`;
  throw new SnowmeltError('UNEXPECTED', `${what}: position ${where} is not the one this epoch last knew.`);
}

export async function renew(table: Table, lease: Lease, leaseUntil: number): Promise<Lease | null> {
  const { source, item, owner } = lease;
  const update = assign({ leaseUntil: number(leaseUntil) });
  const condition = requireAll(leaseIsMine(item.epoch, owner));
  const written = await table.update(keys.partition(source, item.partition), update, condition);
  if (written !== null) return { ...lease, item: readPartition(written) };
  await mustRead(table, source, item.partition); // missing, or too new, is another matter than not mine
  return null;
}

export async function release(table: Table, lease: Lease, change: ReleaseChange): Promise<boolean> {
  const update = assign({
    owner: null,
    leaseUntil: number(0),
    state: text(change.state),
    failures: number(change.failures),
    ...(change.closeOpen && { open: null }),
    lastError: change.failed === null ? null : json(change.failed),
  });
  const item = await table.update(
    keys.partition(lease.source, lease.item.partition),
    update,
    requireAll(epochIsMine(lease.item.epoch)),
  );
  return item !== null;
}

/** Clears needs-operator where it stands. */
export async function resumePartitions(table: Table, source: string): Promise<void> {
  for (const item of await readAll(table, source)) {
    if (item.state !== 'active') await activate(table, source, item.partition);
  }
}

export async function activate(table: Table, source: string, partition: number): Promise<void> {
  const update = assign({ state: text('active'), failures: number(0) });
  await table.update(keys.partition(source, partition), update, requireAll(needsOperator()));
}

/** Whoever has the lease: no worker looks at it. */
export async function dealWith(table: Table, source: string, partition: number, position: Position): Promise<void> {
  const update = assign({ dealtWith: positionValue(position) });
  await table.update(keys.partition(source, partition), update, requireAll(dealtWithNotBeyond(position)));
}

function isMine(lease: Lease, standing: PartitionItem): boolean {
  return standing.epoch === lease.item.epoch && standing.owner === lease.owner;
}

async function mustRead(table: Table, source: string, partition: number): Promise<PartitionItem> {
  const item = await readOne(table, source, partition);
  if (item !== null) return item;
  throw new SnowmeltError('STATE_DISAGREES', `Source ${source}: the item of partition ${partition} is missing.`);
}
