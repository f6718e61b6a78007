/** What a registry checks of a schema: that it is one, and that its readers can read what the version before wrote. */
import avro from 'avsc';
import protobuf from 'protobufjs';

export type SchemaType = 'AVRO' | 'PROTOBUF';

/** Files that registries know without being given them. */
const KNOWN_IMPORTS = [
  'google/type/date.proto',
  'google/type/timeofday.proto',
  'google/protobuf/timestamp.proto',
] as const;
export const CONFLUENT_IMPORTS = [...KNOWN_IMPORTS, 'confluent/type/decimal.proto'];
export const GLUE_IMPORTS: readonly string[] = KNOWN_IMPORTS;

/** What is wrong with a schema's text, or null. `imports`: files that it may import. */
export function problemOf(type: SchemaType, text: string, imports: readonly string[]): string | null {
  try {
    if (type === 'AVRO') avro.Type.forSchema(JSON.parse(text) as avro.Schema, { wrapUnions: true });
    else parseProtobuf(text, imports);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Why readers of `next` can't read what follows `previous` (BACKWARD), or null. */
export function incompatibility(type: SchemaType, previous: string, next: string): string | null {
  if (type === 'PROTOBUF') return protobufIncompatibility(previous, next);
  try {
    const [writer, reader] = [previous, next].map((text) =>
      avro.Type.forSchema(JSON.parse(text) as avro.Schema, { wrapUnions: true }),
    ) as [avro.Type, avro.Type];
    reader.createResolver(writer);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parseProtobuf(text: string, allowed: readonly string[]): protobuf.Root {
  const { root, imports = [] } = protobuf.parse(text, new protobuf.Root(), { keepCase: true });
  const unknown = imports.filter((name) => !allowed.includes(name));
  if (unknown.length > 0) throw new Error(`unknown import ${unknown.join(', ')}`);
  for (const message of messagesOf(root)) checkNames(message, imports);
  return root;
}

/** Each field's type is one of Protobuf's own, of this file, or of an imported one. */
function checkNames(message: protobuf.Type, imports: readonly string[]): void {
  for (const field of message.fieldsArray) {
    const own = field.type in protobuf.types.basic || message.lookup(field.type) !== null;
    const imported = imports.some((name) => name.startsWith(field.type.split('.').slice(0, -1).join('/')));
    if (!own && !(field.type.includes('.') && imported)) throw new Error(`unknown type ${field.type}`);
  }
}

function messagesOf(root: protobuf.NamespaceBase): protobuf.Type[] {
  return root.nestedArray.flatMap((inner) => {
    const nested = inner instanceof protobuf.Namespace ? messagesOf(inner) : [];
    return inner instanceof protobuf.Type ? [inner, ...nested] : nested;
  });
}

/** Numbers of one group are written alike. */
const groups = [
  ['int32', 'uint32', 'int64', 'uint64', 'bool'],
  ['sint32', 'sint64'],
  ['string', 'bytes'],
];

function protobufIncompatibility(previous: string, next: string): string | null {
  const [old, fresh] = [previous, next].map((text) => messagesOf(parseProtobuf(text, CONFLUENT_IMPORTS)));
  for (const message of old!) {
    const now = fresh!.find(({ fullName }) => fullName === message.fullName);
    if (now === undefined) return `MESSAGE_REMOVED ${message.fullName}`;
    for (const field of message.fieldsArray) {
      const type = now.fieldsById[field.id]?.type;
      if (type === undefined || type === field.type) continue;
      if (groups.some((group) => group.includes(type) && group.includes(field.type))) continue;
      return `FIELD_SCALAR_KIND_CHANGED ${message.fullName}.${field.name}: ${field.type} to ${type}`;
    }
  }
  return null;
}
