/** The structs of a record as Kafka Connect sees them: what Avro schemas and schema blocks are written from. */
import type { Column } from '../protocol/window.ts';
import { flatNames, sourceFacts, type WindowFacts } from './envelope.ts';
import { namespaceOf } from './names.ts';
import { typesOf, type ConnectType } from './types.ts';

export type Struct = { name: string; fields: StructField[] };
export type StructField = { name: string; optional: boolean; type: ConnectType | Struct };

const plain = (type: 'string' | 'boolean' | 'int32' | 'int64', kind: 'text' | 'boolean' | 'integer'): ConnectType => ({
  type,
  kind,
  digits: 0,
  name: null,
  parameters: {},
});
const string = plain('string', 'text');
const boolean = plain('boolean', 'boolean');
const int64 = plain('int64', 'integer');

function required(name: string, type: ConnectType | Struct): StructField {
  return { name, optional: false, type };
}

/** Some columns of a row; one that may be NULL is optional. @throws TYPE_UNSUPPORTED */
function rowStruct(name: string, columns: readonly Column[]): Struct {
  const facts = typesOf(columns);
  const fields = columns.map((column, at) => ({
    name: column.name,
    optional: column.nullable,
    type: facts[at]!.connect(column),
  }));
  return { name, fields };
}

export function keyStruct(topic: string, columns: readonly Column[]): Struct {
  return rowStruct(`${namespaceOf(topic)}.Key`, columns);
}

function imageStruct(topic: string, columns: readonly Column[]): Struct {
  return rowStruct(`${namespaceOf(topic)}.Value`, columns);
}

/** Of a record's value: an envelope, or a flat row. @throws TYPE_UNSUPPORTED */
export function valueStruct(facts: WindowFacts): Struct {
  return facts.source.format.envelope === 'flat' ? flatStruct(facts) : envelopeStruct(facts);
}

/** Debezium's: consumers know it by the end of its name. */
function envelopeStruct(facts: WindowFacts): Struct {
  const { topic } = facts.layout;
  const image = imageStruct(topic, facts.window.columns);
  const source: Struct = {
    name: 'snowmelt.Source',
    fields: [
      ...Object.entries(sourceFacts(facts)).map(([name, value]) =>
        required(name, typeof value === 'string' ? string : int64),
      ),
      required('row', int64),
    ],
  };
  return {
    name: `${namespaceOf(topic)}.Envelope`,
    fields: [
      { name: 'before', optional: true, type: image },
      { name: 'after', optional: true, type: image },
      required('source', source),
      required('op', string),
      { name: 'ts_ms', optional: true, type: int64 },
    ],
  };
}

const [op, time, window, row, deleted] = flatNames;
const flatFields = [
  required(op, string),
  required(time, int64),
  required(window, int64),
  required(row, int64),
  { name: deleted, optional: true, type: boolean },
];

function flatStruct(facts: WindowFacts): Struct {
  const { name, fields } = imageStruct(facts.layout.topic, facts.window.columns);
  return { name, fields: [...fields, ...flatFields] };
}

/** No row's key: of the record that says that all rows are gone. */
export function truncationKeyStruct(topic: string): Struct {
  return { name: `${namespaceOf(topic)}.Key`, fields: [required(op, string)] };
}
