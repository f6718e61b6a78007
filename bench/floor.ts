/**
 * The floor of reading: HTTP, gunzip, JSON.parse, nothing else. What everything else is measured against, so it is frozen:
 * it is never changed after its first commit, and imports nothing of ours.
 *
 *   node floor.ts <address> <query id>      prints one line of JSON
 */
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

type Description = {
  data: { rowset: unknown[][]; chunks: { url: string; rowCount: number; uncompressedSize: number }[] };
};

const [address = '', queryId = ''] = process.argv.slice(2);
const AHEAD = 2; // Downloaded and unzipped while another one is parsed.
const agent = new http.Agent({ keepAlive: true });
const unzip = promisify(gunzip) as (body: Buffer, options: { chunkSize: number }) => Promise<Buffer>;

function get(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers: { authorization: 'Snowflake Token="token"' } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
      response.on('end', () => resolve(Buffer.concat(parts)));
    });
    request.on('error', reject);
  });
}

const stalls = monitorEventLoopDelay({ resolution: 5 });
stalls.enable();
const cpu = process.cpuUsage();
const began = performance.now();

const described = JSON.parse((await get(`${address}/queries/${queryId}/result`)).toString()) as Description;
const { rowset, chunks } = described.data;
let [rows, bytes] = [rowset.length, 0];
const texts: Promise<Buffer>[] = [];
for (let at = 0; at < chunks.length; at++) {
  for (const { url, uncompressedSize } of chunks.slice(texts.length, at + 1 + AHEAD)) {
    texts.push(get(url).then((body) => unzip(body, { chunkSize: uncompressedSize + 64 })));
  }
  const text = (await texts[at])!;
  texts[at] = Promise.resolve(Buffer.alloc(0));
  const parsed = JSON.parse(`[${text.toString()}]`) as unknown[][];
  if (parsed.length !== chunks[at]!.rowCount) throw new Error('a chunk of another length');
  rows += parsed.length;
  bytes += text.length;
}

const wallMs = performance.now() - began;
const total = process.cpuUsage();
const totalCpuMs = (total.user + total.system) / 1000;
const cpuMs = totalCpuMs - (cpu.user + cpu.system) / 1000;
const rssMb = process.resourceUsage().maxRSS / 1024;
const stallMs = stalls.max / 1e6;
console.log(JSON.stringify({ rows, bytes, wallMs, cpuMs, totalCpuMs, rssMb, stallMs }));
process.exit();
