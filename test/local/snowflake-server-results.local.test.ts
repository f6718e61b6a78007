import type { Connection } from 'snowflake-sdk';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SnowflakeControl } from '../../local/snowflake/client.ts';
import { controlOf } from '../../local/snowflake/client.ts';
import type { RunningServer } from '../../local/snowflake/server/server.ts';
import { startServer } from '../../local/snowflake/server/server.ts';
import { fakeEngine } from './fake-engine.ts';
import { byId, codeOf, connect, raw, run, streamed } from './sdk.ts';

type Chunk = { url: string; rowCount: number; uncompressedSize: number; compressedSize: number | null };

const engine = fakeEngine();
let server: RunningServer;
let control: SnowflakeControl;
let connection: Connection;
let token: string;

beforeAll(async () => {
  server = await startServer(engine, {
    users: [{ name: 'SNOWMELT', password: 'p' }],
    inlineBytes: 10_000,
    firstChunkBytes: 20_000,
    maxChunkBytes: 1_000_000,
    chunkCacheBytes: 100_000,
    chunkUrlMs: 60_000,
    resultKeepMs: 60_000,
  });
  control = controlOf(server.url);
  connection = await connect({
    account: 'a',
    accessUrl: server.url,
    username: 'SNOWMELT',
    password: 'p',
    warehouse: 'WH',
  });
  const data = { ACCOUNT_NAME: 'A', LOGIN_NAME: 'SNOWMELT', PASSWORD: 'p' };
  const answer = await raw(server.url, '/session/v1/login-request?warehouse=WH', { body: { data } });
  token = answer.data.token as string;
});
afterAll(() => server.close());
beforeEach(() => control.reset());

const stream = (sql: string) => run(connection, sql, { streamResult: true });
const text = (row: number, bytes: number) => (row % 3 === 0 ? null : '"é\\'.padEnd(bytes, 'x') + row);

async function resultOf(queryId: string) {
  const answer = await raw(server.url, `/queries/${queryId}/result`, { token });
  return answer.data as {
    chunks: Chunk[];
    chunkHeaders: Record<string, string>;
    rowset: unknown[];
    total: number;
    returned: number;
  };
}

test('100,000 rows come through streamRows as they went in', async () => {
  const { statement, total } = await stream('SELECT ROWS 100000 30');
  const rows = await streamed(statement);
  expect([total, rows.length]).toEqual([100_000, 100_000]);
  const wrong = rows.findIndex((row, i) => row[0] !== String(i) || row[1] !== text(i, 30));
  expect(wrong).toBe(-1);
});

test('chunks grow to the limit, and their sizes and counts are true', async () => {
  const { queryId } = await stream('SELECT ROWS 50000 50');
  const { chunks, chunkHeaders, rowset, total, returned } = await resultOf(queryId);
  expect([total, returned]).toEqual([50_000, 50_000]);
  expect(rowset.length + chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)).toBe(50_000);
  const counts = chunks.map((chunk) => chunk.rowCount);
  expect(counts.slice(0, -1)).toEqual(counts.slice(0, -1).toSorted((a, b) => a - b));
  expect(counts.length).toBeGreaterThan(4);
  for (const chunk of chunks) {
    const response = await fetch(chunk.url, { headers: chunkHeaders });
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    const body = await response.text();
    expect((JSON.parse(`[${body}]`) as unknown[]).length).toBe(chunk.rowCount);
    expect(Buffer.byteLength(body)).toBe(chunk.uncompressedSize);
    expect(chunk.uncompressedSize).toBeLessThanOrEqual(1_000_000);
  }
});

