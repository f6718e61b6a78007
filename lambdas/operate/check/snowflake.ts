/** Sign-in, role, warehouse, where copies are made, and every source. */
import { randomBytes } from 'node:crypto';
import { stagingGrants, stagingOf } from '../../config/grants.ts';
import type { ResolvedConfig } from '../../config/resolved.ts';
import { SnowmeltError } from '../../errors.ts';
import { watched } from '../../protocol/plan.ts';
import type { Account, Snowflake } from '../../protocol/ports/snowflake.ts';
import { remedy } from '../../snowflake/rights.ts';
import { qualified } from '../../snowflake/sql/literals.ts';
import { forEach, type Findings } from './findings.ts';
import { attempt, type Ports } from './snowflake-ports.ts';
import { SourceLook } from './snowflake-source.ts';

/** A difference of the clocks that is worth a word: ages that alarms tell are off by it. */
const CLOCKS_MS = 5_000;
/** A warehouse may have to resume first. */
const WAREHOUSE_MS = 300_000;
/** Each resume keeps a warehouse awake that long after its last statement: a window a minute, and it never sleeps. */
const LONG_AWAKE_MS = 300_000;
/** More than comes with the answer itself: the last row is in a part that has to be downloaded. */
const PROBE_ROWS = 50_000;
const PROBE = `SELECT MD5(TO_VARCHAR(SEQ8())) AS "C0" FROM TABLE(GENERATOR(ROWCOUNT => ${PROBE_ROWS}))`;

export async function checkSnowflake(ports: Ports, config: ResolvedConfig, findings: Findings): Promise<void> {
  const { snowflake } = ports;
  const asked = Date.now();
  const fixOf = (error: SnowmeltError) => remedy(config, error);
  const times = await attempt(findings, null, fixOf, () => snowflake.gate([[]]));
  const time = times?.[0];
  if (time === undefined || time instanceof Error) return;
  const ahead = time.now - (asked + Date.now()) / 2;
  if (Math.abs(ahead) > CLOCKS_MS) {
    const seconds = Math.round(Math.abs(ahead) / 1000);
    findings.note(null, `Snowflake's clock is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here.`);
  }
  await Promise.all([
    attempt(findings, null, fixOf, () => readResult(snowflake)),
    checkStaging(snowflake, config, findings),
    checkWarehouse(snowflake, config, findings),
    checkSources(ports, config, findings),
  ]);
}

/** A statement on the warehouse, and the end of its result by the way that rows take. */
async function readResult(snowflake: Snowflake): Promise<void> {
  const queryId = await snowflake.submit(PROBE, 'check');
  await ended(snowflake, queryId);
  let rows = 0;
  for await (const batch of snowflake.read(queryId, PROBE_ROWS - 1, PROBE_ROWS, 1)) rows += batch.rows;
  if (rows !== 1) throw new SnowmeltError('RESULT_MALFORMED', `A result's last row came as ${rows} rows.`);
}

async function ended(snowflake: Snowflake, queryId: string): Promise<void> {
  const status = await snowflake.status(queryId, WAREHOUSE_MS);
  if (status.state === 'failed') throw status.error;
  if (status.state === 'done') return;
  throw new SnowmeltError(
    'SNOWFLAKE_STATEMENT',
    `Query ${queryId} did not end within ${WAREHOUSE_MS / 1000} s: does the warehouse resume by itself, is it queued?`,
  );
}

/** Whether it sleeps when nothing is to be read, and as soon as the budget believes. */
async function checkWarehouse(account: Account, config: ResolvedConfig, findings: Findings): Promise<void> {
  const { warehouse: name } = config.snowflake;
  const facts = await attempt(
    findings,
    null,
    (error) => remedy(config, error),
    () => account.warehouse(),
  );
  if (facts === null) return;
  const { autoSuspendMs } = facts;
  const suspend = (ms: number) => [`ALTER WAREHOUSE ${name} SET AUTO_SUSPEND = ${ms / 1000};`];
  const believed = config.budget?.idleMs;
  if (autoSuspendMs === null) findings.note(null, `Warehouse ${name} never suspends by itself.`, suspend(60_000));
  else if (autoSuspendMs > LONG_AWAKE_MS) {
    findings.note(
      null,
      `Warehouse ${name} suspends ${autoSuspendMs / 60_000} min after its last statement.`,
      suspend(60_000),
    );
  } else if (believed !== undefined && believed !== autoSuspendMs) {
    const what = `Warehouse ${name} suspends after ${autoSuspendMs / 1000} s, budget.autoSuspend says ${believed / 1000} s: the budget counts wrong.`;
    findings.note(null, what, suspend(believed));
  }
}

/** Makes what copies and stages are made as, and drops it. */
async function checkStaging(snowflake: Snowflake, config: ResolvedConfig, findings: Findings): Promise<void> {
  const places = new Map(
    config.sources.flatMap((source) => stagingOf(source) ?? []).map((at) => [qualifiedOf(at), at]),
  );
  const run = async (statement: string) => ended(snowflake, await snowflake.submit(statement, 'check'));
  await forEach([...places.values()], async ({ database, schema }) => {
    const table = { database, schema, name: `SNOWMELT_CHECK_${randomBytes(6).toString('hex').toUpperCase()}` };
    const fixOf = ({ code }: SnowmeltError) =>
      code === 'PRIVILEGE_MISSING' || code === 'OBJECT_MISSING' ? stagingGrants(config.snowflake, table) : [];
    await attempt(findings, null, fixOf, async () => {
      await run(`CREATE TRANSIENT TABLE ${qualified(table)} ("A" NUMBER(38, 0))`);
      await snowflake.drop(table);
    });
  });
}

function qualifiedOf({ database, schema }: { database: string; schema: string }): string {
  return JSON.stringify([database, schema]);
}

async function checkSources(ports: Ports, config: ResolvedConfig, findings: Findings): Promise<void> {
  const { snowflake } = ports;
  const { sources } = config;
  const readings = await attempt(
    findings,
    null,
    (error) => remedy(config, error),
    () => snowflake.gate(sources.map(watched)),
  );
  if (readings === null) return;
  await forEach([...sources.entries()], ([at, source]) => {
    const look = new SourceLook(ports, config, source, findings);
    return look.check(readings[at]!);
  });
}
