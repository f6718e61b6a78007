/** Snowflake's port in memory: results of scans. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type {
  ObjectFacts,
  Reading,
  RowBatch,
  ScanRequest,
  ScanStatus,
  Snowflake,
} from '../../../lambdas/protocol/ports/snowflake.ts';
import type { Column, Layout, Range } from '../../../lambdas/protocol/window.ts';
import { type Fault, type Row, batchOf, calm } from './basics.ts';

type StatementText = [
  kind: string,
  from: string | null,
  to: string,
  results: readonly [string, string] | null,
  keys: string | null,
  where: string | null,
];

export class MemorySnowflake implements Snowflake {
  readonly results = new Map<string, Row[]>();
  facts: ObjectFacts = {
    createdOn: 'created-1',
    tracking: true,
    retentionMs: 86_400_000,
    columns: [{ name: 'ID', type: 'NUMBER', precision: 10, scale: 0, nullable: false }],
  };
  /** Rows a scan of (kind, from, to) finds; the bucket stands in the last cell. */
  scan: (kind: string, from: string | null, to: string) => Row[] = () => [];
  reading: Reading | Error = { now: 0, token: null };
  statements: string[] = [];
  gates = 0;
  batchRows = 3;
  fault: Fault = calm;
  #queries = 0;

  async gate(objects: Layout['object'][][]): Promise<(Reading | Error)[]> {
    this.fault('gate', 'before');
    this.gates++;
    return objects.map(() => this.reading);
  }
  async describe(): Promise<ObjectFacts> {
    this.fault('describe', 'before');
    return structuredClone(this.facts);
  }
  columns(_layout: Layout, table: Column[]): Column[] {
    return table;
  }
  statement({ kind, from, to, results = null, keys = null, where = null }: ScanRequest): string {
    return JSON.stringify([kind, from, to, results, keys, where] satisfies StatementText);
  }
  async submitKeys(keys: readonly (readonly string[])[]): Promise<string> {
    const queryId = `query-${++this.#queries}`;
    this.results.set(
      queryId,
      keys.map(([key]) => [key!]),
    );
    return queryId;
  }
  async compile(): Promise<void> {}
  stage(): string {
    throw new Error('no query source here');
  }
  copy(): string {
    throw new Error('no copy here');
  }
  async measure(): Promise<never> {
    throw new Error('no query source here');
  }
  async stages(): Promise<string[]> {
    return [];
  }
  async drop(): Promise<void> {}
  async describeStream(): Promise<never> {
    throw new Error('no stream source here');
  }
  async describeStage(): Promise<never> {
    throw new Error('no stream source here');
  }
  async prepareStage() {
    return { began: false };
  }
  consumption(): string {
    throw new Error('no stream source here');
  }
  async ledger(): Promise<null> {
    return null;
  }
  async streams(): Promise<string[]> {
    return [];
  }
  async dropStream(): Promise<void> {}
  async submit(statement: string): Promise<string> {
    this.fault('submit', 'before');
    this.statements.push(statement);
    const [kind, from, to, results, keys, where] = JSON.parse(statement) as StatementText;
    const queryId = `query-${++this.#queries}`;
    const found =
      results !== null
        ? this.#late(results, to)
        : keys !== null
          ? this.#keyed(keys, to)
          : where !== null
            ? this.scan('snapshot', null, to).filter((row) => this.where(row))
            : this.scan(kind, from, to);
    const rows = found.toSorted((a, b) => Number(a.at(-1)) - Number(b.at(-1)));
    this.results.set(queryId, rows);
    this.fault('submit', 'after');
    return queryId;
  }
  /** Rows for which an operator's condition holds. */
  where: (row: Row) => boolean = () => true;
  /** Listed keys as they are at `to`; of one that is gone nothing but itself is known. */
  #keyed(queryId: string, to: string): Row[] {
    const listed = this.results.get(queryId);
    if (listed === undefined) throw new SnowmeltError('RESULT_EXPIRED', queryId);
    const rows = new Map(this.scan('snapshot', null, to).map((row) => [row.at(-4)!, row]));
    return [...new Set(listed.map(([key]) => key!))]
      .sort()
      .map((key) => rows.get(key) ?? [null, key, 'DELETE KEY', null, String(Number(key) % 2)]);
  }
  /** Keys in which two results of one window differ, as they are at `to`. */
  #late(results: readonly [string, string], to: string): Row[] {
    const [was, is] = results.map((queryId) => this.results.get(queryId)!) as [Row[], Row[]];
    const texts = [
      new Set(was.map((row) => JSON.stringify(row))),
      new Set(is.map((row) => JSON.stringify(row))),
    ] as const;
    const keyOf = (row: Row) => row.at(-4)!;
    const differs = [
      ...was.filter((row) => !texts[1].has(JSON.stringify(row))),
      ...is.filter((row) => !texts[0].has(JSON.stringify(row))),
    ];
    const keys = new Map(differs.map((row) => [keyOf(row), row]));
    const now = new Map(this.scan('snapshot', null, to).map((row) => [keyOf(row), row]));
    return [...keys]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, row]) => {
        const gone = [...row];
        gone[gone.length - 3] = 'DELETE';
        return now.get(key) ?? gone;
      });
  }
  async status(queryId: string, _waitMs = 0): Promise<ScanStatus> {
    this.fault('status', 'before');
    return this.results.has(queryId) ? { state: 'done' } : { state: 'gone' };
  }
  async ranges(queryId: string) {
    const rows = this.results.get(queryId)!;
    const ranges: Range[] = [];
    rows.forEach((row, start) => {
      const partition = Number(row.at(-1));
      const last = ranges.at(-1);
      if (last?.partition === partition) last.rows++;
      else ranges.push({ partition, start, rows: 1, hash: '' });
    });
    for (const range of ranges) {
      range.hash = JSON.stringify(rows.slice(range.start, range.start + range.rows)).length.toString();
    }
    return { totalRows: rows.length, ranges };
  }
  async abort() {}
  async *read(queryId: string, start: number, end: number, width: number): AsyncGenerator<RowBatch> {
    for (let at = start; at < end; at += this.batchRows) {
      this.fault('read', 'before');
      yield batchOf(this.results.get(queryId)!.slice(at, Math.min(end, at + this.batchRows)), width);
    }
  }
  async close() {}
}
