/** Replies that are lost after the write was applied: the SDK sends the request again, and must not lock its owner out. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import type { SnowmeltError } from '../../lambdas/errors.ts';
import { position } from '../../lambdas/protocol/position.ts';
import { layout, META, startTable, window, type TestTable } from './table.ts';

let table: TestTable;
let source: string;
let number = 0;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.close());
beforeEach(async () => {
  source = `orders-${++number}`;
  await table.store.create(source, META);
  await table.store.putPartitions(source, 1);
});

const NOW = Date.UTC(2026, 0, 1);
const LEASE = 60_000;
const P1 = position(1, 10);
const P2 = position(2, 1);
const commitOf = (to = P1) => ({ position: to, marked: { position: to, at: NOW }, leaseUntil: NOW + LEASE, now: NOW });
const reconcileTo = (to: typeof P1 | null) => ({ position: to, marked: null, open: NOW, leaseUntil: NOW + LEASE });

/** Runs `act` with the reply to its first write dropped; fails unless the write was sent once more at least. */
async function withLostReply<T>(act: () => Promise<T>, times = 1): Promise<T> {
  let writes = 0;
  const remove = table.proxy.interceptors.add((call) => {
    if (call.operation !== 'PutItem' && call.operation !== 'UpdateItem') return undefined;
    writes++;
    const verdict = writes <= times ? 'drop' : 'pass';
    return { after: () => verdict };
  });
  try {
    return await act();
  } finally {
    remove();
    expect(writes).toBeGreaterThan(1);
  }
}

async function acquire(owner: string, now = NOW) {
  const result = await table.store.acquire(source, 0, owner, now, LEASE);
  if (!('lease' in result)) throw new Error('not acquired');
  return result.lease;
}

describe('a lost reply', () => {
  it('to acquire: the lease is ours, with the epoch that stands', async () => {
    const lease = await withLostReply(() => acquire('a'));
    expect(lease.item).toMatchObject({ owner: 'a', epoch: 2 });
    expect(await table.store.partition(source, 0)).toEqual(lease.item);
    expect(await table.store.commit(lease, commitOf())).not.toBeNull();
  });

  it('to reconcile', async () => {
    const lease = await acquire('a');
    const after = await withLostReply(() => table.store.reconcile(lease, reconcileTo(P1)));
    expect(after?.item).toMatchObject({ position: P1, open: NOW, epoch: 1 });
  });

  it('to commit', async () => {
    const lease = await acquire('a');
    const after = await withLostReply(() => table.store.commit(lease, commitOf()));
    expect(after?.item).toMatchObject({ position: P1, epoch: 1 });
    expect(await table.store.commit(after!, commitOf(P2))).not.toBeNull();
  });

  it('to release', async () => {
    const lease = await acquire('a');
    const change = { closeOpen: true, failed: null, failures: 0, state: 'active' as const };
    await withLostReply(() => table.store.release(lease, change));
    expect((await acquire('b')).item).toMatchObject({ owner: 'b', epoch: 2 });
  });

  it('to a window, a layout, a query id, meta: written by us, and known to be', async () => {
    expect(await withLostReply(() => table.store.putWindow(source, window(1)))).toBe(true);
    expect(await withLostReply(() => table.store.putLayout(source, layout(1)))).toBe(true);
    expect(await withLostReply(() => table.store.requery(source, 1, 'query-1', 'again', 'at'))).toBe(true);
    const meta = await withLostReply(() => table.store.updateMeta(source, { finishedThrough: 1, clusterId: 'c' }));
    expect(meta).toMatchObject({ finishedThrough: 1, clusterId: 'c' });
  });
});

describe('a commit whose replies are all lost', () => {
  it('is an error; the next reconcile finds it done and does not go back', async () => {
    const lease = await acquire('a');
    const failed = withLostReply(() => table.store.commit(lease, commitOf(P2)), Infinity);
    await expect(failed).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    const after = await table.store.reconcile(lease, reconcileTo(P1));
    expect(after?.item.position).toEqual(P2);
  });
});

describe('a repetition that arrives late', () => {
  it('changes nothing after the next commit, nor after the release', async () => {
    const lease = await acquire('a');
    const requests: { headers: Record<string, string>; body: string }[] = [];
    const remove = table.proxy.interceptors.add((call) => {
      if (call.operation !== 'UpdateItem') return undefined;
      requests.push({ headers: late, body: JSON.stringify(call.input) });
      return undefined;
    });
    const opened = (await table.store.reconcile(lease, reconcileTo(null)))!;
    const first = (await table.store.commit(opened, commitOf(P1)))!;
    await table.store.commit(first, commitOf(P2));
    const standing = await table.store.partition(source, 0);
    const repeat = async () => {
      const replies = await Promise.all(
        requests.slice(0, 2).map(({ headers, body }) => fetch(table.proxy.url, { method: 'POST', headers, body })),
      );
      expect(replies.map((reply) => reply.status)).toEqual([400, 400]);
    };
    remove();
    await repeat();
    expect(await table.store.partition(source, 0)).toEqual(standing);
    await table.store.release(first, { closeOpen: true, failed: null, failures: 0, state: 'active' });
    await repeat();
    expect(await table.store.partition(source, 0)).toMatchObject({ owner: null, open: null, position: P2 });
  });

  const late = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.UpdateItem',
    'x-amz-date': '20260101T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x',
  };
});

describe('a table that is not there', () => {
  it.each([
    { what: 'by name', name: 'missing' },
    { what: 'nor its service', name: 'missing', endpoint: 'http://127.0.0.1:9' },
  ])('is STORE_UNREACHABLE ($what)', async ({ name, endpoint = table.proxy.url }) => {
    const store = createCheckpoints({ table: { name, endpoint, region: 'us-east-1' } });
    const unreachable = expect.objectContaining({ code: 'STORE_UNREACHABLE' }) as SnowmeltError;
    await expect(store.look(source)).rejects.toThrow(unreachable);
    await expect(store.acquire(source, 0, 'a', NOW, LEASE)).rejects.toThrow(unreachable);
  });
});
