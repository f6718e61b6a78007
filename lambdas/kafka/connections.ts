/**
 * Connections to the brokers: one per address, opened when first asked for, dropped at the first sign of trouble.
 *
 * A connection that failed once is destroyed, and the next request opens another. What one is made of stands in link.ts.
 */
import { SnowmeltError } from '../errors.ts';
import { asKafkaError, isConnectionError, isRefusal } from './failures.ts';
import { connect, destroy, isOpen, isWaiting, makeLink, type Link } from './link.ts';
import { pause } from './retry.ts';
import { checkVersions } from './requests.ts';

export type ConnectionSettings = {
  clientId: string;
  /** `host:port` each. */
  brokers: string[];
  tls: boolean | { ca?: string; cert?: string; key?: string };
  sasl:
    | { mechanism: string; username: string; password: string }
    | { mechanism: 'oauthbearer'; oauthBearerProvider: () => Promise<{ value: string }> }
    | null;
  requestTimeoutMs: number;
  /** Whether the brokers must have transactions. */
  transactions: boolean;
  /** What there is to sign in with by now; null: nothing but what was refused. Absent: there never is. */
  renewed?: () => Promise<SignIn | null>;
};
export type SignIn = Pick<ConnectionSettings, 'tls' | 'sasl'>;

/** Times that all addresses are tried before the cluster counts as unreachable. */
const ROUNDS = 3;
/** Brokers, balancers and firewalls forget connections that are older or were idle for longer, without a word. */
const MAX_AGE_MS = 8 * 60_000;
const MAX_IDLE_MS = 60_000;

export class Connections {
  #settings: ConnectionSettings;
  #renewing: Promise<SignIn | null> | null = null;
  readonly #links = new Map<string, Link>();
  #nodes = new Map<number, string>();
  #next: number;
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
    this.#next = Math.floor(Math.random() * settings.brokers.length);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where the brokers are, from Metadata. */
  learn(brokers: { nodeId: number; host: string; port: number }[]): void {
    this.#nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  }

  /** Where the broker with this id is; undefined when Metadata does not know it. */
  addressOf(nodeId: number): string | undefined {
    return this.#nodes.get(nodeId);
  }

  /** A connection to `host:port`. A sign-in that is refused is tried once more with what the secret holds by now. */
  async at(address: string): Promise<Link> {
    if (this.#closed) throw new SnowmeltError('KAFKA_UNREACHABLE', 'the connections were closed');
    let link = this.#links.get(address);
    if (link !== undefined && isSpent(link)) {
      this.drop(link);
      link = undefined;
    }
    if (link === undefined) {
      link = makeLink(this.#settings, address);
      this.#links.set(address, link);
      link.ready = this.#connect(link);
    }
    try {
      await link.ready;
    } catch (error) {
      if (isRefusal(error, link.settings.tls) && (await this.#renew(link.settings))) return this.at(address);
      throw error;
    }
    link.usedAt = Date.now();
    return link;
  }

  /** Whether there is something else to sign in with than what was refused: secrets are rotated while this works. */
  async #renew(used: ConnectionSettings): Promise<boolean> {
    // Of several that are refused side by side the later ones find the new settings here.
    if (this.#settings !== used) return true;
    if (used.renewed === undefined) return false;
    this.#renewing ??= used.renewed().finally(() => {
      this.#renewing = null;
    });
    const now = await this.#renewing.catch(() => null);
    if (now !== null && this.#settings === used) this.#settings = { ...used, ...now };
    return this.#settings !== used;
  }

  /** A connection to whichever broker answers. @throws KAFKA_UNREACHABLE */
  async any(): Promise<Link> {
    const addresses = [...new Set([...this.#links.keys(), ...this.#rotated(), ...this.#nodes.values()])];
    let failure: unknown;
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await pause(100 * round);
      for (const address of addresses) {
        try {
          return await this.at(address);
        } catch (error) {
          if (this.#closed || !isConnectionError(error)) throw asKafkaError(error, `connecting to ${address}`);
          failure = error;
        }
      }
    }
    throw asKafkaError(failure, `connecting to ${addresses.join(', ')}`);
  }

  /** Destroys a connection; its unanswered requests are rejected. */
  drop(link: Link): void {
    if (this.#links.get(link.address) === link) this.#links.delete(link.address);
    destroy(link);
  }

  /** Destroys all connections; nothing can be asked for afterwards. */
  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) this.drop(link);
  }

  /** The configured addresses, each time with another one first. */
  #rotated(): string[] {
    const { brokers } = this.#settings;
    const first = this.#next++ % brokers.length;
    return [...brokers.slice(first), ...brokers.slice(0, first)];
  }

  async #connect(link: Link): Promise<void> {
    try {
      checkVersions(await connect(link), this.#settings.transactions);
      link.connected = true;
    } catch (error) {
      this.drop(link);
      throw error;
    }
  }
}

/**
 * Whether another connection is opened instead: the broker closed it while it was idle, or it is too old to be trusted. Looked
 * at when it is asked for: no timer tells a Lambda that it was frozen. Never while an answer is awaited: that has a timeout.
 */
function isSpent(link: Link): boolean {
  if (!link.connected) return false;
  if (!isOpen(link)) return true;
  const now = Date.now();
  const fresh = now - link.openedAt <= MAX_AGE_MS && now - link.usedAt <= MAX_IDLE_MS;
  return !fresh && !isWaiting(link);
}
