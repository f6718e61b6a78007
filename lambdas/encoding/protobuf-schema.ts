/**
 * Protobuf schemas. A column keeps its field number for ever: the numbers of the version registered last are taken over, new
 * columns get the next ones, and a field whose column is gone stays, never written again. Each column is `optional`, so that
 * NULL and an empty text differ.
 */
import { SnowmeltError } from '../errors.ts';
import type { Column } from '../protocol/window.ts';
import { flatNames, sourceFacts, type WindowFacts } from './envelope.ts';
import { identifiersOf, namespaceOf } from './names.ts';
import { typesOf } from './types.ts';

/** A schema's text, and the field number of each column. */
export type ProtobufSchema = { text: string; numbers: number[] };

/** Of the fields that a flat record adds: above the columns' own, in this order. */
export const flatNumbers = [100_001, 100_002, 100_003, 100_004, 100_005] as const;
/** protoc keeps these for itself. */
const reserved = { from: 19_000, to: 19_999 };

type Field = { type: string; name: string; number: number; json: string };

const imports: Readonly<Record<string, string>> = {
  'google.type.Date': 'google/type/date.proto',
  'google.type.TimeOfDay': 'google/type/timeofday.proto',
  'google.protobuf.Timestamp': 'google/protobuf/timestamp.proto',
  'confluent.type.Decimal': 'confluent/type/decimal.proto',
};

/** Registries that don't know Confluent's type get it inside the message: the same bytes. */
export type DecimalPlace = 'imported' | 'inside';

/** `latest`: the text registered last under the subject, or null. @throws TYPE_UNSUPPORTED, NAME_TAKEN, SUBJECT_INCOMPATIBLE */
export function keySchema(
  topic: string,
  columns: readonly Column[],
  latest: string | null,
  place: DecimalPlace,
): ProtobufSchema {
  const { fields, numbers } = fieldsOf(columns, place, latest, 'Key');
  return { text: file(topic, fields, message('Key', fields.map(lineOf), decimals(fields))), numbers };
}

/** Of a record's value: an envelope, or a flat row. @throws TYPE_UNSUPPORTED, NAME_TAKEN, SUBJECT_INCOMPATIBLE */
export function valueSchema(facts: WindowFacts, latest: string | null, place: DecimalPlace): ProtobufSchema {
  const make = facts.source.format.envelope === 'flat' ? flatSchema : envelopeSchema;
  return make(facts, latest, place);
}

function envelopeSchema(facts: WindowFacts, latest: string | null, place: DecimalPlace): ProtobufSchema {
  const { fields, numbers } = fieldsOf(facts.window.columns, place, latest, 'Value');
  const source = [...Object.entries(sourceFacts(facts)), ['row', 0] as const];
  const lines = [
    'optional Value before = 1;',
    'optional Value after = 2;',
    'optional Source source = 3;',
    'string op = 4;',
    'optional int64 ts_ms = 5;',
  ];
  const sourceLines = source.map(
    ([name, value], at) => `${typeof value === 'string' ? 'string' : 'int64'} ${name} = ${at + 1};`,
  );
  const nested = [
    ...message('Value', fields.map(lineOf), []),
    ...message('Source', sourceLines, []),
    ...decimals(fields),
  ];
  return { text: file(facts.layout.topic, fields, message('Envelope', lines, nested)), numbers };
}

function flatSchema(facts: WindowFacts, latest: string | null, place: DecimalPlace): ProtobufSchema {
  const { fields, numbers } = fieldsOf(facts.window.columns, place, latest, 'Value');
  const kinds = ['string', 'int64', 'int64', 'int64', 'bool'];
  const added = flatNames.map((name, at) => `${kinds[at]!} ${name} = ${flatNumbers[at]!};`);
  const lines = [...fields.map(lineOf), ...added];
  return { text: file(facts.layout.topic, fields, message('Value', lines, decimals(fields))), numbers };
}

/** Of the record that says that all rows are gone. */
export function truncationKeySchema(topic: string): string {
  return file(topic, [], message('Key', [`string ${flatNames[0]} = 1;`], []));
}

/** The columns' fields, and after them those that the latest version had for columns that are gone. */
function fieldsOf(
  columns: readonly Column[],
  place: DecimalPlace,
  latest: string | null,
  messageName: string,
): { fields: Field[]; numbers: number[] } {
  const facts = typesOf(columns);
  const names = identifiersOf(
    columns.map(({ name }) => name),
    flatNames,
  );
  const known = latest === null ? [] : registeredFields(latest, messageName);
  let last = known.reduce((most, { number }) => Math.max(most, number), 0);
  const fields = columns.map((column, at) => {
    const { type } = facts[at]!.protobuf(column);
    const name = names[at]!;
    const number = known.find((field) => field.name === name)?.number ?? (last = next(last));
    return { type: placed(type, place), name, number, json: column.name };
  });
  const gone = known.filter(({ name }) => !names.includes(name));
  return { fields: [...fields, ...gone], numbers: fields.map(({ number }) => number) };
}

function next(last: number): number {
  const number = last + 1 === reserved.from ? reserved.to + 1 : last + 1;
  if (number < flatNumbers[0]) return number;
  throw new SnowmeltError('SUBJECT_INCOMPATIBLE', 'The field numbers of a Protobuf schema are used up.');
}

function placed(type: string, place: DecimalPlace): string {
  return place === 'inside' && type === 'confluent.type.Decimal' ? 'Decimal' : type;
}

/** The columns' fields of a message that this code wrote once, however a registry has laid out its text since. */
export function registeredFields(text: string, messageName: string): Field[] {
  const body = new RegExp(`\\bmessage\\s+${messageName}\\s*\\{([^{}]*)`).exec(text)?.[1] ?? '';
  const field = /\boptional\s+([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[\s*json_name\s*=\s*"([^"]*)"\s*\])?/g;
  return [...body.matchAll(field)].map(([, type, name, number, json]) => ({
    type: type!,
    name: name!,
    number: Number(number),
    json: json ?? name!,
  }));
}

/** JSON made from a message has the columns' own names, where nothing in them needs an escape. */
function lineOf({ type, name, number, json }: Field): string {
  const shown = /^[\w .:#$@-]+$/.test(json) ? json : name;
  return `optional ${type} ${name} = ${number} [json_name = "${shown}"];`;
}

function message(name: string, lines: readonly string[], nested: readonly string[]): string[] {
  return [`message ${name} {`, ...[...lines, ...nested].map((line) => `  ${line}`), '}'];
}

function decimals(fields: readonly Field[]): string[] {
  if (!fields.some(({ type }) => type === 'Decimal')) return [];
  return message('Decimal', ['bytes value = 1;', 'uint32 precision = 2;', 'int32 scale = 3;'], []);
}

function file(topic: string, fields: readonly Field[], body: readonly string[]): string {
  const needed = Object.keys(imports).filter((type) => fields.some((field) => field.type === type));
  return [
    'syntax = "proto3";',
    `package ${namespaceOf(topic)};`,
    ...needed.map((type) => `import "${imports[type]!}";`),
    ...body,
    '',
  ].join('\n');
}
