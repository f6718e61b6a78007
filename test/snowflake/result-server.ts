/** A tiny server of one persisted result, with faults, for tests of the readers; snowflake-sdk can sign in. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Access } from '../../lambdas/snowflake/access.ts';
import { chunkText } from './batches.ts';

export type ChunkFault = (response: ServerResponse, body: Buffer, text: string) => void;

export type ResultServer = {
  access: Access;
  /** Answers of the result's address, in order; then the good one. */
  resultFaults: ((response: ServerResponse) => void)[];
  /** Answers of a chunk's address, in order; then the good one. */
  chunkFaults: Map<number, ChunkFault[]>;
  /** Chunks that were asked for, in order. */
  asked: number[];
  resultsAsked: number;
  /** What tokens went through: renewed, lost. */
  tokens: string[];
  /** Chunk addresses given out so far are refused from now on. */
  expire(): void;
  /** Changes the description that is given out. */
  alter: (data: Record<string, unknown>) => void;
  close(): Promise<void>;
};

export const json = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
export const refusal = (code: string, status = 200) => {
  return (response: ServerResponse) => json(response, { success: false, code, message: 'no', data: null }, status);
};

/** Serves `rows`, the first `inline` of them inline, the rest in chunks of `sizes`. */
export async function serveResult(rows: unknown[][], inline: number, sizes: number[]): Promise<ResultServer> {
  let generation = 0;
  let from = inline;
  const chunks = sizes.map((size) => {
    const slice = rows.slice(from, from + size);
    from += size;
    return { rows: slice.length, text: chunkText(slice) };
  });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://host');
    if (url.pathname.startsWith('/session')) return answerSession(response);
    if (url.pathname.startsWith('/queries/')) return answerResult(response, request.headers.authorization ?? '');
    const index = Number(url.pathname.split('/').at(-1));
    self.asked.push(index);
    if (request.headers['x-key'] !== 'k' || request.headers.authorization !== undefined)
      return response.writeHead(400).end();
    if (url.searchParams.get('generation') !== String(generation)) return response.writeHead(403).end('<Error/>');
    const { text } = chunks[index]!;
    const fault = self.chunkFaults.get(index)?.shift();
    const body = gzipSync(text, { level: 1 });
    if (fault !== undefined) return fault(response, body, text);
    const headers = { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' };
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
  });

  function answerSession(response: ServerResponse): void {
    const data = {
      token: `token-${token}`,
      sessionToken: `token-${token}`,
      masterToken: 'master',
      validityInSeconds: 3600,
      masterValidityInSeconds: 14_400,
      sessionId: 1,
      parameters: [],
    };
    json(response, { success: true, code: null, data });
  }

  function answerResult(response: ServerResponse, authorization: string): void {
    self.resultsAsked++;
    if (!/^Snowflake Token="token-\d+"$/.test(authorization)) return refusal('390104', 401)(response);
    const fault = self.resultFaults.shift();
    if (fault !== undefined) return fault(response);
    const data: Record<string, unknown> = {
      rowtype: (rows[0] ?? []).map((_, at) => ({ name: `C${at}`, type: 'text', nullable: true })),
      rowset: rows.slice(0, inline),
      total: rows.length,
      returned: rows.length,
      queryId: '01baf79b-0108-1a60-0000-01110354a6ce',
      version: 1,
      chunks: chunks.map((chunk, index) => ({
        url: `${base}/chunks/${index}?generation=${generation}`,
        rowCount: chunk.rows,
        uncompressedSize: Buffer.byteLength(chunk.text),
      })),
      chunkHeaders: { 'x-key': 'k' },
    };
    self.alter(data);
    json(response, { success: true, code: null, data });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let token = 1;
  const self: ResultServer = {
    access: {
      base,
      token: async () => `token-${token}`,
      renew: async () => void self.tokens.push('renewed'),
      lose: () => {
        self.tokens.push('lost');
        token++;
      },
    },
    resultFaults: [],
    chunkFaults: new Map(),
    asked: [],
    resultsAsked: 0,
    tokens: [],
    expire: () => void generation++,
    alter: () => undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
}
