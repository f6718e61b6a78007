/**
 * The sessions of one client.
 *
 * A session that was opened before a commit may not see it yet (READ_CONSISTENCY_MODE = SESSION), so each gate takes a
 * session of its own, and what follows a gate works in one opened after it. A session whose scan still runs is left to
 * the server: closing it would abort the scan.
 *
 * Credentials may be revoked between any two of them, once others have taken their place.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { Access } from './access.ts';
import { SessionLost } from './errors.ts';
import type { Credentials } from './sdk.ts';
import { baseAddress } from './sdk.ts';
import type { Session } from './session.ts';
import { signIn } from './session.ts';

async function use<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
  session.users++;
  try {
    return await work(session);
  } finally {
    session.users--;
  }
}

function unreachable(error: SessionLost): SnowmeltError {
  return new SnowmeltError('SNOWFLAKE_UNREACHABLE', error.message, { cause: error });
}

export class Sessions implements Access {
  readonly base: string;
  readonly #config: ResolvedConfig;
  readonly #renewed: (() => Promise<Credentials>) | undefined;
  #credentials: Credentials;
  #work: Promise<Session> | null = null;
  readonly #retired = new Set<Session>();
  readonly #closing = new Set<Promise<void>>();

  constructor(config: ResolvedConfig, credentials: Credentials, renewed?: () => Promise<Credentials>) {
    this.base = baseAddress(config.snowflake);
    this.#config = config;
    this.#credentials = credentials;
    this.#renewed = renewed;
  }

  /** Runs in a fresh session, once more in another if it is over at once; whatever comes after it works in another one. */
  async inFresh<T>(work: (session: Session) => Promise<T>): Promise<T> {
    for (let last = false; ; last = true) {
      const session = await this.#open();
      try {
        return await use(session, work);
      } catch (error) {
        if (!(error instanceof SessionLost)) throw error;
        if (last) throw unreachable(error);
      } finally {
        this.#close(session);
        await this.#retire();
      }
    }
  }

  /** Runs in the session at hand; once more in a new one if it turns out to be over. */
  async inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    for (let last = false; ; last = true) {
      const taken = this.#take();
      try {
        return await use(await taken, work);
      } catch (error) {
        if (error instanceof SessionLost) {
          if (this.#work === taken) this.#work = null;
          if (!last) continue;
          throw unreachable(error);
        }
        // A request may still hang in it: the next call gets another session.
        const silent = error instanceof SnowmeltError && error.code === 'SNOWFLAKE_UNREACHABLE';
        if (silent && this.#work === taken) await this.#retire();
        throw error;
      }
    }
  }

  async token(): Promise<string> {
    const { token } = await this.#take();
    if (token !== undefined) return token;
    this.#work = null;
    return this.token();
  }

  async renew(token: string): Promise<void> {
    const taken = this.#take();
    const session = await taken;
    const renewed = session.token !== token || (await session.renew());
    if (!renewed && this.#work === taken) this.#work = null;
  }

  lose(token: string): void {
    const taken = this.#work;
    void taken?.then(
      (session) => {
        if (this.#work === taken && session.token === token) this.#work = null;
      },
      () => undefined,
    );
  }

  /** A scan was seen finished. */
  finished(queryId: string): void {
    for (const session of this.#retired) session.running.delete(queryId);
    void this.#work?.then(
      (session) => session.running.delete(queryId),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    await this.#retire();
    for (const session of this.#retired) this.#close(session);
    this.#retired.clear();
    await Promise.all(this.#closing);
  }

  /** Refused, it is tried once more with what the secret holds now, if that is something else. */
  async #open(): Promise<Session> {
    const used = this.#credentials;
    try {
      return await signIn(this.#config, used);
    } catch (error) {
      const refused = error instanceof SnowmeltError && error.code === 'SNOWFLAKE_LOGIN';
      if (!refused || this.#renewed === undefined) throw error;
      // Of several that are refused side by side the later ones find the new ones here.
      if (this.#credentials === used) {
        const now = await this.#renewed().catch(() => used);
        if (isDeepStrictEqual(now, used)) throw error;
        this.#credentials = now;
      }
      return signIn(this.#config, this.#credentials);
    }
  }

  #take(): Promise<Session> {
    if (this.#work === null) {
      const opened = this.#open();
      this.#work = opened;
      opened.catch(() => {
        if (this.#work === opened) this.#work = null;
      });
    }
    return this.#work;
  }

  /** The session at hand is used no more; it is closed once nothing runs in it. */
  async #retire(): Promise<void> {
    const taken = this.#work;
    this.#work = null;
    const session = await taken?.catch(() => null);
    if (session === null || session === undefined) return;
    if (session.running.size + session.users > 0) this.#retired.add(session);
    else this.#close(session);
  }

  #close(session: Session): void {
    const closing = session.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
