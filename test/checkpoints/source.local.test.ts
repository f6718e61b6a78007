import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SnowmeltError } from '../../lambdas/errors.ts';
import { layout, META, startTable, window, type TestTable } from './table.ts';

let table: TestTable;
let source: string;
let number = 0;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.close());
beforeEach(() => {
  source = `orders-${++number}`;
});

const code = (expected: string) => expect.objectContaining({ code: expected }) as SnowmeltError;
const pk = () => ({ pk: { S: `source#${source}` } });

describe('meta', () => {
  it('is null before it is made, and the first one made wins', async () => {
    expect(await table.store.look(source)).toBeNull();
    await table.store.create(source, META);
    await table.store.create(source, { ...META, incarnation: 'another' });
    const state = await table.store.look(source);
    expect(state).toEqual({ meta: META, head: null, layouts: new Map(), windows: [], partitions: [] });
  });

  it('is updated attribute by attribute, so that two writers do not undo each other', async () => {
    await table.store.create(source, META);
    const scan = {
      number: 1,
      kind: 'snapshot' as const,
      layout: 1,
      from: null,
      to: '2026-01-01T00:00:00.000Z',
      covered: null,
      createdOn: 'c',
      columns: [],
      statement: 'SELECT 1',
      queryId: 'q',
      request: null,
      submittedAt: 5,
    };
    const lastError = { code: 'OBJECT_MISSING', message: 'gone', at: 7 };
    await Promise.all([
      table.store.updateMeta(source, { scan, retentionMs: 86_400_000 }),
      table.store.updateMeta(source, { paused: true, lastError }),
      table.store.updateMeta(source, { sightings: [] }),
    ]);
    const changed = { ...META, scan, retentionMs: 86_400_000, paused: true, lastError, sightings: [] };
    expect(await table.store.updateMeta(source, {})).toEqual(changed);
    const cleared = await table.store.updateMeta(source, { scan: null, retentionMs: null, lastError: null });
    expect(cleared).toEqual({ ...changed, scan: null, retentionMs: null, lastError: null });
  });

  it('lets finishedThrough only grow, and writes the rest of a change that is behind', async () => {
    await table.store.create(source, META);
    expect(await table.store.updateMeta(source, { finishedThrough: 5 })).toMatchObject({ finishedThrough: 5 });
    expect(await table.store.updateMeta(source, { finishedThrough: 3, paused: true })).toMatchObject({
      finishedThrough: 5,
      paused: true,
    });
  });

  it('lets consuming only grow, and writes the rest of a change that is behind', async () => {
    await table.store.create(source, META);
    expect(await table.store.updateMeta(source, { consuming: 6 })).toMatchObject({ consuming: 6 });
    const behind = { consuming: 5, finishedThrough: 4 };
    expect(await table.store.updateMeta(source, behind)).toMatchObject({ consuming: 6, finishedThrough: 4 });
  });

  it('keeps the cluster id that was written first', async () => {
    await table.store.create(source, META);
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((clusterId) => table.store.updateMeta(source, { clusterId, paused: true })),
    );
    const winners = new Set(answers.map((meta) => meta.clusterId));
    expect(winners.size).toBe(1);
    expect((await table.store.look(source))?.meta).toMatchObject({ clusterId: [...winners][0], paused: true });
  });

  it('is never made by an update', async () => {
    await expect(table.store.updateMeta(source, { paused: true })).rejects.toThrow(code('STATE_DISAGREES'));
    expect(await table.store.look(source)).toBeNull();
  });

  it('of a newer release is neither read nor written', async () => {
    await table.put({ ...pk(), sk: { S: 'meta' }, v: { N: '2' }, paused: { BOOL: false } });
    await expect(table.store.look(source)).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.updateMeta(source, { paused: true })).rejects.toThrow(code('STATE_TOO_NEW'));
  });

  it('that was changed by hand is named', async () => {
    await table.put({ ...pk(), sk: { S: 'meta' }, v: { N: '1' }, incarnation: { S: 'i' }, sightings: { S: '[' } });
    await expect(table.store.look(source)).rejects.toThrow(/source#orders-\d+ meta .*`sightings`/);
  });
});

