/** `npm run resume` as a person runs it, against the checkpoint table. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { META, startTable, type TestTable } from '../checkpoints/table.ts';

const program = new URL('../../cli/resume.ts', import.meta.url).pathname;
let table: TestTable;
let folder: string;
let config: string;
beforeAll(async () => {
  table = await startTable();
  folder = await mkdtemp(join(tmpdir(), 'snowmelt-resume-'));
  config = join(folder, 'prod.yaml');
  await writeFile(
    config,
    `app: shop
state: { table: ${table.name}, endpoint: '${table.proxy.url}', region: us-east-1 }
snowflake: { account: a, user: U, warehouse: W, auth: { method: token, secret: s } }
kafka: { brokers: ['b:9092'] }
sources:
  orders: { table: DB.S.ORDERS, key: [ID], topic: { name: orders, partitions: 3 }, partitions: 2 }
`,
  );
});
afterAll(async () => {
  await table.close();
  await rm(folder, { recursive: true });
});

const resume = (...args: string[]) =>
  promisify(execFile)(process.execPath, [program, '--config', config, '--reason', 'mended', ...args]);

test('a source that waits for an operator goes on; another one is refused and says what to do', async () => {
  await table.store.create('orders', META);
  await table.store.putPartitions('orders', 2);
  const acquired = await table.store.acquire('orders', 1, 'w', 1_000, 60_000);
  if (!('lease' in acquired)) throw new Error('not acquired');
  const failed = { code: 'TOPIC_DIFFERS', message: 'topic orders does not exist', at: 1_000 };
  await table.store.release(acquired.lease, { closeOpen: true, failed, failures: 1, state: 'needs-operator' });

  const { stdout } = await resume('--source', 'orders', '--json');
  expect(JSON.parse(stdout)).toEqual({ source: 'orders', resumed: [{ partition: 1, lastError: failed }] });
  expect(await table.store.partition('orders', 1)).toMatchObject({ state: 'active' });
  expect((await resume('--source', 'orders')).stdout).toBe('No partition of orders was waiting.\n');
  await expect(resume('--source', 'invoices')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('SOURCE_UNKNOWN') as string,
  });
});
