/** `/control/...`: counters, faults, loads and clocks, for tests and the demo. Not part of Snowflake. */
import { ASSUMPTIONS } from '../assumptions.ts';
import type { Engine } from '../contract.ts';
import type { ChunkAddresses, ChunkCache } from './chunks.ts';
import type { Counters } from './counters.ts';
import type { Faults } from './faults.ts';
import type { Json } from './http.ts';
import { text } from './http.ts';
import type { Journal } from './journal.ts';
import type { Settings } from './options.ts';
import type { Queries } from './queries.ts';
import type { Sessions } from './sessions.ts';
import type { EngineSwitches, FaultRule, SnowflakeStats } from './types.ts';
import type { Warehouses } from './warehouse.ts';

export type ControlParts = {
  settings: Settings;
  engine: Engine;
  sessions: Sessions;
  queries: Queries;
  warehouses: Warehouses;
  addresses: ChunkAddresses;
  cache: ChunkCache;
  counters: Counters;
  faults: Faults;
  journal: Journal;
};

/** Answers one control request; throws on one that is unknown or wrong. */
export async function control(parts: ControlParts, method: string, url: URL, body: Json): Promise<unknown> {
  const { engine, faults, sessions, settings } = parts;
  const [, , what = '', id] = url.pathname.split('/');
  switch (`${method} ${what}`) {
    case 'GET stats':
      return statsOf(parts);
    case 'POST reset':
      reset(parts);
      return {};
    case 'GET faults':
      return faults.list();
    case 'POST faults':
      return faults.add(body as FaultRule);
    case 'DELETE faults':
      faults.remove(id === undefined ? undefined : Number(id));
      return {};
    case 'GET events': {
      const wait = Math.min(Number(url.searchParams.get('wait') ?? 0), 60_000);
      return parts.journal.after(Number(url.searchParams.get('after') ?? 0), wait);
    }
    case 'GET position':
      return { seq: parts.journal.lastSeq };
    case 'POST engine':
      Object.assign(engine.faults, body as EngineSwitches);
      return { ...engine.faults };
    case 'GET assumptions':
      return ASSUMPTIONS.map((each) => ({ ...each, chosen: engine.assumptions.get(each.id) }));
    case 'POST assume':
      if (body.id === undefined) engine.assumptions.reset();
      else engine.assumptions.assume(text(body.id), text(body.answer));
      return {};
    case 'POST load':
      return engine.load(text(body.table), text(body.select));
    case 'POST expire-history':
      await engine.expireHistory(text(body.table), Number(body.atMs));
      return {};
    case 'POST expire-tokens':
      sessions.expire(body.what === 'master' ? 'master' : 'session');
      return {};
    case 'POST keys': {
      const user = settings.users.find(({ name }) => name === body.user);
      if (user === undefined) throw new Error(`No user ${text(body.user)}`);
      user.publicKeys = body.publicKeys as string[];
      return {};
    }
    case 'POST expire-results':
      parts.queries.expireResults();
      return {};
    case 'POST expire-chunk-urls':
      parts.addresses.expireAll();
      return {};
    case 'POST accounting-clock':
      parts.warehouses.push(Number(body.seconds));
      return { seconds: parts.warehouses.now() };
    default:
      throw new Error(`No such control: ${method} ${url.pathname}`);
  }
}

// Scans and produced chunks are counted by others and only grow; a reset remembers where they stood.
type Zero = { scans: Map<string, number>; produced: number };
const zeros = new WeakMap<Counters, Zero>();

function statsOf({ engine, queries, warehouses, cache, counters }: ControlParts): SnowflakeStats {
  const zero = zeros.get(counters);
  const scans: Record<string, number> = {};
  for (const [table, count] of engine.scans) {
    const since = count - (zero?.scans.get(table) ?? 0);
    if (since > 0) scans[table] = since;
  }
  const meters = warehouses.stats();
  const sum = (pick: (stats: (typeof meters)[string]) => number) =>
    Object.values(meters).reduce((total, stats) => total + pick(stats), 0);
  return {
    ...counters.snapshot(),
    warehouses: meters,
    resumes: sum((stats) => stats.resumes),
    secondsAwake: sum((stats) => stats.secondsAwake),
    scans,
    chunksProduced: cache.produced - (zero?.produced ?? 0),
    resultsKept: queries.kept,
  };
}

function reset({ engine, warehouses, cache, counters }: ControlParts): void {
  counters.reset();
  warehouses.reset();
  zeros.set(counters, { scans: new Map(engine.scans), produced: cache.produced });
}
