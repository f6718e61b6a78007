/**
 * State of earlier releases: the present code reads it, goes on from it without losing or repeating anything, and leaves what
 * that release reads again, should one go back. State of a later release is left alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../lambdas/checkpoints/budget.ts';
import { layoutItem, metaItem, readLayout, readMeta, readWindow, windowItem } from '../../lambdas/checkpoints/items.ts';
import { formatMarker, parseMarker } from '../../lambdas/kafka/marker.ts';
import { namesFor } from '../../lambdas/kafka/names.ts';
import type { Item } from '../protocol/memory/expressions.ts';
import { check, NO_DEFECTS, standstill } from '../protocol/memory/oracle.ts';
import type { World } from '../protocol/memory/world.ts';
import { type Frozen, keyOf, kindOf, thaw } from './frozen.ts';
import { formsOf, lacks } from './forms.ts';

vi.mock('@aws-sdk/client-dynamodb', () => import('../protocol/memory/dynamodb.ts'));

type InKafka = { group: string; transactionalId: string; marker: { offset: string; metadata: string } };

const releases = readdirSync(import.meta.dirname).filter((name) => /^\d+\.\d+$/.test(name));
const load = <T>(release: string, name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, release, `${name}.json`), 'utf8')) as T;

/** Minutes in which all keeps changing, then as many as it takes until all is published. */
async function goOn(world: World): Promise<void> {
  for (let minute = 0; minute < 3; minute++) {
    for (let key = minute; key < 12; key += 2) world.commit(key);
    world.commit(30 + minute);
    world.commit(13 + minute, true);
    await world.tick();
  }
  for (let ticks = 0; ticks < 8 && (ticks < 2 || (await standstill(world)) !== null); ticks++) await world.tick();
}

async function expectExactlyOnce(world: World, seen: Frozen['seen']): Promise<void> {
  expect(await standstill(world)).toBeNull();
  expect(world.errors).toEqual([]);
  expect(check(world, [...seen, ...world.broker.visible()])).toEqual(NO_DEFECTS);
}

/** The item with an attribute, and in each JSON text a field, that only a later release knows. */
function withMore(item: Item): Item {
  const more = Object.entries(item).map(([name, value]): [string, Item[string]] => {
    return value.S?.startsWith('{') === true
      ? [name, { S: JSON.stringify({ ...(JSON.parse(value.S) as object), later: 'x' }) }]
      : [name, value];
  });
  return { ...Object.fromEntries(more), later: { S: 'x' } };
}

