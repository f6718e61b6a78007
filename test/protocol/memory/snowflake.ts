/** The Snowflake port over a ledger: gate tokens that run before or behind their server time, results that are kept 24 hours. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type {
  ObjectFacts,
  Reading,
  RowBatch,
  ScanRequest,
  Snowflake,
  SnapshotCopyRequest,
  StageRequest,
  StreamRequest,
  Watched,
} from '../../../lambdas/protocol/ports/snowflake.ts';
import type { Column, Layout, ObjectName, Range } from '../../../lambdas/protocol/window.ts';
import { Copies, cursorOf, floorOf, type StagedText, type StageText } from './copies.ts';
import type { Ledger, Row, ScanText } from './ledger.ts';
import { Streams, type ConsumeText, type StageRowsText } from './streams.ts';
import type { Wire } from './wire.ts';

type MemoryText = ScanText | StageText | StagedText | ConsumeText | StageRowsText;

const RESULT_MS = 24 * 3_600_000;
const lost = (what: string) => new SnowmeltError('SNOWFLAKE_UNREACHABLE', what);

export class MemorySnowflake implements Snowflake {
  readonly #wire: Wire;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #results = new Map<string, { rows: Row[]; at: number; running: number }>();
  facts: ObjectFacts = {
    createdOn: 'created-1',
    tracking: true,
    retentionMs: 86_400_000,
    columns: ['K', 'V'].map((name) => ({ name, type: 'VARCHAR', precision: null, scale: null, nullable: true })),
  };
  /** How far a token is ahead of the server time it is read with. */
  skew: () => number = () => 0;
  /** How often a query is still found running. */
  slow: () => number = () => 0;
  batchRows = 3;
  gates = 0;
  readonly submitted: string[] = [];
  readonly copies: Copies;
  readonly given: Streams;

  constructor(wire: Wire, ledger: Ledger, now: () => number) {
    this.#wire = wire;
    this.#ledger = ledger;
    this.copies = new Copies(ledger);
    this.given = new Streams(ledger);
    this.#now = now;
  }

  gate(objects: Watched[][]): Promise<(Reading | Error)[]> {
    return this.#request('gate', () => {
      this.gates++;
      const now = this.#now();
      return objects.map(([object]) => {
        if (object?.isStream) return { now, token: String(this.given.hasRows(object.name, now)) };
        const ahead = now + this.skew();
        this.given.see(ahead);
        return { now, token: this.#ledger.token(ahead) };
      });
    });
  }

  describeStream(): Promise<ObjectFacts> {
    return this.#request('describeStream', () => structuredClone(this.facts));
  }

  describeStage(_: Layout, { name }: ObjectName) {
    return this.#request('describeStage', () => {
      if (!this.given.has(name)) throw new SnowmeltError('OBJECT_MISSING', name);
      return { columns: structuredClone(this.facts.columns) };
    });
  }

  prepareStage(request: StreamRequest): Promise<{ began: boolean }> {
    return this.#request('prepareStage', () => this.given.prepare(request, this.#now()));
  }

  consumption({ layout, turn, life, table }: StreamRequest): string {
    const { information } = layout;
    const stage = turn.number;
    const text: ConsumeText = {
      kind: 'consume',
      stream: turn.stream.name,
      information,
      life,
      stage,
      table: table.name,
    };
    return JSON.stringify(text);
  }

  ledger({ name }: ObjectName) {
    return this.#request('ledger', () => this.given.entry(name));
  }

  streams(_: ObjectName, prefix: string) {
    return this.#request('streams', () => this.given.streamNames().filter((name) => name.startsWith(prefix)));
  }

  dropStream({ name }: ObjectName) {
    return this.#request('dropStream', () => this.given.dropStream(name));
  }

  describe(): Promise<ObjectFacts> {
    return this.#request('describe', () => structuredClone(this.facts));
  }

  columns(_layout: Layout, table: Column[]): Column[] {
    return table;
  }

  statement({ kind, layout, from, to, staged, keys }: ScanRequest): string {
    const { information, partitions } = layout;
    if (staged && layout.stream) {
      return JSON.stringify({ kind: 'stage rows', table: staged.table.name, partitions } satisfies StageRowsText);
    }
    if (staged) {
      const { table, base } = staged;
      const mode = layout.query?.mode ?? 'incrementing';
      const text = { kind: 'staged', mode, partitions, table: table.name, base: base?.table.name ?? null } as const;
      return JSON.stringify(text satisfies StagedText);
    }
    const listed = keys && { keys: JSON.parse(keys) as string[] };
    return JSON.stringify({ kind, information, partitions, from, to, ...listed } satisfies ScanText);
  }

  /** The result's name says what is in it. */
  submitKeys(keys: readonly (readonly string[])[]): Promise<string> {
    return this.#request('submitKeys', () => JSON.stringify(keys.map(([key]) => key)));
  }

  compile(): Promise<void> {
    return this.#request('compile', () => undefined);
  }

  submit(statement: string): Promise<string> {
    return this.#request('submit', () => {
      this.submitted.push(statement);
      const id = `query-${this.submitted.length}`;
      const rows = this.rows(JSON.parse(statement) as MemoryText);
      this.#results.set(id, { rows, at: this.#now(), running: this.slow() });
      return id;
    });
  }

  /** What a statement gives now; a copy's rows are what they were when it was made. */
  rows(text: MemoryText): Row[] {
    if (text.kind === 'consume') return this.given.consume(text as ConsumeText, this.#now());
    if (text.kind === 'stage rows') return this.given.rows(text as StageRowsText);
    if (text.kind === 'stage') return this.copies.make(text as StageText, this.#now());
    if (text.kind === 'staged') return this.copies.rows(text as StagedText);
    return this.#ledger.rows(text as ScanText);
  }

  stage({ table, layout, since }: StageRequest): string {
    return JSON.stringify({ kind: 'stage', table: table.name, floor: floorOf(layout, since) } satisfies StageText);
  }

  copy({ table, to }: SnapshotCopyRequest): string {
    return JSON.stringify({ kind: 'stage', table: table.name, floor: null, at: to } satisfies StageText);
  }

  measure({ table, layout, since }: StageRequest) {
    return this.#request('measure', () => {
      const rows = this.copies.of(table.name);
      const value = Math.max(...rows.map((row) => cursorOf(row[1])), Number(since?.cursor.value ?? 0));
      const floor = floorOf(layout, since);
      const cursor = { value: String(value), floor: floor === null ? null : String(floor), nulls: 0 };
      const bulk = layout.query!.mode === 'bulk';
      return { rows: rows.length, keys: bulk ? rows.length : null, cursor: bulk ? null : cursor };
    });
  }

  stages(_: unknown, prefix: string) {
    return this.#request('stages', () =>
      [...this.copies.names(), ...this.given.names()].filter((name) => name.startsWith(prefix)),
    );
  }

  drop({ name }: { name: string }) {
    return this.#request('drop', () => {
      this.copies.drop(name);
      this.given.dropStage(name);
    });
  }

  status(queryId: string) {
    return this.#request('status', () => {
      const result = this.#results.get(queryId);
      if (result === undefined) return { state: 'gone' } as const;
      return result.running-- > 0 ? ({ state: 'running' } as const) : ({ state: 'done' } as const);
    });
  }

  ranges(queryId: string) {
    return this.#request('ranges', () => {
      const rows = this.#rows(queryId);
      const ranges: Range[] = [];
      rows.forEach((row, start) => {
        const partition = Number(row.at(-1));
        if (ranges.at(-1)?.partition === partition) ranges.at(-1)!.rows++;
        else ranges.push({ partition, start, rows: 1, hash: '' });
      });
      for (const range of ranges) range.hash = JSON.stringify(rows.slice(range.start, range.start + range.rows));
      return { totalRows: rows.length, ranges };
    });
  }

  abort(queryId: string): Promise<void> {
    return this.#request('abort', () => {
      const result = this.#results.get(queryId);
      if (result !== undefined && result.running > 0) this.#results.delete(queryId);
    });
  }

  async *read(queryId: string, start: number, end: number, width: number): AsyncGenerator<RowBatch> {
    for (let at = start; at < end; at += this.batchRows) {
      yield await this.#request('read', () => {
        return batchOf(this.#rows(queryId).slice(at, Math.min(end, at + this.batchRows)), width);
      });
    }
  }

  async close() {}

  #rows(queryId: string): Row[] {
    const result = this.#results.get(queryId);
    if (result !== undefined && this.#now() - result.at < RESULT_MS) return result.rows;
    throw new SnowmeltError('RESULT_EXPIRED', queryId);
  }

  #request<T>(name: string, effect: () => T): Promise<T> {
    return this.#wire.request(name, { lost, effect });
  }
}

export function batchOf(rows: Row[], width: number): RowBatch {
  const offsets = new Int32Array(2 * rows.length * width);
  const parts: Buffer[] = [];
  let size = 0;
  rows.flat().forEach((cell, i) => {
    offsets[2 * i] = cell === null ? -1 : size;
    if (cell !== null) {
      const bytes = Buffer.from(JSON.stringify(cell).slice(1, -1));
      parts.push(bytes);
      size += bytes.length;
    }
    offsets[2 * i + 1] = cell === null ? -1 : size;
  });
  return { bytes: Buffer.concat(parts), offsets, rows: rows.length, width };
}
