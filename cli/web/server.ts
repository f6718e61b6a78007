/**
 * The page of `status --web` and of `npm start`. It shows what it is given to every browser on this machine that asks.
 *
 * Only this machine reaches it, and only under its own name: a site whose name was made to point here is refused. Nothing
 * but the page's own files runs or is loaded in it, and its script sets what comes from state as text.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asSnowmeltError, SnowmeltError } from '../../lambdas/errors.ts';
import type { SourceStatus } from '../source-status.ts';
import { SAYS } from '../status-view.ts';
import { History, type Seen } from './history.ts';
import { runbookHtml } from './runbook.ts';
import { stuckOf } from './stuck.ts';

export type StatusPage = {
  readonly url: string;
  /** Whether a browser looks. */
  readonly watched: boolean;
  /** How they are, at a time (ms). */
  show(sources: readonly SourceStatus[], at: number): void;
  /** The sources could not be looked at. */
  fail(error: unknown): void;
  close(): Promise<void>;
};

/** `place`: what commands need to act there, such as `--env prod`. */
export type PageOptions = { app: string; place: string; port?: number };

const HOST = '127.0.0.1';
const OWN_NAMES = /^(127\.0\.0\.1|localhost)(:\d+)?$/;
/** A browser that reads no more is not written for. */
const MAX_UNREAD = 4_000_000;

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** @throws CONFIG_INVALID when the port is taken */
export async function servePage({ app, place, port = 0 }: PageOptions): Promise<StatusPage> {
  const page = read('page.html');
  const runbook = read('runbook.html').replace('{{runbook}}', () => runbookHtml(read('../../docs/runbook.md')));
  const files: Record<string, { type: string; body: string }> = {
    '/': { type: 'text/html', body: page },
    '/runbook': { type: 'text/html', body: runbook },
    '/charts.js': { type: 'text/javascript', body: read('charts.js') },
    '/page.js': { type: 'text/javascript', body: read('page.js') },
    '/page.css': { type: 'text/css', body: read('page.css') },
  };
  const browsers = new Set<ServerResponse>();
  const histories = new Map<string, History>();
  let newest: { sources: readonly SourceStatus[]; at: number } | null = null;

  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    const file = Object.hasOwn(files, path) ? files[path]! : null;
    const refused = refusal(request);
    const nonce = randomBytes(16).toString('base64');
    for (const [name, value] of Object.entries(headers(nonce))) response.setHeader(name, value);
    if (refused !== null) response.writeHead(refused).end();
    else if (path === '/events') listen(response);
    else if (file === null) response.writeHead(404).end();
    else {
      response.setHeader('content-type', `${file.type}; charset=utf-8`);
      response.end(file.body.replaceAll('{{nonce}}', nonce));
    }
  });
  await new Promise<void>((resolve, reject) => {
    const taken = (error: Error) =>
      reject(new SnowmeltError('CONFIG_INVALID', `Port ${port}: ${error.message}. Choose another one with --port.`));
    server.once('error', taken).listen(port, HOST, resolve);
  });

  function listen(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    browsers.add(response);
    response.on('close', () => browsers.delete(response));
    if (newest !== null)
      write(
        response,
        'status',
        view((source) => histories.get(source.name)!.all),
      );
  }

  /** What the script draws; of what was seen before as much as `seen` says. */
  function view(seen: (source: SourceStatus) => Seen) {
    const { sources, at } = newest!;
    const stuck = sources.flatMap((source) => stuckOf(source, place));
    const told = sources.map((source) => ({ ...source, says: SAYS[source.verdict], ...seen(source) }));
    return { app, at, sources: told, stuck: stuck.sort((a, b) => Number(b.stopped) - Number(a.stopped)) };
  }

  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/`,
    get watched() {
      return browsers.size > 0;
    },
    show(sources, at) {
      newest = { sources, at };
      const added = new Map<SourceStatus, Seen>();
      for (const source of sources) {
        const history = histories.get(source.name) ?? new History();
        histories.set(source.name, history);
        added.set(source, history.add(source, at));
      }
      if (browsers.size === 0) return;
      const told = view((source) => added.get(source)!);
      for (const browser of browsers) write(browser, 'status', told);
    },
    fail(error) {
      const { code, message, action } = asSnowmeltError(error);
      for (const browser of browsers) write(browser, 'trouble', { code, message, action });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function write(browser: ServerResponse, event: string, data: object): void {
  if (browser.writableLength > MAX_UNREAD) browser.destroy();
  else browser.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function refusal({ method, headers }: IncomingMessage): number | null {
  if (!OWN_NAMES.test(headers.host ?? '')) return 403;
  return method === 'GET' ? null : 405;
}

function headers(nonce: string): Record<string, string> {
  const sources = `script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'`;
  const closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
  return {
    'content-security-policy': `default-src 'none'; ${sources}; ${closed}`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}
