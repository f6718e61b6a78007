/** A connection for single requests that kafkajs can't make, to any broker: ready checks, and tests of exact codes. */
import { once } from 'node:events';
import net from 'node:net';
import { frameReader } from './frames.ts';
import { Reader, Writer } from './wire.ts';
import { writeFrame } from './write-frame.ts';

export type RequestOptions = { flexible?: boolean };

export class KafkaConnection {
  readonly #socket: net.Socket;
  readonly #clientId: string;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, (reply: Reader | Error) => void>();
  #correlationId = 0;

  private constructor(socket: net.Socket, clientId: string, timeoutMs: number) {
    this.#socket = socket;
    this.#clientId = clientId;
    this.#timeoutMs = timeoutMs;
    const feed = frameReader((frame) => {
      const reader = new Reader(frame);
      this.#waiting.get(reader.int32())?.(reader);
    });
    socket.setNoDelay(true);
    socket.on('data', feed);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      for (const settle of [...this.#waiting.values()]) settle(new Error('connection closed'));
    });
  }

  /** `broker` is `host:port`. Rejects when it can't be reached. */
  static async open(broker: string, { clientId = 'requests', timeoutMs = 10_000 } = {}): Promise<KafkaConnection> {
    const colon = broker.lastIndexOf(':');
    const socket = net.connect(Number(broker.slice(colon + 1)), broker.slice(0, colon));
    await once(socket, 'connect');
    return new KafkaConnection(socket, clientId, timeoutMs);
  }

  /** Sends one request; the reader stands at the body of the reply. Rejects on a closed connection and after the time-out. */
  request(
    key: number,
    version: number,
    body: (writer: Writer) => void,
    { flexible = false }: RequestOptions = {},
  ): Promise<Reader> {
    this.#correlationId += 1;
    const id = this.#correlationId;
    const writer = new Writer().int16(key).int16(version).int32(id).string(this.#clientId);
    if (flexible) writer.tags();
    body(writer);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error('no reply in time')), this.#timeoutMs);
      const settle = (reply: Reader | Error): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (reply instanceof Error) return reject(reply);
        if (flexible) reply.tags();
        resolve(reply);
      };
      this.#waiting.set(id, settle);
      if (this.#socket.destroyed) return settle(new Error('connection closed'));
      void writeFrame(this.#socket, writer.chunks());
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export type ClusterView = {
  brokers: Map<number, string>;
  leaders: Map<number, number>;
  replicas: Map<number, number[]>;
};

/** Metadata v4 of one topic, or of none: the brokers by node id, the leading node and the replicas of each partition. */
export async function readMetadata(connection: KafkaConnection, topic: string | null): Promise<ClusterView> {
  const reply = await connection.request(3, 4, (writer) => {
    writer.array(topic === null ? [] : [topic], (name) => writer.string(name)).boolean(false);
  });
  reply.int32();
  const brokers = new Map<number, string>();
  reply.array(() => {
    const id = reply.int32();
    brokers.set(id, `${reply.string()}:${String(reply.int32())}`);
    reply.nullableString();
  });
  reply.nullableString();
  reply.int32();
  const leaders = new Map<number, number>();
  const replicas = new Map<number, number[]>();
  reply.array(() => {
    reply.int16();
    reply.string();
    reply.boolean();
    reply.array(() => {
      reply.int16();
      const partition = reply.int32();
      leaders.set(partition, reply.int32());
      replicas.set(
        partition,
        reply.array(() => reply.int32()),
      );
      reply.array(() => reply.int32());
    });
  });
  return { brokers, leaders, replicas };
}

/** FindCoordinator v1. */
export async function findCoordinator(
  connection: KafkaConnection,
  kind: 'group' | 'transaction',
  key: string,
): Promise<{ code: number; broker: string }> {
  const reply = await connection.request(10, 1, (writer) => writer.string(key).int8(kind === 'group' ? 0 : 1));
  reply.int32();
  const code = reply.int16();
  reply.nullableString();
  reply.int32();
  return { code, broker: `${reply.string()}:${String(reply.int32())}` };
}
