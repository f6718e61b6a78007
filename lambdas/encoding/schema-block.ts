/** A schema as JsonConverter with `schemas.enable` writes it before the payload. */
import type { Struct, StructField } from './connect-schema.ts';

/** What stands before a payload with this schema; `}` closes it. */
export function schemaBlock(struct: Struct): Buffer {
  return Buffer.from(`{"schema":${JSON.stringify(block(struct, false))},"payload":`);
}

function block(struct: Struct, optional: boolean, field?: string): object {
  return {
    type: 'struct',
    fields: struct.fields.map(fieldBlock),
    optional,
    name: struct.name,
    ...(field === undefined ? {} : { field }),
  };
}

function fieldBlock({ name: field, optional, type }: StructField): object {
  if ('fields' in type) return block(type, optional, field);
  const parameters = Object.keys(type.parameters).length === 0 ? {} : { parameters: type.parameters };
  const logical = type.name === null ? {} : { name: type.name, version: 1, ...parameters };
  return { type: type.type, optional, ...logical, field };
}
