/** When a stream's window opens, which stage it is, and what the ledger may say. */
import { describe, expect, test } from 'vitest';
import { windowDigest } from '../../lambdas/protocol/digest.ts';
import { nextWindow, type Candidate, type PlanSettings } from '../../lambdas/protocol/next-window.ts';
import type { LedgerEntry, Snowflake } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Meta, SourceState } from '../../lambdas/protocol/ports/state.ts';
import { dropStreams, submitStage } from '../../lambdas/protocol/stream.ts';
import type { Layout, Staged } from '../../lambdas/protocol/window.ts';
import { item, layout as ofTable, stateOf, windowOf } from './fixtures.ts';

const settings: PlanSettings = { safetyLagMs: 30_000, marginMs: 5_000, maxWindowMs: 900_000, maxOpenWindows: 64 };
const staging = { database: 'DB', schema: 'STAGING' };
const own: Layout = { ...ofTable, stream: { managed: false, staging } };
const managed: Layout = { ...ofTable, stream: { managed: true, staging } };
const named = (name: string) => ({ ...staging, name });
const staged = (number: number, name = `S${number}`): Staged => {
  return { table: named(name), base: null, cursor: null, stream: { stream: named('STREAM'), number } };
};
const now = Date.parse('2026-01-01T00:10:00.000Z');

function stateAt(stage: number | null, meta: Partial<Meta> = {}, covered = 'false'): SourceState {
  const state = stateOf([], [item(0)], { incarnation: '0a-1b', finishedThrough: 4, ...meta });
  if (stage === null) return state;
  const head = windowOf(4, [1], { staged: staged(stage), covered, to: '2026-01-01T00:09:59.000Z' });
  return { ...state, head };
}
const sighted = (token: string) => ({ sightings: [{ at: now, token, createdOn: 'created-1' }] });
const next = (state: SourceState, layout: Layout, mode: 'initial' | 'never' = 'initial') =>
  nextWindow(state, layout, now, settings, false, { mode, from: null });

describe('a window opens', () => {
  test('at once when the stream has rows, up to now', () => {
    expect(next(stateAt(3, sighted('false')), own)).toBeNull();
    const to = new Date(now).toISOString();
    expect(next(stateAt(3, sighted('true')), own)).toMatchObject({ number: 5, kind: 'changes', to, covered: 'false' });
  });
  test('when the token of a managed one is not the one that was there before it was consumed', () => {
    expect(next(stateAt(3, sighted('a'), 'a'), managed)).toBeNull();
    expect(next(stateAt(3, sighted('b'), 'a'), managed)).toMatchObject({ kind: 'changes', covered: 'b' });
  });
  test('though the stream is empty, while a stage may have been consumed that has none', () => {
    expect(next(stateAt(3, { ...sighted('false'), consuming: 4 }), own)).toBeNull();
    expect(next(stateAt(3, { ...sighted('false'), consuming: 5 }), own)).toMatchObject({ number: 5 });
  });
  test('first with the rows that there are, of a stream of ours alone', () => {
    expect(next(stateAt(null, sighted('a')), managed)).toMatchObject({ number: 1, kind: 'snapshot', from: null });
    expect(next(stateAt(null, sighted('a')), managed, 'never')).toMatchObject({ kind: 'changes' });
    expect(next(stateAt(null, sighted('false')), own)).toMatchObject({ kind: 'changes' });
    const head = windowOf(4, [1], { kind: 'truncate', createdOn: '', to: '2026-01-01T00:09:00.000Z' });
    const anew = { ...stateAt(null, sighted('true')), head };
    expect(next(anew, own)).toMatchObject({ number: 5, kind: 'changes', from: head.to });
    expect(next(anew, managed, 'never')).toMatchObject({ number: 5, kind: 'snapshot' });
  });
});

/** Submits what comes next; answers what was called, and what is noted. */
async function submit(
  state: SourceState,
  layout: Layout,
  entry: LedgerEntry | null,
  kind: Candidate['kind'] = 'changes',
  began = false,
) {
  const calls: string[] = [];
  const does =
    <T>(name: string, answer: T) =>
    async (): Promise<T> => {
      calls.push(name);
      return answer;
    };
  const columns = [{ name: 'ID', type: 'NUMBER', precision: 38, scale: 0, nullable: true }];
  const facts = { createdOn: 'created-1', tracking: true, retentionMs: 1, columns };
  const port: Partial<Snowflake> = {
    describeStream: does('describe', facts),
    describeStage: does('describe stage', { columns }),
    ledger: does('ledger', entry),
    prepareStage: async ({ turn, initial }) => {
      calls.push(`prepare ${turn.stream.name} ${turn.number}${initial ? ' initial' : ''}`);
      return { began };
    },
    consumption: ({ turn }) => `consume ${turn.number}`,
    statement: ({ staged: of }) => `read ${of!.table.name}`,
    submit: async (statement) => {
      calls.push(statement);
      return 'q';
    },
    columns: (_, table) => table,
  };
  const updateMeta = async (_: string, change: object) => {
    calls.push(`note ${Object.keys(change)[0]}`);
    return state.meta;
  };
  const telemetry = { info: () => undefined, error: () => undefined, count: () => undefined, gauge: () => undefined };
  const ports = {
    snowflake: port as Snowflake,
    checkpoints: { updateMeta } as never,
    clock: { now: () => now, remainingMs: () => 1, pause: async () => undefined },
    telemetry,
  };
  const source = { name: 's', delivery: 'exactly-once' as const, freshnessMs: null, ...layout };
  const bounds = { from: '2026-01-01T00:09:59.000Z', to: '2026-01-01T00:10:00.000Z', covered: 'seen' };
  const candidate: Candidate = { number: 5, kind, layout, ...bounds, request: null, why: 'changed' };
  return { scan: await submitStage(ports, source, state, candidate), calls };
}
const entry = (stage: number, life = '0a-1b', at = '2026-01-01T00:09:59.500Z'): LedgerEntry => {
  return { life, stage, table: 'THERE', at };
};

