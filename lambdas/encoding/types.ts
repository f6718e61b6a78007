/**
 * What becomes of each Snowflake type in a record. One table: encoders, schemas and the documentation (docs/types.md) follow
 * from it.
 *
 * A cell comes as text (`snowflake/sql/casts.ts` makes it), and every mapping here keeps all that the text says.
 */
import { SnowmeltError } from '../errors.ts';
import type { Column } from '../protocol/window.ts';

/** How a cell's text is written into plain JSON. */
export type JsonKind =
  /** A string. */
  | 'string'
  /** The digits as a JSON number. */
  | 'number'
  /** A JSON number; NaN and the infinities, which JSON lacks, as strings. */
  | 'float'
  /** true or false. */
  | 'boolean';

/**
 * A type of Kafka Connect, as Debezium and Confluent's converters know it: Avro and JSON with a schema block are made of it.
 * `name` is the logical type, `digits` the scale of a decimal or the decimals of a second that a unit of time stands for.
 */
export type ConnectType = {
  type: 'string' | 'boolean' | 'int32' | 'int64' | 'double' | 'bytes';
  kind: ConnectKind;
  digits: number;
  name: string | null;
  parameters: Readonly<Record<string, string>>;
};

export type ConnectKind =
  | 'text'
  /** Text that gets a `Z` at its end. */
  | 'utc'
  | 'boolean'
  | 'integer'
  | 'double'
  /** The unscaled value, two's complement, big endian. */
  | 'decimal'
  /** Bytes, from Base64. */
  | 'base64'
  /** Days since 1970-01-01. */
  | 'date'
  /** Units since midnight. */
  | 'time'
  /** Units since 1970-01-01T00:00:00, read as UTC. */
  | 'timestamp';

export type ProtobufKind = Exclude<ConnectKind, 'utc'>;

/** `type` as it stands in a .proto file. */
export type ProtobufType = { type: string; kind: ProtobufKind; digits: number; precision: number };

type TypeFacts = {
  json: (column: Column) => JsonKind;
  connect: (column: Column) => ConnectType;
  protobuf: (column: Column) => ProtobufType;
  /** What plain JSON has, for people. */
  says: string;
  /** A column's text, as it comes from Snowflake, for the documentation. */
  examples: readonly (readonly [precision: number | null, scale: number | null, text: string])[];
};

/** Doubles carry any decimal of this many digits exactly, and so does every JSON reader. */
export const safeDigits = 15;
const int32Digits = 9;
const int64Digits = 18;

const string = () => 'string' as const;

function connect(
  type: ConnectType['type'],
  kind: ConnectKind,
  name: string | null = null,
  digits = 0,
  parameters: Record<string, string> = {},
): ConnectType {
  return { type, kind, digits, name, parameters };
}

const text = connect('string', 'text');
const json = connect('string', 'text', 'io.debezium.data.Json');
const zoned = 'io.debezium.time.ZonedTimestamp';

const inText = {
  json: string,
  connect: () => text,
  protobuf: (): ProtobufType => ({ type: 'string', kind: 'text', digits: 0, precision: 0 }),
};
const inJson = { ...inText, connect: () => json };
const inBytes = {
  json: string,
  connect: () => connect('bytes', 'base64'),
  protobuf: (): ProtobufType => ({ type: 'bytes', kind: 'base64', digits: 0, precision: 0 }),
};
const timestamp = (): ProtobufType => ({
  type: 'google.protobuf.Timestamp',
  kind: 'timestamp',
  digits: 0,
  precision: 0,
});

