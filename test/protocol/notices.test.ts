/** What people are told of a source follows from its table: in order, at least once, the same each time. */
import { expect, test } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { pause, resnapshot } from '../../lambdas/protocol/operate.ts';
import type { Notice } from '../../lambdas/protocol/ports/state.ts';
import { recover } from '../../lambdas/protocol/recover.ts';
import { drain, MINUTE, source, world, type World } from './world.ts';

type Listener = { heard: Notice[]; fail: boolean };

/** From now on people are told. */
function listening(w: World): Listener {
  const listener: Listener = { heard: [], fail: false };
  w.planPorts.notices = {
    tell: async (_, notices) => {
      listener.heard.push(...structuredClone(notices));
      if (listener.fail) throw new SnowmeltError('EVENTS_UNREACHABLE', 'no');
    },
  };
  return listener;
}

async function pass(w: World, minutes = 1): Promise<void> {
  for (let i = 0; i < minutes; i++) {
    w.clock.time += MINUTE;
    await w.tick();
    await drain(w);
    await w.finish();
  }
}

function change(w: World): void {
  w.table.commits.push({ at: w.clock.time, key: '1', value: `v${w.clock.time}` });
}

/** What was told, without ids and times; each number once. */
const told = ({ heard }: Listener) =>
  [...new Map(heard.map((notice) => [notice.number, notice])).values()].map(({ id: _, at: __, ...news }) => news);
const entry = (w: World, what: string) => ({
  who: 'ops',
  what,
  why: 'test',
  before: 'a',
  after: 'b',
  at: w.clock.time,
});

test('a first snapshot, what a person did, a snapshot that was asked for', async () => {
  const w = world();
  const listener = listening(w);
  change(w);
  await pass(w, 5);
  expect(told(listener)).toEqual([
    { number: 1, type: 'snapshot-begun', window: 1, rows: 1, request: null },
    { number: 2, type: 'snapshot-done', window: 1, rows: 1, request: null },
  ]);
  const { id } = await resnapshot(w.checkpoints, 's');
  await w.checkpoints.audit('s', entry(w, 'resnapshot'));
  change(w);
  await pass(w, 4);
  expect(told(listener).slice(2)).toEqual([
    { number: 3, type: 'changed', who: 'ops', what: 'resnapshot', why: 'test', before: 'a', after: 'b' },
    { number: 4, type: 'snapshot-begun', window: 2, rows: 1, request: id },
    { number: 5, type: 'snapshot-done', window: 2, rows: 1, request: id },
  ]);
  expect(listener.heard).toHaveLength(5);
});

test('a pause is told while nothing is planned; entries of about the same time each once', async () => {
  const w = world();
  const listener = listening(w);
  change(w);
  await pass(w, 5);
  listener.heard.length = 0;
  await pause(w.checkpoints, 's');
  await w.checkpoints.audit('s', entry(w, 'pause'));
  await pass(w, 2);
  // By a machine whose clock is hours behind.
  await w.checkpoints.audit('s', { ...entry(w, 'resume'), at: w.clock.time - 300 * MINUTE });
  await pass(w, 2);
  expect(told(listener)).toMatchObject([{ what: 'pause' }, { what: 'resume' }]);
});

test('what is not taken is told again, the same with the same ids, and nothing of the source waits for it', async () => {
  const w = world();
  const listener = listening(w);
  listener.fail = true;
  change(w);
  await pass(w, 5);
  const first = listener.heard[0]!;
  expect(listener.heard.length).toBeGreaterThan(1);
  expect(listener.heard.every((notice) => JSON.stringify(notice) === JSON.stringify(first))).toBe(true);
  expect(w.kafka.log).toHaveLength(1);
  const { meta } = w.checkpoints.sources.get('s')!;
  expect(meta).toMatchObject({ finishedThrough: 1, lastError: null });
  expect(new Set(w.telemetry.errors.map((error) => (error as SnowmeltError).code))).toEqual(
    new Set(['EVENTS_UNREACHABLE']),
  );
  listener.fail = false;
  await pass(w, 2);
  expect(told(listener)).toMatchObject([{ type: 'snapshot-begun' }, { type: 'snapshot-done' }]);
  expect(meta.told).toMatchObject({ number: 2, pending: [] });
});

test('of a source that was there before, nothing old is told', async () => {
  const w = world();
  change(w);
  await pass(w, 5);
  await w.checkpoints.audit('s', entry(w, 'pause'));
  const listener = listening(w);
  await pass(w, 2);
  expect(listener.heard).toEqual([]);
  await w.checkpoints.audit('s', entry(w, 'resume'));
  await pass(w, 1);
  expect(told(listener)).toMatchObject([{ number: 1, what: 'resume' }]);
});

test('columns that change are told by name and type', async () => {
  const w = world();
  const listener = listening(w);
  change(w);
  await pass(w, 5);
  listener.heard.length = 0;
  w.snowflake.facts.columns = [{ ...w.snowflake.facts.columns[0]!, nullable: false }];
  change(w);
  await pass(w, 3);
  expect(told(listener)).toEqual([
    { number: 3, type: 'schema-changed', window: 2, changes: ['V: made NOT NULL'], compatible: true },
  ]);
});

test('history that is lost is told once, and that it is healed when what makes up for it is published', async () => {
  const w = world();
  const listener = listening(w);
  change(w);
  await pass(w, 5);
  listener.heard.length = 0;
  w.snowflake.facts.createdOn = 'created-2';
  change(w);
  await pass(w, 3);
  expect(told(listener)).toMatchObject([{ number: 3, type: 'history-lost', window: null }]);
  source.onHistoryLost = 'resnapshot';
  try {
    await pass(w, 8);
  } finally {
    delete source.onHistoryLost;
  }
  expect(told(listener).map(({ type }) => type)).toEqual([
    'history-lost',
    'snapshot-begun',
    'snapshot-done',
    'history-healed',
  ]);
});

test('a source that begins anew by itself tells so with its truncate', async () => {
  const w = world();
  const listener = listening(w);
  source.onHistoryLost = 'resnapshot';
  try {
    change(w);
    await pass(w, 5);
    listener.heard.length = 0;
    w.snowflake.facts.createdOn = 'created-2';
    change(w);
    await pass(w, 8);
  } finally {
    delete source.onHistoryLost;
  }
  expect(told(listener)).toMatchObject([
    { type: 'history-lost', window: 2 },
    { type: 'snapshot-begun', window: 3 },
    { type: 'snapshot-done', window: 3 },
    { type: 'history-healed' },
  ]);
});

test('a new life that somebody asked for is not told as published by all', async () => {
  const w = world();
  const listener = listening(w);
  change(w);
  await pass(w, 5);
  await resnapshot(w.checkpoints, 's');
  w.clock.time += MINUTE;
  await w.tick(); // its snapshot is not published
  listener.heard.length = 0;
  await recover(
    { checkpoints: w.checkpoints, kafka: w.kafka, clock: w.clock },
    { leaseMs: MINUTE, offsetsRetentionMs: 7 * 1440 * MINUTE },
    source,
    'anew',
  );
  change(w);
  await pass(w, 8);
  expect(told(listener).map((news) => [news.type, 'window' in news ? news.window : null])).toEqual([
    ['snapshot-begun', 2],
    ['began-anew', 3],
    ['snapshot-begun', 4],
    ['snapshot-done', 4],
  ]);
});
