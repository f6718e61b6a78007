/**
 * The kinds of faults, each with how it is brought about. Most lie in wait on the wire for the request that they are
 * meant for; each kind is wanted equally often, so that the one furthest behind comes next.
 */
import type { Stack } from '../../local/demo/stack.ts';
import { Random } from '../../local/demo/random.ts';
import { faultNames, type FaultName, type FaultRule } from '../../local/snowflake/server/types.ts';
import type { Account } from './account.ts';
import { FAILED, senderOf, THROTTLED, watchWire, type Act, type Point, type WireRequest } from './wire.ts';
import { freeze } from './zombies.ts';

/** Brokers that can be hurt; what the one at hand can't do is null. */
export type BrokerFaults = {
  kill: (() => Promise<void>) | null;
  pause: (() => Promise<void>) | null;
  moveLeader: (() => Promise<void>) | null;
};

/** Waits for a request: undefined lets it pass and waits on. */
type Ambush = (request: WireRequest, point: Point, code: number | null) => Act | undefined;
type Kind = { name: string; share: number; begin: (done: () => void) => Ambush | Promise<void> | void };

/** Not every frozen worker is overtaken in time. */
const FROZEN_SHARE = 1.5;
/** An ambush that nobody comes to is given up. */
const PATIENCE_MS = 4_000;
/** The codes with which each type is refused, as a cluster in motion does. */
const BUSY: Record<string, number[]> = {
  'kafka Produce': [6, 7, 19, 20],
  'kafka AddPartitionsToTxn': [51, 16, 14],
  'kafka AddOffsetsToTxn': [51, 16, 14],
  'kafka TxnOffsetCommit': [16, 14, 7],
  'kafka InitProducerId': [51, 14, 15, 16],
  'kafka OffsetFetch': [88, 16, 14],
  'kafka FindCoordinator': [15],
};
const SCANS = 'CHANGES *\\(|AT\\(TIMESTAMP';
/** Statements of the functions, not of the writers. */
const OURS = `^SHOW |^DESCRIBE |RESULT_SCAN|CHANGES *\\(|CONVERT_TIMEZONE\\('UTC', CURRENT|^ALTER SESSION`;