describe.each(releases)('what release %s kept', (release) => {
  const table = load<Frozen>(release, 'table');
  const lives = [table, ...['begun', 'query', 'stream'].map((name) => load<Frozen>(release, name))];
  const items = lives.flatMap((life) => life.items);

  test('is all that there is to keep', () => {
    const kinds = [...new Set(items.map(kindOf))].sort();
    expect(kinds).toEqual(['audit', 'budget', 'layout', 'meta', 'partition', 'window']);
    const windows = items.filter((item) => kindOf(item) === 'window').map(readWindow);
    const kindsOfWindows = new Set(windows.map(({ kind }) => kind));
    expect([...kindsOfWindows].sort()).toEqual(['changes', 'repair', 'schema', 'snapshot', 'truncate']);
    expect(items.filter((item) => item['scan'] !== undefined)).toHaveLength(3);
    expect(items.filter((item) => item['open'] !== undefined).length).toBeGreaterThan(0);
  });

  test('is written again as it was', () => {
    const again = (item: Item): Item | null => {
      if (kindOf(item) === 'meta') return metaItem(readMeta(item));
      if (kindOf(item) === 'layout') return layoutItem(readLayout(item));
      if (kindOf(item) !== 'window') return null;
      const window = readWindow(item);
      return { ...windowItem(window), ...(window.rerun && { rerun: { S: JSON.stringify(window.rerun) } }) };
    };
    for (const item of items) {
      const { pk: _pk, sk: _sk, ...attributes } = item;
      const written = again(item);
      if (written !== null)
        expect({ key: keyOf(item), ...parsed(written) }).toEqual({ key: keyOf(item), ...parsed(attributes) });
    }
  });

  test.each(['begun', 'table'])(
    'is gone on from, exactly once, and what is written then has all that it reads: %s',
    async (name) => {
      const life = load<Frozen>(release, name);
      const world = await thaw(life);
      const windows = world.table.windows.size;
      await goOn(world);
      await expectExactlyOnce(world, life.seen);
      expect(world.table.windows.size).toBeGreaterThan(windows + 1);
      const forms = formsOf(items);
      expect(world.table.all().flatMap((item) => lacks(item, forms))).toEqual([]);
    },
  );

  test('was asked for: it is answered', async () => {
    const world = await thaw(table);
    const windows = world.table.windows.size;
    await goOn(world);
    const later = await world.checkpoints.windows('s', windows + 1, windows + 9);
    expect(later.map(({ request }) => request)).toContain('snapshot-1');
  });

  test('may have more in it, which stays', async () => {
    const world = await thaw({ ...table, items: table.items.map(withMore) });
    await goOn(world);
    await expectExactlyOnce(world, table.seen);
    const kept = table.items.filter((item) => world.table.get(item['pk']!.S!, item['sk']!.S!)?.['later'] === undefined);
    expect(kept.map(keyOf)).toEqual([]);
  });

  test('counts for the budget', async () => {
    const world = await thaw(table);
    const address = { name: 'memory', endpoint: null, region: null };
    const budget = createBudget({ table: address, budget: { creditsPerDay: 1, creditsPerHour: 1, idleMs: 60_000 } })!;
    const before = await budget.spent(world.clock.time);
    expect(before).toBeGreaterThan(1);
    await budget.used(world.clock.time + 7_200_000, world.clock.time + 7_300_000);
    expect(await budget.spent(world.clock.time)).toBeGreaterThan(before);
  });

  test('in Kafka is found by the same names, and read', () => {
    const { group, transactionalId, marker } = load<InKafka>(release, 'kafka');
    expect(namesFor('shop', 'orders', 3, 'shop.orders', 'shop.control')).toMatchObject({ group, transactionalId });
    for (const { offset, metadata } of [marker, ...lives.flatMap((life) => life.markers)]) {
      const read = parseMarker(offset, metadata);
      const { metadata: again, ...position } = formatMarker(read);
      expect(position).toEqual({ offset });
      expect(JSON.parse(again)).toEqual(JSON.parse(metadata));
      const fields = JSON.parse(metadata) as { v: number };
      expect(parseMarker(offset, JSON.stringify({ ...fields, later: 'x' }))).toEqual(read);
    }
  });

  describe('and a later release has changed', () => {
    const newest = (kind: string) => table.items.filter((item) => kindOf(item) === kind).at(-1)!;

    test.each(['meta', 'layout', 'window', 'partition'])('its %s: nothing is done', async (kind) => {
      const item = newest(kind);
      const later = { ...item, v: { N: String(Number(item['v']!.N) + 1) } };
      const world = await thaw({ ...table, items: table.items.map((one) => (one === item ? later : one)) });
      world.commit(1);
      await world.tick();
      for (let partition = 0; partition < 3; partition++) await world.run(world.spawnPublish(partition));
      expect(new Set(world.errors.map(({ code }) => code))).toEqual(new Set(['STATE_TOO_NEW']));
      expect(world.table.get(item['pk']!.S!, item['sk']!.S!)).toEqual(later);
      expect(world.table.windows.size).toBe(table.items.filter((one) => kindOf(one) === 'window').length);
      expect(world.broker.visible()).toEqual([]);
    });

    test('its budget: it is not counted on', async () => {
      const item = newest('budget');
      await thaw({ ...table, items: [{ ...item, v: { N: '99' } }] });
      const address = { name: 'memory', endpoint: null, region: null };
      const budget = createBudget({ table: address, budget: { creditsPerDay: 1, creditsPerHour: 1, idleMs: 0 } })!;
      await expect(budget.spent(table.clock)).rejects.toMatchObject({ code: 'STATE_TOO_NEW' });
    });

    test('its marker: it is not read', () => {
      const { offset, metadata } = load<InKafka>(release, 'kafka').marker;
      const later = JSON.stringify({ ...(JSON.parse(metadata) as object), v: 99 });
      expect(() => parseMarker(offset, later)).toThrow(expect.objectContaining({ code: 'STATE_TOO_NEW' }));
    });
  });
});

/** JSON texts by what they say: the order of their fields says nothing. */
function parsed(item: Item): Record<string, unknown> {
  const value = ({ S }: Item[string]): unknown => (S !== undefined && /^[[{]/.test(S) ? JSON.parse(S) : null);
  return Object.fromEntries(Object.entries(item).map(([name, one]) => [name, value(one) ?? one]));
}
