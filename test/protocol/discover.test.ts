/** Patterns: what a look at a schema makes of the tables that it finds. */
import { beforeEach, describe, expect, test } from 'vitest';
import { discover, tellPattern, type PatternPlan } from '../../lambdas/protocol/discover.ts';
import type { Members } from '../../lambdas/protocol/ports/checkpoints.ts';
import type { Telemetry } from '../../lambdas/protocol/ports/effects.ts';
import type { Catalog, ListedTable } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Listing, Member } from '../../lambdas/protocol/ports/state.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { finish } from '../../lambdas/protocol/plan.ts';
import { MemoryTelemetry, TestClock } from './ports/effects.ts';
import { drain, fold, MINUTE, source, world } from './world.ts';

class MemoryMembers implements Members {
  readonly members = new Map<string, Member>();
  newest: Listing | null = null;
  async all() {
    return structuredClone([...this.members.values()].sort((a, b) => a.since - b.since));
  }
  async one(_pattern: string, table: string) {
    return structuredClone(this.members.get(table) ?? null);
  }
  async put(_pattern: string, member: Member, before: Member | null) {
    if (JSON.stringify(this.members.get(member.table) ?? null) !== JSON.stringify(before)) return false;
    this.members.set(member.table, structuredClone(member));
    return true;
  }
  async remove(_pattern: string, table: string) {
    this.members.delete(table);
  }
  async listing() {
    return structuredClone(this.newest);
  }
  async note(_pattern: string, listing: Listing) {
    this.newest = structuredClone(listing);
  }
}

const DAY = 86_400_000;
const pattern: PatternPlan = {
  name: 'p',
  deployment: 1,
  schema: { database: 'DB', schema: 'S' },
  key: null,
  maxTables: 10,
  listMs: 5 * MINUTE,
  picks: (table) => !table.endsWith('_TMP'),
  topicOf: (table) => `p.${table.toLowerCase()}`,
  isTopicName: (topic) => /^[a-z0-9._]+$/.test(topic),
  fold: (topic) => topic.replaceAll('.', '_'),
  taken: new Map([['p_own', 'source own']]),
};

let clock: TestClock;
let telemetry: MemoryTelemetry;
let members: MemoryMembers;
let shown: ListedTable[];
let keys = new Map<string, string[]>();
let asked: string[];
beforeEach(() => {
  clock = new TestClock();
  telemetry = new MemoryTelemetry();
  members = new MemoryMembers();
  shown = [];
  keys = new Map();
  asked = [];
});

const catalog: Catalog = {
  async tables() {
    asked.push('tables');
    return structuredClone(shown);
  },
  async primaryKeys() {
    asked.push('keys');
    return keys;
  },
};

function table(name: string, facts: Partial<ListedTable> & { key?: string[] } = {}): ListedTable {
  const { key = ['ID'], ...rest } = facts;
  if (key.length > 0) keys.set(name, key);
  return { name, createdOn: 'c1', tracking: true, retentionMs: DAY, ...rest };
}

/** A look after the interval is over. */
async function look(change: Partial<PatternPlan> = {}): Promise<void> {
  clock.time += 5 * MINUTE;
  await discover({ catalog, members, telemetry, clock }, { ...pattern, ...change });
}

const topics = () => Object.fromEntries([...members.members].map(([name, { topic }]) => [name, topic]));
const refusals = () => members.newest!.refused.map(({ table: name, code }) => `${name} ${code}`);
const codes = () => telemetry.errors.map((error) => (error as SnowmeltError).code);

test('tables that fit are found with key and topic, others are not; new ones by the next look', async () => {
  shown = [table('ORDERS', { key: ['B', 'A'] }), table('ORDERS_TMP')];
  await look();
  const since = clock.time;
  expect([...members.members.values()]).toEqual([
    { table: 'ORDERS', createdOn: 'c1', key: ['B', 'A'], topic: 'p.orders', since, goneAt: null },
  ]);
  shown.push(table('ITEMS'));
  await look();
  expect(topics()).toEqual({ ORDERS: 'p.orders', ITEMS: 'p.items' });
  expect(members.members.get('ORDERS')!.since).toBe(since);
  expect(codes()).toEqual([]);
});

