/** The broker's listeners, one a node: one request at a time per connection, in order, as Kafka's brokers work. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, Caller, OpenRequest, Reply } from './api.ts';
import type { Broker } from './broker.ts';
import { CODE } from './codes.ts';
import type { Events } from './events.ts';
import { Faults } from './faults.ts';
import { frameReader } from './frames.ts';
import { APIS } from './apis/table.ts';
import { readRequestHeader, requestName } from './request.ts';
import type { Node } from './nodes.ts';
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
  readonly #servers = new Map<number, net.Server>();
  /** With the node each came to. */
  readonly #sockets = new Map<net.Socket, number>();
  #connections = 0;
  #requests = 0;

  constructor(broker: Broker, events: Events) {
    this.#broker = broker;
    this.#events = events;
  }

  get counts(): { connections: number; open: number; requests: number } {
    return { connections: this.#connections, open: this.#sockets.size, requests: this.#requests };
  }

  async listen(): Promise<void> {
    const { nodes, options } = this.#broker;
    for (const node of nodes.all) node.port = await this.#open(node, node.id === 1 ? options.port : 0);
  }

  closeConnections(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** The node is gone: its connections are closed, new ones are refused, others lead and coordinate in its place. */
  async takeDown(id: number): Promise<void> {
    this.#broker.nodes.setUp(id, false);
    for (const [socket, node] of this.#sockets) if (node === id) socket.destroy();
    const server = this.#servers.get(id);
    this.#servers.delete(id);
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** The node is back at its address, and leads and coordinates what it did before. */
  async bringUp(id: number): Promise<void> {
    const node = this.#broker.nodes.get(id);
    if (!this.#servers.has(id)) await this.#open(node, node.port);
    this.#broker.nodes.setUp(id, true);
  }

  async close(): Promise<void> {
    this.faults.clear();
    this.closeConnections();
    await Promise.all([...this.#servers.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Returns the port. */
  async #open(node: Node, port: number): Promise<number> {
    const server = net.createServer((socket) => this.#accept(socket, node.id)).listen(port, node.host);
    this.#servers.set(node.id, server);
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  }

  #accept(socket: net.Socket, node: number): void {
    socket.setNoDelay(true);
    this.#connections += 1;
    this.#sockets.set(socket, node);
    const closed = new AbortController();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      closed.abort();
    });
    const connection: Connection = {
      number: this.#connections,
      socket,
      caller: { node, clientId: '', authenticated: this.#broker.options.users === null, closed: closed.signal },
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
    const answer = before === 'go' ? await this.#answer(header.api, request, connection.caller) : before;
    const after = await this.#meet('reply', connection, seen, request);
    this.#events.answered(event, answer?.code ?? CODE.NONE);
    if (after === 'stop' || answer === null) return;
    await send(connection, header, after === 'go' ? answer : after);
  }

  #answer({ coordinator }: Api, request: OpenRequest, caller: Caller): Promise<Reply | null> {
    const { group, transactionalId } = request.facts;
    const key = coordinator === 'group' ? group : transactionalId;
    const isElsewhere =
      coordinator !== null &&
      key !== undefined &&
      this.#broker.nodes.coordinatorOf(coordinator, key).id !== caller.node;
    if (isElsewhere) return Promise.resolve(request.fail(CODE.NOT_COORDINATOR));
    return request.answer(this.#broker, caller);
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
  if (header.api !== null && header.key !== API_VERSIONS && header.version >= header.api.flexibleFrom) writer.tags();
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