/** By the name that `Column.type` has; aliases (INT, TEXT, DOUBLE, ...) are stored by Snowflake under these names. */
export const types: Readonly<Record<string, TypeFacts>> = {
  NUMBER: {
    json: ({ precision }) => (precision !== null && precision <= safeDigits ? 'number' : 'string'),
    connect: numberInConnect,
    protobuf: numberInProtobuf,
    says: `number up to ${safeDigits} digits of precision, else string`,
    examples: [
      [9, 0, '-123456789'],
      [18, 0, '123456789012345678'],
      [38, 0, '12345678901234567890123456789012345678'],
      [10, 2, '12.50'],
      [38, 10, '-1234567890123456789012345678.0123456789'],
    ],
  },
  FLOAT: {
    json: () => 'float',
    connect: () => connect('double', 'double'),
    protobuf: () => ({ type: 'double', kind: 'double', digits: 0, precision: 0 }),
    says: 'number, or "NaN", "Infinity", "-Infinity"',
    examples: [
      [null, null, '1.5E-7'],
      [null, null, 'NaN'],
    ],
  },
  DECFLOAT: { ...inText, says: 'string', examples: [[null, null, '1.2345678901234567890123456789012345678e+1000']] },
  BOOLEAN: {
    json: () => 'boolean',
    connect: () => connect('boolean', 'boolean'),
    protobuf: () => ({ type: 'bool', kind: 'boolean', digits: 0, precision: 0 }),
    says: 'true or false',
    examples: [[null, null, 'true']],
  },
  VARCHAR: { ...inText, says: 'string', examples: [[null, null, 'text']] },
  DATE: {
    json: string,
    connect: () => connect('int32', 'date', 'org.apache.kafka.connect.data.Date'),
    protobuf: () => ({ type: 'google.type.Date', kind: 'date', digits: 0, precision: 0 }),
    says: 'string, ISO 8601',
    examples: [[null, null, '9999-12-31']],
  },
  TIME: {
    json: string,
    connect: timeInConnect,
    protobuf: () => ({ type: 'google.type.TimeOfDay', kind: 'time', digits: 0, precision: 0 }),
    says: 'string, nanoseconds',
    examples: [
      [3, null, '23:59:59.123000000'],
      [6, null, '23:59:59.123456000'],
      [9, null, '23:59:59.123456789'],
    ],
  },
  TIMESTAMP_NTZ: {
    json: string,
    connect: timestampInConnect,
    protobuf: timestamp,
    says: 'string, ISO 8601 without zone',
    examples: [
      [3, null, '2026-01-31T23:59:59.123000000'],
      [6, null, '9999-12-31T23:59:59.123456000'],
      [9, null, '9999-12-31T23:59:59.123456789'],
    ],
  },
  TIMESTAMP_LTZ: {
    json: string,
    connect: () => connect('string', 'text', zoned),
    protobuf: timestamp,
    says: 'string, ISO 8601 in UTC',
    examples: [[9, null, '2026-01-31T23:59:59.123456789Z']],
  },
  TIMESTAMP_TZ: {
    ...inText,
    connect: () => connect('string', 'text', zoned),
    says: 'string, ISO 8601 with its own offset',
    examples: [[9, null, '2026-01-31T23:59:59.123456789+05:30']],
  },
  BINARY: { ...inBytes, says: 'string, Base64', examples: [[null, null, 'aGVsbG8=']] },
  VARIANT: { ...inJson, says: 'string holding JSON; a JSON null is "null"', examples: [[null, null, '{"a":1}']] },
  OBJECT: { ...inJson, says: 'string holding JSON', examples: [[null, null, '{"a":1}']] },
  ARRAY: { ...inJson, says: 'string holding JSON', examples: [[null, null, '[1,2]']] },
  MAP: { ...inJson, says: 'string holding JSON', examples: [[null, null, '{"k":1}']] },
  STRUCTURED_OBJECT: { ...inJson, says: 'string holding JSON', examples: [[null, null, '{"a":1}']] },
  STRUCTURED_ARRAY: { ...inJson, says: 'string holding JSON', examples: [[null, null, '[1,2]']] },
  VECTOR: { ...inJson, says: 'string holding a JSON array', examples: [[null, null, '[1.5,2.5]']] },
  UUID: {
    ...inText,
    connect: () => connect('string', 'text', 'io.debezium.data.Uuid'),
    says: 'string',
    examples: [[null, null, '123e4567-e89b-12d3-a456-426614174000']],
  },
  GEOGRAPHY: { ...inBytes, says: 'string, Base64 of EWKB', examples: [[null, null, ewkbOfPoint()]] },
  GEOMETRY: { ...inBytes, says: 'string, Base64 of EWKB', examples: [[null, null, ewkbOfPoint()]] },
};

function numberInConnect(column: Column): ConnectType {
  const { precision, scale } = decimalOf(column);
  if (scale === 0 && precision <= int32Digits) return connect('int32', 'integer');
  if (scale === 0 && precision <= int64Digits) return connect('int64', 'integer');
  return connect('bytes', 'decimal', 'org.apache.kafka.connect.data.Decimal', scale, {
    scale: String(scale),
    'connect.decimal.precision': String(precision),
  });
}

function numberInProtobuf(column: Column): ProtobufType {
  const { precision, scale } = decimalOf(column);
  if (scale === 0 && precision <= int32Digits) return { type: 'int32', kind: 'integer', digits: 0, precision };
  if (scale === 0 && precision <= int64Digits) return { type: 'int64', kind: 'integer', digits: 0, precision };
  return { type: 'confluent.type.Decimal', kind: 'decimal', digits: scale, precision };
}

function decimalOf({ precision, scale }: Column): { precision: number; scale: number } {
  return { precision: precision ?? 38, scale: scale ?? 0 };
}

function timeInConnect({ precision }: Column): ConnectType {
  if (precision !== null && precision <= 3) return connect('int32', 'time', 'org.apache.kafka.connect.data.Time', 3);
  if (precision !== null && precision <= 6) return connect('int64', 'time', 'io.debezium.time.MicroTime', 6);
  return connect('int64', 'time', 'io.debezium.time.NanoTime', 9);
}

/** Nanoseconds since 1970 end in the year 2262 where they have 64 bits, so finer ones than microseconds are text. */
function timestampInConnect({ precision }: Column): ConnectType {
  if (precision !== null && precision <= 3)
    return connect('int64', 'timestamp', 'org.apache.kafka.connect.data.Timestamp', 3);
  if (precision !== null && precision <= 6) return connect('int64', 'timestamp', 'io.debezium.time.MicroTimestamp', 6);
  return connect('string', 'utc', zoned);
}

/** POINT(1 2) with SRID 4326. */
function ewkbOfPoint(): string {
  const bytes = Buffer.alloc(25);
  bytes[0] = 1;
  bytes.writeUInt32LE(0x20000001, 1);
  bytes.writeUInt32LE(4326, 5);
  bytes.writeDoubleLE(1, 9);
  bytes.writeDoubleLE(2, 17);
  return bytes.toString('base64');
}

/** @throws TYPE_UNSUPPORTED naming every column that has no place in a record */
export function typesOf(columns: readonly Column[]): TypeFacts[] {
  const unsupported = columns.filter((column) => types[column.type] === undefined);
  if (unsupported.length > 0) {
    const list = unsupported.map((column) => `${column.name} (${column.type})`).join(', ');
    throw new SnowmeltError('TYPE_UNSUPPORTED', `Columns of a type that records do not carry: ${list}`);
  }
  return columns.map((column) => types[column.type]!);
}
