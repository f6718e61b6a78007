/** Both readers give the same rows, whatever a table holds and whatever happens to answers and downloads. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { HttpClient } from '../../lambdas/snowflake/http.ts';
import type { RowReader } from '../../lambdas/snowflake/parts.ts';
import { Reader } from '../../lambdas/snowflake/reader.ts';
import { readerSettings } from '../../lambdas/snowflake/reading.ts';
import { Results } from '../../lambdas/snowflake/result.ts';
import { SdkReader } from '../../lambdas/snowflake/sdk-reader.ts';
import { Sessions } from '../../lambdas/snowflake/sessions.ts';
import type { Cell } from './batches.ts';
import { cellsOf, chunkText, collect } from './batches.ts';
import type { ChunkFault, ResultServer } from './result-server.ts';
import { refusal, serveResult } from './result-server.ts';

const queryId = '01baf79b-0108-1a60-0000-01110354a6ce';
const timings = { answerMs: 1_000, stallMs: 1_000, totalMs: 5_000 };
const settings = { ...readerSettings, chunk: { ...timings, stallMs: 300, answerMs: 300 }, attempts: 4, retryMs: 1 };
const sdkSettings = { partMs: 500, attempts: 4, retryMs: 1, resultMs: 5_000 };

const rows: Cell[][] = Array.from({ length: 100 }, (_, row) => [String(row), row % 3 === 0 ? null : `"é\n${row}`, '']);
const inline = 20;
const sizes = [35, 30, 14, 1];
const chunk1 = rows.slice(55, 85);

type Readers = { server: ResultServer; chunks: RowReader; sdk: RowReader };

/** Both readers over one server, closed when the work has ended. */
async function withReaders<T>(
  work: (readers: Readers) => Promise<T>,
  data: Cell[][] = rows,
  inlineRows = inline,
  chunkSizes = sizes,
): Promise<T> {
  const server = await serveResult(data, inlineRows, chunkSizes);
  const http = new HttpClient();
  const config = {
    app: 'demo',
    snowflake: { account: 'acct', accessUrl: server.access.base, user: 'U', role: null, warehouse: 'W' },
  } as ResolvedConfig;
  const sessions = new Sessions(config, { token: 'pat' });
  const results = new Results(server.access, http, timings, 1);
  try {
    const chunks = new Reader(results, http, settings);
    return await work({ server, chunks, sdk: new SdkReader(sessions, results, http, sdkSettings) });
  } finally {
    await sessions.close();
    http.close();
    await server.close();
  }
}

/** What came before the end, and the code it ended with; none when all went well. */
async function readAll(reader: RowReader, end = 100, width = 3): Promise<{ seen: Cell[][]; code: string | null }> {
  const seen: Cell[][] = [];
  try {
    for await (const batch of reader.read(queryId, 0, end, width)) seen.push(...cellsOf(batch));
    return { seen, code: null };
  } catch (error) {
    return { seen, code: String((error as { code?: unknown }).code) };
  }
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.bigInt().map(String),
  fc.constantFrom(
    '',
    '\\',
    '"',
    '\u0000',
    '\ud83d',
    'NULL',
    'null',
    '],[',
    '\u2028',
    '💧',
    '1e400',
    '(globalThis.PWNED=1)',
  ),
);
const table = fc
  .record({ width: fc.integer({ min: 1, max: 4 }), sizes: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }) })
  .chain(({ width, sizes }) => {
    const count = sizes.reduce((sum, size) => sum + size, 0);
    const row = fc.array(fc.option(text, { freq: 5 }), { minLength: width, maxLength: width });
    return fc.record({
      width: fc.constant(width),
      sizes: fc.constant(sizes),
      inline: fc.array(row, { minLength: sizes.length === 0 ? 1 : 0, maxLength: 4 }),
      rest: fc.array(row, { minLength: count, maxLength: count }),
      bounds: fc.tuple(fc.nat(60), fc.nat(60)),
    });
  });

test('both readers give the rows of any range of any table', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(table, async ({ width, sizes, inline, rest, bounds }) => {
      const data = [...inline, ...rest];
      const [start, end] = bounds.map((bound) => bound % (data.length + 1)).sort((a, b) => a - b) as [number, number];
      await withReaders(
        async ({ chunks, sdk }) => {
          const wanted = data.slice(start, end);
          expect(await collect(chunks.read(queryId, start, end, width))).toEqual(wanted);
          expect(await collect(sdk.read(queryId, start, end, width))).toEqual(wanted);
        },
        data,
        inline.length,
        sizes,
      );
    }),
    { numRuns: 60 },
  );
});

const send = (body: Buffer | string): ChunkFault => {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': Buffer.byteLength(body) };
  const zipped = Buffer.isBuffer(body) ? { 'content-encoding': 'gzip' } : {};
  return (response) => response.writeHead(200, { ...headers, ...zipped }).end(body);
};

