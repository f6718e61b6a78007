/**
 * Records as a consumer reads them: other people's libraries, and schemas asked of the registry over HTTP. A row comes out as
 * the plain JSON that the documentation promises for it, whatever it was encoded as.
 */
import type { DemoColumn } from '../../local/demo/flights.ts';
import { decode, decodeFramed, textOf } from '../encoding/decode.ts';
import type { Json } from './values.ts';

export type FormatName = 'json' | 'json-with-schema' | 'avro' | 'protobuf';
type Fields = Record<string, unknown>;

export interface Format {
  /** @throws for bytes that can't be read */
  decode(bytes: Buffer): unknown;
  /** A row, or what stands in its place. */
  image(value: unknown): Json | undefined;
}

export function formatOf(name: FormatName, columns: readonly DemoColumn[], schemas: Schemas | null): Format {
  if (name === 'json') {
    return { decode: (bytes) => JSON.parse(bytes.toString('utf8')) as unknown, image: (value) => value as Json };
  }
  const types = new Map(columns.map((column) => [column.name, { column, type: typeOf(column) }]));
  const image = (value: unknown): Json | undefined => {
    if (value === null || value === undefined) return name === 'protobuf' ? null : value;
    if (typeof value !== 'object') return JSON.stringify(value);
    const given = value as Fields;
    // A field that is not set is NULL in Protobuf, and missing elsewhere.
    const names = name === 'protobuf' ? new Set([...types.keys(), ...Object.keys(given)]) : Object.keys(given);
    const fields: { [field: string]: Json } = {};
    for (const field of names) {
      const known = types.get(field);
      const text = known === undefined ? String(given[field]) : textOf(name, known.type, given[field]);
      fields[field] = known === undefined ? text : promisedOf(text, known.column);
    }
    return fields;
  };
  return {
    decode(bytes) {
      if (name === 'json-with-schema') return decode(name, bytes, null);
      const { id, body } = unframed(bytes);
      return decodeFramed(name, schemas!.of(id), body);
    },
    image,
  };
}

function promisedOf(text: string | null, { kind, precision }: DemoColumn): Json {
  if (text === null) return null;
  if (kind === 'boolean') return text === 'true';
  return kind === 'float' || (kind === 'number' && precision! <= 15) ? Number(text) : text;
}

function typeOf({ name, sqlType }: DemoColumn) {
  const [, type = '', precision, scale] = /^(\w+)(?:\((\d+)(?:,\s*(\d+))?\))?/.exec(sqlType) ?? [];
  return {
    name,
    type,
    precision: precision === undefined ? null : Number(precision),
    scale: type === 'NUMBER' ? Number(scale ?? 0) : null,
    nullable: true,
  };
}

function unframed(bytes: Buffer): { id: number; body: Buffer } {
  if (bytes[0] !== 0) throw new Error(`magic byte ${bytes[0]}`);
  return { id: bytes.readInt32BE(1), body: bytes.subarray(5) };
}

/** The registry's schemas, each asked for once. */
export class Schemas {
  readonly #url: string;
  readonly #known = new Map<number, string>();

  constructor(url: string) {
    this.#url = url;
  }

  /** Of records that are framed; undefined where there is nothing to wait for. */
  learn(...parts: (Buffer | null)[]): Promise<void> | undefined {
    const ids = parts.flatMap((bytes) => (bytes === null || bytes[0] !== 0 ? [] : [bytes.readInt32BE(1)]));
    const missing = ids.filter((id) => !this.#known.has(id));
    return missing.length === 0 ? undefined : this.#ask(missing);
  }

  of(id: number): string {
    const schema = this.#known.get(id);
    if (schema === undefined) throw new Error(`schema ${id} is not in the registry`);
    return schema;
  }

  async #ask(ids: number[]): Promise<void> {
    for (const id of ids) {
      const reply = await fetch(`${this.#url}/schemas/ids/${id}`);
      if (reply.ok) this.#known.set(id, ((await reply.json()) as { schema: string }).schema);
    }
  }
}
