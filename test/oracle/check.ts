/**
 * The oracle: compares a topic with the ledger. It takes nothing from lambdas/ and believes no id that Snowmelt writes,
 * but the windows' bounds, and those only after it has checked them.
 */
import type { Image } from '../../local/demo/flights.ts';
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import { breaks, compare, fold, type Defects } from './compare.ts';
import { EventStore, Keys } from './events.ts';
import { Expected, type Table } from './expect.ts';
import { formatOf } from './formats.ts';
import { QueryExpected, type Arrived } from './queries.ts';
import { readRecord, type Form } from './record.ts';
import { StreamExpected } from './streams.ts';
import type { TopicRecord } from './topic.ts';
import { NONE } from './values.ts';
import { checkWindows, type Bounds } from './windows.ts';

/**
 * `log`: rows that a query reads by a cursor, each once, and again where it was changed; `bulk`: a query's whole result. Of
 * `append-only` the order inside a key is not judged: rows that were inserted in one window have none.
 */
export type Kind = 'changes' | 'append-only' | 'bulk' | 'log';

export type Evidence = {
  kind?: Kind;
  /** Of kind `changes` or `append-only`: they come through a stream. */
  stream?: boolean;
  table: Table;
  tombstones: boolean;
  /** Absent: plain JSON in Debezium's envelope. */
  form?: Form;
  windows: readonly Bounds[];
  /** Rows as loaded, before the ledger's first entry, in the order of their numbers. */
  loaded: AsyncIterable<Image[]> | Iterable<Image[]>;
  ledger: AsyncIterable<LedgerEntry>;
  lastCommit: bigint;
  /** Calls back with each record of the topic, each topic partition in order. */
  topic: (each: (record: TopicRecord) => Promise<void> | void) => Promise<number>;
  /** Called before a record is read; waits for what it needs. */
  prepare?: (record: TopicRecord) => Promise<void> | undefined;
  explain: (what: string) => void;
};

export type Verdict = Defects & { records: number; /** Records of deletes. */ deletes: number };

type Tell = (what: string) => void;

const EXPLAINED = 20;

export async function check(evidence: Evidence): Promise<Verdict> {
  const { kind = 'changes', stream = false, form = plain(evidence.table), windows, lastCommit } = evidence;
  let explained = 0;
  const explain: Tell = (what) => {
    if (explained++ < EXPLAINED) evidence.explain(what);
  };

  const bounds = checkWindows(windows, lastCommit, stream);
  for (const defect of bounds) explain(defect.what);

  const keys = new Keys();
  const topic = await readAll(evidence, keys, explain);
  const expected = await expectation(evidence, keys, topic.arrived);
  const ordered = kind !== 'append-only';
  const defects = compare(keys, expected.events, topic.events, (key, what, found) => {
    const { missing, duplicated, mismatched } = found;
    if (ordered || missing + duplicated + mismatched > 0) explain(`key ${key}: ${what}`);
  });
  if (!ordered) defects.reordered = 0;
  defects.missing += bounds.filter((defect) => defect.kind === 'gap').length;
  defects.duplicated += bounds.filter((defect) => defect.kind === 'overlap').length;
  defects.reordered += topic.strays;
  const { missing, duplicated, reordered, mismatched } = defects;
  if (missing + duplicated + reordered + mismatched === 0 && ordered) {
    const chained = kind !== 'log' && form.envelope === 'debezium';
    defects.mismatched = witnesses(keys, expected.final(), topic.events, chained, explain);
    const unmatched = expected instanceof Expected ? [] : expected.unmatched;
    for (const window of unmatched)
      explain(`window ${window} tells of no state that the table was in when it was read`);
    defects.mismatched += unmatched.length;
  }
  return { ...defects, records: topic.records, deletes: topic.deletes };
}

type Topic = { events: EventStore; arrived: Arrived; strays: number; records: number; deletes: number };

async function readAll(evidence: Evidence, keys: Keys, explain: Tell): Promise<Topic> {
  const { kind, stream, table, form = plain(table), topic, prepare } = evidence;
  const byWindow = stream === true || kind === 'bulk' || kind === 'log';
  const read: Topic = { events: new EventStore(), arrived: new Map(), strays: 0, records: 0, deletes: 0 };
  const homes: number[] = [];
  const take = ({ topicPartition, key, value }: TopicRecord) => {
    const record = readRecord(key, value, table, form);
    const number = keys.numberOf(record.key);
    read.events.add(number, record.op, record.before, record.after);
    if (record.op === 'd') read.deletes++;
    if (byWindow && record.op !== 'tombstone') {
      const { window, op, before, after } = record;
      const arrived = read.arrived.get(window) ?? [];
      if (arrived.push({ key: number, op, before, after }) === 1) read.arrived.set(window, arrived);
    }
    // Two topic partitions have no order between them, so a key lives in one.
    if ((homes[number] ??= topicPartition) === topicPartition) return;
    read.strays++;
    explain(`key ${record.key} is in topic partitions ${homes[number]} and ${topicPartition}`);
  };
  read.records = await topic((record) => {
    const prepared = prepare?.(record);
    return prepared === undefined ? take(record) : prepared.then(() => take(record));
  });
  return read;
}

async function expectation(evidence: Evidence, keys: Keys, arrived: Arrived) {
  const { kind = 'changes', stream, table, tombstones, form, windows, loaded, ledger } = evidence;
  if (kind === 'changes' || kind === 'append-only') {
    const promises = { tombstones, appendOnly: kind === 'append-only', flat: form?.envelope === 'flat' };
    const expected = new Expected(table, keys, promises);
    for await (const images of loaded) expected.load(images);
    if (stream !== true) {
      await expected.run(windows, ledger);
      return expected;
    }
    const consumed = new StreamExpected(expected);
    await consumed.run(windows, ledger, arrived);
    return consumed;
  }
  const expected = new QueryExpected(table, keys);
  for await (const images of loaded) expected.load(images);
  for await (const entry of ledger) expected.note(entry);
  expected.run(windows, arrived, kind === 'bulk', tombstones);
  return expected;
}

function plain({ columns }: Table): Form {
  const json = formatOf('json', columns, null);
  return { key: json, value: json, envelope: 'debezium' };
}

/**
 * Two more looks at the topic, which don't share the net delta's reasoning: the chain of before and after, and the table
 * that the topic folds to. Counted only where the comparison found nothing, so that no defect counts twice.
 */
function witnesses(
  keys: Keys,
  final: ReadonlyMap<number, number>,
  actual: EventStore,
  chained: boolean,
  explain: Tell,
): number {
  let broken = 0;
  for (let key = 0; key < keys.count; key++) {
    const events = actual.of(key);
    const chain = chained ? breaks(events) : 0;
    if (chain > 0) explain(`key ${keys.textOf(key)}: a before is not the previous after`);
    const folded = fold(events) === (final.get(key) ?? NONE);
    if (!folded) explain(`key ${keys.textOf(key)}: the topic folds to another row than the table has`);
    broken += chain + (folded ? 0 : 1);
  }
  return broken;
}