/** The faults of a download, and the code that each ends with when it stays. */
const faults: [string, ChunkFault, RegExp][] = [
  ['empty', send(''), /RESULT_MALFORMED|SNOWFLAKE_UNREACHABLE/],
  ['short by its first row', send(gzipSync(chunkText(chunk1.slice(1)))), /RESULT_MALFORMED/],
  ['short by its last row', send(gzipSync(chunkText(chunk1.slice(0, -1)))), /RESULT_MALFORMED/],
  ['cut in the middle of a row', send(gzipSync(chunkText(chunk1).slice(0, -1))), /RESULT_MALFORMED|UNREACHABLE/],
  ['of numbers', send(gzipSync(chunkText(chunk1.map((row) => [1, ...row.slice(1)])))), /RESULT_MALFORMED/],
  ['of objects', send(gzipSync(JSON.stringify(chunk1.map((row) => ({ row }))).slice(1, -1))), /RESULT_MALFORMED/],
  ['an error page', send('<html>'), /RESULT_MALFORMED|SNOWFLAKE_UNREACHABLE/],
  [
    'truncated',
    (response, body) => send(body.subarray(0, body.length >> 1))(response, body, ''),
    /MALFORMED|UNREACHABLE/,
  ],
  [
    'corrupt',
    (response, body) => {
      const broken = Buffer.from(body);
      broken[Math.floor(body.length / 2)]! ^= 0x55;
      send(broken)(response, body, '');
    },
    /RESULT_MALFORMED|SNOWFLAKE_UNREACHABLE/,
  ],
  [
    'stalled',
    (response, body) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 10));
    },
    /SNOWFLAKE_UNREACHABLE/,
  ],
  ['expired', (response) => response.writeHead(403).end('<Error/>'), /SNOWFLAKE_UNREACHABLE/],
  ['refused by a busy service', (response) => response.writeHead(503).end(), /SNOWFLAKE_UNREACHABLE/],
  ['cut off', (response) => response.destroy(), /SNOWFLAKE_UNREACHABLE/],
];

test.concurrent.each(faults)('a chunk that is %s once costs both readers nothing but time', async (_, fault) => {
  await withReaders(async ({ server, chunks, sdk }) => {
    for (const reader of [chunks, sdk]) {
      server.chunkFaults.set(1, [fault]);
      expect(await readAll(reader)).toEqual({ seen: rows, code: null });
      expect(server.chunkFaults.get(1)).toEqual([]);
    }
  });
});

test.concurrent.each(faults)(
  'a chunk that stays %s ends both readers, all before it delivered',
  async (_, fault, code) => {
    await withReaders(async ({ server, chunks, sdk }) => {
      for (const reader of [chunks, sdk]) {
        server.chunkFaults.set(1, Array<ChunkFault>(200).fill(fault));
        const end = await readAll(reader);
        expect(end.code).toMatch(code);
        expect(end.seen).toEqual(rows.slice(0, 55));
      }
    });
  },
);

test('addresses that expired meanwhile are asked for again', async () => {
  await withReaders(async ({ server, chunks, sdk }) => {
    for (const reader of [chunks, sdk]) {
      const seen: Cell[][] = [];
      for await (const batch of reader.read(queryId, 0, 100, 3)) {
        seen.push(...cellsOf(batch));
        if (seen.length === inline) server.expire();
      }
      expect(seen).toEqual(rows);
    }
  });
});

test('a lost session is replaced', async () => {
  await withReaders(async ({ server, sdk }) => {
    // The first answer is the description's; the next, to the SDK, says that its session is over.
    server.alter = () => {
      server.resultFaults.push(refusal('390111'));
      server.alter = () => undefined;
    };
    expect(await readAll(sdk)).toEqual({ seen: rows, code: null });
    expect(server.resultFaults).toEqual([]);
  });
});

test.each([
  ['a wrong total', (data: Record<string, unknown>) => (data.total = 101)],
  ['another width', (data: Record<string, unknown>) => (data.rowtype as unknown[]).pop()],
  ['inline cells that are numbers', (data: Record<string, unknown>) => ((data.rowset as unknown[][])[0]![0] = 1)],
])('both readers refuse a result with %s', async (_, alter) => {
  await withReaders(async ({ server, chunks, sdk }) => {
    server.alter = alter;
    for (const reader of [chunks, sdk]) expect(await readAll(reader)).toEqual({ seen: [], code: 'RESULT_MALFORMED' });
  });
});

test('a total that only the SDK is told is refused', async () => {
  await withReaders(async ({ server, sdk }) => {
    server.alter = (data) => (data.returned = 99);
    expect(await readAll(sdk)).toEqual({ seen: [], code: 'RESULT_MALFORMED' });
  });
});

test('a result that is gone, or another user ran, is RESULT_EXPIRED', async () => {
  await withReaders(async ({ server, chunks, sdk }) => {
    for (const reader of [chunks, sdk]) {
      server.resultFaults.push(refusal('000709'));
      expect(await readAll(reader)).toEqual({ seen: [], code: 'RESULT_EXPIRED' });
    }
  });
});

test('a VARIANT is never run as JavaScript', async () => {
  const evil: Cell[][] = [['(globalThis.PWNED=1)'], ['(globalThis.PWNED=1,NaN)']];
  for (const type of ['variant', 'object', 'array', 'text']) {
    await withReaders(
      async ({ server, chunks, sdk }) => {
        server.alter = (data) => ((data.rowtype as { type: string }[])[0]!.type = type);
        expect(await readAll(chunks, 2, 1)).toEqual({ seen: evil, code: null });
        const right = type === 'text' ? { seen: evil, code: null } : { seen: [], code: 'RESULT_MALFORMED' };
        expect(await readAll(sdk, 2, 1)).toEqual(right);
      },
      evil,
      1,
      [1],
    );
  }
  expect('PWNED' in globalThis).toBe(false);
});
