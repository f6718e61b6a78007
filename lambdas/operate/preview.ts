/**
 * What the next window would publish if it were opened now: its rows are read as the planner would have them, paired and encoded
 * as a publisher would, and counted. Nothing is noted and nothing is sent; the scan is all that it costs.
 */
import type { ResolvedSource } from '../config/resolved.ts';
import { layoutOf, type SourcePlan } from '../protocol/begin.ts';
import { formatBound } from '../protocol/next-window.ts';
import { mustLook, refused } from '../protocol/operate.ts';
import { Pairing, type Sink } from '../protocol/pairing.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Encoders, Op, RecordEncoder } from '../protocol/ports/records.ts';
import type { SourceState } from '../protocol/ports/state.ts';
import { checkFacts, schemaWindow } from '../protocol/scan.ts';
import { beginsAnew, EXTRA_CELLS, type Window } from '../protocol/window.ts';
import { digest, idOf } from './folded-topic.ts';
import { left, scan, type ScanPorts } from './scan.ts';

export type PreviewPorts = ScanPorts & { checkpoints: Checkpoints; encoders: Encoders };
export type PreviewOptions = { showValues: boolean; safetyLagMs: number };

/** `id`: the first characters of the key's hash. Key and value only where they are asked for; a value of null is a tombstone. */
export type PreviewRecord = { op: string; id: string; key?: string; value?: string | null };

export type Preview = {
  source: string;
  topic: string;
  /** Bounds (from, to]. */
  from: string;
  to: string;
  /** Of the scan: an update has two. */
  rows: number;
  /** Rows that were looked at: fewer where the invocation, or this, ends. */
  looked: number;
  operations: { create: number; update: number; delete: number; tombstone: number };
  /** Of keys and values, before compression. */
  bytes: number;
  first: PreviewRecord[];
};

const MOST_ROWS = 1_000_000;
const FIRST = 10;
/** Longer ones are cut: all of them have to fit one answer. */
const VALUE_CHARACTERS = 4_000;

/** @throws OPERATION_REFUSED where the next window isn't one of changes, or can't be read without being begun */
export async function preview(
  ports: PreviewPorts,
  source: ResolvedSource,
  plan: SourcePlan,
  { showValues, safetyLagMs }: PreviewOptions,
): Promise<Preview> {
  const { checkpoints, snowflake, clock, encoders } = ports;
  if (plan.query) throw refused(`${source.name} reads a query: its rows would be copied in Snowflake to be read.`);
  if (plan.stream) throw refused(`${source.name} reads a stream: to read it is to consume it.`);
  const state = await mustLook(checkpoints, source.name);
  const head = headOf(source.name, state);
  const [reading] = await snowflake.gate([[plan.object]]);
  if (reading instanceof Error) throw reading;
  const to = formatBound(reading!.now - safetyLagMs);
  if (to <= head.to) throw refused(`Window ${head.number} ends ${head.to}; nothing that is old enough came after it.`);
  const layout = layoutOf(plan, head.layout);
  const facts = await snowflake.describe(layout.object);
  checkFacts(snowflake, layout, facts);
  if (facts.createdOn !== head.createdOn)
    throw refused(`The table was replaced since window ${head.number}: its changes since can't be read.`);

  const number = head.number + 1;
  const columns = snowflake.columns(layout, facts.columns);
  const bounds = { kind: 'changes', layout, from: head.to, to } as const;
  // Told as the planner would: columns that it would stop at.
  schemaWindow(plan, state, { ...bounds, number, covered: null, request: null, why: 'changed' }, columns);
  const statement = snowflake.statement({ ...bounds, columns: facts.columns });
  const { queryId, totalRows, ranges } = await scan(ports, source.name, statement, 'preview');
  const window: Window = { ...head, number, kind: 'changes', from: head.to, to, columns, queryId, totalRows, ranges };
  const width = columns.length + EXTRA_CELLS.count;
  const mode = layout.information === 'APPEND_ONLY' ? 'append' : 'net';
  const tally = new Tally(showValues);
  let looked = 0;
  const enough = () => looked >= MOST_ROWS || left(clock) <= 0;
  for (const { partition, start, rows } of ranges) {
    if (enough()) break;
    const pairing = new Pairing(
      mode,
      tally.counting(await encoders.forWindow(window, layout, partition)),
      number,
      width,
      0,
    );
    let taken = 0;
    for await (const batch of snowflake.read(queryId, start, start + rows, width)) {
      await pairing.take(batch, 0, tally);
      taken += batch.rows;
      looked += batch.rows;
      if (enough()) break;
    }
    // A DELETE before the end may be half of an update.
    if (taken === rows) pairing.finish(tally);
  }
  const { operations, size: bytes, first } = tally;
  const { topic } = layout;
  return { source: source.name, topic, from: head.to, to, rows: totalRows, looked, operations, bytes, first };
}

/** The window that the next one joins on to. */
function headOf(name: string, { head, meta }: SourceState): Window {
  if (head === null || beginsAnew(head))
    throw refused(`The next window of ${name} begins anew; it is no window of changes.`);
  if (meta.request !== null && meta.request.id !== head.request)
    throw refused(`The next window of ${name} is a ${meta.request.kind} that was asked for; it comes before changes.`);
  return head;
}

const NAMES = { c: 'create', u: 'update', d: 'delete', r: 'create' } as const satisfies Record<Op, string>;

/** In the place of a producer: counts what comes, and keeps the first records. */
class Tally implements Sink {
  readonly operations = { create: 0, update: 0, delete: 0, tombstone: 0 };
  readonly first: PreviewRecord[] = [];
  size = 0;
  #op: Op = 'c';
  readonly #showValues: boolean;

  constructor(showValues: boolean) {
    this.#showValues = showValues;
  }

  /** The encoder, which tells what it encodes. */
  counting(encoder: RecordEncoder): RecordEncoder {
    const encode = encoder.encode.bind(encoder);
    encoder.encode = (op, before, beforeRow, after, afterRow, row) => {
      this.#op = op;
      encode(op, before, beforeRow, after, afterRow, row);
    };
    return encoder;
  }

  append(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): boolean {
    const op = valueStart < 0 ? 'tombstone' : NAMES[this.#op];
    this.operations[op]++;
    this.size += keyEnd - keyStart + (valueEnd - valueStart);
    if (this.first.length < FIRST) {
      const key = bytes.subarray(keyStart, keyEnd);
      const value = valueStart < 0 ? null : textOf(bytes.subarray(valueStart, valueEnd));
      const id = idOf(digest(key));
      this.first.push({ op, id, ...(this.#showValues && { key: textOf(key), value }) });
    }
    return true;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }
}

function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  return text.length > VALUE_CHARACTERS ? `${text.slice(0, VALUE_CHARACTERS)}...` : text;
}
