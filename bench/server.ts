/**
 * A Snowflake that has nothing but finished results: sign-in, a result's description by query id or by a statement that names
 * it, its chunks as they lie on disk. A process of its own; prints its address, and ends when its stdin does. The body of a
 * POST to /sets names the folder of a dataset to serve as well; the answer is its index. Drivers that ask for Arrow unless
 * told otherwise get it, where the folder has it.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { dieWithParent } from '../local/aws/die-with-parent.ts';
import { listen, readBody } from '../local/aws/http.ts';
import type { ArrowResult } from './arrow.ts';
import type { Dataset } from './dataset.ts';
import { answerToDriver, gateOf, isArrowDriver, sessionOf, type Asked } from './drivers.ts';
import { datasetOf, queryIdOf } from './query-ids.ts';
import { tables } from './tables.ts';

type Bodies = { rows: number; bytes: number; body: Buffer }[];
type Served = Omit<Dataset, 'folder'> & { json: Bodies; arrow: { inline: string; bodies: Bodies } | null };

const sets: Served[] = [];
/** `last`: when the last statement with a result came. */
const asked = { chunks: 0, statements: 0, gates: 0, last: 0 };

function load(folder: string): number {
  const set = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Omit<Dataset, 'folder'>;
  const json = set.chunks.map(({ file, ...chunk }) => ({ ...chunk, body: readFileSync(join(folder, file)) }));
  return sets.push({ ...set, json, arrow: loadArrow(folder) }) - 1;
}

function loadArrow(folder: string): Served['arrow'] {
  const description = join(folder, 'arrow.json');
  if (!existsSync(description)) return null;
  const { inline, chunks } = JSON.parse(readFileSync(description, 'utf8')) as ArrowResult;
  const bodies = chunks.map(({ file, ...chunk }) => ({ ...chunk, body: readFileSync(join(folder, file)) }));
  return { inline, bodies };
}

const TYPES: Record<string, string> = { NUMBER: 'fixed', VARCHAR: 'text' };
const TEXT_LENGTH = 16_777_216;

/** A scan's columns are all text; those of a plain SELECT have their types. */
function rowtypeOf({ table, width }: Served) {
  const text = (name: string) => ({ name, type: 'text', nullable: true });
  if (tables[table].typed !== true) return Array.from({ length: width }, (_, at) => text(`C${at}`));
  return tables[table].columns.map(({ name, type, precision, scale, nullable }) => {
    const length = type === 'VARCHAR' || type === 'VARIANT' ? TEXT_LENGTH : null;
    return {
      ...{ name, database: 'BENCH', schema: 'PUBLIC', table: 'FLIGHTS', nullable, precision, collation: null },
      type: TYPES[type] ?? type.toLowerCase(),
      scale: type.startsWith('TIMESTAMP') ? 9 : scale,
      length,
      byteLength: length,
    };
  });
}

function description(set: Served, index: number, wantsArrow: boolean) {
  const arrow = wantsArrow ? set.arrow : null;
  const format = arrow === null ? 'json' : 'arrow';
  return {
    queryId: queryIdOf(index),
    rowtype: rowtypeOf(set),
    queryResultFormat: format,
    ...(arrow === null ? { rowset: set.inline } : { rowsetBase64: arrow.inline }),
    total: set.rows,
    returned: set.rows,
    version: 1,
    chunks: (arrow?.bodies ?? set.json).map(({ rows, bytes, body }, at) => ({
      url: `${server.url}/chunks/${index}/${at}/${format}`,
      rowCount: rows,
      uncompressedSize: bytes,
      compressedSize: body.length,
    })),
    chunkHeaders: {},
  };
}

/** `SELECT ... -- set 3`, or what drivers ask besides. */
function resultOfStatement(body: Buffer, arrow: boolean) {
  const statement = JSON.parse(body.toString()) as Asked;
  if (statement.sqlText.includes('LAST_CHANGE_COMMIT_TIME')) {
    asked.gates++;
    return gateOf(statement);
  }
  const named = /\bset (\d+)/.exec(statement.sqlText);
  if (named === null) return answerToDriver(statement, []);
  const index = Number(named[1]);
  const set = sets[index]!;
  const first = 10 ** 9; // what tables.ts begins to count from
  const past = Number(statement.bindings?.['1']?.value ?? -1) >= first + set.rows - 1;
  if (statement.describeOnly === true || past) return answerToDriver(statement, rowtypeOf(set));
  asked.statements++;
  asked.last = Date.now();
  return { ...answerToDriver(statement, []), ...description(set, index, arrow) };
}

function resultOf(path: string, first: string, body: Buffer, arrow: boolean): unknown {
  if (path === 'session' && first === 'v1') return sessionOf(body);
  if (path !== 'queries') return null;
  if (first === 'v1') return resultOfStatement(body, arrow);
  const index = datasetOf(first);
  return description(sets[index]!, index, false);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, kind = '', first = '', second, format] = new URL(request.url ?? '', 'http://host').pathname.split('/');
  if (kind === 'chunks') {
    asked.chunks++;
    const set = sets[Number(first)]!;
    const { body } = (format === 'arrow' ? set.arrow!.bodies : set.json)[Number(second)]!;
    const type = 'binary/octet-stream';
    const headers = { 'content-type': type, 'content-encoding': 'gzip', 'content-length': body.length };
    response.writeHead(200, headers).end(body);
    return;
  }
  const sent = await readBody(request);
  const body = sent[0] === 0x1f && sent[1] === 0x8b ? gunzipSync(sent) : sent;
  if (kind === 'sets') return void response.end(String(load(body.toString())));
  if (kind === 'asked') return void response.end(JSON.stringify(asked));
  const data = resultOf(kind, first, body, isArrowDriver(request.headers.authorization));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ success: true, code: null, message: null, data }));
}

dieWithParent();
const server = await listen((request, response) => void answer(request, response));
console.log(server.url);