describe('the log', () => {
  it('gives back what was written, with layouts and partition items', async () => {
    await table.store.create(source, META);
    await table.store.putPartitions(source, 2);
    expect(await table.store.putLayout(source, layout(1, 2))).toBe(true);
    expect(await table.store.putLayout(source, layout(10, 2))).toBe(true);
    expect(await table.store.putWindow(source, window(1))).toBe(true);
    expect(await table.store.putWindow(source, window(2))).toBe(true);
    const state = await table.store.look(source);
    expect(state?.windows).toEqual([window(1), window(2)]);
    expect(state?.head).toEqual(window(2));
    expect([...state!.layouts.values()]).toEqual([layout(1, 2), layout(10, 2)]);
    expect(state?.partitions.map((item) => item.partition)).toEqual([0, 1]);
    expect(await table.store.headNumber(source)).toBe(2);
  });

  it('keeps the first window of a number, and of racing planners one wins', async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4].map((planner) => table.store.putWindow(source, window(1, { queryId: `planner-${planner}` }))),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await table.store.putWindow(source, window(1, { digest: 'other' }))).toBe(false);
    // The same content again is the same window: a planner whose first reply was lost did write it.
    await table.store.create(source, META);
    const standing = (await table.store.look(source))!.windows[0]!;
    expect(await table.store.putWindow(source, standing)).toBe(true);
  });

  it('keeps the first layout of a number', async () => {
    expect(await table.store.putLayout(source, layout(1))).toBe(true);
    expect(await table.store.putLayout(source, { ...layout(1), deployment: 2 })).toBe(false);
    expect(await table.store.putLayout(source, layout(1))).toBe(true);
  });

  it('shows the head when all windows are finished, and only what comes after otherwise', async () => {
    await table.store.create(source, META);
    for (const n of [1, 2, 3]) await table.store.putWindow(source, window(n));
    await table.store.updateMeta(source, { finishedThrough: 2 });
    expect(await table.store.look(source)).toMatchObject({ head: { number: 3 }, windows: [{ number: 3 }] });
    await table.store.updateMeta(source, { finishedThrough: 3 });
    expect(await table.store.look(source)).toMatchObject({ head: { number: 3 }, windows: [] });
  });

  it.each([
    { what: 'in the middle', there: [1, 3], finished: 0 },
    { what: 'at its start', there: [2, 3], finished: 0 },
    { what: 'after the finished ones', there: [1, 3], finished: 1 },
    { what: 'where the head was', there: [], finished: 4 },
  ])('stops at a gap $what', async ({ there, finished }) => {
    await table.store.create(source, { ...META, finishedThrough: finished });
    for (const n of there) await table.store.putWindow(source, window(n));
    await expect(table.store.look(source)).rejects.toThrow(code('LOG_GAP'));
  });

  it('takes windows that were finished and pruned during a reading for no gap', async () => {
    await table.store.create(source, META);
    for (const n of [1, 2, 3, 4]) await table.store.putWindow(source, window(n));
    let armed = true;
    const remove = table.proxy.interceptors.add((call) => {
      if (call.operation !== 'Query' || !armed) return undefined;
      armed = false;
      const before = async () => {
        await table.store.updateMeta(source, { finishedThrough: 3 });
        await table.store.prune(source, 3, '2027', 10);
        return 'pass' as const;
      };
      return { before };
    });
    const state = await table.store.look(source);
    remove();
    expect(armed).toBe(false);
    expect(state).toMatchObject({ meta: { finishedThrough: 3 }, head: { number: 4 }, windows: [{ number: 4 }] });
  });

  it('reads 200 windows over several pages', async () => {
    await table.store.create(source, META);
    const statement = 'x'.repeat(20_000); // 4 MB in all; a page is 1 MB
    for (let n = 1; n <= 200; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => table.store.putWindow(source, window(n + i, { statement }))),
      );
    }
    let pages = 0;
    const remove = table.proxy.interceptors.add((call) => {
      if (call.input['ExclusiveStartKey'] !== undefined) pages++;
      return undefined;
    });
    const state = await table.store.look(source);
    remove();
    expect(pages).toBeGreaterThanOrEqual(3);
    expect(state?.windows.map((w) => w.number)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(await table.store.headNumber(source)).toBe(200);
  });

  it('refuses a window that no item holds, before it is sent', async () => {
    const wide = window(1, { statement: 'ä'.repeat(205_000) });
    await expect(table.store.putWindow(source, wide)).rejects.toThrow(code('STATE_TOO_LARGE'));
    expect(await table.store.putWindow(source, window(1, { statement: 'x'.repeat(400_000) }))).toBe(true);
  });

  it('of a newer release is not read', async () => {
    await table.store.create(source, META);
    await table.put({ ...pk(), sk: { S: 'window#000000000001' }, v: { N: '2' } });
    await expect(table.store.look(source)).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.voidWindow(source, 1)).rejects.toThrow(code('STATE_TOO_NEW'));
    await expect(table.store.putWindow(source, window(1))).rejects.toThrow(code('STATE_TOO_NEW'));
  });

  it('voids a window, and replaces a query id only for who knows the one that stands', async () => {
    await table.store.create(source, META);
    await table.store.putWindow(source, window(1));
    expect(await table.store.requery(source, 1, 'query-1', 'again', '2026-01-02T00:00:00.000Z')).toBe(true);
    expect(await table.store.requery(source, 1, 'query-1', 'again', '2026-01-02T00:00:00.000Z')).toBe(true);
    expect(await table.store.requery(source, 1, 'query-1', 'other', '2026-01-02T00:00:00.000Z')).toBe(false);
    await table.store.voidWindow(source, 1);
    await table.store.voidWindow(source, 1);
    const changed = window(1, { queryId: 'again', queriedAt: '2026-01-02T00:00:00.000Z', void: true });
    expect((await table.store.look(source))?.windows).toEqual([changed]);
    await expect(table.store.voidWindow(source, 2)).rejects.toThrow(code('LOG_GAP'));
    await expect(table.store.requery(source, 2, 'a', 'b', '')).rejects.toThrow(code('LOG_GAP'));
  });

  it('notes one query that runs a window again, until its result stands', async () => {
    await table.store.create(source, META);
    await table.store.putWindow(source, window(1));
    const [first, second] = [
      { queryId: 'first', at: '2026-01-02T00:00:00.000Z' },
      { queryId: 'second', at: '2026-01-02T00:00:01.000Z' },
    ];
    expect(await table.store.noteRerun(source, 1, null, first)).toEqual(first);
    expect(await table.store.noteRerun(source, 1, null, second)).toEqual(first);
    expect((await table.store.look(source))?.windows).toEqual([window(1, { rerun: first })]);
    expect(await table.store.noteRerun(source, 1, first, second)).toEqual(second);
    expect(await table.store.noteRerun(source, 1, first, null)).toEqual(second);
    expect(await table.store.noteRerun(source, 1, second, null)).toBeNull();
    await table.store.noteRerun(source, 1, null, second);
    await table.store.requery(source, 1, 'query-1', 'second', second.at);
    expect((await table.store.look(source))?.windows).toEqual([window(1, { queryId: 'second', queriedAt: second.at })]);
    await expect(table.store.noteRerun(source, 2, null, first)).rejects.toThrow(code('LOG_GAP'));
  });
});

