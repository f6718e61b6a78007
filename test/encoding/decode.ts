/**
 * Reads records as a consumer does, with other people's libraries, and says a column's value again in the text that it came
 * as from Snowflake: what is equal then was lossless.
 */
import avro from 'avsc';
import protobuf from 'protobufjs';
import type { RecordFormat } from '../../lambdas/config/resolved.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import type { ConfluentStandIn } from '../../local/registry/confluent.ts';
import type { GlueStandIn } from '../../local/registry/glue.ts';

export type Registry = ConfluentStandIn | GlueStandIn | null;
export type Decoded = Record<string, unknown>;

/** Numbers keep all of their digits. */
type Digits = { digits: string };

export function decode(format: RecordFormat, bytes: Uint8Array, registry: Registry): Decoded {
  if (format === 'json') return parseJson(bytes);
  if (format === 'json-with-schema') {
    const { schema, payload } = parseJson(bytes) as { schema: Block; payload: Decoded };
    checkBlock(schema, payload);
    return payload;
  }
  const { schema, body } = unframed(bytes, registry);
  return decodeFramed(format, schema, body);
}

/** What is behind the header, by the schema that the header names. */
export function decodeFramed(format: 'avro' | 'protobuf', schema: string, body: Buffer): Decoded {
  return format === 'avro' ? decodeAvro(schema, body) : decodeProtobuf(schema, body);
}

/** The schema that a record's header names, and what is behind the header. */
export function unframed(bytes: Uint8Array, registry: Registry): { schema: string; body: Buffer } {
  const buffer = Buffer.from(bytes);
  if (registry === null) throw new Error('no registry');
  if ('subjects' in registry) {
    if (buffer[0] !== 0) throw new Error(`magic byte ${buffer[0]}`);
    return { schema: registry.schemaOf(buffer.readInt32BE(1)).schema, body: buffer.subarray(5) };
  }
  if (buffer[0] !== 3 || buffer[1] !== 0) throw new Error(`header ${buffer[0]} ${buffer[1]}`);
  const hex = buffer.subarray(2, 18).toString('hex');
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { schema: registry.schemaOf(id).schema, body: buffer.subarray(18) };
}

