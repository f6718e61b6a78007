/** Sessions: tokens, their ends, and the turns of their statements. */
import { randomBytes } from 'node:crypto';
import type { Engine, EngineSession } from '../contract.ts';
import { ServiceError } from './http.ts';
import type { Settings, SnowflakeUser } from './options.ts';

/** Parameters that drivers format by; the engine's own values win. */
const defaults: Record<string, string | number | boolean> = {
  AUTOCOMMIT: true,
  ABORT_DETACHED_QUERY: false,
  BINARY_OUTPUT_FORMAT: 'HEX',
  CLIENT_RESULT_CHUNK_SIZE: 160,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  // Array binds over this size go through a stage in Snowflake, which is not emulated.
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: 1_000_000_000,
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  JS_TREAT_INTEGER_AS_BIGINT: false,
  MULTI_STATEMENT_COUNT: 1,
  QUERY_CONTEXT_CACHE_SIZE: 5,
  QUERY_TAG: '',
  STATEMENT_TIMEOUT_IN_SECONDS: 172_800,
  TIMESTAMP_LTZ_OUTPUT_FORMAT: '',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
  TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
  TIMESTAMP_TZ_OUTPUT_FORMAT: '',
  TIMEZONE: 'America/Los_Angeles',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS',
};

export type Session = {
  readonly id: number;
  readonly user: SnowflakeUser;
  readonly engine: EngineSession;
  token: string;
  tokenEnds: number;
  masterToken: string;
  masterEnds: number;
  closed: boolean;
  /** Runs `work` after the statements given before it that are not `reads`; reads run beside each other. */
  inTurn<T>(work: () => Promise<T>, reads?: boolean): Promise<T>;
};

export class Sessions {
  readonly #settings: Settings;
  readonly #engine: Engine;
  readonly #byToken = new Map<string, Session>();
  readonly #byMaster = new Map<string, Session>();
  #lastId = 4_000_000;

  constructor(engine: Engine, settings: Settings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  /** Opens a session. Parameters the client asked for are set before it is answered. */
  async open(
    user: SnowflakeUser,
    account: string,
    wanted: { database?: string; schema?: string; warehouse?: string; role?: string },
    parameters: Record<string, string | number | boolean>,
  ): Promise<Session> {
    const role = (wanted.role ?? user.defaultRole)?.toUpperCase();
    const listed = user.roles === undefined || user.roles.some((each) => each.toUpperCase() === role);
    if (role !== undefined && (!listed || this.#engine.mayTake?.(user.name, role) === false)) {
      throw new ServiceError(
        '390189',
        `Role '${role}' specified in the connect string does not exist or not authorized. ` +
          'Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.',
      );
    }
    await this.#closeDead();
    const init = { ...wanted, role: role ?? 'PUBLIC', warehouse: wanted.warehouse ?? user.defaultWarehouse };
    const engine = await this.#engine.openSession({
      user: user.name.toUpperCase(),
      account,
      ...Object.fromEntries(Object.entries(init).filter(([, value]) => value !== undefined)),
    });
    for (const [name, value] of Object.entries(defaults)) {
      if (!engine.parameters.has(name)) engine.parameters.set(name, value);
    }
    const wins = Object.entries({ ...user.parameters, ...parameters });
    for (const [name, value] of wins) engine.parameters.set(name.toUpperCase(), value);

    let tail: Promise<unknown> = Promise.resolve();
    const session: Session = {
      id: ++this.#lastId,
      user,
      engine,
      ...this.#newTokens(),
      closed: false,
      inTurn(work, reads = false) {
        const turn = tail.then(work);
        if (!reads) tail = turn.catch(() => undefined);
        return turn;
      },
    };
    this.#remember(session);
    return session;
  }

  /** The session of an Authorization header; throws 390104, 390111 or 390112. */
  authorize(header: string | undefined): Session {
    const session = this.#byToken.get(tokenIn(header));
    if (session === undefined) throw new ServiceError('390104', 'Invalid session token.');
    if (session.closed) {
      throw new ServiceError('390111', 'Session no longer exists. New login required to access the service.');
    }
    if (session.token !== tokenIn(header) || session.tokenEnds <= Date.now()) {
      throw new ServiceError('390112', 'Your session has expired. Please login again.');
    }
    return session;
  }

  /** New tokens for the holder of a master token; throws 390104, 390111 or 390114. */
  renew(header: string | undefined): Session {
    const session = this.#byMaster.get(tokenIn(header));
    if (session === undefined) throw new ServiceError('390104', 'Invalid session token.');
    if (session.closed) {
      throw new ServiceError('390111', 'Session no longer exists. New login required to access the service.');
    }
    if (session.masterToken !== tokenIn(header) || session.masterEnds <= Date.now()) {
      throw new ServiceError('390114', 'Authentication token has expired. The user must authenticate again.');
    }
    Object.assign(session, this.#newTokens());
    this.#remember(session);
    return session;
  }

  /** Ends tokens as if time had passed. */
  expire(what: 'session' | 'master', only?: Session): void {
    for (const session of only === undefined ? this.#byToken.values() : [only]) {
      session.tokenEnds = 0;
      if (what === 'master') session.masterEnds = 0;
    }
  }

  async close(session: Session): Promise<void> {
    if (session.closed) return;
    session.closed = true;
    await session.inTurn(() => session.engine.close());
  }

  async closeAll(): Promise<void> {
    await Promise.all([...new Set(this.#byToken.values())].map((session) => this.close(session)));
  }

  /** A client that never came back leaves its session until its master token ends; an open transaction goes with it. */
  async #closeDead(): Promise<void> {
    for (const [token, session] of this.#byMaster) {
      if (session.masterEnds > Date.now() || session.masterToken !== token) continue;
      if (!session.closed && session.masterEnds > 0) await this.close(session);
    }
  }

  #newTokens() {
    const now = Date.now();
    return {
      token: randomBytes(48).toString('base64'),
      tokenEnds: now + this.#settings.sessionTokenMs,
      masterToken: randomBytes(48).toString('base64'),
      masterEnds: now + this.#settings.masterTokenMs,
    };
  }

  #remember(session: Session): void {
    this.#byToken.set(session.token, session);
    this.#byMaster.set(session.masterToken, session);
  }
}

/** Session parameters the way responses list them. */
export function parameterList(session: Session): { name: string; value: string | number | boolean }[] {
  return [...session.engine.parameters].map(([name, value]) => ({ name, value }));
}

function tokenIn(header: string | undefined): string {
  return /^Snowflake Token="([^"]*)"/i.exec(header ?? '')?.[1] ?? '';
}
