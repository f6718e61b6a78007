/** A small world whose topic is right; each test plants one defect in it. */
import type { DemoColumn, Image } from '../../local/demo/flights.ts';
import type { LedgerEntry } from '../../local/demo/ledger.ts';
import { check, type Kind, type Verdict } from './check.ts';
import type { Json } from './values.ts';
import type { Bounds } from './windows.ts';

export const columns: DemoColumn[] = [
  { name: 'ID', kind: 'number', sqlType: 'NUMBER(38,0)', precision: 38, source: '' },
  { name: 'DELAY', kind: 'number', sqlType: 'NUMBER(6,0)', precision: 6, source: '' },
];

export type Sent = { key: string; value: string | null; topicPartition: number };

export const bound = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
export const at = (second: number) => `${BigInt(Date.UTC(2026, 0, 1, 0, 0, second)) * 1_000_000n}`;
const row = (id: string, delay: string | null): Image => [id, delay];
const image = (id: string, delay: number | null): Json => ({ ID: id, DELAY: delay });

export const sent = (id: string, op: string, before: Json, after: Json, window = 1): Sent => ({
  key: JSON.stringify({ ID: id }),
  value: JSON.stringify({ before, after, op, source: { window, row: 1 }, ts_ms: 1 }),
  topicPartition: Number(id) % 2,
});
export const tombstone = (id: string): Sent => ({
  key: JSON.stringify({ ID: id }),
  value: null,
  topicPartition: Number(id) % 2,
});

/** Snapshot of rows 1 to 4; then row 1 updated twice, 2 deleted, 3 re-keyed to 13, 5 created; row 4 away and back. */
export function world() {
  const windows: Bounds[] = [
    { number: 1, kind: 'snapshot', from: null, to: bound(10), since: null, void: false },
    { number: 2, kind: 'changes', from: bound(10), to: bound(20), since: null, void: false },
    { number: 3, kind: 'changes', from: bound(20), to: bound(30), since: null, void: false },
  ];
  const loaded: Image[] = [row('1', '10'), row('2', null), row('3', '30'), row('4', '40')];
  const ledger: LedgerEntry[] = [
    { at: at(12), changes: [{ row: 0, image: row('1', '11') }] },
    { at: at(13), changes: [{ row: 3, image: row('4', '41') }] },
    { at: at(14), changes: [{ row: 1, image: null }] },
    { at: at(15), changes: [{ row: 3, image: row('4', '40') }] },
    { at: at(22), changes: [{ row: 0, image: row('1', '12') }] },
    { at: at(23), changes: [{ row: 2, image: row('13', '30') }] },
    { at: at(24), changes: [{ row: 4, image: row('5', '50') }] },
  ];
  const topic: Sent[] = [
    sent('1', 'r', null, image('1', 10)),
    sent('2', 'r', null, image('2', null)),
    sent('3', 'r', null, image('3', 30)),
    sent('4', 'r', null, image('4', 40)),
    sent('1', 'u', image('1', 10), image('1', 11)),
    sent('2', 'd', image('2', null), null),
    tombstone('2'),
    sent('1', 'u', image('1', 11), image('1', 12)),
    sent('3', 'd', image('3', 30), null),
    tombstone('3'),
    sent('13', 'c', null, image('13', 30)),
    sent('5', 'c', null, image('5', 50)),
  ];
  return { windows, loaded, ledger, topic };
}

export type World = ReturnType<typeof world>;

export async function verdictOn(
  { windows, loaded, ledger, topic }: World,
  options: { explained?: string[]; tombstones?: boolean; lastCommit?: bigint; kind?: Kind; stream?: boolean } = {},
): Promise<Verdict> {
  return check({
    kind: options.kind ?? 'changes',
    stream: options.stream ?? false,
    table: { columns, key: ['ID'] },
    tombstones: options.tombstones ?? true,
    windows,
    loaded: [loaded],
    ledger: (async function* () {
      yield* ledger;
    })(),
    lastCommit: options.lastCommit ?? BigInt(at(24)),
    topic: async (each) => {
      for (const { key, value, topicPartition } of topic) {
        await each({ topicPartition, key: Buffer.from(key), value: value === null ? null : Buffer.from(value) });
      }
      return topic.length;
    },
    explain: (what) => options.explained?.push(what),
  });
}
