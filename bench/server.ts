/**
 * A Snowflake that has nothing but finished results: sign-in, a result's description by query id, its chunks as they lie on
 * disk. A process of its own; prints its address, and ends when its stdin does. The body of a
 * POST to /sets names the folder of a dataset to serve as well; the answer is its index.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { dieWithParent } from '../local/aws/die-with-parent.ts';
import { listen, readBody } from '../local/aws/http.ts';
import type { Dataset } from './dataset.ts';
import { datasetOf, queryIdOf } from './query-ids.ts';
import { tables } from './tables.ts';

type Served = Omit<Dataset, 'folder'> & { bodies: Buffer[] };
const sets: Served[] = [];
const asked = { chunks: 0, statements: 0 };

function load(folder: string): number {
  const set = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Omit<Dataset, 'folder'>;
  return sets.push({ ...set, bodies: set.chunks.map(({ file }) => readFileSync(join(folder, file))) }) - 1;
}

const SESSION = {
  token: 'token',
  masterToken: 'master',
  sessionToken: 'token',
  validityInSeconds: 3600,
  masterValidityInSeconds: 14_400,
  sessionId: 1,
  parameters: [],
};

const TYPES: Record<string, string> = { NUMBER: 'fixed', VARCHAR: 'text' };

/** A scan's columns are all text; those of a plain SELECT have their types. */
function rowtypeOf({ table, width }: Served) {
  const text = (name: string) => ({ name, type: 'text', nullable: true });
  if (tables[table].typed !== true) return Array.from({ length: width }, (_, at) => text(`C${at}`));
  return tables[table].columns.map(({ name, type, precision, scale, nullable }) => ({
    name,
    type: TYPES[type] ?? type.toLowerCase(),
    precision,
    scale: type.startsWith('TIMESTAMP') ? 9 : scale,
    nullable,
  }));
}

function description(set: Served, index: number) {
  return {
    rowtype: rowtypeOf(set),
    rowset: set.inline,
    total: set.rows,
    returned: set.rows,
    version: 1,
    chunks: set.chunks.map((chunk, at) => ({
      url: `${server.url}/chunks/${index}/${at}`,
      rowCount: chunk.rows,
      uncompressedSize: chunk.bytes,
      compressedSize: set.bodies[at]!.length,
    })),
    chunkHeaders: {},
  };
}

/** By query id, or of a statement that names a set: `SELECT ... -- set 3`. */
function resultOf(first: string, body: Buffer) {
  const index = first === 'v1' ? Number(/set (\d+)/.exec(body.toString())?.[1]) : datasetOf(first);
  return { ...description(sets[index]!, index), queryId: queryIdOf(index) };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, kind, first = '', second] = new URL(request.url ?? '', 'http://host').pathname.split('/');
  if (kind === 'chunks') {
    asked.chunks++;
    const body = sets[Number(first)]!.bodies[Number(second)]!;
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
    return;
  }
  const body = await readBody(request);
  if (kind === 'sets') return void response.end(String(load(body.toString())));
  if (kind === 'asked') return void response.end(JSON.stringify(asked));
  if (kind === 'queries' && first === 'v1') asked.statements++;
  const data = kind === 'queries' ? resultOf(first, body) : SESSION;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ success: true, code: null, message: null, data }));
}

dieWithParent();
const server = await listen((request, response) => void answer(request, response));
console.log(server.url);
