/** Brings one batch to its topicPartition's leader, wherever that goes meanwhile. */
import type { Codec } from './compression.ts';
import type { Connections } from './connections.ts';
import type { Link } from './link.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import type { Lane } from './lane.ts';
import type { Leaders } from './metadata.ts';
import { type Names, neededRight } from './names.ts';
import { frame, produce } from './produce.ts';
import type { RecordBatch } from './record-batch.ts';
import { Attempts } from './retry.ts';
import type { Session } from './session.ts';

/** Codes after which the same batch is sent again: it is not in the log, or the broker recognises it by its sequence. */
const REPEATED = new Set<number>([
  CODE.unknownTopic,
  CODE.leaderNotAvailable,
  CODE.notLeader,
  CODE.requestTimedOut,
  CODE.notEnoughReplicas,
  CODE.notEnoughReplicasAfterAppend,
  CODE.storageError,
]);

/** Each attempt also looks for the leader again: not too often while one is being elected. */
const LONGEST_WAIT_MS = 200;

export type SenderParts = {
  connections: Connections;
  leaders: Leaders;
  session: Session;
  names: Names;
  /** The constant part of a request (produce.ts). */
  head: Buffer;
  codec: Codec | null;
  requestTimeoutMs: number;
};

export class Sender {
  readonly #parts: SenderParts;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Resolves with the last record's offset when the leader acknowledged the batch. @throws BrokerError, kafkajs' connection errors */
  async send(lane: Lane, batch: RecordBatch, stopped: () => boolean): Promise<number> {
    const { session, names, head, codec, requestTimeoutMs, leaders } = this.#parts;
    if (codec !== null) await batch.compress(codec);
    const { producerId, producerEpoch } = session;
    batch.seal({ producerId, producerEpoch, sequence: lane.takeSequence(batch.records), time: Date.now() });
    const request = frame(head, batch, lane.partition);
    const deadline = Date.now() + 2 * requestTimeoutMs;
    for (const attempts = new Attempts(deadline, LONGEST_WAIT_MS); ;) {
      try {
        const link = await this.#leader(lane.partition);
        const { code, baseOffset } = await produce(this.#parts.connections, link, request, names.topic, lane.partition);
        if (code === 0) return baseOffset + batch.records - 1;
        const what = `Produce of ${batch.records} records, ${batch.size} bytes, to ${names.topic}-${lane.partition}`;
        throw new BrokerError(code, what, neededRight(names, 'Produce', code));
      } catch (error) {
        const repeated = error instanceof BrokerError ? REPEATED.has(error.brokerCode) : isConnectionError(error);
        if (!repeated || stopped() || !(await attempts.next()) || stopped()) throw error;
        await leaders.refresh(deadline);
      }
    }
  }

  async #leader(partition: number): Promise<Link> {
    const { leaders, connections, names } = this.#parts;
    const node = leaders.of(partition);
    const address = node === undefined ? undefined : connections.addressOf(node);
    if (address === undefined) throw new BrokerError(CODE.leaderNotAvailable, `Produce to ${names.topic}-${partition}`);
    return connections.at(address);
  }
}
