/** The readers of a source's records, by the formats of its keys and values. */
import type { Credentials, ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import type { Column } from '../protocol/window.ts';
import { keyCells } from './image.ts';
import { FramedKeys, FramedRecords } from './read-framed.ts';
import { JsonKeys, JsonRecords } from './read-json.ts';
import type { KeyReader, ValueReader } from './reader.ts';
import { schemasOf } from './registries/registry.ts';

/** `columns`: those that are compared. @throws CONFIG_INVALID where a format needs a registry and there is none */
export function readersOf(
  config: ResolvedConfig,
  { format }: ResolvedSource,
  columns: readonly Column[],
  key: readonly string[],
  credentials: Credentials | null,
): { keys: KeyReader; values: ValueReader } {
  const cells = keyCells(columns, key);
  const framed = (type: typeof format.type) => (type === 'avro' || type === 'protobuf' ? type : null);
  const [keyType, valueType] = [framed(format.key), framed(format.type)];
  return {
    keys:
      keyType === null
        ? new JsonKeys(
            cells.map((cell) => columns[cell]!),
            format,
          )
        : new FramedKeys(schemasOf(config, credentials), keyType, columns, cells),
    values:
      valueType === null
        ? new JsonRecords(columns, format)
        : new FramedRecords(schemasOf(config, credentials), valueType, columns, format.envelope === 'flat'),
  };
}
