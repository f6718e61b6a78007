/** Starts the Snowflake stand-in as a child process and speaks to its control plane. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ServerOptions } from './server/options.ts';
import type { EngineSwitches, FaultRule, FaultState, SeenRequest, SnowflakeStats } from './server/types.ts';

export type { ServerOptions, SnowflakeUser } from './server/options.ts';
export type * from './server/types.ts';

export type SnowflakeOptions = ServerOptions & { engine?: Record<string, unknown> };

/** The control plane of a stand-in. */
export type SnowflakeControl = {
  stats(): Promise<SnowflakeStats>;
  /** Sets all counters to nothing. */
  reset(): Promise<void>;
  fault(rule: FaultRule): Promise<FaultState>;
  faults(): Promise<FaultState[]>;
  /** Removes one rule or all of them; held statements go on. */
  clearFaults(id?: number): Promise<void>;
  /** Number of the newest request seen, to wait for one after it. */
  position(): Promise<number>;
  /** The first request after `after` that `matches`, waiting for it. Throws after `timeoutMs` (30 s). */
  waitFor(
    matches: (seen: SeenRequest) => boolean,
    options?: { after?: number; timeoutMs?: number },
  ): Promise<SeenRequest>;
  engine(switches: EngineSwitches): Promise<void>;
  /** Gives another answer to what nobody knows of Snowflake (assumptions.ts); without arguments: all as at the start. */
  assume(id?: string, answer?: string): Promise<void>;
  /** Loads DuckDB SQL into an existing table as one commit; the commit time is in nanoseconds. */
  load(table: string, duckdbSelect: string): Promise<{ rows: number; commitTime: string }>;
  expireHistory(table: string, atMs: number): Promise<void>;
  /** Ends all session tokens, or the master tokens too. */
  expireTokens(what: 'session' | 'master'): Promise<void>;
  /** The keys that a user signs in with from now on; sessions that are open go on. */
  setKeys(user: string, publicKeys: string[]): Promise<void>;
  expireResults(): Promise<void>;
  expireChunkUrls(): Promise<void>;
  /** Pushes the warehouse accounting forward. */
  passAccountingTime(seconds: number): Promise<void>;
};

export type Snowflake = { url: string; control: SnowflakeControl; stop(): Promise<void> };

/** Starts the stand-in; it ends with this process whatever happens. */
export async function startSnowflake(options: SnowflakeOptions = {}): Promise<Snowflake> {
  const script = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = parse(line);
      if (said.ready === true && said.url !== undefined) resolve(said.url);
    });
    void ended.then((code) => reject(new Error(`The Snowflake stand-in ended at its start (exit code ${code})`)));
  });
  return {
    url,
    control: controlOf(url),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** The control plane at a stand-in's address. */
export function controlOf(url: string): SnowflakeControl {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${url}/control/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T & { error?: string };
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }
  return {
    stats: () => ask('GET', 'stats'),
    reset: () => ask('POST', 'reset'),
    fault: (rule) => ask('POST', 'faults', rule),
    faults: () => ask('GET', 'faults'),
    clearFaults: (id) => ask('DELETE', id === undefined ? 'faults' : `faults/${id}`),
    position: async () => (await ask<{ seq: number }>('GET', 'position')).seq,
    async waitFor(matches, { after = 0, timeoutMs = 30_000 } = {}) {
      const deadline = Date.now() + timeoutMs;
      for (let from = after; Date.now() < deadline;) {
        const wait = Math.max(0, Math.min(10_000, deadline - Date.now()));
        const seen = await ask<SeenRequest[]>('GET', `events?after=${from}&wait=${wait}`);
        const hit = seen.find(matches);
        if (hit !== undefined) return hit;
        from = seen.at(-1)?.seq ?? from;
      }
      throw new Error(`No such request within ${timeoutMs} ms`);
    },
    engine: (switches) => ask('POST', 'engine', switches),
    assume: (id, answer) => ask('POST', 'assume', { id, answer }),
    load: (table, select) => ask('POST', 'load', { table, select }),
    expireHistory: (table, atMs) => ask('POST', 'expire-history', { table, atMs }),
    expireTokens: (what) => ask('POST', 'expire-tokens', { what }),
    setKeys: (user, publicKeys) => ask('POST', 'keys', { user, publicKeys }),
    expireResults: () => ask('POST', 'expire-results'),
    expireChunkUrls: () => ask('POST', 'expire-chunk-urls'),
    passAccountingTime: (seconds) => ask('POST', 'accounting-clock', { seconds }),
  };
}

function parse(line: string): { ready?: boolean; url?: string } {
  try {
    return JSON.parse(line) as { ready?: boolean; url?: string };
  } catch {
    return {};
  }
}