test('a look is one statement, and one more where a table is new; and no more often than it should be', async () => {
  shown = [table('ORDERS')];
  await look();
  expect(asked).toEqual(['tables', 'keys']);
  await look();
  expect(asked).toEqual(['tables', 'keys', 'tables']);
  clock.time -= 1;
  await discover({ catalog, members, telemetry, clock }, pattern);
  expect(asked).toHaveLength(3);
  // A new deployment looks at once; the one before leaves it to that.
  await discover({ catalog, members, telemetry, clock }, { ...pattern, deployment: 2 });
  expect(asked).toHaveLength(4);
  await look();
  expect(asked).toHaveLength(4);
});

test('columns that every table has need no statement for keys', async () => {
  shown = [table('ORDERS', { key: [] })];
  await look({ key: ['ID'] });
  expect(asked).toEqual(['tables']);
  expect(members.members.get('ORDERS')!.key).toEqual([]);
});

test('where the pattern goes by primary keys only later, they are asked for then', async () => {
  shown = [table('ORDERS', { key: [] }), table('ITEMS', { key: ['A'] })];
  await look({ key: ['ID'] });
  await look({ deployment: 2 });
  expect([...members.members.values()].map(({ key }) => key)).toEqual([[], ['A']]);
  expect(refusals()).toEqual(['ORDERS KEY_INVALID']);
});

describe('tables that can not be sources are refused, each with its code, and the others go on', () => {
  test.each([
    [table('ORDERS', { tracking: false }), 'TRACKING_OFF'],
    [table('ORDERS', { retentionMs: 0 }), 'RETENTION_ZERO'],
    [table('Straße'), 'TOPIC_NAME_UNFIT'],
    [table('OWN'), 'TOPIC_NAME_UNFIT'],
  ])('%j', async (unfit, code) => {
    shown = [unfit, table('ITEMS')];
    await look();
    expect(topics()).toEqual({ ITEMS: 'p.items' });
    expect(refusals()).toEqual([`${unfit.name} ${code}`]);
    // Told once, not with each look.
    await look();
    expect(codes()).toEqual([code]);
    shown = [table('ITEMS')];
    await look();
    expect(refusals()).toEqual([]);
  });

  test('without a primary key', async () => {
    shown = [table('LOG', { key: [] })];
    await look();
    expect(refusals()).toEqual(['LOG KEY_INVALID']);
    keys.set('LOG', ['AT']);
    await look();
    expect(topics()).toEqual({ LOG: 'p.log' });
  });

  test('two of one topic: whoever was there first keeps it', async () => {
    shown = [table('ORDERS'), table('orders'), table('A.B'), table('A_B')];
    await look();
    expect(topics()).toEqual({ ORDERS: 'p.orders', 'A.B': 'p.a.b' });
    expect(refusals()).toEqual(['orders TOPIC_NAME_UNFIT', 'A_B TOPIC_NAME_UNFIT']);
    expect(members.newest!.refused[0]!.message).toBe(
      'Table orders: topic p.orders is, or counts as, that of table ORDERS.',
    );
    // Also while it is gone.
    shown = [table('orders')];
    await look();
    expect(topics()).toEqual({ ORDERS: 'p.orders', 'A.B': 'p.a.b' });
  });

  test('a topic that the file gives to another later: the table is a source no more', async () => {
    shown = [table('ORDERS')];
    await look();
    await look({ deployment: 2, taken: new Map([['p_orders', 'source orders']]) });
    expect(refusals()).toEqual(['ORDERS TOPIC_NAME_UNFIT']);
  });
});

test('a topic keeps the name that it was found with', async () => {
  shown = [table('ORDERS')];
  await look();
  shown.push(table('ITEMS'));
  await look({ topicOf: (name) => `q.${name.toLowerCase()}` });
  expect(topics()).toEqual({ ORDERS: 'p.orders', ITEMS: 'q.items' });
});

test('too many: no new one is taken, those that are there go on, and it is told', async () => {
  shown = [table('A')];
  await look({ maxTables: 2 });
  shown.push(table('B'), table('C'));
  await look({ maxTables: 2 });
  expect(topics()).toEqual({ A: 'p.a' });
  expect(members.newest).toMatchObject({ tables: 3, error: { code: 'PATTERN_TOO_LARGE' } });
  expect(codes()).toEqual(['PATTERN_TOO_LARGE']);
  await look({ maxTables: 3 });
  expect(topics()).toEqual({ A: 'p.a', B: 'p.b', C: 'p.c' });
});