function parseJson(bytes: Uint8Array): Decoded {
  return JSON.parse(Buffer.from(bytes).toString(), (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? ({ digits: context!.source! } satisfies Digits) : value,
  ) as Decoded;
}

type Block = { type: string; field?: string; optional: boolean; fields?: Block[] };

/** What JsonConverter insists on: each field is there and of its type, or null where it may be. */
function checkBlock(block: Block, value: unknown): void {
  const where = block.field ?? '(record)';
  if (value === null || value === undefined) {
    if (!block.optional) throw new Error(`${where} is required`);
    return;
  }
  const is = typeof value === 'object' && 'digits' in value ? 'number' : typeof value;
  const wants: Record<string, string[]> = {
    struct: ['object'],
    string: ['string'],
    boolean: ['boolean'],
    int32: ['number'],
    int64: ['number'],
    double: ['number', 'string'],
    bytes: ['string'],
  };
  if (!wants[block.type]!.includes(is)) throw new Error(`${where} is ${is}, not ${block.type}`);
  if (block.type !== 'struct') return;
  const fields = block.fields!;
  const known = fields.map(({ field }) => field!);
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no schema for ${unknown.join(', ')}`);
  for (const field of fields) checkBlock(field, (value as Decoded)[field.field!]);
}

const long = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function exactLong(schema: avro.Schema | string): avro.Type | undefined {
  const type = typeof schema === 'object' && 'type' in schema ? schema.type : schema;
  return type === 'long' ? long : undefined;
}

const avroTypes = new Map<string, avro.Type>();

/** Throws where bytes are left over. */
function decodeAvro(schema: string, body: Buffer): Decoded {
  let type = avroTypes.get(schema);
  type ??= avro.Type.forSchema(JSON.parse(schema) as avro.Schema, { typeHook: exactLong });
  avroTypes.set(schema, type);
  const decoded = type.fromBuffer(body) as Decoded;
  if (!type.toBuffer(decoded).equals(body)) throw new Error('not the bytes that another encoder writes');
  return decoded;
}

const IMPORTED = [
  'package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }',
  'package google.type; message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }',
  'package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }',
  'package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }',
];
const protobufTypes = new Map<string, protobuf.Type>();

function decodeProtobuf(schema: string, body: Buffer): Decoded {
  if (body[0] !== 0) throw new Error(`message index ${body[0]}`);
  const type = protobufTypes.get(schema) ?? protobufType(schema);
  protobufTypes.set(schema, type);
  const message = type.decode(body.subarray(1));
  return type.toObject(message, { longs: String, bytes: Buffer });
}

function protobufType(schema: string): protobuf.Type {
  const root = new protobuf.Root();
  for (const text of IMPORTED) protobuf.parse(`syntax = "proto3"; ${text}`, root, { keepCase: true });
  const parsed = protobuf.parse(schema, root, { keepCase: true });
  root.resolveAll();
  const inside = root.lookup(parsed.package!);
  if (!(inside instanceof protobuf.Namespace)) throw new Error('a schema without messages');
  const [first] = inside.nestedArray;
  if (!(first instanceof protobuf.Type)) throw new Error('a schema without messages');
  return first;
}

// ---------------------------------------------------------------- back to Snowflake's text

/** The text that a column had, from the value that a record has for it. */
export function textOf(format: RecordFormat, column: Column, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Object.is(value, -0)) return '-0';
  switch (format) {
    case 'json':
      return fromJson(value);
    case 'json-with-schema':
      return fromConnect(column, isDigits(value) ? numberOf(value.digits) : value);
    case 'avro':
      return fromConnect(column, value);
    case 'protobuf':
      return fromProtobuf(column, value);
  }
}

function isDigits(value: unknown): value is Digits {
  return typeof value === 'object' && value !== null && 'digits' in value;
}

/** Exact where it is whole; a FLOAT has no digits but a double's. */
function numberOf(digits: string): bigint | string {
  return /^-?\d+$/.test(digits) ? BigInt(digits) : digits;
}

function fromJson(value: unknown): string {
  return isDigits(value) ? value.digits : String(value);
}

function fromConnect(column: Column, value: unknown): string {
  const { type, precision, scale } = column;
  switch (type) {
    case 'NUMBER':
      return typeof value === 'number' || typeof value === 'bigint'
        ? String(value)
        : decimalText(bufferOf(value), scale ?? 0);
    case 'BINARY':
    case 'GEOGRAPHY':
    case 'GEOMETRY':
      return typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString('base64');
    case 'DATE':
      return isoDate(BigInt(value as number));
    case 'TIME':
      return timeText(BigInt(value as number) * 10n ** BigInt(9 - unitOf(precision)));
    case 'TIMESTAMP_NTZ': {
      if (typeof value === 'string') return value.replace(/Z$/, '');
      const nanos = BigInt(value as number | bigint) * 10n ** BigInt(9 - unitOf(precision));
      const days = floorDiv(nanos, 86_400_000_000_000n);
      return `${isoDate(days)}T${timeText(nanos - days * 86_400_000_000_000n)}`;
    }
    default:
      return String(value);
  }
}

function fromProtobuf(column: Column, value: unknown): string {
  const of = value as Record<string, number | string | Buffer | undefined>;
  const two = (name: string) => String(of[name] ?? 0).padStart(2, '0');
  const nanos = () => String(of['nanos'] ?? 0).padStart(9, '0');
  switch (column.type) {
    case 'NUMBER':
      if (typeof value === 'number' || typeof value === 'string') return String(value);
      if (of['precision'] !== (column.precision ?? 38) || (of['scale'] ?? 0) !== (column.scale ?? 0))
        throw new Error('another precision or scale');
      return decimalText(of['value'] as Buffer, column.scale ?? 0);
    case 'BINARY':
    case 'GEOGRAPHY':
    case 'GEOMETRY':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'DATE':
      return `${String(of['year']).padStart(4, '0')}-${two('month')}-${two('day')}`;
    case 'TIME':
      return `${two('hours')}:${two('minutes')}:${two('seconds')}.${nanos()}`;
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ': {
      const seconds = BigInt((of['seconds'] as string | undefined) ?? 0);
      const days = floorDiv(seconds, 86_400n);
      const time = timeText((seconds - days * 86_400n) * 1_000_000_000n).slice(0, 8);
      return `${isoDate(days)}T${time}.${nanos()}${column.type === 'TIMESTAMP_LTZ' ? 'Z' : ''}`;
    }
    default:
      return String(value);
  }
}

function unitOf(precision: number | null): number {
  return precision === null || precision > 6 ? 9 : precision > 3 ? 6 : 3;
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

function isoDate(days: bigint): string {
  return new Date(Number(days) * 86_400_000).toISOString().slice(0, 10);
}

function timeText(nanos: bigint): string {
  const [seconds, rest] = [Number(nanos / 1_000_000_000n), nanos % 1_000_000_000n];
  return `${new Date(seconds * 1000).toISOString().slice(11, 19)}.${String(rest).padStart(9, '0')}`;
}

function bufferOf(value: unknown): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.from(value as Uint8Array);
}

function decimalText(bytes: Buffer, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}
