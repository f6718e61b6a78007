/**
 * The SQL engine of the Snowflake stand-in: versioned tables on DuckDB with CHANGES and Time Travel, over a closed list
 * of statements and functions. What it does where nobody knows is listed in `../assumptions.ts`.
 */
import './compile/functions-other.ts';
import './compile/functions-text.ts';
import './compile/functions-time.ts';
import type { Engine } from '../contract.ts';
import { Core, type EngineOptions } from './core.ts';
import { load } from './load.ts';
import { parseName } from './parse/cursor.ts';
import { Session } from './session.ts';
import { historyTable } from './storage/table.ts';
import { createUsage } from './usage.ts';

export type { EngineOptions } from './core.ts';

const NOWHERE = { database: null, schema: null };

/** An account with nothing of its own. DuckDB keeps the rows in memory and spills to the system's temporary folder. */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const core = await Core.open(options);
  await createUsage(core);
  const sessions = new Set<Session>();
  return {
    faults: core.faults,
    assumptions: core.assumptions,
    scans: core.scans,
    openSession: async (init) => {
      const session = new Session(core, init);
      sessions.add(session);
      return session;
    },
    mayTake: (user, role) => core.grants.mayTake(user.toUpperCase(), role),
    load: (table, select) => load(core, table, select),
    expireHistory: async (name, atMs) => {
      const table = core.catalog.table(parseName(name), NOWHERE);
      const at = BigInt(Math.floor(atMs)) * 1_000_000n;
      if (at <= table.historyFrom) return;
      table.historyFrom = at;
      await core.commitLock.hold(() =>
        core.db.with((c) => c.run(`DELETE FROM ${historyTable(table)} WHERE __vt <= ${at}`)),
      );
    },
    close: async () => {
      for (const session of sessions) await session.close();
      await core.db.close();
    },
  };
}