export class Chaos {
  readonly #stack: Stack;
  readonly #account: Account;
  readonly #random: Random;
  readonly #goal: number;
  readonly #kinds: Kind[];
  readonly #ambushes = new Map<string, Ambush>();
  readonly #stalled = new Set<number>();
  readonly #busy = new Set<string>();
  readonly #stopWatching: () => void;
  readonly #background = new Set<Promise<void>>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(stack: Stack, account: Account, brokers: BrokerFaults, goal: number, seed: number) {
    this.#stack = stack;
    this.#account = account;
    this.#random = new Random(seed);
    this.#goal = goal;
    this.#kinds = [
      ...this.#kafka(),
      ...this.#brokers(brokers),
      ...this.#lambda(),
      ...this.#aws(),
      ...this.#snowflake(),
    ];
    this.#stopWatching = watchWire(stack, (request, point, code) => this.#meet(request, point, code));
  }

  /** Kinds that have not yet come often enough. */
  behind(): string[] {
    return this.#kinds
      .filter(({ name, share }) => (this.#account.faults[name] ?? 0) < Math.ceil(share * this.#goal))
      .map(({ name }) => name);
  }

  /** `progress` in [0, 1] paces the kinds over the run. */
  start(everyMs: number, progress: () => number): void {
    this.#loop = (async () => {
      while (!this.#stopped) {
        this.#next(progress());
        await sleep(this.#random.whole(1, 2 * everyMs));
      }
    })();
  }

  /** Nothing is done to anybody any more; what was held goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ambushes.clear();
    this.#stalled.clear();
    await this.#loop;
    await Promise.all(this.#background);
    await this.#stack.snowflake!.control.clearFaults();
    this.#stack.kafkaProxy!.closeConnections();
  }

  close(): void {
    this.#stopWatching();
  }

  #next(progress: number): void {
    const ratio = ({ name, share }: Kind) => (this.#account.faults[name] ?? 0) / (share * this.#goal);
    const waiting = this.#kinds.filter((kind) => !this.#busy.has(kind.name) && ratio(kind) < progress + 0.02);
    if (waiting.length === 0) return;
    const kind = this.#random.pick(waiting);
    this.#busy.add(kind.name);
    const began = kind.begin(() => this.#end(kind.name, true));
    if (typeof began === 'function') {
      this.#ambushes.set(kind.name, began);
      setTimeout(() => this.#end(kind.name, false, began), PATIENCE_MS);
      return;
    }
    if (began === undefined) return this.#end(kind.name, false);
    const work = began.catch((error: unknown) => this.#stack.log(`chaos: ${kind.name}: ${String(error)}`));
    this.#background.add(work);
    void work.then(() => {
      this.#background.delete(work);
      this.#end(kind.name, false);
    });
  }

  #end(name: string, happened: boolean, ambush?: Ambush): void {
    if (ambush !== undefined && this.#ambushes.get(name) !== ambush) return;
    if (happened) this.#happened(name);
    this.#ambushes.delete(name);
    this.#busy.delete(name);
  }

  #happened(name: string): void {
    this.#account.fault(name);
    this.#stack.log(`chaos: ${name}`);
  }

  #meet(request: WireRequest, point: Point, code: number | null): Act {
    this.#account.seen(request, point, code);
    const act =
      this.#stalled.has(request.connection) && request.wire === 'kafka' ? 'hang' : this.#ask(request, point, code);
    this.#account.done(request, point, code, act);
    return act;
  }

  #ask(request: WireRequest, point: Point, code: number | null): Act {
    for (const ambush of this.#ambushes.values()) {
      const act = ambush(request, point, code);
      if (act !== undefined) return act;
    }
    return 'pass';
  }

  /** At one of the next few requests that match. */
  #at(
    name: string,
    point: Point,
    matches: (request: WireRequest, code: number | null) => boolean,
    act: (request: WireRequest) => Act | undefined,
    share = 1,
    skip = 3,
  ): Kind {
    const begin = (done: () => void): Ambush => {
      let left = this.#random.whole(0, skip);
      return (request, at, code) => {
        if (at !== point || !matches(request, code) || left-- > 0) return undefined;
        const chosen = act(request);
        if (chosen !== undefined) done();
        return chosen;
      };
    };
    return { name, share, begin };
  }

  #kafka(): Kind[] {
    const kafka = ({ wire, type }: WireRequest) => wire === 'kafka' && type !== 'kafka EndTxn';
    const end = ({ type }: WireRequest) => type === 'kafka EndTxn';
    const close = (): Act => 'close';
    const hang = (): Act => 'hang';
    return [
      this.#at('kafka request lost', 'request', kafka, hang),
      this.#at('kafka request cut', 'request', kafka, close),
      this.#at('kafka reply lost', 'reply', kafka, hang),
      this.#at('kafka reply cut', 'reply', kafka, close),
      this.#at('kafka delayed', 'request', kafka, () => ({ delayMs: this.#random.whole(50, 1_000) })),
      this.#at(
        'kafka broker error',
        'request',
        ({ type }) => BUSY[type] !== undefined,
        ({ type }) => ({ error: this.#random.pick(BUSY[type]!) }),
      ),
      this.#at('kafka half-open', 'request', kafka, ({ connection }) => {
        this.#stalled.add(connection);
        return 'hang';
      }),
      this.#at('commit not sent', 'request', end, close, 1.05, 1),
      this.#at('commit reply lost', 'reply', (request, code) => end(request) && code === 0, close, 1.05, 1),
      {
        name: 'kafka all connections closed',
        share: 1,
        begin: () => {
          this.#happened('kafka all connections closed');
          this.#stack.kafkaProxy!.closeConnections();
        },
      },
    ];
  }

  #brokers({ kill, pause, moveLeader }: BrokerFaults): Kind[] {
    const kinds = { 'broker killed': kill, 'broker paused': pause, 'leader moved': moveLeader };
    return Object.entries(kinds).flatMap(([name, run]) =>
      run === null ? [] : [{ name, share: 1, begin: () => run().then(() => this.#happened(name)) }],
    );
  }

  #lambda(): Kind[] {
    const kill = (request: WireRequest): Act | undefined => (this.#kill(request) ? 'close' : undefined);
    const produced = ({ type }: WireRequest, code: number | null) => type === 'kafka Produce' && code === 0;
    return [
      this.#at('worker killed in a transaction', 'reply', produced, kill),
      this.#at('worker killed before the store', 'request', ({ type }) => type === 'dynamodb commit', kill),
      this.#at('worker killed', 'reply', ({ type, wire }) => wire !== 'snowflake' && !/meta|events/.test(type), kill),
      this.#at('planner killed', 'reply', ({ type }) => /meta|snowflake (gate|scan|ranges|show)/.test(type), kill),
      this.#at(
        'worker frozen',
        'reply',
        produced,
        (request) => {
          const pid = senderOf(this.#stack, request);
          if (pid === null) return undefined;
          const thawed = freeze(this.#stack, this.#account, pid, request.worker!).finally(() =>
            this.#background.delete(thawed),
          );
          this.#background.add(thawed);
          return 'pass';
        },
        FROZEN_SHARE,
      ),
    ];
  }

  #kill(request: WireRequest): boolean {
    const pid = senderOf(this.#stack, request);
    return pid !== null && this.#stack.aws.signal((invocation) => invocation.pid === pid) > 0;
  }

  #aws(): Kind[] {
    const store = ({ type }: WireRequest) => type.startsWith('dynamodb');
    const events = ({ type }: WireRequest) => type.startsWith('events');
    return [
      this.#at('dynamodb throttled', 'request', store, () => ({ error: THROTTLED })),
      this.#at('dynamodb failed', 'request', store, () => ({ error: FAILED })),
      this.#at('dynamodb request lost', 'request', store, () => 'close'),
      this.#at('dynamodb reply lost', 'reply', store, () => 'close'),
      this.#at('dynamodb silent', 'reply', store, () => 'hang'),
      this.#at('event request lost', 'request', events, () => 'close'),
      this.#at('event reply lost', 'reply', events, () => 'close'),
    ];
  }

  #snowflake(): Kind[] {
    return faultNames.map((fault) => ({
      name: `snowflake ${fault}`,
      share: 1,
      begin: () => this.#place(fault),
    }));
  }

  async #place(fault: FaultName): Promise<void> {
    const { control } = this.#stack.snowflake!;
    const { id } = await control.fault(ruleOf(fault, this.#random));
    // A master token is looked at when a session's token is renewed.
    if (fault === 'master-expired') await control.fault(ruleOf('session-expired', this.#random));
    const deadline = performance.now() + PATIENCE_MS;
    try {
      while (!this.#stopped && performance.now() < deadline) {
        await sleep(250);
        const hits = (await control.faults()).find((rule) => rule.id === id)?.hits ?? 0;
        if (hits === 0) continue;
        this.#happened(`snowflake ${fault}`);
        return;
      }
    } finally {
      await control.clearFaults(id);
    }
  }
}

function ruleOf(fault: FaultName, random: Random): FaultRule {
  const rule: FaultRule = { fault, times: 1 };
  if (!fault.endsWith('login') && fault !== 'login-refused') rule.sql = OURS;
  // Facts of objects come inline from Snowflake; here only these windows are large enough not to.
  if (fault.startsWith('chunk-')) rule.sql = SCANS;
  if (fault === 'master-expired') {
    delete rule.sql;
    rule.path = 'token-request';
  }
  if (fault === 'error') return { ...rule, code: '000603', sqlState: 'XX000', message: 'injected' };
  if (fault === 'slow-query' || fault === 'slow-login' || fault === 'chunk-stalled') rule.ms = random.whole(100, 1_000);
  if (fault === 'history-lost' || fault === 'tracking-missing' || fault === 'future-data') rule.sql = 'CHANGES *\\(';
  return rule;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
