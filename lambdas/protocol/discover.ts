/**
 * Patterns: a look at a schema finds the tables that came and went. What is found is only noted; the next tick plans it as a
 * source like any other. Looks are not in order and may be side by side: a table is put and taken out under a condition each.
 */
import { asSnowmeltError, SnowmeltError, type ErrorCode } from '../errors.ts';
import { tellFailure } from './failures.ts';
import type { Members } from './ports/checkpoints.ts';
import type { Clock, Telemetry } from './ports/effects.ts';
import type { Catalog, ListedTable } from './ports/snowflake.ts';
import type { Listing, Member, Refusal } from './ports/state.ts';

export type DiscoverPorts = { catalog: Catalog; members: Members; telemetry: Telemetry; clock: Clock };

/** A configured pattern, as far as a look needs it. */
export type PatternPlan = {
  name: string;
  deployment: number;
  schema: { database: string; schema: string };
  /** null: the primary key of each table. */
  key: string[] | null;
  maxTables: number;
  /** A schema is looked at no more often. */
  listMs: number;
  picks: (table: string) => boolean;
  topicOf: (table: string) => string;
  isTopicName: (topic: string) => boolean;
  /** Names that count as the same come out the same. */
  fold: (topic: string) => string;
  /** Topics, folded, that no table can have, and whose they are. */
  taken: ReadonlyMap<string, string>;
};

/** What a look changes. */
export type Changes = { put: { member: Member; before: Member | null }[]; refused: Refusal[] };

/** What is published of a table that is gone can be read for a day; then its place is free. */
const REMEMBERED_MS = 86_400_000;
const MOST_REFUSALS = 100;

/** Never throws: what fails is told, and stops neither other patterns nor the sources that were found before. */
export async function discover(ports: DiscoverPorts, pattern: PatternPlan): Promise<void> {
  const { members, telemetry, clock } = ports;
  const { name, deployment, listMs } = pattern;
  try {
    const last = await members.listing(name);
    const at = clock.now();
    // An older deployment leaves it to the newer one.
    if (last !== null && (last.deployment > deployment || (last.deployment === deployment && at - last.at < listMs)))
      return;
    const listing = await list(ports, pattern, last, at);
    await members.note(name, listing);
    if (listing.error !== null) throw new SnowmeltError(listing.error.code as ErrorCode, listing.error.message);
  } catch (error) {
    tellFailure(telemetry, name, error);
  }
}

async function list(ports: DiscoverPorts, pattern: PatternPlan, last: Listing | null, at: number): Promise<Listing> {
  const { catalog, members, telemetry } = ports;
  const { name, deployment, schema } = pattern;
  const failed = (error: unknown, tables: number): Listing => {
    const { code, message } = asSnowmeltError(error);
    return { at, deployment, tables, refused: last?.refused ?? [], error: { code, message, at } };
  };
  const known = await members.all(name);
  let fitting: ListedTable[];
  let keys: Map<string, string[]>;
  try {
    fitting = (await catalog.tables(schema)).filter((table) => pattern.picks(table.name));
    const asked =
      pattern.key === null &&
      fitting.some((table) =>
        needsKey(
          table,
          known.find((member) => member.table === table.name),
        ),
      );
    keys = asked ? await catalog.primaryKeys(schema) : new Map<string, string[]>();
  } catch (error) {
    return failed(error, last?.tables ?? 0);
  }
  const { put, refused } = changesOf(pattern, known, fitting, keys, at);
  const tooMany = fitting.length > pattern.maxTables;
  for (const { member, before } of put) {
    if (before === null && tooMany) continue;
    if (await members.put(name, member, before)) tell(telemetry, name, member, before);
  }
  for (const { table, goneAt } of known) {
    if (goneAt !== null && at - goneAt > REMEMBERED_MS && !fitting.some((each) => each.name === table))
      await members.remove(name, table);
  }
  if (tooMany) {
    return failed(tooLarge(pattern, fitting.length), fitting.length);
  }
  const before = new Set((last?.refused ?? []).map(({ table, message }) => JSON.stringify([table, message])));
  for (const { table, code, message } of refused) {
    if (before.has(JSON.stringify([table, message]))) continue;
    telemetry.error(new SnowmeltError(code as ErrorCode, message), { source: name, table });
  }
  return { at, deployment, tables: fitting.length, refused: refused.slice(0, MOST_REFUSALS), error: null };
}

