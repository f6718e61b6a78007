/**
 * The oracle: compares a topic with the ledger. It takes nothing from lambdas/ and believes no id that Snowmelt writes,
 * but the windows' bounds, and those only after it has checked them.
 */
import type { Image } from '../../local/demo/flights.ts';
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import { breaks, compare, fold, type Defects } from './compare.ts';
import { EventStore, Keys } from './events.ts';
import { Expected, type Table } from './expect.ts';
import { readRecord } from './record.ts';
import type { TopicRecord } from './topic.ts';
import { NONE } from './values.ts';
import { checkWindows, type Bounds } from './windows.ts';

export type Evidence = {
  table: Table;
  tombstones: boolean;
  windows: readonly Bounds[];
  /** Rows as loaded, before the ledger's first entry, in the order of their numbers. */
  loaded: AsyncIterable<Image[]> | Iterable<Image[]>;
  ledger: AsyncIterable<LedgerEntry>;
  lastCommit: bigint;
  /** Calls back with each record of the topic, each topic partition in order. */
  topic: (each: (record: TopicRecord) => void) => Promise<number>;
  explain: (what: string) => void;
};

export type Verdict = Defects & { records: number };

const EXPLAINED = 20;

export async function check(evidence: Evidence): Promise<Verdict> {
  const { table, windows, lastCommit } = evidence;
  let explained = 0;
  const explain = (what: string) => {
    if (explained++ < EXPLAINED) evidence.explain(what);
  };

  const bounds = checkWindows(windows, lastCommit);
  for (const defect of bounds) explain(defect.what);

  const keys = new Keys();
  const expected = new Expected(table, keys, evidence.tombstones);
  for await (const images of evidence.loaded) expected.load(images);
  await expected.run(windows, evidence.ledger);

  const actual = new EventStore();
  const homes: number[] = [];
  let strays = 0;
  const records = await evidence.topic(({ topicPartition, key, value }) => {
    const record = readRecord(key, value, table);
    const number = keys.numberOf(record.key);
    actual.add(number, record.op, record.before, record.after);
    // Two topic partitions have no order between them, so a key lives in one.
    if ((homes[number] ??= topicPartition) === topicPartition) return;
    strays++;
    explain(`key ${record.key} is in topic partitions ${homes[number]} and ${topicPartition}`);
  });

  const defects = compare(keys, expected.events, actual, (key, what) => explain(`key ${key}: ${what}`));
  defects.missing += bounds.filter((defect) => defect.kind === 'gap').length;
  defects.duplicated += bounds.filter((defect) => defect.kind === 'overlap').length;
  defects.reordered += strays;
  const { missing, duplicated, reordered, mismatched } = defects;
  if (missing + duplicated + reordered + mismatched === 0)
    defects.mismatched = witnesses(keys, expected.final(), actual, explain);
  return { ...defects, records };
}

/**
 * Two more looks at the topic, which don't share the net delta's reasoning: the chain of before and after, and the table
 * that the topic folds to. Counted only where the comparison found nothing, so that no defect counts twice.
 */
function witnesses(
  keys: Keys,
  final: ReadonlyMap<number, number>,
  actual: EventStore,
  explain: (what: string) => void,
): number {
  let broken = 0;
  for (let key = 0; key < keys.count; key++) {
    const events = actual.of(key);
    const chain = breaks(events);
    if (chain > 0) explain(`key ${keys.textOf(key)}: a before is not the previous after`);
    const folded = fold(events) === (final.get(key) ?? NONE);
    if (!folded) explain(`key ${keys.textOf(key)}: the topic folds to another row than the table has`);
    broken += chain + (folded ? 0 : 1);
  }
  return broken;
}
