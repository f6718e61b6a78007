/** A few lines of engine for the wire's own tests: no SQL, only results, errors and waits. */
import { Assumptions } from '../../local/snowflake/assumptions.ts';
import type { Engine, EngineResult, EngineSession, ResultColumn } from '../../local/snowflake/contract.ts';
import { SqlError } from '../../local/snowflake/contract.ts';

export type FakeEngine = Engine & { executed: string[]; dropped: number; closedSessions: number };

/**
 * `SELECT ROWS <n> <bytes>` gives n rows of an id and that much text, `SELECT FAIL` an error, `SELECT WAIT` never ends
 * unless aborted, `ALTER SESSION SET A = 'b'` sets; anything else answers one row with its text. A warehouse is
 * needed for ROWS and WAIT.
 */
export function fakeEngine(): FakeEngine {
  const engine: FakeEngine = {
    executed: [],
    dropped: 0,
    closedSessions: 0,
    assumptions: new Assumptions(),
    faults: { clockSkewMs: 0, visibilityDelayMs: 0 },
    scans: new Map([['DB.PUBLIC.T', 1]]),
    async openSession(init) {
      return fakeSession(engine, init);
    },
    async load() {
      return { rows: 7, commitTime: '1700000000000000000' };
    },
    async expireHistory() {},
    async close() {},
  };
  return engine;
}

function fakeSession(engine: FakeEngine, init: Parameters<Engine['openSession']>[0]): EngineSession {
  return {
    parameters: new Map<string, string | number | boolean>([['TIMEZONE', 'UTC']]),
    database: init.database ?? null,
    schema: init.schema ?? null,
    warehouse: init.warehouse ?? null,
    role: init.role ?? 'PUBLIC',
    async plan(sql) {
      if (sql.includes('FAIL')) throw new SqlError('001003', '42000', 'SQL compilation error:\nsyntax error');
      return { needsWarehouse: /ROWS|WAIT/.test(sql) };
    },
    async execute(sql, options) {
      if (options.describeOnly === true) return rowsOf(engine, 0, () => '');
      engine.executed.push(sql);
      const setting = /ALTER SESSION SET (\w+) = '(.*)'/.exec(sql);
      if (setting !== null) this.parameters.set(setting[1]!, setting[2]!);
      if (sql.includes('WAIT')) await aborted(options.signal);
      const wanted = /ROWS (\d+) (\d+)/.exec(sql);
      const filler = '"é\\'.padEnd(Number(wanted?.[2] ?? 0), 'x');
      return rowsOf(engine, Number(wanted?.[1] ?? 1), (row) => (wanted === null ? sql : filler + row));
    },
    async close() {
      engine.closedSessions++;
    },
  };
}

function rowsOf(engine: FakeEngine, rowCount: number, textOf: (row: number) => string): EngineResult {
  return {
    columns: [column('ID', 'fixed'), column('TEXT', 'text')],
    rowCount,
    statementTypeId: 4096,
    async chunk(start, end) {
      const rows: string[] = [];
      for (let row = start; row < end; row++)
        rows.push(JSON.stringify([String(row), row % 3 === 0 ? null : textOf(row)]));
      return Buffer.from(rows.join(','));
    },
    async drop() {
      engine.dropped++;
    },
  };
}

function column(name: string, type: string): ResultColumn {
  const text = type === 'text';
  return {
    name,
    type,
    nullable: true,
    precision: text ? null : 38,
    scale: text ? null : 0,
    length: text ? 16_777_216 : null,
    byteLength: text ? 16_777_216 : null,
  };
}

async function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error('engine stopped'));
    if (signal?.aborted === true) end();
    signal?.addEventListener('abort', end);
  });
}
