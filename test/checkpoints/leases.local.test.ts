import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SnowmeltError } from '../../lambdas/errors.ts';
import type { Lease } from '../../lambdas/protocol/ports/state.ts';
import { position } from '../../lambdas/protocol/position.ts';
import { META, startTable, type TestTable } from './table.ts';

let table: TestTable;
let source: string;
let number = 0;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.close());
beforeEach(async () => {
  source = `orders-${++number}`;
  await table.store.putPartitions(source, 1);
});

const NOW = Date.UTC(2026, 0, 1);
const LEASE = 60_000;
const P1 = position(1, 10);
const P2 = position(1, 4_000_000_000);
const P3 = position(2_000_000_000, 1); // beyond what a double holds exactly

const code = (expected: string) => expect.objectContaining({ code: expected }) as SnowmeltError;
const stored = async () => (await table.store.partition(source, 0))!;

async function acquire(owner: string, now = NOW): Promise<Lease> {
  const result = await table.store.acquire(source, 0, owner, now, LEASE);
  if (!('lease' in result)) throw new Error('not acquired');
  return result.lease;
}
const marked = (at = P1) => ({ position: at, at: NOW });
const commitOf = (to = P1) => ({ position: to, marked: marked(to), leaseUntil: NOW + LEASE, now: NOW });
const ended = { closeOpen: true, failed: null, failures: 0, state: 'active' as const };