export function tooLarge({ name, maxTables }: Pick<PatternPlan, 'name' | 'maxTables'>, tables: number): SnowmeltError {
  return new SnowmeltError('PATTERN_TOO_LARGE', `${tables} tables fit pattern ${name}; ${maxTables} may.`);
}

/** Of a table that is new, or another one of that name, or was found when the pattern went by other columns. */
function needsKey({ createdOn }: ListedTable, member: Member | undefined): boolean {
  return member?.createdOn !== createdOn || member.key.length === 0;
}

/** What becomes of the tables that fit. Whoever was found first keeps its topic. Pure. */
export function changesOf(
  pattern: PatternPlan,
  known: readonly Member[],
  fitting: readonly ListedTable[],
  keys: ReadonlyMap<string, string[]>,
  at: number,
): Changes {
  const { fold } = pattern;
  const members = new Map(known.map((member) => [member.table, member]));
  const owners = new Map(known.map(({ table, topic }) => [fold(topic), `table ${table}`]));
  const changes: Changes = { put: [], refused: [] };
  for (const table of fitting) {
    const before = members.get(table.name);
    const key = pattern.key === null ? (keys.get(table.name) ?? []) : [];
    if (before !== undefined) {
      const again = needsKey(table, before) && key.length > 0 ? key : before.key;
      const member = { ...before, createdOn: table.createdOn, key: again, goneAt: null };
      if (JSON.stringify(member) !== JSON.stringify(before)) changes.put.push({ member, before });
      const owner = pattern.taken.get(fold(before.topic));
      if (owner !== undefined) changes.refused.push(sameTopic(table.name, before.topic, owner));
      else if (pattern.key === null && again.length === 0) changes.refused.push(keyless(table.name));
      continue;
    }
    const topic = pattern.topicOf(table.name);
    const refusal = refuse(pattern, table, key, topic, owners);
    if (refusal !== null) {
      changes.refused.push(refusal);
      continue;
    }
    owners.set(fold(topic), `table ${table.name}`);
    const { name, createdOn } = table;
    changes.put.push({ member: { table: name, createdOn, key, topic, since: at, goneAt: null }, before: null });
  }
  const there = new Set(fitting.map(({ name }) => name));
  for (const before of known) {
    if (before.goneAt === null && !there.has(before.table))
      changes.put.push({ member: { ...before, goneAt: at }, before });
  }
  return changes;
}

/** Why a table can't be a source, as far as the list tells; all else its first tick does. */
function refuse(
  pattern: PatternPlan,
  { name, tracking, retentionMs }: ListedTable,
  key: readonly string[],
  topic: string,
  owners: ReadonlyMap<string, string>,
): Refusal | null {
  const because = (code: ErrorCode, message: string): Refusal => ({
    table: name,
    code,
    message: `Table ${name}: ${message}`,
  });
  if (!pattern.isTopicName(topic)) return because('TOPIC_NAME_UNFIT', `\`${topic}\` is no name of a topic.`);
  const owner = pattern.taken.get(pattern.fold(topic)) ?? owners.get(pattern.fold(topic));
  if (owner !== undefined) return sameTopic(name, topic, owner);
  if (!tracking) return because('TRACKING_OFF', 'change tracking is off.');
  if (retentionMs <= 0) return because('RETENTION_ZERO', 'it keeps no history.');
  if (pattern.key === null && key.length === 0) return keyless(name);
  return null;
}

function keyless(table: string): Refusal {
  return { table, code: 'KEY_INVALID', message: `Table ${table}: it has no PRIMARY KEY.` };
}

function sameTopic(table: string, topic: string, owner: string): Refusal {
  return {
    table,
    code: 'TOPIC_NAME_UNFIT',
    message: `Table ${table}: topic ${topic} is, or counts as, that of ${owner}.`,
  };
}

function tell(telemetry: Telemetry, source: string, { table, topic, goneAt }: Member, before: Member | null): void {
  const fields = { source, table, topic };
  if (before === null) telemetry.info('a table was found', fields);
  else if (goneAt !== null && before.goneAt === null)
    telemetry.info('a table is gone: it is read no more, and its state is kept', fields);
  else if (goneAt === null && before.goneAt !== null) telemetry.info('a table is back', fields);
}

/** The pattern's own health, told each minute like that of a source: whether there is a table that it can't publish. */
export function tellPattern(telemetry: Telemetry, name: string, listing: Listing | null): void {
  const waits = listing === null || listing.error !== null || listing.refused.length > 0;
  telemetry.gauge('NotStarted', waits ? 1 : 0, { source: name, quiet: !waits });
}
