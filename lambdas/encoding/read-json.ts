/** JSON, plain or with a schema block, read back. */
import type { ResolvedSource } from '../config/resolved.ts';
import type { Column } from '../protocol/window.ts';
import { bytesText, doubleText, sameText, wholeText } from './decoded.ts';
import { record, type KeyReader, type ReadRecord, type ValueReader } from './reader.ts';

type Fields = Record<string, unknown>;

/** A number becomes its digits: those of an int64 are more than a double has. */
const asText = ((_key: string, value: unknown, { source }: { source: string }) =>
  typeof value === 'number' ? source : value) as (key: string, value: unknown) => unknown;

/** A key is its bytes. */
export class JsonKeys implements KeyReader {
  readonly #columns: readonly Column[];
  readonly #schema: boolean;

  /** `columns`: the key's. */
  constructor(columns: readonly Column[], { key }: ResolvedSource['format']) {
    this.#columns = columns;
    this.#schema = key === 'json-with-schema';
  }

  missing(): undefined {
    return undefined;
  }

  identity(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return bytes.subarray(start, end);
  }

  show(bytes: Uint8Array, start: number, end: number): string {
    return Buffer.from(bytes.subarray(start, end)).toString();
  }

  identityOfRow(encoded: Uint8Array): Uint8Array {
    return encoded;
  }

  texts(bytes: Uint8Array, start: number, end: number): string[] | null {
    const parsed = parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString());
    const fields = this.#schema ? fieldsOf(parsed?.['payload']) : parsed;
    if (fields === null) return null;
    const block = this.#schema ? blockOf(parsed?.['schema']) : null;
    const texts = this.#columns.map((column) => textOf(column, fields[column.name], block?.get(column.name) ?? {}));
    return texts.every((text) => text !== null) ? texts : null;
  }
}

/** Of a schema block: its fields by name. */
function blockOf(schema: unknown): Map<string, Fields> {
  const fields = fieldsOf(schema)?.['fields'];
  const known = Array.isArray(fields) ? fields.map(fieldsOf).filter((field) => field !== null) : [];
  return new Map(known.map((field) => [String(field['field']), field]));
}

/** Plain JSON has a cell's own text; under a schema block decimals and times stand as Kafka Connect has them. */
function textOf(column: Column, value: unknown, { type, name, parameters }: Fields): string | null {
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return null;
  const logical = {
    name: typeof name === 'string' ? name : null,
    scale: Number(fieldsOf(parameters)?.['scale'] ?? 0),
  };
  try {
    if (type === 'int32' || type === 'int64') return wholeText(logical, BigInt(value));
    if (type === 'bytes') return bytesText(logical, Buffer.from(value, 'base64'));
    return type === 'double' ? doubleText(value) : sameText(column, value);
  } catch {
    return null;
  }
}

export class JsonRecords implements ValueReader {
  readonly #names: string[];
  readonly #schema: boolean;
  readonly #flat: boolean;

  /** Only these columns are compared: one that was dropped since is in older records still, one that was added is not yet. */
  constructor(columns: readonly Column[], { type, envelope }: ResolvedSource['format']) {
    this.#names = columns.map(({ name }) => name);
    this.#schema = type === 'json-with-schema';
    this.#flat = envelope === 'flat';
  }

  missing(): undefined {
    return undefined;
  }

  read(bytes: Uint8Array, start: number, end: number): ReadRecord | null {
    const parsed = parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString());
    const value = this.#schema ? fieldsOf(parsed?.['payload']) : parsed;
    if (value === null) return null;
    return this.#flat ? this.#fromFlat(value) : this.#fromEnvelope(value);
  }

  imageOfRow(encoded: Uint8Array, start: number, end: number): string {
    return this.read(encoded, start, end)!.image!;
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
