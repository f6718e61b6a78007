/** The broker's listener: one request at a time per connection, in order, as Kafka's brokers work. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, OpenRequest, Reply } from './api.ts';
import type { Broker } from './broker.ts';
import { CODE } from './codes.ts';
import type { Events } from './events.ts';
import { Faults } from './faults.ts';
import { frameReader } from './frames.ts';
import { APIS } from './apis/table.ts';
import { readRequestHeader, requestName } from './request.ts';
import type { RequestHeader, SeenRequest } from './request.ts';
import { Writer } from './wire.ts';
import { writeFrame } from './write-frame.ts';

const API_VERSIONS = 18;
const BEFORE_AUTHENTICATION = new Set([17, API_VERSIONS, 36]);
/** Requests read ahead of the one being answered; more than a well-behaved client has in flight. */
const READ_AHEAD = 8;

export class KafkaServer {
  readonly faults = new Faults();
  readonly #broker: Broker;
  readonly #events: Events;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #connections = 0;
  #requests = 0;

  constructor(broker: Broker, events: Events) {
    this.#broker = broker;
    this.#events = events;
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  get counts(): { connections: number; open: number; requests: number } {
    return { connections: this.#connections, open: this.#sockets.size, requests: this.#requests };
  }

  async listen(): Promise<void> {
    const { host } = this.#broker.address;
    this.#server.listen(this.#broker.options.port, host);
    await once(this.#server, 'listening');
    this.#broker.address.port = (this.#server.address() as net.AddressInfo).port;
  }

  closeConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.faults.clear();
    this.closeConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: net.Socket): void {
    socket.setNoDelay(true);
    this.#connections += 1;
    this.#sockets.add(socket);
    const closed = new AbortController();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      closed.abort();
    });
    const connection: Connection = {
      number: this.#connections,
      socket,
      caller: { clientId: '', authenticated: this.#broker.options.users === null, closed: closed.signal },
      waiting: [],
      busy: false,
    };
    const feed = frameReader((frame) => {
      connection.waiting.push(frame);
      if (connection.waiting.length >= READ_AHEAD) socket.pause();
      void this.#work(connection);
    });
    socket.on('data', (chunk) => {
      try {
        feed(chunk);
      } catch {
        socket.destroy();
      }
    });
  }

  async #work(connection: Connection): Promise<void> {
    if (connection.busy) return;
    connection.busy = true;
    for (let frame = connection.waiting.shift(); frame !== undefined; frame = connection.waiting.shift()) {
      try {
        await this.#serve(connection, frame);
      } catch {
        // A request that can't be read: Kafka closes the connection as well.
        connection.socket.destroy();
      }
      if (connection.waiting.length < READ_AHEAD) connection.socket.resume();
    }
    connection.busy = false;
  }

  async #serve(connection: Connection, frame: Buffer): Promise<void> {
    const header = readRequestHeader(frame);
    this.#requests += 1;
    if (header.api === null) {
      if (header.key !== API_VERSIONS)
        throw new Error(`${requestName(header)} v${String(header.version)} is not served`);
      return send(connection, header, unsupportedVersion());
    }
    connection.caller.clientId = header.clientId;
    if (!connection.caller.authenticated && !BEFORE_AUTHENTICATION.has(header.key))
      throw new Error('not authenticated');
    const request = header.api.open(header.body, header.version);
    const seen: SeenRequest = {
      ...request.facts,
      api: header.api.name,
      version: header.version,
      clientId: header.clientId,
      connection: connection.number,
    };
    const event = this.#events.add(seen);

    const before = await this.#meet('request', connection, seen, request);
    if (before === 'stop') return;
    const answer = before === 'go' ? await request.answer(this.#broker, connection.caller) : before;
    const after = await this.#meet('reply', connection, seen, request);
    this.#events.answered(event, answer?.code ?? CODE.NONE);
    if (after === 'stop' || answer === null) return;
    await send(connection, header, after === 'go' ? answer : after);
  }

  /** What the faults have for this request at this point: go on, stop here, or another reply. */
  async #meet(
    at: 'request' | 'reply',
    connection: Connection,
    seen: SeenRequest,
    request: OpenRequest,
  ): Promise<'go' | 'stop' | Reply> {
    const fault = this.faults.take(at, seen);
    if (fault === null) return 'go';
    const { action } = fault;
    if (action === 'drop') return 'stop';
    if (action === 'close') {
      connection.socket.destroy();
      return 'stop';
    }
    if (action === 'hold') await fault.released;
    else if ('delayMs' in action) await sleep(action.delayMs);
    else return request.fail(action.error);
    return 'go';
  }
}

type Connection = { number: number; socket: net.Socket; caller: Caller; waiting: Buffer[]; busy: boolean };

async function send(connection: Connection, header: RequestHeader, reply: Reply): Promise<void> {
  const writer = new Writer().int32(header.correlationId);
  // ApiVersions never has a tagged reply header; the other flexible versions do.
  if (header.api !== null && header.version >= header.api.flexibleFrom) writer.tags();
  reply.write(writer);
  await writeFrame(connection.socket, writer.chunks());
}

function unsupportedVersion(): Reply {
  const code = CODE.UNSUPPORTED_VERSION;
  return {
    code,
    write: (writer) => {
      writer
        .int16(code)
        .array([...APIS.values()], (api) => writer.int16(api.key).int16(api.versions[0]).int16(api.versions[1]));
    },
  };
}
