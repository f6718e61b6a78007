/**
 * Every request of every worker, one at a time, in an order that a seed decides; each can meet a fault.
 *
 * A worker is an invocation. It runs until it asks for something; the request is parked here, and performed when it is
 * picked. So a run is the same each time, whatever interleaves, and a worker can be stopped at any request.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export const FAULTS = [
  /** Fails before it took effect. */
  'not sent',
  /** Took effect; the worker is told that it failed. */
  'reply lost',
  /** The worker is told that it failed; it takes effect a few requests later. */
  'late',
  /** Took effect, and nothing of the worker runs any more. */
  'crash',
  /** The worker stops with its request not yet arrived, another one runs to the end, then it arrives and the worker goes on. */
  'frozen before',
  /** The same, its request arrived and its reply waiting. */
  'frozen after',
  /** Arrives twice, as clients repeat it on their own account; the worker gets the second reply. */
  'twice',
] as const;
export type Fault = (typeof FAULTS)[number];

export type Worker = {
  readonly kind: string;
  state: 'running' | 'frozen' | 'dead' | 'done';
  /** What the port is asked for right now, for the names of the requests behind it. */
  error: unknown;
};

export type Call = { worker: Worker; name: string; repeatable: boolean };
type Request<T> = {
  /** Whether its client repeats it by itself when the reply is lost. */
  repeatable?: boolean;
  effect: () => T;
  /** What the client makes of no reply. */
  lost: (what: string) => Error;
};
type Parked = { call: Call; perform: () => void; thawed: boolean };

type Context = { worker: Worker; port: string };
const context = new AsyncLocalStorage<Context>();
const immediate = () => new Promise<void>((resolve) => setImmediate(resolve));

export class Wire {
  /** Asked once for each request; null: no fault. */
  judge: (call: Call) => Fault | null = () => null;
  /** Which of `n` parked requests is next. */
  pick: (n: number) => number = () => 0;
  /** After how many requests a late one arrives. */
  delay: () => number = () => 3;
  /** Requests performed so far. */
  performed = 0;
  #parked: Parked[] = [];
  #late: { at: number; effect: () => unknown }[] = [];

  /** Starts a worker; it runs while `run` does. */
  spawn(kind: string, work: () => Promise<unknown>): Worker {
    const worker: Worker = { kind, state: 'running', error: null };
    context.run({ worker, port: '' }, () => {
      work().then(
        () => (worker.state = 'done'),
        (error: unknown) => {
          worker.state = 'done';
          worker.error = error;
        },
      );
    });
    return worker;
  }

  /** What is asked for inside `work` is asked for on behalf of `port`. */
  within<T>(port: string, work: () => T): T {
    const here = context.getStore();
    return here === undefined ? work() : context.run({ ...here, port }, work);
  }

  /** A request of the worker that asks. Outside of workers (tests, oracles) it is simply done. */
  request<T>(name: string, request: Request<T>): Promise<T> {
    const here = context.getStore();
    if (here === undefined) return Promise.resolve(request.effect());
    const { worker, port } = here;
    const call = {
      worker,
      name: port === '' || port === name ? name : `${port}: ${name}`,
      repeatable: request.repeatable ?? false,
    };
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settle = (effect: () => T) => {
      try {
        resolve(effect());
      } catch (error) {
        reject(error);
      }
    };
    const parked: Parked = { call, thawed: false, perform: () => undefined };
    const again = (effect: () => T) => {
      worker.state = 'frozen';
      this.#parked.push({ ...parked, thawed: true, perform: () => settle(effect) });
    };
    parked.perform = () => {
      const { effect } = request;
      const fault = this.judge(call);
      const lost = () => reject(request.lost(`${call.name}: ${fault}`));
      switch (fault) {
        case null:
          return settle(effect);
        case 'not sent':
          return lost();
        case 'reply lost':
          attempt(effect);
          return lost();
        case 'late':
          this.#late.push({ at: this.performed + this.delay(), effect });
          return lost();
        case 'crash':
          attempt(effect);
          worker.state = 'dead';
          return;
        case 'frozen before':
          return again(effect);
        case 'frozen after':
          return again(attempt(effect));
        case 'twice':
          if (call.repeatable) attempt(effect);
          return settle(effect);
      }
    };
    this.#parked.push(parked);
    return promise;
  }

  /** Performs requests until no worker that can run has any. */
  async run(): Promise<void> {
    for (;;) {
      await immediate();
      const ready = this.#parked.filter(({ call }) => call.worker.state === 'running');
      if (ready.length === 0) break;
      const next = ready[this.pick(ready.length)]!;
      this.#parked.splice(this.#parked.indexOf(next), 1);
      this.performed++;
      next.perform();
      this.#arrive(this.performed);
    }
    this.#parked = this.#parked.filter(({ call }) => call.worker.state !== 'dead');
  }

  /** Late requests that are due; all of them with Infinity. */
  #arrive(now: number): void {
    for (const { effect } of this.#late.filter(({ at }) => at <= now)) attempt(effect);
    this.#late = this.#late.filter(({ at }) => at > now);
  }

  arriveAll(): void {
    this.#arrive(Infinity);
  }
}

/** Does it now, whatever comes of it; answers what to tell later. */
function attempt<T>(effect: () => T): () => T {
  try {
    const value = effect();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
