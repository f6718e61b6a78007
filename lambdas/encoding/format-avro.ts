/** Avro behind a registry's header: which schema the bytes follow. */
import { AvroRow, AvroValue, avroTruncation, constant } from './avro.ts';
import { avroSchema } from './avro-schema.ts';
import { keyStruct, truncationKeyStruct, valueStruct, type Struct } from './connect-schema.ts';
import type { WindowFacts } from './envelope.ts';
import { emptied, isFlat, refuseTaken, type Format } from './format.ts';
import { keyCells } from './image.ts';
import type { RowWriter, ValueWriter } from './record.ts';
import type { Part, Registry } from './registries/registry.ts';

export class AvroFormat implements Format {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async key({ window, layout }: WindowFacts): Promise<RowWriter> {
    const cells = keyCells(window.columns, layout.key);
    const struct = keyStruct(
      layout.topic,
      cells.map((cell) => window.columns[cell]!),
    );
    return new AvroRow(window.columns, cells, await this.#head(layout.topic, 'key', struct));
  }

  async value(facts: WindowFacts): Promise<ValueWriter> {
    if (isFlat(facts)) refuseTaken(facts);
    return new AvroValue(facts, await this.#head(facts.layout.topic, 'value', valueStruct(facts)));
  }

  async truncationKey(facts: WindowFacts): Promise<Buffer> {
    const struct = truncationKeyStruct(emptied(facts).layout.topic);
    return Buffer.concat([await this.#head(facts.layout.topic, 'truncation-key', struct), constant('t')]);
  }

  async truncation(facts: WindowFacts): Promise<Buffer> {
    const struct = valueStruct(emptied(facts));
    return avroTruncation(facts, await this.#head(facts.layout.topic, 'truncation-value', struct));
  }

  async #head(topic: string, part: Part, struct: Struct): Promise<Buffer> {
    const { head } = await this.#registry.register({ topic, part, record: struct.name }, 'AVRO', () => ({
      text: avroSchema(struct),
    }));
    return head;
  }
}
