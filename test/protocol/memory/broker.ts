/**
 * Kafka's side of transactions, per transactional id, as the protocol leans on it: the last InitProducerId wins; it aborts
 * what is open and waits for what is being committed; requests of an earlier epoch are refused whenever they arrive; records
 * are visible once their transaction is committed, in the order of their offsets; group offsets expire.
 */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { Marker } from '../../../lambdas/protocol/ports/kafka.ts';

export type MemoryRecord = {
  topic: string;
  topicPartition: number;
  key: string;
  value: string | null;
  /** Number of the transaction that it became visible with. */
  commit?: number;
};
type Entry = MemoryRecord & { state: 'open' | 'committed' | 'aborted' };
type Committed = { marker: Marker; at: number } | null;

/** What a transactional id is at: `prepared` is decided, but its end is not written everywhere yet. */
type Owner = {
  epoch: number;
  state: 'empty' | 'ongoing' | 'prepared' | 'complete';
  partitions: Set<string>;
  entries: Entry[];
  /** TxnOffsetCommit of the transaction. */
  offset: Marker | null;
  offsetsAdded: boolean;
  /** First and next sequence of the last batch per topicPartition. */
  sequences: Map<string, { first: number; next: number }>;
  marker: Committed;
  history: { entries: Entry[]; before: Committed }[];
};

/** "Not yet": the client asks again. */
export const WAIT = Symbol('wait');

export class Broker {
  readonly log: Entry[] = [];
  readonly #owners = new Map<string, Owner>();
  readonly #now: () => number;
  readonly #retentionMs: number;
  readonly counts = { aborted: 0, fenced: 0, expired: 0 };
  #commits = 0;

  constructor(now: () => number, retentionMs: number) {
    this.#now = now;
    this.#retentionMs = retentionMs;
  }

  #owner(id: string): Owner {
    let owner = this.#owners.get(id);
    if (owner === undefined) {
      owner = {
        epoch: 0,
        state: 'empty',
        partitions: new Set(),
        entries: [],
        offset: null,
        offsetsAdded: false,
        sequences: new Map(),
        marker: null,
        history: [],
      };
      this.#owners.set(id, owner);
    }
    return owner;
  }

  initProducerId(id: string): number | typeof WAIT {
    const owner = this.#owner(id);
    if (owner.state === 'prepared') return (this.#complete(owner), WAIT);
    if (owner.state === 'ongoing') {
      for (const entry of owner.entries) entry.state = 'aborted';
      this.counts.aborted++;
      this.#end(owner, 'empty');
    }
    owner.state = 'empty';
    owner.sequences.clear();
    return ++owner.epoch;
  }

  /** With require_stable. */
  offsetFetch(id: string): Marker | null | typeof WAIT {
    const owner = this.#owner(id);
    if (owner.state === 'prepared') this.#complete(owner);
    else if (owner.offset === null) return this.#marker(owner);
    return WAIT;
  }

  addPartitions(id: string, epoch: number, partitions: string[]): void | typeof WAIT {
    const owner = this.#mine(id, epoch);
    if (owner.state === 'prepared') return (this.#complete(owner), WAIT);
    owner.state = 'ongoing';
    for (const partition of partitions) owner.partitions.add(partition);
  }

  produce(id: string, epoch: number, sequence: number, records: MemoryRecord[]): void {
    const owner = this.#mine(id, epoch);
    const { topic, topicPartition } = records[0]!;
    const partition = `${topic}/${topicPartition}`;
    const last = owner.sequences.get(partition);
    if (last?.first === sequence && last.next === sequence + records.length) return;
    if (owner.state !== 'ongoing' || !owner.partitions.has(partition)) throw failed('INVALID_TXN_STATE');
    if (sequence !== (last?.next ?? 0)) throw failed('OUT_OF_ORDER_SEQUENCE_NUMBER');
    owner.sequences.set(partition, { first: sequence, next: sequence + records.length });
    const entries = records.map((record): Entry => ({ ...record, state: 'open' }));
    this.log.push(...entries);
    owner.entries.push(...entries);
  }

  /** Of an idempotent producer, which no transaction holds back: a batch that comes again is dropped, nothing else is refused. */
  produceAtOnce(id: string, sequence: number, records: MemoryRecord[]): void {
    const { topic, topicPartition } = records[0]!;
    const partition = `${topic}/${topicPartition}`;
    const { sequences } = this.#owner(id);
    const last = sequences.get(partition);
    if (last !== undefined && sequence < last.next) return;
    if (sequence !== (last?.next ?? 0)) throw failed('OUT_OF_ORDER_SEQUENCE_NUMBER');
    sequences.set(partition, { first: sequence, next: sequence + records.length });
    this.log.push(...records.map((record): Entry => ({ ...record, state: 'committed' })));
  }

  addOffsets(id: string, epoch: number): void {
    const owner = this.#mine(id, epoch);
    if (owner.state !== 'ongoing') throw failed('INVALID_TXN_STATE');
    owner.offsetsAdded = true;
  }

  txnOffsetCommit(id: string, epoch: number, marker: Marker): void {
    const owner = this.#mine(id, epoch);
    if (owner.state !== 'ongoing' || !owner.offsetsAdded) throw failed('INVALID_TXN_STATE');
    owner.offset = structuredClone(marker);
  }

  endTxn(id: string, epoch: number): void {
    const owner = this.#mine(id, epoch);
    if (owner.state === 'empty') throw failed('INVALID_TXN_STATE');
    if (owner.state === 'ongoing') owner.state = 'prepared';
  }

  /** What a consumer with read_committed sees once everything is decided. */
  visible(): MemoryRecord[] {
    for (const owner of this.#owners.values()) if (owner.state === 'prepared') this.#complete(owner);
    return this.log.filter(({ state }) => state === 'committed');
  }

  /** The marker that stands, whether or not it is visible yet. */
  committed(id: string): Marker | null {
    const owner = this.#owner(id);
    return (owner.state === 'prepared' ? owner.offset : null) ?? owner.marker?.marker ?? null;
  }

  /** The last committed transaction is gone, records and marker, as after an election of a replica that lacks it. */
  loseLastCommit(id: string): boolean {
    const owner = this.#owner(id);
    if (owner.state === 'prepared') this.#complete(owner);
    const last = owner.history.pop();
    if (last === undefined) return false;
    for (const entry of last.entries) entry.state = 'aborted';
    owner.marker = last.before;
    return true;
  }

  #mine(id: string, epoch: number): Owner {
    const owner = this.#owner(id);
    if (owner.epoch === epoch) return owner;
    this.counts.fenced++;
    throw new SnowmeltError('KAFKA_FENCED', `epoch ${epoch} of ${id}, now ${owner.epoch}`);
  }

  #complete(owner: Owner): void {
    const commit = ++this.#commits;
    for (const entry of owner.entries) Object.assign(entry, { state: 'committed', commit });
    owner.history.push({ entries: owner.entries, before: owner.marker });
    if (owner.offset !== null) owner.marker = { marker: owner.offset, at: this.#now() };
    this.#end(owner, 'complete');
  }

  #end(owner: Owner, state: 'empty' | 'complete'): void {
    Object.assign(owner, { state, entries: [], offset: null, offsetsAdded: false, partitions: new Set() });
  }

  #marker(owner: Owner): Marker | null {
    if (owner.marker !== null && this.#now() - owner.marker.at > this.#retentionMs) {
      owner.marker = null;
      this.counts.expired++;
    }
    return owner.marker === null ? null : structuredClone(owner.marker.marker);
  }
}

function failed(code: string): SnowmeltError {
  return new SnowmeltError('KAFKA_FAILED', code);
}