describe('the next stage', () => {
  test('is consumed after it was noted that it may be', async () => {
    const { scan, calls } = await submit(stateAt(3), own, null);
    expect(calls).toEqual(['describe', 'prepare STREAM 4', 'note consuming', 'consume 4', 'note scan']);
    expect(scan.staged).toMatchObject({ stream: { number: 4 }, made: false });
  });
  test('of a managed stream that begins is the first of a stream of that name alone', async () => {
    const first = stateAt(null, sighted('a'));
    const { calls } = await submit(first, managed, null, 'snapshot');
    expect(calls[1]).toBe('prepare SNOWMELT_0A1B_5 1 initial');
  });
  test('of a managed stream that another made covers no token that was seen since', async () => {
    const first = stateAt(null, sighted('a'));
    expect((await submit(first, managed, null, 'snapshot', true)).scan.covered).toBe('seen');
    expect((await submit(first, managed, null, 'snapshot', false)).scan.covered).toBeNull();
  });
  test('is named by its window, which no later beginning has', async () => {
    const { scan } = await submit(stateAt(3), managed, null);
    expect(scan.staged!.table.name).toMatch(/^SNOWMELT_0A1B_5_/);
  });
  test('is one that was consumed and has no window: nothing else is consumed', async () => {
    const { scan, calls } = await submit(stateAt(3, { consuming: 5 }), own, entry(4));
    expect(calls).toEqual(['ledger', 'describe stage', 'read THERE', 'note scan']);
    expect(scan).toMatchObject({ createdOn: 'created-1', to: '2026-01-01T00:09:59.500Z', staged: { made: true } });
    // Time never runs back, whatever Snowflake's clock does.
    const early = await submit(stateAt(3, { consuming: 5 }), own, entry(4, '0a-1b', '2026-01-01T00:00:00.000Z'));
    expect(early.scan.to).toBe('2026-01-01T00:09:59.000Z');
  });
  test('says nothing of a token that was seen after it may have been consumed', async () => {
    const state = stateAt(3, { consuming: 5 }, 'before');
    expect((await submit(state, managed, entry(4))).scan.covered).toBe('before');
    expect((await submit(stateAt(3), managed, null)).scan.covered).toBe('seen');
  });
  test('is asked for again when it was not consumed', async () => {
    const { calls } = await submit(stateAt(3, { consuming: 5 }), own, entry(3));
    expect(calls).toContain('consume 4');
  });
  test.each([
    ['ahead of the log', entry(5)],
    ['behind the log', entry(2)],
    ['another life’s', entry(4, 'other')],
    ['gone', null],
  ])('is nobody’s guess when the ledger is %s', async (_, found) => {
    await expect(submit(stateAt(3, { consuming: 5 }), own, found)).rejects.toMatchObject({ code: 'STATE_DISAGREES' });
  });
});

test('a managed stream of before is dropped, not one of later', async () => {
  const prefix = 'SNOWMELT_0A1B_';
  const head = windowOf(5, [1], { staged: staged(3) });
  head.staged!.stream!.stream.name = `${prefix}3`;
  const state = { ...stateOf([head], [item(0)], { incarnation: '0a-1b' }), head };
  const dropped: string[] = [];
  const port: Partial<Snowflake> = {
    streams: async () => [`${prefix}1`, `${prefix}3`, `${prefix}6`],
    dropStream: async ({ name }) => void dropped.push(name),
  };
  const telemetry = { info: () => undefined, error: () => undefined, count: () => undefined, gauge: () => undefined };
  await dropStreams({ snowflake: port as Snowflake, telemetry }, 's', state);
  expect(dropped).toEqual([`${prefix}1`]);
});

test('the digest covers the stage', () => {
  const digest = (of: Staged) => windowDigest('life', windowOf(5, [1], { staged: of }));
  expect(
    new Set([digest(staged(1, 'A')), digest(staged(2, 'A')), digest({ ...staged(1, 'A'), stream: undefined! })]).size,
  ).toBe(3);
});