test('a row wider than a chunk is a chunk of its own, and a small result comes inline', async () => {
  const wide = await stream('SELECT ROWS 5 1200000');
  const { chunks, rowset } = await resultOf(wide.queryId);
  expect(rowset.length).toBe(1);
  expect(chunks.map((chunk) => chunk.rowCount)).toEqual([1, 1, 1, 1]);
  expect((await streamed(wide.statement)).map((row) => row[1]?.length)).toEqual([
    undefined,
    1_200_001,
    1_200_001,
    undefined,
    1_200_001,
  ]);
  const small = await resultOf((await stream('SELECT ROWS 3 10')).queryId);
  expect([small.rowset.length, small.chunks]).toEqual([3, undefined]);
  const none = await stream('SELECT ROWS 0 1');
  expect([none.total, await streamed(none.statement)]).toEqual([0, []]);
});

test('CLIENT_RESULT_CHUNK_SIZE lowers the limit', async () => {
  const ask = (id: string, sqlText: string) =>
    raw(server.url, `/queries/v1/query-request?requestId=${id}`, { token, body: { sqlText } });
  await ask('c1', "ALTER SESSION SET CLIENT_RESULT_CHUNK_SIZE = '0.1'");
  const { data } = await ask('c2', 'SELECT ROWS 50000 50');
  await ask('c3', "ALTER SESSION SET CLIENT_RESULT_CHUNK_SIZE = '160'");
  const sizes = (data.chunks as Chunk[]).map((chunk) => chunk.uncompressedSize);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000);
});

test('a range of rows downloads the chunks it touches only', async () => {
  const { queryId } = await stream('SELECT ROWS 50000 50');
  await control.reset();
  const { statement } = await byId(connection, queryId, true);
  const rows = await streamed(statement, { start: 30_000, end: 30_009 });
  expect(rows.map((row) => row[0])).toEqual(Array.from({ length: 10 }, (_, i) => String(30_000 + i)));
  expect((await control.stats()).chunksServed).toBe(1);
});

test('chunks are made when asked for and kept as long as there is room', async () => {
  const { queryId } = await stream('SELECT ROWS 50000 50');
  expect((await control.stats()).chunksProduced).toBe(0);
  const { chunks, chunkHeaders } = await resultOf(queryId);
  const get = (index: number) => fetch(chunks[index]!.url, { headers: chunkHeaders }).then((got) => got.text());
  expect(await get(0)).toBe(await get(0));
  expect((await control.stats()).chunksProduced).toBe(1);
  for (let i = 1; i < chunks.length; i++) await get(i);
  await get(0);
  expect((await control.stats()).chunksProduced).toBe(chunks.length + 1);
});

test('the address of a chunk is signed, expires, wants its headers and no session token', async () => {
  const { queryId } = await stream('SELECT ROWS 50000 50');
  const { chunks, chunkHeaders } = await resultOf(queryId);
  const { url } = chunks[0]!;
  const status = async (address: string, headers: Record<string, string>) => (await fetch(address, { headers })).status;
  expect(await status(url, chunkHeaders)).toBe(200);
  expect(await status(url, {})).toBe(400);
  expect(await status(url, { ...chunkHeaders, authorization: `Snowflake Token="${token}"` })).toBe(400);
  expect(await status(url.replace('/0?', '/1?'), chunkHeaders)).toBe(403);
  expect(await status(url.replace(/expires=\d/, 'expires=9'), chunkHeaders)).toBe(403);
  await control.expireChunkUrls();
  expect(await status(url, chunkHeaders)).toBe(403);
  const fresh = await resultOf(queryId);
  expect(await status(fresh.chunks[0]!.url, fresh.chunkHeaders)).toBe(200);
});

test('a result stays readable until its life ends, then its data goes', async () => {
  const { queryId, rows } = await run(connection, 'SELECT ROWS 4 4');
  expect((await byId(connection, queryId)).rows).toEqual(rows);
  const dropped = engine.dropped;
  await control.expireResults();
  expect(engine.dropped).toBeGreaterThan(dropped);
  expect(await codeOf(byId(connection, queryId))).toBe('000709');
  expect((await control.stats()).resultsKept).toBe(0);
});
