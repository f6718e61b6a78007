/** Protobuf behind a registry's header and the number of the message in its file, which is always the first. */
import type { WindowFacts } from './envelope.ts';
import { emptied, isFlat, refuseTaken, type Format } from './format.ts';
import { keyCells } from './image.ts';
import { namespaceOf } from './names.ts';
import { field, ProtobufRow, ProtobufValue, protobufTruncation } from './protobuf.ts';
import { keySchema, truncationKeySchema, valueSchema, type ProtobufSchema } from './protobuf-schema.ts';
import type { RowWriter, ValueWriter } from './record.ts';
import type { Part, Place, Registry } from './registries/registry.ts';

/** Confluent: a list of indexes, `[0]` in short. Glue: the index itself. */
const FIRST_MESSAGE = Buffer.of(0);

type Registered = { head: Buffer; schema: ProtobufSchema };

export class ProtobufFormat implements Format {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async key({ window, layout }: WindowFacts): Promise<RowWriter> {
    const { topic } = layout;
    const cells = keyCells(window.columns, layout.key);
    const columns = cells.map((cell) => window.columns[cell]!);
    const make = (latest: string | null) => keySchema(topic, columns, latest, this.#registry.decimals);
    const { head, schema } = await this.#register({ topic, part: 'key', record: `${namespaceOf(topic)}.Key` }, make);
    return new ProtobufRow(window.columns, cells, schema.numbers, head);
  }

  async value(facts: WindowFacts): Promise<ValueWriter> {
    if (isFlat(facts)) refuseTaken(facts);
    const { head, schema } = await this.#value(facts, facts.layout.topic, 'value');
    return new ProtobufValue(facts, schema.numbers, head);
  }

  async truncationKey(facts: WindowFacts): Promise<Buffer> {
    const { topic } = emptied(facts).layout;
    const place = { topic: facts.layout.topic, part: 'truncation-key', record: `${namespaceOf(topic)}.Key` } as const;
    const { head } = await this.#register(place, () => ({ text: truncationKeySchema(topic), numbers: [] }));
    return Buffer.concat([head, field(1, 't')]);
  }

  async truncation(facts: WindowFacts): Promise<Buffer> {
    const { head } = await this.#value(emptied(facts), facts.layout.topic, 'truncation-value');
    return protobufTruncation(facts, head);
  }

  #value(facts: WindowFacts, topic: string, part: Part): Promise<Registered> {
    const record = `${namespaceOf(facts.layout.topic)}.${isFlat(facts) ? 'Value' : 'Envelope'}`;
    return this.#register({ topic, part, record }, (latest) => valueSchema(facts, latest, this.#registry.decimals));
  }

  async #register(place: Place, make: (latest: string | null) => ProtobufSchema): Promise<Registered> {
    const { head, schema } = await this.#registry.register(place, 'PROTOBUF', make);
    return { head: Buffer.concat([head, FIRST_MESSAGE]), schema };
  }
}
