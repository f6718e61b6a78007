/**
 * Kills publishing processes, placed and counted by what passes on the wire to Kafka and to DynamoDB:
 * at random; in an open transaction (a Produce was answered by the broker, EndTxn not yet asked for); after the broker's
 * reply to EndTxn and before the store's write, which is held, and lost with the process.
 */
import type { KafkaProxy } from '../kafka/proxy.ts';
import type { AwsCall, Interceptor } from '../aws/interceptors.ts';
import { Random } from './random.ts';

export type KillCounts = { kills: number; killsInTransaction: number; killsBeforeStore: number };

export type KillTargets = {
  proxy: Pick<KafkaProxy, 'onRequest' | 'onReply'>;
  intercept: (interceptor: Interceptor) => () => void;
  /** Sends SIGKILL to the process that publishes this source and partition; false: none does. */
  kill: (worker: Worker) => boolean;
  /** Workers that publish now. */
  running: () => Worker[];
  /** Is told of each kill. */
  log: (line: string) => void;
};

export type Worker = { source: string; partition: number };

type Place = 'random' | 'inTransaction' | 'beforeStore';

const weights: Record<Place, number> = { random: 3, inTransaction: 4, beforeStore: 3 };
/** A place that nobody comes to is given up after this. */
const PATIENCE_MS = 1_500;
/** After so many kills without a write to the store between them a worker is left alone until it makes one. */
const IN_A_ROW = 2;

export class Killer {
  readonly counts: KillCounts = { kills: 0, killsInTransaction: 0, killsBeforeStore: 0 };
  /** Transactions that the broker has committed. */
  transactions = 0;
  readonly #targets: KillTargets;
  readonly #random: Random;
  /** Names of workers with an open transaction: a Produce was answered and EndTxn has not come. */
  readonly #open = new Set<string>();
  /** Names of workers whose commit the broker has answered and the store does not have. */
  readonly #committed = new Set<string>();
  readonly #sinceStored = new Map<string, number>();
  readonly #removers: (() => void)[];
  #armed: { place: Place; skip: number; done: (killed: boolean) => void } | null = null;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(targets: KillTargets, seed: number) {
    this.#targets = targets;
    this.#random = new Random(seed);
    this.#removers = [
      targets.proxy.onRequest((request) => {
        const worker = workerOf(request.transactionalId);
        if (worker !== null && (request.api === 'EndTxn' || request.api === 'InitProducerId'))
          this.#open.delete(nameOf(worker));
        return 'pass';
      }),
      targets.proxy.onReply((request, code) => {
        const worker = workerOf(request.transactionalId);
        if (worker === null) return 'pass';
        const name = nameOf(worker);
        if (request.api === 'EndTxn' || request.api === 'InitProducerId') {
          targets.log(`${request.api} ${name} answered ${code}`);
        }
        if (request.api === 'EndTxn' && request.commit === true && code === 0) {
          this.transactions++;
          this.#committed.add(name);
        }
        if (request.api === 'InitProducerId') this.#committed.delete(name);
        if (request.api !== 'Produce') return 'pass';
        this.#open.add(name);
        return this.#at('inTransaction', worker) ? 'close' : 'pass';
      }),
      targets.intercept((call) => {
        const worker = storedBy(call);
        if (worker === null) return undefined;
        const name = nameOf(worker);
        return {
          before: () => (this.#committed.has(name) && this.#at('beforeStore', worker) ? 'drop' : 'pass'),
          after: () => {
            if (this.#committed.delete(name)) this.#sinceStored.delete(name);
            return 'pass';
          },
        };
      }),
    ];
  }

  /** Kills about every `everyMs`, as long as there is somebody to kill. */
  start(everyMs: number): void {
    this.#stopped = false;
    this.#loop = (async () => {
      while (!this.#stopped) {
        const began = performance.now();
        await this.#killOne();
        await sleep(Math.max(20, everyMs - (performance.now() - began)));
      }
    })();
  }

  /** Resolves when nothing will be killed any more; goes on counting. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#armed?.done(false);
    await this.#loop;
  }

  close(): void {
    for (const remove of this.#removers) remove();
  }

  async #killOne(): Promise<void> {
    const place = this.#random.weighted(weights);
    if (place === 'random') {
      const candidates = this.#targets.running().filter((worker) => !this.#spared(worker));
      if (candidates.length > 0) this.#kill(this.#random.pick(candidates), place);
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#armed?.done(false), PATIENCE_MS);
      const done = () => {
        clearTimeout(timer);
        this.#armed = null;
        resolve();
      };
      this.#armed = { place, skip: this.#random.whole(0, 2), done };
    });
  }

  /** Somebody has come to a place: kills if that is what is waited for. */
  #at(place: Place, worker: Worker): boolean {
    const armed = this.#armed;
    if (armed === null || armed.place !== place || this.#spared(worker)) return false;
    if (armed.skip-- > 0) return false;
    if (!this.#kill(worker, place)) return false;
    armed.done(true);
    return true;
  }

  #kill(worker: Worker, place: Place): boolean {
    const name = nameOf(worker);
    if (!this.#targets.kill(worker)) return false;
    this.counts.kills++;
    if (place === 'beforeStore') this.counts.killsBeforeStore++;
    else if (this.#open.has(name)) this.counts.killsInTransaction++;
    this.#targets.log(`kill ${name} ${place}${this.#open.has(name) ? ', transaction open' : ''}`);
    this.#sinceStored.set(name, (this.#sinceStored.get(name) ?? 0) + 1);
    return true;
  }

  #spared(worker: Worker): boolean {
    return (this.#sinceStored.get(nameOf(worker)) ?? 0) >= IN_A_ROW;
  }
}

const nameOf = ({ source, partition }: Worker): string => `${source}/${partition}`;

/** From `snowmelt:<app>:<source>:<partition>`. */
export function workerOf(transactionalId: string | null | undefined): Worker | null {
  const [, , source, partition] = /^(snowmelt):[^:]+:([^:]+):(\d+)$/.exec(transactionalId ?? '') ?? [];
  return source === undefined ? null : { source, partition: Number(partition) };
}

/** A write that moves a partition's position. */
function storedBy({ service, operation, pk, sk, input }: AwsCall): Worker | null {
  if (service !== 'dynamodb' || operation !== 'UpdateItem') return null;
  const values = input['ExpressionAttributeValues'] as Record<string, unknown> | undefined;
  if (values?.[':position'] === undefined) return null;
  const source = /^source#(.+)$/.exec(pk ?? '')?.[1];
  const partition = /^partition#(\d+)$/.exec(sk ?? '')?.[1];
  return source === undefined || partition === undefined ? null : { source, partition: Number(partition) };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
