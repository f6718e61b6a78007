/** The reader gives each row of a range exactly once, in order, whatever happens to answers and downloads. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { HttpClient } from '../../lambdas/snowflake/http.ts';
import { Reader } from '../../lambdas/snowflake/reader.ts';
import { readerSettings, turn } from '../../lambdas/snowflake/reading.ts';
import { Results } from '../../lambdas/snowflake/result.ts';
import type { Cell } from './batches.ts';
import { cellsOf, chunkText, collect } from './batches.ts';
import type { ChunkFault, ResultServer } from './result-server.ts';
import { json, refusal, serveResult } from './result-server.ts';

const queryId = '01baf79b-0108-1a60-0000-01110354a6ce';
const timings = { answerMs: 300, stallMs: 300, totalMs: 5_000 };
const settings = { ...readerSettings, chunk: timings, attempts: 4, retryMs: 1 };

const rows: Cell[][] = Array.from({ length: 100 }, (_, row) => [String(row), row % 3 === 0 ? null : `"é\n${row}`, '']);
const sizes = [10, 0, 25, 30, 1, 14];
const inline = 20;

let opened: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened) await each.close();
  opened = [];
});

async function start(
  data: unknown[][] = rows,
  inlineRows = inline,
  chunkSizes = sizes,
): Promise<[ResultServer, Reader]> {
  const server = await serveResult(data, inlineRows, chunkSizes);
  const http = new HttpClient();
  opened.push(http, server);
  return [server, new Reader(new Results(server.access, http, timings, 1), http, settings)];
}

test('reads any range, asking only for the chunks it overlaps', async () => {
  const [server, reader] = await start();
  const range = fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }));
  await fc.assert(
    fc.asyncProperty(range, async ([a, b]) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      server.asked.length = 0;
      expect(await collect(reader.read(queryId, first, last, 3))).toEqual(rows.slice(first, last));
      let at = inline;
      const overlapping = sizes.flatMap((size, index) => {
        at += size;
        return size > 0 && first < last && at > first && at - size < last ? [index] : [];
      });
      expect([...server.asked].sort()).toEqual(overlapping);
    }),
    { numRuns: 60 },
  );
});

test('batches are small, and views of one chunk', async () => {
  const wide: Cell[][] = Array.from({ length: 300 }, (_, row) => [`${row}`, 'x'.repeat(20_000)]);
  const [, reader] = await start(wide, 0, [300]);
  const seen: Cell[][] = [];
  for await (const batch of reader.read(queryId, 7, 300, 2)) {
    expect(batch.rows).toBeLessThanOrEqual(53);
    expect(batch.offsets.length).toBe(batch.rows * 4);
    seen.push(...cellsOf(batch));
  }
  expect(seen).toEqual(wide.slice(7));
});

test('what was handed out stays as it is while the chunk after it is unzipped', async () => {
  const wide: Cell[][] = Array.from({ length: 400 }, (_, row) => [`${row}`, `${row % 10}`.repeat(10_000)]);
  const [server, reader] = await start(wide, 0, [100, 100, 100, 100]);
  const seen: Cell[][] = [];
  for await (const batch of reader.read(queryId, 0, 400, 2)) {
    const first = Math.floor(seen.length / 100);
    const next = Math.min(3, first + 1);
    while (!server.asked.includes(next)) await turn();
    for (let turns = 0; turns < 300; turns++) await turn();
    seen.push(...cellsOf(batch));
  }
  expect(seen).toEqual(wide);
});

test('bodies of many pieces arrive whole, whether their length is announced or not', async () => {
  const hex = (row: number) => createHash('shake256', { outputLength: 5_000 }).update(`${row}`).digest('hex');
  const large: Cell[][] = Array.from({ length: 240 }, (_, row) => [`${row}`, hex(row)]);
  const [server, reader] = await start(large, 0, [80, 80, 80]);
  server.chunkFaults.set(1, [(response, body) => response.writeHead(200).end(body)]);
  expect(await collect(reader.read(queryId, 0, 240, 2))).toEqual(large);
});

test.each([
  ['as announced', (size: number) => size],
  ['not announced', () => 0],
  ['longer than announced', (size: number) => size >> 1],
  ['shorter than announced', (size: number) => 2 * size],
])('texts of any length, %s', async (_, announced) => {
  const lengths = [1, 255, 256, 257, 511, 512, 513, 768, 255, 256].map((kib) => kib * 1024);
  const brackets = '[""]'.length;
  const texts: Cell[][] = lengths.flatMap((length) => [-1, 0, 1].map((more) => ['x'.repeat(length + more - brackets)]));
  const [server, reader] = await start(texts, 0, Array<number>(texts.length).fill(1));
  server.alter = (data) => {
    for (const chunk of data.chunks as { uncompressedSize: number }[])
      chunk.uncompressedSize = announced(chunk.uncompressedSize);
  };
  expect((await collect(reader.read(queryId, 0, texts.length, 1))).map(([text]) => text!.length)).toEqual(
    texts.map(([text]) => text!.length),
  );
  expect(server.asked).toHaveLength(texts.length);
});

test('downloads at most two chunks ahead, and stops when the caller does', async () => {
  const [server, reader] = await start(rows, 0, Array<number>(20).fill(5));
  for await (const batch of reader.read(queryId, 0, 100, 3)) {
    expect(cellsOf(batch)).toEqual(rows.slice(0, 5));
    while (!server.asked.includes(2)) await turn();
    for (let turns = 0; turns < 300; turns++) await turn();
    break;
  }
  expect(Math.max(...server.asked)).toBeLessThanOrEqual(2);
});

const send = (body: Buffer | string): ChunkFault => {
  return (response) => response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
};
const chunk3 = rows.slice(55, 85);

const faults: Record<string, ChunkFault> = {
  'an empty body': send(''),
  'fewer rows than announced': send(gzipSync(chunkText(chunk3.slice(1)))),
  'more rows than announced': send(gzipSync(chunkText([...chunk3, ...chunk3.slice(0, 1)]))),
  'malformed JSON': send(gzipSync(chunkText(chunk3).slice(0, -1))),
  'cells that are numbers': send(gzipSync(chunkText(chunk3.map((row) => [1, ...row.slice(1)])))),
  'rows too wide': send(gzipSync(chunkText(chunk3.map((row) => [...row, 'x'])))),
  'text that is not UTF-8': send(Buffer.from(chunkText(chunk3), 'latin1')),
  'an error page': send('<html>'),
  'a truncated gzip stream': (response, body) => send(body.subarray(0, body.length - 9))(response, body, ''),
  'a broken gzip stream': (response, body) => {
    const broken = Buffer.from(body);
    broken[Math.floor(body.length / 2)]! ^= 0x55;
    send(broken)(response, body, '');
  },
  'a connection cut before the answer': (response) => response.destroy(),
  'a body cut short': (response, body) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, body.length - 5), () => response.destroy());
  },
  'a chunked body cut short': (response, body) => {
    response.writeHead(200);
    response.write(body.subarray(0, body.length - 5), () => response.destroy());
  },
  'a body that stalls': (response, body) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, 10));
  },
  'no answer at all': () => undefined,
  'a service that is busy': (response) => response.writeHead(503).end(),
};

test.each(Object.entries(faults))('survives %s', async (_, fault) => {
  const [server, reader] = await start();
  server.chunkFaults.set(3, [fault, fault]);
  expect(await collect(reader.read(queryId, 0, 100, 3))).toEqual(rows);
});

test.each([
  ['fewer rows than announced', 'RESULT_MALFORMED'],
  ['malformed JSON', 'RESULT_MALFORMED'],
  ['cells that are numbers', 'RESULT_MALFORMED'],
  ['a truncated gzip stream', 'RESULT_MALFORMED'],
  ['a connection cut before the answer', 'SNOWFLAKE_UNREACHABLE'],
  ['a service that is busy', 'SNOWFLAKE_UNREACHABLE'],
])('gives up after a few tries of %s, all rows before it delivered', async (name, code) => {
  const [server, reader] = await start();
  server.chunkFaults.set(3, Array<ChunkFault>(99).fill(faults[name]!));
  const seen: Cell[][] = [];
  const reading = (async () => {
    for await (const batch of reader.read(queryId, 0, 100, 3)) seen.push(...cellsOf(batch));
  })();
  await expect(reading).rejects.toMatchObject({ code });
  expect(seen).toEqual(rows.slice(0, 55));
  expect(server.asked.filter((index) => index === 3).length).toBeLessThanOrEqual(settings.attempts);
});

test('asks for fresh addresses when they have expired', async () => {
  const [server, reader] = await start();
  const seen: Cell[][] = [];
  for await (const batch of reader.read(queryId, 0, 100, 3)) {
    seen.push(...cellsOf(batch));
    if (seen.length === inline) server.expire();
  }
  expect(seen).toEqual(rows);
  expect(server.resultsAsked).toBe(2);
});

test('refuses a result that comes in other parts the second time', async () => {
  const [server, reader] = await start();
  const reading = (async () => {
    for await (const batch of reader.read(queryId, 0, 100, 3)) {
      if (batch.rows !== inline) continue;
      server.expire();
      server.alter = (data) => {
        const chunks = data.chunks as { rowCount: number }[];
        [chunks[0]!.rowCount, chunks[2]!.rowCount] = [chunks[2]!.rowCount, chunks[0]!.rowCount];
      };
    }
  })();
  await expect(reading).rejects.toMatchObject({ code: 'RESULT_MALFORMED' });
});

test('renews an expired token and replaces a lost session', async () => {
  const [server, reader] = await start();
  server.resultFaults.push(refusal('390112'), refusal('390111'), refusal('390104', 401));
  expect(await collect(reader.read(queryId, 90, 100, 3))).toEqual(rows.slice(90));
  expect(server.tokens).toEqual(['renewed', 'lost', 'lost']);
});

test('waits for a result that is not ready, and asks again over a bad network', async () => {
  const [server, reader] = await start();
  server.resultFaults.push(
    (response) => json(response, { success: true, code: '333333', data: { queryId } }),
    (response) => void response.destroy(),
    (response) => void response.writeHead(503).end('busy'),
    (response) => void response.writeHead(200).end('{"data":'),
  );
  expect(await collect(reader.read(queryId, 90, 100, 3))).toEqual(rows.slice(90));
});

test.each([
  ['a result that is gone', [refusal('000709')], 'RESULT_EXPIRED'],
  ['a result that failed', [refusal('100038')], 'SNOWFLAKE_STATEMENT'],
  ['no answers', Array.from({ length: 9 }, () => refusal('000001', 503)), 'SNOWFLAKE_UNREACHABLE'],
])('says what is wrong with %s', async (_, answers, code) => {
  const [server, reader] = await start();
  server.resultFaults.push(...answers);
  await expect(collect(reader.read(queryId, 0, 1, 3))).rejects.toMatchObject({ code });
});

test.each([
  ['parts that do not add up', (data: Record<string, unknown>) => (data.total = 101)],
  ['no total', (data: Record<string, unknown>) => delete data.total],
  ['another width', (data: Record<string, unknown>) => (data.rowtype as unknown[]).pop()],
  ['inline cells that are numbers', (data: Record<string, unknown>) => ((data.rowset as unknown[][])[0]![0] = 1)],
  [
    'fewer rows than the range',
    (data: Record<string, unknown>) => {
      (data.chunks as unknown[]).pop();
      data.total = 86;
    },
  ],
])('refuses a result with %s', async (_, alter) => {
  const [server, reader] = await start();
  server.alter = alter;
  await expect(collect(reader.read(queryId, 0, 100, 3))).rejects.toMatchObject({ code: 'RESULT_MALFORMED' });
});

test('messages hold no address of a chunk', async () => {
  const [server, reader] = await start();
  server.chunkFaults.set(
    0,
    Array<ChunkFault>(99).fill((response) => response.destroy()),
  );
  const error = await collect(reader.read(queryId, 0, 100, 3)).catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toContain(queryId);
  expect((error as Error).message).not.toContain('generation');
});
