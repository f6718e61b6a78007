/** One function: a queue of invocations and the environments that serve them, cold ones started as concurrency asks. */
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { parseEmf } from '../emf.ts';
import type { FunctionSpec } from '../template/resources.ts';
import { Environment } from './environment.ts';
import type { Counters, Invocation, Notices, Outcome, Source } from './notices.ts';
import type { RuntimeApi } from './runtime-api.ts';

export type FunctionOptions = {
  environment: Record<string, string>;
  /** Environments at most, when the template reserves none. */
  concurrency: number;
  /** After which an idle environment is ended. */
  idleMs: number;
  /** Length of a minute, for the pauses between Lambda's repetitions. */
  minuteMs: number;
};

type Queued = {
  event: unknown;
  source: Source;
  attempt: number;
  since: number;
  done: (outcome: Outcome) => void;
};

export class LocalFunction {
  readonly spec: FunctionSpec;
  readonly #api: RuntimeApi;
  readonly #options: FunctionOptions;
  readonly #notices: EventEmitter<Notices>;
  readonly #counters: Counters;
  readonly #environments = new Map<Environment, Invocation | null>();
  readonly #idle = new Map<Environment, NodeJS.Timeout>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #queue: Queued[] = [];
  #closed = false;

  constructor(
    spec: FunctionSpec,
    api: RuntimeApi,
    options: FunctionOptions,
    notices: EventEmitter<Notices>,
    counters: Counters,
  ) {
    this.spec = spec;
    this.#api = api;
    this.#options = options;
    this.#notices = notices;
    this.#counters = counters;
  }

  /** Waits for an environment, then for the outcome. */
  invoke(event: unknown, source: Source, attempt = 1): Promise<Outcome> {
    return new Promise((done) => {
      this.#queue.push({ event, source, attempt, since: Date.now(), done });
      this.#pump();
    });
  }

  /** Lambda's asynchronous invocation: queued, repeated after failures as the template says, given up when too old. */
  async invokeLater(event: unknown, source: Source): Promise<void> {
    const since = Date.now();
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.invoke(event, source, attempt);
      if (this.#closed || 'payload' in outcome) return;
      const old = Date.now() - since > this.spec.maxAgeMs;
      if (attempt > this.spec.retries || old) {
        this.#counters.undelivered++;
        const reason = outcome.failure.message;
        this.#notices.emit('undelivered', { function: this.spec.name, event, reason });
        return;
      }
      await this.#pause(attempt * this.#options.minuteMs);
    }
  }

  /** Environments that run, with what they run now. */
  environments(): { environment: Environment; invocation: Invocation | null }[] {
    return [...this.#environments].map(([environment, invocation]) => ({ environment, invocation }));
  }

  /** Ends what idles, as Lambda may at any time: the next invocation finds a new process. */
  endIdle(): void {
    for (const environment of [...this.#idle.keys()]) this.#end(environment);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of [...this.#idle.values(), ...this.#pauses]) clearTimeout(timer);
    const failure = { reason: 'killed', type: 'Closed', message: 'the local stack was stopped' } as const;
    for (const { done } of this.#queue.splice(0)) done({ failure });
    await Promise.all([...this.#environments.keys()].map((environment) => environment.close()));
  }

  #pump(): void {
    const limit = Math.min(this.spec.concurrency ?? Infinity, this.#options.concurrency);
    while (this.#queue.length > 0 && !this.#closed) {
      // The one that was used last, as Lambda does: others come to the end of their idle time.
      const warm = [...this.#idle.keys()].at(-1);
      if (warm === undefined && this.#environments.size >= limit) return;
      const queued = this.#queue.shift()!;
      if (queued.source !== 'direct' && Date.now() - queued.since > this.spec.maxAgeMs) {
        queued.done({ failure: { reason: 'error', type: 'EventAgeExceeded', message: 'the event is too old' } });
        continue;
      }
      void this.#serve(warm ?? this.#start(), queued);
    }
  }

  #start(): Environment {
    const id = randomUUID();
    const environment = new Environment(this.spec, this.#api.address(id), this.#options.environment, {
      line: (line) => this.#line(environment, line),
      close: () => {
        this.#api.forget(id);
        this.#environments.delete(environment);
        clearTimeout(this.#idle.get(environment));
        this.#idle.delete(environment);
        this.#pump();
      },
    });
    this.#api.register(id, environment);
    this.#environments.set(environment, null);
    return environment;
  }

  async #serve(environment: Environment, queued: Queued): Promise<void> {
    clearTimeout(this.#idle.get(environment));
    this.#idle.delete(environment);
    const { event, source, attempt } = queued;
    const { pid, cold } = environment;
    const invocation: Invocation = { id: randomUUID(), function: this.spec.name, event, source, attempt, pid, cold };
    this.#environments.set(environment, invocation);
    this.#counters.invocations++;
    if (cold) this.#counters.cold++;
    const since = performance.now();
    const ended = environment.run({ id: invocation.id, event });
    this.#notices.emit('start', invocation);
    const outcome = await ended;
    const durationMs = performance.now() - since;
    const maxMemoryBytes = environment.maxMemoryBytes();
    if (!environment.dead) this.#rest(environment);
    this.#count(outcome);
    this.#notices.emit('end', { ...invocation, outcome, durationMs, maxMemoryBytes });
    queued.done(outcome);
    this.#pump();
  }

  #rest(environment: Environment): void {
    this.#environments.set(environment, null);
    this.#idle.set(
      environment,
      setTimeout(() => this.#end(environment), this.#options.idleMs),
    );
  }

  #end(environment: Environment): void {
    clearTimeout(this.#idle.get(environment));
    this.#idle.delete(environment); // nobody takes it any more
    void environment.close();
  }

  #count(outcome: Outcome): void {
    if ('payload' in outcome) return;
    this.#counters.errors++;
    if (outcome.failure.reason === 'timeout') this.#counters.timeouts++;
    if (outcome.failure.reason === 'killed') this.#counters.kills++;
  }

  #line(environment: Environment, line: string): void {
    const invocation = this.#environments.get(environment)?.id ?? null;
    const about = { function: this.spec.name, invocation };
    const metrics = parseEmf(line);
    if (metrics === null) this.#notices.emit('log', { ...about, pid: environment.pid, line });
    for (const metric of metrics ?? []) this.#notices.emit('metric', { ...metric, ...about });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#pauses.delete(timer);
        resolve();
      }, ms);
      this.#pauses.add(timer);
    });
  }
}
