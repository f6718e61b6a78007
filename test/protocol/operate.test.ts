/** What an operator and recount ask for comes as a window at the head: in order, once, and it folds to the table. */
import { expect, test } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { pause, repairKeys, replay, resend, resnapshot, resume, voidWindow } from '../../lambdas/protocol/operate.ts';
import { inspect, recover } from '../../lambdas/protocol/recover.ts';
import { drain, fold, MINUTE, source, world, type World } from './world.ts';

const settings = { leaseMs: 60_000, offsetsRetentionMs: 7 * 86_400_000 };
const ports = (w: World) => ({ checkpoints: w.checkpoints, kafka: w.kafka, clock: w.clock });
const asked = { kind: 'snapshot' as const, since: null, results: null, voids: null };
const kinds = (w: World) => [...w.checkpoints.sources.get('s')!.windows.values()].map(({ kind }) => kind);
const meta = (w: World) => w.checkpoints.sources.get('s')!.meta;

/** Ten keys, and a change of one in each tick. */
async function running(): Promise<World> {
  const w = world();
  for (let key = 0; key < 10; key++) w.table.commits.push({ at: w.clock.time - 1, key: String(key), value: `v${key}` });
  for (let tick = 0; tick < 6; tick++) {
    w.table.commits.push({ at: w.clock.time + 7, key: String(tick), value: `t${tick}` });
    await pass(w, 1);
  }
  return w;
}

async function pass(w: World, ticks: number): Promise<void> {
  for (let tick = 0; tick < ticks; tick++) {
    await w.tick();
    await drain(w);
    w.clock.time += MINUTE;
  }
}

/** The table as consumers have it once everything was published. */
async function expectTable(w: World): Promise<void> {
  await pass(w, 3);
  expect(Object.fromEntries(fold(w))).toEqual(Object.fromEntries(w.table.state(Infinity)));
  expect(w.telemetry.errors).toEqual([]);
}

