/** `status --web` as a person runs it, on a real table, over HTTP and in a browser. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceStatus } from '../../cli/source-status.ts';
import type { Stuck } from '../../cli/web/stuck.ts';
import type { PartitionState, StoredError } from '../../lambdas/protocol/ports/state.ts';
import type { Position } from '../../lambdas/protocol/position.ts';
import { layout, META, startTable, window, type TestTable } from '../checkpoints/table.ts';
import { Chromium, findChromium } from './chromium.ts';
import { writeShop } from './shop.ts';

const PLANTED = `<img src="/x" onerror="document.title = 'planted'"></script><script>document.title = 'planted'</script>`;
const FAR = Date.now() + 3_600_000;

let table: TestTable;
let folder: string;
let config: string;
let command: ChildProcess;
let url: string;
beforeAll(async () => {
  table = await startTable();
  await fill();
  folder = await mkdtemp(join(tmpdir(), 'snowmelt-web-'));
  config = await writeShop(folder, table);
  const program = new URL('../../cli/snowmelt.js', import.meta.url).pathname;
  command = spawn(process.execPath, [program, 'status', '--web', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(command.stdout!.setEncoding('utf8'), 'data')) as [string];
  ({ url } = JSON.parse(printed) as { url: string });
});
afterAll(async () => {
  command.kill();
  await table.close();
  await rm(folder, { recursive: true });
});

/** Partition 0 is in window 2, and window 4 is a barrier; partition 1 has stopped before window 1. */
async function fill(): Promise<void> {
  const { store } = table;
  const range = (partition: number, start: number, rows: number) => ({ partition, start, rows, hash: '1' });
  await store.create('orders', META);
  await store.putPartitions('orders', 2);
  await store.putLayout('orders', layout(1, 2));
  const ranges = [[range(0, 0, 4), range(1, 4, 2)], [range(0, 0, 10), range(1, 10, 5)], [range(0, 0, 3)]];
  for (const [i, of] of ranges.entries()) await store.putWindow('orders', window(i + 1, { ranges: of }));
  await store.putWindow('orders', window(4, { kind: 'schema', totalRows: 1, ranges: [range(0, 0, 1)] }));
  await end(0, { window: 2, row: 4 }, null, 'active');
  await end(1, null, { code: 'KAFKA_LOST_DATA', message: PLANTED, at: 1_000 }, 'needs-operator');
  await store.create('invoices', META);
  await store.updateMeta('invoices', { lastError: { code: 'OBJECT_MISSING', message: `no table ${PLANTED}`, at: 1 } });
}

async function end(partition: number, position: Position | null, failed: StoredError | null, state: PartitionState) {
  const acquired = await table.store.acquire('orders', partition, 'w', 1_000, FAR);
  if (!('lease' in acquired)) throw new Error('not acquired');
  let { lease } = acquired;
  if (position !== null)
    lease = (await table.store.commit(lease, { position, marked: null, leaseUntil: FAR, now: 1_000 }))!;
  await table.store.release(lease, { closeOpen: true, failed, failures: 0, state });
}

type Answer = { status: number; headers: Record<string, unknown>; body: string };

function ask(path: string, options: { host?: string; method?: string } = {}): Promise<Answer> {
  const { port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const { method = 'GET' } = options;
    const asked = request({ host: '127.0.0.1', port, path, method, headers: { host: options.host ?? host } });
    asked.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    asked.end();
  });
}

