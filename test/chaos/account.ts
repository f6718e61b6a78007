/** What chaos has done and what came of it, counted by what passed on the wire. */
import type { Worker } from '../../local/demo/kills.ts';
import type { Act, Point, WireRequest } from './wire.ts';

const FENCED = new Set([47, 90]);

export const nameOf = ({ source, partition }: Worker): string => `${source}/${partition}`;

export class Account {
  readonly faults: Record<string, number> = {};
  /** EndTxn whose answer never reached the worker: the broker had committed, or the request never reached it. */
  readonly unknown = { committed: 0, notCommitted: 0 };
  /** Transactions with records on the broker that another InitProducerId ended: their rows were sent again. */
  replays = 0;
  rollForwards = 0;
  transactions = 0;
  reopens = 0;
  /** Answers that told a zombie so. */
  fencings = 0;
  /** Workers that were frozen with records sent and no commit, overtaken meanwhile, thawed, and then refused. */
  readonly zombiesFenced = new Set<number>();
  resumes = 0;
  layouts = 0;
  pauses = 0;
  replaysAsked = 0;
  snapshotsAsked = 0;
  readonly #open = new Set<string>();

  fault(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
  }

  /** Before anything is done to it. */
  seen({ type, worker }: WireRequest, point: Point, code: number | null): void {
    if (worker === null) return;
    const name = nameOf(worker);
    if (point === 'request') {
      if (type === 'kafka InitProducerId' && this.#open.delete(name)) this.replays++;
      return;
    }
    if (type === 'kafka Produce' && code === 0) this.#open.add(name);
    if (type === 'kafka EndTxn' && code === 0) {
      this.#open.delete(name);
      this.transactions++;
    }
    if (code !== null && FENCED.has(code)) this.fencings++;
  }

  /** What was done to it. */
  done({ type }: WireRequest, point: Point, code: number | null, act: Act): void {
    const lost = act === 'close' || act === 'hang' || (typeof act === 'object' && 'error' in act);
    if (type !== 'kafka EndTxn' || !lost) return;
    if (point === 'request') this.unknown.notCommitted++;
    else if (code === 0) this.unknown.committed++;
  }

  isOpen(worker: Worker): boolean {
    return this.#open.has(nameOf(worker));
  }
}