test('a replay sends each key that changed since, as it is at the head, and time does not advance for it', async () => {
  const w = await running();
  const before = w.kafka.log.length;
  const head = [...w.checkpoints.sources.get('s')!.windows.values()].at(-1)!;
  await replay(w.checkpoints, 's', 2);
  await expect(replay(w.checkpoints, 's', 2)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  await expectTable(w);
  const repair = [...w.checkpoints.sources.get('s')!.windows.values()].find(({ kind }) => kind === 'repair')!;
  expect(repair.to >= head.to && repair.to === repair.from).toBe(true);
  const sent = w.kafka.log.slice(before).filter(({ value }) => value?.split('|')[3]!.startsWith(`${repair.number}:`));
  // A DELETE and an INSERT a key: told as what is there now.
  expect(new Set(sent.map(({ key }) => key)).size).toBe(sent.length);
  expect(sent.length).toBeGreaterThan(3);
  expect(sent.every(({ value }) => value!.startsWith('r||'))).toBe(true);
  expect(meta(w).request).toBeNull();
});

test('a replay from before the retention is dropped, and the log goes on', async () => {
  const w = await running();
  const { scan } = w.snowflake;
  w.snowflake.scan = (kind, from, to) => {
    if (kind === 'repair') throw new SnowmeltError('HISTORY_LOST', 'too old');
    return scan(kind, from, to);
  };
  await replay(w.checkpoints, 's', 2);
  await pass(w, 2);
  expect(w.telemetry.errors).toMatchObject([{ code: 'OPERATION_REFUSED' }]);
  expect(meta(w).request).toBeNull();
  w.telemetry.errors.length = 0;
  w.table.commits.push({ at: w.clock.time + 7, key: '3', value: 'on' });
  await expectTable(w);
});

test('a new snapshot sends every row once more', async () => {
  const w = await running();
  await resnapshot(w.checkpoints, 's');
  await expectTable(w);
  expect(kinds(w).filter((kind) => kind === 'snapshot')).toHaveLength(2);
});

const recordsOf = (w: World, number: number) =>
  w.kafka.log.filter(({ value }) => value?.split('|')[3]!.startsWith(`${number}:`));
const lastOf = (w: World) => [...w.checkpoints.sources.get('s')!.windows.values()].at(-1)!;

test('listed keys are sent as they are at the head, once each; one that is gone is a delete', async () => {
  const w = await running();
  const { to } = lastOf(w);
  const queryId = await w.snowflake.submitKeys([['3'], ['3'], ['77'], ['8']]);
  await repairKeys(w.checkpoints, 's', { queryId, layout: 1 });
  w.table.commits.push({ at: w.clock.time + 7, key: '8', value: 'newer' });
  await pass(w, 1);
  const repair = lastOf(w);
  expect(repair).toMatchObject({ kind: 'repair', from: to, to, totalRows: 3 });
  const sent = recordsOf(w, repair.number);
  expect(sent.map(({ value }) => value!.split('|').slice(0, 3))).toEqual(
    expect.arrayContaining([
      ['r', '', w.table.state(Date.parse(to)).get('3')!],
      ['d', '', ''],
      ['r', '', w.table.state(Date.parse(to)).get('8')!],
    ]),
  );
  expect(sent.map(({ key }) => key).sort()).toEqual(['3', '77', '8']);
  await expectTable(w);
});

test.each<[string, (w: World) => { queryId: string; layout: number }]>([
  ['longer ago than a result lives', () => ({ queryId: 'none', layout: 1 })],
  [
    'under another layout',
    (w) => {
      const { layouts } = w.checkpoints.sources.get('s')!;
      layouts.set(2, { ...layouts.get(1)!, number: 2 });
      return { queryId: 'any', layout: 1 };
    },
  ],
])('keys that were listed %s are dropped, and the log goes on', async (_, keys) => {
  const w = await running();
  await repairKeys(w.checkpoints, 's', keys(w));
  await pass(w, 1);
  expect(w.telemetry.errors).toMatchObject([{ code: 'OPERATION_REFUSED' }]);
  expect(meta(w).request).toBeNull();
  expect(kinds(w)).not.toContain('repair');
  w.telemetry.errors.length = 0;
  await expectTable(w);
});

test('rows for which a condition holds are sent again, and nothing is said of the others', async () => {
  const w = await running();
  w.snowflake.where = ([value]) => value!.startsWith('t');
  await resend(w.checkpoints, 's', 'V LIKE ...');
  await pass(w, 1);
  const repair = lastOf(w);
  const some = [...w.table.state(Date.parse(repair.to)).values()].filter((value) => value.startsWith('t'));
  expect(recordsOf(w, repair.number).map(({ value }) => value!.split('|')[2])).toEqual(expect.arrayContaining(some));
  expect(recordsOf(w, repair.number)).toHaveLength(some.length);
  await expectTable(w);
});

test('a condition that Snowflake fails at is dropped, and the log goes on', async () => {
  const w = await running();
  w.snowflake.where = () => {
    throw new SnowmeltError('SNOWFLAKE_STATEMENT', 'Division by zero');
  };
  await resend(w.checkpoints, 's', '1 / 0 = 1');
  await pass(w, 1);
  expect(w.telemetry.errors).toMatchObject([{ code: 'OPERATION_REFUSED' }]);
  expect(meta(w).request).toBeNull();
  w.telemetry.errors.length = 0;
  await expectTable(w);
});

test('a request is answered once, also when its planner vanishes before it is taken out', async () => {
  const w = await running();
  await resnapshot(w.checkpoints, 's');
  let vanish = true;
  w.checkpoints.fault = (call, when) => {
    if (call !== 'settle' || when !== 'before' || !vanish) return;
    vanish = false;
    throw new Error('gone');
  };
  await pass(w, 1);
  expect(meta(w).request).not.toBeNull();
  w.telemetry.errors.length = 0;
  await expectTable(w);
  expect(kinds(w).filter((kind) => kind === 'snapshot')).toHaveLength(2);
  expect(meta(w).request).toBeNull();
});

test('a planner that looked before the request came does not hide its answer behind an ordinary window', async () => {
  const w = await running();
  const look = w.checkpoints.look.bind(w.checkpoints);
  const stale = structuredClone(meta(w));
  await resnapshot(w.checkpoints, 's');
  await w.tick();
  meta(w).request = { id: [...w.checkpoints.sources.get('s')!.windows.values()].at(-1)!.request!, ...asked };
  w.table.commits.push({ at: w.clock.time + 7, key: '5', value: 'o' });
  w.clock.time += MINUTE;
  // `meta` from before the request, the log from after its answer.
  w.checkpoints.look = async (source) => {
    const state = await look(source);
    return state === null ? null : { ...state, meta: { ...state.meta, request: stale.request } };
  };
  await w.tick();
  w.checkpoints.look = look;
  expect(meta(w).request).toBeNull();
  await expectTable(w);
  expect(kinds(w).filter((kind) => kind === 'snapshot')).toHaveLength(2);
});

test('a window that is given up: what it held is sent first, then it is void', async () => {
  const w = await running();
  w.table.commits.push({ at: w.clock.time + 7, key: '3', value: null }, { at: w.clock.time + 8, key: '4', value: 'x' });
  w.clock.time += MINUTE;
  await w.tick();
  const number = await w.checkpoints.headNumber('s');
  await expect(voidWindow(w.checkpoints, 's', number - 1)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  await voidWindow(w.checkpoints, 's', number);
  expect(w.checkpoints.sources.get('s')!.windows.get(number)!.void).toBe(false);
  w.events.calls.length = 0;
  await w.tick();
  expect(w.checkpoints.sources.get('s')!.windows.get(number)!.void).toBe(true);
  await expectTable(w);
  const window = w.kafka.log.filter(({ value }) => value?.split('|')[3]!.startsWith(`${number}:`));
  expect(window).toEqual([]);
});

test('a repair that is given up becomes another one, since where it began', async () => {
  const w = await running();
  const head = await w.checkpoints.headNumber('s');
  await replay(w.checkpoints, 's', 2);
  await w.tick();
  await voidWindow(w.checkpoints, 's', head + 1);
  w.events.calls.length = 0;
  w.clock.time += MINUTE;
  await w.tick();
  const { windows } = w.checkpoints.sources.get('s')!;
  expect(windows.get(head + 1)).toMatchObject({ kind: 'repair', void: true });
  expect(windows.get(head + 2)).toMatchObject({ kind: 'repair', void: false, since: windows.get(2)!.from });
  await expectTable(w);
  const sent = (number: number) => w.kafka.log.filter(({ value }) => value?.split('|')[3]!.startsWith(`${number}:`));
  expect([sent(head + 1).length, sent(head + 2).length > 0]).toEqual([0, true]);
});

test('a paused source opens no window and is not called; resumed, it goes on', async () => {
  const w = await running();
  await pause(w.checkpoints, 's');
  const windows = await w.checkpoints.headNumber('s');
  w.table.commits.push({ at: w.clock.time + 7, key: '5', value: 'p' });
  await pass(w, 3);
  expect(await w.checkpoints.headNumber('s')).toBe(windows);
  await resume(w.checkpoints, 's');
  await expectTable(w);
});

test('late commits: the keys that differ are sent again, deletes included, and nothing older overwrites', async () => {
  const w = await running();
  const to = Date.parse([...w.checkpoints.sources.get('s')!.windows.values()].at(-1)!.to);
  // Seen only now, though committed within a window that was read long ago.
  w.table.commits.push({ at: to - 2, key: '7', value: null }, { at: to - 1, key: '30', value: 'late' });
  w.table.commits.sort((a, b) => a.at - b.at);
  w.table.commits.push({ at: w.clock.time + 7, key: '8', value: 'newer' });
  await pass(w, 2);
  await w.recount();
  expect(meta(w).request).toBeNull();
  w.clock.time += 20 * MINUTE;
  await w.recount();
  expect(meta(w).request).toMatchObject({ kind: 'repair' });
  await expectTable(w);
  w.clock.time += 20 * MINUTE;
  await w.recount();
  expect(meta(w).recountedThrough).toBe(meta(w).finishedThrough);
  expect(meta(w).request).toBeNull();
});

test('a table restored to an earlier time: it stops, and begins anew as the command says', async () => {
  const w = await running();
  const old = structuredClone(w.checkpoints.sources.get('s')!);
  for (let tick = 0; tick < 4; tick++) {
    w.table.commits.push({ at: w.clock.time + 7, key: String(tick), value: tick === 2 ? null : `n${tick}` });
    await pass(w, 1);
  }
  await pass(w, 2);
  w.checkpoints.sources.set('s', old);
  w.table.commits.push({ at: w.clock.time + 7, key: '9', value: 'after' });
  await pass(w, 3);
  expect(w.telemetry.errors.map((error) => (error as Error & { code: string }).code)).toContain('STATE_DISAGREES');
  const found = await inspect(ports(w), settings, source);
  expect(found.ways).toEqual(['anew']);
  await expect(recover(ports(w), settings, source, 'store')).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  await recover(ports(w), settings, source, 'anew');
  w.telemetry.errors.length = 0;
  await expectTable(w);
  expect((await inspect(ports(w), settings, source)).ways).toEqual([]);
});

test('the marker is gone: the table is right, and the source goes on from it', async () => {
  const w = await running();
  await pass(w, 2);
  for (const lane of w.kafka.lanes.values()) lane.marker = null;
  w.table.commits.push(
    { at: w.clock.time + 7, key: '9', value: 'after' },
    { at: w.clock.time + 8, key: '2', value: 'x' },
  );
  await pass(w, 3);
  expect(w.telemetry.errors.map((error) => (error as Error & { code: string }).code)).toContain('MARKER_EXPIRED');
  expect((await inspect(ports(w), settings, source)).ways).toEqual(['store', 'anew']);
  await recover(ports(w), settings, source, 'store');
  w.telemetry.errors.length = 0;
  const before = w.kafka.log.length;
  await expectTable(w);
  expect(w.kafka.log.length - before).toBe(2);
});

test('Kafka went back to an older marker: what changed since is sent again', async () => {
  const w = await running();
  const lost = new Map([...w.kafka.lanes].map(([name, lane]) => [name, structuredClone(lane.marker)]));
  for (let tick = 0; tick < 3; tick++) {
    for (const key of ['0', '1']) w.table.commits.push({ at: w.clock.time + 7, key, value: `n${key}${tick}` });
    await pass(w, 1);
  }
  await pass(w, 2);
  for (const [name, lane] of w.kafka.lanes) lane.marker = lost.get(name)!;
  for (const key of ['0', '1']) w.table.commits.push({ at: w.clock.time + 7, key, value: `after${key}` });
  await pass(w, 3);
  expect(w.telemetry.errors.map((error) => (error as Error & { code: string }).code)).toContain('KAFKA_LOST_DATA');
  expect((await inspect(ports(w), settings, source)).ways).toEqual(['marker', 'anew']);
  await recover(ports(w), settings, source, 'marker');
  w.telemetry.errors.length = 0;
  await expectTable(w);
  expect(kinds(w)).toContain('repair');
});

test('a query source has no changes to replay, and its copies do not change', async () => {
  const w = await running();
  const { windows } = w.checkpoints.sources.get('s')!;
  const table = { database: 'DB', schema: 'S', name: 'C' };
  const [number, head] = [...windows].at(-1)!;
  windows.set(number, { ...head, kind: 'changes', totalRows: 1, staged: { table, base: null, cursor: null } });
  windows.get(number)!.ranges = [{ partition: 0, start: 0, rows: 1, hash: '' }];
  meta(w).finishedThrough = head.number - 1;
  await expect(replay(w.checkpoints, 's', 1)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  await expect(voidWindow(w.checkpoints, 's', head.number)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  expect(meta(w).request).toBeNull();
  await resnapshot(w.checkpoints, 's');
  expect(meta(w).request).toMatchObject({ kind: 'snapshot' });
});
