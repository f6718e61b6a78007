/** Sign-in, role, warehouse, and of each source what its first window will need. */
import { randomBytes } from 'node:crypto';
import { readGrants, stagingGrants, stagingOf } from '../../config/grants.ts';
import type { ResolvedConfig, ResolvedSource } from '../../config/resolved.ts';
import { intervalOf } from '../../config/schedule.ts';
import { SnowmeltError } from '../../errors.ts';
import { formatBound } from '../../protocol/next-window.ts';
import { watched } from '../../protocol/plan.ts';
import type { ObjectFacts, Reading, Snowflake } from '../../protocol/ports.ts';
import { checkFacts } from '../../protocol/scan.ts';
import { describe } from '../../protocol/stream.ts';
import type { Layout, ObjectName } from '../../protocol/window.ts';
import { sourcePlan } from '../../settings.ts';
import { remedy } from '../../snowflake/rights.ts';
import { qualified } from '../../snowflake/sql/literals.ts';
import { forEach, type Findings } from './findings.ts';

const DAY_MS = 86_400_000;
/** A difference of the clocks that is worth a word: ages that alarms tell are off by it. */
const CLOCKS_MS = 5_000;
/** A warehouse may have to resume first. */
const WAREHOUSE_MS = 300_000;
/** More than comes with the answer itself: the last row is in a part that has to be downloaded. */
const PROBE_ROWS = 50_000;
const PROBE = `SELECT MD5(TO_VARCHAR(SEQ8())) AS "C0" FROM TABLE(GENERATOR(ROWCOUNT => ${PROBE_ROWS}))`;

