/** Of one source what its first window will need of Snowflake. */
import { readGrants } from '../../config/grants.ts';
import { formatQualified } from '../../config/identifiers.ts';
import type { ResolvedConfig, ResolvedSource } from '../../config/resolved.ts';
import { intervalOf } from '../../config/schedule.ts';
import { SnowmeltError } from '../../errors.ts';
import { isLarge } from '../../protocol/copy.ts';
import { formatBound } from '../../protocol/next-window.ts';
import type { ObjectFacts, Reading } from '../../protocol/ports/snowflake.ts';
import { checkFacts, trackingFix } from '../../protocol/scan.ts';
import { describe } from '../../protocol/stream.ts';
import type { Layout, ObjectName } from '../../protocol/window.ts';
import { sourcePlan } from '../../settings.ts';
import { remedy } from '../../snowflake/rights.ts';
import { qualified } from '../../snowflake/sql/literals.ts';
import type { Findings } from './findings.ts';
import { attempt, bare, type Ports } from './snowflake-ports.ts';
import { checkKey, checkLives } from './table-lives.ts';

const DAY_MS = 86_400_000;

const ofShare = (table: string, share: string) =>
  `${table} comes from share ${share}. Snowflake supports streams on such tables, and says that it has no Time Travel of them, by which a table is read: if it refuses, take a stream.`;

export class SourceLook {
  readonly #ports: Ports;
  readonly #config: ResolvedConfig;
  readonly #source: ResolvedSource;
  readonly #findings: Findings;
  readonly #layout: Layout;

  constructor(ports: Ports, config: ResolvedConfig, source: ResolvedSource, findings: Findings) {
    this.#ports = ports;
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
    const found = await this.#attempt(grants, () => describe(this.#snowflake, this.#layout, null));
    if (found === null) return;
    const facts = { ...found, ...(await this.#shared()) };
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
    if (!this.#isTable) return;
    this.#checkSize(facts);
    const readable = tracked && shaped !== null && (await this.#compile(facts, reading.now));
    const table = { source: this.#source, layout: this.#layout, facts, fixOf: grants };
    const rows = await checkLives(this.#ports, table, this.#findings);
    if (readable === true) await checkKey(this.#ports, table, rows, this.#findings);
  }

  get #snowflake() {
    return this.#ports.snowflake;
  }

  get #isTable(): boolean {
    return this.#source.query === undefined && this.#source.stream === undefined;
  }

  /** Whether its provider alone can change the object. */
  async #shared(): Promise<Pick<ObjectFacts, 'share'>> {
    const { object, query, stream } = this.#source;
    if (query !== undefined || stream?.managed === false) return {};
    const share = await this.#attempt(
      () => [],
      () => this.#snowflake.shareOf(object.database),
    );
    if (share === null) return {};
    if (this.#isTable) this.#findings.note(this.#source.name, ofShare(qualified(object), share), this.#asStream);
    return { share };
  }

  /** What is read without Time Travel. */
  get #asStream(): string[] {
    const { name, object } = this.#source;
    const table = formatQualified(object.database, object.schema, object.name);
    return [`${name}: stream: { managed: true, on: '${table}' }`];
  }

  /** Whether there is a history that can be read. */
  #checkHistory(facts: ObjectFacts): boolean {
    const { tracking, retentionMs, share } = facts;
    const { name, every } = this.#source;
    const table = qualified(this.#layout.object);
    const keep = (days: number) => {
      const alter = (of: string) => `ALTER TABLE ${of} SET DATA_RETENTION_TIME_IN_DAYS = ${days};`;
      return share === undefined ? alter(table) : `-- ask the provider of share ${share}: ${alter('<its name there>')}`;
    };
    const fail = (code: 'TRACKING_OFF' | 'RETENTION_ZERO' | 'RETENTION_SHORT', what: string, fix: string) =>
      this.#findings.fail(name, new SnowmeltError(code, what), [fix]);
    const needed = 2 * (intervalOf(every) ?? 0);
    const days = Math.max(1, Math.ceil(needed / DAY_MS));
    if (!tracking) {
      const alter = trackingFix(table, facts);
      fail('TRACKING_OFF', `Change tracking is off on ${table}.`, share === undefined ? `${alter};` : `-- ${alter}`);
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

  #checkSize(facts: ObjectFacts): void {
    const { name, copy, maxRate, snapshot } = this.#source;
    if (copy !== undefined || snapshot?.mode === 'never' || !isLarge(facts, maxRate)) return;
    const size = `${(facts.rows ?? 0).toLocaleString('en-US')} rows`;
    const how = 'with snowflake.staging (and not snapshotCopy: never) it is read from a copy there';
    this.#findings.note(name, `Its first ${size} must be published within a day and its retention; ${how}.`);
  }

  /** The scan's own statement as Snowflake understands it; it is not run. The right to read is asked for here, too. */
  async #compile({ columns, share }: ObjectFacts, now: number): Promise<boolean | null> {
    const { shape } = this.#layout;
    // The salt is bound when it is run.
    const masks = shape?.masks.map((each) => ({ ...each, mask: { kind: 'redact' as const } }));
    const layout = shape && masks ? { ...this.#layout, shape: { ...shape, masks } } : this.#layout;
    const request = { kind: 'snapshot' as const, layout, columns, from: null, to: formatBound(now) };
    const fix = (error: SnowmeltError) => {
      const grants = this.#grants(error);
      if (grants.length > 0) return grants;
      const mend = `${this.#source.name}: mend the SQL under columns.add or where`;
      return share === undefined ? [mend] : [mend, ...this.#asStream];
    };
    return this.#attempt(fix, async () => {
      const cut = { text: this.#snowflake.statement(request), mode: 'bulk' as const, cursor: null, lag: 0, watch: [] };
      await this.#snowflake.describe(layout.object, cut).catch((error: unknown) => {
        const invalid = error instanceof SnowmeltError && error.code === 'QUERY_INVALID';
        throw invalid && error.cause instanceof SnowmeltError ? error.cause : error;
      });
      return true;
    });
  }

  #attempt<T>(fixOf: (error: SnowmeltError) => string[], step: () => Promise<T>): Promise<T | null> {
    return attempt(this.#findings, this.#source.name, fixOf, step);
  }

  #grants(error: SnowmeltError): string[] {
    const { object, query, stream } = this.#source;
    if (error.code === 'OBJECT_MISSING' && stream?.managed === false) {
      const named = remedy(this.#config, error);
      return named.length > 0 ? named : readGrants(this.#config.snowflake, object, 'STREAM');
    }
    const named: ObjectName | undefined = query === undefined ? object : undefined;
    return remedy(this.#config, error, named);
  }
}