describe('over HTTP', () => {
  test('only its own scripts run, under a nonce that is new each time', async () => {
    const nonces = [];
    for (const path of ['/', '/runbook']) {
      const { status, headers, body } = await ask(path);
      expect(status).toBe(200);
      const policy = String(headers['content-security-policy']);
      const [, nonce] = /^default-src 'none'; script-src 'nonce-([^']+)';/.exec(policy)!;
      expect(body).toContain(`nonce="${nonce}"`);
      expect(body).not.toContain('{{');
      nonces.push(nonce);
    }
    expect(new Set(nonces).size).toBe(2);
  });

  test('whoever comes under another name, with another method or for another file is refused', async () => {
    const { port } = new URL(url);
    const status = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status;
    for (const path of ['/', '/events', '/page.js']) {
      expect(await status(path, { host: `rebound.example:${port}` })).toBe(403);
      expect(await status(path, { host: `127.0.0.1.rebound.example:${port}` })).toBe(403);
      expect(await status(path, { method: 'POST' })).toBe(405);
    }
    expect(await status('/', { host: `localhost:${port}` })).toBe(200);
    for (const path of ['/server.ts', '/../server.ts', '/constructor']) expect(await status(path)).toBe(404);
    await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow('fetch failed');
  });

  test('how the sources are comes as events', async () => {
    const response = await fetch(new URL('/events', url));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split('\n\n').length > 2) break;
    }
    const told = text.split('\n\n').slice(0, 2);
    const [first, second] = told.map((event) => {
      expect(event).toMatch(/^event: status\ndata: /);
      return JSON.parse(event.slice(event.indexOf('{'))) as { sources: SourceStatus[]; stuck: Stuck[] };
    });
    expect(first!.sources.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['orders', 'needs-operator'],
      ['invoices', 'not-started'],
    ]);
    expect(first!.stuck.map(({ source, partition, entry, run }) => ({ source, partition, entry, run }))).toEqual([
      {
        source: 'orders',
        partition: 1,
        entry: 'KAFKA_LOST_DATA',
        run: [
          `npx snowmelt recover orders --config ${config}`,
          `npx snowmelt recover orders --config ${config} --take marker --reason "Kafka lost data"`,
        ],
      },
      { source: 'invoices', partition: null, entry: 'OBJECT_MISSING', run: [] },
    ]);
    expect(first!.sources[0]!.partitions[0]!.rowsPerSecond).toBeNull();
    expect(second!.sources[0]!.partitions[0]!.rowsPerSecond).toBe(0);
  });
});

type Shown = {
  title: string;
  foreign: number;
  summary: string[];
  sources: string[];
  strips: string[];
  stuck: string[];
  cells: number[];
  tooWide: number;
};

/** Asked in the page. Two looks: before the second there is no rate. */
const SHOWN = `
  const texts = (of) => [...document.querySelectorAll(of)].map((one) => one.textContent);
  if (!texts('#sources figcaption').some((text) => text.startsWith('rows/s 0'))) return null;
  return {
    title: document.title,
    foreign: document.querySelectorAll('img, body script').length,
    summary: texts('#summary'),
    sources: texts('#sources h2'),
    strips: [...document.querySelectorAll('.strip svg')].map((one) => one.getAttribute('aria-label')),
    stuck: texts('#stuck article'),
    cells: ['done', 'in-progress', 'waiting', 'held'].map((state) => texts('.strip .' + state + '[d^=M]').length),
    tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };`;

test('in a browser: sources, strip and what is stuck; what is planted is text', async ({ skip }) => {
  const path = findChromium();
  if (path === null) return skip('no Chromium on PATH, nor in CHROMIUM');
  const chromium = new Chromium(path);
  try {
    const { send, ask } = await chromium.open(url, 400);
    const page = await ask<Shown>(SHOWN);
    expect(page).toMatchObject({ title: 'Snowmelt', foreign: 0, cells: [1, 1, 2, 1], tooWide: 0 });
    expect(page.summary[0]).toContain('2 of 2 sources need a look');
    expect(page.sources).toEqual(['orders needs an operator', 'invoices nothing was read of it yet']);
    expect(page.strips).toEqual([
      'orders, partition 0: 1 done, 1 in progress, 1 waiting, 1 held',
      'orders, partition 1: 2 waiting',
    ]);
    expect(page.stuck[0]).toContain(PLANTED);
    expect(page.stuck[0]).toContain('What to do: npx snowmelt recover SOURCE --take marker sends again');
    expect(page.stuck[1]).toContain(`no table ${PLANTED}`);

    const scheme = async (value: string) => {
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
      return ask<string>('return getComputedStyle(document.body).backgroundColor');
    };
    expect(await scheme('dark')).not.toBe(await scheme('light'));

    const entry = await ask<string>(`return document.querySelector('#stuck a').getAttribute('href')`);
    const other = await chromium.open(new URL(entry, url).href, 400);
    expect(await other.ask(`return document.querySelector(':target')?.textContent ?? null`)).toBe('KAFKA_LOST_DATA');
    expect(chromium.requested.length).toBeGreaterThan(4);
    expect(chromium.requested.filter((one) => !one.startsWith(url))).toEqual([]);
  } finally {
    await chromium.close();
  }
});