export async function checkSnowflake(snowflake: Snowflake, config: ResolvedConfig, findings: Findings): Promise<void> {
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
    checkSources(snowflake, config, findings),
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

async function checkSources(snowflake: Snowflake, config: ResolvedConfig, findings: Findings): Promise<void> {
  const { sources } = config;
  const readings = await attempt(
    findings,
    null,
    (error) => remedy(config, error),
    () => snowflake.gate(sources.map(watched)),
  );
  if (readings === null) return;
  await forEach([...sources.entries()], ([at, source]) => {
    const look = new SourceLook(snowflake, config, source, findings);
    return look.check(readings[at]!);
  });
}

class SourceLook {
  readonly #snowflake: Snowflake;
  readonly #config: ResolvedConfig;
  readonly #source: ResolvedSource;
  readonly #findings: Findings;
  readonly #layout: Layout;

  constructor(snowflake: Snowflake, config: ResolvedConfig, source: ResolvedSource, findings: Findings) {
    this.#snowflake = snowflake;
    this.#config = config;
    this.#source = source;
    this.#findings = findings;
    this.#layout = { ...sourcePlan(config, source), number: 1 };
  }

  async check(reading: Reading | Error): Promise<void> {
    const { name, key } = this.#source;
    if (reading instanceof Error) {
      const error = bare(reading);
      return this.#findings.fail(name, error, this.#grants(error));
    }
    const grants = (error: SnowmeltError) => this.#grants(error);
    const facts = await this.#attempt(grants, () => describe(this.#snowflake, this.#layout, null));
    if (facts === null) return;
    const tracked = this.#checkHistory(facts);
    const columns = facts.columns.map((column) => column.name).join(', ');
    const fixKey = ({ code }: SnowmeltError) => (code === 'KEY_INVALID' ? [`${name}: key: of ${columns}`] : []);
    const shaped = await this.#attempt(fixKey, () => {
      checkFacts(this.#snowflake, this.#layout, { ...facts, tracking: true, retentionMs: Infinity });
      return Promise.resolve(true);
    });
    const nullable = facts.columns.filter((column) => key.includes(column.name) && column.nullable);
    if (nullable.length > 0 && this.#layout.information === 'DEFAULT') {
      const list = nullable.map((column) => column.name).join(', ');
      this.#findings.note(name, `Key column ${list} may be NULL; rows without a key are all one key (DUPLICATE_KEY).`);
    }
    if (tracked && shaped !== null && this.#isTable) await this.#compile(facts, reading.now);
  }

  get #isTable(): boolean {
    return this.#source.query === undefined && this.#source.stream === undefined;
  }

  /** Whether there is a history that can be read. */
  #checkHistory({ tracking, retentionMs }: ObjectFacts): boolean {
    const { name, every } = this.#source;
    const table = qualified(this.#layout.object);
    const keep = (days: number) => `ALTER TABLE ${table} SET DATA_RETENTION_TIME_IN_DAYS = ${days};`;
    const fail = (code: 'TRACKING_OFF' | 'RETENTION_ZERO' | 'RETENTION_SHORT', what: string, fix: string) =>
      this.#findings.fail(name, new SnowmeltError(code, what), [fix]);
    const needed = 2 * (intervalOf(every) ?? 0);
    const days = Math.max(1, Math.ceil(needed / DAY_MS));
    if (!tracking) {
      fail('TRACKING_OFF', `Change tracking is off on ${table}.`, `ALTER TABLE ${table} SET CHANGE_TRACKING = TRUE;`);
    }
    if (retentionMs <= 0) fail('RETENTION_ZERO', `${table} keeps no history.`, keep(days));
    else if (this.#isTable && retentionMs < needed) {
      const kept = retentionMs / DAY_MS;
      fail(
        'RETENTION_SHORT',
        `${table} keeps ${kept} d of history and is read ${every}: one lost tick loses some.`,
        keep(days),
      );
    }
    return tracking && retentionMs > 0;
  }

  /** The scan's own statement as Snowflake understands it; it is not run. The right to read is asked for here, too. */
  async #compile({ columns }: ObjectFacts, now: number): Promise<void> {
    const { shape } = this.#layout;
    // The salt is bound when it is run.
    const masks = shape?.masks.map((each) => ({ ...each, mask: { kind: 'redact' as const } }));
    const layout = shape && masks ? { ...this.#layout, shape: { ...shape, masks } } : this.#layout;
    const request = { kind: 'snapshot' as const, layout, columns, from: null, to: formatBound(now) };
    const fix = (error: SnowmeltError) => {
      const grants = this.#grants(error);
      return grants.length > 0 ? grants : [`${this.#source.name}: mend the SQL under columns.add or where`];
    };
    await this.#attempt(fix, async () => {
      const cut = { text: this.#snowflake.statement(request), mode: 'bulk' as const, cursor: null, lag: 0, watch: [] };
      await this.#snowflake.describe(layout.object, cut).catch((error: unknown) => {
        const invalid = error instanceof SnowmeltError && error.code === 'QUERY_INVALID';
        throw invalid && error.cause instanceof SnowmeltError ? error.cause : error;
      });
    });
  }

  #attempt<T>(fixOf: (error: SnowmeltError) => string[], step: () => Promise<T>): Promise<T | null> {
    return attempt(this.#findings, this.#source.name, fixOf, step);
  }

  #grants(error: SnowmeltError): string[] {
    const { object, query, stream } = this.#source;
    if (error.code === 'OBJECT_MISSING' && stream?.managed === false) {
      return readGrants(this.#config.snowflake, object, 'STREAM');
    }
    const named: ObjectName | undefined = query === undefined ? object : undefined;
    return remedy(this.#config, error, named);
  }
}

function attempt<T>(
  findings: Findings,
  source: string | null,
  fixOf: (error: SnowmeltError) => readonly string[],
  step: () => Promise<T>,
): Promise<T | null> {
  return findings.attempt(source, fixOf, async () => {
    try {
      return await step();
    } catch (error) {
      throw error instanceof Error ? bare(error) : error;
    }
  });
}

/** Without the statements that the port adds: here they are the fix. */
function bare(error: Error): SnowmeltError {
  const known =
    error instanceof SnowmeltError ? error : new SnowmeltError('UNEXPECTED', error.message, { cause: error });
  const { cause } = known;
  return cause instanceof SnowmeltError && cause.code === known.code ? cause : known;
}
