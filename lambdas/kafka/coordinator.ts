/**
 * A coordinator of the cluster (of a transactional id or of a group): found when first needed, remembered until it says
 * that it is not the one. FindCoordinator is asked directly, so that its authorization errors are seen as what they are.
 */
import type { Connections } from './connections.ts';
import type { Link } from './link.ts';
import { BrokerError, CODE, isConnectionError } from './failures.ts';
import { type Names, neededRight } from './names.ts';
import { type Api, type Args, type Reply, call } from './requests.ts';
import { Attempts } from './retry.ts';

type Answering = { [A in Api]: Reply<A> extends { errorCode: number } ? A : never }[Api];

const MOVED = new Set<number>([CODE.coordinatorNotAvailable, CODE.notCoordinator]);
const ALWAYS_RETRIED = new Set<number>([CODE.coordinatorLoading, ...MOVED]);

export type AskOptions = {
  deadline: number;
  /** Codes that mean "not yet", beside those of a coordinator that loads or moves. */
  waitFor: readonly number[];
  /** Whether to ask again when the answer got lost: only for what may be done twice, and late. */
  repeatable: boolean;
};

export class Coordinator {
  readonly #connections: Connections;
  readonly #type: 'group' | 'transaction';
  readonly #names: Names;
  #address: string | null = null;

  constructor(connections: Connections, type: 'group' | 'transaction', names: Names) {
    this.#connections = connections;
    this.#type = type;
    this.#names = names;
  }

  /** Asks until the answer's code is 0. @throws BrokerError, or kafkajs' connection errors */
  async ask<A extends Api>(
    api: A,
    args: Args<A>,
    codeOf: (reply: Reply<A>) => number,
    { deadline, waitFor, repeatable }: AskOptions,
  ): Promise<Reply<A>> {
    for (const attempts = new Attempts(deadline); ;) {
      let sent = false;
      try {
        const link = await this.#link();
        sent = true;
        const reply = await call(this.#connections, link, api, args);
        const code = codeOf(reply);
        if (code === 0) return reply;
        throw new BrokerError(code, `${api} of ${this.#names.transactionalId}`, neededRight(this.#names, api, code));
      } catch (error) {
        if (this.#connections.closed || !this.#mayRetry(error, waitFor, repeatable || !sent)) throw error;
        if (!(await attempts.next())) throw error;
      }
    }
  }

  /** Also forgets the address when it may be wrong. */
  #mayRetry(error: unknown, waitFor: readonly number[], repeatable: boolean): boolean {
    if (error instanceof BrokerError) {
      if (MOVED.has(error.brokerCode)) this.#address = null;
      return ALWAYS_RETRIED.has(error.brokerCode) || waitFor.includes(error.brokerCode);
    }
    this.#address = null;
    return repeatable && isConnectionError(error);
  }

  async #link(): Promise<Link> {
    this.#address ??= await this.#find();
    return this.#connections.at(this.#address);
  }

  async #find(): Promise<string> {
    const { group, transactionalId } = this.#names;
    const [groupId, coordinatorType] = this.#type === 'group' ? [group, 0] : [transactionalId, 1];
    const link = await this.#connections.any();
    const reply = await call(this.#connections, link, 'GroupCoordinator', { groupId, coordinatorType });
    const code = reply.errorCode;
    if (code !== 0) {
      throw new BrokerError(code, `FindCoordinator of ${groupId}`, neededRight(this.#names, 'GroupCoordinator', code));
    }
    return `${reply.coordinator.host}:${reply.coordinator.port}`;
  }
}

export function errorCodeOf(reply: Reply<Answering>): number {
  return reply.errorCode;
}
