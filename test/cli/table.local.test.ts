/** The commands that need the checkpoint table alone, as a person runs them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SourceStatus } from '../../cli/source-status.ts';
import { META, startTable, type TestTable } from '../checkpoints/table.ts';
import { writeShop } from './shop.ts';
import { snowmelt as run } from './snowmelt.ts';

let table: TestTable;
let folder: string;
let config: string;
beforeAll(async () => {
  table = await startTable();
  folder = await mkdtemp(join(tmpdir(), 'snowmelt-cli-'));
  config = await writeShop(folder, table);
});
afterAll(async () => {
  await table.close();
  await rm(folder, { recursive: true });
});

const snowmelt = (...args: string[]) => run([...args, '--config', config]);

test('a source that waits for an operator is told of, goes on when resumed, and can be paused', async () => {
  await table.store.create('orders', META);
  await table.store.putPartitions('orders', 2);
  const acquired = await table.store.acquire('orders', 1, 'w', 1_000, 60_000);
  if (!('lease' in acquired)) throw new Error('not acquired');
  const failed = { code: 'TOPIC_DIFFERS', message: 'topic orders does not exist', at: 1_000 };
  await table.store.release(acquired.lease, { closeOpen: true, failed, failures: 1, state: 'needs-operator' });

  const status = await snowmelt('status', '--json');
  expect(status).toMatchObject({ code: 1, stderr: '' });
  const { sources } = JSON.parse(status.stdout) as { sources: SourceStatus[] };
  expect(sources.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['orders', 'not-started'],
    ['invoices', 'not-started'],
  ]);
  expect(sources[0]!.partitions[1]).toMatchObject({
    state: 'needs-operator',
    error: { code: 'TOPIC_DIFFERS', message: 'topic orders does not exist' },
  });
  expect((await snowmelt('status')).stdout).toContain('2 of 2 sources need a look');

  const resumed = await snowmelt('resume', 'orders', '--reason', 'mended', '--json');
  expect(resumed.code).toBe(0);
  expect(JSON.parse(resumed.stdout)).toEqual({
    source: 'orders',
    paused: false,
    wasPaused: false,
    resumed: [{ partition: 1, lastError: 'TOPIC_DIFFERS' }],
  });
  expect(await table.store.partition('orders', 1)).toMatchObject({ state: 'active' });

  expect((await snowmelt('pause', 'orders', '--reason', 'rebuilt')).stdout).toContain('orders is paused');
  expect((await table.store.look('orders'))!.meta.paused).toBe(true);
  expect((await snowmelt('status', 'orders')).code).toBe(0);
  expect((await snowmelt('resume', 'orders', '--reason', 'done')).stdout).toBe('orders is not paused any more.\n');
});

test('what can not be done says its code and what to do; wrong usage is told apart', async () => {
  const unknown = await snowmelt('pause', 'payments', '--reason', 'x', '--json');
  expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('SOURCE_UNKNOWN') as string });
  expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: 'SOURCE_UNKNOWN' } });
  expect(await snowmelt('pause', 'orders')).toMatchObject({ code: 2, stdout: '' });
  expect(await snowmelt('recover', 'orders', '--take', 'store')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--take needs --reason') as string,
  });
  expect(await snowmelt('replay', 'orders', '--reason', 'x', '--snapshot')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('add --yes') as string,
  });
});
