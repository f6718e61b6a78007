/** What `check` says without asking anybody: places in the file, and what an edit does. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { editOf } from '../../cli/edits.ts';
import { loadConfig } from '../../lambdas/config/load.ts';
import type { SourceState } from '../../lambdas/protocol/ports/state.ts';
import { sourcePlan } from '../../lambdas/settings.ts';
import { META } from '../checkpoints/table.ts';
import { snowmelt } from './snowmelt.ts';

const ORDERS = { table: 'DB.S.ORDERS', key: ['ID'], topic: { name: 'orders', partitions: 3 }, partitions: 2 };

function plan(change: object = {}) {
  const config = loadConfig(
    JSON.stringify({
      app: 'shop',
      snowflake: { account: 'a', user: 'U', warehouse: 'W', auth: { method: 'token', secret: 's' } },
      kafka: { brokers: ['b:9092'] },
      sources: { orders: { ...ORDERS, ...change } },
    }),
    { path: 'test' },
  );
  return sourcePlan(config, config.sources[0]!);
}

const state = (of: ReturnType<typeof plan>): SourceState => ({
  meta: META,
  head: null,
  layouts: new Map([[1, { ...of, number: 1 }]]),
  windows: [],
  partitions: [],
});

test('what an edit does follows from the newest layout in the table', () => {
  const edit = (change: object) => editOf(state(plan()), plan(change));
  expect(edit({})).toEqual([]);
  expect(edit({ every: '5m', snapshot: 'never' })).toEqual([]);
  expect(editOf(null, plan())).toEqual(['new: begins with what there is']);
  expect(editOf(null, plan({ snapshot: 'never' }))).toEqual(['new: begins with changes alone']);
  const drained = 'what was read before it is published first, by every partition';
  expect(edit({ partitions: 4 })).toEqual(['new layout: partitions 2 -> 4', drained]);
  expect(edit({ key: ['A', 'B'], columns: { exclude: ['X'] } })).toEqual([
    'new layout: key ID -> A, B; columns, where, mask or skip',
    drained,
    'what was published before stays as it is: npx snowmelt replay orders --snapshot',
  ]);
  expect(edit({ table: 'DB.S.OTHER', onHistoryLost: 'resnapshot' })).toEqual([
    'new layout: DB.S.ORDERS -> DB.S.OTHER',
    drained,
    'another table has another history: HISTORY_LOST, and then onHistoryLost: resnapshot',
  ]);
  expect(edit({ topic: { name: 'orders', partitions: 6 } })[0]).toBe('new layout: partitions of the topic 3 -> 6');
  expect(edit({ format: { key: 'json-with-schema' } })).toEqual([
    'new layout: format of keys json -> json-with-schema',
    drained,
    'what was published before stays as it is: npx snowmelt replay orders --snapshot',
    'the same key is other bytes from then on: a compacted topic keeps what has the old ones',
  ]);
});

test('a layout of before the format of keys was noted goes on', () => {
  const { keyFormat: _, ...unnoted } = plan();
  expect(editOf(state(unnoted), plan({ format: { key: 'json-with-schema' } }))).toEqual([]);
});

test('every problem of a file has its line and column; a file without one says what is in effect', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'snowmelt-check-'));
  const file = join(folder, 'prod.yaml');
  const check = (...options: string[]) => snowmelt(['check', '--offline', '--config', file, ...options]);
  const text = (key: string) => `app: shop
state: { table: none, endpoint: 'http://127.0.0.1:1', region: us-east-1 }
snowflake: { account: a, user: U, warehouse: W, auth: { method: token, secret: s } }
kafka: { brokers: ['b:9092'] }
sources:
  orders:
    table: DB.S.ORDERS
    ${key}: [ID]
    topic: { name: orders, partitions: 3 }
`;
  try {
    await writeFile(file, `${text('keys')}    every: 10s\n`);
    const broken = await check();
    expect(broken).toMatchObject({ code: 1, stderr: '' });
    expect(broken.stdout).toContain(`${file}:8:5 sources.orders.keys: unknown key; did you mean \`key\`?`);
    expect(broken.stdout).toMatch(/prod\.yaml:10:5 sources\.orders\.every: .*smallest interval/);
    expect(broken.stdout).toContain(`${file}: 2 problems`);
    await writeFile(file, text('key'));
    const fine = await check('--json');
    expect(fine).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(fine.stdout)).toMatchObject({
      problems: [],
      sources: [{ name: 'orders', partitions: 1, every: 'rate(1 minute)' }],
      unknown: expect.stringContaining('127.0.0.1:1') as string,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
