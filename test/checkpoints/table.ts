/**
 * A fresh checkpoint table: on dynalite in this process, or on the service that DYNAMODB_ENDPOINT names. A proxy stands in
 * front of it, so that a test can lose replies.
 */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { createTableInput } from '../../lambdas/checkpoints/definition.ts';
import { createCheckpoints } from '../../lambdas/checkpoints/store.ts';
import type { Checkpoints } from '../../lambdas/protocol/ports/checkpoints.ts';
import type { Meta } from '../../lambdas/protocol/ports/state.ts';
import type { Layout, Window } from '../../lambdas/protocol/window.ts';
import { startDynamoProxy, type DynamoProxy } from '../../local/aws/dynamo-proxy.ts';

process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';

export type TestTable = {
  store: Checkpoints;
  proxy: DynamoProxy;
  name: string;
  /** Writes an item as it is, past the store. */
  put(item: Record<string, AttributeValue>): Promise<void>;
  /** Deletes an item, past the store. */
  remove(item: Record<string, AttributeValue>): Promise<void>;
  /** All items, as long as they fit into one page. */
  items(): Promise<Record<string, AttributeValue>[]>;
  close(): Promise<void>;
};

export async function startTable(): Promise<TestTable> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  const own = given === undefined ? await startDynalite() : null;
  const endpoint = given ?? `http://127.0.0.1:${(own!.address() as AddressInfo).port}`;
  const proxy = await startDynamoProxy(endpoint);
  const name = `checkpoints-${randomUUID()}`;
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1' });
  await client.send(new CreateTableCommand(createTableInput(name)));
  return {
    store: createCheckpoints({ table: { name, endpoint: proxy.url, region: 'us-east-1' } }),
    proxy,
    name,
    put: async (item) => void (await client.send(new PutItemCommand({ TableName: name, Item: item }))),
    remove: async ({ pk, sk }) =>
      void (await client.send(new DeleteItemCommand({ TableName: name, Key: { pk: pk!, sk: sk! } }))),
    items: async () => (await client.send(new ScanCommand({ TableName: name }))).Items ?? [],
    close: async () => {
      client.destroy();
      await proxy.close();
      if (own !== null) await new Promise((resolve) => own.close(resolve));
    },
  };
}

async function startDynalite(): Promise<Server> {
  // CommonJS without types.
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export const META: Meta = {
  incarnation: '0a1b2c3d4e5f',
  clusterId: null,
  sightings: [{ token: null, at: 1, createdOn: null }],
  scan: null,
  request: null,
  finishedThrough: 0,
  recountedThrough: 0,
  caughtUpAt: null,
  paused: false,
  retentionMs: null,
  lastError: null,
};

export function layout(number: number, partitions = 1): Layout {
  return {
    number,
    deployment: 1_700_000_000,
    partitions,
    object: { database: 'SALES', schema: 'PUBLIC', name: 'ORDERS' },
    information: 'DEFAULT',
    key: ['ID'],
    topic: 'orders',
    topicPartitions: 12,
  };
}

/** `to` grows by a minute with each number. */
export function window(number: number, change: Partial<Window> = {}): Window {
  const minute = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
  return {
    number,
    kind: number === 1 ? 'snapshot' : 'changes',
    layout: 1,
    createdOn: '2025-12-31 00:00:00.000 Z',
    from: number === 1 ? null : minute(number - 1),
    to: minute(number),
    covered: `token-${number}`,
    columns: [{ name: 'ID', type: 'NUMBER', precision: 38, scale: 0, nullable: false }],
    statement: 'SELECT "ID" FROM "SALES"."PUBLIC"."ORDERS" -- ä€',
    queryId: `query-${number}`,
    queriedAt: minute(number),
    request: null,
    totalRows: 3,
    ranges: [{ partition: 0, start: 0, rows: 3, hash: '-8123456789012345678' }],
    digest: `digest-${number}`,
    void: false,
    ...change,
  };
}