describe('prune', () => {
  it('deletes old finished windows, oldest first, never the head', async () => {
    await table.store.create(source, META);
    for (const n of [1, 2, 3, 4, 5, 6]) await table.store.putWindow(source, window(n));
    await table.store.updateMeta(source, { finishedThrough: 6 });
    expect(await table.store.prune(source, 4, window(6).to, 2)).toBe(2);
    expect(await table.store.prune(source, 4, window(6).to, 10)).toBe(1); // 3; 4 is not below
    expect(await table.store.prune(source, 6, window(5).to, 10)).toBe(1); // 4; 5 is not old enough
    expect(await table.store.prune(source, 100, '2027', 10)).toBe(1); // 5; 6 is the head
    expect(await table.store.prune(source, 100, '2027', 10)).toBe(0);
    expect(await table.store.look(source)).toMatchObject({ head: { number: 6 }, windows: [] });
  });

  it('of an empty log does nothing', async () => {
    expect(await table.store.prune(source, 10, '2027', 10)).toBe(0);
    expect(await table.store.headNumber(source)).toBe(0);
  });
});

describe('audit', () => {
  it('keeps every entry, also two of the same millisecond', async () => {
    const entry = { who: 'ops', what: 'resume', why: 'fixed', before: 'a', after: 'b', at: Date.UTC(2026, 0, 1) };
    const keys: string[] = [];
    const remove = table.proxy.interceptors.add((call) => {
      const after = () => {
        keys.push(call.sk ?? '');
        return 'pass' as const;
      };
      return call.operation === 'PutItem' ? { after } : undefined;
    });
    await table.store.audit(source, entry);
    await table.store.audit(source, { ...entry, what: 'pause' });
    await table.store.audit(source, entry); // the same again is the same entry
    remove();
    expect([...new Set(keys)]).toEqual(['audit#2026-01-01T00:00:00.000Z', 'audit#2026-01-01T00:00:00.001Z']);
    expect(await table.store.audits(source, entry.at + 1)).toEqual([
      { key: 'audit#2026-01-01T00:00:00.001Z', entry: { ...entry, what: 'pause' } },
    ]);
    expect(await table.store.audits(source, entry.at)).toHaveLength(2);
  });

  it('what people were told of it is noted by one of several, once', async () => {
    await table.store.create(source, META);
    const told = (count: number) => ({
      ...{ number: count, incarnation: 'i', written: count, finished: 0, lostAfter: null, pending: [] },
      changes: { at: 5, keys: ['audit#1'] },
    });
    expect(await table.store.noteTold(source, null, told(1))).toBe(true);
    expect(await table.store.noteTold(source, null, told(2))).toBe(false);
    expect(await table.store.noteTold(source, null, told(1))).toBe(true); // its own repetition
    expect(await table.store.noteTold(source, told(1), told(2))).toBe(true);
    expect((await table.store.look(source))!.meta).toEqual({ ...META, told: told(2) });
  });
});
