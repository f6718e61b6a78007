/** A deployment that a command of a person's acts on: a configuration file whose table is the test's. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestTable } from '../checkpoints/table.ts';

/** Answers the file. Of sources it has `orders` in two partitions, and `invoices` in one. */
export async function writeShop(folder: string, { name, proxy }: TestTable): Promise<string> {
  const path = join(folder, 'prod.yaml');
  await writeFile(
    path,
    `app: shop
aws: { endpoint: '${proxy.url}' }
state: { table: ${name}, endpoint: '${proxy.url}', region: us-east-1 }
snowflake: { account: a, user: U, warehouse: W, auth: { method: token, secret: s } }
kafka: { brokers: ['b:9092'] }
sources:
  orders: { table: DB.S.ORDERS, key: [ID], topic: { name: orders, partitions: 3 }, partitions: 2 }
  invoices: { table: DB.S.INVOICES, key: [ID], topic: { name: invoices, partitions: 1 }, partitions: 1 }
`,
  );
  return path;
}
