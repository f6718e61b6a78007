/** `GET /chunks/<query id>/<index>`: what S3 does for the real thing, with its refusals, and the faults of a download. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChunkAddresses, ChunkCache } from './chunks.ts';
import { gzipFast } from './chunks.ts';
import type { Counters } from './counters.ts';
import type { Faults } from './faults.ts';
import type { ChunkRange } from './layout.ts';
import type { Queries } from './queries.ts';
import type { Finished } from './query.ts';
import type { FaultState, SeenRequest } from './types.ts';
import { chunkFaultNames } from './types.ts';

export type ChunkParts = {
  queries: Queries;
  addresses: ChunkAddresses;
  cache: ChunkCache;
  faults: Faults;
  counters: Counters;
};

export async function serveChunk(
  parts: ChunkParts,
  seen: SeenRequest,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , queryId = '', index = ''] = url.pathname.split('/');
  const query = parts.queries.get(queryId);
  const chunk = query?.finished?.layout.chunks[Number(index)];
  Object.assign(seen, {
    queryId,
    chunk: Number(index),
    sql: query?.request.sqlText,
    kind: query?.kind,
    tag: query?.tag,
  });

  const fault = parts.faults.take(chunkFaultNames, seen);
  const alive = parts.addresses.valid(queryId, Number(index), url.searchParams);
  if (!alive || fault?.fault === 'chunk-expired') return refuse(response, 403, 'AccessDenied', 'Request has expired');
  if (fault?.fault === 'chunk-unavailable')
    return refuse(response, 503, 'SlowDown', 'Please reduce your request rate.');
  if (request.headers.authorization !== undefined) {
    // A session token must not leave for the storage service; S3 refuses a second way to sign.
    return refuse(response, 400, 'InvalidArgument', 'Only one auth mechanism allowed');
  }
  const encrypted = Object.entries(query?.chunkHeaders ?? {});
  if (!encrypted.every(([name, value]) => request.headers[name] === value)) {
    return refuse(response, 400, 'InvalidRequest', 'The object was stored using a form of Server Side Encryption.');
  }
  if (!query?.finished || chunk === undefined) {
    return refuse(response, 404, 'NoSuchKey', 'The specified key does not exist.');
  }

  const { result } = query.finished;
  const whole = () => parts.cache.get(`${queryId}/${index}`, () => result.chunk(chunk.start, chunk.end));
  const body = await (bodyFaults[fault?.fault ?? '']?.(query.finished, chunk) ?? whole());
  parts.counters.add('chunksServed');
  parts.counters.add('chunkBytes', body.length);
  send(response, body, fault);
}

/** Faults that change the content under a correct transfer. */
const bodyFaults: Record<string, (finished: Finished, chunk: ChunkRange) => Promise<Buffer>> = {
  'chunk-short': async ({ result }, chunk) =>
    gzipFast(chunk.end - chunk.start > 1 ? await result.chunk(chunk.start, chunk.end - 1) : Buffer.alloc(0)),
  'chunk-empty': async () => Buffer.alloc(0),
  'chunk-bad-json': async ({ result }, chunk) => {
    const text = await result.chunk(chunk.start, chunk.end);
    return gzipFast(text.subarray(0, text.length >> 1));
  },
  'chunk-not-array': async (finished, chunk) => withFirstRow(finished, chunk, (row) => ({ row })),
  'chunk-number-cells': async (finished, chunk) => withFirstRow(finished, chunk, (row) => row.map(() => 1)),
};

async function withFirstRow(
  { result }: Finished,
  chunk: ChunkRange,
  change: (row: unknown[]) => unknown,
): Promise<Buffer> {
  const text = Buffer.from(await result.chunk(chunk.start, chunk.end)).toString();
  const [first = [], ...rest] = JSON.parse(`[${text}]`) as unknown[][];
  return gzipFast(Buffer.from(JSON.stringify([change(first), ...rest]).slice(1, -1)));
}

/** Octet-stream: the SDK would parse `application/json` itself. */
function send(response: ServerResponse, body: Buffer, fault: FaultState | undefined): void {
  const headers: Record<string, string | number> = { 'content-type': 'application/octet-stream' };
  if (body.length > 0) headers['content-encoding'] = 'gzip';
  const half = body.subarray(0, body.length >> 1);
  const given = fault?.fault === 'chunk-truncated' ? half : body;
  response.writeHead(200, { ...headers, 'content-length': given.length });
  if (fault?.fault === 'chunk-cut') {
    response.write(half, () => response.socket?.destroy());
  } else if (fault?.fault === 'chunk-stalled') {
    response.write(half);
    if (fault.ms !== undefined) setTimeout(() => response.socket?.destroy(), fault.ms).unref();
  } else {
    response.end(given);
  }
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
