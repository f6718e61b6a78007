/** JSON, plain or as JsonConverter with `schemas.enable` has it. */
import { keyStruct, truncationKeyStruct, valueStruct, type Struct } from './connect-schema.ts';
import { debeziumPieces, flatPieces, truncationValue, under, type WindowFacts } from './envelope.ts';
import { emptied, isFlat, refuseTaken, type Format } from './format.ts';
import { ImageWriter, keyCells } from './image.ts';
import { JsonValue, WrappedKey } from './json.ts';
import type { RowWriter, ValueWriter } from './record.ts';
import { schemaBlock } from './schema-block.ts';

/** No row's key: a row's is an object of its key columns. */
export const TRUNCATION_KEY = '{"__op":"t"}';
const CLOSE = Buffer.from('}');

export class JsonFormat implements Format {
  readonly #schema: boolean;

  /** `schema`: each key and value with its schema before it. */
  constructor(schema: boolean) {
    this.#schema = schema;
  }

  key({ window, layout }: WindowFacts): Promise<RowWriter> {
    const cells = keyCells(window.columns, layout.key);
    const key = new ImageWriter(window.columns, cells, this.#schema);
    if (!this.#schema) return Promise.resolve(key);
    const struct = keyStruct(
      layout.topic,
      cells.map((cell) => window.columns[cell]!),
    );
    return Promise.resolve(new WrappedKey(key, schemaBlock(struct), CLOSE));
  }

  value(facts: WindowFacts): Promise<ValueWriter> {
    const { columns } = facts.window;
    const flat = isFlat(facts);
    if (flat) refuseTaken(facts);
    const row = new ImageWriter(columns, [...columns.keys()], this.#schema);
    const pieces = flat ? flatPieces(facts) : debeziumPieces(facts);
    if (!this.#schema) return Promise.resolve(new JsonValue(flat, row, pieces));
    return Promise.resolve(new JsonValue(flat, row, under(schemaBlock(valueStruct(facts)), pieces)));
  }

  truncationKey(facts: WindowFacts): Promise<Buffer> {
    return Promise.resolve(this.#wrapped(TRUNCATION_KEY, () => truncationKeyStruct(emptied(facts).layout.topic)));
  }

  truncation(facts: WindowFacts): Promise<Buffer> {
    return Promise.resolve(this.#wrapped(truncationValue(facts), () => valueStruct(emptied(facts))));
  }

  #wrapped(payload: string, struct: () => Struct): Buffer {
    if (!this.#schema) return Buffer.from(payload);
    return Buffer.concat([schemaBlock(struct()), Buffer.from(payload), CLOSE]);
  }
}
