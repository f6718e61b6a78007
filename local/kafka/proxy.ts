/**
 * A proxy that understands Kafka's requests, to put in front of the stand-in or of Apache Kafka. Hooks see every
 * request before the broker does and every reply before the client does, and may lose, delay or hold either, or
 * cut the connection; a hook may also kill the client first, which places a worker's death exactly.
 *
 * Clients are kept on the proxy by rewriting the addresses in replies to Metadata and FindCoordinator, for the
 * request versions kafkajs uses.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from './api.ts';
import { frameReader } from './frames.ts';
import { replyCode, rewriteAddresses } from './proxy-replies.ts';
import { readRequestHeader, requestName } from './request.ts';
import type { RequestHeader, SeenRequest } from './request.ts';
import { Writer } from './wire.ts';
import { writeFrame } from './write-frame.ts';

/** A request on its way through; `broker` is the `host:port` it goes to, `port` the client's end of the connection. */
export type ProxiedRequest = SeenRequest & { broker: string; port: number };

/**
 * - `pass`: on its way; the same as returning nothing
 * - `drop`: lost, the connection stays
 * - `close`: lost, and the connection is closed
 * - `delayMs`: passes after that time
 * - `until`: passes when the promise settles, also when the client is gone by then
 * - `error`: the client is answered with this code; a request so refused never reaches the broker
 */
export type Verdict = 'pass' | 'drop' | 'close' | { delayMs: number } | { until: Promise<unknown> } | { error: number };
/** Frames read ahead of the one a hook or the other side is slow with. */
const READ_AHEAD = 16;

type Judged = Verdict | undefined | Promise<Verdict | undefined>;
export type RequestHook = (request: ProxiedRequest) => Judged;
/** `code` is the first error in the reply, 0 for none, null for types whose replies are not looked into. */
export type ReplyHook = (
  request: ProxiedRequest,
  code: number | null,
) => Verdict | undefined | Promise<Verdict | undefined>;

export type KafkaProxy = {
  /** What to give to clients in place of the brokers. */
  brokers: string[];
  /** Hooks are asked in order until one does not let pass. The returned function removes the hook. */
  onRequest(hook: RequestHook): () => void;
  /** The broker has done what was asked. */
  onReply(hook: ReplyHook): () => void;
  closeConnections(): void;
  stop(): Promise<void>;
};

export async function startKafkaProxy(brokers: readonly string[]): Promise<KafkaProxy> {
  const proxy = new Listeners();
  const addresses = await Promise.all(brokers.map((broker) => proxy.addressFor(broker)));
  return {
    brokers: addresses,
    onRequest: (hook) => addTo(proxy.requestHooks, hook),
    onReply: (hook) => addTo(proxy.replyHooks, hook),
    closeConnections: () => proxy.closeConnections(),
    stop: () => proxy.stop(),
  };
}

function addTo<Hook>(hooks: Set<Hook>, hook: Hook): () => void {
  hooks.add(hook);
  return () => void hooks.delete(hook);
}

class Listeners {
  readonly requestHooks = new Set<RequestHook>();
  readonly replyHooks = new Set<ReplyHook>();
  readonly #listeners = new Map<string, Promise<net.Server>>();
  readonly #sockets = new Set<net.Socket>();
  #connections = 0;

  /** The proxy's own address for a broker; listens there from then on. */
  async addressFor(broker: string): Promise<string> {
    let listener = this.#listeners.get(broker);
    if (listener === undefined) this.#listeners.set(broker, (listener = this.#listen(broker)));
    return `127.0.0.1:${String(((await listener).address() as net.AddressInfo).port)}`;
  }

  closeConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const servers = await Promise.all(this.#listeners.values());
    this.closeConnections();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(broker: string): Promise<net.Server> {
    const server = net.createServer((client) => this.#connect(client, broker)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  #connect(client: net.Socket, broker: string): void {
    const colon = broker.lastIndexOf(':');
    const upstream = net.connect(Number(broker.slice(colon + 1)), broker.slice(0, colon));
    this.#connections += 1;
    const number = this.#connections;
    const port = client.remotePort ?? 0;
    const pending = new Map<number, { request: ProxiedRequest; refuse: (code: number) => Buffer | null }>();

    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }

    const requests = pipeFrames(client, upstream, async (frame) => {
      const header = readRequestHeader(frame);
      const opened = header.api?.open(header.body, header.version);
      const { version, clientId, correlationId } = header;
      const api = requestName(header);
      const request = { ...opened?.facts, api, version, clientId, connection: number, broker, port };
      const refuse = (code: number) => (opened === undefined ? null : errorReply(header, opened.fail(code)));
      pending.set(correlationId, { request, refuse });
      const verdict = await judge(this.requestHooks, (hook) => hook(request), client);
      if (verdict === 'pass') return frame;
      pending.delete(correlationId);
      const reply = verdict === 'stop' ? null : refuse(verdict.error);
      if (reply !== null) await writeFrame(client, [reply]);
      return null;
    });
    pipeFrames(upstream, client, async (frame) => {
      const id = frame.readInt32BE(0);
      const known = pending.get(id);
      pending.delete(id);
      if (known === undefined) return frame;
      const { request, refuse } = known;
      const code = replyCode(frame, request.api);
      const verdict = await judge(this.replyHooks, (hook) => hook(request, code), client);
      if (verdict === 'stop') return null;
      if (verdict !== 'pass') return refuse(verdict.error) ?? frame;
      return rewriteAddresses(frame, request.api, request.version, (address) => this.addressFor(address));
    });
    upstream.on('close', () => client.destroy());
    // What a client has sent reaches the broker even if the client is gone by then.
    client.on('close', () => void requests.settled().then(() => upstream.end()));
  }
}

async function judge<Hook>(
  hooks: ReadonlySet<Hook>,
  ask: (hook: Hook) => Judged,
  client: net.Socket,
): Promise<'pass' | 'stop' | { error: number }> {
  for (const hook of [...hooks]) {
    const verdict = (await ask(hook)) ?? 'pass';
    if (verdict === 'pass') continue;
    if (verdict === 'drop') return 'stop';
    if (verdict === 'close') {
      client.destroy();
      return 'stop';
    }
    if ('error' in verdict) return verdict;
    if ('delayMs' in verdict) await sleep(verdict.delayMs);
    else await verdict.until.catch(() => undefined);
    return 'pass';
  }
  return 'pass';
}

/** A reply as the broker would frame it. */
function errorReply(header: RequestHeader, reply: Reply): Buffer {
  const writer = new Writer().int32(header.correlationId);
  if (header.version >= header.api!.flexibleFrom) writer.tags();
  reply.write(writer);
  return writer.toBuffer();
}

/** Moves frames from one socket to the other, in order, each through `pass`, which may change it or lose it. */
function pipeFrames(
  from: net.Socket,
  to: net.Socket,
  pass: (frame: Buffer) => Promise<Buffer | null>,
): { settled(): Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const move = async (frame: Buffer): Promise<void> => {
    const passed = await pass(frame);
    if (passed !== null) await writeFrame(to, [passed]);
    waiting -= 1;
    if (waiting < READ_AHEAD) from.resume();
  };
  const feed = frameReader((frame) => {
    waiting += 1;
    if (waiting >= READ_AHEAD) from.pause();
    last = last.then(() => move(frame)).catch(() => void from.destroy());
  });
  from.on('data', (chunk) => {
    try {
      feed(chunk);
    } catch {
      from.destroy();
    }
  });
  return { settled: () => last };
}
