/** A headless Chromium over its DevTools protocol, on a pipe: enough to open pages and to ask them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';
import type { Readable, Writable } from 'node:stream';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The one on PATH, else what CHROMIUM names; null: there is none. */
export function findChromium(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...paths, process.env['CHROMIUM'] ?? ''].find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== '';
  } catch {
    return false;
  }
}

type Message = { id?: number; method?: string; sessionId?: string; params?: object; result?: object; error?: object };

export class Chromium {
  readonly #process: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'snowmelt-chromium-'));
  readonly #waiting = new Map<number, { resolve: (result: object) => void; reject: (error: Error) => void }>();
  /** What was asked for over the network, of all pages. */
  readonly requested: string[] = [];
  /** Of the pages that are being opened, by session. */
  readonly #loading = new Map<string, () => void>();
  #asked = 0;

  constructor(path: string) {
    const flags = [
      '--headless',
      '--disable-gpu',
      '--no-first-run',
      '--remote-debugging-pipe',
      `--user-data-dir=${this.#folder}`,
      // The browser itself calls nobody.
      '--disable-background-networking',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ];
    this.#process = spawn(path, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    let text = '';
    (this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (text + chunk).split('\0');
      text = parts.pop()!;
      for (const part of parts) this.#receive(JSON.parse(part) as Message);
    });
    this.#process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium ended'));
    });
  }

  #receive({ id, method, sessionId, params, result, error }: Message): void {
    if (method === 'Network.requestWillBeSent') {
      this.requested.push((params as { request: { url: string } }).request.url);
    }
    if (method === 'Page.loadEventFired') this.#loading.get(sessionId!)?.();
    const waiting = this.#waiting.get(id ?? -1);
    if (waiting === undefined) return;
    this.#waiting.delete(id!);
    if (error === undefined) waiting.resolve(result ?? {});
    else waiting.reject(new Error(JSON.stringify(error)));
  }

  #send(method: string, params: object, sessionId?: string): Promise<object> {
    const id = ++this.#asked;
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Answers how to send to the page, which is as wide as told, and what a function of this body gives there, once it is not null. */
  async open(url: string, width: number, height = 800) {
    const { targetId } = (await this.#send('Target.createTarget', { url: 'about:blank' })) as { targetId: string };
    const attach = { targetId, flatten: true };
    const { sessionId } = (await this.#send('Target.attachToTarget', attach)) as { sessionId: string };
    const send = (method: string, params: object = {}) => this.#send(method, params, sessionId);
    await send('Network.enable');
    await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await send('Page.enable');
    const loaded = new Promise<void>((resolve) => this.#loading.set(sessionId, resolve));
    await send('Page.navigate', { url });
    await loaded;
    const ask = async <T>(question: string): Promise<T> => {
      const expression = `new Promise((resolve) => {
        const question = () => { ${question} };
        const ask = () => { const answer = question(); if (answer !== null) resolve(answer); };
        new MutationObserver(ask).observe(document, { subtree: true, childList: true, attributes: true });
        ask();
      })`;
      const asked = { expression, awaitPromise: true, returnByValue: true };
      const answer = (await send('Runtime.evaluate', asked)) as { result: { value: T }; exceptionDetails?: object };
      if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
      return answer.result.value;
    };
    return { send, ask };
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    await this.#send('Browser.close', {}).catch(() => undefined);
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
