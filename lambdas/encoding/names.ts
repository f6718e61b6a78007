/** Names in schemas: Avro and Protobuf know letters, digits and `_` alone. */
import { SnowmeltError } from '../errors.ts';

const plain = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Other characters become `_u` and four hexadecimal digits, as Debezium's avro_unicode has it. */
export function identifierOf(name: string): string {
  if (plain.test(name)) return name;
  const escaped = name.replaceAll(/[^A-Za-z0-9_]/g, escape);
  return /^[0-9]/.test(escaped) ? escape(escaped[0]!) + escaped.slice(1) : escaped;
}

function escape(text: string): string {
  return [...Array(text.length).keys()].map((at) => `_u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}

/** Namespace of a topic's schemas: its name, each part an identifier. */
export function namespaceOf(topic: string): string {
  return topic
    .split('.')
    .filter((part) => part !== '')
    .map((part) => part.replaceAll('-', '_').replace(/^(?=[0-9])/, '_'))
    .join('.');
}

/** @throws NAME_TAKEN naming columns that would share one name, or one with `taken` */
export function identifiersOf(names: readonly string[], taken: readonly string[]): string[] {
  const identifiers = names.map(identifierOf);
  const twice = names.filter((_, at) => taken.includes(identifiers[at]!) || identifiers.indexOf(identifiers[at]!) < at);
  if (twice.length === 0) return identifiers;
  throw new SnowmeltError('NAME_TAKEN', `Columns whose name is taken in a record: ${twice.join(', ')}`);
}
