/** DynamoDB: dynalite in a process of its own, empty, in memory, with the tables of the template. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { childEnvironment } from './child-node.ts';
import type { TableSpec } from './template/resources.ts';

export type LocalDynamoDB = { url: string; child: ChildProcess; close(): Promise<void> };

/** The process ends with this one: it watches the pipe that is its stdin. */
export async function startDynamoDB(tables: TableSpec[]): Promise<LocalDynamoDB> {
  const program = new URL('./dynamodb-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...childEnvironment },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const port = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    void exited.then(() => reject(new Error('dynalite ended before it listened')));
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    for (const table of tables) await createTable(url, table);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, child, close };
}

export async function createTable(url: string, table: TableSpec): Promise<void> {
  const { name: TableName, keySchema: KeySchema, attributes: AttributeDefinitions } = table;
  const reply = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.CreateTable',
      'x-amz-date': '20260101T000000Z',
      // dynalite looks for a signature, not at it.
      authorization: 'AWS4-HMAC-SHA256 Credential=local/x, SignedHeaders=x, Signature=x',
    },
    body: JSON.stringify({ TableName, KeySchema, AttributeDefinitions, BillingMode: 'PAY_PER_REQUEST' }),
  });
  if (!reply.ok) throw new Error(`CreateTable ${TableName}: ${await reply.text()}`);
}
