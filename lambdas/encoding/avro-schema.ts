/** Avro schemas as Confluent's AvroConverter writes them for the same structs, logical types included. */
import type { Struct, StructField } from './connect-schema.ts';
import { identifierOf, identifiersOf } from './names.ts';
import type { ConnectType } from './types.ts';

/** The schema's text. @throws NAME_TAKEN */
export function avroSchema(struct: Struct): string {
  return JSON.stringify(record(struct, new Set()));
}

/** A record is written out where it comes first and named where it comes again. */
function record(struct: Struct, known: Set<string>): object | string {
  if (known.has(struct.name)) return struct.name;
  known.add(struct.name);
  const cut = struct.name.lastIndexOf('.');
  identifiersOf(
    struct.fields.map(({ name }) => name),
    [],
  );
  return {
    type: 'record',
    name: struct.name.slice(cut + 1),
    namespace: struct.name.slice(0, cut),
    fields: struct.fields.map((field) => fieldOf(field, known)),
    'connect.name': struct.name,
  };
}

function fieldOf({ name, optional, type }: StructField, known: Set<string>): object {
  const schema = 'fields' in type ? record(type, known) : avroType(type);
  const identifier = identifierOf(name);
  return {
    name: identifier,
    type: optional ? ['null', schema] : schema,
    ...(optional ? { default: null } : {}),
    ...(identifier === name ? {} : { column: name }),
  };
}

const primitives = {
  string: 'string',
  boolean: 'boolean',
  int32: 'int',
  int64: 'long',
  double: 'double',
  bytes: 'bytes',
} as const;

/** Connect's own logical types have one of Avro's, too. */
const logicalTypes: Readonly<Record<string, string>> = {
  'org.apache.kafka.connect.data.Decimal': 'decimal',
  'org.apache.kafka.connect.data.Date': 'date',
  'org.apache.kafka.connect.data.Time': 'time-millis',
  'org.apache.kafka.connect.data.Timestamp': 'timestamp-millis',
};

export function avroType({ type, name, parameters }: ConnectType): object | string {
  if (name === null) return primitives[type];
  const logicalType = logicalTypes[name];
  const precision = parameters['connect.decimal.precision'];
  const decimal = precision === undefined ? {} : { scale: Number(parameters['scale']), precision: Number(precision) };
  return {
    type: primitives[type],
    ...decimal,
    'connect.version': 1,
    ...(precision === undefined ? {} : { 'connect.parameters': parameters }),
    'connect.name': name,
    ...(logicalType === undefined ? {} : { logicalType }),
  };
}
