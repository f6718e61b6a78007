/** Avro by the schema it was written with: fields as texts. Only what avro-schema.ts writes is known. */
import { bytesText, doubleText, wholeText, type Logical } from './decoded.ts';

/** Of a record: text, null, or a record in it. */
export type Decoded = { [name: string]: string | null | Decoded };
/** Reads what stands at `from`. @throws for bytes that are not of the schema */
export type Decode = (bytes: Buffer, from: number) => Decoded;

type Schema = string | Schema[] | { type: Schema; name?: string; namespace?: string; fields?: Field[]; scale?: number };
type Field = { name: string; type: Schema };
type Named = { 'connect.name'?: string };
type Reader = (cursor: Cursor) => string | null | Decoded;

/** @throws for a schema that is none of ours */
export function avroDecoder(text: string): Decode {
  const read = readerOf(JSON.parse(text) as Schema, new Map());
  return (bytes, from) => {
    const cursor = new Cursor(bytes, from);
    const decoded = read(cursor);
    if (cursor.at !== bytes.length || decoded === null || typeof decoded === 'string')
      throw new Error('not the schema');
    return decoded;
  };
}

function readerOf(schema: Schema, known: Map<string, Reader>): Reader {
  if (Array.isArray(schema)) {
    const [first, second] = schema;
    if (schema.length !== 2 || first !== 'null') throw new Error('an unknown union');
    const read = readerOf(second!, known);
    return (cursor) => (cursor.long() === 0n ? null : read(cursor));
  }
  if (typeof schema === 'string') return known.get(schema) ?? plainReader(schema, { name: null, scale: 0 });
  if (schema.type === 'record')
    return recordReader(schema.name ?? '', schema.namespace ?? '', schema.fields ?? [], known);
  if (typeof schema.type !== 'string') return readerOf(schema.type, known);
  return plainReader(schema.type, { name: (schema as Named)['connect.name'] ?? null, scale: schema.scale ?? 0 });
}

function recordReader(name: string, namespace: string, fields: Field[], known: Map<string, Reader>): Reader {
  const readers = fields.map((field) => [field.name, readerOf(field.type, known)] as const);
  const read = (cursor: Cursor) => {
    const record: Decoded = {};
    for (const [field, reader] of readers) record[field] = reader(cursor);
    return record;
  };
  // A registry may write the name out, or shorten it to what the namespace leaves open.
  known.set(name, read).set(`${namespace}.${name}`, read);
  return read;
}

function plainReader(type: string, logical: Logical): Reader {
  switch (type) {
    case 'string':
      return (cursor) => cursor.bytes(cursor.length()).toString();
    case 'int':
    case 'long':
      return (cursor) => wholeText(logical, cursor.long());
    case 'boolean':
      return (cursor) => (cursor.bytes(1)[0] === 0 ? 'false' : 'true');
    case 'double':
      return (cursor) => doubleText(cursor.bytes(8).readDoubleLE());
    case 'bytes':
      return (cursor) => bytesText(logical, cursor.bytes(cursor.length()));
    default:
      throw new Error('an unknown type');
  }
}

class Cursor {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Zigzag. */
  long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new Error('a number without end');
  }

  length(): number {
    return Number(this.long());
  }

  bytes(count: number): Buffer {
    const end = this.at + count;
    if (!(count >= 0 && end <= this.#bytes.length)) throw new Error('cut short');
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}
