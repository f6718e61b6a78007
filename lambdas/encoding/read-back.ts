/** Reads records back that format-json.ts wrote, to compare them with rows: op, position, and the row in a canonical text. */
import type { ResolvedSource } from '../config/resolved.ts';
import type { Column } from '../protocol/window.ts';

/** `image`: the row as it is now, null where the op has none. */
export type ReadRecord = { op: string; window: number; row: number; image: string | null };

type Fields = Record<string, unknown>;

/** A number becomes its digits: those of an int64 are more than a double has. */
const asText = ((_key: string, value: unknown, { source }: { source: string }) =>
  typeof value === 'number' ? source : value) as (key: string, value: unknown) => unknown;

export class JsonRecords {
  readonly #names: string[];
  readonly #schema: boolean;
  readonly #flat: boolean;

  /** Only these columns are compared: one that was dropped since is in older records still, one that was added is not yet. */
  constructor(columns: readonly Column[], { type, envelope }: ResolvedSource['format']) {
    this.#names = columns.map(({ name }) => name);
    this.#schema = type === 'json-with-schema';
    this.#flat = envelope === 'flat';
  }

  /** null: nothing that this source would write. */
  read(bytes: Uint8Array, start: number, end: number): ReadRecord | null {
    const parsed = parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString());
    const value = this.#schema ? fieldsOf(parsed?.['payload']) : parsed;
    if (value === null) return null;
    return this.#flat ? this.#fromFlat(value) : this.#fromEnvelope(value);
  }

  #fromEnvelope({ op, after, source }: Fields): ReadRecord | null {
    const place = fieldsOf(source);
    const row = fieldsOf(after);
    return place && record(op, place['window'], place['row'], row && this.#canonical(row));
  }

  #fromFlat(value: Fields): ReadRecord | null {
    const { __op: op, __window: window, __row: row } = value;
    return record(op, window, row, op === 'd' || op === 't' ? null : this.#canonical(value));
  }

  /** A column that is not there is NULL: so it is in rows that are older than the column. */
  #canonical(row: Fields): string {
    return JSON.stringify(this.#names.map((name) => row[name] ?? null));
  }
}

function record(op: unknown, window: unknown, row: unknown, image: string | null): ReadRecord | null {
  if (typeof op !== 'string' || typeof window !== 'string' || typeof row !== 'string') return null;
  return { op, window: Number(window), row: Number(row), image };
}

function parse(text: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(text, asText));
  } catch {
    return null;
  }
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
