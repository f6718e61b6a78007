/** A network between a client and a broker: round trip and bandwidth as set, each direction by itself, nothing reordered. */
import { once } from 'node:events';
import net from 'node:net';

export type Wire = { roundTripMs: number; bytesPerSecond: number };

/** Held back at most, in each direction: what is on the way, and a router's buffer. */
const BUFFER_BYTES = 4 * 1024 * 1024;

export class ShapedPort {
  wire: Wire = { roundTripMs: 0, bytesPerSecond: Infinity };
  /** `host:port` of the broker behind it; may be set after the start. */
  target = '';
  readonly #server = net.createServer((client) => this.#connect(client));
  readonly #sockets = new Set<net.Socket>();

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as net.AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: net.Socket): void {
    const colon = this.target.lastIndexOf(':');
    const broker = net.connect(Number(this.target.slice(colon + 1)), this.target.slice(0, colon));
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      this.#shape(one, other);
    }
  }

  /** Pieces leave in the order in which they came: timers of their own would overtake each other. */
  #shape(from: net.Socket, to: net.Socket): void {
    const queue: { due: number; bytes: Buffer }[] = [];
    let free = 0;
    let held = 0;
    let timer = false;
    const forward = () => {
      timer = false;
      for (const now = performance.now(); queue.length > 0 && queue[0]!.due <= now;) {
        const { bytes } = queue.shift()!;
        held -= bytes.length;
        if (!to.destroyed) to.write(bytes);
      }
      if (held <= BUFFER_BYTES) from.resume();
      wait();
    };
    const wait = () => {
      if (timer || queue.length === 0) return;
      timer = true;
      setTimeout(forward, Math.max(0, queue[0]!.due - performance.now()));
    };
    from.on('data', (bytes: Buffer) => {
      free = Math.max(free, performance.now()) + (bytes.length / this.wire.bytesPerSecond) * 1000;
      held += bytes.length;
      queue.push({ due: free + this.wire.roundTripMs / 2, bytes });
      if (held > BUFFER_BYTES) from.pause();
      wait();
    });
  }
}
