import { expect, test } from 'vitest';
import { SnowmeltError, type ErrorCode } from '../../lambdas/errors.ts';
import { health, tellHealth } from '../../lambdas/protocol/health.ts';
import type { SourceState } from '../../lambdas/protocol/ports/state.ts';
import { item, stateOf, windowOf } from './fixtures.ts';
import { world } from './world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (minutes: number) => start + minutes * MINUTE;
const past = { window: 1, row: 5 };

test('a first snapshot under way is not stale, but says how far it is', () => {
  const snapshot = windowOf(1, [10, 30], { kind: 'snapshot', from: null });
  const half = [item(0, { position: { window: 1, row: 10 } }), item(1, { position: { window: 1, row: 10 } })];
  expect(health(stateOf([snapshot], half), at(5))).toMatchObject({ freshnessMs: null, snapshotShare: 0.5 });
});

test('what is unfinished decides how old it is; once all is published, when it was last known to be quiet', () => {
  const [first, second] = [windowOf(1, [5]), windowOf(2, [5])];
  expect(health(stateOf([first, second], [item(0)]), at(10)).freshnessMs).toBe(10 * MINUTE);
  const published: SourceState = { ...stateOf([], [item(0, { position: past })]), head: first };
  expect(health(published, at(10)).freshnessMs).toBe(9 * MINUTE);
  const quiet = { ...published, meta: { ...published.meta, caughtUpAt: at(8) } };
  expect(health(quiet, at(10)).freshnessMs).toBe(2 * MINUTE);
});

test('stalled: rows to send and no progress; not who waits behind a barrier or for an operator', () => {
  const windows = [windowOf(1, [5, 5]), windowOf(2, [5, 5], { kind: 'truncate' })];
  const stalledOf = (...items: SourceState['partitions']) => health(stateOf(windows, items), at(30)).stalledMs;
  expect(stalledOf(item(0), item(1))).toBe(30 * MINUTE);
  expect(stalledOf(item(0, { lastSuccessAt: at(29) }), item(1, { position: past }))).toBe(MINUTE);
  expect(stalledOf(item(0, { state: 'needs-operator' }), item(1, { position: past }))).toBe(0);
});

test('a stopped partition needs somebody, and so does planning that can not go on; a passing error does not', () => {
  const items = [item(0, { state: 'needs-operator' }), item(1)];
  const of = (code: string) =>
    health(stateOf([], items, { lastError: { code, message: '', at: 0 } }), start).needsOperator;
  expect(of('HISTORY_LOST')).toBe(2);
  expect(of('SNOWFLAKE_UNREACHABLE')).toBe(1);
  expect(of('A_CODE_OF_A_NEWER_RELEASE')).toBe(1);
});

test('dead letters wait until somebody has dealt with the last of them', () => {
  const dead = { window: 7, rows: 3, last: 20 };
  const waiting = (...dealtWith: { window: number; row: number }[]) =>
    health(stateOf([], [item(0, { dead, ...(dealtWith[0] && { dealtWith: dealtWith[0] }) }), item(1)]), start)
      .deadLetters;
  expect(waiting()).toBe(1);
  expect(waiting({ window: 7, row: 19 })).toBe(1);
  expect(waiting({ window: 7, row: 20 })).toBe(0);
});

test('what is left of Time Travel and of a result', () => {
  const state = stateOf([windowOf(1, [5])], [item(0)], { retentionMs: 24 * HOUR });
  expect(health(state, start + 18 * HOUR)).toMatchObject({
    historyLeftMs: 6 * HOUR,
    historyShare: 0.25,
    resultLeftMs: 6 * HOUR,
  });
  expect(health({ ...state, windows: [], head: null }, start).historyShare).toBeNull();
});

test('that all is well is told of the deployment alone', () => {
  const told: [string, number, boolean][] = [];
  const telemetry = {
    info: () => undefined,
    error: () => undefined,
    count: () => undefined,
    gauge: (metric: string, value: number, { quiet }: { quiet: boolean }) => void told.push([metric, value, quiet]),
  };
  const source = { name: 's', freshnessMs: 20 * MINUTE };
  const state: SourceState = {
    ...stateOf([], [item(0, { position: past })], { retentionMs: 24 * HOUR }),
    head: windowOf(1, [5]),
  };
  tellHealth(telemetry, source, state, at(11));
  expect(told).toEqual([
    ['NotStarted', 0, true],
    ['FreshnessSeconds', 600, false],
    ['FreshnessPercent', 50, false],
    ['HistoryHeadroom', expect.closeTo(23.8, 1), true],
    ['HistoryHeadroomPercent', expect.closeTo(99.3, 1), true],
    ['StalledSeconds', 0, true],
    ['NeedsOperator', 0, true],
    ['DeadLettersWaiting', 0, true],
  ]);
  told.length = 0;
  tellHealth(telemetry, source, null, at(11));
  expect(told).toEqual([['NotStarted', 1, false]]);
});

test('a pause, of whichever kind, pages nobody for its age, but tells of the history that it costs until that is gone', () => {
  const told: [string, boolean][] = [];
  const telemetry = {
    ...{ info: () => undefined, error: () => undefined, count: () => undefined },
    gauge: (metric: string, _value: number, { quiet }: { quiet: boolean }) => void told.push([metric, quiet]),
  };
  const source = { name: 's', freshnessMs: 20 * MINUTE };
  const items = [item(0, { state: 'needs-operator' }), item(1)];
  const state = stateOf([windowOf(1, [5, 5])], items, { retentionMs: 24 * HOUR });
  const paused = { ...state, meta: { ...state.meta, paused: true } };
  const expected = [
    ['NotStarted', true],
    ['FreshnessSeconds', false],
    ['HistoryHeadroom', false],
    ['HistoryHeadroomPercent', false],
  ];
  tellHealth(telemetry, source, paused, start + 20 * HOUR);
  expect(told.splice(0)).toEqual(expected);
  tellHealth(telemetry, { ...source, paused: true }, state, start + 20 * HOUR);
  expect(told.splice(0)).toEqual(expected);
  tellHealth(telemetry, source, paused, start + 25 * HOUR);
  expect(told.splice(0)).toEqual(expected.slice(0, 2));
  tellHealth(telemetry, { ...source, paused: true }, null, start);
  expect(told).toEqual([]);
});

test('a state that can not be read calls an operator, unless trying again may help', async () => {
  const of = async (code: ErrorCode) => {
    const w = world();
    await w.tick();
    w.checkpoints.fault = (call) => {
      if (call === 'look') throw new SnowmeltError(code, 'm');
    };
    await w.finish();
    return w.telemetry.gauges.get('NeedsOperator');
  };
  expect(await of('LOG_GAP')).toBe(1);
  expect(await of('STORE_UNREACHABLE')).toBeUndefined();
});