describe('partition items', () => {
  it('are put once, and an existing one is left alone', async () => {
    const lease = await acquire('a');
    await table.store.putPartitions(source, 40);
    expect(await stored()).toEqual(lease.item);
    expect(await table.store.partition(source, 39)).toEqual({
      partition: 39,
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
    expect(await table.store.partition(source, 40)).toBeNull();
  });

  it('hold positions beyond 53 bits exactly', async () => {
    const lease = await acquire('a');
    await table.store.commit(lease, commitOf(P3));
    expect(await stored()).toMatchObject({ position: P3, marked: { position: P3, at: NOW } });
  });
});

describe('acquire', () => {
  it('gives the free lease to one of many, with the next epoch', async () => {
    const owners = Array.from({ length: 20 }, (_, i) => `owner-${i}`);
    const results = await Promise.all(owners.map((owner) => table.store.acquire(source, 0, owner, NOW, LEASE)));
    const leases = results.flatMap((result) => ('lease' in result ? [result.lease] : []));
    expect(leases).toHaveLength(1);
    expect(leases[0]?.item).toMatchObject({ epoch: 1, owner: leases[0]?.owner, leaseUntil: NOW + LEASE });
    for (const result of results) {
      if ('lease' in result) continue;
      expect(result).toEqual({ busy: leases[0]?.item });
    }
  });

  it('takes an expired lease, not one that runs, and the epoch grows each time', async () => {
    await acquire('a');
    expect(await table.store.acquire(source, 0, 'b', NOW + LEASE - 1, LEASE)).toMatchObject({ busy: { owner: 'a' } });
    expect((await acquire('b', NOW + LEASE)).item).toMatchObject({ epoch: 2, owner: 'b' });
    await table.store.release(await acquire('b'), ended);
    expect((await acquire('c')).item).toMatchObject({ epoch: 4, owner: 'c' });
  });

  it('does not take a partition that waits for an operator', async () => {
    const failed = { code: 'DUPLICATE_KEY', message: 'twice', at: NOW };
    await table.store.release(await acquire('a'), { closeOpen: false, failed, failures: 1, state: 'needs-operator' });
    const result = await table.store.acquire(source, 0, 'b', NOW, LEASE);
    expect(result).toMatchObject({ stopped: { state: 'needs-operator', lastError: failed, failures: 1, owner: null } });
  });

  it('never makes an item', async () => {
    await expect(table.store.acquire(source, 7, 'a', NOW, LEASE)).rejects.toThrow(code('STATE_DISAGREES'));
    expect(await table.store.partition(source, 7)).toBeNull();
  });
});

describe('dead letters', () => {
  const dead = { window: 1, rows: 2, last: 5 };

  it('are counted with the position, and stay known when later windows have none', async () => {
    const lease = await acquire('a');
    const counted = await table.store.commit(lease, { ...commitOf(P1), dead });
    expect(counted?.item).toMatchObject({ position: P1, dead });
    const next = await table.store.commit(counted!, commitOf(P2));
    expect(next?.item).toMatchObject({ position: P2, dead });
  });

  it('of a marker that is behind what this owner wrote do not count', async () => {
    const lease = await acquire('a');
    const more = { window: 1, rows: 3, last: 9 };
    await table.store.commit(lease, { ...commitOf(P2), dead: more });
    const change = { position: P1, marked: marked(), open: NOW, leaseUntil: NOW + LEASE, dead };
    expect((await table.store.reconcile(lease, change))?.item).toMatchObject({ position: P2, dead: more });
    const taken = await table.store.reconcile(lease, { ...change, position: P3 });
    expect(taken?.item).toMatchObject({ position: P3, dead });
  });

  it('are dealt with up to a position that never goes back, whoever has the lease', async () => {
    await acquire('a');
    for (const position of [P2, P1, P2]) await table.store.dealWith(source, 0, position);
    expect(await stored()).toMatchObject({ dealtWith: P2, owner: 'a', epoch: 1 });
    await table.store.dealWith(source, 0, P3);
    expect(await stored()).toMatchObject({ dealtWith: P3 });
  });
});

describe('reconcile', () => {
  const change = { position: P1, marked: marked(), open: NOW, leaseUntil: NOW + 2 * LEASE };

  it('writes position, marked, open and lease at once', async () => {
    const lease = await table.store.reconcile(await acquire('a'), change);
    expect(lease?.item).toMatchObject({ ...change, owner: 'a', epoch: 1 });
    expect(await stored()).toEqual(lease?.item);
  });

  it('writes none of them where Kafka has no marker', async () => {
    const lease = await table.store.reconcile(await acquire('a'), { ...change, position: null, marked: null });
    expect(lease?.item).toMatchObject({ position: null, marked: null, open: NOW });
  });

  it('is refused to a zombie', async () => {
    const zombie = await acquire('a');
    const next = await acquire('b', NOW + LEASE);
    expect(await table.store.reconcile(zombie, change)).toBeNull();
    expect(await stored()).toEqual(next.item);
  });

  it('never takes the position back: a write given up by this owner may have been applied', async () => {
    const lease = await acquire('a');
    await table.store.commit(lease, commitOf(P2));
    for (const behind of [P1, null]) {
      const after = await table.store.reconcile(lease, { ...change, position: behind });
      expect(after?.item).toMatchObject({ position: P2, open: NOW });
    }
  });
});

describe('commit', () => {
  it('moves the position, renews the lease, and clears the failures', async () => {
    const failed = { code: 'KAFKA_FAILED', message: 'x', at: NOW };
    await table.store.release(await acquire('a'), { ...ended, failed, failures: 2 });
    const lease = await table.store.commit(await acquire('b'), { ...commitOf(), leaseUntil: NOW + 5, now: NOW + 1 });
    expect(lease?.item).toMatchObject({
      position: P1,
      marked: marked(),
      leaseUntil: NOW + 5,
      lastSuccessAt: NOW + 1,
      failures: 0,
      epoch: 2,
    });
    expect((await table.store.commit(lease!, commitOf(P2)))?.item.position).toEqual(P2);
  });

  it('to the position that stands already is its own repetition', async () => {
    const lease = await acquire('a');
    const first = await table.store.commit(lease, commitOf());
    expect(await table.store.commit(lease, commitOf())).toEqual(first);
  });

  it('from a position that is not there is refused, and nothing moves', async () => {
    const lease = await acquire('a');
    const second = await table.store.commit((await table.store.commit(lease, commitOf(P1)))!, commitOf(P2));
    await expect(table.store.commit(lease, commitOf(P1))).rejects.toThrow(code('UNEXPECTED'));
    expect(await stored()).toEqual(second?.item);
  });

  it('is refused to a zombie, even to the position it committed before', async () => {
    const zombie = (await table.store.commit(await acquire('a'), commitOf()))!;
    const next = await acquire('b', NOW + 2 * LEASE);
    expect(await table.store.commit(zombie, commitOf(P1))).toBeNull();
    expect(await table.store.commit(zombie, commitOf(P2))).toBeNull();
    expect(await table.store.renew(zombie, NOW + 9 * LEASE)).toBeNull();
    expect(await table.store.release(zombie, ended)).toBe(false);
    expect(await stored()).toEqual(next.item);
  });

  it('is refused after the own release', async () => {
    const lease = await acquire('a');
    await table.store.release(lease, ended);
    expect(await table.store.commit(lease, commitOf())).toBeNull();
    expect(await stored()).toMatchObject({ position: null, owner: null, leaseUntil: 0 });
  });

  it('without a marker leaves none', async () => {
    const lease = (await table.store.commit(await acquire('a'), commitOf()))!;
    expect((await table.store.commit(lease, { ...commitOf(P2), marked: null }))?.item.marked).toBeNull();
  });
});

describe('renew and release', () => {
  it('renews only the lease', async () => {
    const lease = await acquire('a');
    expect(await table.store.renew(lease, NOW + 5 * LEASE)).toEqual({
      ...lease,
      item: { ...lease.item, leaseUntil: NOW + 5 * LEASE },
    });
  });

  it('keeps `open` unless it is closed', async () => {
    const change = { position: null, marked: null, open: NOW, leaseUntil: NOW + LEASE };
    const first = (await table.store.reconcile(await acquire('a'), change))!;
    await table.store.release(first, { ...ended, closeOpen: false });
    expect(await stored()).toMatchObject({ open: NOW, owner: null });
    await table.store.release(await acquire('b'), ended);
    expect(await stored()).toMatchObject({ open: null, owner: null, lastError: null });
  });

  it('resume clears what waits for an operator, and nothing of a running partition', async () => {
    await table.store.create(source, { ...META, paused: true });
    await table.store.putPartitions(source, 2);
    const failed = { code: 'DUPLICATE_KEY', message: 'twice', at: NOW };
    await table.store.release(await acquire('a'), { ...ended, failed, failures: 3, state: 'needs-operator' });
    await table.store.acquire(source, 1, 'busy', NOW, LEASE);
    const running = await table.store.partition(source, 1);
    await table.store.resume(source);
    expect(await stored()).toMatchObject({ state: 'active', failures: 0, lastError: failed });
    expect(await table.store.partition(source, 1)).toEqual(running);
    expect((await table.store.look(source))?.meta.paused).toBe(false);
    expect((await acquire('b')).item.owner).toBe('b');
  });
});

describe('an item of a newer release', () => {
  it('is neither read nor written', async () => {
    const item = { pk: { S: `source#${source}` }, sk: { S: 'partition#0000' }, v: { N: '2' }, epoch: { N: '1' } };
    const lease = await acquire('a');
    await table.put({ ...item, owner: { S: 'a' }, state: { S: 'active' }, leaseUntil: { N: '0' } });
    await expect(table.store.acquire(source, 0, 'b', NOW, LEASE)).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.commit(lease, commitOf())).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.renew(lease, NOW)).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.partition(source, 0)).rejects.toThrow(code('STATE_TOO_NEW'));
  });
});