test('a table that is gone is told of once, kept for a day, and goes on where it comes back', async () => {
  shown = [table('ORDERS')];
  await look();
  const found = members.members.get('ORDERS')!;
  shown = [];
  await look();
  await look();
  expect(members.members.get('ORDERS')).toEqual({ ...found, goneAt: clock.time - 5 * MINUTE });
  shown = [table('ORDERS', { createdOn: 'c2', key: ['OTHER'] })];
  await look();
  expect(members.members.get('ORDERS')).toEqual({ ...found, createdOn: 'c2', key: ['OTHER'] });
  expect(telemetry.messages.map((text) => text.replace(/:.*/, ''))).toEqual([
    'a table was found',
    'a table is gone',
    'a table is back',
  ]);
  shown = [];
  await look();
  clock.time += DAY;
  await look();
  expect(members.members.size).toBe(0);
  expect(codes()).toEqual([]);
});

test('a look that fails changes nothing, is told, and does not end the tick', async () => {
  shown = [table('ORDERS')];
  await look();
  const failing: Catalog = {
    ...catalog,
    tables: () => Promise.reject(new SnowmeltError('OBJECT_MISSING', 'no such schema')),
  };
  clock.time += 5 * MINUTE;
  await discover({ catalog: failing, members, telemetry, clock }, pattern);
  expect(topics()).toEqual({ ORDERS: 'p.orders' });
  expect(members.members.get('ORDERS')!.goneAt).toBeNull();
  expect(members.newest).toMatchObject({ error: { code: 'OBJECT_MISSING' }, tables: 1 });
  members.all = () => Promise.reject(new SnowmeltError('STORE_UNREACHABLE', 'no table'));
  await look();
  expect(codes()).toEqual(['OBJECT_MISSING', 'STORE_UNREACHABLE']);
});

test('planners that look at the same time find a table once', async () => {
  shown = [table('ORDERS')];
  clock.time += 5 * MINUTE;
  const ports = { catalog, members, telemetry, clock };
  await Promise.all([discover(ports, pattern), discover(ports, pattern)]);
  expect(topics()).toEqual({ ORDERS: 'p.orders' });
  expect(codes()).toEqual([]);
});

test('its health is that of a source: something waits for a person, or not', async () => {
  const told: [number, boolean][] = [];
  const gauges: Telemetry = {
    ...{ info: () => undefined, error: () => undefined, count: () => undefined },
    gauge: (_metric, value, { quiet }) => void told.push([value, quiet]),
  };
  tellPattern(gauges, 'p', null);
  shown = [table('ORDERS')];
  await look();
  tellPattern(gauges, 'p', members.newest);
  shown.push(table('LOG', { key: [] }));
  await look();
  tellPattern(gauges, 'p', members.newest);
  expect(told).toEqual([
    [1, false],
    [0, true],
    [1, false],
  ]);
});

/** A window was read, and its partitions called. */
async function begun() {
  const w = world();
  for (const key of ['0', '1', '2', '3']) w.table.commits.push({ at: w.clock.time - 1, key, value: `v${key}` });
  await w.tick();
  w.clock.time += MINUTE;
  await w.tick();
  return w;
}

test('a topic is made before the first record, and never again once there was one', async () => {
  const w = await begun();
  const made: string[] = [];
  w.publishPorts.makeTopic = async (topic, partitions) => {
    made.push(`${topic} ${partitions}`);
    if (made.length === 1) throw new SnowmeltError('KAFKA_UNREACHABLE', 'no broker');
    expect(w.kafka.log).toEqual([]);
  };
  await drain(w);
  expect(made).toEqual(['t 3', 't 3']);
  w.table.commits.push({ at: w.clock.time, key: '1', value: 'w' });
  for (let tick = 0; tick < 2; tick++) {
    w.clock.time += MINUTE;
    await w.tick();
    await drain(w);
  }
  expect(made).toHaveLength(2);
  expect(fold(w)).toEqual(w.table.state(Infinity));
});

test('of a table that is gone what was read is published; nothing is told of it, and nothing read', async () => {
  const w = await begun();
  w.events.calls.splice(0);
  w.snowflake.gates = 0;
  let gauges = 0;
  w.telemetry.gauge = () => void gauges++;
  await finish(w.planPorts, w.planSettings, [{ ...source, gone: true }]);
  await drain(w);
  expect(fold(w)).toEqual(w.table.state(Infinity));
  expect([gauges, w.snowflake.gates]).toEqual([0, 0]);
});
