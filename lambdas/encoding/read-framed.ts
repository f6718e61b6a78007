/** Keys and values behind a registry's header, read back by the schemas that their headers name; each is asked for once. */
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Column } from '../protocol/window.ts';
import { avroDecoder, type Decode, type Decoded } from './decode-avro.ts';
import { protobufDecoder } from './decode-protobuf.ts';
import { cellText, sameText } from './decoded.ts';
import { identifierOf } from './names.ts';
import { record, type KeyReader, type ReadRecord, type ValueReader } from './reader.ts';
import type { Schemas } from './registries/registry.ts';

/** Of Protobuf: the number of the message in its file, always the first. */
const FIRST_MESSAGE = 0;

/** What both have: bytes -> fields. */
class Frames {
  readonly #schemas: Schemas;
  readonly #type: 'avro' | 'protobuf';
  /** By header; null: its schema is none of ours, or is not there. */
  readonly #decoders = new Map<string, Decode | null>();

  constructor(schemas: Schemas, type: 'avro' | 'protobuf') {
    this.#schemas = schemas;
    this.#type = type;
  }

  /** What has to be waited for before the bytes can be read. */
  missing(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const head = this.#headOf(bytes, start, end);
    return head === null || this.#decoders.has(head.toString('hex')) ? undefined : this.#learn(Buffer.from(head));
  }

  /** null: nothing that this source would write. */
  decode(bytes: Uint8Array, start: number, end: number): Decoded | null {
    const head = this.#headOf(bytes, start, end);
    const decode = head && this.#decoders.get(head.toString('hex'));
    if (!decode) return null;
    const body = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const from = this.#schemas.headLength + (this.#type === 'protobuf' ? 1 : 0);
    if (this.#type === 'protobuf' && body[from - 1] !== FIRST_MESSAGE) return null;
    try {
      return decode(body, from);
    } catch {
      return null;
    }
  }

  #headOf(bytes: Uint8Array, start: number, end: number): Buffer | null {
    const { headLength } = this.#schemas;
    return end - start < headLength ? null : Buffer.from(bytes.buffer, bytes.byteOffset + start, headLength);
  }

  async #learn(head: Buffer): Promise<void> {
    const text = await this.#schemas.find(head);
    this.#decoders.set(head.toString('hex'), text === null ? null : this.#decoderOf(text));
  }

  #decoderOf(text: string): Decode | null {
    try {
      return this.#type === 'avro' ? avroDecoder(text) : protobufDecoder(text);
    } catch {
      return null;
    }
  }
}

/** A key is its columns' texts: schemas that come later write others bytes for the same key. */
export class FramedKeys implements KeyReader {
  readonly #frames: Frames;
  readonly #columns: readonly Column[];
  readonly #cells: readonly number[];

  /** `columns`: the window's; `cells`: those of the key. */
  constructor(schemas: Schemas, type: 'avro' | 'protobuf', columns: readonly Column[], cells: readonly number[]) {
    this.#frames = new Frames(schemas, type);
    this.#columns = cells.map((cell) => columns[cell]!);
    this.#cells = cells;
  }

  missing(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined {
    return this.#frames.missing(bytes, start, end);
  }

  identity(bytes: Uint8Array, start: number, end: number): Uint8Array | string {
    const texts = this.texts(bytes, start, end);
    return texts === null ? bytes.subarray(start, end) : JSON.stringify(texts);
  }

  texts(bytes: Uint8Array, start: number, end: number): string[] | null {
    const decoded = this.#frames.decode(bytes, start, end);
    const texts = decoded && this.#columns.map((column) => fieldText(column, decoded));
    return texts?.every((text) => text !== null) === true ? texts : null;
  }

  show(bytes: Uint8Array, start: number, end: number): string {
    const texts = this.texts(bytes, start, end);
    if (texts === null) return Buffer.from(bytes.subarray(start, end)).toString('base64');
    return JSON.stringify(Object.fromEntries(this.#columns.map(({ name }, at) => [name, texts[at]])));
  }

  identityOfRow(_encoded: Uint8Array, batch: RowBatch, row: number): string {
    return JSON.stringify(this.#cells.map((cell, at) => textOfCell(this.#columns[at]!, batch, row, cell)));
  }
}

export class FramedRecords implements ValueReader {
  readonly #frames: Frames;
  readonly #columns: readonly Column[];
  readonly #flat: boolean;

  /** Only these columns are compared, as in JSON. */
  constructor(schemas: Schemas, type: 'avro' | 'protobuf', columns: readonly Column[], flat: boolean) {
    this.#frames = new Frames(schemas, type);
    this.#columns = columns;
    this.#flat = flat;
  }

  missing(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined {
    return this.#frames.missing(bytes, start, end);
  }

  read(bytes: Uint8Array, start: number, end: number): ReadRecord | null {
    const decoded = this.#frames.decode(bytes, start, end);
    if (decoded === null) return null;
    if (this.#flat) {
      const { __op: op, __window: window, __row: row } = decoded;
      return record(op, window, row, op === 'd' || op === 't' ? null : this.#image(decoded));
    }
    const { op, after, source } = decoded;
    if (source === null || typeof source !== 'object') return null;
    return record(op, source['window'], source['row'], typeof after === 'object' && after ? this.#image(after) : null);
  }

  imageOfRow(_encoded: Uint8Array, _start: number, _end: number, batch: RowBatch, row: number): string {
    return JSON.stringify(this.#columns.map((column, cell) => textOfCell(column, batch, row, cell)));
  }

  /** A column that is not there is NULL. */
  #image(row: Decoded): string {
    return JSON.stringify(this.#columns.map((column) => fieldText(column, row)));
  }
}

function fieldText(column: Column, row: Decoded): string | null {
  const value = row[identifierOf(column.name)];
  return typeof value === 'string' ? sameText(column, value) : null;
}

function textOfCell(column: Column, batch: RowBatch, row: number, cell: number): string | null {
  const text = cellText(batch, row, cell);
  return text === null ? null : sameText(column, text);
}
